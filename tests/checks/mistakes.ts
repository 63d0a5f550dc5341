/**
 * Mistakes of a driver, each inserted once among the driver's correct actions. Each mistake has the
 * expected report, the machines on which it is possible, and the calls that make it. After each
 * mistake the driver cleans up, as far as a driver that knows of the mistake can.
 */
import { assertEquals } from "@std/assert";
import { hasBehaviour } from "@dmalab/runtime/kernels";
import { DMA_MAPPING_ERROR, type PhysAddr } from "@dmalab/runtime";
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  DmaDevice,
  type DmaDirection,
  DmaIovaState,
  Scatterlist,
} from "@dmalab/runtime/dma";
import type { ReportClass } from "@dmalab/runtime/vocabulary";
import { type MappingMachine, mappingMachines } from "@dmalab/hunt";
import { stepCheck } from "./check.ts";
import { RIGHT_SITE, RightUse, USES } from "./drivers.ts";

/** Source position of the mistake. */
const MISTAKE_SITE = 2;

interface Misuse {
  readonly expected: ReportClass;
  /** Whether the action is a mistake on a machine with these options. */
  readonly needs: (options: MappingMachine) => boolean;
  readonly plant: (world: RightUse, mistake: (call: () => unknown) => void) => void;
}

/** Makes a mistake, with the source position that the report must name. */
function plant(world: RightUse, { plant }: Misuse): void {
  const { context } = world.machine.events;
  plant(world, (call) => {
    context.site = MISTAKE_SITE;
    call();
    context.site = RIGHT_SITE;
  });
}

const isTranslated = ({ mode }: MappingMachine) => mode === "strict" || mode === "lazy";
const hasRanges = (options: MappingMachine) =>
  isTranslated(options) && !hasBehaviour(options.kernel, "no_two_step");
const isDirect = ({ forceBounce, mode }: MappingMachine) => !forceBounce && mode === "off";
const comparesAttributes = ({ kernel }: MappingMachine) => !hasBehaviour(kernel, "debug_by_page");

function misuse(
  expected: ReportClass,
  plant: Misuse["plant"],
  needs: Misuse["needs"] = () => true,
): Misuse {
  return { expected, needs, plant };
}

const ofRange = (expected: ReportClass, plant: Misuse["plant"]) =>
  misuse(expected, plant, hasRanges);

const SIZE = 8192;

/** A correctly mapped buffer, checked for a mapping error. */
function mapped(world: RightUse, dir: DmaDirection = DMA_TO_DEVICE, attrs = 0, sizeBytes = SIZE) {
  const { dev, machine: { dma } } = world;
  const phys = world.memory(2);
  world.machine.hostMemory.fill(phys, SIZE, 1);
  const address = dma.dmaMapPhys(dev, phys, sizeBytes, dir, attrs);
  dma.dmaMappingError(dev, address);
  return { ...world, address, dev, dma, phys };
}

/** A list of three buffers, correctly mapped. */
function list(world: RightUse) {
  const { dev, machine: { dma } } = world;
  const segments = [0, 1, 2].map(() => ({ phys: world.memory(1), sizeBytes: 4096 }));
  const sg = new Scatterlist(segments);
  dma.dmaMapSg(dev, sg, DMA_TO_DEVICE);
  return { dev, dma, sg };
}

/** A range of four granules; the first `linked` of them are linked, and synced if `visible`. */
function range(world: RightUse, linked: number, attrs = 0, visible = true) {
  const { dev, machine, options: { granuleBytes: granule } } = world;
  const { dma } = machine;
  const state = new DmaIovaState();
  dma.dmaIovaTryAlloc(dev, state, 0 as PhysAddr, 4 * granule);
  for (let n = 0; n < linked; n++) {
    dma.dmaIovaLink(dev, state, world.memory(1), n * granule, granule, DMA_TO_DEVICE, attrs);
  }
  if (visible && linked > 0) dma.dmaIovaSync(dev, state, 0, linked * granule);
  const end = () => dma.dmaIovaDestroy(dev, state, linked * granule, DMA_TO_DEVICE, attrs);
  return { dev, dma, end, granule, machine, state };
}

