/// <reference lib="dom" />
/**
 * The timeline, which is also a slider. A step only moves the line of the position. The lanes are drawn
 * again only when the visible part changes.
 */
import { type RecordedRun, rowsAt } from "@dmalab/recording";
import {
  type Drawing,
  LANES_PX,
  MEANINGS,
  positionView,
  type TimelineAxis,
  timelineDrawing,
  TimelineScale,
  type TimelineSight,
  type TimelineView,
  timelineView,
} from "@dmalab/recording/views";
import { byId, drawn, el, saveDrawing } from "./dom.ts";
import type { PageModel } from "./page_model.ts";

const MIN_EVENTS = 12;
const ZOOM = 1.6;
const WHOLE: TimelineSight = { from: 0, to: 1 };

interface KnownRun {
  readonly run: RecordedRun;
  readonly leaked: ReadonlySet<number>;
  readonly view: TimelineView;
}

export class TimelinePane {
  readonly #root = byId("lanes");
  readonly #later = el("div", { class: "later" });
  readonly #cursor = el("div", { class: "cursor" });
  #known: KnownRun | null = null;
  #axis: TimelineAxis = "events";
  #sight = WHOLE;
  #model: PageModel | null = null;
  #drawing: Drawing | null = null;
  #scale: TimelineScale | null = null;

  constructor() {
    this.#root.addEventListener("pointerdown", (event) => this.#drag(event));
    this.#root.addEventListener("pointermove", (event) => {
      if (this.#root.hasPointerCapture(event.pointerId)) this.#follow(event);
    });
    this.#root.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.altKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? ZOOM : 1 / ZOOM);
    }, { passive: false });
    const on = (id: string, act: () => void) => byId(id).addEventListener("click", act);
    on("zoom-in", () => this.zoom(1 / ZOOM));
    on("zoom-out", () => this.zoom(ZOOM));
    on("zoom-all", () => this.zoom(Infinity));
    on("timeline-svg", () => this.#drawing && saveDrawing(this.#drawing, "timeline"));
    on("axis", () => {
      this.#axis = this.#axis === "time" ? "events" : "time";
      this.#sight = WHOLE;
      this.#redraw();
    });
    addEventListener("resize", () => this.#redraw());
    byId("legend").append(
      ...Object.entries(MEANINGS).map(([name, { sign, word }]) => {
        const key = el("span", {}, el("i", {}, sign), ` ${word}`);
        key.style.setProperty("--key", `var(--${name})`);
        return key;
      }),
    );
  }

  draw(model: PageModel): void {
    const { leaked, run } = model;
    this.#model = model;
    if (this.#known?.run !== run || this.#known.leaked !== leaked) {
      const isNew = this.#known?.run !== run;
      this.#known = { run, leaked, view: timelineView(run, [...leaked]) };
      this.#scale = null;
      if (isNew) {
        this.#sight = WHOLE;
        // The trace of a real machine has times and no calls. The user looks for long durations in
        // it, so the time axis is the default.
        const hasCalls = this.#known.view.lanes.some(({ kind }) => kind === "work");
        this.#axis = this.#known.view.times.length > 1 && !hasCalls ? "time" : "events";
      }
    }
    this.#bringIntoSight();
    if (this.#scale === null) this.#drawLanes();
    this.#moveCursor();
  }

  /** @param factor Above 1: zooms out. */
  zoom(factor: number): void {
    const model = this.#model;
    if (model === null || this.#known === null) return;
    const { from, to } = this.#sight;
    const least = Math.min(1, MIN_EVENTS / Math.max(1, model.run.log.count));
    const width = Math.max(least, Math.min(1, (to - from) * factor));
    const at = this.#partOf(model.position.seq);
    const part = at < from || at > to ? 0.5 : (at - from) / (to - from);
    const start = Math.max(0, Math.min(1 - width, at - width * part));
    this.#sight = { from: start, to: start + width };
    this.#redraw();
  }

  #partOf(seq: number): number {
    return new TimelineScale(this.#model!.run, this.#axis, WHOLE, 1000).partOf(seq);
  }

  #bringIntoSight(): void {
    const { from, to } = this.#sight;
    if (to - from >= 1) return;
    const at = this.#partOf(this.#model!.position.seq);
    if (at >= from && at <= to) return;
    const start = Math.max(0, Math.min(1 - (to - from), at - (to - from) / 2));
    this.#sight = { from: start, to: start + to - from };
    this.#scale = null;
  }

  #redraw(): void {
    if (this.#model === null) return;
    this.#scale = null;
    this.draw(this.#model);
  }

  #drawLanes(): void {
    const { run, view } = this.#known!;
    const width = Math.max(240, this.#root.clientWidth);
    this.#scale = new TimelineScale(run, this.#axis, this.#sight, width);
    byId("axis").hidden = view.times.length === 0;
    byId("axis").textContent = this.#axis === "time" ? "by event" : "by time";
    if (run.log.count === 0) {
      this.#drawing = null;
      return this.#root.replaceChildren(
        el("p", { class: "empty" }, "This run recorded no events, so there is no timeline."),
      );
    }
    this.#drawing = timelineDrawing(view, this.#scale, marksOf(run));
    const picture = drawn(this.#drawing);
    picture.setAttribute("aria-hidden", "true");
    this.#root.replaceChildren(picture, this.#later, this.#cursor);
  }

  #moveCursor(): void {
    const { position, run } = this.#model!;
    const { event, events, seq } = positionView(run, position);
    const x = Math.max(LANES_PX, this.#scale!.xOf(seq) + (seq === 0 ? 0 : 1));
    const behind = Math.max(x, this.#scale!.xOf(seq + 1));
    this.#cursor.style.left = `${Math.min(x, this.#scale!.widthPx - 1)}px`;
    this.#later.style.left = `${Math.min(behind, this.#scale!.widthPx)}px`;
    this.#root.setAttribute("aria-valuemax", `${events}`);
    this.#root.setAttribute("aria-valuenow", `${seq}`);
    const text = seq === 0 ? "before the first event" : `event ${seq} of ${events}: ${event ?? ""}`;
    this.#root.setAttribute("aria-valuetext", text);
  }

  #drag(event: PointerEvent): void {
    if (event.button !== 0 || this.#model === null) return;
    this.#root.setPointerCapture(event.pointerId);
    this.#follow(event);
  }

  #follow({ clientX }: PointerEvent): void {
    const { position, run, slideTo } = this.#model!;
    const seq = this.#scale!.eventAt(clientX - this.#root.getBoundingClientRect().left);
    if (run.log.count > 0 && seq !== position.seq) slideTo(seq);
  }
}

/** Marks for faults, reports and the failure. */
function marksOf(run: RecordedRun) {
  const found = rowsAt(run, "incidents", run.last)
    .map(({ createdSeq, text }) => ({ seq: createdSeq, tip: `${text}, event ${createdSeq}` }));
  const { failure } = run;
  return failure === null
    ? found
    : [...found, { seq: run.log.count + 1, tip: `failed: ${failure.message}` }];
}
