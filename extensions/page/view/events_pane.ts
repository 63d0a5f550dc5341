/// <reference lib="dom" />
/** The events of a run, with a filter. Each call is one line. Only visible rows have elements. */
import { countBefore } from "@dmalab/runtime/basics";
import { eventView, meaningAt, MEANINGS, type RunIndex } from "@dmalab/recording/views";
import { formatEventText } from "@dmalab/lang/render";
import { formatCount, groupThousands } from "@dmalab/lang/text";
import type { RecordedRun } from "@dmalab/recording";
import { button, el, keepChildren } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { eventSelection } from "./selection.ts";

/** Height of a row, as in the style sheet. */
const ROW_PX = 20;
/** Number of rows that are drawn above and below the visible ones. */
const MARGIN_ROWS = 4;
/** How long the filter may work before the page handles input again. */
const SLICE_MS = 15;

/** The drawn rows, by their complete content. */
interface EventRows {
  readonly run: RecordedRun | null;
  /** Index of the topmost drawn row. */
  readonly first: number;
  readonly rows: Map<string, HTMLElement>;
}

export class EventsPane implements Pane {
  readonly #filter = el("input", {
    type: "search",
    id: "events-filter",
    placeholder: "name, address, req 2",
    spellcheck: "false",
  });
  readonly #count = el("span", { class: "dim" });
  readonly #inner = el("div", { class: "rows", role: "list", "aria-label": "Events" });
  readonly #scroller = el("div", { class: "scroller" }, this.#inner);
  #moment: PageModel | null = null;
  #rows: EventRows = { run: null, first: 0, rows: new Map() };
  /** The filtered run, the filter's text, and the matching events; null without a filter. */
  #filtered:
    | { readonly run: RecordedRun; readonly query: string; readonly found: number[] }
    | null = null;
  #texts: EventTexts | null = null;
  #slice: ReturnType<typeof setTimeout> | undefined;
  readonly #toggled = new Set<number>();
  /**
   * The rows of the whole run. `key` identifies the calls around the position for which the rows
   * were made.
   */
  #whole: { readonly index: RunIndex; readonly key: string; readonly seqs: Int32Array } | null =
    null;

  constructor() {
    this.#filter.addEventListener("input", () => this.#search());
    this.#filter.addEventListener("keydown", ({ key, shiftKey }) => {
      if (key === "Enter") this.#next(shiftKey ? -1 : 1);
      // The browser clears the field. The page's keys work again outside of it.
      if (key === "Escape") this.#filter.blur();
    });
    this.#scroller.addEventListener("scroll", () => this.#window(true));
    // When elements above or below this pane change their height, the current event is kept
    // visible.
    new ResizeObserver(() => this.#moment !== null && this.#reveal()).observe(this.#scroller);
  }

  draw(model: PageModel, root: HTMLElement): void {
    const isNew = this.#moment?.run !== model.run;
    this.#moment = model;
    if (this.#scroller.parentElement !== root) {
      const label = el("label", {}, "Filter ", this.#filter);
      root.replaceChildren(el("p", { class: "tools" }, label, " ", this.#count), this.#scroller);
    }
    this.#textsOf(model.run);
    if (isNew) {
      this.#toggled.clear();
      this.#filtered = null;
      this.#rows = { run: null, first: 0, rows: new Map() };
      if (this.#filter.value !== "") return this.#search();
    }
    this.#show();
    this.#reveal();
  }

  focusFilter(): void {
    this.#filter.focus();
  }

  /** Goes to the next event that matches the filter. */
  #next(way: 1 | -1): void {
    const model = this.#moment;
    if (model === null) return;
    const { position: { seq }, goTo } = model;
    const seqs = this.#filtered?.found ??
      Array.from({ length: model.run.log.count }, (_, index) => index + 1);
    const found = way === 1 ? seqs.find((each) => each > seq) : seqs.findLast((each) => each < seq);
    if (found !== undefined) goTo(found);
  }

  #textsOf(run: RecordedRun): EventTexts {
    if (this.#texts?.run === run) return this.#texts;
    this.#texts?.stop();
    return this.#texts = new EventTexts(run);
  }

  /**
   * The events that have rows. Calls are collapsed, except the outermost calls and the calls around
   * the position.
   */
  #seqs(): ArrayLike<number> {
    if (this.#filtered !== null) return this.#filtered.found;
    const { index, position: { seq } } = this.#moment!;
    const around = new Set<number>();
    for (let at = seq > 0 ? index.callAround(seq) : null; at !== null; at = index.callAround(at)) {
      around.add(at);
    }
    const key = `${[...around]}/${[...this.#toggled]}`;
    if (this.#whole?.index === index && this.#whole.key === key) return this.#whole.seqs;
    const seqs = index.rows((call) => around.has(call) || this.#isOpen(call));
    this.#whole = { index, key, seqs };
    return seqs;
  }

  #isOpen(call: number): boolean {
    return (this.#moment!.index.depths[call] === 0) !== this.#toggled.has(call);
  }

  /** Index of the row that shows an event, or else of the last row before it. */
  #rowOf(seq: number): number {
    const seqs = this.#seqs();
    const row = countBefore(seqs.length, (index) => seqs[index]! <= seq) - 1;
    // A return shares the row of its call.
    const call = this.#filtered === null ? this.#moment!.index.partners[seq]! : 0;
    return call > 0 && call < seq && seqs[row] !== call ? this.#rowOf(call) : row;
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

  /** @param isOver All events have been checked against the filter. */
  #show(isOver = true): void {
    const { count } = this.#moment!.run.log;
    const words = count === 0
      ? "This run recorded no events"
      : this.#filtered === null
      ? formatCount(count, "event")
      : `${groupThousands(this.#filtered.found.length)} of ${groupThousands(count)}${
        isOver ? "" : " …"
      }`;
    if (this.#count.textContent !== words) this.#count.textContent = words;
    this.#inner.style.height = `${this.#seqs().length * ROW_PX}px`;
  }

  /** Scrolls to the current event, and draws the visible rows. */
  #reveal(): void {
    const top = Math.max(0, this.#rowOf(this.#moment!.position.seq)) * ROW_PX;
    const { clientHeight, scrollTop } = this.#scroller;
    if (top < scrollTop + ROW_PX || top > scrollTop + clientHeight - 2 * ROW_PX) {
      this.#scroller.scrollTop = Math.max(0, top - clientHeight / 2);
    }
    this.#window();
  }

  /** @param isScrolled Only the scroll position has changed. */
  #window(isScrolled = false): void {
    const model = this.#moment;
    if (model === null) return;
    const { clientHeight, scrollTop } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - MARGIN_ROWS);
    const seen = Math.ceil(Math.max(clientHeight, 400) / ROW_PX) + 2 * MARGIN_ROWS;
    const seqs = this.#seqs();
    const last = Math.min(seqs.length, first + seen);
    const before = this.#rows;
    if (isScrolled && before.first === first) return;
    const rows: HTMLElement[] = [];
    this.#rows = { run: model.run, first, rows: new Map() };
    const here = this.#rowOf(model.position.seq);
    for (let row = first; row < last; row++) {
      rows.push(this.#known(model, row, seqs[row]!, row === here, before));
    }
    keepChildren(this.#inner, rows);
  }

  /** The previously drawn row, if it has the same content. */
  #known(
    model: PageModel,
    row: number,
    seq: number,
    isHere: boolean,
    before: EventRows,
  ): HTMLElement {
    const { position, before: { seq: from }, index, run } = model;
    const place = isHere ? "here" : seq > position.seq ? "later" : seq > from ? "new" : "past";
    const next = this.#filtered === null ? this.#seqs()[row + 1] : undefined;
    const isOpen = next === seq + 1 && index.partners[seq]! > next;
    const key = `${seq} ${row} ${place} ${isOpen} ${this.#filtered === null}`;
    const known = before.run === run ? before.rows.get(key) : undefined;
    const element = known ?? this.#row(model, row, seq, place, isOpen);
    this.#rows.rows.set(key, element);
    return element;
  }

  #row(
    { goTo, index, leaked, run, selections }: PageModel,
    row: number,
    seq: number,
    place: string,
    isOpen: boolean,
  ): HTMLElement {
    const { isDecision, name, parts } = eventView(run, seq);
    const partner = this.#filtered === null ? index.partners[seq]! : 0;
    const inside = partner > seq ? partner - seq - 1 : 0;
    const meaning = isDecision && meaningAt(run, seq) === "call" ? "decision" : meaningAt(run, seq);
    const isCall = name.startsWith("call.") || name.startsWith("ret.");
    const valued = parts.map(({ kind, text }) =>
      kind === null ? text : el("span", { class: kind }, text)
    );
    const texts = isCall
      ? [
        el("span", { class: "rest call-text name" }, ...valued),
        ...partner > seq
          ? [el("span", {}, eventView(run, partner).parts.map(({ text }) => text).join(""))]
          : [],
        ...inside > 0 && !isOpen ? [el("span", { class: "dim" }, `+${inside}`)] : [],
      ]
      : [
        el("span", { class: "name" }, name.padEnd(NAME_LETTERS)),
        el("span", { class: "rest" }, ...valued.slice(1)),
      ];
    const said = `#${seq} ${formatEventText(run.event(seq))}`;
    const attributes = {
      class: "item",
      "data-item": `event ${seq}`,
      "aria-current": place === "here" ? "step" : null,
      title: said,
    };
    const shown = button(attributes, () => goTo(seq), ...texts);
    const folds = {
      class: "fold",
      tabindex: -1,
      "aria-expanded": `${isOpen}`,
      "aria-label": `${isOpen ? "Close" : "Open"} ${said}`,
    };
    const sign = inside > 0
      ? button(folds, () => this.#toggle(seq), isOpen ? "▾" : "▸")
      : el("span", { class: "sign", "aria-hidden": "true" }, MEANINGS[meaning].sign);
    const item = el(
      "div",
      {
        role: "listitem",
        class: `row ${place}${leaked.has(seq) ? " leaked" : ""}`,
        "aria-posinset": row + 1,
      },
      el("span", { class: "seq" }, `${seq}`),
      sign,
      shown,
    );
    item.style.top = `${row * ROW_PX}px`;
    const depth = this.#filtered === null ? index.depths[seq]! : 0;
    item.style.setProperty("--depth", `${Math.min(depth, MAX_DEPTH)}`);
    item.style.setProperty("--key", `var(--${meaning})`);
    selections.set(shown, eventSelection(run, seq));
    return item;
  }

  #toggle(call: number): void {
    if (!this.#toggled.delete(call)) this.#toggled.add(call);
    this.#show();
    this.#window();
  }
}

/** Width of the column of names, in characters. */
const NAME_LETTERS = 15;
/** Maximum depth of indentation: a run may nest deeper. */
const MAX_DEPTH = 8;

/**
 * The texts of a run's events. Making the texts of a hundred thousand events takes a second, so they are made while
 * the page is idle.
 */
class EventTexts {
  readonly #texts: string[] = [];
  #next = 1;
  /** Delayed, because a run that the next key press replaces needs no texts. */
  #timer = setTimeout(() => this.#makeSome(), TEXTS_AFTER_MS);

  constructor(readonly run: RecordedRun) {}

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

/** Time between showing a run and making its texts. */
const TEXTS_AFTER_MS = 500;
/** Maximum number of events for which texts are kept: some 100 bytes each. */
const MAX_TEXTS = 300_000;

/**
 * Returns a function that tests whether an event has every word of a query in its name, its device,
 * its request or its text.
 */
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