/** All mistakes, by name. */
const MISUSES: Readonly<Record<string, Misuse>> = {
  "unmapped twice": misuse("unmap_unknown", (world, mistake) => {
    const { address, dev, dma } = mapped(world);
    dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE);
    mistake(() => dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE));
  }),
  "unmapped with another size": misuse("unmap_size", (world, mistake) => {
    const { address, dev, dma } = mapped(world);
    mistake(() => dma.dmaUnmapPhys(dev, address, SIZE / 2, DMA_TO_DEVICE));
  }),
  "unmapped in another direction": misuse("unmap_direction", (world, mistake) => {
    const { address, dev, dma } = mapped(world);
    mistake(() => dma.dmaUnmapPhys(dev, address, SIZE, DMA_BIDIRECTIONAL));
  }),
  "unmapped with other attributes": misuse("unmap_attributes", (world, mistake) => {
    const { address, dev, dma } = mapped(world, DMA_TO_DEVICE, DMA_ATTR.PRIVILEGED);
    mistake(() => dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE));
  }, comparesAttributes),
  "never asked whether the map failed": misuse("error_unchecked", (world, mistake) => {
    const { dev, machine: { dma } } = world;
    const address = dma.dmaMapPhys(dev, world.memory(2), SIZE, DMA_TO_DEVICE);
    mistake(() => dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE));
  }),
  "the error value unmapped": misuse("unmap_error_value", ({ dev, machine: { dma } }, mistake) => {
    mistake(() => dma.dmaUnmapPhys(dev, DMA_MAPPING_ERROR, SIZE, DMA_TO_DEVICE));
  }),
  // Possible only where the device can reach the memory directly: other memory would be bounced,
  // and MMIO is never bounced.
  "RAM mapped as MMIO": misuse(
    "mmio_is_ram",
    (world, mistake) => {
      const { dev, machine: { dma } } = world;
      const phys = world.memory(2);
      mistake(() => {
        const address = dma.dmaMapResource(dev, phys, SIZE, DMA_TO_DEVICE);
        dma.dmaMappingError(dev, address);
        dma.dmaUnmapResource(dev, address, SIZE, DMA_TO_DEVICE);
      });
    },
    (options) =>
      !options.untrusted && options.dmaMaskBits === 64 &&
      (isTranslated(options) || !options.forceBounce),
  ),
  "synced after the unmap": misuse("sync_unknown", (world, mistake) => {
    const { address, dev, dma } = mapped(world);
    dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE);
    mistake(() => dma.dmaSyncSingleForDevice(dev, address, SIZE, DMA_TO_DEVICE));
  }),
  "synced past the end": misuse("sync_size", (world, mistake) => {
    const { address, dev, dma } = mapped(world, DMA_TO_DEVICE, 0, SIZE / 2);
    mistake(() => dma.dmaSyncSingleForDevice(dev, address, SIZE / 2 + 64, DMA_TO_DEVICE));
    dma.dmaUnmapPhys(dev, address, SIZE / 2, DMA_TO_DEVICE);
  }),
  "synced in another direction": misuse("sync_direction", (world, mistake) => {
    const { address, dev, dma } = mapped(world);
    mistake(() => dma.dmaSyncSingleForDevice(dev, address, SIZE, DMA_FROM_DEVICE));
    dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE);
  }),
  "the device touches what lies beside its buffer": misuse(
    "device_outside_buffer",
    (world, mistake) => {
      const { address, dev, dma } = mapped(world, DMA_TO_DEVICE, 0, 256);
      mistake(() => world.machine.bus.read(dev, address + 512, new Uint8Array(64), 0, 64));
      dma.dmaUnmapPhys(dev, address, 256, DMA_TO_DEVICE);
    },
    (options) => isTranslated(options) && options.coherent,
  ),
  "the device reads what was unmapped and not flushed": misuse(
    "stale_iotlb_access",
    (world, mistake) => {
      const { address, dev, dma } = mapped(world);
      const read = () => world.machine.bus.read(dev, address, new Uint8Array(64), 0, 64);
      read();
      dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE);
      mistake(read);
    },
    ({ iotlbEntries, mode, untrusted }) => iotlbEntries > 0 && mode === "lazy" && !untrusted,
  ),
  "the CPU writes while the device owns the buffer": misuse(
    "stale_memory_read",
    (world, mistake) => {
      const { address, dev, dma, phys } = mapped(world);
      world.machine.hostMemory.fill(phys, 64, 2);
      mistake(() => world.machine.bus.read(dev, address, new Uint8Array(64), 0, 64));
      dma.dmaUnmapPhys(dev, address, SIZE, DMA_TO_DEVICE);
    },
    (options) => isDirect(options) && !options.coherent && options.dmaMaskBits === 64,
  ),
  "a list's buffer unmapped by itself": misuse("unmap_kind", (world, mistake) => {
    const { dev, dma, sg } = list(world);
    mistake(() => dma.dmaUnmapPhys(dev, sg.dmaAddressAt(0), sg.dmaLengthAt(0), DMA_TO_DEVICE));
  }),
  "a list unmapped with fewer entries": misuse("unmap_entries", (world, mistake) => {
    const { dev, dma, sg } = list(world);
    mistake(() => dma.dmaUnmapSg(dev, sg, DMA_TO_DEVICE, 0, 2));
  }),
  "a list synced with fewer entries": misuse("sync_entries", (world, mistake) => {
    const { dev, dma, sg } = list(world);
    mistake(() => dma.dmaSyncSgForDevice(dev, sg, DMA_TO_DEVICE, 2));
    dma.dmaUnmapSg(dev, sg, DMA_TO_DEVICE);
  }),
  "a later link that starts inside a granule": ofRange("link_unaligned", (world, mistake) => {
    const { dev, dma, end, granule, state } = range(world, 1);
    const phys = world.memory(1) + 512 as PhysAddr;
    mistake(() => dma.dmaIovaLink(dev, state, phys, granule, 512, DMA_TO_DEVICE));
    end();
  }),
  "a link over another": ofRange("link_overlap", (world, mistake) => {
    const { dev, dma, end, granule, state } = range(world, 2);
    mistake(() => dma.dmaIovaLink(dev, state, world.memory(1), 0, granule, DMA_TO_DEVICE));
    end();
  }),
  "a link of no bytes": ofRange("link_empty", (world, mistake) => {
    const { dev, dma, end, granule, state } = range(world, 1);
    mistake(() => dma.dmaIovaLink(dev, state, world.memory(1), granule, 0, DMA_TO_DEVICE));
    end();
  }),
  "a link past the end of the range": ofRange("link_beyond_range", (world, mistake) => {
    const { dev, dma, granule, state } = range(world, 0);
    const link = () =>
      dma.dmaIovaLink(dev, state, world.memory(1), 4 * granule, granule, DMA_TO_DEVICE);
    mistake(() => {
      if (link() === 0) dma.dmaIovaUnlink(dev, state, 4 * granule, granule, DMA_TO_DEVICE);
    });
    dma.dmaIovaFree(dev, state);
  }),
  "a link in another device's range": ofRange("range_other_device", (world, mistake) => {
    const { dma, end, granule, machine, state } = range(world, 1);
    const other = new DmaDevice("other");
    machine.iommu.attach(other);
    const phys = world.memory(1);
    mistake(() => dma.dmaIovaLink(other, state, phys, granule, granule, DMA_TO_DEVICE));
    end();
  }),
  "a use before the sync": ofRange("sync_missing", (world, mistake) => {
    const { dev, end, machine, state } = range(world, 1, 0, false);
    mistake(() => machine.bus.read(dev, state.addr, new Uint8Array(64), 0, 64));
    end();
  }),
  "a sync past what is linked": ofRange("sync_unlinked", (world, mistake) => {
    const { dev, dma, end, granule, state } = range(world, 2);
    mistake(() => dma.dmaIovaSync(dev, state, 0, 3 * granule));
    end();
  }),
  "an unlink of nothing": ofRange("unlink_unlinked", (world, mistake) => {
    const { dev, dma, end, granule, state } = range(world, 1);
    mistake(() => dma.dmaIovaUnlink(dev, state, 2 * granule, granule, DMA_TO_DEVICE));
    end();
  }),
  "an unlink in another direction": ofRange("unlink_direction", (world, mistake) => {
    const { dev, dma, granule, state } = range(world, 2);
    mistake(() => dma.dmaIovaDestroy(dev, state, 2 * granule, DMA_FROM_DEVICE));
  }),
  "an unlink with other attributes": ofRange("unlink_attributes", (world, mistake) => {
    const { dev, dma, granule, state } = range(world, 2, DMA_ATTR.PRIVILEGED);
    mistake(() => dma.dmaIovaDestroy(dev, state, 2 * granule, DMA_TO_DEVICE));
  }),
  "a free of what is linked": ofRange("free_while_linked", (world, mistake) => {
    const { dev, dma, state } = range(world, 2);
    mistake(() => dma.dmaIovaFree(dev, state));
  }),
  "a destroy of less than is linked": ofRange("destroy_short", (world, mistake) => {
    const { dev, dma, granule, state } = range(world, 2);
    mistake(() => dma.dmaIovaDestroy(dev, state, granule, DMA_TO_DEVICE));
  }),
  "a destroy done twice": ofRange("destroy_twice", (world, mistake) => {
    const { end } = range(world, 2);
    end();
    mistake(end);
  }),
  "a range reserved by a state that has one": ofRange("state_overwritten", (world, mistake) => {
    const { dev, dma, granule, state } = range(world, 0);
    mistake(() => dma.dmaIovaTryAlloc(dev, state, 0 as PhysAddr, granule));
    dma.dmaIovaFree(dev, state);
  }),
  "a range ended by a call for single mappings": ofRange("range_unmapped", (world, mistake) => {
    const { dev, dma, granule, state } = range(world, 4);
    mistake(() => dma.dmaUnmapPhys(dev, state.addr, 4 * granule, DMA_TO_DEVICE));
  }),
};

