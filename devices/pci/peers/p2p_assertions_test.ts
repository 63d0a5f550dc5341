/** The assertions of rules/p2p.md, by their numbers, on whole machines. */
import { assert, assertEquals } from "@std/assert";
import { ERRNO, type MachineEvent, MIB, type PhysAddr, physAddr } from "@dmalab/runtime";
import { DMA_FROM_DEVICE, Scatterlist } from "@dmalab/runtime/dma";
import type { BlockSettings, PciNodeConfig } from "../../lab_config.ts";
import { block, client, lender, PeerBench } from "../_lab.ts";
import { acsPresent } from "./access_control.ts";
import type { CpuIdentity } from "../host_bridge.ts";

const P = lender("p");
const C = client("c");

function port(name: string, ...children: PciNodeConfig[]): PciNodeConfig {
  return block("root_port", name, children);
}

function sw(name: string, ...children: PciNodeConfig[]): PciNodeConfig {
  return block("switch", name, children);
}

function bridge(name: string, settings: BlockSettings, ...children: PciNodeConfig[]) {
  return block("host_bridge", name, children, settings);
}

Deno.test("a BAR at 0x20_0000_0000 with bus address 0xe000_0000 (p2p.md assertion 1)", () => {
  // Large BARs are placed above the RAM, which ends at exactly this address.
  const large = lender("p", { p2pmemBytes: 128 * MIB });
  const offset = { busOffset: 0xe000_0000 - 0x20_0000_0000 };
  const bench = new PeerBench([bridge("h", offset, port("rp", large, C))], {
    ramSizeBytes: 0x20_0000_0000,
  });
  const { topology } = bench.lab;
  const base = bench.func("p").bars[0]!.basePhys;
  assertEquals(base, physAddr(0x20_0000_0000));
  const phys = physAddr(base + 0x10_0000);
  assertEquals(topology.busAddress(phys) as number, 0xe010_0000);
  const device = bench.device("c");
  assertEquals(topology.resolveBusAddress(device, 0xe010_0000, "write"), phys);
});

Deno.test("distances 0, 2, 4 and 6 below one root port, all by bus address (p2p.md assertion 2)", () => {
  const bench = new PeerBench([
    port("rp0", P, C),
    port("rp1", sw("s", lender("q"), client("d"), sw("t", client("e")))),
  ]);
  for (
    const [provider, reached, distance] of [
      ["p", "p", 0],
      ["p", "c", 2],
      ["q", "d", 4],
      ["q", "e", 6],
    ] as const
  ) {
    assertEquals(bench.distance(provider, reached), distance);
    assertEquals(bench.kind(provider, reached), "bus_addr");
  }
  assertEquals(bench.warnings, []);
});

Deno.test("a redirect below one switch, with a listed and an unlisted root (p2p.md assertion 3)", () => {
  const tree = (vendorDevice: string) => [
    bridge("h", { vendorDevice }, port("rp", sw("s", P, C))),
  ];
  const listed = new PeerBench(tree("8086:2030"));
  listed.func("s.down1").acs = acsPresent(["request_redirect"]);
  assertEquals(listed.distance("p", "c"), 4);
  assertEquals(listed.kind("p", "c"), "thru_host_bridge");
  assertEquals(listed.warnings.length, 2);

  const unlisted = new PeerBench(tree("8086:1237"));
  unlisted.func("s.down1").acs = acsPresent(["request_redirect"]);
  assertEquals(unlisted.kind("p", "c"), "not_supported");
  assertEquals(unlisted.warnings, [
    "Access control redirects traffic between c and p",
    "To let it pass directly, boot with pci=disable_acs_redir=0000:02:01.0: what is below these " +
    "functions is then not kept apart",
    "The root device of h is not on the list",
    "No common bridge and no listed host bridge for c and p",
  ]);
  assert(unlisted.events.every(({ name, device }) => name !== "kernel.warn" || device === "c"));
  assertEquals(unlisted.distance("p", "c"), -1);
  unlisted.forget();
  const { topology } = unlisted.lab;
  topology.routes.distance(unlisted.func("p"), [unlisted.func("c")]);
  assertEquals(unlisted.warnings, ["The root device of h is not on the list"], "not verbose");
});

