/**
 * A driver that makes no mistake, on any machine. It maps with every API, checks each mapping for an
 * error, syncs a buffer before the device or the CPU takes it over, and ends each mapping with the
 * matching call. The checker must report nothing about this driver: any report would be false.
 */
import { assertEquals } from "@std/assert";
import {
  type MappingCall,
  mappingConfig,
  type MappingMachine,
  mappingMachines,
  mappingSteps,
} from "@dmalab/hunt";
import {
  Beginning,
  type DmaAddr,
  ledgerOf,
  Machine,
  type MachineEvent,
  type PhysAddr,
  type TestLeak,
} from "@dmalab/runtime";
import {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  DmaDevice,
  type DmaDirection,
  DmaIovaState,
  DmaPool,
  Scatterlist,
} from "@dmalab/runtime/dma";
import { hasBehaviour } from "@dmalab/runtime/kernels";
import { RUNTIME_TABLES } from "@dmalab/runtime/recording";
import { stepCheck } from "./check.ts";

/** The driver's actions, all equally often. */
const WEIGHTS = { single: 1, list: 1, shared: 1, pool: 1, range: 1, pages: 1, look: 1, end: 1 };
type Use = keyof typeof WEIGHTS;
export const USES = mappingSteps<Use>(WEIGHTS);

/** A live mapping, with functions that use it and end it. */
interface Live {
  readonly look: (a: number) => void;
  readonly end: () => void;
}

const DIRECTIONS: readonly DmaDirection[] = [DMA_BIDIRECTIONAL, DMA_TO_DEVICE, DMA_FROM_DEVICE];
const PAGE = 4096;
/** Number of pages of the largest buffer. */
const MAX_PAGES = 12;
const PAST_32_BITS = 2 ** 32;

/** Source position of the driver's correct actions; a mistake has another position. */
export const RIGHT_SITE = 1;

export class RightUse {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly events: MachineEvent[] = [];
  readonly #live: Live[] = [];
  readonly #beginning: Beginning;
  readonly #pool: DmaPool;
  #asked = false;

  constructor(readonly options: MappingMachine) {
    const { coherent } = options;
    this.machine = new Machine({ ...mappingConfig(options), ramSizeBytes: 2 ** 33 });
    if (!coherent) this.machine.useCaches();
    this.dev = new DmaDevice("dev", {
      coherent,
      untrusted: options.untrusted,
      maskBits: options.dmaMaskBits,
      coherentMaskBits: 32,
      minAlignMask: options.untrusted ? PAGE - 1 : 0,
      maxSegmentSizeBytes: 2 ** 31,
    });
    this.machine.iommu.attach(this.dev);
    this.machine.markReady();
    this.machine.events.listen((event) => this.events.push(event));
    this.machine.events.context.site = RIGHT_SITE;
    this.#pool = new DmaPool(this.machine, this.dev, "small", 256, 256);
    this.#beginning = new Beginning(this.machine);
  }

  /** The checker's reports: the class of each, and the statement that it names. */
  get reports(): [reportClass: string, site: number | null][] {
    return this.events.flatMap((event) =>
      event.name === "dma.report" ? [[event.fields.class, event.fields.second_site]] : []
    ) as [string, number | null][];
  }

  /** Number of the device's accesses that ended in a fault. */
  get faults(): number {
    return this.events.filter(({ name }) => name === "iommu.fault").length;
  }

  leftovers(): TestLeak[] {
    return this.#beginning.leftovers(ledgerOf(this.machine, RUNTIME_TABLES, this.events));
  }

