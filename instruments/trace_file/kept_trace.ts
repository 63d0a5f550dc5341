/** A `.dmatrace.jsonl` file as runs that can be looked at: its events, and the tables that they fill. */
import { LAB_TABLES } from "../../devices/lab_tables.ts";
import { type KeptCode, KeptRun } from "../../lang/recording/kept_run.ts";
import { SourceFile } from "../../lang/source.ts";
import type { Bytes } from "../../runtime/address.ts";
import { eventNumber } from "../../runtime/event_vocabulary.ts";
import { KeptMachine } from "../../runtime/recording/machine_recording.ts";
import type { TraceEvent, TraceRun } from "./trace_line.ts";
import { TraceReader } from "./trace_reader.ts";

/** Reads a whole file. @returns Its runs, or what is wrong, with the line. */
export function keptTraces(text: string): readonly KeptRun[] | string {
  const reader = new TraceReader();
  const runs: TraceRunReader[] = [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (const [index, line] of lines.entries()) {
    const read = reader.read(line);
    const place = `line ${index + 1}`;
    if ("problem" in read) return `${place}: ${read.problem}`;
    if ("run" in read) runs.push(new TraceRunReader(read));
    else if ("seq" in read) {
      const run = runs.at(-1);
      if (run === undefined) return `${place}: the event belongs to no run`;
      try {
        run.add(read);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return `${place}: ${error.message}`;
      }
    }
  }
  return runs.length === 0 ? "it has no run" : runs.map((run) => run.finish());
}

/** A run of a trace, event by event. */
class TraceRunReader {
  readonly #machine: KeptMachine;
  /** The numbers of statements, by their places. */
  readonly #sites = new Map<string, number>();

  constructor(private readonly head: TraceRun) {
    const { iommu, pageSizeBytes } = head.machine;
    this.#machine = new KeptMachine({
      iommu: { granuleBytes: iommu.granuleBytes as Bytes },
      pages: { pageSizeBytes: pageSizeBytes as Bytes },
    }, LAB_TABLES);
  }

  /** @throws {RangeError} When an event before it is missing. */
  add({ at_ns: atNs, cpu, device, fields, name, request, seq, site, why }: TraceEvent): void {
    const values = Object.entries(fields).map(([field, value]) =>
      [field, field.endsWith("_site") && value !== null ? this.#siteOf(value) : value] as const
    );
    const origin = { cpu, device, request, site: site === null ? null : this.#siteOf(site) };
    const kind = eventNumber(name);
    this.#machine.keep(seq, atNs, origin, kind, Object.fromEntries(values), why);
  }

  #siteOf(place: string): number {
    const number = this.#sites.get(place) ?? this.#sites.size + 1;
    this.#sites.set(place, number);
    return number;
  }

  finish(): KeptRun {
    const { combination, file, kind, machine: { seed }, name, place } = this.head;
    return new KeptRun({
      name: { file, kind, name, combination, place, seed },
      code: this.#code(),
      machine: this.#machine,
      output: [],
      asides: new Map(),
      sides: [],
    });
  }

  /** Places without a source: a file of as many empty lines as are named. */
  #code(): KeptCode {
    const places = [...this.#sites.keys()].map((place) => {
      const [, file = place, line = "1"] = place.match(/^(.*):(\d+):\d+$/s) ?? [];
      return { file, line: Number(line) };
    });
    const sources = new Map<string, SourceFile>();
    for (const [file, own] of Map.groupBy(places, (each) => each.file)) {
      const last = Math.max(...own.map(({ line }) => line));
      sources.set(file, new SourceFile(file, "\n".repeat(Math.min(last, MOST_LINES))));
    }
    const sites = places.map(({ file, line }) => {
      const source = sources.get(file)!;
      const start = source.lineStarts[line - 1] ?? 0;
      return { span: { source, start, end: start } };
    });
    return { statements: [], sites, functions: [] };
  }
}

/** A file of more lines is no scenario. */
const MOST_LINES = 1_000_000;
