/**
 * Captured calls to VFIO type 1, made on a machine: the process's memory is that of `AddressSpace`, and the
 * container drives the IOMMU. The answers are those of tests/golden/vfio; `conformance` replays them without a machine.
 */
import { assert, assertEquals } from "@std/assert";
import { VfioContainer } from "@dmalab/devices/vfio_container";
import {
  addressOfWord,
  AddressSpace,
  type DmaAddr,
  ERRNO,
  HUGE_ORDER,
  type IommuConfig,
  type MemoryRegionConfig,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type VirtAddr,
} from "@dmalab/runtime";
import { type TestBench, testBench } from "@dmalab/runtime/testing";
import { readLines } from "./conformance/golden_files.ts";
import type { Type1Machine, Type1Sequence } from "./conformance/vfio/type1_replay.ts";

const PAGE_KIB = PAGE_SIZE_BYTES / 1024;
/** Addresses between two regions, of which each lies alone. */
const REGION_BYTES = 2 ** 28;
const FIRST = 0x7000_0000_0000;
const CAPTURED_LIMIT_BYTES = 8 * 2 ** 20;

const FILES: readonly (readonly [name: string, iommu: Partial<IommuConfig>])[] = [
  ["v6.1.176-vtd", { model: "vtd" }],
  ["v6.1.176-amd", { model: "amd", addressBits: 64 }],
  ["v6.12.117-vtd39", { model: "vtd", addressBits: 39 }],
  ["v6.12.117-amd", { model: "amd", addressBits: 64 }],
  ["v7.2.12-vtd-second", { model: "vtd" }],
  ["v7.2.12-amd", { model: "amd", addressBits: 48 }],
  ["v7.2.12-virtio", { model: "virtio", addressBits: 64 }],
  ["v7.3.4-amd", { model: "amd", addressBits: 48 }],
  ["v7.3.4-vtd", { model: "vtd" }],
  ["v6.12.117-virtio", { model: "virtio", addressBits: 64 }],
  ["v7.3.4-virtio", { model: "virtio", addressBits: 64 }],
  ["v6.12.117-smmu-second", { model: "smmu", addressBits: 48 }],
  ["v7.3.4-smmu", { model: "smmu", addressBits: 48 }],
  ["v6.18.15-virtio-last", { model: "virtio", addressBits: 64 }],
  ["v7.3.4-virtio-last", { model: "virtio", addressBits: 64 }],
  ["v6.1.187-vtd-table", { model: "vtd" }],
  ["v7.2.9-vtd-table", { model: "vtd" }],
  ["v7.3.4-smmu-table", { model: "smmu", addressBits: 48 }],
  ["v7.3.4-vtd-table-second", { model: "vtd" }],
  ["v6.12.117-vtd-dirty", { model: "vtd" }],
  ["v7.3.4-smmu-dirty", { model: "smmu", addressBits: 48 }],
  ["v7.3.4-vtd-dirty-second", { model: "vtd" }],
];
/** Where the BAR of a capture's device lies. */
const BAR = { name: "bar", type: "mmio", basePhys: 0xfe00_0000, sizeBytes: 2 ** 20 } as const;

class Process {
  readonly memory: AddressSpace;
  readonly #regions: Type1Sequence["regions"];

  constructor({ machine }: TestBench, { cap_ipc_lock, regions }: Type1Sequence) {
    const limits = { memlockBytes: CAPTURED_LIMIT_BYTES, maySurpassLimit: cap_ipc_lock };
    this.memory = new AddressSpace(machine, undefined, limits);
    this.#regions = regions;
    for (const [index, [kind, pages]] of regions.entries()) {
      const start = this.addressOf(index);
      const end = start + pages * PAGE_SIZE_BYTES as VirtAddr;
      this.memory.map({
        start,
        sizeBytes: pages * PAGE_SIZE_BYTES,
        writable: true,
        order: kind === "huge" ? HUGE_ORDER : 0,
        kind: kind === "shared" || kind === "bar" ? kind : "anonymous",
        pages: kind === "bar" ? pagesOfBar(pages) : null,
      });
      if (kind === "ro" || kind === "huge") this.#write(index);
      if (kind === "ro") this.memory.protect(start, end, "read");
      else if (kind === "none") this.memory.protect(start, end, "none");
    }
  }

