/// <reference lib="dom" />
/**
 * Shows a run on the page: the position with its buttons and keys, the panes, and the marks in the
 * source. The playground and the report supply the run, and a source in which lines can be marked.
 */
import {
  atLine,
  comparePositions,
  type Position,
  type RecordedRun,
  RunCursor,
  type RunPosition,
  spanOfEvent,
  START,
  type StepUnit,
} from "@dmalab/recording";
import { runTitle, type TestOutcome } from "@dmalab/lang/run";
import { formatCount, formatDuration, groupThousands } from "@dmalab/lang/text";
import {
  addressPieces,
  addressUses,
  changedRows,
  leaksByStatement,
  lineLocation,
  positionView,
  type RowDiff,
  RunIndex,
  type RunVerdict,
  VERDICT_SIGNS,
  verdictOf,
  verdictTitle,
} from "@dmalab/recording/views";
import type { BenchEntry, SaidVerdict } from "../engine/bench_verdict.ts";
import { BytesPane } from "./bytes_pane.ts";
import { DiffPane } from "./diff_pane.ts";
import { button, byId, drawn, el } from "./dom.ts";
import { EventsPane } from "./events_pane.ts";
import type { FileRuns, PageAction, PageModel, Pane } from "./page_model.ts";
import { PicturePane } from "./picture_pane.ts";
import { StatePane } from "./state_pane.ts";
import { nextStop, openingOf, stopsOf } from "./breakpoints.ts";
import { SelectedPane } from "./selected_pane.ts";
import { type Selection, SelectionMap } from "./selection.ts";
import { TimelinePane } from "./timeline_pane.ts";

/** A message that is shown below a line of the source. */
export interface LineNote {
  /** `file:line`. */
  readonly place: string;
  readonly text: string;
}

export interface SourceView {
  /** Marks lines given as `file:line`; scrolls to the first mark of the current statement. */
  mark(
    marks: readonly { readonly place: string; readonly name: "here" | "marked" | "stop" }[],
  ): void;
  /** Shows at each line how many events the line led to, and failures or leaks. */
  annotate(index: RunIndex, notes: readonly LineNote[]): void;
}

/** Buttons for steps, with their keys. The keys work outside of text fields. */
const STEPS: readonly (readonly [
  id: string,
  keys: string,
  unit: StepUnit | "stop",
  way: "forward" | "back",
])[] = [
  ["back-event", "ArrowLeft", "event", "back"],
  ["next-event", "ArrowRight", "event", "forward"],
  ["back-statement", "ArrowUp", "into", "back"],
  ["next-statement", "ArrowDown", "into", "forward"],
  ["back-stop", "C", "stop", "back"],
  ["next-stop", "c", "stop", "forward"],
  ["foot-back", "", "event", "back"],
  ["foot-next", "", "event", "forward"],
];
/** Buttons for the first and the last position. */
const ENDS = {
  first: "back",
  last: "forward",
  "foot-first": "back",
  "foot-last": "forward",
} as const;

/**
 * A view in the middle of the page. The last tabs are shown only if there is no room beside the
 * middle.
 */
interface Tab {
  readonly id: string;
  readonly title: string;
  readonly pane: Pane | null;
  /**
   * The window width at which the tab is needed. `middle`: if there is no room for events and
   * addresses beside the middle. `narrow`: if there is no room for the source either.
   */
  readonly width: "all" | "middle" | "narrow";
}

