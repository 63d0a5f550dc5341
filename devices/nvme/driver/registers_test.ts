import { assertEquals, assertThrows } from "@std/assert";
import { defaultMachineConfig, KernelError, Machine } from "@dmalab/runtime";
import { enableController, readCapabilities } from "./controller_life.ts";

/** A controller that is nothing but registers, and ready as soon as it is enabled. */
class Port {
  readonly writes: [offset: number, value: number][] = [];
  readonly values = new Map<number, number>();

  read32(offset: number): number {
    return this.values.get(offset) ?? 0;
  }

  write32(offset: number, value: number): void {
    this.writes.push([offset, value]);
    if (offset === 0x14) this.values.set(0x1c, value & 1);
  }

  resetFunction(): void {}
}

Deno.test("the capabilities are read field by field (nvme.md 5.1)", () => {
  const port = new Port();
  port.values.set(0x00, 0x0a01_03ff);
  port.values.set(0x04, 0x0003_0022);
  port.values.set(0x08, 0x0001_0400);
  assertEquals(readCapabilities(port, "ssd"), {
    maxQueueEntries: 1024,
    timeoutNs: 5_000_000_000,
    doorbellStrideBytes: 16,
    minPageExponent: 3,
    version: 0x0001_0400,
  });
  port.values.set(0x1c, 0xffff_ffff);
  const error = assertThrows(() => readCapabilities(port, "ssd"), KernelError);
  assertEquals([error.errno, error.message], ["ENODEV", "ssd does not answer: ENODEV"]);
});

Deno.test("the admin queues' bases are written as two halves each, before the controller is enabled (nvme.md 5.1)", () => {
  const port = new Port();
  const machine = new Machine(defaultMachineConfig());
  const capabilities = readCapabilities(port, "ssd");
  const queues = { sqDma: 0x12_3456_7000, cqDma: 0x1_ffff_f000 };
  enableController(machine, port, capabilities, queues, "ssd");
  assertEquals(port.writes, [
    [0x24, 0x001f_001f],
    [0x28, 0x3456_7000],
    [0x2c, 0x12],
    [0x30, 0xffff_f000],
    [0x34, 0x1],
    [0x14, 0x0046_0000],
    [0x14, 0x0046_0001],
  ]);
  const large = { ...capabilities, minPageExponent: 1 };
  const error = assertThrows(
    () => enableController(machine, port, large, queues, "ssd"),
    KernelError,
    "ssd has no pages of 4 KiB",
  );
  assertEquals(error.errno, "ENODEV");
});
