/**
 * Writes the mappings of a real machine as events of the lab's vocabulary, in a `.dmatrace.jsonl`
 * file. Programs that read the files of scenarios can read this file too.
 *
 * @see docs/trace-files.md
 */
import { defaultLabConfig } from "@dmalab/devices";
import { formatCount } from "@dmalab/lang/text";
import type { EventFields, EventName, MachineEvent } from "@dmalab/runtime";
import type { DirectionWord } from "@dmalab/runtime/dma";
import type { MappingPath } from "@dmalab/runtime/vocabulary";
import { TraceLineWriter, type WriteText } from "@dmalab/recording";
import { findingLine } from "../ledger/check_report.ts";
import { modeOf } from "../ledger/device_mode.ts";
import type { TracedMapping, TraceFinding } from "../ledger/traced_mapping.ts";
import { isMappingStep, type MappingStep, type ScriptedCall } from "../script/recorder.ts";

const NS_PER_S = 1e9;
/** Largest number of findings that are written to the file; `dmalab trace check` lists all. */
const WRITTEN_FINDINGS = 50;

/** When a line was written, in seconds, and on which CPU. */
export interface LineTime {
  readonly seconds: number;
  readonly cpu: number;
}

/** A fault of the kernel's log, by the clock of the trace. */
export interface ExportedFault {
  readonly seconds: number;
  /** The line of the log. */
  readonly line: number;
  readonly device: string;
  readonly fields: EventFields<"iommu.fault">;
}

type FileEvent = readonly [name: EventName, fields: Readonly<Record<string, unknown>>];

/**
 * Writes a whole file.
 *
 * @param steps The steps of the run, each with the time of its line.
 * @param logged The faults of the log, and the log's name.
 * @param findings If there are findings, the run counts as failed; its error code is the rule of
 *   the first finding.
 * @param file The trace's name.
 * @param by The writing program and its version.
 */
export function writeEventFile(
  steps: readonly (readonly [ScriptedCall, LineTime])[],
  logged: { readonly faults: readonly ExportedFault[]; readonly name: string },
  findings: readonly TraceFinding[],
  file: string,
  by: string,
  write: WriteText,
): void {
  const writer = new TraceLineWriter(write, by);
  // A trace does not describe the machine's hardware, so the file's head contains the default
  // configuration.
  const names = { kind: "main" as const, name: "", combination: "", place: `${file}:1:1` };
  // The location of an event is the trace line of its step; a negative number is a line of the log.
  const placeOf = (line: number) => line > 0 ? `${file}:${line}:1` : `${logged.name}:${-line}:1`;
  writer.run(file, { ...names, machine: defaultLabConfig() }, placeOf);
  const requests = new Map<string, number>();
  let seq = 0;
  const sorted = [...steps].sort(([a], [b]) => a.line - b.line);
  const faults = logged.faults.toSorted((a, b) => a.seconds - b.seconds);
  let written = 0;
  const writeFaults = (untilSeconds: number) => {
    for (; written < faults.length && faults[written]!.seconds < untilSeconds; written++) {
      const { device, fields, line, seconds } = faults[written]!;
      writer.event({
        seq: ++seq,
        at_ns: Math.round(seconds * NS_PER_S),
        // A log names no CPU, and an event needs one.
        cpu: 0,
        device,
        request: null,
        site: -line,
        name: "iommu.fault",
        fields,
        why: null,
      } as object as MachineEvent);
    }
  };
  for (const [step, { cpu, seconds }] of sorted) {
    if (!isMappingStep(step)) continue;
    writeFaults(seconds);
    const { mapping } = step;
    const { request } = mapping;
    if (request !== null && !requests.has(request)) requests.set(request, requests.size + 1);
    for (const [name, fields] of eventsOf(step)) {
      writer.event({
        seq: ++seq,
        at_ns: Math.round(seconds * NS_PER_S),
        cpu,
        device: mapping.device?.name ?? null,
        request: request === null ? null : requests.get(request)!,
        site: step.line,
        name,
        fields,
        why: null,
      } as object as MachineEvent);
    }
  }
  writeFaults(Infinity);
  const [first] = findings;
  if (first !== undefined) {
    const lines = findings.slice(0, WRITTEN_FINDINGS).map(findingLine);
    const rest = findings.length - lines.length;
    if (rest > 0) lines.push(`and ${formatCount(rest, "more finding")}`);
    const place = `${file}:${first.line ?? 1}:1`;
    const failure = { code: first.rule, message: lines.join("\n"), place };
    writer.outcome({ ...names, outcome: "failed", failure });
  }
  writer.end();
}

function eventsOf(step: MappingStep): FileEvent[] {
  const { mapping, op } = step;
  switch (op) {
    case "map":
      return mapping.kind === "alloc"
        ? [
          ["call.dma_alloc_coherent", { dev: device(mapping), size: mapping.sizeBytes }],
          ["ret.dma_alloc_coherent", { result: mapping.addr, error: null }],
        ]
        : [["dma.map", {
          api: mapping.kind === "sg" ? "dma_map_sg" : "dma_map_phys",
          ...extent(mapping),
        }]];
    case "range":
      return [["dma.map", { api: "dma_iova_link", ...extent(mapping) }]];
    case "destroy":
      return [["dma.unmap", {
        api: "dma_iova_destroy",
        ...extent(mapping),
        size_bytes: step.destroyedBytes,
      }]];
    case "unmap":
      return mapping.kind === "alloc"
        ? [["call.dma_free_coherent", {
          dev: device(mapping),
          size: step.sizeBytes,
          dma: mapping.addr,
        }], ["ret.dma_free_coherent", { result: null, error: null }]]
        : [["dma.unmap", {
          ...extent(mapping),
          api: mapping.kind === "sg" ? "dma_unmap_sg" : "dma_unmap_phys",
          size_bytes: step.sizeBytes,
          dir: word(step.dir),
        }]];
    case "again":
      return mapping.kind === "alloc" ? [] : [["dma.unmap", {
        ...extent(mapping),
        api: mapping.kind === "sg" ? "dma_unmap_sg" : "dma_unmap_phys",
      }]];
    default:
      return [];
  }
}

function device(mapping: TracedMapping): string {
  return mapping.device?.name ?? "";
}

function extent(mapping: TracedMapping) {
  return {
    phys: mapping.phys ?? 0,
    dma: mapping.addr,
    size_bytes: mapping.sizeBytes,
    dir: word(mapping.dir ?? "BIDIRECTIONAL"),
    path: pathOf(mapping),
  };
}

/**
 * The path of a mapping. If the trace does not show how the mapping's address was translated, an
 * IOMMU is assumed, as in scripts.
 */
function pathOf({ addr, device, phys, tableLine }: TracedMapping): MappingPath {
  if (tableLine > 0) return "iommu";
  if (phys === addr) return "direct";
  return device !== null && modeOf(device) === "bounced" ? "swiotlb" : "iommu";
}

function word(dir: string): DirectionWord {
  return dir.toLowerCase() as DirectionWord;
}
