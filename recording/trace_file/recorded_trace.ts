/**
 * Reads a `.dmatrace.jsonl` file as runs that can be viewed. A run has the events of the file, and
 * tables that are filled from these events.
 */
import { groupBy, maxOf } from "@dmalab/runtime/basics";
import { domainSharers, LAB_TABLES } from "@dmalab/devices";
import { type RecordedCode, RecordedRun } from "../recorded_run.ts";
import { SourceFile } from "@dmalab/lang";
import { type Bytes, eventNumber } from "@dmalab/runtime";
import { RecordedMachine } from "@dmalab/runtime/recording";
import type { TraceEvent, TraceOutcome, TraceRun } from "./trace_line.ts";
import { TraceReader } from "./trace_reader.ts";

/** Source of the texts of script files. These texts are shown with the events. */
export interface TraceTexts {
  readonly name: string;
  /** The text of a script file; null if it cannot be read. */
  textOf(file: string): string | null;
}

/**
 * Reads a whole file. If the text of a statement is not available, the location of an event of that
 * statement is the event's line in the trace file.
 *
 * @returns The runs of the file; or the mistake in it, with the line.
 */
export function keptTraces(text: string, texts: TraceTexts): readonly RecordedRun[] | string {
  const reader = new TraceReader();
  const runs: TraceRunReader[] = [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [index, line] of lines.entries()) {
    const read = reader.read(line);
    const place = `line ${index + 1}`;
    if ("problem" in read) return `${place}: ${read.problem}`;
    try {
      if ("run" in read) runs.push(new TraceRunReader(read, text, texts));
      else if ("seq" in read) {
        const run = runs.at(-1);
        if (run === undefined) return `${place}: the event belongs to no run`;
        run.add(read, index + 1);
      } else if ("outcome" in read) runs.findLast((run) => run.isOf(read))?.fail(read.failure);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return `${place}: ${error.message}`;
    }
  }
  return runs.length === 0 ? "it has no run" : runs.map((run) => run.finish());
}

/** @throws {RangeError} When the machine's configuration is impossible. */
function sharersOf({ machine: { pci } }: TraceRun): ReadonlyMap<string, string> {
  try {
    return domainSharers(pci);
  } catch {
    throw new RangeError("the `pci` of its machine describes none");
  }
}

class TraceRunReader {
  readonly #machine: RecordedMachine;
  /** The site number of each shown location, by the location's text. */
  readonly #sites = new Map<string, number>();
  /** By a site's text in the trace: the location that is shown for the last event of the site. */
  readonly #shownAt = new Map<string, string>();
  #failure: TraceOutcome["failure"] = null;

  /** Shown texts by file name. */
  readonly #texts = new Map<string, string | null>();

  constructor(
    private readonly head: TraceRun,
    private readonly text: string,
    private readonly texts: TraceTexts,
  ) {
    const { iommu, pageSizeBytes } = head.machine;
    this.#machine = new RecordedMachine({
      iommu: { granuleBytes: iommu.granuleBytes as Bytes, sharers: sharersOf(head) },
      pages: { pageSizeBytes: pageSizeBytes as Bytes },
    }, LAB_TABLES);
  }

  /** @throws {RangeError} When an event before it is missing. */
  add(event: TraceEvent, line: number): void {
    const { at_ns: atNs, cpu, device, fields, name, request, seq, site, why } = event;
    const values = Object.entries(fields).map(([field, value]) =>
      [
        field,
        field.endsWith("_site") && value !== null ? this.#siteOf(`${value}`, line) : value,
      ] as const
    );
    const origin = { cpu, device, request, site: this.#siteOf(site, line) };
    const kind = eventNumber(name);
    this.#machine.keep(seq, atNs, origin, kind, Object.fromEntries(values), why);
  }

  /** @param line Line of the trace, used as the location when the statement has no text. */
  #siteOf(place: string | null, line: number): number {
    const file = place?.match(PLACE)?.[1] ?? null;
    const isShown = file !== null && this.#textOf(file) !== null;
    const own = `${this.texts.name}:${line}:1`;
    const shown = isShown || this.#textOf(this.texts.name) === null ? place ?? own : own;
    if (place !== null) this.#shownAt.set(place, shown);
    const number = this.#sites.get(shown) ?? this.#sites.size + 1;
    this.#sites.set(shown, number);
    return number;
  }

  #textOf(file: string): string | null {
    let text = this.#texts.get(file);
    if (text === undefined) {
      text = file === this.texts.name ? this.text : this.texts.textOf(file);
      if (text !== null && text.length > MAX_LENGTH) text = null;
      this.#texts.set(file, text);
    }
    return text;
  }

  /** Whether a test's outcome belongs to this run. */
  isOf({ combination, name, place }: TraceOutcome): boolean {
    const { head } = this;
    return head.name === name && head.place === place && head.combination === combination;
  }

  fail(failure: TraceOutcome["failure"]): void {
    this.#failure = failure;
  }

  finish(): RecordedRun {
    const { combination, file, kind, machine: { seed }, name, place } = this.head;
    const run = new RecordedRun({
      name: { file, kind, name, combination, place, seed },
      code: this.#code(),
      machine: this.#machine,
      output: [],
      forks: new Map(),
      childRuns: [],
    });
    if (this.#failure !== null) {
      const { code, message } = this.#failure;
      const lines = [...`error[${code}]: ${message}`.split("\n"), `  --> ${this.#failure.place}`];
      run.failure = {
        kind: "failed",
        code,
        message,
        bug: null,
        place: this.#shownAt.get(this.#failure.place) ?? this.#failure.place,
        lines,
        values: [],
        notes: [],
        branch: null,
      };
    }
    return run;
  }

  #code(): RecordedCode {
    const places = [...this.#sites.keys()].map((place) => {
      const [, file = place, line = "1", column = "1"] = place.match(PLACE) ?? [];
      return { file, line: Math.max(1, Number(line)), column: Math.max(1, Number(column)) };
    });
    const sources = new Map<string, SourceFile>();
    for (const [file, own] of groupBy(places, (each) => each.file)) {
      const last = maxOf(own.map(({ line }) => line));
      // For a file without text: as many empty lines as the events refer to.
      const text = this.#textOf(file) ?? "\n".repeat(Math.min(last, MAX_LINES));
      sources.set(file, new SourceFile(file, text));
    }
    const sites = places.map(({ column, file, line }) => {
      const source = sources.get(file)!;
      // The file's current text may be shorter than at the time of the run.
      const first = source.lineStarts[line - 1] ?? source.text.length;
      const end = first + source.line(line).length;
      return { span: { source, start: Math.min(first + column - 1, end), end } };
    });
    return { statements: [], sites, functions: [] };
  }
}

/** `file:line:column`. */
const PLACE = /^(.*):(\d{1,9}):(\d{1,9})$/s;
/**
 * A longer text is not shown, because it would make up most of the page, and a browser would have
 * to lay out each line.
 */
const MAX_LENGTH = 2 ** 20;
/** A file with more lines is not a scenario. */
const MAX_LINES = 1_000_000;
