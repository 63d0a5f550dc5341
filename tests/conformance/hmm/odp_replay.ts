/**
 * Replays the on-demand paging of software RDMA (tests/golden/hmm, `odp-rxe`): regions, prefetches,
 * the process's changes to its memory, and the notifications of the RDMA core.
 *
 * A software device makes no DMA calls. Therefore its map consists only of the list of page frames.
 */
import { type MemoryRegion, RdmaAdapter } from "@dmalab/devices";
import {
  ADDRESS_LIMIT,
  AddressSpace,
  alignUp,
  type Bytes,
  type ChangedRange,
  defaultMachineConfig,
  ERRNO,
  type ErrnoName,
  Machine,
  PAGE_SIZE_BYTES,
  type VirtAddr,
} from "@dmalab/runtime";
import { type Difference, firstDifference, type Json, type JsonObject } from "../difference.ts";
import { GroupCount, type GroupResult } from "../group_result.ts";
import { profileOf } from "../kernel/kernel_machine.ts";
import type { HmmCallLine } from "./hmm_ops.ts";
import { changeMemory, eventNumber, GivenFrames, mapMemory, MEMORY_START } from "./hmm_memory.ts";
import {
  GIVEN_TO_SOFTWARE,
  givenOf,
  type HmmCase,
  type HmmFacts,
  type HmmOp,
} from "./hmm_given.ts";
import type { WatchResults } from "./hmm_replay.ts";

/** Access flags of a region: on-demand paging, and write access for the device. */
const ON_DEMAND = 64;
const LOCAL_WRITE = 1;
/** The length with which a caller requests a region of the whole address space. */
const EVERYTHING = "18446744073709551615";
const UPPER_HALF = 2n ** 63n;
const WRITABLE_MASK = "0x4000000000000000";

/** Replays the cases of a file, and counts them. */
export function replayOdp(
  group: string,
  facts: HmmFacts,
  cases: readonly HmmCase[],
  watch: WatchResults | null = null,
): GroupResult {
  const count = new GroupCount(group);
  const kernel = profileOf(facts.kernel);
  const machine = new Machine({ ...defaultMachineConfig(), kernel, checker: "off" });
  // One program runs all cases, so that its memory is kept between them.
  const mm = new AddressSpace(machine, new GivenFrames());
  const origin = cases.map(baseOf).find((base) => base !== null) ?? 0n;
  for (const each of cases) {
    const odpCase = new OdpCase(machine, mm, each, { origin, watch });
    count.replay(
      `${each.id} (${each.kind} ${each.family})`,
      () => odpCase.run(),
      "hmm-rdma-vfio.2.2",
    );
  }
  return count.result();
}

class OdpCase {
  readonly #case: HmmCase;
  readonly #adapter: RdmaAdapter;
  /** The difference by which an address of the record is higher than the model's. */
  readonly #gap: bigint;
  /** Start of the case's memory; other addresses are relative to it. */
  readonly #start: number;
  readonly #stopListening: () => void;
  readonly #watch: WatchResults | null;
  /** The region of the case. */
  #region: MemoryRegion | null = null;
  #calls: HmmCallLine[] = [];