  addressOf(region: number): VirtAddr {
    return FIRST + region * REGION_BYTES as VirtAddr;
  }

  /**
   * Faults all pages of a region in as writes do: the guest fills memory that it may only read later. Huge pages of the captures are those of hugetlbfs, for which
   * there is no zero page.
   */
  #write(region: number): void {
    const start = this.addressOf(region);
    const end = start + this.#regions[region]![1] * PAGE_SIZE_BYTES;
    for (let at = start as number; at < end; at += PAGE_SIZE_BYTES) this.memory.faultIn(at, true);
  }

  /** `madvise(MADV_DONTNEED)` of a region: -ENOMEM where a part of it is not mapped. */
  drop(region: number): number {
    const [kind, pages] = this.#regions[region]!;
    const start = this.addressOf(region);
    const end = start + pages * PAGE_SIZE_BYTES as VirtAddr;
    const error = this.memory.discard(start, end, true);
    if (kind === "huge") this.#write(region);
    if (error !== 0) return error;
    for (let at = start as number; at < end; at += PAGE_SIZE_BYTES) {
      if (this.memory.areaAt(at) === null) return -ERRNO.ENOMEM;
    }
    return 0;
  }
}

function pagesOfBar(pages: number): PhysAddr[] {
  return Array.from(
    { length: pages },
    (_, index) => BAR.basePhys + index * PAGE_SIZE_BYTES as PhysAddr,
  );
}

/** The bits of the last bitmap, as runs; `-` for none. @param iova Where the bitmap begins. */
function bitsOf({ dirtyRanges }: VfioContainer, iova: number): string {
  const runs = dirtyRanges.map((each) => `${(each.iova - iova) / PAGE_SIZE_BYTES}+${each.pages}`);
  return runs.join(",") || "-";
}

/** A call's errno, the number that it returned, and the bits of its bitmap. */
type Answer = readonly [errno: number, value: number, bits?: string];

/** The answer of a call about dirty pages; null for another call, or one that no number can express. */
function dirtyAnswerOf(
  kind: string,
  numbers: readonly (number | null)[],
  container: VfioContainer,
): Answer | null {
  if (kind === "dirty") {
    const none = { iova: 0 as DmaAddr, sizeBytes: 0, bitmapBytes: 0, pageSizeBytes: 0 };
    return [-container.dirtyPages(numbers[0]!, none), 0];
  }
  if (numbers.some((each) => each === null || !Number.isSafeInteger(each))) return null;
  const [iova, sizeBytes, third, fourth, fifth] = numbers as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (kind === "bitmap") {
    const range = { iova: iova as DmaAddr, sizeBytes, pageSizeBytes: third, bitmapBytes: fourth };
    const error = container.dirtyPages(4, range);
    return [-error, 0, bitsOf(container, iova)];
  }
  const unmapped = container.unmapDma(iova as DmaAddr, sizeBytes, third, fifth, fourth);
  const bits = (third & 1) !== 0 ? bitsOf(container, iova) : "-";
  return unmapped < 0 ? [-unmapped, sizeBytes, bits] : [0, unmapped, bits];
}

