/** A disk as part of a lab. */
import { assertEquals } from "@std/assert";
import { type PhysAddr, readRegister } from "@dmalab/runtime";
import { buildLab } from "../lab.ts";
import { defaultLabConfig, pciNode } from "../lab_config.ts";

/** Reads a page, and returns whether the command can still be read afterwards. */
function keepsCommand(unrecorded: boolean): boolean {
  const ssd = pciNode("nvme", "ssd", [], {});
  const lab = buildLab({ ...defaultLabConfig(), pci: [pciNode("root_port", "rp0", [ssd])] });
  const device = lab.device("ssd", "nvme");
  if (unrecorded) device.onUnrecorded?.();
  const segments = [{ phys: 0x800_0000 as PhysAddr, sizeBytes: 4096 }];
  const io = device.disk.submit("read", { buffer: { segments } });
  while (lab.machine.runNextActivity());
  assertEquals(io.status, "OK");
  return io.requests[0]!.command !== null;
}

Deno.test("a disk keeps the commands of a recorded run, and none without a recording", () => {
  assertEquals([keepsCommand(false), keepsCommand(true)], [true, false]);
});

Deno.test("the first BAR has the doorbells of all queues behind 4 KiB, a power of two from 16 KiB on (Base 1.4, 3.1.13)", () => {
  const bar = (settings: { queues: number; pollQueues: number; doorbellStride: number }) => {
    const ssd = pciNode("nvme", "ssd", [], settings);
    const lab = buildLab({ ...defaultLabConfig(), pci: [pciNode("root_port", "rp0", [ssd])] });
    return lab.device("ssd", "nvme").function.bars.map(({ sizeBytes }) => sizeBytes);
  };
  assertEquals(bar({ queues: 1, pollQueues: 0, doorbellStride: 0 }), [16384]);
  // The doorbell pairs of six queues, one of which is the admin queue, fill the rest of 16 KiB.
  assertEquals(bar({ queues: 4, pollQueues: 1, doorbellStride: 8 }), [16384]);
  assertEquals(bar({ queues: 4, pollQueues: 2, doorbellStride: 8 }), [32768]);
  assertEquals(bar({ queues: 12, pollQueues: 0, doorbellStride: 7 }), [32768]);
});

Deno.test("a disk has the queues of both kinds, and a vector for each and for the admin queue (nvme.md 5.2)", () => {
  const ssd = pciNode("nvme", "ssd", [], { queues: 2, pollQueues: 3, depth: 4096 });
  const lab = buildLab({ ...defaultLabConfig(), pci: [pciNode("root_port", "rp0", [ssd])] });
  const { disk, function: { vectors } } = lab.device("ssd", "nvme");
  const { depthEntries } = disk.driver.queues.get(1)!;
  assertEquals([disk.queueCount, vectors, depthEntries], [5, 6, 4095]);
});

Deno.test("a disk whose kernel driver is unbound interrupts the CPU that runs", () => {
  const ssd = pciNode("nvme", "ssd", [], { driver: "none" });
  const lab = buildLab({
    ...defaultLabConfig(),
    cpus: 3,
    pci: [pciNode("root_port", "rp0", [ssd])],
  });
  const { machine } = lab;
  const cpus: number[] = [];
  machine.events.listen(({ fields }) => cpus.push(Reflect.get(fields, "cpu")), ["irq"]);
  const { controller } = lab.device("ssd", "nvme");
  // Admin queues of four entries with all-zero commands: each is answered, with an error.
  controller.write32(0x24, 0x0003_0003);
  controller.write32(0x28, 0x800_0000);
  controller.write32(0x30, 0x800_1000);
  controller.write32(0x14, 0x0046_0001);
  for (const cpu of [0, 1, 2]) {
    machine.cpu = cpu;
    controller.write32(0x1000, cpu + 1);
    while (machine.runNextActivity());
  }
  assertEquals(cpus, [0, 1, 2]);
});

Deno.test("a CPU reads the controller's registers in its first BAR (NVMe 3.1.1: CAP, VS)", () => {
  const ssd = pciNode("nvme", "ssd", [], {});
  const lab = buildLab({ ...defaultLabConfig(), pci: [pciNode("root_port", "rp0", [ssd])] });
  const [bar] = lab.device("ssd", "nvme").function.bars;
  const words = [0, 8, bar!.sizeBytes - 4].map((offset) =>
    readRegister(lab.machine, bar!.basePhys + offset as PhysAddr, 4)
  );
  assertEquals(words, [0x0f01_03ff, 0x0001_0400, 0]);
});
