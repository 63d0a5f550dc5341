/// <reference lib="dom" />
/** The events of a run, with a filter. Only those that are seen are elements. */
import { eventView } from "@dmalab/recording/views";
import { formatEventText } from "@dmalab/lang/render";
import type { RecordedRun } from "@dmalab/recording";
import { el, keepChildren } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { eventSelection } from "./selection.ts";

/** Height of a row, as in the style sheet. */
const ROW_PX = 22;
/** Rows that are drawn beyond what is seen. */
const MARGIN_ROWS = 4;
/** How long a filter may take before the page answers again. */
const SLICE_MS = 15;

/** The rows that are drawn, by all that they say. */
interface EventRows {
  readonly run: RecordedRun | null;
  /** Which of them is the uppermost. */
  readonly first: number;
  readonly rows: Map<string, HTMLElement>;
}

export class EventsPane implements Pane {
  readonly id = "events";
  readonly title = "Events";
  readonly #filter = el("input", {
    type: "search",
    id: "events-filter",
    placeholder: "name, device, req 2, address …",
  });
  readonly #count = el("span", { class: "dim" });
  readonly #inner = el("div", { class: "rows", role: "list", "aria-label": "Events" });
  readonly #scroller = el("div", { class: "scroller" }, this.#inner);
  #moment: PageModel | null = null;
  #rows: EventRows = { run: null, first: 0, rows: new Map() };
  /** The run that the filter has been applied to, and what it let through; null for all events. */
  #filtered:
    | { readonly run: RecordedRun; readonly query: string; readonly found: number[] }
    | null = null;
  #texts: EventTexts | null = null;
  #slice: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.#filter.addEventListener("input", () => this.#search());
    this.#filter.addEventListener("keydown", ({ key, shiftKey }) => {
      if (key === "Enter") this.#next(shiftKey ? -1 : 1);
    });
    this.#scroller.addEventListener("scroll", () => this.#window(true));
  }

  draw(model: PageModel, root: HTMLElement): void {
    const isNew = this.#moment?.run !== model.run;
    this.#moment = model;
    if (this.#scroller.parentElement !== root) {
      const label = el("label", {}, "Filter ", this.#filter);
      root.replaceChildren(el("p", { class: "tools" }, label, " ", this.#count), this.#scroller);
    }
    this.#textsOf(model.run);
    if (isNew && this.#filter.value !== "") return this.#search();
    this.#show();
    this.#reveal();
  }

  /** Goes to the next event that the filter lets through. */
  #next(way: 1 | -1): void {
    const model = this.#moment;
    if (model === null) return;
    const { position: { seq }, goTo } = model;
    const seqs = this.#seqs();
    const found = way === 1 ? seqs.find((each) => each > seq) : seqs.findLast((each) => each < seq);
    if (found !== undefined) goTo(found);
  }

  #seqs(): readonly number[] {
    const model = this.#moment;
    if (model === null) return [];
    if (this.#filtered !== null) return this.#filtered.found;
    return Array.from({ length: model.run.log.count }, (_, index) => index + 1);
  }

  #textsOf(run: RecordedRun): EventTexts {
    if (this.#texts?.run === run) return this.#texts;
    this.#texts?.stop();
    return this.#texts = new EventTexts(run);
  }

  get #length(): number {
    return this.#filtered?.found.length ?? this.#moment?.run.log.count ?? 0;
  }

  #seqAt(row: number): number {
    return this.#filtered === null ? row + 1 : this.#filtered.found[row]!;
  }

  /** The row of the last event up to a number. */
  #rowOf(seq: number): number {
    return this.#filtered === null
      ? seq - 1
      : this.#filtered.found.findLastIndex((each) => each <= seq);
  }

  #search(): void {
    clearTimeout(this.#slice);
    const model = this.#moment;
    const query = this.#filter.value.trim().toLowerCase();
    if (model === null || query === "") {
      this.#filtered = null;
      this.#show();
      return this.#reveal();
    }
    const { run } = model;
    const matches = matcher(this.#textsOf(run), query);
    const found: number[] = [];
    this.#filtered = { run, query, found };
    let seq = 1;
    const go = () => {
      const end = performance.now() + SLICE_MS;
      while (seq <= run.log.count && performance.now() < end) {
        const last = Math.min(run.log.count, seq + 99);
        for (; seq <= last; seq++) {
          if (matches(seq)) found.push(seq);
        }
      }
      const isOver = seq > run.log.count;
      this.#show(isOver);
      if (isOver) return this.#reveal();
      this.#window();
      this.#slice = setTimeout(go);
    };
    go();
  }

  /** @param isOver Every event has been held against the filter. */
  #show(isOver = true): void {
    const { count } = this.#moment!.run.log;
    const isAll = this.#filtered === null;
    const words = isAll
      ? `${count} events`
      : `${this.#length} of ${count} events${isOver ? "" : " …"}`;
    if (this.#count.textContent !== words) this.#count.textContent = words;
    this.#inner.style.height = `${this.#length * ROW_PX}px`;
  }

  /** Scrolls to where one is, and draws what is seen there. */
  #reveal(): void {
    const top = this.#rowOf(this.#moment!.position.seq) * ROW_PX;
    const { clientHeight, scrollTop } = this.#scroller;
    if (top < scrollTop + ROW_PX || top > scrollTop + clientHeight - 2 * ROW_PX) {
      this.#scroller.scrollTop = Math.max(0, top - clientHeight / 2);
    }
    this.#window();
  }

  /** @param isScrolled Nothing else is new. */
  #window(isScrolled = false): void {
    const model = this.#moment;
    if (model === null) return;
    const { clientHeight, scrollTop } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - MARGIN_ROWS);
    const seen = Math.ceil(Math.max(clientHeight, 400) / ROW_PX) + 2 * MARGIN_ROWS;
    const last = Math.min(this.#length, first + seen);
    const before = this.#rows;
    if (isScrolled && before.first === first) return;
    const rows: HTMLElement[] = [];
    this.#rows = { run: model.run, first, rows: new Map() };
    const { run } = model;
    // A filtered list leaves calls out: it has no depth.
    const isWhole = this.#filtered === null;
    let depth = isWhole ? run.kernelFrames(run.afterEvent(first)).length : 0;
    for (let row = first; row < last; row++) {
      const name = isWhole ? run.eventNameAt(row + 1) : "";
      rows.push(this.#known(model, row, depth, before));
      if (name.startsWith("call.")) depth++;
      else if (name.startsWith("ret.")) depth = Math.max(0, depth - 1);
    }
    keepChildren(this.#inner, rows);
  }

  /** The row as it was drawn before, where it is the same. */
  #known(model: PageModel, row: number, depth: number, before: EventRows): HTMLElement {
    const { position, before: { seq: from }, run } = model;
    const seq = this.#seqAt(row);
    const place = seq > position.seq
      ? "later"
      : seq === position.seq
      ? "here"
      : seq > from
      ? "new"
      : "past";
    const key = `${seq} ${row} ${depth} ${place} ${this.#length}`;
    const known = before.run === run ? before.rows.get(key) : undefined;
    const element = known ?? this.#row(model, row, depth);
    this.#rows.rows.set(key, element);
    return element;
  }

  #row(
    { position, before, goTo, run, selections }: PageModel,
    row: number,
    depth: number,
  ): HTMLElement {
    const seq = this.#seqAt(row);
    const { device, isDecision, parts, request } = eventView(run, seq);
    const isNew = seq <= position.seq && seq > before.seq;
    const mark = seq === position.seq ? "▶" : isNew ? "+" : "";
    const about = [device ?? "", request === null ? "" : `#${request}`].join(" ").trim();
    const button = el(
      "button",
      {
        class: seq > position.seq ? "item later" : "item",
        "data-item": `event ${seq}`,
        "aria-current": seq === position.seq ? "step" : null,
      },
      el("span", { class: "mark" }, mark),
      el("span", { class: "seq" }, `${seq}`),
      el("span", { class: "about" }, about),
      el(
        "span",
        {},
        "  ".repeat(depth),
        ...parts.map(({ kind, text }) => kind === null ? text : el("span", { class: kind }, text)),
        ...isDecision ? [el("small", {}, " why")] : [],
      ),
    );
    button.addEventListener("click", () => goTo(seq));
    const item = el("div", {
      role: "listitem",
      class: "row",
      "aria-setsize": this.#length,
      "aria-posinset": row + 1,
    }, button);
    item.style.top = `${row * ROW_PX}px`;
    selections.set(button, eventSelection(run, seq));
    return item;
  }
}

