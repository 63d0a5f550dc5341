import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { DmaAddr, PhysAddr } from "../../address.ts";
import type { QuirkName } from "../../kernels/behaviours.ts";
import type { IommuMode } from "../../machine_config.ts";
import type { PeerMapType } from "../../vocabulary/shared_words.ts";
import { DMA_FROM_DEVICE } from "../attributes.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBench, testBench } from "../testing.ts";

const PAGE = 4096;
/** Addresses of each kind of memory; a peer's bus addresses are 2^40 higher. */
const RAM = 0x10_0000;
const NEAR = 0xf000_0000;
const FAR = 0xf010_0000;
const BUS_OFFSET = 2 ** 40;

type EntryKind = "ram" | "near" | "far";

/** A machine with a peer below the same switch, and one behind the host bridge. */
function withPeers(
  mode: IommuMode,
  quirks: readonly QuirkName[] = [],
): TestBench & { asked: number[] } {
  const bench = testBench({
    iommu: { mode },
    machine: {
      ramSizeBytes: 2 ** 31,
      quirks: new Set(quirks),
      windows: [{ name: "peers", basePhys: at(NEAR), sizeBytes: 0x20_0000 }],
    },
  });
  const asked: number[] = [];
  const providerAt = (phys: PhysAddr) => phys >= FAR ? "far" : phys >= NEAR ? "near" : null;
  const kinds: Readonly<Record<string, PeerMapType>> = {
    near: "bus_addr",
    far: "thru_host_bridge",
  };
  bench.machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: (phys) => phys >= NEAR,
    providerAt,
    mapType: (phys) => {
      asked.push(phys);
      return kinds[providerAt(phys) ?? ""] ?? "none";
    },
    busAddress: (phys) => phys + BUS_OFFSET as DmaAddr,
    resolveBusAddress: () => -1,
    passesRoot: () => true,
  };
  return { ...bench, asked };
}

function listOf(kinds: readonly EntryKind[]): Scatterlist {
  const base = { ram: RAM, near: NEAR, far: FAR };
  // No two entries touch, so that only an IOMMU joins them.
  return new Scatterlist(
    kinds.map((kind, index) => ({ phys: at(base[kind] + index * 2 * PAGE), sizeBytes: PAGE })),
  );
}

/**
 * Maps a list. Returns a complaint if an output lacks an address, or if the outputs do not cover
 * all bytes of the list.
 */
function complaint(kinds: readonly EntryKind[], mode: IommuMode, quirks: readonly QuirkName[]) {
  const { machine, dev } = withPeers(mode, quirks);
  const list = listOf(kinds);
  const outputs = machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
  assert(outputs > 0);
  const mapped = list.mapped();
  const rangeBytes = mapped.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (rangeBytes !== kinds.length * PAGE) return "bytes are missing";
  if (mapped.some(({ dma }) => dma < RAM)) return "an address was never set";
  return null;
}

const entryKinds = fc.array(fc.constantFrom<EntryKind>("ram", "near", "far"), {
  minLength: 1,
  maxLength: 8,
});
const modes = fc.constantFrom<IommuMode>("off", "strict");

Deno.test("every byte of a mapped list is in an output, at an address that was set", () => {
  fc.assert(
    fc.property(entryKinds, modes, (kinds, mode) => complaint(kinds, mode, []) === null),
    { numRuns: 200 },
  );
});

Deno.test("a peer's entry in a direct list has its length in the output, or none (defects.md M5)", () => {
  const lengths = (...quirks: QuirkName[]) => {
    const { machine, dev } = withPeers("off", quirks);
    const list = listOf(["near", "ram", "near"]);
    machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
    return list.mapped().map(({ sizeBytes }) => sizeBytes);
  };
  assertEquals(lengths(), [PAGE, PAGE, PAGE]);
  assertEquals(lengths("sg_bus_length_missing"), [0, PAGE, 0]);
});

Deno.test("an address that a map forgets is what an earlier map left, or 0 (defects.md M14)", () => {
  const { machine, dev } = withPeers("off", ["sg_host_bridge_unmapped"]);
  const list = listOf(["far"]);
  machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
  assertEquals(list.mapped(), [{ dma: 0 as DmaAddr, sizeBytes: PAGE }]);
  machine.dma.dmaUnmapSg(dev, list, DMA_FROM_DEVICE);
  list.setSegment(0, at(RAM), PAGE);
  machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
  machine.dma.dmaUnmapSg(dev, list, DMA_FROM_DEVICE);
  list.setSegment(0, at(FAR), PAGE);
  machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
  assertEquals(list.mapped(), [{ dma: RAM as DmaAddr, sizeBytes: PAGE }]);
});

Deno.test("along a list a kind is read again only when the provider changes (p2p.md 9.5)", () => {
  for (const mode of ["off", "strict"] as const) {
    const { machine, dev, asked } = withPeers(mode);
    const list = listOf(["near", "near", "ram", "near", "far", "near"]);
    machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
    assertEquals(asked, [NEAR, FAR + 8 * PAGE, NEAR + 10 * PAGE]);
  }
});

Deno.test("entries by bus address are neither synced nor unmapped; behind the bridge they are (p2p.md 9.6)", () => {
  const { machine, dev, fields } = withPeers("off");
  const list = listOf(["ram", "near", "far"]);
  machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
  assertEquals(fields("dma.map").map(({ dma, path }) => [dma as number, path]), [
    [RAM, "direct"],
    [NEAR + 2 * PAGE + BUS_OFFSET, "bus"],
    [FAR + 4 * PAGE, "direct"],
  ]);
  assertEquals([0, 1, 2].map((index) => list.busMarkAt(index)), [null, "dma_flags", null]);
});

Deno.test("the design of 2021 has its mark in the link to the page (p2p.md 9.1)", () => {
  for (const mode of ["off", "strict"] as const) {
    const { machine, dev } = withPeers(mode, ["p2p_design_2021"]);
    const list = listOf(["ram", "near", "ram"]);
    machine.dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
    assertEquals([0, 1, 2].map((index) => list.busMarkAt(index)), [null, "page_link", null]);
    machine.dma.dmaUnmapSg(dev, list, DMA_FROM_DEVICE);
    assertEquals(list.isBusAddressAt(1), false);
  }
});
