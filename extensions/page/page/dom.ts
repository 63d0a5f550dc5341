/// <reference lib="dom" />
/** Elements of the page. Text is always a text node: what a stranger wrote is never markup. */

/** The element of the page with an id, which `page.html` has. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`The page has no element "${id}"`);
  return element as T;
}

/** Fills a list of choices; groups by what stands before the last slash of a title. */
export function fillSelect(
  select: HTMLSelectElement,
  choices: readonly { readonly value: string; readonly title: string; readonly group?: string }[],
  chosen: string | null,
): void {
  const groups = new Map<string, HTMLOptGroupElement>();
  select.replaceChildren();
  for (const { group, title, value } of choices) {
    const option = new Option(title, value, false, value === chosen);
    if (group === undefined) select.append(option);
    else {
      let own = groups.get(group);
      if (own === undefined) {
        own = document.createElement("optgroup");
        own.label = group;
        groups.set(group, own);
        select.append(own);
      }
      own.append(option);
    }
  }
}
