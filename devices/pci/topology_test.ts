import { assertEquals } from "@std/assert";
import { type DmaAddr, Machine, type MachineEvent, type PhysAddr, physAddr } from "@dmalab/runtime";
import { testConfig } from "@dmalab/runtime/testing";
import { DmaDevice } from "@dmalab/runtime/dma";
import type { PciNodeConfig } from "../lab_config.ts";
import { buildPciTree } from "./pci_tree.ts";
import { PciTopology } from "./topology.ts";
import { block } from "./_lab.ts";

const BAR = 0x20_0000_0000;
const MEMORY_BYTES = 16 * 2 ** 20;

/** A topology in which `provider` has 16 MiB of peer memory at 0x20_0000_0000. */
class Bench {
  readonly #machine = new Machine(testConfig());
  readonly events = this.#machine.events;
  readonly warnings = this.#machine.warnings;
  readonly routes: MachineEvent<"p2p.route">["fields"][] = [];
  readonly topology: PciTopology;

  constructor(...nodes: PciNodeConfig[]) {
    const tree = buildPciTree(nodes);
    tree.functions.find(({ name }) => name === "provider")!.bars = [
      { index: 0, sizeBytes: 2 * MEMORY_BYTES, peerBytes: MEMORY_BYTES, basePhys: physAddr(BAR) },
    ];
    this.topology = new PciTopology(this.#machine, tree);
    this.events.listen(
      (event) => this.routes.push((event as MachineEvent<"p2p.route">).fields),
      ["p2p.route"],
    );
  }

  func(name: string) {
    return this.topology.find(name)!;
  }

  client(name: string): DmaDevice {
    const dev = new DmaDevice(name);
    dev.peer = this.func(name);
    return dev;
  }

  route(client = "client"): [distance: number, kind: string] {
    const provider = this.func("provider");
    const distance = this.topology.routes.distance(provider, [this.func(client)]);
    return [distance, this.topology.routes.kind(provider, this.func(client))];
  }
}

const provider = block("endpoint", "provider");
const client = block("nvme", "client");

Deno.test("two downstream ports of one switch are at distance 4 (p2p.md assertion 2)", () => {
  const bench = new Bench(block("root_port", "rp", [block("switch", "sw", [provider, client])]));
  assertEquals(bench.route(), [4, "bus_addr"]);
  assertEquals(bench.routes[0], {
    provider: "provider",
    client: "client",
    distance: 4,
    map_type: "bus_addr",
    hops: ["provider", "sw.down0", "sw.up", "sw.down1", "client"],
    cached: false,
  });
});

Deno.test("a mark on a root port counts for the bridge it hangs on", () => {
  const bench = new Bench(
    block("root_port", "a", [provider], { whitelisted: true }),
    block("root_port", "b", [client]),
  );
  assertEquals(bench.route(), [4, "thru_host_bridge"]);
  assertEquals(bench.routes[0]!.hops, ["provider", "a", "pci", "b", "client"]);
});

Deno.test("different host bridges must both be listed (p2p.md 9.4)", () => {
  for (const [first, second] of [[true, true], [true, false], [false, true], [false, false]]) {
    const bench = new Bench(
      block("host_bridge", "h0", [block("root_port", "a", [provider])], { whitelisted: first! }),
      block("host_bridge", "h1", [block("root_port", "b", [client])], { whitelisted: second! }),
    );
    const listed = first! && second!;
    assertEquals(bench.route(), listed ? [4, "thru_host_bridge"] : [-1, "not_supported"]);
    assertEquals(bench.routes[0]!.hops, ["provider", "a", "h0", "h1", "b", "client"]);
  }
});

Deno.test("a redirect on the path sends traffic up, at the same distance (p2p.md assertion 3)", () => {
  for (const service of ["request_redirect", "completion_redirect", "egress_control"]) {
    const port = block("root_port", "rp", [
      block("switch", "sw", [provider, client], { acs: [service] }),
    ]);
    const listed = new Bench(block("host_bridge", "h", [port], { whitelisted: true }));
    assertEquals(listed.route(), [4, "thru_host_bridge"]);
    const bench = new Bench(port);
    assertEquals(bench.route(), [-1, "not_supported"]);
  }
});

Deno.test("services that redirect nothing leave the path alone, and so do those above it", () => {
  const bench = new Bench(
    block("root_port", "rp", [
      block("switch", "sw", [provider, client], { acs: ["source_validation"] }),
    ], { acs: ["request_redirect"] }),
  );
  assertEquals(bench.route(), [4, "bus_addr"]);
});

Deno.test("the common bridge itself and the provider itself count (p2p.md 9.4 step 1)", () => {
  const port = new Bench(
    block("root_port", "rp", [provider, client], { acs: ["request_redirect"] }),
  );
  assertEquals(port.route(), [-1, "not_supported"]);
  const own = new Bench(
    block("root_port", "rp", [
      block("endpoint", "provider", [], { acs: ["egress_control"] }),
    ]),
  );
  assertEquals(own.route("provider"), [-1, "not_supported"]);
});

Deno.test("a refused path warns: 2 for redirection, 1 for the root device, 1 for the refusal (p2p.md assertion 3)", () => {
  const bench = new Bench(
    block("root_port", "rp", [
      block("switch", "sw", [provider, client], { acs: ["request_redirect"] }),
    ]),
  );
  const warnings: unknown[] = [];
  bench.events.listen(({ fields }) => warnings.push(fields), ["kernel.warn"]);
  bench.topology.routes.kind(bench.func("provider"), bench.func("client"));
  const warning = (text: string, log: string) => ({
    at: "pci_p2pdma_map_type",
    text,
    log,
    error: null,
  });
  assertEquals(warnings, [
    warning(
      "Access control redirects traffic between client and provider",
      "ACS redirect is set between the client and provider (0000:03:00.0)",
    ),
    warning(
      "To let it pass directly, boot with pci=disable_acs_redir=0000:02:00.0;0000:02:01.0: what is below these functions is then not kept apart",
      "to disable ACS redirect for this path, add the kernel parameter: pci=disable_acs_redir=0000:02:00.0;0000:02:01.0",
    ),
    warning("The root device of pci is not on the list", "Host bridge not in P2PDMA whitelist"),
    warning(
      "No common bridge and no listed host bridge for client and provider",
      "cannot be used for peer-to-peer DMA as the client and provider (0000:03:00.0) do not share an upstream bridge or whitelisted host bridge",
    ),
  ]);
  bench.topology.routes.kind(bench.func("provider"), bench.func("client"));
  assertEquals(bench.warnings.total, 4, "the cached answer warns no more");
  const apart = new Bench(block("root_port", "a", [provider]), block("root_port", "b", [client]));
  apart.topology.routes.kind(apart.func("provider"), apart.func("client"));
  assertEquals(apart.warnings.total, 1);
});

Deno.test("a distance without `verbose` warns of the root device alone (p2p.md 9.5)", () => {
  const bench = new Bench(
    block("root_port", "rp", [
      block("switch", "sw", [provider, client], { acs: ["request_redirect"] }),
    ]),
  );
  const ask = (verbose?: boolean) => {
    const before = bench.warnings.total;
    bench.topology.routes.distance(bench.func("provider"), [bench.func("client")], verbose);
    return bench.warnings.total - before;
  };
  assertEquals([ask(), ask(false), ask(true)], [1, 1, 4]);
  bench.topology.routes.distance(bench.func("provider"), [null], true);
  assertEquals(bench.warnings.total, 7, "a client that is no PCI device");
});

Deno.test("a kind is computed once and then remembered; a distance is always computed (p2p.md 9.5)", () => {
  const bench = new Bench(block("root_port", "rp", [provider, client]));
  const [from, to] = [bench.func("provider"), bench.func("client")];
  bench.topology.routes.kind(from, to);
  bench.topology.routes.kind(from, to);
  bench.topology.routes.distance(from, [to]);
  assertEquals(bench.routes.map(({ cached }) => cached), [false, true, false]);
});

Deno.test("distance() adds up clients, and is -1 without any or when one is refused (p2p.md 9.5)", () => {
  const bench = new Bench(
    block("root_port", "rp", [block("switch", "sw", [provider, client, block("nvme", "second")])]),
    block("root_port", "other", [block("nvme", "far")]),
  );
  const distance = (...names: string[]) =>
    bench.topology.routes.distance(bench.func("provider"), names.map((name) => bench.func(name)));
  assertEquals(distance(), -1);
  assertEquals(distance("client"), 4);
  assertEquals(distance("client", "second", "provider"), 8);
  bench.routes.length = 0;
  assertEquals([distance("client", "far", "second"), bench.routes.length], [-1, 2]);
  const clients = ["client", "far", "second"].map((name) => bench.func(name));
  bench.topology.routes.distance(bench.func("provider"), clients, true);
  assertEquals(bench.routes.length, 5, "all causes are told");
});

Deno.test("only the part of a BAR that is peer memory is such; the whole BAR answers on the wire", () => {
  const bench = new Bench(block("root_port", "rp", [provider, client]));
  const dev = bench.client("client");
  const end = BAR + MEMORY_BYTES;
  assertEquals(bench.topology.mapType(physAddr(end - 1), dev), "bus_addr");
  assertEquals(bench.topology.mapType(physAddr(end), dev), "none");
  assertEquals(bench.topology.mapType(physAddr(BAR - 1), dev), "none");
  assertEquals(bench.topology.mapType(physAddr(0x1000), dev), "none");
  assertEquals(bench.topology.resolveBusAddress(dev, end), end as PhysAddr);
  assertEquals(bench.topology.resolveBusAddress(dev, BAR + 2 * MEMORY_BYTES), -1);
  assertEquals(bench.topology.resolveBusAddress(dev, 0x1000), -1);
  const ends = (dev: DmaDevice) =>
    [0x1000, BAR, end].map((dma) => bench.topology.unmappedEnd(dev, dma));
  assertEquals(ends(dev), [-1, -1, -1]);
  const barEnd = BAR + 2 * MEMORY_BYTES;
  assertEquals(ends(bench.client("provider")), [-1, barEnd, barEnd], "it has its own");
});

Deno.test("a client that is no PCI function cannot have peer memory (p2p.md 9.5)", () => {
  const bench = new Bench(block("root_port", "rp", [provider]));
  const platform = new DmaDevice("platform");
  assertEquals(bench.topology.mapType(physAddr(BAR), platform), "not_supported");
  assertEquals(bench.topology.mapType(physAddr(0), platform), "none");
  assertEquals(bench.topology.resolveBusAddress(platform, BAR), -1);
  assertEquals(bench.topology.passesRoot(platform, BAR as DmaAddr, physAddr(BAR), "read"), true);
});

Deno.test("peer memory is lent in pages, first fit (p2p.md 9.7, assertion 8)", () => {
  const bench = new Bench(block("root_port", "rp", [provider, client]));
  assertEquals(bench.topology.peerMemory(bench.func("client")), null);
  const memory = bench.topology.peerMemory(bench.func("provider"))!;
  const first = memory.alloc(5000)!;
  assertEquals(first, physAddr(BAR));
  assertEquals(memory.availableBytes, MEMORY_BYTES - 8192);
  const second = memory.alloc(4096)!;
  assertEquals(second, physAddr(BAR + 8192));
  assertEquals(memory.alloc(0), null);
  assertEquals(memory.alloc(MEMORY_BYTES), null);
  memory.free(first);
  assertEquals(memory.alloc(8192), first);
  memory.free(first);
  memory.free(second);
  assertEquals(memory.alloc(MEMORY_BYTES), physAddr(BAR));
  assertEquals(memory.availableBytes, 0);
});

Deno.test("whether a page is a peer's is known without a route; only asking for the way counts (p2p.md 9.5)", () => {
  const bench = new Bench(block("root_port", "rp", [provider, client]));
  const pages = [BAR - 1, BAR, BAR + MEMORY_BYTES - 1, BAR + MEMORY_BYTES, 0x1000];
  const held = pages.map((phys) => bench.topology.isPeerMemory(physAddr(phys)));
  assertEquals(held, [false, true, true, false, false]);
  assertEquals(bench.routes, []);
  bench.topology.mapType(physAddr(BAR), bench.client("client"));
  assertEquals(bench.routes.length, 1);
});