const NAMES = Object.keys(MISUSES);

/** Each mistake in turn, among correct actions: exactly its report comes, and no other. */
export const PLANTED = stepCheck({
  name: "mistakes",
  about: "each planted mistake of a driver is reported, at its own line, and nothing else is",
  script: "property",
  budget: { short: [40 * NAMES.length, 10], script: [1000 * NAMES.length, 40] },
  machine(number) {
    const mistake = NAMES[number % NAMES.length]!;
    return mappingMachines().filter(MISUSES[mistake]!.needs)
      .map((machine) => ({ ...machine, mistake }));
  },
  steps: () => USES,
  start({ mistake, ...machine }, { tally }) {
    const world = new RightUse(machine);
    return {
      step: (step) => world.run(step),
      end() {
        const misuse = MISUSES[mistake]!;
        plant(world, misuse);
        const seen = world.reports.map(([reportClass, site]) => `${reportClass} ${site}`);
        assertEquals([...new Set(seen)], [`${misuse.expected} ${MISTAKE_SITE}`], mistake);
        // The actions after the mistake are correct, and no report about them follows from it.
        world.finish();
        assertEquals(world.reports.length, seen.length, mistake);
        tally.add(mistake);
      },
    };
  },
  enough: (tally, cases) =>
    NAMES.every((name) => tally.of(name) >= Math.floor(cases / NAMES.length)),
});

