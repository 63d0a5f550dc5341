/// <reference lib="dom" />
/** The tables at a position, with the changes of the last step. */
import type { RecordedRun } from "@dmalab/recording";
import {
  type RowDiff,
  type RowView,
  tableAt,
  tableSizes,
  type TableView,
} from "@dmalab/recording/views";
import { formatCount } from "@dmalab/lang/text";
import { button, el, keepChildren } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { rowTable, tableRow } from "./table_row.ts";

/** Number of rows of a table that are shown at first. Each request for more rows adds this number. */
const DISPLAYED_ROWS = 60;

/** The drawn elements of a table. The elements of rows that stay the same are used again. */
interface DrawnTable {
  readonly details: HTMLDetailsElement;
  readonly about: HTMLElement;
  readonly body: HTMLElement;
  readonly more: HTMLElement;
  /** Rows by their complete content. */
  rows: ReadonlyMap<string, HTMLElement>;
}

export class StatePane implements Pane {
  readonly #closed = new Set<string>();
  readonly #shown = new Map<string, number>();
  readonly #drawn = new Map<string, DrawnTable>();
  readonly #nothing = el("p", { class: "empty" }, "All tables are empty at this position.");
  readonly #about = el("p", { class: "dim" });
  #run: RecordedRun | null = null;

  draw(model: PageModel, root: HTMLElement): void {
    const { position, run } = model;
    if (this.#run !== run) this.#drawn.clear();
    this.#run = run;
    const changed = model.changed();
    const byTable = Map.groupBy(changed, ({ table }) => table);
    const tables = tableSizes(run, position)
      .filter(({ name, rows }) => rows > 0 || byTable.has(name))
      .map(({ name }) => this.#table(model, name, byTable.get(name) ?? []));
    const { seq } = model.before;
    this.#about.textContent = seq === position.seq
      ? "Step to see what an event changes."
      : changed.length === 0
      ? `Event ${seq} to ${position.seq}: no table changed.`
      : `Event ${seq} to ${position.seq}: ${formatCount(changed.length, "row")} changed.`;
    keepChildren(root, [this.#about, ...tables.length > 0 ? tables : [this.#nothing]]);
  }

  #table(model: PageModel, name: string, changed: readonly RowDiff[]): HTMLElement {
    const shown = this.#shown.get(name) ?? DISPLAYED_ROWS;
    const table = tableAt(model.run, name, model.position, { first: 0, count: shown });
    const drawn = this.#drawn.get(name) ?? this.#newTable(model, table);
    const marks = new Map(changed.map((row) => [row.row, row]));
    const gone = changed.filter(({ mark }) => mark === "-");
    const rows = new Map<string, HTMLElement>();
    for (const row of [...gone, ...table.rows]) {
      const marked = marks.get(row.row) ?? null;
      const was = marked?.was?.map(({ text }) => text).join("\n") ?? "";
      const key = `${row.row} ${marked?.mark ?? ""} ${was}`;
      rows.set(key, drawn.rows.get(key) ?? this.#row(model, row, marked));
    }
    drawn.rows = rows;
    keepChildren(drawn.body, [...rows.values()]);
    const withMark = (mark: RowDiff["mark"]) => changed.filter((row) => row.mark === mark).length;
    const words = ([["+", "new"], ["-", "gone"], ["~", "changed"]] as const)
      .map(([mark, word]) => withMark(mark) === 0 ? "" : `, ${withMark(mark)} ${word}`).join("");
    drawn.about.textContent = ` ${formatCount(table.count, "row")}${words}`;
    drawn.more.hidden = table.count <= shown;
    drawn.more.textContent = `${table.count - shown} more rows`;
    return drawn.details;
  }

  #newTable({ redraw }: PageModel, { columns, doc, name }: TableView): DrawnTable {
    const about = el("span", { class: "dim" });
    const body = el("tbody");
    const more = button({}, () => {
      this.#shown.set(name, (this.#shown.get(name) ?? DISPLAYED_ROWS) + 10 * DISPLAYED_ROWS);
      redraw();
    });
    const details = el(
      "details",
      {},
      el("summary", {}, el("b", {}, name), about),
      el("p", { class: "dim" }, doc),
      el("div", { class: "wide" }, rowTable(columns, body)),
      more,
    );
    details.open = !this.#closed.has(name);
    details.addEventListener("toggle", () => {
      if (details.open) this.#closed.delete(name);
      else this.#closed.add(name);
    });
    const drawn = { details, about, body, more, rows: new Map() };
    this.#drawn.set(name, drawn);
    return drawn;
  }

  #row(model: PageModel, row: RowView, marked: RowDiff | null): HTMLElement {
    const { createdSeq, endedSeq } = row;
    const seq = marked?.mark === "-" ? endedSeq ?? createdSeq : createdSeq;
    const title = createdSeq === 0 ? "Present when the machine was ready" : `Go to event ${seq}`;
    return tableRow(model, row, marked, { item: `row ${row.row} ${createdSeq}`, seq, title });
  }
}
