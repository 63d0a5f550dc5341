import { assert, assertEquals } from "@std/assert";
import type { IommuMode, MachineConfig } from "../../machine_config.ts";
import { type DmaAddr, PAGE_SIZE_BYTES, type PhysAddr } from "../../address.ts";
import { Machine } from "../../machine.ts";
import { Random } from "../../random.ts";
import { testConfig } from "../../testing_config.ts";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import type { PeerRouter } from "../dma_machine.ts";
import { at } from "../testing.ts";
import { DmaDevice, type DmaDeviceOptions } from "./device.ts";
import { EntryPage } from "./bus_access.ts";

const ENTRY_BYTES = 16;
const DIRECTIONS = [DMA_BIDIRECTIONAL, DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE] as const;
const MIB = 2 ** 20;
const BUFFERS = 4 * MIB;
const LARGE = 2 * MIB;
const PEER = 64 * MIB as PhysAddr;

/** A peer that claims every address, so that no earlier result is valid. */
const PEER_EVERYWHERE: PeerRouter = {
  unmappedEnd: () => -1,
  isPeerMemory: () => false,
  providerAt: () => null,
  passesRoot: () => true,
  mapType: () => "bus_addr",
  busAddress: (phys) => phys as number as DmaAddr,
  resolveBusAddress: () => PEER,
};

interface BenchOptions {
  readonly mode: IommuMode;
  readonly machine?: Partial<MachineConfig>;
  readonly device?: DmaDeviceOptions;
  readonly iotlbEntries?: number;
}

/** A device with a queue, on a separate machine. */
class Bench {
  readonly machine;
  readonly dev;
  readonly heard: unknown[] = [];
  readonly #other = new DmaDevice("other");
  readonly #pages;
  readonly #mapped: { dma: number; sizeBytes: number; dir: typeof DIRECTIONS[number] }[] = [];
  #ignore: (() => void) | null = null;

