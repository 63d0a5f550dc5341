/**
 * A machine with one device, and a plain model of the machine; every operation is done on both.
 *
 * After each operation the two must agree: no two ranges overlap, an address leads where the model
 * says, and a freed range is not allocated again before a flush. At the end nothing may be left: no
 * range, no leaf, no mapping, no record.
 */
import {
  LARGE_PAGE_BYTES,
  MAPPING_WORLDS,
  type MappingCall,
  mappingConfig,
  mappingSteps,
  type MappingUse,
  type MappingWorldSpec,
} from "@dmalab/hunt";
import {
  type DmaAddr,
  eventId,
  type IommuDomain,
  Machine,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  type CoherentMemory,
  DmaDevice,
  type DmaDirection,
  DmaIovaState,
  Scatterlist,
} from "@dmalab/runtime/dma";
import { stepCheck } from "./check.ts";

const DMA_REPORT = eventId("dma.report");
const MAP_FAILED = eventId("iommu.map_failed");

/** The model and the machine differ. */
export class Disagreement extends Error {
  override readonly name = "Disagreement";
}

/**
 * The largest number of live mappings at a time. When this number is reached, an operation that
 * would make a mapping ends a mapping instead.
 */
const MAX_LIVE = 300;
const MAKES: ReadonlySet<MappingUse> = new Set([
  "map",
  "list",
  "twostep",
  "unlink",
  "coherent",
  "raw",
]);
/** The largest number of freed ranges that the test examines again. */
const MAX_GONE = 32;
/** Number of operations between two audits, which check that all data of the machine is consistent. */
const AUDIT_EVERY = 200;
const MAX_GRANULES = 1100;
const HUGE_GRANULES = 9000;
const RAM_BYTES = 2 ** 36;
/** The memory of the buffers that a script maps lies below this address. */
const BUFFERS_END = 2 ** 35;

/** A mapping: its range in the model, and the call that ends it. */
interface Mapping {
  readonly range: OwnedRange;
  /** Whether the mapping's range goes through the flush queue when the mapping ends. */
  readonly queued: boolean;
  readonly end: () => void;
}

export class MappingWorld {
  readonly machine: Machine;
  readonly domain: IommuDomain;
  readonly model: PlainRanges;
  readonly #dev: DmaDevice;
  readonly #granule: number;
  readonly #mappings: Mapping[] = [];
  readonly #online: boolean[];
  readonly #rangesAtFirst: number;
  #staleReports = 0;
  /**
   * Pages of freed coherent memory. A caller that maps such a page maps memory without an owner.
   * The checker reports this map.
   */
  readonly #freed = new Set<number>();
  #freedReports = 0;
  /**
   * The ranges that were freed last: their addresses lead nowhere, unless they were allocated
   * again.
   */
  readonly #gone: OwnedRange[] = [];
  #ended = 0;
  #operations = 0;
  /** Number of maps that found no free addresses. */
  refused = 0;

