/// <reference lib="dom" />
/** The tables at a moment, with what the last move changed. */
import {
  changedRows,
  type MarkedRow,
  markedRows,
  type RowView,
  tableAt,
  tableSizes,
} from "../../lang/views/tables.ts";
import { el } from "./dom.ts";
import { CHANGE_WORDS, type Moment, type Pane } from "./moment.ts";
import { spansOf } from "./things.ts";

/** Rows of a table that are shown at first, and that each further wish adds. */
const SHOWN_ROWS = 60;

export class StatePane implements Pane {
  readonly id = "state";
  readonly title = "State";
  readonly #closed = new Set<string>();
  readonly #shown = new Map<string, number>();

  draw(moment: Moment, root: HTMLElement): void {
    const { at, before, run } = moment;
    const changed = markedRows(run, changedRows(run, before, at));
    const byTable = Map.groupBy(changed, ({ table }) => table);
    const tables = tableSizes(run, at)
      .filter(({ name, rows }) => rows > 0 || byTable.has(name))
      .map(({ name, rows }) => this.#table(moment, name, rows, byTable.get(name) ?? []));
    root.replaceChildren(
      ...tables.length > 0 ? tables : [el("p", {}, "No table has a row at this moment.")],
    );
  }

  #table(moment: Moment, name: string, count: number, changed: readonly MarkedRow[]): HTMLElement {
    const shown = this.#shown.get(name) ?? SHOWN_ROWS;
    const { columns, doc, rows } = tableAt(moment.run, name, moment.at, { first: 0, count: shown });
    const marks = new Map(changed.map((row) => [row.row, row]));
    const gone = changed.filter(({ mark }) => mark === "-");
    const all = [...gone, ...rows];
    const body = all.map((row) => this.#row(moment, row, marks.get(row.row) ?? null));
    const heads = ["", "since", ...columns].map((head) => el("th", { scope: "col" }, head));
    const words = changed.length === 0 ? "" : `, ${changed.length} changed`;
    const details = el(
      "details",
      {},
      el("summary", {}, el("b", {}, name), el("span", { class: "dim" }, ` ${count} rows${words}`)),
      el("p", { class: "dim" }, doc),
      el(
        "div",
        { class: "wide" },
        el("table", {}, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body)),
      ),
    );
    details.open = !this.#closed.has(name);
    details.addEventListener("toggle", () => {
      if (details.open) this.#closed.delete(name);
      else this.#closed.add(name);
    });
    if (count > shown) {
      const more = el("button", {}, `${count - shown} more rows`);
      more.addEventListener("click", () => {
        this.#shown.set(name, shown + 10 * SHOWN_ROWS);
        moment.redraw();
      });
      details.append(more);
    }
    return details;
  }

  #row({ goTo, things }: Moment, row: RowView, marked: MarkedRow | null): HTMLElement {
    const { born, cells, died } = row;
    const mark = marked?.mark ?? "";
    const made = mark === "-" && died !== null ? died : born;
    const button = el(
      "button",
      { class: "item", "data-item": `row ${row.row} ${born}` },
      `#${born}`,
    );
    button.title = born === 0 ? "There when the machine was ready" : `Go to event ${made}`;
    button.addEventListener("click", () => goTo(made));
    const texts = cells.map(({ kind, name, text }) => {
      const was = marked?.was?.find((each) => each.name === name)?.text;
      const cell = el("td", { class: kind }, text);
      if (was !== undefined && was !== text) cell.append(el("small", {}, ` was ${was}`));
      return cell;
    });
    const word = mark === "" ? "" : `${mark} ${CHANGE_WORDS[mark]}`;
    const element = el(
      "tr",
      { class: mark === "-" ? "gone" : null },
      el("td", { class: "mark" }, word),
      el("td", {}, button),
      ...texts,
    );
    things.set(element, { seq: made, spans: spansOf(cells) });
    return element;
  }
}
