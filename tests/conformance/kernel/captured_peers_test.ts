import { assertEquals } from "@std/assert";
import { defaultMachineConfig, Machine, type PhysAddr } from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import { attachPeers, peerSpanOf } from "./captured_peers.ts";

const BAR = 0xfb00_0000 as PhysAddr;

Deno.test("the BAR is the smallest that holds all memory in the hole below 4 GiB", () => {
  assertEquals(peerSpanOf([[0x1000, 4096], [0x1_0000_0000, 4096]]), null);
  assertEquals(peerSpanOf([[0x1000, 4096], [0xfb01_0000, 4096]]), {
    basePhys: BAR,
    sizeBytes: 0x20_0000,
  });
  assertEquals(peerSpanOf([[0xfb01_0000, 4096], [0xfb24_c000, 4096]]), {
    basePhys: BAR,
    sizeBytes: 0x40_0000,
  });
});

Deno.test("each topology that the captures name leads to its kind (p2p.md 9.4)", () => {
  const kindIn = (topology: string) => {
    const machine = new Machine(defaultMachineConfig());
    const dev = new DmaDevice("nvme");
    attachPeers(machine, dev, topology, { basePhys: BAR, sizeBytes: 0x20_0000 });
    return machine.peers!.mapType(BAR, dev);
  };
  assertEquals(kindIn("same switch"), "bus_addr");
  assertEquals(kindIn("different root ports, host bridge allowed"), "thru_host_bridge");
  assertEquals(kindIn("different root ports, host bridge not allowed"), "not_supported");
});