  constructor(private readonly spec: MappingWorldSpec) {
    const { cpus, granuleBytes, dmaMaskBits } = spec;
    const config = mappingConfig(spec);
    const reserved = [{ start: 0xfee0_0000, end: 0xfef0_0000 }];
    this.machine = new Machine({
      ...config,
      ramSizeBytes: RAM_BYTES,
      iommu: { ...config.iommu, reserved },
    });
    this.#granule = granuleBytes;
    this.#dev = new DmaDevice("dev", {
      maskBits: dmaMaskBits,
      // Linked pieces are adjacent, and the checker treats them together as one segment of the
      // device.
      maxSegmentSizeBytes: 2 ** 31,
    });
    this.machine.iommu.attach(this.#dev);
    this.machine.markReady();
    this.machine.startAudit({ driversAreRight: true });
    this.domain = this.#dev.domain!;
    this.model = new PlainRanges(reserved);
    this.#online = new Array(cpus).fill(true);
    this.#rangesAtFirst = this.domain.iova.ranges.count;
  }

  /** The possible operations. */
  readonly #ways: Readonly<Record<MappingUse, (a: number, b: number, c: number) => void>> = {
    map: (a: number, b: number, c: number) => this.#map(a, b, c),
    unmap: (a: number) => this.#unmap(a),
    list: (a: number, b: number, c: number) => this.#mapList(a, b, c),
    twostep: (a: number, b: number, c: number) => this.#link(a, b, c, false),
    unlink: (a: number, b: number, c: number) => this.#link(a, b, c, true),
    coherent: (a: number) => this.#allocCoherent(a),
    raw: (_: number, b: number) => this.#allocRaw(b),
    look: (a: number, b: number) => this.#checkAddress(this.#address(a, b)),
    access: (a: number, b: number) => this.#accessAt(this.#address(a, b)),
    advance: (a: number) => {
      this.machine.advance((a % 25) * 1_000_000);
      this.model.flushed(this.#flushes);
    },
    cpu: (a: number) => this.#moveToCpu(a),
    hotplug: (a: number) => this.#plug(a),
    mode: () => {
      const refused = this.machine.iommu.groups.setMode(this.#dev, "lazy");
      if (refused === 0) this.model.flushed(this.#flushes);
    },
  };

  /** Does one operation on both sides and compares them; now and then audits the machine. */
  run({ use, a, b, c }: MappingCall<MappingUse>): void {
    const isFull = this.#mappings.length >= MAX_LIVE && MAKES.has(use);
    this.#ways[isFull ? "unmap" : use](a, b, c);
    if (this.#operations++ % AUDIT_EVERY === 0) this.machine.audit!.look();
  }

  /** Ends all live mappings, and checks that nothing is left. */
  finish(): void {
    while (this.#mappings.length > 0) this.#unmap(0);
    const { machine, domain } = this;
    machine.iommu.drainFlushQueues();
    for (let cpu = 0; cpu < this.#online.length; cpu++) domain.iova.cpuUp(cpu);
    domain.iova.flushCaches();
    this.#expect(domain.iova.ranges.count, this.#rangesAtFirst, "ranges in use at the end");
    machine.audit!.look();
    let leaves = 0;
    domain.table.forEachLeaf(0, domain.table.lastAddress, () => leaves++);
    this.#expect(leaves, 0, "leaves at the end");
    this.#expect(machine.iommu.liveMappings, 0, "live mappings at the end");
    this.#expect(this.#dev.mappings, 0, "live mappings of the device at the end");
    this.#expect(machine.checker!.records, 0, "records of the checker at the end");
    this.#expect(
      machine.events.count(DMA_REPORT),
      this.#staleReports + this.#freedReports,
      "reports of the checker",
    );
  }

  get #flushes(): number {
    return this.domain.flushQueue?.finished ?? Infinity;
  }

  #expect(actual: number, expected: number, what: string): void {
    if (actual !== expected) throw new Disagreement(`${what}: ${actual}, but ${expected} expected`);
  }

  #fail(what: string): never {
    throw new Disagreement(what);
  }

  #floor(address: number): number {
    return Math.floor(address / this.#granule) * this.#granule;
  }

  #ceil(address: number): number {
    return Math.ceil(address / this.#granule) * this.#granule;
  }

  /** A size: a frequent one or any, a multiple of the granule or not. */
  #sizeBytes(number: number, whole: boolean): number {
    const { hotGranules, hotPercent } = this.spec;
    const granules = number % 100 < hotPercent
      ? hotGranules[Math.floor(number / 100) % hotGranules.length]!
      : 1 + Math.floor(number / 100) % (number % 7 === 0 ? HUGE_GRANULES : MAX_GRANULES);
    const sizeBytes = granules * this.#granule;
    return whole || number % 3 === 0 ? sizeBytes : sizeBytes - 1 - number % (this.#granule - 1);
  }

  /** A memory address, aligned to the granule or not. */
  #phys(number: number, aligned: boolean): PhysAddr {
    // For a large leaf, the memory must have the same alignment as the IOVA range.
    const unit = number % 5 < 2 ? LARGE_PAGE_BYTES : this.#granule;
    // Never page 0: at an unmap, the kernel takes the physical address 0 for "not mapped".
    const page = unit + Math.floor((number * 40503) % (BUFFERS_END - 2 ** 30) / unit) * unit;
    const offset = aligned || number % 2 === 0 ? 0 : number % this.#granule;
    return (page + offset) as PhysAddr;
  }

  #dir(number: number): DmaDirection {
    return number % 3 as DmaDirection;
  }

  /** Checks a range that was allocated, and adds it to the model. */
  #take(start: number, end: number, leaves: Leaf[]): OwnedRange {
    this.model.flushed(this.#flushes);
    const range = { start, end, leaves };
    if (start < this.#granule) this.#fail(`[${start}, ${end}) includes the address 0`);
    const last = Math.min(this.#dev.lastAddress, this.domain.table.lastAddress);
    if (end - 1 > last) this.#fail(`[${start}, ${end}) lies beyond ${last}`);
    const clash = this.model.take(range);
    if (clash !== null) this.#fail(clash);
    for (const leaf of leaves) {
      this.#checkAddress(leaf.iova);
      this.#checkAddress(leaf.iova + leaf.sizeBytes - 1);
    }
    return range;
  }

  /** Mapping memory that was freed causes one report per mapping. */
  #mapsPerhapsFreed(phys: number, sizeBytes: number): void {
    const last = Math.floor((phys + sizeBytes - 1) / PAGE_SIZE_BYTES);
    for (let page = Math.floor(phys / PAGE_SIZE_BYTES); page <= last; page++) {
      if (!this.#freed.has(page)) continue;
      this.#freedReports++;
      return;
    }
  }

  #keep(range: OwnedRange, queued: boolean, end: () => void): void {
    this.#mappings.push({ range, queued, end });
    this.#expect(
      this.machine.iommu.liveMappings,
      this.#dev.mappings,
      "live mappings of the IOMMU and of its one device",
    );
  }

  /**
   * Counts a map that failed. A map may fail because no addresses are free. It must not fail
   * because the page table has an entry at the address.
   */
  #noteRefusal(): void {
    this.refused++;
    this.#expect(this.machine.events.count(MAP_FAILED), 0, "maps that the page table refused");
  }

  #checkAddress(iova: number): void {
    const phys = this.machine.iommu.lookup(this.#dev, iova as DmaAddr);
    this.#expect(phys, this.model.physOf(iova), `where ${iova} leads`);
  }

  #map(a: number, b: number, c: number): void {
    const { dma } = this.machine;
    const phys = this.#phys(a, false);
    const sizeBytes = this.#sizeBytes(b, false);
    const dir = this.#dir(c);
    const mapped = dma.dmaMapPhys(this.#dev, phys, sizeBytes, dir);
    if (dma.dmaMappingError(this.#dev, mapped) !== 0) {
      return this.#noteRefusal();
    }
    const start = this.#floor(mapped);
    this.#expect(mapped - start, phys - this.#floor(phys), "offset in the granule");
    const end = this.#ceil(mapped + sizeBytes);
    const leaf = { iova: start, phys: this.#floor(phys), sizeBytes: end - start };
    this.#mapsPerhapsFreed(phys, sizeBytes);
    const range = this.#take(start, end, [leaf]);
    this.#keep(range, true, () => dma.dmaUnmapPhys(this.#dev, mapped, sizeBytes, dir));
  }

  #unmap(a: number): void {
    if (this.#mappings.length === 0) return;
    const index = a % this.#mappings.length;
    const { range, queued, end } = this.#mappings[index]!;
    const last = this.#mappings.pop()!;
    if (index < this.#mappings.length) this.#mappings[index] = last;
    // The device may use the mapping up to this moment. If the IOTLB then has an entry for the
    // mapping, the entry must not outlive the next flush.
    const used = a % 3 === 0 ? range.leaves[a % range.leaves.length] : undefined;
    if (used !== undefined) this.#accessAt(used.iova);
    end();
    this.#gone[this.#ended++ % MAX_GONE] = range;
    // A full queue is flushed before the range is added to the queue. That flush does not cover the
    // added range.
    if (queued && this.domain.lazy) this.model.park(range, this.#flushes);
    else this.model.release(range);
    this.model.flushed(this.#flushes);
    for (const { iova, sizeBytes } of range.leaves) {
      this.#checkAddress(iova);
      this.#checkAddress(iova + sizeBytes - 1);
    }
    if (used !== undefined) this.#accessAt(used.iova);
  }

  #mapList(a: number, b: number, c: number): void {
    const { dma } = this.machine;
    const segments: { phys: PhysAddr; sizeBytes: number }[] = [];
    const count = 1 + b % 12;
    for (let index = 0; index < count; index++) {
      const number = (a + index * 7919) % 2 ** 31;
      const sizeBytes = Math.min(this.#sizeBytes(number, (c >> index) % 2 === 0), 60_000);
      segments.push({ phys: this.#phys(number, (c >> index) % 4 < 2), sizeBytes });
    }
    const list = new Scatterlist(segments);
    const dir = this.#dir(c);
    const outputs = dma.dmaMapSg(this.#dev, list, dir);
    if (outputs === 0) return this.#noteRefusal();
    const leaves: Leaf[] = [];
    let output = 0;
    let doneBytes = 0;
    for (const { phys, sizeBytes } of segments) {
      this.#mapsPerhapsFreed(phys, sizeBytes);
      const iova = list.dmaAddressAt(output) + doneBytes;
      const start = this.#floor(iova);
      this.#expect(iova - start, phys - this.#floor(phys), "offset of an entry in its granule");
      leaves.push({
        iova: start,
        phys: this.#floor(phys),
        sizeBytes: this.#ceil(iova + sizeBytes) - start,
      });
      doneBytes += sizeBytes;
      if (doneBytes === list.dmaLengthAt(output)) {
        output++;
        doneBytes = 0;
      }
    }
    this.#expect(output, outputs, "outputs that the entries fill");
    const last = leaves.at(-1)!;
    const range = this.#take(leaves[0]!.iova, last.iova + last.sizeBytes, leaves);
    this.#keep(range, true, () => dma.dmaUnmapSg(this.#dev, list, dir));
  }

  /**
   * Maps a range with the two-step API.
   * @param unlinks Whether the range is later unlinked piece by piece.
   */
  #link(a: number, b: number, c: number, unlinks: boolean): void {
    const { dma } = this.machine;
    const dev = this.#dev;
    const dir = this.#dir(c);
    const pieces: { phys: PhysAddr; sizeBytes: number }[] = [];
    const count = 1 + b % 6;
    for (let index = 0; index < count; index++) {
      const number = (a + index * 104_729) % 2 ** 31;
      // The edges between pieces lie on granules. Only the first piece may begin inside a granule,
      // and only the last piece may end inside one.
      const whole = this.#sizeBytes(number, true);
      const first = index === 0 ? c % this.#granule : 0;
      const last = index === count - 1 && whole > first + 512 ? 512 : 0;
      pieces.push({
        phys: (this.#phys(number, true) + first) as PhysAddr,
        sizeBytes: whole - first - last,
      });
    }
    const totalBytes = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const state = new DmaIovaState();
    if (!dma.dmaIovaTryAlloc(dev, state, pieces[0]!.phys, totalBytes)) {
      return this.#noteRefusal();
    }
    const leaves: Leaf[] = [];
    let offset = 0;
    for (const { phys, sizeBytes } of pieces) {
      const error = dma.dmaIovaLink(dev, state, phys, offset, sizeBytes, dir);
      this.#expect(error, 0, "dma_iova_link()");
      this.#mapsPerhapsFreed(phys, sizeBytes);
      const iova = this.#floor(state.addr + offset);
      const end = this.#ceil(state.addr + offset + sizeBytes);
      leaves.push({ iova, phys: this.#floor(phys), sizeBytes: end - iova });
      offset += sizeBytes;
    }
    this.#expect(dma.dmaIovaSync(dev, state, 0, totalBytes), 0, "dma_iova_sync()");
    const start = this.#floor(state.addr);
    const range = this.#take(start, this.#ceil(state.addr + totalBytes), leaves);
    this.#keep(range, !unlinks, () => {
      if (!unlinks) return dma.dmaIovaDestroy(dev, state, totalBytes, dir);
      let at = 0;
      for (const { sizeBytes } of pieces) {
        dma.dmaIovaUnlink(dev, state, at, sizeBytes, dir);
        at += sizeBytes;
      }
      dma.dmaIovaFree(dev, state);
    });
  }

  #allocCoherent(a: number): void {
    const { dma } = this.machine;
    const sizeBytes = (1 + a % 5) * 4096;
    const memory: CoherentMemory | null = dma.dmaAllocCoherent(this.#dev, sizeBytes);
    if (memory === null) return this.#noteRefusal();
    const leaves: Leaf[] = [];
    for (let offset = 0; offset < this.#ceil(sizeBytes); offset += 4096) {
      const phys = offset < sizeBytes ? memory.physOf(offset) : leaves.at(-1)!.phys + 4096;
      leaves.push({ iova: memory.dma + offset, phys, sizeBytes: 4096 });
    }
    const range = this.#take(memory.dma, this.#ceil(memory.dma + sizeBytes), leaves);
    const pages = leaves.map(({ phys }) => Math.floor(phys / PAGE_SIZE_BYTES));
    for (const page of pages) this.#freed.delete(page);
    this.#keep(range, true, () => {
      dma.dmaFreeCoherent(this.#dev, memory);
      for (const page of pages) this.#freed.add(page);
    });
  }

  /** Allocates a range in which nothing is mapped. */
  #allocRaw(b: number): void {
    const sizeBytes = this.#sizeBytes(b, true);
    const start = this.domain.allocIova(this.#dev, sizeBytes, false);
    if (start === 0) return this.#noteRefusal();
    const range = this.#take(start, start + sizeBytes, []);
    this.#keep(range, false, () => this.domain.freeIova(start, sizeBytes));
  }

  /** An address in a live range, in a range that was freed lately, or any. */
  #address(a: number, b: number): number {
    const ranges = a % 4 === 0 ? this.#gone : this.model.live;
    const range = ranges[a % Math.max(1, ranges.length)];
    if (range === undefined || a % 5 === 0) return b % 2 ** 32;
    return range.start + b % (range.end - range.start);
  }

  /**
   * Accesses an address through the IOMMU. The IOMMU may use a stale entry if the leaf was removed
   * and no flush has followed.
   */
  #accessAt(iova: number): void {
    const { iommu } = this.machine;
    if (iova >= 0xfee0_0000 && iova < 0xfef0_0000) return;
    const stale = iommu.staleAccesses;
    const read = iommu.translate(this.#dev, iova, "read");
    const phys = read >= 0 ? read : iommu.translate(this.#dev, iova, "write");
    const wasStale = iommu.staleAccesses > stale;
    if (wasStale) this.#staleReports += iommu.staleAccesses - stale;
    this.model.flushed(this.#flushes);
    const expected = wasStale ? this.model.stalePhysOf(iova) : this.model.physOf(iova);
    if (wasStale && !this.domain.lazy) this.#fail(`${iova} is stale in strict mode`);
    this.#expect(phys, expected, `where the device comes out at ${iova}`);
  }

  #moveToCpu(a: number): void {
    const cpu = a % this.#online.length;
    if (this.#online[cpu]) this.machine.cpu = cpu;
  }

  /** Takes a CPU offline, or brings it online again. Does nothing to the running CPU. */
  #plug(a: number): void {
    const cpu = a % this.#online.length;
    if (cpu === this.machine.cpu) return;
    if (this.#online[cpu]) this.domain.iova.cpuDead(cpu);
    else this.domain.iova.cpuUp(cpu);
    this.#online[cpu] = !this.#online[cpu];
  }
}

/** A contiguous piece of memory behind contiguous IOVAs, in whole granules. */
interface Leaf {
  readonly iova: number;
  readonly phys: number;
  readonly sizeBytes: number;
}

/** A range of allocated IOVAs; its end is exclusive. */
interface OwnedRange {
  readonly start: number;
  readonly end: number;
  leaves: Leaf[];
}

/**
 * A freed range that waits for a flush. Its leaves have been removed, but the IOTLB may still have
 * entries for them.
 */
interface ParkedRange extends OwnedRange {
  /**
   * Number of flushes that had ended when the range was freed. After one more flush, the range can
   * be allocated again.
   */
  readonly flushes: number;
}

/**
 * The model of the property test: a plain list of ranges, each with its leaves.
 *
 * The model has no tree, hash, cache or table. It examines every range to find out whether two
 * ranges overlap, and where an address leads.
 */
export class PlainRanges {
  readonly live: OwnedRange[] = [];
  parked: ParkedRange[] = [];

  /** @param reserved Ranges that must never be allocated. */
  constructor(readonly reserved: readonly { readonly start: number; readonly end: number }[]) {}

  /**
   * Adds a range that was just allocated.
   * @returns A description of an existing range that overlaps it; null if no range overlaps it, as
   *   required.
   */
  take(range: OwnedRange): string | null {
    const overlaps = (other: { readonly start: number; readonly end: number }): boolean =>
      range.start < other.end && other.start < range.end;
    const clash = this.live.find(overlaps) ?? this.parked.find(overlaps) ??
      this.reserved.find(overlaps);
    if (clash !== undefined) {
      return `[${range.start}, ${range.end}) overlaps [${clash.start}, ${clash.end})`;
    }
    this.live.push(range);
    return null;
  }

  /** The owner frees a range, which is free at once. */
  release(range: OwnedRange): void {
    const index = this.live.indexOf(range);
    const last = this.live.pop()!;
    if (last !== range) this.live[index] = last;
  }

  /** The owner frees a range, which is free after a flush. */
  park(range: OwnedRange, flushes: number): void {
    this.release(range);
    this.parked.push({ ...range, flushes });
  }

  /** The given number of flushes have ended by now: the ranges that they cover are free. */
  flushed(flushes: number): void {
    if (this.parked.some((range) => range.flushes < flushes)) {
      this.parked = this.parked.filter((range) => range.flushes >= flushes);
    }
  }

  /** The physical address to which the page table must lead; -1 for nowhere. */
  physOf(iova: number): number {
    return physIn(this.live, iova);
  }

  /** The physical address to which a stale IOTLB entry may still lead; -1 for nowhere. */
  stalePhysOf(iova: number): number {
    return physIn(this.parked, iova);
  }
}

function physIn(ranges: readonly OwnedRange[], iova: number): number {
  for (const { start, end, leaves } of ranges) {
    if (iova < start || iova >= end) continue;
    for (const leaf of leaves) {
      if (iova >= leaf.iova && iova < leaf.iova + leaf.sizeBytes) {
        return leaf.phys + (iova - leaf.iova);
      }
    }
  }
  return -1;
}

/** Random mappings against a plain list of ranges. */
export const MAPPINGS = stepCheck({
  name: "mappings",
  about:
    "mappings of every API by one device agree with a plain list of ranges, and nothing is left",
  script: "property",
  budget: { short: [10, 2000], long: [40, 2000], script: [100, 10_000], sums: [24, 120] },
  machine: () => MAPPING_WORLDS,
  steps: ({ weights }) => mappingSteps(weights),
  start(spec, { onMachine, tally }) {
    const world = new MappingWorld(spec);
    onMachine?.(world.machine);
    let mostLive = 0;
    return {
      step(step) {
        world.run(step);
        mostLive = Math.max(mostLive, world.model.live.length);
      },
      end() {
        world.finish();
        tally.add("maps without room", world.refused);
        tally.most("mappings live at once", mostLive);
      },
    };
  },
  // Some runs must have many mappings, and some must run out of addresses.
  enough: (tally) => tally.of("mappings live at once") > 200 && tally.of("maps without room") > 25,
});
