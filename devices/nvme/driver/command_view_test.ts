/** A decoded command: each field at its offset (NVM Express 1.4, 4.2), and the lists it points to. */
import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "@dmalab/runtime";
import { commandBytes } from "../command_bytes.ts";
import { DriverRig, type DriverRigOptions, type pages, scattered } from "../_driver_rig.ts";
import { getU64, type NvmeCommandView, readListedAddress, setU64 } from "./request.ts";

const address = (value: number) => value as DmaAddr;

Deno.test("of a command that names no field, the pointers and the block address are 0", () => {
  const bytes = commandBytes({});
  assertEquals(bytes.subarray(8), new Uint8Array(56));
  assertEquals(bytes.subarray(0, 8), Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0));
});

/** The command of a completed read. */
function commandOf(options: DriverRigOptions, vecs: ReturnType<typeof pages>): NvmeCommandView {
  const rig = new DriverRig(options);
  const request = rig.read(vecs);
  assertEquals(request.status, "OK");
  return request.command!;
}

Deno.test("an SGL is shown with address, length and type of each data block (NVMe 4.4)", () => {
  const parts = scattered([0, 4096], [512, 1024], [0, 512], [2048, 2048]);
  const command = commandOf({ sgl: true, driver: { sglThresholdBytes: 1 } }, parts);
  assertEquals(
    command.sgl,
    parts.map(({ phys, sizeBytes }) => ({ type: 0, address: address(phys), sizeBytes })),
  );
  const { type, sizeBytes } = command.sglOfCommand;
  assertEquals([type, sizeBytes, command.prpLists, command.metadataSgl], [0x30, 64, [], []]);
});

Deno.test("a command written by hand has the descriptors that its writer made, and none of the driver's", () => {
  const rig = new DriverRig({ sgl: true, metadataBytes: 8, metadataSgl: true });
  const io = rig.finish(
    rig.disk.submitRaw(commandBytes({ flags: 0x80, sgl: [0x200_0000, 512, 0], mptr: 0x300_0000 })),
  );
  const { command } = io.requests[0]!;
  assertEquals([command!.mptr, command!.metadataSgl], [address(0x300_0000), []]);
  assertEquals(command!.sgl, [{ type: 0, address: address(0x200_0000), sizeBytes: 512 }]);
});

Deno.test("64 bits are a number below 2^53; what a list holds beyond is the error value (nvme.md 2.3)", () => {
  const { machine } = new DriverRig();
  const [at, view] = [0x200_0000 as PhysAddr, new DataView(new ArrayBuffer(8))];
  for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1]) {
    setU64(view, 0, value);
    assertEquals([view.getBigUint64(0, true), getU64(view, 0)], [BigInt(value), value]);
    machine.hostMemory.write(at, new Uint8Array(view.buffer), 0, 8);
    assertEquals(readListedAddress(machine.memory, at), address(value));
  }
  for (const high of [2 ** 21, 2 ** 22, 2 ** 31]) {
    view.setUint32(4, high, true);
    machine.hostMemory.write(at, new Uint8Array(view.buffer), 0, 8);
    assertEquals(readListedAddress(machine.memory, at), DMA_MAPPING_ERROR);
  }
});
