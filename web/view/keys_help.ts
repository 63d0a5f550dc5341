/// <reference lib="dom" />
/** The keys, as a window of the page. */
import { byId } from "../page/dom.ts";
import { el } from "./dom.ts";

const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["← →", "one event back, forward"],
  ["↑ ↓", "one statement back, forward; in a list the entry before, behind"],
  [
    "c, shift+c",
    "to the next stop, to the one before: faults, reports, failures, lines with a stop",
  ],
  ["b", "a stop on the line of this statement; in the source a click on its number"],
  ["Home, End", "to the start, to the end of the run"],
  ["Enter", "on an entry: to the event that made it"],
  ["u", "back to where Enter led away from"],
  ["1 to 4", "a view: picture, events, state, why"],
  ["ctrl+Enter", "in the editor: to the next time that this line runs"],
  ["Enter, shift+Enter", "in the filter of events: to the next one, to the one before"],
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
    el("h2", {}, "Keys, outside of text that is edited"),
    el("table", {}, el("tbody", {}, ...rows)),
    close,
  );
  dialog.showModal();
}
