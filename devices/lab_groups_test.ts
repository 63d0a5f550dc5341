/**
 * Groups of random trees. The domain of each group behaves as if one device made all calls of the
 * group.
 */
import { assert, assertEquals } from "@std/assert";
import { type DmaAddr, type IommuDomain, Machine, type PhysAddr, Random } from "@dmalab/runtime";
import { DMA_BIDIRECTIONAL, DmaDevice } from "@dmalab/runtime/dma";
import { block, client, PeerBench } from "./pci/_lab.ts";
import { ISOLATION } from "./pci/iommu_groups.ts";
import type { BlockSettings, PciNodeConfig } from "./lab_config.ts";

const TOPOLOGIES = 300;
const CALLS = 60;
const PAGE = 4096;
/** Address of the first page that the calls use; each call uses separate pages. */
const FIRST_PAGE = 0x1000_0000;
const MASKS = [24, 32, 32, 40, 64];

/** Root ports with random devices and switches below them, and random access control. */
function randomTree(random: Random): PciNodeConfig[] {
  let count = 0;
  const acs = (): BlockSettings => random.below(2) === 0 ? {} : { acs: ISOLATION };
  const endpoint = (): PciNodeConfig =>
    client(`d${count++}`, { ...acs(), dmaMaskBits: MASKS[random.below(MASKS.length)]! });
  const below = (depth: number): PciNodeConfig[] => {
    switch (depth > 2 ? 0 : random.below(4)) {
      case 1:
        return [block("switch", `s${count++}`, several(1, 3, () => below(depth + 1)[0]!), acs())];
      case 2:
        return [block("bridge", `b${count++}`, several(1, 3, endpoint))];
      case 3:
        return [block("device", `m${count++}`, several(2, 3, endpoint))];
      default:
        return [endpoint()];
    }
  };
  const several = <T>(least: number, most: number, make: () => T): T[] =>
    Array.from({ length: random.between(least, most) }, make);
  return several(1, 4, () => block("root_port", `rp${count++}`, below(0), acs()));
}

/** Everything in a domain: IOVA ranges, cached IOVAs, page-table entries and the flush queue. */
function contents({ flushQueue, iova, table }: IommuDomain) {
  const found: unknown[] = [];
  iova.ranges.forEach((lo, hi) => found.push(["range", lo, hi]));
  iova.cache.forEach((...entry) => found.push(["cached", ...entry]));
  table.forEachLeaf(0, table.lastAddress, (...leaf) => found.push(["leaf", ...leaf]));
  flushQueue?.forEach((...entry) => found.push(["waits", ...entry]));
  const { cursor32Pfn, cursor64Pfn, max32AllocPfns } = iova.ranges;
  return [...found, cursor32Pfn, cursor64Pfn, max32AllocPfns, flushQueue?.finished];
}

/**
 * A single device that makes the calls of all members of a group. Each call has the limits of the
 * member that it stands for.
 */
class OneDevice {
  readonly machine: Machine;
  readonly dev = new DmaDevice("all");
  readonly #first32 = new Map<DmaDevice, boolean>();

  constructor(config: Machine["config"]) {
    this.machine = new Machine(config);
    this.machine.iommu.attach(this.dev);
  }

  as<T>(member: DmaDevice, call: () => T): T {
    this.dev.maskBits = this.dev.coherentMaskBits = member.maskBits;
    this.dev.prefer32Bit = this.#first32.get(member) ?? true;
    const result = call();
    this.#first32.set(member, this.dev.prefer32Bit);
    return result;
  }
}

function tryTopology(seed: number): { readonly shared: number; readonly refused: number } {
  const random = new Random(seed);
  const bench = new PeerBench(randomTree(random), {
    cpus: 2,
    checker: "off",
    iommu: { mode: random.below(2) === 0 ? "strict" : "lazy", reserved: [] },
  });
  const { lab: { devices, machine } } = bench;
  const all = [...devices.values()].map(({ dma }) => dma);
  const ones = new Map(all.map(({ domain }) => [domain!, new OneDevice(machine.config)]));
  const live: { dev: DmaDevice; dma: DmaAddr; sizeBytes: number; phys: number }[] = [];
  let next = FIRST_PAGE;
  let refused = 0;
  const both = (dev: DmaDevice, call: (on: Machine, by: DmaDevice) => unknown): unknown => {
    const one = ones.get(dev.domain!)!;
    one.machine.cpu = machine.cpu;
    const own = call(machine, dev);
    assertEquals(one.as(dev, () => call(one.machine, one.dev)), own, `seed ${seed}`);
    return own;
  };
  for (let call = 0; call < CALLS; call++) {
    machine.cpu = random.below(2);
    if (random.below(20) === 0) {
      const ns = random.between(1, 6) * 1_000_000;
      for (const one of [machine, ...[...ones.values()].map(({ machine }) => machine)]) {
        one.cpu = machine.cpu;
        one.advance(ns);
      }
    }
    if (live.length > 0 && random.below(3) === 0) {
      const [{ dev, dma, sizeBytes }] = live.splice(random.below(live.length), 1) as [
        typeof live[0],
      ];
      both(dev, (on, by) => on.dma.dmaUnmapPhys(by, dma, sizeBytes, DMA_BIDIRECTIONAL));
      continue;
    }
    const dev = all[random.below(all.length)]!;
    const sizeBytes = random.between(1, random.below(4) === 0 ? 40 : 4) * PAGE;
    const phys = next as PhysAddr;
    next += sizeBytes;
    machine.memory.write(phys, new Uint8Array(new Float64Array([next]).buffer), 0, 8);
    const dma = both(
      dev,
      (on, by) => on.dma.dmaMapPhys(by, phys, sizeBytes, DMA_BIDIRECTIONAL),
    ) as DmaAddr;
    if (dma >= 0) live.push({ dev, dma, sizeBytes, phys });
  }
  const read = new Uint8Array(8);
  for (const { dev, dma, phys, sizeBytes } of live) {
    for (const other of all) {
      const reaches = machine.bus.read(other, dma, read, 0, 8) &&
        new Float64Array(read.buffer)[0] === phys + sizeBytes;
      assertEquals(
        reaches,
        other.group === dev.group,
        `seed ${seed}: ${other.name} and ${dev.name}`,
      );
      if (!reaches) refused++;
    }
  }
  for (const [domain, { dev }] of ones) {
    assertEquals(contents(domain), contents(dev.domain!), `seed ${seed}: ${domain.name}`);
  }
  return { shared: [...ones.keys()].filter(({ members }) => members.length > 1).length, refused };
}

Deno.test("each group of a random tree is one machine with one device that makes all calls, and no other group reaches its pages (dma.md 9.4 to 9.6)", () => {
  let shared = 0;
  let refused = 0;
  for (let seed = 0; seed < TOPOLOGIES; seed++) {
    const found = tryTopology(seed);
    shared += found.shared;
    refused += found.refused;
  }
  assert(shared > TOPOLOGIES / 2 && refused > TOPOLOGIES, `${shared} shared, ${refused} refused`);
});
