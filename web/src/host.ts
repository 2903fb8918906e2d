/** Whether the extension of an editor shows the page: it asks the hub for it, with a token of its own. */
export const inEditor = document.documentElement.dataset.host === "editor";

/** The product's mark; its address is that of the build, wherever that is shown. */
export { default as mark } from "/icon.svg";
