/**
 * Replays of operation traces: one file is one life of an allocator, a table, a pool or a device.
 *
 * A case is a line that has a result. After a file's first difference all its later lines count as
 * different, because the model and the record have parted.
 */
import { attempt, type Difference } from "../difference.ts";
import { DmaTrace } from "./dma_trace.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { IovaTrace, type IovaTraceLine } from "./iova_trace.ts";
import { PageTableTrace } from "./pagetable_trace.ts";
import { SwiotlbTrace } from "./swiotlb_trace.ts";

/** Runs one operation; null when its answer is the recorded one. */
interface TraceModel {
  run(line: IovaTraceLine): Difference | null;
}

interface TraceKind {
  make(): TraceModel;
  /** Fields that are results; a line with any of them is a case. */
  readonly results: readonly string[];
  /** Where the rules of this kind stand. */
  readonly rule: string;
}

const ALLOCATOR: TraceKind = {
  make: () => new IovaTrace(),
  results: ["pfn", "lo", "out_lo", "works", "online", "nodes"],
  rule: "dma.4",
};
const MAPPING_LAYER: TraceKind = {
  make: () => new DmaTrace(),
  results: ["dma", "ret", "addr", "events", "now", "iova_nodes", "opt_mapping_size", "copies"],
  rule: "dma.5",
};
const PAGE_TABLE: TraceKind = {
  make: () => new PageTableTrace(),
  results: ["ret", "unmapped", "phys", "leaves", "steps"],
  rule: "dma.5.1",
};
const BOUNCE_POOL: TraceKind = {
  make: () => new SwiotlbTrace(),
  results: ["tlb", "copies", "used", "areas"],
  rule: "dma.6.2",
};

function kindOf(group: string): TraceKind {
  if (group.startsWith("pagetable/")) return PAGE_TABLE;
  if (group.startsWith("swiotlb/")) return BOUNCE_POOL;
  return group.startsWith("iova/dma-") ? MAPPING_LAYER : ALLOCATOR;
}

/** Replays one file of `iova/`, `pagetable/` or `swiotlb/` and counts its lines. */
export function replayTrace(group: string, lines: readonly IovaTraceLine[]): GroupResult {
  const kind = kindOf(group);
  const model = kind.make();
  const count = new GroupCount(group);
  let broken: Difference | null = null;
  for (const [index, line] of lines.entries()) {
    const whole = broken === null;
    // A line that the model breaks on is one that differs.
    broken ??= attempt(() => model.run(line), "op", "an answer");
    // A line without a result cannot agree, but where the model stumbles over one, it counts.
    const stumbled = whole && broken !== null;
    if (stumbled || kind.results.some((field) => field in line)) {
      count.add(`line ${index + 1} (${line.op ?? "without an op"})`, broken, kind.rule);
    }
  }
  return count.result();
}
