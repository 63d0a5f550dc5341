import { assert, assertEquals } from "@std/assert";
import { block, lender, PeerBench } from "./pci/_lab.ts";
import { pullOut, takeOffBus } from "./pull_out.ts";

function bench(): PeerBench {
  return new PeerBench([block("root_port", "rp0", [lender("nic")])], { iommu: { mode: "strict" } });
}

Deno.test("a pulled-out device does not reach the bus, and keeps its IOMMU group", () => {
  const { events, lab } = bench();
  const { dma, function: func } = lab.devices.get("nic")!;
  assert(dma.group!.members.includes(dma));
  pullOut(lab, "nic");
  assertEquals([func.present, dma.refusal], [false, "device_gone"]);
  assertEquals(lab.machine.bus.read(dma, 0x1000, new Uint8Array(8), 0, 8), false);
  const faults = events.filter(({ name }) => name === "iommu.fault");
  assertEquals(faults.map(({ fields }) => Reflect.get(fields, "reason")), ["device_gone"]);
  assert(dma.group!.members.includes(dma));
});

Deno.test("a device that is taken off the bus leaves its group, and provides no memory", () => {
  const { lab } = bench();
  const { dma, function: func } = lab.devices.get("nic")!;
  const group = dma.group!;
  assert(lab.topology.peerMemory(func) !== null);
  pullOut(lab, "nic");
  takeOffBus(lab, "nic");
  assertEquals([dma.group, group.members, group.domain], [null, [], null]);
  assertEquals(lab.topology.peerMemory(func), null);
});
