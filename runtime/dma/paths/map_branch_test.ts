import { assert, assertEquals } from "@std/assert";
import {
  DMA_MAPPING_ERROR,
  type DmaAddr,
  GIB,
  lastAddressOfBits,
  type PhysAddr,
} from "../../address.ts";
import { ERRNO } from "../../errno.ts";
import type { EventName } from "../../event_vocabulary.ts";
import type { KernelProfile } from "../../kernels/behaviours.ts";
import type { QuirkSet } from "../../kernels/behaviours.ts";
import { type MachineConfig, swiotlbConfig } from "../../machine_config.ts";
import { DMA_ATTR, DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import { DmaDevice, type DmaDeviceOptions } from "../device/device.ts";
import { MAP_BRANCH, MAP_FAILURE } from "./map_branch.ts";
import { at, type TestBench, testBench } from "../testing.ts";

const POOL = 0x6000_0000;
const { MMIO, REQUIRE_COHERENT, CC_SHARED, NO_WARN } = DMA_ATTR;

interface Given {
  readonly device?: DmaDeviceOptions;
  readonly pool?: "none" | "forced" | "encrypted";
  readonly machine?: Partial<MachineConfig>;
  readonly mode?: "off" | "strict";
  readonly phys?: number;
  readonly sizeBytes?: number;
  readonly dir?: DmaDirection;
  readonly attrs?: number;
}

/** The defects of 7.2 that affect the branch. */
const RELEASE: QuirkSet = new Set(["host_bridge_p2p_with_forced_bounce"]);

/**
 * 8 GiB of RAM, a pool at 0x6000_0000 as in the assertions of rules/dma.md, and a device without
 * translation.
 */
function benchFor({ device = {}, pool, machine = {}, mode = "off" }: Given): TestBench {
  return testBench({
    machine: {
      ramSizeBytes: 8 * GIB,
      swiotlb: swiotlbConfig({
        sizeBytes: pool === "none" ? 0 : 64 * 2 ** 20,
        force: pool === "forced",
        ...(pool === "none" ? {} : { basePhys: at(POOL) }),
      }),
      memoryEncryption: pool === "encrypted",
      quirks: RELEASE,
      ...machine,
    },
    iommu: { mode },
    device,
  });
}

/** The results of a map: the address, the branch and its rule, the warnings. */
function mapped(given: Given) {
  const bench = benchFor(given);
  const { phys = 0x1000_0000, sizeBytes = 0x1000, dir = DMA_TO_DEVICE, attrs = 0 } = given;
  const dma = bench.machine.dma.dmaMapPhys(bench.dev, at(phys), sizeBytes, dir, attrs);
  const name: EventName = dma === DMA_MAPPING_ERROR ? "ret.dma_map_phys" : "dma.map";
  const why = bench.seen.find((event) => event.name === name)!.why!;
  return [dma as number, why.inputs.branch, why.rule, bench.machine.warnings.total];
}

/**
 * A test case for each row of the table in 2.1: the conditions, and the expected address, branch and
 * warnings.
 */
const ROWS: readonly (readonly [string, string, Given, number, string, number])[] = [
  ["2.1.1", "MMIO", { pool: "forced", attrs: MMIO }, -1, "forced_bounce_forbidden", 0],
  [
    "2.1.1",
    "REQUIRE_COHERENT",
    { pool: "forced", attrs: REQUIRE_COHERENT },
    -1,
    "forced_bounce_forbidden",
    0,
  ],
  ["2.1.2", "forced", { pool: "forced" }, POOL, "forced_bounce", 0],
  ["2.1.2", "encrypted", { pool: "encrypted" }, POOL, "forced_bounce", 0],
  ["2.1.3", "shared", { attrs: CC_SHARED }, -1, "shared_without_encryption", 0],
  ["2.1.4", "in reach", { attrs: MMIO, phys: 0xe000_0000 }, 0xe000_0000, "mmio_reached", 0],
  [
    "2.1.4",
    "forced bounce and shared",
    { pool: "forced", attrs: MMIO | CC_SHARED, phys: 0xe000_0000 },
    0xe000_0000,
    "mmio_reached",
    0,
  ],
  [
    "2.1.5",
    "out of reach",
    { attrs: MMIO, phys: 0x40_0000_0000, device: { maskBits: 32 } },
    -1,
    "mmio_unreachable",
    1,
  ],
  ["2.1.6", "in reach", { pool: "encrypted", attrs: CC_SHARED }, 0x1000_0000, "shared_reached", 0],
  [
    "2.1.6",
    "out of reach",
    { pool: "encrypted", attrs: CC_SHARED, phys: 4 * GIB, device: { maskBits: 32 } },
    -1,
    "shared_unreachable",
    1,
  ],
  ["2.1.7", "in reach", {}, 0x1000_0000, "memory_reached", 0],
  [
    "2.1.7",
    "the last byte in reach",
    { device: { maskBits: 32 }, phys: 0xffff_f000 },
    0xffff_f000,
    "memory_reached",
    0,
  ],
  [
    "2.1.8",
    "mask",
    { device: { maskBits: 32 }, phys: 0xffff_f000, sizeBytes: 0x1001 },
    POOL,
    "bounce_unreachable",
    0,
  ],
  [
    "2.1.8",
    "bus limit",
    { device: { maskBits: 64, busLimitBits: 32 }, phys: 4 * GIB },
    POOL,
    "bounce_unreachable",
    0,
  ],
  [
    "2.1.8",
    "a line shared with others",
    { device: { coherent: false }, sizeBytes: 32, dir: DMA_FROM_DEVICE },
    POOL,
    "bounce_cache_line",
    0,
  ],
  [
    "2.1.9",
    "no pool",
    { pool: "none", device: { maskBits: 32 }, phys: 0x1_2345_6000 },
    -1,
    "memory_unreachable",
    1,
  ],
  [
    "2.1.9",
    "coherence required",
    { device: { maskBits: 32 }, phys: 4 * GIB, attrs: REQUIRE_COHERENT },
    -1,
    "memory_unreachable",
    1,
  ],
  [
    "2.1",
    "a bounce buffer out of reach",
    { device: { maskBits: 30 }, phys: 0x5000_0000 },
    -1,
    "bounce_buffer_unreachable",
    1,
  ],
  [
    "6.2",
    "more than the pool lends",
    { pool: "forced", sizeBytes: 262145, attrs: NO_WARN },
    -1,
    "no_bounce_buffer",
    0,
  ],
];

for (const [rule, what, given, address, branch, warnings] of ROWS) {
  Deno.test(`a map without translation, ${rule} ${what}: ${branch} (dma.md 2.1)`, () => {
    assertEquals(mapped(given), [address, branch, `dma.${rule}`, warnings]);
  });
}

Deno.test("a page with the attribute for MMIO is refused and says so (dma.md 1.4)", () => {
  const { machine, dev, seen } = benchFor({});
  const dma = machine.dma.dmaMapPage(dev, at(0x1000_0000), 0, 0x1000, DMA_TO_DEVICE, MMIO);
  assertEquals(dma, DMA_MAPPING_ERROR);
  assertEquals(seen.at(-1)?.why?.inputs.branch, "page_with_mmio");
});

Deno.test("every branch has a name and a sentence of its own", () => {
  const all = [...Object.values(MAP_BRANCH), ...Object.values(MAP_FAILURE)];
  assertEquals(new Set(all.map(({ name }) => name)).size, all.length);
  for (const { doc } of all) assert(/^[A-Z].*\.$/.test(doc), doc);
});

const HIGH = { cpuPhys: at(0x8000_0000), dma: 0 as DmaAddr, sizeBytes: GIB };

Deno.test("a bus with a range gives its own addresses, refuses what lies outside, and leaves MMIO alone (dma.md ch. 1 assertion 1)", () => {
  const device = { ranges: [HIGH] };
  assertEquals(mapped({ pool: "none", device, phys: 0x8000_1000 }).slice(0, 2), [
    0x1000,
    "memory_reached",
  ]);
  assertEquals(mapped({ pool: "none", device, phys: 0x7fff_f000 }).slice(0, 2), [
    -1,
    "memory_unreachable",
  ]);
  assertEquals(mapped({ pool: "none", device, phys: 0x8000_1000, attrs: MMIO }).slice(0, 2), [
    0x8000_1000,
    "mmio_reached",
  ]);
});

Deno.test("a bounce buffer is given at its address on the bus, and found again by it (dma.md 1.1, 2.2)", () => {
  const ranges = [{ cpuPhys: at(0x4000_0000), dma: 0x10_0000_0000 as DmaAddr, sizeBytes: GIB }];
  const { machine, dev, fields } = benchFor({ device: { ranges } });
  const phys = at(0x1000_0000);
  machine.memory.fill(phys, 0x1000, 0x22);
  const dma = machine.dma.dmaMapPhys(dev, phys, 0x1000, DMA_FROM_DEVICE);
  assertEquals(dma, 0x10_2000_0000);
  assertEquals(fields("dma.map")[0]?.path, "swiotlb");
  assert(machine.bus.write(dev, dma, new Uint8Array([0x33]), 0, 1));
  machine.dma.dmaSyncSingleForCpu(dev, dma, 0x1000, DMA_FROM_DEVICE);
  assertEquals(machine.memory.readU32(phys) & 0xffff, 0x2233);
  machine.dma.dmaUnmapPhys(dev, dma, 0x1000, DMA_FROM_DEVICE);
  assertEquals(machine.swiotlb.usedSlots, 0);
});

Deno.test("shared memory comes from where the bus has some (dma.md 1.1)", () => {
  const coherent = (ranges: DmaDeviceOptions["ranges"], maskBits = 64) => {
    const { machine, dev } = benchFor({ pool: "none", device: { ranges: ranges!, maskBits } });
    const memory = machine.dma.dmaAllocCoherent(dev, 0x2000);
    return memory === null ? null : [memory.dma as number, memory.physOf(0) as number];
  };
  assertEquals(coherent([HIGH]), [0, 0x8000_0000]);
  const second = { cpuPhys: at(GIB), dma: 0x4000_0000 as DmaAddr, sizeBytes: GIB };
  const far = { cpuPhys: at(0x8000_0000), dma: 0x10_0000_0000 as DmaAddr, sizeBytes: GIB };
  assertEquals(coherent([far, second], 32), [0x6000_0000, 0x6000_0000]);
  assertEquals(coherent([far], 32), null);
  // The device must reach the last byte of the range; it need not reach any later byte.
  const fits = (sizeBytes: number) => coherent([{ ...second, sizeBytes }]) !== null;
  assertEquals([fits(0x1fff), fits(0x2000)], [false, true]);
});

Deno.test("the required mask reaches the last RAM on the bus; RAM outside limits the device (dma.md 1.7, ch. 1 assertion 2)", () => {
  const asked = (device: DmaDeviceOptions, ramSizeBytes = 0x8_8000_0000) => {
    const { machine, dev } = benchFor({ device, machine: { ramSizeBytes } });
    return [machine.dma.dmaGetRequiredMask(dev), machine.dma.dmaAddressingLimited(dev)];
  };
  assertEquals(asked({}), [0xf_ffff_ffff, false]);
  assertEquals(asked({ maskBits: 35 }), [0xf_ffff_ffff, true]);
  assertEquals(asked({ busLimitBits: 35 }), [0xf_ffff_ffff, true]);
  assertEquals(asked({ maskBits: 30, ranges: [HIGH] }), [lastAddressOfBits(64), true]);
  const all = { cpuPhys: at(0), dma: 0x8000_0000 as DmaAddr, sizeBytes: 2 * GIB };
  const small = 2 * GIB;
  assertEquals(asked({ maskBits: 32, ranges: [all] }, small), [0xffff_ffff, false]);
  assertEquals(asked({ maskBits: 31, ranges: [all] }, small), [0xffff_ffff, true]);
  const { machine, dev } = benchFor({ mode: "strict", device: { maskBits: 32 } });
  assertEquals(machine.dma.dmaGetRequiredMask(dev), 0xffff_ffff);
  assertEquals(machine.dma.dmaAddressingLimited(dev), false);
});

Deno.test("a mask is taken from 32 bits on, below only when it reaches the zone for DMA (dma.md 1.2)", () => {
  const set = (bits: number, given: Given = {}) => {
    const { machine, dev, fields } = benchFor(given);
    const streaming = machine.dma.dmaSetMask(dev, bits);
    const error = streaming === 0 ? null : "EIO";
    assertEquals(fields("ret.dma_set_mask"), [{ result: streaming, error }]);
    assertEquals(machine.dma.dmaSetCoherentMask(dev, bits), streaming);
    const wanted = streaming === 0 ? bits : 64;
    assertEquals([dev.maskBits, dev.coherentMaskBits], [wanted, wanted]);
    return streaming;
  };
  assertEquals([64, 32, 24, 23, 1].map((bits) => set(bits)), [0, 0, 0, -ERRNO.EIO, -ERRNO.EIO]);
  assertEquals(set(23, { mode: "strict" }), 0);
  const low = { cpuPhys: at(0), dma: 0x4000_0000 as DmaAddr, sizeBytes: GIB };
  assertEquals([30, 31].map((bits) => set(bits, { device: { ranges: [low] } })), [-ERRNO.EIO, 0]);
  assertEquals(set(31, { device: { ranges: [HIGH] } }), -ERRNO.EIO);
  assertEquals(set(32, { device: { ranges: [HIGH] } }), 0);
});

Deno.test("behind an IOMMU the gaps of a bus's ranges are never handed out; impossible ranges leave the device direct (dma.md 4.1, 4.6, 1.3)", () => {
  const device = (...ranges: readonly (readonly [number, number])[]) => {
    const { machine, dev } = benchFor({
      mode: "strict",
      device: {
        ranges: ranges.map(([dma, sizeBytes], index) => ({
          cpuPhys: at(index * GIB),
          dma: dma as DmaAddr,
          sizeBytes,
        })),
      },
    });
    return { machine, dev };
  };
  const { machine, dev } = device([0x1000_0000, 0x3000], [0x4000_0000, 0x2000]);
  const map = () => machine.dma.dmaMapPhys(dev, 0x5000 as PhysAddr, 0x1000, DMA_TO_DEVICE);
  // The first page of each range is reserved together with the gap before it.
  assertEquals([map(), map(), map(), map()], [0x4000_1000, 0x1000_2000, 0x1000_1000, -1]);
  assert(dev.domain !== null);
  const overlap = device([0, 0x2000], [0x1000, 0x1000]);
  assertEquals([overlap.dev.domain, overlap.machine.warnings.total], [null, 1]);
  assertEquals(device([2 ** 48, 0x1000]).dev.domain, null);
});

Deno.test("largest mappings follow from who bounces (dma.md 1.7, ch. 1 assertion 3)", () => {
  const max = (given: Given) => {
    const { machine, dev } = benchFor(given);
    return machine.dma.dmaMaxMappingSize(dev);
  };
  assertEquals(max({ device: { ranges: [HIGH] } }), 262144);
  assertEquals(max({ pool: "encrypted", device: { minAlignMask: 0xfff } }), 258048);
  assertEquals(max({}), Number.MAX_SAFE_INTEGER);
  assertEquals(max({ pool: "none", device: { maskBits: 32 } }), Number.MAX_SAFE_INTEGER);
  assertEquals(new DmaDevice("dev", { ranges: [HIGH] }).rangeMap?.ranges.length, 1);
});

Deno.test("MMIO goes through the device's range map since 7.3, and is an error where that has no place for it (v7.3.md 3.1)", () => {
  const ranges = [{
    cpuPhys: 0x8000_0000 as PhysAddr,
    dma: 0x1000_0000 as DmaAddr,
    sizeBytes: 0x1000_0000,
  }];
  const mapped = (kernel: KernelProfile, phys: number, more: DmaDeviceOptions = { ranges }) => {
    const { dev, machine } = testBench({
      iommu: { mode: "off" },
      machine: { kernel },
      device: more,
    });
    return machine.dma.dmaMapResource(dev, phys as PhysAddr, 4096, DMA_TO_DEVICE);
  };
  assertEquals([mapped("7.2.12", 0x8000_2000), mapped("7.3-rc7", 0x8000_2000)], [
    0x8000_2000,
    0x1000_2000,
  ]);
  assertEquals(mapped("7.2.12", 0xa000_0000), 0xa000_0000);
  assertEquals(mapped("7.3-rc7", 0xa000_0000), DMA_MAPPING_ERROR);
  // Without ranges, as usual, the bus address is the physical address.
  assertEquals(mapped("7.3-rc7", 0xa000_0000, {}), 0xa000_0000);
});

Deno.test("since 7.3 the attribute for shared memory changes nothing where none is encrypted (v7.3.md 3.3)", () => {
  const mapped = (kernel: KernelProfile, force: boolean, phys = 0x1000_0000) => {
    const swiotlb = swiotlbConfig({ basePhys: at(POOL), force });
    const { dev, machine } = testBench({
      iommu: { mode: "off" },
      machine: { kernel, swiotlb, ramSizeBytes: 8 * GIB },
      device: { maskBits: 32 },
    });
    return machine.dma.dmaMapPhys(dev, at(phys), 4096, DMA_TO_DEVICE, CC_SHARED);
  };
  assertEquals([mapped("7.2.13", false), mapped("7.2.13", true)], [DMA_MAPPING_ERROR, 0x1000_0000]);
  assertEquals([mapped("7.3.4", false), mapped("7.3.4", true)], [0x1000_0000, POOL]);
  assertEquals(mapped("7.3.4", false, 0x1_8000_0000), POOL);
});
