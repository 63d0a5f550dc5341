/**
 * Replays a file of tests/golden/hmm: all its cases run on one machine, from the first to the last.
 */
import { KernelError, MIB, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import { type Difference, firstDifference, type Json, type JsonObject } from "../difference.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import type { PeerSpan } from "../kernel/captured_peers.ts";
import { GIVEN, givenOf, type HmmCase, type HmmFacts, type HmmOp } from "./hmm_given.ts";
import { InnerLines } from "./hmm_inner.ts";
import { type HmmMachine, hmmMachine } from "./hmm_machine.ts";
import { HmmOps } from "./hmm_ops.ts";
import { AddressWords, warnSites } from "./hmm_words.ts";
import { TwoStepOps } from "./two_step_ops.ts";

/**
 * Size of the memory that another PCI function provides. No file shows more memory, and no smaller
 * size can be provided.
 */
const LENT_BYTES = 2 * MIB;

const BETWEEN = "(between)";
/**
 * Marks the end of a case that crashed the kernel. The case's family names the operation that the
 * kernel was performing.
 */
const KILLED = "(killed by the kernel)";
const SIGKILL = 9;

/**
 * The last operation of the program in a case that crashed the kernel, by the case's family. For a
 * DMA call the record has only the name.
 */
const LAST_OPS: Readonly<Record<string, HmmOp>> = {
  link_after_false_try_alloc: { op: "link", state: 0, phys: 0, offset: 0, size: 4096, dir: 0 },
  free_after_false: { op: "free", state: 0 },
  late_bounce_unmap: { op: "hmm_unmap", map: 3, index: 0 },
  late_bounce_map: { op: "hmm_map", map: 3, index: 0 },
};
const NOTHING: JsonObject = {};

/**
 * Called with the model's results of an operation.
 * @param results The part of the record that is compared.
 * @param differs Returns whether other results would differ from the record.
 */
export type WatchResults = (
  op: string,
  results: JsonObject,
  differs: (results: JsonObject) => boolean,
) => void;

/**
 * Replays the cases of one file, and counts them.
 * @throws {GoldenReadError} For a machine that cannot be built.
 */
export function replayHmm(
  group: string,
  facts: HmmFacts,
  cases: readonly HmmCase[],
  watch: WatchResults | null = null,
): GroupResult {
  const count = new GroupCount(group);
  const file = new HmmFile(facts, lentMemory(cases), watch);
  for (const each of cases) {
    const rule = each.kind.startsWith("hmm") ? "hmm-rdma-vfio.1.3" : "dma.3.3";
    count.replay(`${each.id} (${each.kind} ${each.family})`, () => file.run(each), rule);
  }
  return count.result();
}

/** The memory that another function provides, from the first frame that a file names. */
function lentMemory(cases: readonly HmmCase[]): PeerSpan | null {
  for (const { ops } of cases) {
    const named = ops.find(({ op }) => op === "peer_pfn");
    if (named === undefined) continue;
    const phys = (named.pfn as number) * PAGE_SIZE_BYTES;
    const basePhys = (phys - phys % LENT_BYTES) as PhysAddr;
    return { basePhys, sizeBytes: LENT_BYTES };
  }
  return null;
}

/** Replays the cases of a file on one machine. */
class HmmFile {
  readonly #host: HmmMachine;
  readonly #words: AddressWords;
  readonly #inner: InnerLines;
  readonly #calls: TwoStepOps;
  readonly #maps: HmmOps;
  /** A timer that the record lists before the operation inside which it fired. */
  #inside: HmmOp | null = null;
  /** Whether the kernel killed the program of the case. */
  #killed = false;

  constructor(facts: HmmFacts, lent: PeerSpan | null, private readonly watch: WatchResults | null) {
    const host = hmmMachine(facts, lent);
    const { addressBits, dev, machine, tellsFlushes } = host;
    this.#host = host;
    this.#words = new AddressWords(addressBits);
    this.#inner = new InnerLines(machine, dev, {
      words: this.#words,
      tellsFlushes,
      sites: warnSites(facts.kernel),
    });
    this.#calls = new TwoStepOps(machine, dev, this.#inner, this.#words);
    this.#maps = new HmmOps(host, this.#inner);
  }

  /**
   * Performs all operations of a case, even after a difference, because the next case starts from the
   * state in which this case ends.
   */
  run({ family, ops }: HmmCase): Difference | null {
    this.#host.machine.warnings.rearm();
    this.#maps.begin();
    let first: Difference | null = null;
    for (const [index, op] of ops.entries()) {
      const found = op.op === BETWEEN
        ? this.#between(op, ops[index + 1])
        : op.op === KILLED
        ? this.#dies(op, family)
        : this.#compare(op);
      if (found !== null) {
        first ??= { ...found, path: `ops[${index}](${op.op}).${found.path}` };
      }
    }
    return first;
  }

  #compare(op: HmmOp): Difference | null {
    const inner = this.#inner;
    inner.begin();
    let answer: JsonObject;
    try {
      answer = this.#answer(op) ?? { op: "unknown operation" };
    } catch (error) {
      // Any error counts as a difference of this case, so that the following cases are still
      // replayed.
      answer = { thrown: String(error) };
    }
    const fired = inner.end();
    const timer = this.#inside;
    this.#inside = null;
    const between = timer === null ? null : this.#differs(timer, fired ?? []);
    const differs = (results: Json) => firstDifference(this.#words.recorded(results), answer);
    const found = this.#watched(op, resultsOf(op), differs);
    return between ?? found;
  }

  /** Performs the operation that crashes the kernel. */
  #dies(op: HmmOp, family: string): Difference | null {
    const last = LAST_OPS[family];
    if (last === undefined) return { path: "family", expected: family, got: undefined };
    try {
      this.#answer(last);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#killed = true;
    }
    const answer = { killed: this.#killed, ...this.#calls.enteredBy(last) };
    return this.#watched(
      op,
      resultsOf(op),
      (results) => firstDifference({ killed: true, ...results }, answer),
    );
  }

  /** Compares results, and shows the compared ones to the watcher. */
  #watched(
    { op }: HmmOp,
    results: JsonObject,
    differs: (results: JsonObject) => Difference | null,
  ): Difference | null {
    this.watch?.(op, results, (other) => differs(other) !== null);
    return differs(results);
  }

  #answer(op: HmmOp): JsonObject | null {
    if (op.op === "warn_reset") this.#host.machine.warnings.rearm();
    if (op.op === "warn_reset" || op.op === "memory_blocks") return NOTHING;
    if (op.op === "child") return { signal: this.#killed ? SIGKILL : 0 };
    return this.#calls.run(op) ?? this.#maps.run(op);
  }

  /** Fires the flush queue's timer where the record shows it. */
  #between(op: HmmOp, next: HmmOp | undefined): Difference | null {
    const queue = this.#host.dev.domain?.flushQueue ?? null;
    const [first] = op.inner ?? [];
    if (queue === null || first === undefined) {
      return { path: "op", expected: op.op, got: undefined };
    }
    if (first.inside_next_call === true) {
      this.#inside = op;
      const after = first.after_inner as number;
      this.#inner.fireInside(queue, after, missesCache(next, after));
      return null;
    }
    return this.#differs(op, this.#inner.fire(queue));
  }

  #differs(op: HmmOp, got: Json): Difference | null {
    const lines = (op.inner ?? [])
      .map(({ inside_next_call: _inside, after_inner: _after, ...line }) => line);
    return this.#watched(
      op,
      { inner: lines },
      ({ inner }) => firstDifference(this.#words.recorded(inner!), got, "between"),
    );
  }
}

/** Whether line `number` inside an operation is an allocation of IOVAs that the cache does not have. */
function missesCache(op: HmmOp | undefined, number: number): boolean {
  const calls = (op?.calls ?? []) as readonly HmmOp[];
  const lines = [...op?.inner ?? [], ...calls.flatMap(({ inner }) => inner ?? [])];
  const [first] = (lines[number]?.tries ?? []) as readonly (readonly Json[])[];
  return first?.[2] === "tree";
}

function resultsOf(op: HmmOp): JsonObject {
  const given = givenOf(GIVEN, op.op);
  const results = Object.entries(op).filter(([name]) => name !== "op" && !given?.has(name));
  return Object.fromEntries(results) as JsonObject;
}
