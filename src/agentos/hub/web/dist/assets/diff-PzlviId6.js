import{j as f,v as d}from"./index-BVGLHyf0.js";function u({text:t,label:i}){const a=t.split(`
`).filter((s,r,n)=>r<n.length-1||s!=="");let e=!1;return f.jsx("pre",{className:"diff",role:"group",tabIndex:0,"aria-label":i,children:a.map((s,r)=>(e||=s.startsWith("@@"),f.jsxs("span",{className:`diff-line ${l(s,e)}`,children:[d(s),`
`]},r)))})}function l(t,i){return i?t.startsWith("@@")?"diff-at":t.startsWith("+")?"diff-new":t.startsWith("-")?"diff-old":"":"diff-head"}export{u as D};
