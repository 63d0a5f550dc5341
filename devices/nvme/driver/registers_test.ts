import { assertEquals, assertThrows } from "@std/assert";
import { KernelError } from "@dmalab/runtime";
import { readCapabilities } from "./controller_life.ts";

/** A controller that consists only of registers and is ready as soon as it is enabled. */
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
