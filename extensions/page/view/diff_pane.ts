/// <reference lib="dom" />
/**
 * Differences between two positions of a run, between two runs of the file, and between the blocks
 * of a `compare`, a `fork` or a `race`. The events of both sides are shown beside each other.
 */
import { formatEventText } from "@dmalab/lang/render";
import {
  firstDifferentEvent,
  type Position,
  type RecordedRun,
  type RunPosition,
} from "@dmalab/recording";
import { formatCount } from "@dmalab/lang/text";
import { alignEvents, changedRows, type RowDiff } from "@dmalab/recording/views";
import { button, el, fillSelect, table } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { eventSelection } from "./selection.ts";
import { rowTable, tableRow } from "./table_row.ts";

/**
 * Largest number of a table's rows that are shown; `MAX_EVENTS`: largest number of events that are
 * shown; `EVENTS_BEFORE`: number of shown events before the first difference.
 */
const MAX_ROWS = 60;
const MAX_EVENTS = 200;
const EVENTS_BEFORE = 3;

/** The key of the run that was opened. */
const OWN = "own";

/** Whether blocks of the run ran on machines of their own. */
export function hasBlocks({ code }: RecordedRun): boolean {
  return code.statements.some(({ forkKeyword }) => forkKeyword !== undefined);
}

/** A run that can be chosen as one of the two sides of the comparison. */
interface Choice {
  readonly title: string;
  /** Null until it is recorded. */
  readonly run: RecordedRun | null;
  readonly key: string;
}

/** One of the two sides of a comparison: a run, and an event of that run. */
interface Operand {
  key: string;
  /**
   * The number of the event; null for the default. The default is the previous or current position
   * of the shown run, or the end of any other run.
   */
  seq: number | null;
}

export class DiffPane implements Pane {
  #opened: RecordedRun | null = null;
  #one: Operand = { key: OWN, seq: null };
  #other: Operand = { key: OWN, seq: null };
  /** Requested runs by their keys; null while they are being recorded. */
  readonly #known = new Map<string, RecordedRun | null>();
  /** The titles of the blocks that ran on separate machines, once they are recorded. */
  #titles: readonly string[] = [];

