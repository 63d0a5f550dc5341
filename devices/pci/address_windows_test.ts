import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  defaultMachineConfig,
  GIB,
  KIB,
  layOutMemory,
  type MachineConfig,
  MIB,
  physAddr,
} from "@dmalab/runtime";
import { ConfigError } from "../config_error.ts";
import { type BridgeBars, planAddressWindows } from "./address_windows.ts";

const config = (changes: Partial<MachineConfig> = {}) => ({
  ...defaultMachineConfig(),
  ...changes,
});

function bridge(bars: Record<string, number[]>, name = "pci"): BridgeBars {
  return {
    name,
    busOffset: 0,
    devices: Object.entries(bars).map(([device, sizes]) => ({
      name: device,
      requests: sizes.map((sizeBytes, index) => ({ index, sizeBytes, peerBytes: 0 })),
    })),
  };
}

Deno.test("a machine without BARs has no windows", () => {
  assertEquals(planAddressWindows(config(), [bridge({ a: [] })]).windows, []);
});

Deno.test("large BARs lie at 4 GiB or above, however little RAM there is", () => {
  const base = (ramSizeBytes: number) =>
    planAddressWindows(config({ ramSizeBytes }), [bridge({ gpu: [GIB] })]).windows[0]!.basePhys;
  assertEquals([base(GIB), base(2 * GIB)], [physAddr(4 * GIB), physAddr(4 * GIB)]);
});

Deno.test("every BAR is aligned to its size, lies in a window, and overlaps nothing", () => {
  const plan = planAddressWindows(
    config({ ramSizeBytes: 24 * GIB }),
    [
      bridge({ a: [16 * KIB, 1 * MIB], b: [64 * MIB, 256 * MIB], c: [4 * KIB, 8 * GIB] }, "h0"),
      bridge({ d: [32 * MIB], e: [64 * MIB, 64 * MIB], f: [128 * MIB] }, "h1"),
    ],
  );
  const layout = layOutMemory(config({ ramSizeBytes: 24 * GIB, windows: plan.windows }));
  const bars = [...plan.bars.values()].flat().sort((a, b) => a.basePhys - b.basePhys);
  assertEquals(bars.length, 10);
  let end = 0;
  for (const { basePhys, sizeBytes } of bars) {
    assertEquals(basePhys % sizeBytes, 0);
    assert(basePhys >= end);
    end = basePhys + sizeBytes;
    const home = layout.find((range) =>
      range.type === "mmio" && basePhys >= range.basePhys && end <= range.basePhys + range.sizeBytes
    );
    assert(home !== undefined, `no window holds 0x${basePhys.toString(16)}`);
  }
});

Deno.test("regions are stepped over, upwards first and then downwards", () => {
  const region = (at: number, sizeBytes: number) => ({
    regions: [{ name: "r", basePhys: physAddr(at), sizeBytes, type: "mmio" as const }],
  });
  const low = (changes: Partial<MachineConfig>) =>
    planAddressWindows(config(changes), [bridge({ a: [16 * KIB] })]).windows[0]!.basePhys;
  assertEquals(low(region(0xc000_0000, 4 * KIB)), physAddr(0xc100_0000));
  assertEquals(low(region(0xe000_0000, 256 * MIB)), physAddr(0xc000_0000));
  assertEquals(low(region(0xc000_0000, GIB)), physAddr(0xbf00_0000));
  const error = assertThrows(() => low(region(0, 4 * GIB)), ConfigError);
  assertEquals(error.path, ["a"]);
});

Deno.test("the window above RAM lies above regions there too", () => {
  const plan = planAddressWindows(
    config({
      regions: [{ name: "r", basePhys: physAddr(64 * GIB), sizeBytes: GIB, type: "mmio" }],
    }),
    [bridge({ gpu: [2 * GIB] })],
  );
  assertEquals(plan.windows[0]!.basePhys, physAddr(66 * GIB));
});

const LOW_UNIT = 16 * MIB;

/** Base of the window below 4 GiB for one device with BARs of the given sizes; the regions are MMIO. */
function lowBase(
  sizes: readonly number[],
  ...regions: readonly (readonly [first: number, end: number])[]
): number {
  const plan = planAddressWindows(
    config({
      regions: regions.map(([first, end], index) => ({
        name: `r${index}`,
        basePhys: physAddr(first),
        sizeBytes: end - first,
        type: "mmio" as const,
      })),
    }),
    [bridge({ a: [...sizes] })],
  );
  assertEquals(plan.windows.map(({ name }) => name), ["pci.mem32"]);
  return plan.windows[0]!.basePhys;
}

Deno.test("below 3 GiB the highest place is taken, down to 1 MiB", () => {
  const top: readonly [number, number] = [3 * GIB, 4 * GIB];
  const one = [16 * KIB];
  assertEquals(lowBase(one, top), 3 * GIB - LOW_UNIT);
  assertEquals(lowBase(one, top, [2 * GIB, 3 * GIB]), 2 * GIB - LOW_UNIT);
  assertEquals(lowBase(one, top, [2 * GIB + 4 * KIB, 3 * GIB]), 2 * GIB - LOW_UNIT);
  assertEquals(lowBase(one, top, [LOW_UNIT * 2, 3 * GIB]), LOW_UNIT);
  const error = assertThrows(() => lowBase(one, top, [LOW_UNIT, 3 * GIB]), ConfigError);
  assertEquals([error.message, error.hint], [
    "No room below 4 GiB for 16777216 bytes of PCI memory",
    "make the regions below 4 GiB smaller, or move them",
  ]);
});

Deno.test("BARs of up to 64 MiB are small, as long as all are no more than 512 MiB", () => {
  const names = (...sizes: readonly number[]) =>
    planAddressWindows(config(), [bridge({ a: [...sizes] })]).windows.map(({ name, sizeBytes }) =>
      `${name} ${sizeBytes / MIB}`
    );
  assertEquals(names(64 * MIB), ["pci.mem32 64"]);
  assertEquals(names(128 * MIB), ["pci.mem64 1024"]);
  assertEquals(names(...new Array<number>(8).fill(64 * MIB)), ["pci.mem32 512"]);
  assertEquals(names(...new Array<number>(8).fill(64 * MIB), 4 * KIB), [
    "pci.mem32 512",
    "pci.mem64 1024",
  ]);
  assertEquals(names(4 * KIB), ["pci.mem32 16"]);
  assertEquals(names(16 * MIB, 4 * KIB), ["pci.mem32 32"]);
});

Deno.test("PCI memory ends at 2^52 at the latest", () => {
  const plan = (sizeBytes: number) =>
    planAddressWindows(config(), [bridge({ a: [sizeBytes] })]).windows[0]!;
  assertEquals([plan(2 ** 51).basePhys, plan(2 ** 51).sizeBytes], [physAddr(2 ** 51), 2 ** 51]);
  const error = assertThrows(() => plan(2 ** 52), ConfigError);
  assertEquals([error.path, error.message], [
    ["a"],
    "The PCI memory does not fit below 2^52",
  ]);
});
