/// <reference lib="dom" />
/** A run as lanes: CPUs, devices, queues and requests. The axis counts events; time is shown where it passes. */
import type { RecordedRun } from "@dmalab/recording";
import { formatCount, formatDuration } from "@dmalab/lang/text";
import {
  type TimelineLane,
  type TimelineSpan,
  type TimelineView,
  timelineView,
} from "@dmalab/recording/views";
import { el } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { eventSelection } from "./selection.ts";

/** How many events can be shown at once. */
const WIDTHS = [30, 100, 300, 1000];
/** Requests that are shown: of those in sight, the first. */
const MAX_REQUESTS = 24;
/** Height of a line of a lane, as in the style sheet. */
const LINE_PX = 20;
/** Parts of the axis that have a number. */
const TICKS = 5;
/** Between two times on the axis at least, in parts of its width. */
const TIME_SPACE = 0.12;

/** The events in sight. */
interface Sight {
  readonly first: number;
  readonly count: number;
}

export class TimelinePane implements Pane {
  readonly id = "timeline";
  readonly title = "Timeline";
  #width = WIDTHS[1]!;
  #first = 1;
  #known: { readonly run: RecordedRun; readonly view: TimelineView } | null = null;

  draw(model: PageModel, root: HTMLElement): void {
    const { position, run } = model;
    if (run.log.count === 0) return root.replaceChildren(el("p", {}, "This run has no events."));
    if (this.#known?.run !== run) this.#known = { run, view: timelineView(run) };
    const { lanes, times } = this.#known.view;
    const sight = this.#sightOf(run.log.count, Math.max(1, position.seq));
    const inSight = lanes.map((lane) => ({ lane, spans: lane.spans.filter(isIn(sight)) }));
    const others = inSight.filter(({ lane }) => lane.kind !== "request");
    const requests = inSight.filter(({ lane, spans }) =>
      lane.kind === "request" && spans.length > 0
    );
    const left = requests.length - MAX_REQUESTS;
    const shown = [...others, ...requests.slice(0, MAX_REQUESTS)];
    const picture = el(
      "div",
      { class: "timeline" },
      axis(sight, times),
      ...shown.map(({ lane, spans }) => drawLane(model, sight, lane, spans)),
    );
    picture.style.setProperty("--at", percent((position.seq - sight.first + 1) / sight.count));
    root.replaceChildren(
      this.#tools(model),
      picture,
      ...left > 0 ? [el("p", { class: "dim" }, `and ${formatCount(left, "more request")}`)] : [],
    );
  }

  /** They stay as they are while the position is among them. */
  #sightOf(events: number, seq: number): Sight {
    const count = Math.min(this.#width, events);
    const isSeen = seq >= this.#first && seq < this.#first + count;
    if (!isSeen) this.#first = seq - Math.floor(count / 2);
    this.#first = Math.max(1, Math.min(this.#first, events - count + 1));
    return { first: this.#first, count };
  }

  #tools({ redraw }: PageModel): HTMLElement {
    const select = el("select", { id: "timeline-width" });
    for (const width of WIDTHS) {
      select.append(new Option(`${width} events`, `${width}`, false, width === this.#width));
    }
    select.addEventListener("change", () => {
      this.#width = Number(select.value);
      redraw();
      document.getElementById("timeline-width")?.focus();
    });
    return el("p", { class: "tools" }, el("label", {}, "Shown ", select));
  }
}

function isIn({ count, first }: Sight): (span: TimelineSpan) => boolean {
  return (span) => span.first < first + count && span.last >= first;
}

function percent(part: number): string {
  return `${Math.round(part * 10_000) / 100}%`;
}

/** Numbers of events, and times where they are others than before. */
function axis({ count, first }: Sight, times: TimelineView["times"]): HTMLElement {
  const step = Math.max(1, Math.ceil(count / TICKS));
  const label = (seq: number, text: string) => {
    const tick = el("span", {}, text);
    tick.style.left = percent((seq - first) / count);
    return tick;
  };
  const numbers: HTMLElement[] = [];
  for (let seq = first; seq < first + count; seq += step) numbers.push(label(seq, `${seq}`));
  const passing: HTMLElement[] = [];
  let free = -Infinity;
  for (const { atNs, seq } of times) {
    if (seq < Math.max(first, free) || seq >= first + count) continue;
    passing.push(label(seq, formatDuration(atNs)));
    free = seq + count * TIME_SPACE;
  }
  const row = (name: string, ticks: readonly HTMLElement[]) =>
    el(
      "div",
      { class: "lane axis" },
      el("span", { class: "lane-name" }, name),
      el("div", { class: "lane-bar" }, ...ticks),
    );
  return el(
    "div",
    {},
    row("event", numbers),
    ...passing.length > 0 ? [row("time", passing)] : [],
  );
}

function drawLane(
  model: PageModel,
  sight: Sight,
  { kind, lines, name }: TimelineLane,
  spans: readonly TimelineSpan[],
): HTMLElement {
  const bar = el(
    "div",
    { class: `lane-bar ${kind}`, role: "group", "aria-label": `${kind} ${name}` },
    ...spans.map((span) => drawSpan(model, sight, kind, name, span)),
  );
  bar.style.height = `${Math.max(1, lines) * LINE_PX}px`;
  return el("div", { class: "lane" }, el("span", { class: "lane-name" }, name), bar);
}

function drawSpan(
  { position, goTo, run, selections }: PageModel,
  { count, first }: Sight,
  kind: TimelineLane["kind"],
  name: string,
  span: TimelineSpan,
): HTMLElement {
  const { last, line, text } = span;
  const events = last === span.first ? `event ${last}` : `events ${span.first} to ${last}`;
  const button = el(
    "button",
    {
      class: span.first > position.seq ? "item later" : "item",
      "data-item": `span ${name} ${span.first}`,
      "aria-label": `${text}, ${events}`,
      title: `${name}: ${text}, ${events}`,
    },
    text,
  );
  const from = Math.max(span.first, first);
  const to = Math.min(last, first + count - 1);
  button.style.left = percent((from - first) / count);
  button.style.width = percent((to - from + 1) / count);
  button.style.top = `${line * LINE_PX}px`;
  button.addEventListener("click", () => goTo(span.first));
  const isWork = kind === "cpu" || kind === "device";
  selections.set(button, { ...eventSelection(run, span.first), ...isWork ? { until: last } : {} });
  return button;
}
