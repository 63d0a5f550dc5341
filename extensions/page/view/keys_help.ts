/// <reference lib="dom" />
/** The keys, as a window of the page. */
import { byId } from "../page/dom.ts";
import { el } from "./dom.ts";

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["← →", "one event back, forward"],
  ["↑ ↓", "one statement back, forward; in a list, previous and next entry"],
  [
    "c, shift+c",
    "next stop, previous stop: faults, reports, failures, marked lines",
  ],
  ["b", "set or clear a stop on the line of this statement; or click its number"],
  ["Home, End", "start, end of the run"],
  ["Enter", "on an entry: go to the event that created it"],
  ["u", "go back to the position before Enter"],
  ["1, 2, …", "select a view, in the order of their tabs"],
  ["+, -, 0", "timeline: zoom in, zoom out, the whole run"],
  ["/", "filter the events"],
  ["t", "dark or light"],
  ["ctrl+Enter", "in the editor: go to the next run of this line"],
  ["Enter, shift+Enter", "in the filter of events: next, previous match"],
  ["?", "this list"],
];

export function showKeys(): void {
  const dialog = byId<HTMLDialogElement>("keys");
  const close = el("button", {}, "Close");
  close.addEventListener("click", () => dialog.close());
  const rows = KEYS.map(([keys, what]) =>
    el("tr", {}, el("th", { scope: "row" }, keys), el("td", {}, what))
  );
  dialog.replaceChildren(
    el("h2", {}, "Keys (outside the editor)"),
    el("table", {}, el("tbody", {}, ...rows)),
    close,
  );
  dialog.showModal();
}
