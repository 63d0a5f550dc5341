/**
 * The kernel's rules are compared with the simulated wires on random trees. A tree has up to 64
 * devices behind up to three host bridges. Which access controls are set, and which bridges are on
 * the kernel's whitelist, is random. Trees with and without an IOMMU are tested.
 *
 * @see rules/p2p.md 9.2, 9.4, 9.6
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { type IommuMode, MIB } from "@dmalab/runtime";
import { DMA_ATTR, DMA_BIDIRECTIONAL } from "@dmalab/runtime/dma";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import type { BlockSettings, PciNodeConfig } from "../../lab_config.ts";
import { block, PeerBench } from "../_lab.ts";
import { ACS_SERVICES, acsPresent } from "./access_control.ts";
import type { CpuIdentity } from "../host_bridge.ts";

type Kind = Exclude<PeerMapType, "none">;
const KINDS: readonly Kind[] = ["bus_addr", "thru_host_bridge", "not_supported"];

/** The observed effects of one access. */
interface Sight {
  /** The written bytes are in the provider's memory. */
  readonly written: boolean;
  /** The read bytes are the provider's. */
  readonly read: boolean;
  /** The request passed a host bridge. */
  readonly throughRoot: boolean;
}

/** The kernel refused the mapping, so no access was made. */
const REFUSED = "refused";

/**
 * A device's place in the tree: its bridge, port and depth. Also the number of the device's
 * functions, and its access control services.
 */
interface Leaf {
  readonly bridge: number;
  readonly port: number;
  readonly depth: number;
  readonly functions: number;
  readonly acs: BlockSettings<"root_port">["acs"];
}

const acs = fc.oneof(
  { weight: 3, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant("unknown" as const) },
  { weight: 2, arbitrary: fc.subarray([...ACS_SERVICES]) },
);

const leaf: fc.Arbitrary<Leaf> = fc.record({
  bridge: fc.nat(2),
  port: fc.nat(2),
  depth: fc.nat(3),
  functions: fc.integer({ min: 1, max: 3 }),
  acs,
});

/** A bridge's bus addresses are far from every physical address, or equal to the physical addresses. */
const bridges = fc.array(
  fc.record({
    whitelisted: fc.option(fc.boolean()),
    vendorDevice: fc.constantFrom("8086:2030", "8086:2f00", "8086:1237", "1ae0:0001"),
    busOffset: fc.constantFrom(0, 1),
  }),
  { minLength: 3, maxLength: 3 },
);

const cpu: fc.Arbitrary<CpuIdentity> = fc.constantFrom(
  { vendor: "amd", family: 0x19 },
  { vendor: "intel", family: 6 },
  { vendor: "intel", family: 6 },
);

const machine = fc.record({
  leaves: fc.array(leaf, { minLength: 2, maxLength: 40, size: "max" }),
  /** The services of the ports, in order. */
  portAcs: fc.array(acs, { minLength: 17, maxLength: 17 }),
  bridges,
  cpu,
  mode: fc.constantFrom<IommuMode>("off", "passthrough", "strict", "lazy"),
  pick: fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 6, maxLength: 6 }),
});

type Plan = typeof machine extends fc.Arbitrary<infer T> ? T : never;

/**
 * The tree of a plan: each root port has a chain of switches, with each device at its planned
 * depth.
 */
function treeOf(plan: Plan): PciNodeConfig[] {
  let devices = 0;
  const card = (found: Leaf): PciNodeConfig => {
    const functions = Array.from(
      { length: Math.min(found.functions, 64 - devices) },
      () =>
        block("endpoint", `d${devices++}`, [], {
          p2pmemBytes: 2 * MIB,
          ...found.acs === undefined ? {} : { acs: found.acs },
        }),
    );
    return functions.length === 1 ? functions[0]! : block("device", `card${devices}`, functions);
  };
  const tree: PciNodeConfig[] = [];
  plan.bridges.forEach(({ whitelisted, vendorDevice, busOffset }, bridge) => {
    const ports: PciNodeConfig[] = [];
    for (let port = 0; port < 3; port++) {
      const here = plan.leaves.filter((leaf) => leaf.bridge === bridge && leaf.port === port);
      if (here.length === 0 || devices >= 64) continue;
      const name = `${bridge}_${port}`;
      let below: PciNodeConfig | null = null;
      for (let depth = 3; depth >= 0; depth--) {
        // A switch has at most 32 ports, and the tree at most 64 devices.
        const cards = here.filter((leaf) => leaf.depth === depth).slice(0, 31)
          .flatMap((leaf) => devices < 64 ? [card(leaf)] : []);
        const children: readonly PciNodeConfig[] = below === null ? cards : [...cards, below];
        if (children.length === 0) continue;
        below = block("switch", `s${name}_${depth}`, children);
      }
      // A single device may be directly below the root port.
      const only = here.length === 1 && here[0]!.depth === 0 ? below!.children : [below!];
      ports.push(block("root_port", `r${name}`, only));
    }
    if (ports.length === 0) return;
    tree.push(block("host_bridge", `h${bridge}`, ports, {
      vendorDevice,
      ...whitelisted === null ? {} : { whitelisted },
      busOffset: busOffset * (bridge + 1) * 2 ** 44,
    }));
  });
  return tree;
}

