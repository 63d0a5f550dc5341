/// <reference lib="dom" />
/** The page of a report: reads the runs that are inside, and shows the first that failed. */
import { type PageData, REPORT_VERSION } from "../cli/page_data.ts";
import { runTitle } from "@dmalab/lang/run";
import { readSerialised, type SerialisedRun, unpackText } from "@dmalab/recording/views";
import { byId, fillSelect } from "../page/dom.ts";
import { Messages } from "../page/messages.ts";
import { startTheme } from "../page/theme.ts";
import { el } from "../view/dom.ts";
import { Viewer } from "../view/viewer.ts";
import { besideEditor, type EditorCursor } from "./beside_editor.ts";
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
  document.title = `${data.title}, dmalab report`;
  byId("printed").textContent = data.printed;
  byId("state").textContent = `${data.title}, by ${data.by}`;
  new Report(readSerialised(await unpackText(data.recordings))).open();
}

class Report {
  readonly #source = new SourceList(byId("source"), {
    onStop: (line) => this.#viewer.toggleStop(`${this.#source.name}:${line}`),
    onRunTo: (line) => this.#viewer.goToLine(this.#source.name, line),
    onPoint: (line) =>
      this.#viewer.pointAtLine(line === null ? null : `${this.#source.name}:${line}`),
  });
  #shown = 0;
  readonly #viewer = new Viewer({
    mark: (marks) => {
      this.#source.mark(marks);
      this.#editor?.(marks.find(({ name }) => name === "here")?.place ?? "");
    },
  }, () => ({
    titles: this.runs.map(({ name }) => runTitle(name)),
    shown: this.#shown,
    open: (index) => Promise.resolve(this.runs[index]!.open()),
  }));
  readonly #editor = besideEditor((cursor) => this.#follow(cursor));

  constructor(private readonly runs: readonly SerialisedRun[]) {}

  open(): void {
    const select = byId<HTMLSelectElement>("run");
    const choices = this.runs.map((run, index) => ({
      value: `${index}`,
      title: `${index + 1}/${this.runs.length} ${runTitle(run.name)} (${outcomeOf(run)})`,
    }));
    fillSelect(select, choices, "0");
    select.addEventListener("change", () => this.#show(Number(select.value)));
    byId("file").addEventListener("change", () => this.#showFile());
    if (this.runs.length > 1) byId("printed").before(this.#summary(select));
    this.#show(0);
  }

  /** Every run with its outcome and its assertions. */
  #summary(select: HTMLSelectElement): HTMLElement {
    const rows = this.runs.map((run, index) => {
      const button = el("button", {}, runTitle(run.name));
      button.addEventListener("click", () => {
        select.value = `${index}`;
        this.#show(index);
      });
      const assertions = run.outcome === null ? "" : `${run.outcome.assertions}`;
      const cells = [outcomeOf(run), assertions, `${run.events}`].map((text) => el("td", {}, text));
      return el("tr", {}, el("th", { scope: "row" }, button), ...cells);
    });
    const heads = ["run", "outcome", "assertions", "events"].map((head) =>
      el("th", { scope: "col" }, head)
    );
    const failed = this.runs.filter((run) => outcomeOf(run) === "failed").length;
    const summary = el("summary", {}, `${this.runs.length} runs, ${failed} failed`);
    const table = el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ...heads)),
      el("tbody", {}, ...rows),
    );
    return el("details", { class: "summary" }, summary, table);
  }

  #show(index: number): void {
    this.#shown = index;
    const run = this.runs[index]!.open();
    const spans = [...run.code.statements, ...run.code.sites].map(({ span }) => span);
    const sources = new Map(spans.map(({ source }) => [source.name, source]));
    this.#sources = sources;
    const names = [...sources.keys()];
    const first = names.includes(run.name.file) ? run.name.file : names[0] ?? "";
    const choices = names.map((name) => ({ value: name, title: name }));
    fillSelect(byId<HTMLSelectElement>("file"), choices, first);
    byId("file-choice").hidden = names.length < 2;
    this.#showFile();
    this.#viewer.open(run, null);
  }

  /** Goes to the next time that a line runs: in this run, or in one of the test around it. */
  #follow({ file, line }: EditorCursor): void {
    if (this.#viewer.goToLine(file, line)) return;
    const lines = this.runs.map(({ name: { kind, place } }) => {
      const [, own, at] = place.match(/^(.*):(\d+):\d+$/) ?? [];
      return kind !== "main" && own === file && Number(at) <= line ? Number(at) : 0;
    });
    const nearest = Math.max(...lines);
    if (nearest === 0) return;
    byId<HTMLSelectElement>("run").value = `${lines.indexOf(nearest)}`;
    this.#show(lines.indexOf(nearest));
    this.#viewer.goToLine(file, line);
  }

  #sources: ReadonlyMap<string, Parameters<SourceList["show"]>[0]> = new Map();

  #showFile(): void {
    const source = this.#sources.get(byId<HTMLSelectElement>("file").value);
    if (source !== undefined) this.#source.show(source);
  }
}

function outcomeOf({ failure, outcome }: SerialisedRun): string {
  return outcome?.outcome ?? (failure === null ? "recorded" : "failed");
}