Deno.test("two root ports: the processor or the list decides (p2p.md assertion 4)", () => {
  const ports = [port("a", P), port("b", C)];
  const kindOf = (tree: PciNodeConfig[], cpu?: CpuIdentity) => {
    const bench = new PeerBench(tree, cpu === undefined ? {} : { cpu });
    const kind = bench.kind("p", "c");
    assertEquals(bench.distance("p", "c"), kind === "not_supported" ? -1 : 4);
    return kind;
  };
  const apart = (vendorDevice: string) => [
    bridge("h0", { vendorDevice }, port("a", P)),
    bridge("h1", { vendorDevice }, port("b", C)),
  ];
  assertEquals(kindOf(ports), "not_supported");
  assertEquals(kindOf(ports, { vendor: "amd", family: 0x19 }), "thru_host_bridge");
  assertEquals(kindOf([bridge("h", { vendorDevice: "8086:2f00" }, ...ports)]), "thru_host_bridge");
  assertEquals(kindOf(apart("8086:2f00")), "not_supported");
  assertEquals(kindOf(apart("8086:2031")), "thru_host_bridge");
});

Deno.test("a switch on each side of two root ports: distance 8 (p2p.md assertion 5)", () => {
  const bench = new PeerBench([
    bridge("h", { whitelisted: true }, port("a", sw("s", P)), port("b", sw("t", C))),
  ]);
  assertEquals(bench.distance("p", "c"), 8);
  assertEquals(bench.kind("p", "c"), "thru_host_bridge");
});

/** A list of three pages: RAM, memory of `p`, RAM. */
function mixedList(bench: PeerBench): { list: Scatterlist; peer: PhysAddr } {
  const peer = bench.lab.topology.providers.alloc(bench.func("p"), 4096)!;
  const ram = bench.lab.machine.pages.alloc(2, { contiguous: false })!;
  const list = new Scatterlist([
    { phys: ram[0]!, sizeBytes: 4096 },
    { phys: peer, sizeBytes: 4096 },
    { phys: ram[1]!, sizeBytes: 4096 },
  ]);
  return { list, peer };
}

Deno.test("a list of RAM, a peer by bus address, and RAM (p2p.md assertion 6)", () => {
  const bench = new PeerBench([port("rp", sw("s", P, C))], { iommu: { mode: "strict" } });
  const { list, peer } = mixedList(bench);
  const { dma } = bench.lab.machine;
  bench.forget();
  assertEquals(dma.dmaMapSg(bench.device("c"), list, DMA_FROM_DEVICE, 0), 3);
  const [alloc] = bench.events.filter(({ name }) => name === "iova.alloc");
  assertEquals(Reflect.get(alloc!.fields, "start"), 0xffff_e000);
  assertEquals(Reflect.get(alloc!.fields, "size_bytes"), 0x2000);
  assertEquals(list.mapped().map(({ dma, sizeBytes }) => [dma as number, sizeBytes]), [
    [0xffff_e000, 0x1000],
    [peer, 0x1000],
    [0xffff_f000, 0x1000],
  ]);
  assertEquals([0, 1, 2].map((index) => list.isBusAddressAt(index)), [false, true, false]);
  bench.forget();
  dma.dmaUnmapSg(bench.device("c"), list, DMA_FROM_DEVICE, 0, 3);
  const unmapped = bench.events.filter(({ name }) => name === "iommu.unmap");
  assertEquals(unmapped.map(({ fields }) => Reflect.get(fields, "size_bytes")), [0x2000]);
});

