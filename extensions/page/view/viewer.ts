/// <reference lib="dom" />
/**
 * A run on the page: the position with its buttons and keys, the panes, and what is marked. The playground
 * and the report give it a run and a source to mark lines in.
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
import { runTitle } from "@dmalab/lang/run";
import {
  type ChangedRow,
  changedRows,
  lineLocation,
  positionView,
  requestsAt,
} from "@dmalab/recording/views";
import { byId } from "../page/dom.ts";
import { drawAddresses } from "./addresses.ts";
import { el } from "./dom.ts";
import { BytesPane } from "./bytes_pane.ts";
import { DiffPane } from "./diff_pane.ts";
import { EventsPane } from "./events_pane.ts";
import type { FileRuns, PageModel, Pane } from "./page_model.ts";
import { PicturePane } from "./picture_pane.ts";
import { StatePane } from "./state_pane.ts";
import { showKeys } from "./keys_help.ts";
import { nextStop, openingOf, stopsOf } from "./breakpoints.ts";
import { type Selection, SelectionMap } from "./selection.ts";
import { TimelinePane } from "./timeline_pane.ts";
import { WhyPane } from "./why_pane.ts";

/** The source beside the panes. */
export interface SourceView {
  /** Marks lines by their places, `file:line`; the first current one is brought into sight. */
  mark(
    marks: readonly { readonly place: string; readonly name: "here" | "marked" | "stop" }[],
  ): void;
}

/** Buttons that step, with the keys that do the same outside of text. */
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
];