export class Viewer {
  readonly #wide = matchMedia("(min-width: 1200px)");
  readonly #narrow = matchMedia("(max-width: 719px)");
  readonly #things = new SelectionMap();
  readonly #timeline = new TimelinePane();
  readonly #events = new EventsPane();
  readonly #selected = new SelectedPane();
  readonly #tabs: readonly Tab[] = [
    { id: "picture", title: "Picture", pane: new PicturePane(), width: "all" },
    { id: "events", title: "Events", pane: null, width: "middle" },
    { id: "state", title: "State", pane: new StatePane(), width: "all" },
    { id: "addresses", title: "Addresses", pane: null, width: "middle" },
    { id: "output", title: "Output", pane: null, width: "all" },
    { id: "bytes", title: "Bytes", pane: new BytesPane(), width: "all" },
    { id: "diff", title: "Differences", pane: new DiffPane(), width: "all" },
    { id: "source", title: "Source", pane: null, width: "narrow" },
    { id: "runs", title: "Runs", pane: null, width: "narrow" },
  ];
  readonly #panels = new Map<string, HTMLElement>();
  #opened: RecordedRun | null = null;
  #index: RunIndex | null = null;
  #verdict: RunVerdict | null = null;
  #leaked: ReadonlySet<number> = new Set();
  #title = "";
  /** The cursor of the shown run: the opened run, or a run it is compared with. */
  #cursor: RunCursor | null = null;
  #before: Position = START;
  /** Positions that were left with the Enter key; `u` returns to the last one. */
  readonly #left: RunPosition[] = [];
  #tab: Tab = this.#tabs[0]!;
  readonly #toOutput: PageAction = {
    title: "Output",
    act: () => void (this.view = "output"),
  };
  /** The verdict on a failed bench, which is shown if no run failed; null if no bench failed. */
  failedBench: SaidVerdict | null = null;
  /** The benches of the file, which are listed after its runs. */
  benches: readonly BenchEntry[] = [];
  readonly #stopLines = new Set<string>();
  #stops: readonly Position[] = [];
  #pointed: Selection | null = null;

  constructor(private readonly source: SourceView, private readonly runs: () => FileRuns) {
    this.#makeTabs();
    this.#listen();
    const again = () => this.#run !== null && this.#draw();
    startSplitters(again);
    this.#wide.addEventListener("change", again);
    this.#narrow.addEventListener("change", again);
  }

  /** The opened run; null before there is one. */
  get run(): RecordedRun | null {
    return this.#opened;
  }

  get position(): Position {
    if (this.#opened === null) return START;
    return this.#run === this.#opened
      ? this.#at
      : this.#left.findLast(({ recording }) => recording === this.#opened)!.position;
  }

  /** The shown run: the opened one, or one it is compared with. */
  get #run(): RecordedRun | null {
    return this.#cursor?.recording ?? null;
  }

  get #at(): Position {
    return this.#cursor?.position ?? START;
  }

  get view(): string {
    return this.#tab.id;
  }

  set view(id: string) {
    const tab = this.#tabs.find((each) => each.id === id);
    if (tab === undefined) return;
    this.#choose(tab);
    if (this.#run !== null) this.#draw();
  }

  /** The title of the page: the name of a file. */
  set title(title: string) {
    this.#title = title;
    byId("title").textContent = title.slice(title.lastIndexOf("/") + 1);
    byId("title").title = title;
  }

  /**
   * Opens a run, at a position or at its default position.
   * @param outcome The runner's result. Null without a runner; omitted while the result is not known yet.
   */
  open(run: RecordedRun, at: Position | null, outcome?: TestOutcome | null): void {
    this.#opened = run;
    this.#left.length = 0;
    this.#cursor = new RunCursor(run);
    this.#show(run);
    document.body.dataset.recorded = "";
    if (outcome !== undefined) this.#judge(outcome);
    const failedAt = outcome === undefined ? null : this.#verdict!.failedAt;
    this.#cursor.goTo(at !== null && run.has(at) ? at : failedAt ?? openingOf(run));
    this.#before = this.#at;
    this.#draw();
  }

  /** The runner's verdict on the shown run. */
  set outcome(outcome: TestOutcome | null) {
    if (this.#run === null) return;
    this.#judge(outcome);
    this.#draw();
  }

  /** Closes the run, and shows the reason. */
  close(why: string): void {
    this.#opened = null;
    this.#cursor = null;
    this.#index = null;
    this.#verdict = null;
    const empty = () => el("p", { class: "empty" }, why);
    for (const { id, pane } of this.#tabs) {
      if (pane !== null) this.#panels.get(id)!.replaceChildren(empty());
    }
    byId("lanes").replaceChildren(empty());
    for (const id of ["events", "selected", "addresses"]) byId(id).replaceChildren();
    byId("position").textContent = "no run";
    byId("foot-position").textContent = "no run";
    const none = { state: "none", word: "NO RUN", place: null, what: why, why: [] } as const;
    this.printVerdict(this.failedBench ?? none, this.failedBench === null ? [] : [this.#toOutput]);
    this.drawRuns();
  }

  /** Shows a verdict other than the outcome of the run, for example that the text has an error. */
  printVerdict(verdict: SaidVerdict, steps: readonly PageAction[]): void {
    drawVerdict(verdict, steps);
    document.title = verdictTitle(
      { ...verdict, cause: null, failedAt: null, leaked: [] },
      this.#title,
    );
  }

  drawRuns(): void {
    const runs = this.runs();
    const show = (index: number) => this.#showBench(index);
    drawRuns(runs, { entries: this.benches, show }, byId("runs"));
    drawRuns(runs, { entries: this.benches, show }, this.#panels.get("runs")!);
  }

  /** Shows the plot of a bench; the printed text, if the bench has no plot. */
  #showBench(index: number): void {
    this.view = "output";
    const plots = this.#panels.get("output")!.querySelectorAll(".plot");
    const before = this.benches.slice(0, index).filter(({ plot }) => plot !== null).length;
    const own = this.benches[index]!.plot === null ? undefined : plots[before];
    (own ?? byId("printed")).scrollIntoView();
  }

  #judge(outcome: TestOutcome | null): void {
    this.#verdict = verdictOf(this.#index!, outcome);
    this.#leaked = new Set(this.#verdict.leaked);
    this.#printOwnVerdict();
    this.drawRuns();
    const { failure } = this.#opened!;
    this.source.annotate(this.#index!, [
      ...leaksByStatement(this.#opened!, this.#verdict.leaked).flatMap(({ more, seq, text }) => {
        const span = spanOfEvent(this.#opened!, seq);
        return span === null ? [] : [{
          place: lineLocation(span),
          text: `▲ ${text} (event ${seq}${more === 0 ? "" : ` and ${more} more`})`,
        }];
      }),
      ...failure === null ? [] : [
        `✕ ${failure.message}`,
        ...new Set(failure.values.map(({ part, text }) => `${part} = ${text}`)),
        ...failure.code === "E0901" ? failure.notes : [],
      ].map((text) => ({ place: failure.place.replace(/:\d+$/, ""), text })),
    ]);
  }

  #printOwnVerdict(): void {
    const verdict = this.#verdict!;
    const { cause, failedAt, state } = verdict;
    const steps: PageAction[] = [];
    if (cause !== null) {
      const at = this.#opened!.afterEvent(cause);
      steps.push({ title: `Go to event ${cause}`, act: () => this.#jumpToCause(at) });
    }
    if (failedAt !== null && failedAt.seq !== cause && this.#opened!.log.count > 0) {
      steps.push({ title: "Go to the failure", act: () => this.#jumpToCause(failedAt) });
    } else if (cause === null && this.#opened!.log.count > 0) {
      const first = this.#opened!.afterEvent(1);
      steps.push({ title: "Step through it", act: () => this.#jumpToCause(first) });
    }
    const { runs, show, shown } = this.runs();
    const failed = runs.findIndex((each, index) => each.state === "failed" && index !== shown);
    if (failed >= 0 && state !== "failed") {
      steps.unshift({ title: "Go to the failed run", act: () => show(failed) });
    }
    const full = runs.findIndex(({ events }) => events !== null && events > 0);
    if (this.#opened!.log.count === 0 && full >= 0 && full !== shown) {
      steps.unshift({ title: `Open a run with events`, act: () => show(full) });
    }
    if (state === "failed") steps.push(this.#toOutput);
    else if (failed < 0 && this.failedBench !== null) {
      return this.printVerdict(this.failedBench, [this.#toOutput, ...steps]);
    }
    if (this.benches.length > 0) steps.push({ title: "Benches", act: () => this.#showBench(0) });
    const benches = benchSentence(this.benches);
    this.printVerdict(
      benches === null ? verdict : { ...verdict, why: [...verdict.why, benches] },
      steps,
    );
  }

  #jumpToCause(position: Position): void {
    if (this.#narrow.matches) this.#choose(this.#tabs[0]!);
    this.#jump(position, this.#opened!);
  }

  #show(run: RecordedRun): void {
    this.#stops = stopsOf(run, this.#stopLines);
    this.#index = new RunIndex(run);
    byId<HTMLInputElement>("at").max = `${run.log.count}`;
    if (run === this.#opened) return;
    // Leaks belong to the verdict of the opened run. A run shown for comparison has no verdict of
    // its own.
    this.#leaked = new Set();
  }

  /** Adds a stop on a line, or removes it. */
  toggleStop(place: string): void {
    if (!this.#stopLines.delete(place)) this.#stopLines.add(place);
    if (this.#run === null) return;
    this.#stops = stopsOf(this.#run, this.#stopLines);
    this.#announce(`${this.#stopLines.has(place) ? "Stop on" : "No stop on"} ${place}`);
    this.#markSource();
  }

  /** Goes to the next execution of a line. @returns Whether the line is ever executed. */
  goToLine(file: string, line: number): boolean {
    if (this.#run === null) return false;
    const position = atLine(this.#run, { file, line }, this.#at);
    if (position !== null) this.#jump(position);
    return position !== null;
  }

  /**
   * Goes to the first of the given events that is after the position. If no event is after it, goes to
   * the first of all.
   */
  goToNext(events: readonly number[]): void {
    const next = events.find((seq) => seq > this.#at.seq) ?? events[0];
    if (this.#run !== null && next !== undefined) this.#jump(this.#run.afterEvent(next));
  }

  /** Marks the elements that belong to a line of the source. */
  pointAtLine(place: string | null): void {
    this.#point(place === null ? null : { seq: null, spans: [], place });
  }

  #makeTabs(): void {
    const root = byId("tabs");
    for (const tab of this.#tabs) {
      const { id, title, width } = tab;
      const attributes = {
        role: "tab",
        id: `tab-${id}`,
        class: width === "all" ? null : `of-${width}`,
        "aria-controls": this.#elementOf(id),
      };
      const own = button(attributes, () => void (this.view = id), title);
      own.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step === undefined) return;
        event.stopPropagation();
        const all = this.#tabs.filter((each) => byId(`tab-${each.id}`).offsetParent !== null);
        const other = all[(all.indexOf(tab) + step + all.length) % all.length]!;
        this.view = other.id;
        byId(`tab-${other.id}`).focus();
      });
      root.append(own);
      const there = document.getElementById(this.#elementOf(id));
      if (there !== null) {
        this.#panels.set(id, there);
        continue;
      }
      const panel = el("div", {
        role: "tabpanel",
        id: `panel-${id}`,
        class: id === "runs" ? "runs" : null,
        "aria-labelledby": `tab-${id}`,
        tabindex: 0,
      });
      if (id === "output") panel.append(byId<HTMLTemplateElement>("output").content);
      byId("panels").append(panel);
      this.#panels.set(id, panel);
    }
    this.#choose(this.#tabs[0]!);
  }

  /**
   * The id of the element that a tab shows. If there is room, some of these elements are moved
   * beside the middle.
   */
  #elementOf(id: string): string {
    return { events: "right", addresses: "addresses", source: "source" }[id] ?? `panel-${id}`;
  }

  #choose(tab: Tab): void {
    this.#tab = tab;
    document.body.dataset.tab = tab.id;
    for (const { id } of this.#tabs) {
      const isChosen = id === tab.id;
      byId(`tab-${id}`).setAttribute("aria-selected", `${isChosen}`);
      byId(`tab-${id}`).tabIndex = isChosen ? 0 : -1;
    }
    this.#placePanels();
  }

  /**
   * Chooses the panel in the middle. If the element of the current tab is shown beside the middle, the
   * middle shows the picture.
   */
  #placePanels(): void {
    const { id, width } = this.#tab;
    const isBeside = width === "middle" && this.#wide.matches ||
      width === "narrow" && !this.#narrow.matches;
    const shown = isBeside ? "picture" : id;
    for (const each of this.#tabs) {
      const panel = this.#panels.get(each.id)!;
      if (panel.getAttribute("role") === "tabpanel") panel.hidden = each.id !== shown;
    }
  }

  #listen(): void {
    for (const [id, , unit, way] of STEPS) {
      byId(id).addEventListener("click", () => this.#step(unit, way));
    }
    for (const [id, way] of Object.entries(ENDS)) {
      const end = () => way === "back" ? START : this.#run?.last ?? START;
      byId(id).addEventListener("click", () => this.#go(end()));
    }
    byId("help").addEventListener("click", showKeys);
    const at = byId<HTMLInputElement>("at");
    at.addEventListener("change", () => {
      const run = this.#run;
      const wanted = Math.trunc(Number(at.value));
      if (run !== null && wanted >= 0) this.#go(run.afterEvent(Math.min(wanted, run.log.count)));
    });
    document.addEventListener("keydown", (event) => this.#key(event));
    const views = [byId("panels"), byId("right"), byId("addresses")];
    for (const element of views) {
      element.addEventListener("mouseover", ({ target }) => this.#point(this.#things.at(target)));
      element.addEventListener("mouseleave", () => this.#point(null));
      element.addEventListener("focusin", ({ target }) => this.#point(this.#things.at(target)));
      element.addEventListener("focusout", () => this.#point(null));
    }
  }

  #key(event: KeyboardEvent): void {
    const { altKey, ctrlKey, key, metaKey, target } = event;
    const element = target instanceof HTMLElement ? target : document.body;
    const isText = element.closest("input, select, textarea, .cm-editor, dialog") !== null;
    if (isText || altKey || ctrlKey || metaKey || this.#run === null) return;
    const item = target instanceof Element ? target.closest<HTMLElement>("[data-item]") : null;
    if (item !== null && (key === "ArrowDown" || key === "ArrowUp")) {
      event.preventDefault();
      return this.#focusBeside(item, key === "ArrowDown" ? 1 : -1);
    }
    const step = STEPS.find(([, keys]) => keys === key);
    if (step !== undefined) this.#step(step[2], step[3]);
    else if (key === "Home") this.#go(START);
    else if (key === "End") this.#go(this.#run.last);
    else if (key === "u") this.#comeBack();
    else if (key === "b") this.#toggleHere();
    else if (key === "?") showKeys();
    else if (key === "+") this.#timeline.zoom(1 / 1.6);
    else if (key === "-") this.#timeline.zoom(1.6);
    else if (key === "0") this.#timeline.zoom(Infinity);
    else if (key === "t") byId("theme").click();
    else if (key === "/") this.#filter();
    else if (/^[1-9]$/.test(key)) {
      const tabs = this.#tabs.filter((each) => byId(`tab-${each.id}`).offsetParent !== null);
      const tab = tabs[Number(key) - 1];
      if (tab === undefined) return;
      this.view = tab.id;
      this.#panels.get(tab.id)!.focus();
    } else return;
    event.preventDefault();
  }

  #filter(): void {
    if (!this.#wide.matches) this.view = "events";
    this.#events.focusFilter();
  }

  /** Toggles a stop on the line of the current statement. */
  #toggleHere(): void {
    const { place } = positionView(this.#run!, this.#at);
    if (place !== null) this.toggleStop(place);
  }

  /** Moves the focus to the next or the previous item of the same list. */
  #focusBeside(item: HTMLElement, step: 1 | -1): void {
    const root = item.closest("#right, #addresses, #source, [role=tabpanel]") ?? document;
    const items = [...root.querySelectorAll<HTMLElement>("[data-item]")];
    items[items.indexOf(item) + step]?.focus();
  }

  #step(unit: StepUnit | "stop", direction: "forward" | "back"): void {
    const cursor = this.#cursor;
    if (cursor === null) return;
    const { here, recording: run } = cursor;
    if (unit !== "stop") {
      cursor.move({ unit, direction });
      return this.#arrive(here);
    }
    const stop = nextStop(this.#stops, this.#at, direction);
    this.#go(stop ?? (direction === "forward" ? run.last : START));
  }

  #jump(position: Position, run = this.#run!): void {
    this.#left.push(this.#cursor!.here);
    this.#go(position, run);
  }

  #comeBack(): void {
    const left = this.#left.pop();
    if (left === undefined) this.#announce("No jump to return from");
    else this.#go(left.position, left.recording);
  }

  #go(position: Position, run = this.#run): void {
    if (run === null) return;
    const { here } = this.#cursor!;
    this.#cursor!.goTo(position, run);
    this.#arrive(here);
  }

  #arrive({ position, recording }: RunPosition): void {
    const run = this.#run!;
    // The changes of a step are marked; when switching to another run, nothing is marked.
    this.#before = run === recording ? position : this.#at;
    if (run !== recording) {
      this.#show(run);
      if (run === this.#opened) this.#leaked = new Set(this.#verdict?.leaked);
    }
    this.#draw();
    this.#announce(this.#sentence());
  }

  #sentence(): string {
    const { edge, event, events, place, seq, text } = positionView(this.#run!, this.#at);
    const where = place === null ? "" : `, ${place}: ${text}`;
    const beside = this.#beside();
    if (edge === "start") return `${beside}The start: the machine is ready`;
    if (edge === "end") return `${beside}The end, after event ${seq} of ${events}`;
    return event === null
      ? `${beside}Statement${where}, after event ${seq} of ${events}`
      : `${beside}Event ${seq} of ${events}: ${event}`;
  }

  /** The name of the shown run, if it is not the opened one. */
  #beside(): string {
    return this.#run === this.#opened ? "" : `${runTitle(this.#run!.name)}: `;
  }

  #announce(sentence: string): void {
    byId("live").textContent = sentence;
  }

  #draw(): void {
    const run = this.#run!;
    const model = this.#moment();
    this.#placePanels();
    this.#drawPane(model);
    if (this.#wide.matches || this.#tab.id === "addresses") drawAddresses(model, byId("addresses"));
    this.#timeline.draw(model);
    // These panes are drawn last: only now do the elements above and below them have their final
    // heights, so that the events pane can scroll to the current event.
    if (this.#wide.matches || this.#tab.id === "events") {
      this.#keepFocus(byId("right"), () => {
        this.#selected.draw(model, byId("selected"));
        this.#events.draw(model, byId("events"));
      });
    }
    const { atNs, edge, events, place, seq } = positionView(run, this.#at);
    byId<HTMLInputElement>("at").value = `${seq}`;
    const line = place === null || edge === "end"
      ? ""
      : ` · ${place.slice(place.lastIndexOf("/") + 1)}`;
    const words = `of ${groupThousands(events)} · ${formatDuration(atNs)}${line}`;
    const isStart = run.isStatementStart(this.#at) && edge === null;
    const said = `${this.#beside()}${words}${isStart ? " · next statement" : ""}`;
    byId("position").textContent = byId("position").title = said;
    byId("foot-position").textContent = `${seq}/${events}`;
    const isFirst = comparePositions(this.#at, START) === 0;
    const isLast = comparePositions(this.#at, run.last) === 0;
    const ways = [...STEPS.map(([id, , , way]) => [id, way] as const), ...Object.entries(ENDS)];
    for (const [id, way] of ways) {
      byId<HTMLButtonElement>(id).disabled = way === "back" ? isFirst : isLast;
    }
    this.#markSource();
  }

  #drawPane(model = this.#moment()): void {
    const shown = [...this.#panels].find(([, panel]) =>
      panel.getAttribute("role") === "tabpanel" && !panel.hidden
    );
    const tab = this.#tabs.find(({ id }) => id === shown?.[0]);
    if (shown === undefined || !tab?.pane) return;
    this.#keepFocus(shown[1], () => tab.pane!.draw(model, shown[1]));
  }

  /** Draws an element again, and keeps the focus in the same place. */
  #keepFocus(panel: HTMLElement, draw: () => void): void {
    const focused = panel.contains(document.activeElement)
      ? document.activeElement!.getAttribute("data-item")
      : null;
    draw();
    if (focused === null) return;
    const again = panel.querySelector<HTMLElement>(`[data-item="${CSS.escape(focused)}"]`);
    (again ?? panel).focus();
  }

  #moment(): PageModel {
    const run = this.#run!;
    const [from, to] = [this.#before, this.#at]
      .map((position) => ({ recording: run, position })) as [RunPosition, RunPosition];
    let changed: readonly RowDiff[] | null = null;
    return {
      run,
      index: this.#index!,
      runs: this.runs(),
      position: this.#at,
      before: this.#before,
      leaked: this.#leaked,
      changed: () => changed ??= changedRows(from, to),
      selections: this.#things,
      goTo: (to, of = run) => this.#jump(typeof to === "number" ? of.afterEvent(to) : to, of),
      slideTo: (seq) => this.#go(run.afterEvent(seq)),
      redraw: () => this.#drawPane(),
    };
  }

  #point(selection: Selection | null): void {
    if (selection === null && this.#pointed === null) return;
    this.#pointed = selection;
    this.#things.mark(selection);
    this.#markSource();
  }

  #markSource(): void {
    const run = this.#run;
    if (run === null) return;
    // After the last statement, the line of the last event is marked.
    const place = positionView(run, this.#at).place ?? lineOfEvent(run, this.#at.seq);
    const pointed = this.#pointed;
    const marked = pointed?.place ?? lineOfEvent(run, pointed?.seq ?? 0);
    this.source.mark([
      ...place === null ? [] : [{ place, name: "here" as const }],
      ...marked === null ? [] : [{ place: marked, name: "marked" as const }],
      ...[...this.#stopLines].map((each) => ({ place: each, name: "stop" as const })),
    ]);
  }
}

/** The line of the statement that led to an event; null without one, and for event 0, the start. */
function lineOfEvent(run: RecordedRun, seq: number): string | null {
  const span = seq === 0 ? null : spanOfEvent(run, seq);
  return span === null ? null : lineLocation(span);
}

/** Maximum number of drawn strips; the tables show all ranges. */
const MAX_STRIPS = 12;
const NAME_PX = 160;
const NARROW_PX = 700;

function drawAddresses(model: PageModel, root: HTMLElement): void {
  const { changed, goTo, leaked, position, run, selections } = model;
  const room = root.clientWidth - 26;
  const width = Math.max(200, innerWidth < NARROW_PX + 20 ? room : room - NAME_PX);
  const uses = addressUses(run, addressPieces(run, position, changed()), leaked, width);
  const left = uses.length - MAX_STRIPS;
  root.replaceChildren(
    el(
      "h2",
      {},
      uses.length === 0
        ? "No addresses are in use at this position"
        : "Addresses in use: a cell is a page, gaps are shortened",
    ),
    ...uses.slice(0, MAX_STRIPS).map(({ drawing, owner, title }) => {
      const picture = drawn(drawing);
      for (const shape of picture.querySelectorAll("rect[data-seq]")) {
        const seq = Number(shape.getAttribute("data-seq"));
        selections.set(shape, { seq, spans: [] });
        shape.addEventListener("click", () => goTo(seq));
      }
      const name = el("span", { class: "strip-name cut", title }, owner);
      name.append(el("small", { class: "cut" }, title.slice(owner.length + 2)));
      return el("div", { class: "strip" }, name, picture);
    }),
    ...left > 0 ? [el("p", { class: "dim" }, `and ${left} more strips`)] : [],
  );
}

/** The keys shown in the help window. */
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

function showKeys(): void {
  const dialog = byId<HTMLDialogElement>("keys");
  const rows = KEYS.map(([keys, what]) =>
    el("tr", {}, el("th", { scope: "row" }, keys), el("td", {}, what))
  );
  dialog.replaceChildren(
    el("h2", {}, "Keys (outside the editor)"),
    el("table", {}, el("tbody", {}, ...rows)),
    button({}, () => dialog.close(), "Close"),
  );
  dialog.showModal();
}

/** A sentence about the outcome of a file's benches; null without a bench. */
function benchSentence(benches: readonly BenchEntry[]): string | null {
  if (benches.length === 0) return null;
  const failed = benches.filter(({ state }) => state === "failed").length;
  const count = formatCount(benches.length, "bench", "benches");
  const where = benches.some(({ plot }) => plot !== null) ? "; plots are in Output" : "";
  return `${count}: ${failed === 0 ? "ok" : `${failed} failed`}${where}`;
}

/** Draws the list of runs, marks the open one, and lists the benches after them. */
function drawRuns(
  { runs, show, shown }: FileRuns,
  benches: { readonly entries: readonly BenchEntry[]; readonly show: (index: number) => void },
  root: HTMLElement,
): void {
  const failed = [...runs, ...benches.entries].filter(({ state }) => state === "failed").length;
  const count = [
    formatCount(runs.length, "run"),
    ...benches.entries.length === 0
      ? []
      : [formatCount(benches.entries.length, "bench", "benches")],
  ].join(", ");
  root.replaceChildren(
    el(
      "h2",
      {},
      runs.length === 0 ? "No runs" : failed === 0 ? count : `${count}, ${failed} failed`,
    ),
    el(
      "ol",
      {},
      ...runs.map(({ events, outcome, state, title }, index) => {
        const own = button(
          {
            title: `${title}: ${outcome}${
              events === null ? "" : `, ${formatCount(events, "event")}`
            }`,
            "aria-current": index === shown ? "true" : null,
          },
          () => show(index),
          el("span", { class: state, role: "img", "aria-label": outcome }, VERDICT_SIGNS[state]),
          el("span", { class: "cut" }, title),
          el("span", { class: "count" }, events === null ? "" : groupThousands(events)),
        );
        return el("li", {}, own);
      }),
      ...benches.entries.map(({ name, state }, index) => {
        const title = `bench ${JSON.stringify(name)}`;
        const own = button(
          { title: `${title}: ${state}` },
          () => benches.show(index),
          el("span", { class: state, role: "img", "aria-label": state }, VERDICT_SIGNS[state]),
          el("span", { class: "cut" }, title),
        );
        return el("li", { class: "bench" }, own);
      }),
    ),
  );
}

/**
 * The source and the events each take at least this part of the page, in per cent. `MOST` is the
 * largest part, and `STEP` is the change by one press of an arrow key.
 */
const LEAST = 10;
const MOST = 60;
const STEP = 2;

/**
 * Makes the bars between source, views and events movable: the user drags them, or presses the
 * arrow keys.
 * @param onMove Called to redraw after a bar was moved.
 */
function startSplitters(onMove: () => void): void {
  const parts = { source: 30, event: 32 };
  const apply = () => {
    const { style } = byId("work");
    style.setProperty("--source-part", `${parts.source}fr`);
    style.setProperty("--event-part", `${parts.event}fr`);
    style.setProperty("--view-part", `${100 - parts.source - parts.event}fr`);
    onMove();
  };
  const connect = (id: string, name: keyof typeof parts, sign: 1 | -1) => {
    const bar = byId(id);
    const set = (part: number) => {
      parts[name] = Math.round(Math.max(LEAST, Math.min(MOST, part)));
      bar.setAttribute("aria-valuenow", `${parts[name]}`);
      apply();
    };
    bar.addEventListener("pointerdown", ({ pointerId }) => bar.setPointerCapture(pointerId));
    bar.addEventListener("pointermove", ({ clientX, pointerId }) => {
      if (!bar.hasPointerCapture(pointerId)) return;
      const { left, width } = byId("work").getBoundingClientRect();
      const part = (clientX - left) / width * 100;
      set(sign === 1 ? part : 100 - part);
    });
    bar.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (way === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      set(parts[name] + way * sign * STEP);
    });
  };
  connect("split-left", "source", 1);
  connect("split-right", "event", -1);
}

/** Draws the verdict. @param steps Possible actions, the most likely first. */
function drawVerdict(
  { place, state, what, why, word }: SaidVerdict,
  steps: readonly PageAction[],
): void {
  const root = byId("verdict");
  root.className = state;
  const shortPlace = place === null ? "" : place.slice(place.lastIndexOf("/") + 1);
  root.replaceChildren(
    el(
      "h1",
      {},
      el("span", { class: "word" }, `${VERDICT_SIGNS[state]} ${word}`),
      ...place === null ? [] : [el("code", { title: place }, shortPlace)],
      el("span", {}, what),
    ),
    ...why.map((sentence) => el("p", { title: sentence }, sentence)),
    el(
      "div",
      { class: "next" },
      ...steps.map(({ act, title }, index) =>
        button({ class: index === 0 ? "boxed first" : "boxed more" }, act, title)
      ),
    ),
  );
}