  constructor({ mode, machine, device, iotlbEntries = 5 }: BenchOptions, remembers: boolean) {
    this.machine = new Machine(testConfig({
      machine: { checker: "off", ...machine },
      iommu: { mode, iotlbEntries },
    }));
    this.dev = new DmaDevice("dev", device);
    this.machine.iommu.attach(this.dev);
    this.machine.iommu.attach(this.#other);
    this.#pages = remembers ? { reads: new EntryPage(), writes: new EntryPage() } : null;
  }

  read(dma: number): unknown {
    const words = new Int32Array(4);
    return [
      this.machine.bus.readWords(this.dev, dma, words, undefined, this.#pages?.reads),
      ...words,
    ];
  }

  write(dma: number, ...words: number[]): boolean {
    const { bus } = this.machine;
    return bus.writeWords(this.dev, dma, Int32Array.from(words), undefined, this.#pages?.writes);
  }

  map(which: number): number {
    const sizeBytes = which % 8 === 0 ? LARGE : which % 8 === 1 ? ENTRY_BYTES : PAGE_SIZE_BYTES;
    const dir = DIRECTIONS[which % DIRECTIONS.length]!;
    const start = this.machine.dma.dmaMapPhys(
      this.dev,
      at(BUFFERS + which * LARGE + (sizeBytes === LARGE ? 0 : which * PAGE_SIZE_BYTES)),
      sizeBytes,
      dir,
    );
    this.#mapped.push({ dma: start, sizeBytes, dir });
    return start;
  }

  unmap(which: number): void {
    const [gone] = this.#mapped.splice(which % Math.max(1, this.#mapped.length), 1);
    if (gone === undefined) return;
    this.machine.dma.dmaUnmapPhys(this.dev, gone.dma as DmaAddr, gone.sizeBytes, gone.dir);
  }

  /** Performs one action. The test compares the result with that of a second bench. */
  step(what: number, which: number, slot: number): unknown {
    const { dev, machine } = this;
    const { accessWatchers, bus, iommu } = machine;
    const target = this.#mapped[which % Math.max(1, this.#mapped.length)];
    const entry = (target?.dma ?? 0x5000) + slot * ENTRY_BYTES;
    switch (what) {
      case 0:
        return this.map(slot * 8 + which % 8);
      case 1:
        // The next range of this size gets the IOVA of the unmapped range, and maps other memory.
        this.unmap(which);
        return this.map(slot * 8 + which % 8);
      case 2:
        return bus.read(this.#other, entry, new Uint8Array(4), 0, 4);
      case 3: {
        dev.refusal = "device_gone";
        const answers = [this.read(entry), this.write(entry, 1, 2, 3, 4)];
        dev.refusal = null;
        return answers;
      }
      case 4: {
        this.#ignore?.();
        const ignore = machine.events.listen(({ name, fields }) => this.heard.push([name, fields]));
        this.#ignore = slot === 0 ? ignore : (ignore(), null);
        return machine.events.seq;
      }
      case 5:
        // The page table changes without an invalidation.
        if (target === undefined || slot !== 0) return null;
        return dev.domain?.unmap(target.dma, PAGE_SIZE_BYTES, false, "__iommu_dma_unmap");
      case 6: {
        machine.peers = PEER_EVERYWHERE;
        const answers = [this.write(entry, which, 5, 6, 7), this.read(entry)];
        machine.peers = null;
        return answers;
      }
      case 7: {
        accessWatchers.push({ accessed: (_dev, ...access) => void this.heard.push(access) });
        const answers = [this.write(entry, which, 8, 9, 1), this.read(entry)];
        accessWatchers.length = 0;
        return answers;
      }
      case 8:
        if (slot !== 0 || which % 8 !== 0) return null;
        this.#mapped.length = 0;
        iommu.attach(dev);
        return iommu.domains.length;
      case 9:
      case 10:
      case 11:
        return this.write(entry, which, slot, what, 1);
      default:
        return this.read(entry);
    }
  }

  /** All state that an access may change. */
  state() {
    const { checker, events, iommu } = this.machine;
    const iotlb: number[][] = [];
    iommu.iotlb.forEach((...entry) => iotlb.push(entry));
    iommu.iotlb.audit();
    return {
      iotlb,
      faults: iommu.faults,
      stale: iommu.staleAccesses,
      counts: [...events.counts],
      heard: this.heard,
      reported: checker?.errorCount,
    };
  }
}

const BENCHES: Readonly<Record<string, BenchOptions>> = {
  strict: { mode: "strict" },
  lazy: { mode: "lazy" },
  off: { mode: "off" },
  "strict without an IOTLB": { mode: "strict", iotlbEntries: 0 },
  "strict with the checker": { mode: "strict", machine: { checker: "report" } },
};

for (const [name, options] of Object.entries(BENCHES)) {
  Deno.test(`a page that is remembered for a queue leads where a search leads: ${name}`, () => {
    const random = new Random(33);
    for (let run = 0; run < 30; run++) {
      const [bench, model] = [new Bench(options, true), new Bench(options, false)];
      let which = 0;
      for (let step = 0; step < 120; step++) {
        const what = random.below(24);
        // Mostly the same page several times, as for a queue.
        if (random.below(6) === 0) which = random.below(32);
        const slot = random.below(4);
        assertEquals(bench.step(what, which, slot), model.step(what, which, slot));
        assertEquals(bench.state(), model.state());
      }
    }
  });
}

Deno.test("a page of a queue is not searched twice, and not used when its mapping is gone", () => {
  const bench = new Bench({ mode: "strict" }, true);
  const start = bench.map(2);
  const first = bench.read(start);
  const { faults, iotlb } = bench.machine.iommu;
  const lookup = iotlb.lookup.bind(iotlb);
  let lookups = 0;
  iotlb.lookup = (domain, iova) => (lookups++, lookup(domain, iova));
  assertEquals([bench.read(start), bench.read(start + ENTRY_BYTES)], [first, first]);
  assertEquals(lookups, 0);
  bench.unmap(0);
  bench.read(start);
  assertEquals(faults.map(({ dma, reason }) => [dma, reason]), [[start, "not_present"]]);
});

Deno.test("a page that is not one stretch of memory is not remembered", () => {
  const half = PAGE_SIZE_BYTES / 2;
  const machine = { windows: [{ name: "bar", basePhys: at(0xf000_0000), sizeBytes: half }] };
  const window = new Bench({ mode: "off", machine: { ...machine, ramSizeBytes: 2 ** 31 } }, true);
  assert(window.write(0xf000_0000, 1, 2, 3, 4));
  assert(!window.write(0xf000_0000 + half, 1, 2, 3, 4));
  const ranges = [
    { dma: 0x5000 as DmaAddr, cpuPhys: at(0x10_0000), sizeBytes: half },
    { dma: 0x5000 + half as DmaAddr, cpuPhys: at(0x20_0000), sizeBytes: half },
  ];
  const bus = new Bench({ mode: "off", device: { ranges } }, true);
  assert(bus.write(0x5000, 1, 2, 3, 4) && bus.write(0x5000 + half, 5, 6, 7, 8));
  assertEquals(bus.machine.memory.readU32(at(0x20_0000)), 5);
});
