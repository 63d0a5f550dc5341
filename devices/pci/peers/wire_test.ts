import { assert, assertEquals } from "@std/assert";
import { MIB, type PhysAddr, PTE_WRITE } from "@dmalab/runtime";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_TO_DEVICE } from "@dmalab/runtime/dma";
import type { PciNodeConfig } from "../../lab_config.ts";
import { block, client, lender, PeerBench } from "../_lab.ts";
import { acsPresent, type AcsService } from "./access_control.ts";

const P = lender("p");
const C = client("c");
const BYTES = Uint8Array.of(1, 2, 3, 4);

function port(name: string, ...children: PciNodeConfig[]): PciNodeConfig {
  return block("root_port", name, children);
}

function sw(name: string, ...children: PciNodeConfig[]): PciNodeConfig {
  return block("switch", name, children);
}

/**
 * The effect of the client's write to an address. If the address is right, the write arrives at the
 * first bytes of the provider's memory.
 */
function write(bench: PeerBench, address: number): { arrived: boolean; hops: string[] } {
  bench.forget();
  const { machine } = bench.lab;
  const base = bench.func("p").bars[0]!.basePhys;
  machine.memory.fill(base, 4096, 0);
  machine.bus.write(bench.device("c"), address, BYTES, 0, BYTES.length);
  const found = new Uint8Array(BYTES.length);
  machine.memory.read(base, found, 0, found.length);
  return { arrived: found.every((byte, index) => byte === BYTES[index]), hops: bench.hops };
}

function read(bench: PeerBench, address: number): { arrived: boolean; hops: string[] } {
  const { machine } = bench.lab;
  machine.memory.write(bench.func("p").bars[0]!.basePhys, BYTES, 0, BYTES.length);
  bench.forget();
  const found = new Uint8Array(BYTES.length);
  const arrived = machine.bus.read(bench.device("c"), address, found, 0, found.length) &&
    found.every((byte, index) => byte === BYTES[index]);
  return { arrived, hops: bench.hops };
}

function busBase(bench: PeerBench): number {
  return bench.lab.topology.busAddress(bench.func("p").bars[0]!.basePhys);
}

function switchUnder(whitelisted: boolean, mode: "off" | "strict" = "strict"): PeerBench {
  const bridge = block("host_bridge", "h", [port("rp", sw("s", P, C))], { whitelisted });
  return new PeerBench([bridge], { iommu: { mode } });
}

Deno.test("a port that redirects requests sends it up, where the IOMMU knows no such address", () => {
  const bench = switchUnder(true);
  bench.func("s.down1").acs = acsPresent(["request_redirect"]);
  assertEquals(write(bench, busBase(bench)), {
    arrived: false,
    hops: ["c > s.down1", "s.down1 > s.up redirect", "s.up > rp", "rp > h"],
  });
  assertEquals(bench.count("iommu.fault"), 1);
  // If something is mapped at the BAR's bus address, the redirected request reaches that mapping.
  bench.device("c").domain!.map(busBase(bench), 0x1000_0000 as PhysAddr, 4096, PTE_WRITE);
  write(bench, busBase(bench));
  assertEquals(bench.reports, ["device_outside_buffer"]);
});

Deno.test("redirected completions: writes arrive, and reads only through a bridge that carries them", () => {
  for (const whitelisted of [true, false]) {
    const bench = switchUnder(whitelisted);
    bench.func("s.down0").acs = acsPresent(["completion_redirect"]);
    assert(write(bench, busBase(bench)).arrived);
    const { arrived, hops } = read(bench, busBase(bench));
    assertEquals(arrived, whitelisted);
    assertEquals(hops.slice(4), [
      "s.down0 > s.up redirect (completion)",
      whitelisted ? "h > c (completion)" : "h > c block (completion)",
    ]);
    assertEquals(bench.count("iommu.fault"), whitelisted ? 0 : 1);
  }
});

Deno.test("a redirected bus address without an IOMMU is whatever memory the CPU has there (p2p.md 9.2)", () => {
  const tree = [
    block("host_bridge", "h", [port("rp", sw("s", lender("p", { p2pmemBytes: 128 * MIB }), C))], {
      busOffset: 0xe000_0000 - 0x20_0000_0000,
      whitelisted: true,
    }),
  ];
  const bench = new PeerBench(tree, { ramSizeBytes: 0x20_0000_0000 });
  bench.lab.topology.peerMemory(bench.func("p"))!.alloc(4096);
  assert(write(bench, 0xe000_0000).arrived);
  assertEquals(bench.reports, []);
  bench.func("s.down1").acs = acsPresent(["request_redirect"]);
  assert(!write(bench, 0xe000_0000).arrived);
  const inRam = new Uint8Array(4);
  bench.lab.machine.memory.read(0xe000_0000 as PhysAddr, inRam, 0, 4);
  assertEquals(inRam, BYTES, "other memory is overwritten");
  assertEquals(bench.reports, ["peer_misrouted"]);
  // With the CPU's address, which the rules return, the write arrives.
  assert(write(bench, 0x20_0000_0000).arrived);
  assertEquals(bench.reports, ["device_outside_buffer"], "but nothing has mapped it");
});