/** Accesses an address: writes a unique pattern, and reads it back. */
function look(
  bench: PeerBench,
  provider: string,
  client: string,
  dma: number,
  round: number,
): Sight {
  const { memory, bus } = bench.lab.machine;
  const dev = bench.device(client);
  const base = bench.func(provider).bars[0]!.basePhys;
  const pattern = Uint8Array.from({ length: 8 }, (_, index) => (round * 31 + index * 7 + 1) & 0xff);
  const found = new Uint8Array(8);
  const isPattern = () => found.every((byte, index) => byte === pattern[index]);
  memory.fill(base, 8, 0);
  bench.forget();
  bus.write(dev, dma, pattern, 0, 8);
  memory.read(base, found, 0, 8);
  const written = isPattern();
  memory.write(base, pattern, 0, 8);
  found.fill(0);
  const read = bus.read(dev, dma, found, 0, 8) && isPattern();
  const requests = bench.events.filter(({ name, fields }) =>
    name === "pci.tlp" && Reflect.get(fields, "kind") !== "completion"
  );
  const throughRoot = requests.some(({ fields }) => /^h\d$/.test(Reflect.get(fields, "to")));
  return { written, read, throughRoot };
}

function tryKind(
  bench: PeerBench,
  provider: string,
  client: string,
  kind: Kind,
  round: number,
): { address: number | null; sight: Sight | typeof REFUSED } {
  const { topology, machine: { dma } } = bench.lab;
  const phys = bench.func(provider).bars[0]!.basePhys;
  const dev = bench.device(client);
  switch (kind) {
    case "not_supported":
      return { address: null, sight: REFUSED };
    case "bus_addr": {
      const address = topology.busAddress(phys);
      return { address, sight: look(bench, provider, client, address, round) };
    }
    case "thru_host_bridge": {
      const address = dma.dmaMapPhys(dev, phys, 4096, DMA_BIDIRECTIONAL, DMA_ATTR.MMIO);
      assertEquals(dma.dmaMappingError(dev, address), 0);
      const sight = look(bench, provider, client, address, round);
      dma.dmaUnmapPhys(dev, address, 4096, DMA_BIDIRECTIONAL, DMA_ATTR.MMIO);
      return { address, sight };
    }
  }
}

Deno.test("the kind that the rules give delivers every byte, and any other kind is noticed", () => {
  const seen = new Map<Kind, number>();
  let devices = 0;
  let wrong = 0;
  fc.assert(
    fc.property(machine, (plan) => {
      const bench = new PeerBench(treeOf(plan), {
        cpu: plan.cpu,
        iommu: { mode: plan.mode },
      });
      bench.lab.topology.functions.filter(({ isBridge }) => isBridge).forEach((port, index) => {
        const services = plan.portAcs[index % plan.portAcs.length];
        if (Array.isArray(services)) port.acs = acsPresent(services);
      });
      const names = [...bench.lab.devices.keys()];
      devices = Math.max(devices, names.length);
      plan.pick.forEach(([from, to], round) => {
        const provider = names[from % names.length]!;
        const client = names[to % names.length]!;
        const right = bench.kind(provider, client) as Kind;
        seen.set(right, (seen.get(right) ?? 0) + 1);
        const is = tryKind(bench, provider, client, right, round);
        if (is.sight !== REFUSED) {
          assert(is.sight.written && is.sight.read, `${right} does not deliver`);
          if (right === "bus_addr") assert(!is.sight.throughRoot, "a bus address left the tree");
          else if (bench.device(client).domain !== null) {
            assert(is.sight.throughRoot, "an IOVA did not");
          }
        }
        for (const other of KINDS) {
          if (other === right) continue;
          const got = tryKind(bench, provider, client, other, round + 100);
          // If the right and the wrong kind of mapping give the same address, the access cannot
          // differ.
          if (got.address !== null && got.address === is.address) {
            assertEquals(got.sight, is.sight);
            continue;
          }
          wrong++;
          assertNotEquals(got.sight, is.sight, `${other} in place of ${right} goes unnoticed`);
        }
      });
    }),
    { numRuns: 150, seed: 5 },
  );
  // The random trees must be large, and each kind of mapping must occur often.
  assert(devices >= 40, `${devices} devices`);
  assert(wrong > 500, `${wrong} wrong kinds`);
  for (const kind of KINDS) assert((seen.get(kind) ?? 0) >= 50, `${kind}: ${seen.get(kind)}`);
});