  /** @param file The recorded address of the first case's memory, and the watcher. */
  constructor(
    machine: Machine,
    private readonly mm: AddressSpace,
    odpCase: HmmCase,
    { origin, watch }: { readonly origin: bigint; readonly watch: WatchResults | null },
  ) {
    this.#watch = watch;
    this.#case = odpCase;
    this.#adapter = new RdmaAdapter(machine, "rxe", null, 0);
    this.#gap = origin - BigInt(MEMORY_START);
    const base = baseOf(odpCase);
    this.#start = Number((base ?? origin) - this.#gap);
    if (base !== null) {
      const what = odpCase.family.endsWith("huge") ? "mmap_anon_huge" : "mmap_anon_small";
      mapMemory(mm, this.#start as VirtAddr, what, areaBytes(odpCase) / PAGE_SIZE_BYTES);
    }
    this.#stopListening = machine.events.listen(({ fields: { result } }) => {
      const ret = result === "OK" ? 0 : -ERRNO[result as ErrnoName];
      this.#calls.push({ call: "hmm_range_fault", ret });
    }, ["hmm.fault"]);
  }

  run(): Difference | null {
    try {
      return this.#firstDifference();
    } finally {
      this.#stopListening();
    }
  }

  #firstDifference(): Difference | null {
    for (const [index, op] of this.#case.ops.entries()) {
      const given = givenOf(GIVEN_TO_SOFTWARE, op.op);
      const answer = given === null ? null : this.#answer(op);
      if (answer === null) return { path: "op", expected: op.op, got: undefined };
      const kept = Object.entries(op).filter(([name]) => name !== "op" && !given!.has(name));
      const results = Object.fromEntries(kept) as JsonObject;
      const differs = (other: JsonObject) => firstDifference(this.#inModel(other), answer);
      this.#watch?.(op.op, results, (other) => differs(other) !== null);
      const found = differs(results);
      if (found !== null) return { ...found, path: `ops[${index}](${op.op}).${found.path}` };
    }
    return null;
  }

  #answer(op: HmmOp): JsonObject | null {
    this.#calls = [];
    const ret = this.#do(op);
    if (ret === null) return op.op === "caps" ? {} : null;
    return this.#calls.length === 0 ? { ret } : { ret, calls: this.#calls };
  }

  #do(op: HmmOp): number | null {
    switch (op.op) {
      case "register":
        return this.#register(op);
      case "deregister":
        return this.#deregister();
      case "prefetch":
        return this.#prefetch(op);
      case "memory": {
        const start = this.#virt(op);
        const end = start + (op.length as number) as VirtAddr;
        return changeMemory(this.mm, op.what as string, start, end);
      }
      default:
        return null;
    }
  }

  #register(op: HmmOp): number {
    // Software RDMA supports no huge pages, and no region that covers the whole address space.
    // Pinned memory is not ODP.
    if (op.huge === 1) return -ERRNO.EOPNOTSUPP;
    if (op.length === EVERYTHING) return -ERRNO.EINVAL;
    const writable = op.write === 1;
    const sizeBytes = op.length as number;
    const virt = this.#virt(op);
    if (op.on_demand === 0) {
      const end = alignUp(virt + sizeBytes, PAGE_SIZE_BYTES) as VirtAddr;
      return changeMemory(this.mm, "write", virt, end)!;
    }
    const access = ON_DEMAND + (writable ? LOCAL_WRITE : 0);
    const request = { mm: this.mm, virt, sizeBytes, writable, huge: false, onDemand: true };
    const made = this.#adapter.register(request);
    const ret = typeof made === "number" ? made : 0;
    this.#calls.push({ call: "ib_umem_odp_get", size: sizeBytes, access, ret });
    if (typeof made === "number") return ret;
    this.#region = made;
    const { end, start } = made.umem;
    // This notifier is inserted after the region's own notifier, so that it is called after that
    // one.
    this.mm.notifiers.insert(start, end, {
      invalidate: (notifier, range) => {
        notifier.advance();
        this.#emitInvalidation(made, range);
        return true;
      },
    });
    this.#mapDma(made, virt, sizeBytes, false, writable);
    return 0;
  }

  #deregister(): number {
    if (this.#region === null) return 0;
    const region = this.#region;
    const { end, start } = region.umem;
    this.#region = null;
    this.#adapter.deregister(region);
    this.#calls.push({ call: "ib_umem_odp_release" });
    this.#emitUnmap(region, start, end);
    return 0;
  }

  #prefetch(op: HmmOp): number {
    // The driver requires a region with write access, whatever the request.
    const region = this.#region;
    if (region === null || !region.umem.writable) return -ERRNO.EINVAL;
    const write = op.kind !== "read";
    const fault = op.kind !== "no_fault";
    const ret = this.#mapDma(region, this.#virt(op), op.length as number, fault, write);
    return Math.min(ret, 0);
  }

  #mapDma(
    region: MemoryRegion,
    virt: VirtAddr,
    bytes: Bytes,
    fault: boolean,
    write: boolean,
  ): number {
    const ret = this.#adapter.prefetch(region, virt, bytes, fault, !write);
    this.#calls.push({
      call: "ib_umem_odp_map_dma_and_lock",
      user_virt: virt,
      bytes,
      write,
      access_mask: write ? WRITABLE_MASK : "0x0",
      fault,
      ret,
    });
    return ret;
  }

  #emitInvalidation(region: MemoryRegion, range: ChangedRange): void {
    const { end, start } = range;
    const { umem } = region;
    this.#emitUnmap(region, Math.max(start, umem.start), Math.min(end, umem.end));
    this.#calls.push({ call: "invalidate", start, end, event: eventNumber(range), ret: 1 });
  }

  /** Adds the lines for entries that were examined; none of them was mapped for DMA. */
  #emitUnmap({ umem }: MemoryRegion, start: number, end: number): void {
    const count = (end - start) / PAGE_SIZE_BYTES;
    this.#calls.push({ call: "ib_umem_odp_unmap_dma_pages", start, end }, {
      call: "hmm_dma_unmap_pfn",
      index: umem.indexOf(start),
      ret: 0,
      ...(count > 1 ? { count } : {}),
    });
  }

  /** Addresses of operations are relative to the start of the memory; negative ones are absolute. */
  #virt(op: HmmOp): VirtAddr {
    const addr = op.addr as number;
    return (addr < 0 ? ADDRESS_LIMIT + addr : this.#start + addr) as VirtAddr;
  }

  /**
   * The record with the model's addresses. Addresses in the upper half are counted from the end of
   * the address space, in the record and in the model.
   */
  #inModel(value: Json): Json {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map((each) => this.#inModel(each));
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        ["start", "end", "user_virt"].includes(name)
          ? this.#addressInModel(BigInt(each as string | number))
          : this.#inModel(each),
      ]),
    );
  }

  #addressInModel(address: bigint): number {
    return address >= UPPER_HALF
      ? Number(address - 2n * UPPER_HALF + BigInt(ADDRESS_LIMIT))
      : Number(address - this.#gap);
  }
}

/** The recorded address of a case's memory, from its first region; null without a region. */
function baseOf({ ops }: HmmCase): bigint | null {
  for (const { addr, calls } of ops) {
    if ((addr as number) < 0) continue;
    for (const { user_virt } of (calls ?? []) as readonly HmmCallLine[]) {
      if (user_virt !== undefined) {
        return BigInt(user_virt as string | number) - BigInt(addr as number);
      }
    }
  }
  return null;
}

/**
 * Size of a case's memory. The record does not contain the mmap, so the size reaches to the end of
 * the case's last operation on the memory.
 */
function areaBytes({ ops }: HmmCase): Bytes {
  const ends = ops.map(({ addr, length, op, ret }) => {
    const isDone = op === "memory" || op === "register" && ret === 0;
    return isDone && typeof length === "number" ? (addr as number) + length : 0;
  });
  return alignUp(Math.max(PAGE_SIZE_BYTES, ...ends), PAGE_SIZE_BYTES);
}