  draw(model: PageModel, root: HTMLElement): void {
    const { run } = model;
    // If the shown run is not one of the known runs, a new run was opened.
    if (this.#keyOf(run) === null) {
      this.#opened = run;
      this.#known.clear();
      this.#known.set(OWN, run);
      this.#titles = [];
      this.#takeSides(run);
      this.#askForSides(model);
    }
    const choices = this.#choices(model);
    const one = this.#chosen(model, this.#one, choices);
    const other = this.#chosen(model, this.#other, choices);
    const from = this.#positionOf(model, this.#one, one, true);
    const to = this.#positionOf(model, this.#other, other, false);
    root.replaceChildren(
      this.#tools(model, choices, "From", this.#one, from),
      this.#tools(model, choices, "To", this.#other, to),
      ...one === null || other === null
        ? [el("p", {}, "The run is being recorded …")]
        : this.#differences(
          model,
          { recording: one, position: from },
          { recording: other, position: to },
        ),
    );
  }

  #keyOf(run: RecordedRun): string | null {
    return [...this.#known].find(([, known]) => known === run)?.[0] ?? null;
  }

  /** Requests the recording of blocks that ran on separate machines, when the pane is first shown. */
  #askForSides({ redraw, run, runs }: PageModel): void {
    if (run.childRuns.length > 0 || !hasBlocks(run)) return;
    void runs.open(runs.shown).then((whole) => {
      if (this.#opened !== run) return;
      this.#takeSides(whole);
      redraw();
    });
  }

  /** Takes the blocks as choices; the first two are compared at first. */
  #takeSides({ childRuns }: RecordedRun): void {
    childRuns.forEach((child, index) => this.#known.set(`side ${index}`, child.open()));
    this.#titles = childRuns.map(({ label, word }) => `${word}: ${label}`);
    const sides = [this.#one, this.#other];
    if (childRuns.length > 1 && sides.every(({ key, seq }) => key === OWN && seq === null)) {
      sides.forEach((side, index) => side.key = `side ${index}`);
    }
  }

  #choices({ runs }: PageModel): readonly Choice[] {
    return [
      { key: OWN, title: "this run" },
      ...this.#titles.map((title, index) => ({ key: `side ${index}`, title })),
      ...runs.runs.flatMap(({ title }, index) =>
        index === runs.shown ? [] : [{ key: `run ${index}`, title: `${index + 1}: ${title}` }]
      ),
    ].map((each) => ({ ...each, run: this.#known.get(each.key) ?? null }));
  }

  /** The run of a choice; requests it if it is missing. */
  #chosen({ redraw, runs }: PageModel, operand: Operand, choices: readonly Choice[]) {
    const opened = this.#opened!;
    const choice = choices.find(({ key }) => key === operand.key);
    if (choice === undefined) {
      operand.key = OWN;
      return opened;
    }
    const { key } = choice;
    if (choice.run !== null || this.#known.has(key)) return choice.run;
    this.#known.set(key, null);
    void runs.open(Number(key.slice("run ".length))).then((other) => {
      if (this.#opened !== opened) return;
      this.#known.set(key, other);
      redraw();
    });
    return null;
  }

  /**
   * The position of the chosen event. Without a chosen event, it is the previous or current
   * position of the shown run, or the end of any other run. A run that was just opened has no previous position; it is
   * compared with its start.
   */
  #positionOf(
    { position, before, run }: PageModel,
    { seq }: Operand,
    chosen: RecordedRun | null,
    isFirst: boolean,
  ): Position {
    if (chosen === null) return position;
    if (seq !== null) return chosen.afterEvent(Math.min(seq, chosen.log.count));
    if (chosen !== run) return chosen.last;
    const start = before.seq === position.seq ? run.afterEvent(0) : before;
    return isFirst ? start : position;
  }

  #tools(
    { position, redraw, run }: PageModel,
    choices: readonly Choice[],
    name: string,
    operand: Operand,
    { seq }: Position,
  ): HTMLElement {
    const id = `diff-${name.toLowerCase()}`;
    const select = el("select", { id });
    fillSelect(select, choices.map(({ key, title }) => ({ value: key, title })), operand.key);
    const number = el("input", { id: `${id}-event`, type: "number", min: 0, value: seq });
    const change = (id: string, act: () => void) => () => {
      act();
      redraw();
      document.getElementById(id)?.focus();
    };
    select.addEventListener(
      "change",
      change(id, () => Object.assign(operand, { key: select.value, seq: null })),
    );
    number.addEventListener(
      "change",
      change(number.id, () => {
        const wanted = Math.trunc(Number(number.value));
        operand.seq = number.value === "" || !(wanted >= 0) ? null : wanted;
      }),
    );
    const here = button(
      { id: `${id}-here`, class: "boxed", "aria-label": `${name}: keep this event` },
      change(
        `${id}-here`,
        () => Object.assign(operand, { key: this.#keyOf(run)!, seq: position.seq }),
      ),
      "Keep this event",
    );
    return el(
      "p",
      { class: "tools" },
      el("label", {}, `${name} `, select),
      " ",
      el("label", {}, "after event ", number),
      " ",
      here,
    );
  }

  #differences(model: PageModel, from: RunPosition, to: RunPosition): HTMLElement[] {
    const [one, other] = [from.recording, to.recording];
    const event = one === other ? null : firstDifferentEvent(one, other);
    const events = one === other ? [] : [
      el(
        "h2",
        {},
        event === null ? "All events are the same" : `Event ${event} is the first that differs`,
      ),
      ...event === null ? [] : [this.#events(model, one, other, event)],
    ];
    const tables = [...Map.groupBy(changedRows(from, to), ({ table }) => table)]
      .map(([name, rows]) => this.#table(model, other, name, rows));
    return [
      ...events,
      el("h2", {}, tables.length === 0 ? "No table differs between the two" : "Tables"),
      ...tables,
    ];
  }

  #events(model: PageModel, one: RecordedRun, other: RecordedRun, first: number): HTMLElement {
    const from = Math.max(1, first - EVENTS_BEFORE);
    const rows = alignEvents(one, other, from, MAX_EVENTS).map((row) =>
      el(
        "tr",
        {},
        el("td", { class: "mark" }, row.isSame ? "" : "≠"),
        this.#event(model, one, row.one),
        this.#event(model, other, row.other),
      )
    );
    const body = el("tbody", {}, ...rows);
    return el("div", { class: "beside" }, table(["", "from", "to"], body));
  }

  #event({ goTo, run, selections }: PageModel, of: RecordedRun, seq: number | null): HTMLElement {
    if (seq === null) return el("td", {});
    const text = `${seq} ${formatEventText(of.event(seq))}`;
    const item = `differs ${this.#keyOf(of)} ${seq}`;
    const shown = button({ class: "item", "data-item": item }, () => goTo(seq, of), text);
    // Another run's event numbers differ, but its addresses and lines are comparable.
    selections.set(shown, { ...eventSelection(of, seq), ...of === run ? {} : { seq: null } });
    return el("td", {}, shown);
  }

  #table(
    model: PageModel,
    other: RecordedRun,
    name: string,
    rows: readonly RowDiff[],
  ): HTMLElement {
    const columns = rows[0]!.cells.map(({ name }) => name);
    const body = rows.slice(0, MAX_ROWS).map((row) => this.#row(model, other, row));
    const left = rows.length - MAX_ROWS;
    return el(
      "details",
      { open: "" },
      el(
        "summary",
        {},
        el("b", {}, name),
        ` ${formatCount(rows.length, "row differs", "rows differ")}`,
      ),
      el(
        "div",
        { class: "wide", tabindex: 0, role: "region", "aria-label": name },
        rowTable(columns, el("tbody", {}, ...body)),
      ),
      ...left > 0 ? [el("p", { class: "dim" }, `and ${left} more`)] : [],
    );
  }

  #row(model: PageModel, other: RecordedRun, row: RowDiff): HTMLElement {
    const { cells, createdSeq: seq, mark } = row;
    const of = (mark === "-" ? this.#known.get(this.#one.key) : null) ?? other;
    return tableRow(model, row, row, {
      item: `different ${mark} ${seq} ${cells[0]?.text}`,
      of,
      seq,
    });
  }
}
