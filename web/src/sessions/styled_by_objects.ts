/**
 * Lets xterm style its elements under a policy that allows no style in the page.
 *
 * Scripts may give a document whole style sheets, and set an element's style through its object. xterm
 * writes style elements and style attributes instead; of elements that are made from now on, these
 * go where they may. (xterm's `documentOverride` does not reach all of its elements.)
 */
export function styleByObjects(target: Document): void {
  if (Object.hasOwn(target, "createElement")) return;
  target.createElement = (tag: string, options?: ElementCreationOptions) => {
    if (tag === "style") return adopted(target);
    const element = Document.prototype.createElement.call(target, tag, options) as HTMLElement;
    if (tag === "span") element.setAttribute = setAttribute;
    return element;
  };
}

function setAttribute(this: HTMLElement, name: string, value: string): void {
  if (name === "style") this.style.cssText = value;
  else Element.prototype.setAttribute.call(this, name, value);
}

/** An element that stands for a style sheet of the document while it is in it. */
function adopted(target: Document): HTMLElement {
  const element = Document.prototype.createElement.call(target, "template") as HTMLElement;
  const sheet = new CSSStyleSheet();
  target.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", { set: (rules: string) => sheet.replaceSync(rules) });
  element.remove = () => {
    target.adoptedStyleSheets = target.adoptedStyleSheets.filter((one) => one !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}
