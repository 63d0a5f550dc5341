/**
 * Replays a file of tests/golden/hmm: its cases follow each other on one machine, from the first to
 * the last.
 */
import { MIB, PAGE_SIZE_BYTES, type PhysAddr } from "../../runtime/address.ts";
import { KernelError } from "../../runtime/errno.ts";
import { type Difference, firstDifference, type Json } from "../difference.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import type { PeerSpan } from "../kernel/captured_peers.ts";
import type { HmmCase, HmmFacts, HmmOp } from "./hmm_data.ts";
import { InnerLines } from "./hmm_inner.ts";
import { type HmmMachine, hmmMachine } from "./hmm_machine.ts";
import { HmmOps } from "./hmm_ops.ts";
import { AddressWords } from "./hmm_words.ts";
import { TwoStepOps } from "./two_step_ops.ts";

/** Fields of each operation that the program chose, or the machine by itself; all others are compared. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  try_alloc: ["state", "phys", "size"],
  link: ["state", "phys", "offset", "size", "dir", "attrs"],
  sync: ["state", "offset", "size"],
  unlink: ["state", "offset", "size", "dir", "attrs"],
  destroy: ["state", "mapped", "dir", "attrs"],
  free: ["state"],
  map_phys: ["phys", "size", "dir", "attrs"],
  unmap_phys: ["dma", "size", "dir", "attrs"],
  set_mask: ["mask"],
  set_min_align_mask: ["mask"],
  table: ["from", "pages"],
  residual_removed: ["from", "pages"],
  memory_blocks: ["phys", "bytes"],
  hmm_alloc: ["map", "entries", "entry_size"],
  hmm_free: ["map"],
  hmm_map: ["map", "index"],
  hmm_unmap: ["map", "index"],
  set_entry: ["map", "index", "pfns"],
  dma_list_entry: ["map", "index"],
  peer_pfn: ["pfn"],
  notifier_add: ["map", "pages", "mode"],
  notifier_remove: ["map"],
  race: ["map", "what", "page", "pages"],
  range_fault: ["map", "page", "pages", "default", "mask"],
  memory: ["what", "map", "page", "pages"],
};

/** No file shows more memory of another function than that. */
const LENT_BYTES = 1 * MIB;

const BETWEEN = "(between)";
/** Ends a case that the kernel did not survive. What it was doing is the case's family. */
const KILLED = "(killed by the kernel)";
const SIGKILL = 9;

/** The last thing that the program of such a case does; of a DMA call the record has the name. */
const LAST_OPS: Readonly<Record<string, HmmOp>> = {
  link_after_false_try_alloc: { op: "link", state: 0, phys: 0, offset: 0, size: 4096, dir: 0 },
  free_after_false: { op: "free", state: 0 },
  late_bounce_unmap: { op: "hmm_unmap", map: 3, index: 0 },
  late_bounce_map: { op: "hmm_map", map: 3, index: 0 },
};
const NOTHING: Readonly<Record<string, Json>> = {};

/** Replays the cases of one file, and counts them. */
export function replayHmm(
  group: string,
  facts: HmmFacts,
  cases: readonly HmmCase[],
): GroupResult {
  const count = new GroupCount(group);
  const file = new HmmFile(hmmMachine(facts, lentMemory(cases)));
  for (const each of cases) {
    const difference = file.run(each);
    const rule = each.kind.startsWith("hmm") ? "hmm-rdma-vfio.1.3" : "dma.3.3";
    count.add(
      `${each.id} (${each.kind} ${each.family})`,
      difference,
      difference === null ? null : rule,
    );
  }
  return count.result();
}

/** The memory that another function lends, as a file names it by its first frame. */
function lentMemory(cases: readonly HmmCase[]): PeerSpan | null {
  for (const { ops } of cases) {
    const named = ops.find(({ op }) => op === "peer_pfn");
    if (named === undefined) continue;
    const basePhys = (named.pfn as number) * PAGE_SIZE_BYTES as PhysAddr;
    return { basePhys, sizeBytes: LENT_BYTES };
  }
  return null;
}

/** One machine, case after case. */
class HmmFile {
  readonly #host: HmmMachine;
  readonly #words: AddressWords;
  readonly #inner: InnerLines;
  readonly #calls: TwoStepOps;
  readonly #maps: HmmOps;
  /** A timer that the record shows before the operation inside of which it fired. */
  #inside: HmmOp | null = null;
  /** The kernel killed the program of the case. */
  #killed = false;

  constructor(host: HmmMachine) {
    const { addressBits, dev, machine, tellsFlushes } = host;
    this.#host = host;
    this.#words = new AddressWords(addressBits);
    this.#inner = new InnerLines(machine, dev, { words: this.#words, tellsFlushes });
    this.#calls = new TwoStepOps(machine, dev, this.#inner, this.#words);
    this.#maps = new HmmOps(host, this.#inner);
  }

  /** Does all operations of a case, also behind one that differs: the next case goes on from there. */
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
    let answer: Readonly<Record<string, Json>>;
    try {
      answer = this.#answer(op) ?? { op: "unknown operation" };
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      answer = { crashed: error.message };
    }
    const fired = inner.end();
    const timer = this.#inside;
    this.#inside = null;
    const between = timer === null ? null : this.#differs(timer, fired ?? []);
    const found = firstDifference(this.#words.recorded(resultsOf(op)), answer);
    return between ?? found;
  }

  /** The program does what no kernel survives. */
  #dies(op: HmmOp, family: string): Difference | null {
    const last = LAST_OPS[family];
    if (last === undefined) return { path: "family", expected: family, got: undefined };
    try {
      this.#answer(last);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.#killed = true;
    }
    const calls = (op.calls ?? []) as readonly { readonly call: string }[];
    const entered = last.op.startsWith("hmm") ? [] : [`dma_iova_${last.op}`];
    const expected = { killed: true, calls: calls.map(({ call }) => call) };
    return firstDifference(expected, { killed: this.#killed, calls: entered });
  }

  #answer(op: HmmOp): Readonly<Record<string, Json>> | null {
    if (op.op === "warn_reset") this.#host.machine.warnings.rearm();
    if (op.op === "warn_reset" || op.op === "memory_blocks") return NOTHING;
    if (op.op === "child") return { signal: this.#killed ? SIGKILL : 0 };
    return this.#calls.run(op) ?? this.#maps.run(op);
  }

  /** The flush queue's timer, which fires where the record shows it. */
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
    return firstDifference(this.#words.recorded(lines), got, "between");
  }
}

/** Whether the operation of that number inside a call takes addresses that the cache has not. */
function missesCache(op: HmmOp | undefined, number: number): boolean {
  const calls = (op?.calls ?? []) as readonly HmmOp[];
  const lines = [...op?.inner ?? [], ...calls.flatMap(({ inner }) => inner ?? [])];
  const [first] = (lines[number]?.tries ?? []) as readonly (readonly Json[])[];
  return first?.[2] === "tree";
}

function resultsOf(op: HmmOp): Readonly<Record<string, Json>> {
  const given = ARGUMENTS[op.op] ?? [];
  const results = Object.entries(op).filter(([name]) => name !== "op" && !given.includes(name));
  return Object.fromEntries(results) as Readonly<Record<string, Json>>;
}