/** A mapping and, if the mode has ranges, a range that a driver forgets. */
export const FORGOTTEN = stepCheck({
  name: "forgotten",
  about: "a mapping and a range that are forgotten are left at the end, each at its own line",
  script: "property",
  budget: { short: [100, 40], script: [10_000, 40] },
  machine: () => mappingMachines(),
  steps: () => USES,
  start(machine, { tally }) {
    const world = new RightUse(machine);
    return {
      step: (step) => world.run(step),
      end() {
        const expected = forget(world);
        world.finish();
        assertEquals(world.leftovers().map(({ kind, site }) => `${kind} ${site}`), expected);
        assertEquals(world.reports, []);
        tally.add("left", expected.length);
      },
    };
  },
  enough: (tally, cases) => tally.of("left") > cases / 2,
});

/** Leaves a mapping and, if the mode has ranges, a range. @returns The expected leaks. */
function forget(world: RightUse): string[] {
  const { dev, machine: { dma, events }, options: { kernel } } = world;
  const phys = world.memory(2);
  events.context.site = 3;
  dma.dmaMappingError(dev, dma.dmaMapPhys(dev, phys, 4096, DMA_TO_DEVICE));
  const state = new DmaIovaState();
  events.context.site = 4;
  const reserved = !hasBehaviour(kernel, "no_two_step") &&
    dma.dmaIovaTryAlloc(dev, state, phys, 8192);
  events.context.site = RIGHT_SITE;
  // A driver that knows that unmaps do nothing may leave them out.
  return [...dma.dmaNeedUnmap(dev) ? ["mapping 3"] : [], ...reserved ? ["range 4"] : []];
}