function answerOf(
  call: string,
  process: Process,
  container: VfioContainer,
): Answer | null {
  const [kind, ...words] = call.split(" ") as [string, ...string[]];
  const numbers = words.map((word) => addressOfWord(BigInt(`0x${word}`)));
  const size = (word: string) => {
    const bytes = Number(`0x${word}`);
    return Number.isSafeInteger(bytes) ? bytes : null;
  };
  const { memory } = process;
  if (["dirty", "bitmap", "unmap_dirty"].includes(kind)) {
    return dirtyAnswerOf(
      kind,
      numbers.map((each, at) => at === 0 ? each : size(words[at]!)),
      container,
    );
  }
  if (kind === "avail") return [0, container.availableEntries];
  if (kind === "limit") {
    memory.memlockBytes = Number(words[0]);
    return [0, 0];
  }
  if (kind === "map") {
    const [iova, , , offset, flags] = numbers;
    const sizeBytes = size(words[1]!);
    // No number stands for some addresses and sizes of the captures, which all have 64 bits.
    if ([iova, sizeBytes, offset].some((each) => each === null)) return null;
    const vaddr = process.addressOf(Number(words[2])) + offset! as VirtAddr;
    return [-container.mapDma(iova as never, vaddr, sizeBytes!, flags!), 0];
  }
  if (kind === "unmap") {
    const [iova, , flags] = numbers;
    const sizeBytes = size(words[1]!);
    if (iova === null || sizeBytes === null) return null;
    const unmapped = container.unmapDma(iova as never, sizeBytes!, flags!);
    return unmapped < 0 ? [-unmapped, sizeBytes!] : [0, unmapped];
  }
  const start = process.addressOf(Number(words[0])) + (numbers[1] ?? 0);
  switch (kind) {
    case "mlock":
      return [-memory.locks.lock(start, start + numbers[2]!), 0];
    case "munlock":
      return [-memory.locks.unlock(start, start + numbers[2]!), 0];
    case "munmap":
      memory.unmap(start as VirtAddr, start + PAGE_SIZE_BYTES as VirtAddr);
      return [0, 0];
    default:
      assertEquals(kind, "dontneed");
      return [-process.drop(Number(words[0])), 0];
  }
}

/** Replays a sequence up to a call that no number can express. @returns How many calls it compared. */
function replay(bench: TestBench, sequence: Type1Sequence, at: string): number {
  const { dev, machine } = bench;
  const process = new Process(bench, sequence);
  const dmaEntryLimit = sequence.entries;
  const container = VfioContainer.open(machine, { process: process.memory, dev, dmaEntryLimit });
  assert(typeof container !== "number", `${container}`);
  let compared = 0;
  for (const line of sequence.calls) {
    const [call, result] = line.split(" = ") as [string, string];
    const expected = result.split(" | ")[0]!;
    const answer = answerOf(call, process, container);
    if (answer === null) {
      if (expected.startsWith("0 ")) break;
      continue;
    }
    const [errno, value, bits] = answer;
    const text = [
      errno,
      value,
      process.memory.lockedPages * PAGE_KIB,
      ...bits === undefined ? [] : [bits],
    ]
      .join(" ");
    assertEquals(text, expected, `${at}, call ${compared}: ${call}`);
    compared++;
  }
  process.memory.exit();
  const { lockedPages, pinnedFrames } = process.memory;
  assertEquals([lockedPages, pinnedFrames, container.areaCount], [0, 0, 0], at);
  // A virtio-iommu has no tables; of the others' the empty top one is left.
  assert(container.tablePages <= 1, at);
  return compared;
}

for (const [name, iommu] of FILES) {
  Deno.test(`a machine answers the calls of ${name} as the kernel did (hmm-rdma-vfio.md ch. 7)`, async () => {
    const lines = await readLines<Type1Machine | Type1Sequence>(
      `tests/golden/vfio/${name}.jsonl.gz`,
    );
    const [head, ...sequences] = lines as [Type1Machine, ...Type1Sequence[]];
    let compared = 0;
    for (const [index, sequence] of sequences.entries()) {
      const bench = testBench({
        iommu: { reserved: null, ...iommu },
        machine: { kernel: head.kernel as "7.2", regions: [BAR as MemoryRegionConfig] },
      });
      bench.machine.iommu.groups.unbindDriver(bench.dev);
      compared += replay(bench, sequence, `sequence ${index}`);
    }
    const calls = sequences.reduce((sum, each) => sum + each.calls.length, 0);
    // What is left out has addresses or sizes that no number can express.
    assert(compared > (calls > 6_000 ? 4_000 : calls / 2), `${compared} of ${calls} calls`);
  });
}