export class Viewer {
  readonly #things = new SelectionMap();
  readonly #panes: readonly Pane[] = [
    new PicturePane(),
    new EventsPane(),
    new StatePane(),
    new WhyPane(),
    new TimelinePane(),
    new BytesPane(),
    new DiffPane(),
  ];
  readonly #panels = new Map<string, HTMLElement>();
  #opened: RecordedRun | null = null;
  /** What is shown: that run, or one beside it. */
  #cursor: RunCursor | null = null;
  #before: Position = START;
  /** Where Enter led away from: `u` comes back. */
  readonly #left: RunPosition[] = [];
  #pane: Pane = this.#panes[0]!;
  readonly #stopLines = new Set<string>();
  #stops: readonly Position[] = [];
  #pointed: Selection | null = null;
  /** The reader, or a link, has chosen a view. */
  #isChosen = false;

  constructor(private readonly source: SourceView, private readonly runs: () => FileRuns) {
    this.#makeTabs();
    this.#listen();
  }

  /** The run that was opened; null before there is one. */
  get run(): RecordedRun | null {
    return this.#opened;
  }

  get position(): Position {
    return this.#run === this.#opened
      ? this.#at
      : this.#left.findLast(({ recording }) => recording === this.#opened)!.position;
  }

  /** The run that is shown: the one that was opened, or one beside it. */
  get #run(): RecordedRun | null {
    return this.#cursor?.recording ?? null;
  }

  get #at(): Position {
    return this.#cursor?.position ?? START;
  }

  get view(): string {
    return this.#pane.id;
  }

  set view(id: string) {
    const pane = this.#panes.find((each) => each.id === id);
    if (pane === undefined) return;
    this.#isChosen = true;
    this.#choose(pane);
    if (this.#run !== null) this.#drawPane();
  }

  /** Shows a run, at a position or where it opens. */
  open(run: RecordedRun, at: Position | null): void {
    this.#opened = run;
    this.#left.length = 0;
    this.#cursor = new RunCursor(run);
    this.#cursor.goTo(at !== null && run.has(at) ? at : openingOf(run));
    this.#show(run);
    document.body.dataset.recorded = "";
    this.#before = this.#at;
    if (!this.#isChosen) this.#choose(this.#paneFor(run));
    this.#draw();
  }

  #show(run: RecordedRun): void {
    this.#stops = stopsOf(run, this.#stopLines);
    byId<HTMLInputElement>("slider").max = `${run.log.count}`;
  }

  /** Sets a stop on a line, or takes it away. */
  toggleStop(place: string): void {
    if (!this.#stopLines.delete(place)) this.#stopLines.add(place);
    if (this.#run === null) return;
    this.#stops = stopsOf(this.#run, this.#stopLines);
    this.#announce(`${this.#stopLines.has(place) ? "Stop on" : "No stop on"} ${place}`);
    this.#markSource();
  }

  /** Goes to the next time a line runs. @returns Whether it ever does. */
  goToLine(file: string, line: number): boolean {
    if (this.#run === null) return false;
    const position = atLine(this.#run, { file, line }, this.#at);
    if (position !== null) this.#jump(position);
    return position !== null;
  }

  /** Marks what belongs to a line of the source. */
  pointAtLine(place: string | null): void {
    this.#point(place === null ? null : { seq: null, spans: [], place });
  }

  /** What says most about a run: why it failed, the picture of a request, or its events. */
  #paneFor(run: RecordedRun): Pane {
    const hasRequests = requestsAt(run, run.last).length > 0;
    const id = run.failure !== null ? "why" : hasRequests ? "picture" : "events";
    return this.#panes.find((each) => each.id === id)!;
  }

  #makeTabs(): void {
    const tabs = byId("tabs");
    const panels = byId("panels");
    for (const pane of this.#panes) {
      const { id, title } = pane;
      const tab = el(
        "button",
        { role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}` },
        title,
      );
      tab.addEventListener("click", () => void (this.view = id));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step === undefined) return;
        event.stopPropagation();
        const other = this
          .#panes[(this.#panes.indexOf(pane) + step + this.#panes.length) % this.#panes.length]!;
        this.view = other.id;
        byId(`tab-${other.id}`).focus();
      });
      tabs.append(tab);
      const panel = el("div", {
        role: "tabpanel",
        id: `panel-${id}`,
        "aria-labelledby": `tab-${id}`,
        tabindex: 0,
      });
      panels.append(panel);
      this.#panels.set(id, panel);
    }
    this.#choose(this.#panes[0]!);
  }

  #choose(pane: Pane): void {
    this.#pane = pane;
    for (const { id } of this.#panes) {
      const isChosen = id === pane.id;
      byId(`tab-${id}`).setAttribute("aria-selected", `${isChosen}`);
      byId(`tab-${id}`).tabIndex = isChosen ? 0 : -1;
      this.#panels.get(id)!.hidden = !isChosen;
    }
  }

  #listen(): void {
    for (const [id, , unit, way] of STEPS) {
      byId(id).addEventListener("click", () => this.#step(unit, way));
    }
    byId("first").addEventListener("click", () => this.#go(START));
    byId("last").addEventListener("click", () => this.#run && this.#go(this.#run.last));
    byId("help").addEventListener("click", showKeys);
    const slider = byId<HTMLInputElement>("slider");
    slider.addEventListener(
      "input",
      () => this.#run && this.#go(this.#run.afterEvent(Number(slider.value))),
    );
    document.addEventListener("keydown", (event) => this.#key(event));
    const views = [byId("panels"), byId("addresses")];
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
    const isText =
      element.closest("input:not([type=range]), select, textarea, .cm-editor, dialog") !== null;
    if (isText || altKey || ctrlKey || metaKey || this.#run === null) return;
    const item = element.closest<HTMLElement>("[data-item]");
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
    else if (/^[1-9]$/.test(key) && this.#panes[Number(key) - 1] !== undefined) {
      this.view = this.#panes[Number(key) - 1]!.id;
      this.#panels.get(this.#pane.id)!.focus();
    } else return;
    event.preventDefault();
  }

  /** A stop on the line of the current statement. */
  #toggleHere(): void {
    const { place } = positionView(this.#run!, this.#at);
    if (place !== null) this.toggleStop(place);
  }

  /** The next item of the same list. */
  #focusBeside(item: HTMLElement, step: 1 | -1): void {
    const items = [
      ...this.#panels.get(this.#pane.id)!.querySelectorAll<HTMLElement>("[data-item]"),
    ];
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
    // What a move changed is marked: between two runs nothing is.
    this.#before = run === recording ? position : this.#at;
    if (run !== recording) this.#show(run);
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

  /** Which run is shown, where it is not the one that was opened. */
  #beside(): string {
    return this.#run === this.#opened ? "" : `${runTitle(this.#run!.name)}: `;
  }

  #announce(sentence: string): void {
    byId("live").textContent = sentence;
  }

  #draw(): void {
    const run = this.#run!;
    // Asks where it is scrolled to: before anything else is new, which would be laid out for the answer.
    const model = this.#moment();
    this.#drawPane(model);
    const { atNs, edge, events, seq } = positionView(run, this.#at);
    const slider = byId<HTMLInputElement>("slider");
    slider.value = `${seq}`;
    slider.setAttribute("aria-valuetext", `event ${seq} of ${events}`);
    const statement = this.#at.statement === 0 || edge === "end"
      ? ""
      : ` statement ${this.#at.statement}`;
    byId("position").textContent = `${this.#beside()}${seq}/${events}${statement} ${atNs} ns`;
    const isFirst = comparePositions(this.#at, START) === 0;
    const isLast = comparePositions(this.#at, run.last) === 0;
    for (const id of ["first", "back-stop", "back-statement", "back-event"]) {
      byId<HTMLButtonElement>(id).disabled = isFirst;
    }
    for (const id of ["last", "next-stop", "next-statement", "next-event"]) {
      byId<HTMLButtonElement>(id).disabled = isLast;
    }
    drawAddresses(model, byId("addresses"));
    this.#markSource();
  }

  #drawPane(model = this.#moment()): void {
    const panel = this.#panels.get(this.#pane.id)!;
    const focused = panel.contains(document.activeElement)
      ? document.activeElement!.getAttribute("data-item")
      : null;
    this.#pane.draw(model, panel);
    if (focused === null) return;
    const again = panel.querySelector<HTMLElement>(`[data-item="${CSS.escape(focused)}"]`);
    (again ?? panel).focus();
  }

  #moment(): PageModel {
    const run = this.#run!;
    const [from, to] = [this.#before, this.#at]
      .map((position) => ({ recording: run, position })) as [RunPosition, RunPosition];
    let changed: readonly ChangedRow[] | null = null;
    return {
      run,
      runs: this.runs(),
      position: this.#at,
      before: this.#before,
      changed: () => changed ??= changedRows(from, to),
      selections: this.#things,
      goTo: (to, of = run) => this.#jump(typeof to === "number" ? of.afterEvent(to) : to, of),
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
    const { place } = positionView(run, this.#at);
    const pointed = this.#pointed;
    const span = pointed?.seq ? spanOfEvent(run, pointed.seq) : null;
    const marked = pointed?.place ?? (span === null ? null : lineLocation(span));
    this.source.mark([
      ...place === null ? [] : [{ place, name: "here" as const }],
      ...marked === null ? [] : [{ place: marked, name: "marked" as const }],
      ...[...this.#stopLines].map((each) => ({ place: each, name: "stop" as const })),
    ]);
  }
}
