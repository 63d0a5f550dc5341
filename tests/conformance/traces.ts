/**
 * Replays of operation traces (tests/golden/iova, pagetable, invalidations and swiotlb): one file is one life of an
 * allocator, a table, a pool or a device.
 *
 * A case is a line that has a result. After a file's first difference all its later lines count as
 * different, because the model and the record have parted.
 */
import { InvalidationModel } from "./invalidation_model.ts";
import { IovaModel, MappingModel, PoolModel, TableModel } from "@dmalab/kernel_tree/oracle";
import { attempt, type Difference, firstDifference, type Json } from "./difference.ts";
import type { RecordKind } from "./given.ts";
import { GroupCount, type GroupResult } from "./group_result.ts";

type Answer = Readonly<Record<string, unknown>>;

/** One line of a trace: an operation with its arguments and its recorded results. */
export type OperationLine = Answer & { readonly op: string };

interface TraceKind {
  /** How the names of its groups begin. */
  readonly prefix: string;
  readonly record: RecordKind;
  /** What runs the kind's own operations; a line is one of them where its record is sound. */
  make(): { run(line: never): Answer };
  /** The one operation that may come before `init`. */
  readonly beforeInit?: string;
  /** Fields that records do not have, or not everywhere. */
  readonly unrecorded?: readonly string[];
  /** Values, as JSON, of fields that a record leaves out where nothing happened. */
  readonly empty?: Readonly<Record<string, string>>;
  /** Fields that are results; a line with any of them is a case. */
  readonly results: readonly string[];
  /** The place of the rules of this kind. */
  readonly rule: string;
}

/** A group gets the first one with a prefix that fits. */
const KINDS: readonly TraceKind[] = [
  {
    prefix: "pagetable/",
    record: "page-table trace",
    make: () => new TableModel(),
    beforeInit: "pgsize",
    unrecorded: ["entry"],
    empty: { sync: "[]" },
    results: ["ret", "unmapped", "phys", "leaves", "steps"],
    rule: "dma.5.1",
  },
  {
    prefix: "invalidations/",
    record: "invalidation trace",
    make: () => new InvalidationModel(),
    results: ["commands"],
    rule: "dma.5.4",
  },
  {
    prefix: "swiotlb/",
    record: "bounce-pool trace",
    make: () => new PoolModel(),
    unrecorded: ["used_runs"],
    results: ["tlb", "copies", "used", "areas"],
    rule: "dma.6.2",
  },
  {
    prefix: "iova/dma-",
    record: "mapping trace",
    make: () => new MappingModel(),
    beforeInit: "reserved",
    unrecorded: ["events", "required_mask", "addressing_limited"],
    empty: { caches: "[]", copies: "[]", went_beyond_32bit: "false", warn: "0" },
    results: ["dma", "ret", "addr", "events", "now", "iova_nodes", "opt_mapping_size", "copies"],
    rule: "dma.5",
  },
  {
    prefix: "iova/",
    record: "allocator trace",
    make: () => new IovaModel(),
    results: ["pfn", "lo", "out_lo", "works", "online", "nodes"],
    rule: "dma.4",
  },
];

function kindOf(group: string): TraceKind | undefined {
  return KINDS.find(({ prefix }) => group.startsWith(prefix));
}

/** The kind of the lines of a group of traces; null for a group that is no trace. */
export function recordOfTrace(group: string): RecordKind | null {
  return kindOf(group)?.record ?? null;
}

/** The part of an answer to a line of a group that the line records. */
export function recordedFields(group: string, line: OperationLine, answer: Answer): Answer {
  const { empty = {}, unrecorded = [] } = kindOf(group)!;
  return Object.fromEntries(
    Object.entries(answer).filter(([name, value]) =>
      name in line || !unrecorded.includes(name) && JSON.stringify(value) !== empty[name]
    ),
  );
}

/** Compares each field that `answer` has with the recorded line. */
export function compareFields(line: OperationLine, answer: Answer): Difference | null {
  for (const [name, value] of Object.entries(answer)) {
    const found = firstDifference((line[name] ?? null) as Json, value as Json, name);
    if (found !== null) return found;
  }
  return null;
}

/** Replays one file of operations and counts its lines. */
export function replayTrace(group: string, lines: readonly OperationLine[]): GroupResult {
  const { beforeInit, make, results, rule } = kindOf(group)!;
  const model = make();
  const count = new GroupCount(group);
  let isMade = false;
  const run = (line: OperationLine): Difference | null => {
    isMade ||= line.op === "init";
    if (!isMade && line.op !== beforeInit) return { path: "op", expected: "init", got: undefined };
    return compareFields(line, recordedFields(group, line, model.run(line as never)));
  };
  let broken: Difference | null = null;
  for (const [index, line] of lines.entries()) {
    const whole = broken === null;
    // A line that the model breaks on is one that differs.
    broken ??= attempt(() => run(line), "op", "an answer");
    // A line without a result cannot agree, but where the model stumbles over one, it counts.
    const stumbled = whole && broken !== null;
    if (stumbled || results.some((field) => field in line)) {
      count.add(`line ${index + 1} (${line.op ?? "without an op"})`, broken, rule);
    }
  }
  return count.result();
}
