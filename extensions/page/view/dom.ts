/// <reference lib="dom" />
/**
 * Creates elements of the pages. Text is always a text node, so that text written by a stranger is
 * never interpreted as markup.
 */
import { type Drawing, svgText } from "@dmalab/recording/views";

type Attributes = Readonly<Record<string, string | number | null>>;

/** An element with attributes and children; attributes that are null are left out. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  setAll(element, attributes);
  element.append(...children);
  return element;
}

export function button(
  attributes: Attributes,
  act: () => void,
  ...children: readonly (Node | string)[]
): HTMLButtonElement {
  const element = el("button", attributes, ...children);
  element.addEventListener("click", act);
  return element;
}

export function table(
  heads: readonly string[],
  body: HTMLElement,
  attributes: Attributes = {},
): HTMLElement {
  const cells = heads.map((head) => el("th", { scope: "col" }, head));
  return el("table", attributes, el("thead", {}, el("tr", {}, ...cells)), body);
}

/** The element with this id in `page.html`. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element "${id}"`);
  return element as T;
}

/** Fills a select element; choices of a group must be adjacent. */
export function fillSelect(
  select: HTMLSelectElement,
  choices: readonly { readonly value: string; readonly title: string; readonly group?: string }[],
  chosen: string | null,
): void {
  select.replaceChildren();
  for (const [label, own] of Map.groupBy(choices, ({ group }) => group)) {
    const options = own.map(({ title, value }) =>
      new Option(title, value, false, value === chosen)
    );
    select.append(...label === undefined ? options : [el("optgroup", { label }, ...options)]);
  }
}

/** Shows the list from which the user chooses one of the page's files, if there are several. */
export function offerFiles(names: readonly string[], chosen: string): void {
  fillSelect(byId("file"), names.map((name) => ({ value: name, title: name })), chosen);
  byId("file-choice").hidden = names.length < 2;
}

/** Like `el`, for SVG. */
function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAll(element, attributes);
  element.append(...children);
  return element;
}

/**
 * Sets an element's children. Children that it already has are kept, so that the browser does not
 * lay them out again.
 */
export function keepChildren(parent: Element, children: readonly Element[]): void {
  const kept = new Set<Element>(children);
  for (const each of [...parent.children]) {
    if (!kept.has(each)) each.remove();
  }
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = child.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

function setAll(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, String(value));
  }
}

/** A drawing as an element; shapes that are linked to an event get its number. */
export function drawn({ height, name, shapes, width }: Drawing): SVGSVGElement {
  const root = svg("svg", {
    class: "drawing",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": name,
  });
  root.append(...shapes.map(({ at, look, part = null, seq = null, tag, text = "", tip }) => {
    const shape = svg(tag, { class: look, "data-seq": seq, "data-part": part }, text);
    setAll(shape, at);
    if (tip !== undefined) shape.append(svg("title", {}, tip));
    return shape;
  }));
  return root;
}

export function saveDrawing(drawing: Drawing, name: string): void {
  save(`${name}.svg`, svgText(drawing), "image/svg+xml");
}

export function save(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
