/** A disk as a lab has it. */
import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../../runtime/address.ts";
import { buildLab } from "../lab.ts";
import { defaultLabConfig, pciNode } from "../lab_config.ts";

/** Reads a page, and tells whether the command is still there to be looked at. */
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
