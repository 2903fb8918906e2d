/**
 * A document whose elements can be styled as xterm does it, under a policy that allows no style in
 * the page.
 *
 * A script may give a document whole style sheets, and set an element's style by its object: what is
 * written into a style element or a style attribute goes there instead.
 */
export function withAdoptedStyles(real: Document): Document {
  return new Proxy(real, {
    get(target, name) {
      if (name === "createElement") return (tag: string) => (tag === "style" ? adopted(target) : styled(target.createElement(tag)));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function styled(element: HTMLElement): HTMLElement {
  element.setAttribute = (name, value) => {
    if (name === "style") element.style.cssText = value;
    else HTMLElement.prototype.setAttribute.call(element, name, value);
  };
  return element;
}

function adopted(target: Document): HTMLStyleElement {
  const element = target.createElement("style");
  const sheet = new CSSStyleSheet();
  let text = "";
  target.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", {
    get: () => text,
    set: (rules: string) => {
      text = rules;
      sheet.replaceSync(rules);
    },
  });
  element.remove = () => {
    target.adoptedStyleSheets = target.adoptedStyleSheets.filter((one) => one !== sheet);
    HTMLStyleElement.prototype.remove.call(element);
  };
  return element;
}