Deno.test("functions of one device meet inside it, or at the port above when they redirect", () => {
  const card = block("device", "card", [P, C]);
  const bench = new PeerBench([port("rp", card)], { iommu: { mode: "strict" } });
  assertEquals(write(bench, busBase(bench)), { arrived: true, hops: ["c > p"] });
  const hopsWith = (func: AcsService[], above: AcsService[]) => {
    bench.func("c").acs = acsPresent(func);
    bench.func("rp").acs = acsPresent(above);
    return write(bench, busBase(bench));
  };
  assertEquals(hopsWith(["request_redirect"], []), { arrived: true, hops: ["c > rp", "rp > p"] });
  for (const service of ["upstream_forwarding", "request_redirect"] as const) {
    assertEquals(hopsWith(["request_redirect"], [service]), {
      arrived: false,
      hops: ["c > rp", "rp > pci redirect"],
    });
  }
  assertEquals(hopsWith([], ["upstream_forwarding"]).hops, ["c > p"]);
});

Deno.test("memory of a provider whose driver has left is still there, and using it is reported (p2p.md 9.8)", () => {
  const bench = switchUnder(true);
  const bus = busBase(bench);
  assert(bench.lab.topology.providers.unbind(bench.func("p")));
  assert(write(bench, bus).arrived);
  assertEquals(bench.reports, ["peer_use_after_unbind", "device_outside_buffer"]);
});

Deno.test("a function pulled out of its slot answers no request, on either route", () => {
  const bench = switchUnder(true);
  const { dma } = bench.lab.machine;
  const phys = bench.func("p").bars[0]!.basePhys;
  const mapped = dma.dmaMapPhys(bench.device("c"), phys, 4096, DMA_BIDIRECTIONAL, DMA_ATTR.MMIO);
  bench.lab.topology.unplug(bench.func("p"));
  assertEquals(bench.lab.topology.providers.of(bench.func("p")), null);
  assertEquals(write(bench, phys).hops.at(-1), "s.down0 > p block");
  assertEquals(bench.count("iommu.fault"), 1);
  const through = write(bench, mapped);
  assertEquals([through.arrived, through.hops.at(-1)], [false, "s.down0 > p block"]);
  assertEquals(bench.count("iommu.fault"), 1);
});

Deno.test("a request has events up to the root, then its translation, then events down to its target", () => {
  const bench = switchUnder(true);
  const { dma } = bench.lab.machine;
  const phys = bench.func("p").bars[0]!.basePhys;
  const mapped = dma.dmaMapPhys(bench.device("c"), phys, 4096, DMA_BIDIRECTIONAL, DMA_ATTR.MMIO);
  const behind = busBase(bench) + bench.func("p").bars[0]!.sizeBytes;
  bench.device("c").domain!.map(behind, phys, 4096, PTE_WRITE);
  for (const address of [behind, mapped]) {
    assert(write(bench, address).arrived);
    const order = bench.events.flatMap(({ name, fields }) =>
      name === "pci.tlp" ? `hop ${Reflect.get(fields, "hop")}` : name === "dma.report" ? [] : name
    );
    assertEquals(order, [
      ...["hop 1", "hop 2", "hop 3", "hop 4"],
      "iommu.translate",
      ...["hop 5", "hop 6", "hop 7", "hop 8"],
    ]);
  }
  assert(write(bench, mapped).arrived);
  assertEquals(bench.count("pci.tlp"), 8, "the same again");
});

Deno.test("a request that the IOMMU refuses has a fault and no way down or up to a peer's memory", () => {
  const bench = switchUnder(true);
  const { dma } = bench.lab.machine;
  const phys = bench.func("p").bars[0]!.basePhys;
  const mapped = dma.dmaMapPhys(bench.device("c"), phys, 4096, DMA_TO_DEVICE, DMA_ATTR.MMIO);
  const { arrived, hops } = write(bench, mapped);
  assertEquals([arrived, hops, bench.count("iommu.fault")], [false, [], 1]);
  assert(read(bench, mapped).arrived);
  assertEquals(bench.count("pci.tlp"), 8);
});
