/**
 * Replays operation traces (tests/golden/iova, pagetable, invalidations and swiotlb). All operations of a file are
 * performed on the same allocator, table, pool or device.
 *
 * Each line with a result is a case. After a file's first difference all later lines of the file count as
 * different, because the states of model and record differ.
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
  /** The names of all groups of this kind begin with this prefix. */
  readonly prefix: string;
  readonly record: RecordKind;
  /**
   * Makes the model that performs the operations. A line must have the right form: its type is not
   * checked here.
   */
  make(): { run(line: never): Answer };
  /** The only operation that may precede `init`. */
  readonly beforeInit?: string;
  /** Result fields that no record contains, or that only some records contain. */
  readonly unrecorded?: readonly string[];
  /**
   * Fields that a record leaves out if they have these values (as JSON). These values mean that
   * nothing happened.
   */
  readonly empty?: Readonly<Record<string, string>>;
  /** Fields that are results; a line with any of them is a case. */
  readonly results: readonly string[];
  /** The rule about this kind. */
  readonly rule: string;
}

/** The kinds of traces; the first one with a matching prefix applies to a group. */
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

/** The kind of records in a group of traces; null for other groups. */
export function recordOfTrace(group: string): RecordKind | null {
  return kindOf(group)?.record ?? null;
}

/** The fields of a result that a line of a group records. */
export function recordedFields(group: string, line: OperationLine, answer: Answer): Answer {
  const { empty = {}, unrecorded = [] } = kindOf(group)!;
  return Object.fromEntries(
    Object.entries(answer).filter(([name, value]) =>
      name in line || !unrecorded.includes(name) && JSON.stringify(value) !== empty[name]
    ),
  );
}

/** Compares the fields of a result with the recorded line. */
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
    // A line on which the model throws counts as different.
    broken ??= attempt(() => run(line), "op", "an answer");
    // A line counts as a case if it has a result, or if the model throws on it.
    const stumbled = whole && broken !== null;
    if (stumbled || results.some((field) => field in line)) {
      count.add(`line ${index + 1} (${line.op ?? "without an op"})`, broken, rule);
    }
  }
  return count.result();
}