Deno.test("the same list with a peer out of reach is left as it was (p2p.md assertion 7)", () => {
  const bench = new PeerBench([port("a", P), port("b", C)], { iommu: { mode: "strict" } });
  const { list } = mixedList(bench);
  const before = list.segments();
  const { dma } = bench.lab.machine;
  bench.forget();
  const dev = bench.device("c");
  assertEquals(dma.dmaMapSgtable(dev, list, DMA_FROM_DEVICE, 0), -ERRNO.EREMOTEIO);
  assertEquals(dma.dmaMapSg(dev, list, DMA_FROM_DEVICE, 0), 0);
  assertEquals(list.segments(), before);
  assertEquals(bench.count("iova.alloc"), 0);
});

Deno.test("a pool of 16 MiB, and an unbind that waits for what is out (p2p.md assertion 8)", () => {
  const bench = new PeerBench([port("rp", P, C)]);
  const { providers } = bench.lab.topology;
  const p = bench.func("p");
  const taken = providers.alloc(p, 5000)!;
  assertEquals(providers.of(p)!.availableBytes, 16 * MIB - 8192);
  assertEquals(bench.kind("p", "c"), "bus_addr");
  assertEquals(providers.unbind(p), false);
  assertEquals(providers.of(p)!.state, "unbinding");
  assertEquals(providers.alloc(p, 4096), null);
  assertEquals(bench.kind("p", "c"), "bus_addr", "while it waits, its pages are what they were");
  assert(providers.free(p, taken));
  assertEquals(providers.of(p), null);
  assertEquals(providers.everOf(p)!.state, "unbound");
  assertEquals(bench.kind("p", "c"), "not_supported");
  assertEquals(bench.lab.topology.mapType(taken, bench.device("c")), "none", "no page any more");
});

Deno.test("a kind outlives the services it was worked out from (p2p.md assertion 9)", () => {
  for (const whitelisted of [true, false]) {
    const bench = new PeerBench([bridge("h", { whitelisted }, port("rp", sw("s", P, C)))]);
    assertEquals(bench.kind("p", "c"), "bus_addr");
    bench.func("s.down0").acs = acsPresent(["completion_redirect"]);
    assertEquals(bench.kind("p", "c"), "bus_addr");
    bench.distance("p", "c");
    assertEquals(bench.kind("p", "c"), whitelisted ? "thru_host_bridge" : "not_supported");
  }
});

Deno.test("of two providers equally near one is chosen by chance, and kept (p2p.md assertion 10)", () => {
  const tree = [port("rp", sw("s", P, lender("q"), C, sw("t", lender("r"))))];
  const chosen = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const find = () => {
      const bench = new PeerBench(tree, { seed });
      const { routes, providers } = bench.lab.topology;
      const found = routes.find([bench.func("c")], bench.lab.machine.random)!;
      assertEquals(
        providers.all.map(({ func, deviceReferences }) => [func.name, deviceReferences]),
        [
          ["p", found.func.name === "p" ? 1 : 0],
          ["q", found.func.name === "q" ? 1 : 0],
          ["r", 0],
        ],
      );
      return found.func.name;
    };
    const name = find();
    assertEquals(find(), name, "the same seed chooses the same");
    chosen.add(name);
  }
  assertEquals([...chosen].sort(), ["p", "q"]);
});

Deno.test("of more than 512 providers equally near, 512 can be chosen (p2p.md 9.5)", () => {
  const device = (name: string) =>
    block("device", name, Array.from({ length: 8 }, (_, func) => lender(`${name}_${func}`)));
  const side = (name: string) =>
    sw(name, ...Array.from({ length: 22 }, (_, slot) => device(`${name}s${slot}`)));
  const bench = new PeerBench([port("rp", sw("s", side("a"), side("b"), side("e"), sw("d", C)))]);
  const { providers, routes } = bench.lab.topology;
  assertEquals(providers.all.length, 3 * 22 * 8);
  const found = routes.find([bench.func("c")], bench.lab.machine.random);
  const [choice] = bench.events.filter(({ name }) => name === "p2p.choose") as MachineEvent<
    "p2p.choose"
  >[];
  assertEquals([choice!.fields.provider, choice!.fields.distance], [found!.func.name, 8]);
  assertEquals(choice!.fields.tied, providers.all.slice(0, 512).map(({ func }) => func.name));
});