/** The texts of a run's events, which take a second to make of a hundred thousand: made while nothing else is to do. */
class EventTexts {
  readonly #texts: string[] = [];
  #next = 1;
  /** A run that the next key replaces needs none. */
  #timer = setTimeout(() => this.#makeSome(), TEXTS_AFTER_MS);

  constructor(readonly run: RecordedRun) {}

  /** Makes no more of them. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The device, the name and the fields of an event, in lower case. */
  of(seq: number): string {
    const known = this.#texts[seq];
    if (known !== undefined) return known;
    const event = this.run.event(seq);
    return this.#texts[seq] = `${event.device ?? ""} ${event.name} ${formatEventText(event)}`
      .toLowerCase();
  }

  #makeSome(): void {
    const { count } = this.run.log;
    if (count > MAX_TEXTS) return;
    const end = performance.now() + SLICE_MS;
    while (this.#next <= count && performance.now() < end) this.of(this.#next++);
    if (this.#next <= count) this.#timer = setTimeout(() => this.#makeSome(), SLICE_MS);
  }
}

/** How long a run is shown before its texts are made. */
const TEXTS_AFTER_MS = 500;
/** Events whose texts are kept: some 100 bytes each. */
const MAX_TEXTS = 300_000;

/** Whether an event has every word of a query in its name, its device, its request or its text. */
function matcher(texts: EventTexts, query: string): (seq: number) => boolean {
  const request = query.match(/\breq(?:uest)?\s*#?(\d+)/);
  const wanted = request === null ? null : Number(request[1]);
  const words = query.replace(/\breq(?:uest)?\s*#?\d+/, "").split(/\s+/)
    .filter((each) => each !== "");
  return (seq) => {
    if (wanted !== null && texts.run.log.requestAt(seq) !== wanted) return false;
    const text = texts.of(seq);
    return words.every((word) => text.includes(word));
  };
}