  readonly #ways: Readonly<Record<Use, (a: number, b: number, c: number) => void>> = {
    single: (a, b, c) => this.#mapSingle(a, b, c),
    list: (a, b, c) => this.#mapList(a, b, c),
    shared: (a) => this.#share(a),
    pool: () => this.#takeBlock(),
    range: (a, b, c) => this.#mapRange(a, b, c, false),
    pages: (a, b, c) => this.#mapRange(a, b, c, true),
    look: (a, b) => this.#live[a % Math.max(1, this.#live.length)]?.look(b),
    end: (a) => this.#endOne(a),
  };

  run({ a, b, c, use }: MappingCall<Use>): void {
    this.#ways[use](a, b, c);
  }

  /** Ends all mappings, so that nothing is left. */
  finish(): void {
    while (this.#live.length > 0) this.#endOne(this.#live.length - 1);
    this.#pool.destroy();
  }

  /** Allocates contiguous memory that has no other user. */
  memory(pages: number, high = false): PhysAddr {
    const within = high ? { firstPhys: PAST_32_BITS } : {};
    const count = Math.max(pages, 2 * this.options.granuleBytes / PAGE);
    const taken = this.machine.pages.alloc(count, {
      contiguous: true,
      orderAligned: Math.ceil(Math.log2(count)),
      owner: "script",
      ...within,
    });
    if (taken === null) throw new Error("The machine is out of memory");
    return taken[0]!;
  }

  /** Allocates memory for a buffer: its address and its length. */
  #buffer(a: number, b: number): { phys: PhysAddr; sizeBytes: number } {
    const pages = 1 + a % MAX_PAGES;
    // Buffers consist of whole cache lines: two buffers in the same line would overwrite each
    // other's data.
    const offset = b % 3 === 0 ? 0 : (b % 63) * 64;
    const most = pages * PAGE - offset;
    const sizeBytes = most - (b % 5 === 0 ? 0 : Math.min(most - 64, (b % 31) * 64));
    return { phys: this.memory(pages, a % 2 === 0) + offset as PhysAddr, sizeBytes };
  }

  #endOne(index: number): void {
    const [live] = this.#live.splice(index % Math.max(1, this.#live.length), 1);
    live?.end();
  }

  #mapSingle(a: number, b: number, c: number): void {
    const { dev, machine: { bus, dma } } = this;
    const { phys, sizeBytes } = this.#buffer(a, b);
    const dir = DIRECTIONS[c % 3]!;
    this.#fill(phys, sizeBytes);
    const [map, unmap] = ([
      [() => dma.dmaMapPhys(dev, phys, sizeBytes, dir), dma.dmaUnmapPhys],
      [
        () => dma.dmaMapPage(dev, phys - phys % PAGE as PhysAddr, phys % PAGE, sizeBytes, dir),
        dma.dmaUnmapPage,
      ],
      [() => dma.dmaMapSingle(dev, phys, sizeBytes, dir), dma.dmaUnmapSingle],
    ] as const)[a % 3]!;
    const mapped = map();
    if (dma.dmaMappingError(dev, mapped) !== 0) return;
    this.#live.push({
      look: (which) => this.#use(phys, mapped, sizeBytes, dir, which),
      end: () => {
        const written = new Uint8Array(sizeBytes).fill(c);
        if (dir !== DMA_TO_DEVICE) bus.write(dev, mapped, written, 0, sizeBytes);
        this.#unlessNotNeeded(() => unmap.call(dma, dev, mapped, sizeBytes, dir));
        if (dir !== DMA_TO_DEVICE) assertEquals(this.#read(phys, sizeBytes), written, "at its end");
      },
    });
  }

  /** If dma_need_unmap() is false, each second unmap is left out: a driver may unmap or not. */
  #unlessNotNeeded(unmap: () => void): void {
    const needed = this.machine.dma.dmaNeedUnmap(this.dev);
    this.#asked = !this.#asked;
    if (needed || this.#asked) unmap();
  }

  #mapList(a: number, b: number, c: number): void {
    const { dev, machine: { dma } } = this;
    const dir = DIRECTIONS[c % 3]!;
    const segments = Array.from({ length: 1 + a % 5 }, (_, n) => this.#buffer(a + n, b + n));
    for (const { phys, sizeBytes } of segments) this.#fill(phys, sizeBytes);
    const list = new Scatterlist(segments);
    const entries = segments.length;
    if (dma.dmaMapSg(dev, list, dir) === 0) return;
    this.#live.push({
      look: (which) => {
        const first = segments[0]!;
        if (which % 2 === 0) this.#touch(list.dmaAddressAt(0), list.dmaLengthAt(0), dir, which);
        dma.dmaSyncSgForCpu(dev, list, dir, entries);
        this.#read(first.phys, first.sizeBytes);
        dma.dmaSyncSgForDevice(dev, list, dir, entries);
      },
      end: () => dma.dmaUnmapSg(dev, list, dir, 0, entries),
    });
  }

  #share(a: number): void {
    const { dev, machine: { dma } } = this;
    const memory = dma.dmaAllocCoherent(dev, (1 + a % 3) * PAGE);
    if (memory === null) return;
    this.#live.push({
      look: (which) => {
        this.#touch(memory.dma, memory.sizeBytes, DMA_BIDIRECTIONAL, which);
        const written = new Uint8Array(64).fill(which);
        this.machine.bus.write(dev, memory.dma, written, 0, 64);
        assertEquals(this.#read(memory.pages[0]!, 64), written, "what both sides share");
      },
      end: () => dma.dmaFreeCoherent(dev, memory),
    });
  }

  #takeBlock(): void {
    const block = this.#pool.alloc();
    if (block === null) return;
    this.#live.push({
      look: (which) => this.#touch(block.dma, 256, DMA_BIDIRECTIONAL, which),
      end: () => this.#pool.free(block, block.dma),
    });
  }

  /**
   * @param byPage Whether each page is linked, synced and unlinked separately, as in drivers that
   *   map page by page.
   */
  #mapRange(a: number, b: number, c: number, byPage: boolean): void {
    const { dev, machine: { dma }, options: { granuleBytes, kernel } } = this;
    if (hasBehaviour(kernel, "no_two_step")) return;
    const dir = DIRECTIONS[c % 3]!;
    const count = 1 + a % 6;
    const head = byPage || b % 3 !== 0 ? 0 : (1 + b % 15) * 64;
    const bases = Array.from({ length: count }, (_, n) => this.memory(1, (a + n) % 2 === 0));
    // All pieces except the last end at the end of a granule.
    const pieces = bases.map((base, n) => ({
      phys: base + (n === 0 ? head : 0) as PhysAddr,
      sizeBytes: granuleBytes - (n === 0 ? head : 0) -
        (byPage || n < count - 1 || b % 4 !== 0 ? 0 : 64),
    }));
    const total = pieces.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { phys, sizeBytes } of pieces) this.#fill(phys, sizeBytes);
    const state = new DmaIovaState();
    if (!dma.dmaIovaTryAlloc(dev, state, pieces[0]!.phys, total)) return;
    let done = 0;
    const offsets: number[] = [];
    for (const { phys, sizeBytes } of pieces) {
      if (dma.dmaIovaLink(dev, state, phys, done, sizeBytes, dir) !== 0) {
        dma.dmaIovaDestroy(dev, state, done, dir);
        return;
      }
      if (byPage) dma.dmaIovaSync(dev, state, done, sizeBytes);
      offsets.push(done);
      done += sizeBytes;
    }
    if (!byPage) dma.dmaIovaSync(dev, state, 0, total);
    this.#live.push({
      look: (which) => {
        const n = which % pieces.length;
        this.#touch(state.addr + offsets[n]!, pieces[n]!.sizeBytes, dir, which);
      },
      end: () => {
        if (!byPage) {
          dma.dmaIovaDestroy(dev, state, total, dir);
          return;
        }
        // The pieces are unlinked in any order, and the range is freed at the end.
        for (let n = 0; n < pieces.length; n++) {
          const at = (n * 5 + c) % pieces.length;
          const index = pieces.length % 5 === 0 ? n : at;
          dma.dmaIovaUnlink(dev, state, offsets[index]!, pieces[index]!.sizeBytes, dir);
        }
        dma.dmaIovaFree(dev, state);
      },
    });
  }

  /**
   * The device uses a buffer. Then the CPU takes the buffer back, reads it, and hands it over again.
   * The CPU must see the data that the device wrote, and the device the data that the CPU wrote.
   */
  #use(phys: PhysAddr, mapped: DmaAddr, sizeBytes: number, dir: DmaDirection, which: number): void {
    const { dev, machine: { bus, dma } } = this;
    this.#touch(mapped, sizeBytes, dir, which);
    // A part of the buffer, in whole cache lines.
    const offset = which % 2 === 0 ? 0 : 64 * (which % Math.max(1, Math.floor(sizeBytes / 64)));
    const part = Math.min(sizeBytes - offset, 64 * (1 + which % 40));
    const at = mapped + offset as DmaAddr;
    const written = new Uint8Array(part).fill(which);
    if (dir !== DMA_TO_DEVICE) bus.write(dev, at, written, 0, part);
    dma.dmaSyncSingleForCpu(dev, at, part, dir);
    const seen = this.#read(phys + offset, part);
    if (dir !== DMA_TO_DEVICE) {
      assertEquals(seen, written, "what the CPU sees of the device's bytes");
    }
    if (dir !== DMA_FROM_DEVICE) this.#fill(phys + offset, part, which + 1);
    dma.dmaSyncSingleForDevice(dev, at, part, dir);
    if (dir === DMA_FROM_DEVICE) return;
    bus.read(dev, at, written, 0, part);
    assertEquals(written, seen.fill(which + 1), "what the device sees of the CPU's bytes");
  }

  /** The device reads or writes a part of a mapping, as its direction allows. */
  #touch(mapped: number, sizeBytes: number, dir: DmaDirection, which: number): void {
    const bytes = new Uint8Array(Math.min(sizeBytes, 64 * (1 + which % 80))).fill(which);
    const offset = 64 * (which % (1 + Math.floor((sizeBytes - bytes.length) / 64)));
    const { bus } = this.machine;
    if (dir !== DMA_FROM_DEVICE) bus.read(this.dev, mapped + offset, bytes, 0, bytes.length);
    if (dir !== DMA_TO_DEVICE) bus.write(this.dev, mapped + offset, bytes, 0, bytes.length);
  }

  #fill(phys: number, sizeBytes: number, byte = 0x5a): void {
    this.machine.hostMemory.fill(phys as PhysAddr, sizeBytes, byte % 256);
  }

  #read(phys: number, sizeBytes: number): Uint8Array {
    const into = new Uint8Array(sizeBytes);
    this.machine.hostMemory.read(phys as PhysAddr, into, 0, sizeBytes);
    return into;
  }
}

/** A driver without mistakes: no report, no fault, the right bytes, and nothing left. */
export const DRIVERS = stepCheck({
  name: "drivers",
  about:
    "of a driver that makes no mistake nothing is reported, its bytes arrive, and nothing is left",
  script: "property",
  budget: { short: [300, 40], script: [20_000, 40] },
  machine: () => mappingMachines(),
  steps: () => USES,
  start(machine, { onMachine, tally }) {
    const world = new RightUse(machine);
    onMachine?.(world.machine);
    world.machine.startAudit({ driversAreRight: true });
    return {
      step: (step) => world.run(step),
      end() {
        world.machine.audit!.look();
        world.finish();
        world.machine.audit!.look();
        assertEquals(world.reports, []);
        assertEquals([world.faults, world.leftovers()], [0, []]);
        assertEquals(world.machine.checker!.leftSince(0).length, 0);
        tally.add("mappings", world.events.filter(({ name }) => name === "dma.map").length);
      },
    };
  },
  enough: (tally, cases) => tally.of("mappings") > 4 * cases,
});
