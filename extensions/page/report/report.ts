/// <reference lib="dom" />
/** The page of a report: reads the runs inside it, and shows the first that failed. */
import { maxOf } from "@dmalab/runtime/basics";
import { colourKey, type PageData, REPORT_VERSION, type SourceColours } from "../cli/page_data.ts";
import { runTitle } from "@dmalab/lang/run";
import { readSerialised, type SerialisedRun, unpackText } from "@dmalab/recording/views";
import { Messages } from "../page/messages.ts";
import { startTheme } from "../page/theme.ts";
import { byId, offerFiles } from "../view/dom.ts";
import type { ListedRun } from "../view/page_model.ts";
import { Viewer } from "../view/viewer.ts";
import { SourceList } from "./source_list.ts";

export function startReport(): void {
  startTheme();
  const messages = new Messages();
  openReport().catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    messages.show(`This report cannot be shown: ${why}`, null, true);
  });
}

async function openReport(): Promise<void> {
  const data: PageData = JSON.parse(byId("data").textContent!);
  if (data.report !== REPORT_VERSION) throw new Error("it was written by another release");
  const runs = readSerialised(await unpackText(data.recordings));
  const colours = JSON.parse(new TextDecoder().decode(await unpackText(data.colours)));
  const report = new Report(runs, data.title, colours);
  byId("printed").textContent = data.printed;
  byId("printed").after(...data.benches.flatMap(({ plot }) => plot === null ? [] : plotOf(plot)));
  byId("state").textContent = `${data.title}, by ${data.by}`;
  report.open(data);
}

/** A plot from the report's data, as an element. */
function plotOf(svg: string): Node {
  const { documentElement } = new DOMParser().parseFromString(svg, "image/svg+xml");
  documentElement.classList.add("plot");
  return document.importNode(documentElement, true);
}

class Report {
  readonly #source = new SourceList(byId("source"), {
    onStop: (line) => this.#viewer.toggleStop(`${this.#source.name}:${line}`),
    onRunTo: (line) => this.#viewer.goToLine(this.#source.name, line),
    onNext: (events) => this.#viewer.goToNext(events),
    onPoint: (line) =>
      this.#viewer.pointAtLine(line === null ? null : `${this.#source.name}:${line}`),
  });
  #shown = 0;
  /** Whether the editor around the page has sent its cursor's position yet. */
  #isFollowing = false;
  readonly #viewer = new Viewer({
    mark: (marks) => {
      this.#source.mark(marks);
      this.#editor?.(marks.find(({ name }) => name === "here")?.place ?? "");
    },
    annotate: (index, notes) => this.#source.annotate(index, notes),
  }, () => ({
    runs: this.#listed,
    shown: this.#shown,
    open: (index) => Promise.resolve(this.runs[index]!.open()),
    show: (index) => this.#show(index),
  }));
  readonly #listed: readonly ListedRun[];
  readonly #editor = besideEditor((cursor) => this.#follow(cursor));

  constructor(
    private readonly runs: readonly SerialisedRun[],
    title: string,
    private readonly colours: SourceColours,
  ) {
    this.#listed = runs.map((run): ListedRun => {
      const outcome = run.outcome?.outcome ?? (run.failure === null ? "recorded" : "failed");
      const isKnown = outcome === "passed" || outcome === "failed";
      const state = isKnown ? outcome : outcome === "skipped" ? "warned" : "none";
      return { title: runTitle(run.name), state, outcome, events: run.events };
    });
    this.#viewer.title = title;
  }

  open({ benches, failedBench }: Pick<PageData, "benches" | "failedBench">): void {
    this.#viewer.failedBench = failedBench;
    this.#viewer.benches = benches;
    byId("file").addEventListener("change", () => this.#showFile());
    // The first run that failed, else the first with events.
    const failed = this.#listed.findIndex(({ state }) => state === "failed");
    const full = this.runs.findIndex(({ events }) => events > 0);
    this.#show(Math.max(0, failed >= 0 ? failed : full));
    // A file with benches alone has no events, and the other panes are empty. So has a test of `compare` blocks.
    if (full < 0) this.#viewer.view = "output";
  }

  #show(index: number): void {
    this.#shown = index;
    const run = this.runs[index]!.open();
    const spans = [...run.code.statements, ...run.code.sites].map(({ span }) => span);
    this.#sources = new Map(spans.map(({ source }) => [source.name, source]));
    const names = [...this.#sources.keys()];
    const first = names.includes(run.name.file) ? run.name.file : names[0] ?? "";
    offerFiles(names, first);
    this.#showFile();
    this.#viewer.open(run, null, this.runs[index]!.outcome);
  }

  /**
   * Goes to the next execution of a line. The execution may be in the shown run, or in a run of the
   * test that contains the line.
   */
  #follow({ file, line }: EditorCursor): void {
    const isFirst = !this.#isFollowing;
    this.#isFollowing = true;
    const around = this.#runAround(file, line) ?? this.#shown;
    // If the test at the cursor failed, the page first shows the failure of that test, not the line
    // of the cursor.
    if (isFirst && this.runs[around]!.failure !== null) {
      if (around !== this.#shown) this.#show(around);
      return;
    }
    if (this.#viewer.goToLine(file, line) || around === this.#shown) return;
    this.#show(around);
    this.#viewer.goToLine(file, line);
  }

  /** Index of the run of the test that contains a line; null for none. */
  #runAround(file: string, line: number): number | null {
    const lines = this.runs.map(({ name: { kind, place } }) => {
      const [, own, at] = place.match(/^(.*):(\d+):\d+$/) ?? [];
      return kind !== "main" && own === file && Number(at) <= line ? Number(at) : 0;
    });
    const nearest = maxOf(lines);
    return nearest === 0 ? null : lines.indexOf(nearest);
  }

  #sources: ReadonlyMap<string, Parameters<SourceList["show"]>[0]> = new Map();

  #showFile(): void {
    const source = this.#sources.get(byId<HTMLSelectElement>("file").value);
    if (source !== undefined) this.#source.show(source, this.colours[colourKey(source)] ?? []);
  }
}

/**
 * Connection to an editor that shows the page beside the source. The editor sends the position of its
 * cursor, and the page sends the place that it shows.
 */

/** A line of a file of the report. */
interface EditorCursor {
  readonly file: string;
  readonly line: number;
}

/** VS Code's function for a page inside it. */
declare const acquireVsCodeApi: (() => { postMessage(message: unknown): void }) | undefined;

/**
 * Connects the page with the editor that contains it and shows the source.
 * @returns A function that sends the current place, `file:line`, to the editor; null without an
 *   editor.
 */
function besideEditor(
  follow: (cursor: EditorCursor) => void,
): ((place: string) => void) | null {
  if (typeof acquireVsCodeApi === "undefined") return null;
  const editor = acquireVsCodeApi();
  const { body, documentElement } = document;
  body.dataset.beside = "";
  const isLight = body.dataset.vscodeThemeKind?.endsWith("light") === true;
  documentElement.dataset.theme = isLight ? "light" : "dark";
  addEventListener("message", ({ data }) => follow(data));
  return (place) => editor.postMessage({ place });
}
