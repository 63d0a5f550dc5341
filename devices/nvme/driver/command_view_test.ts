/** A decoded command: each field at its offset (NVM Express 1.4, 4.2), and the lists it points to. */
import { assertEquals } from "@std/assert";
import type { DmaAddr } from "@dmalab/runtime";
import { commandBytes } from "../command_bytes.ts";
import { DriverRig, type DriverRigOptions, pages, scattered, vec } from "../_driver_rig.ts";
import type { NvmeCommandView } from "./request.ts";

const address = (value: number) => value as DmaAddr;

Deno.test("of a command that names no field, the pointers and the block address are 0", () => {
  const bytes = commandBytes({});
  assertEquals(bytes.subarray(8), new Uint8Array(56));
  assertEquals(bytes.subarray(0, 8), Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0));
});

/** The command of a read that has ended. */
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

Deno.test("descriptors of metadata are shown from the first on: a block alone, or the one that points to several (nvme.md 3)", () => {
  const rig = new DriverRig({ sgl: true, metadataBytes: 8, metadataSgl: true });
  const metadata = [vec(0x400_0040, 64), vec(0x400_2080, 64), vec(0x400_4100, 64)];
  const buffer = { segments: pages(3) };
  const io = rig.finish(rig.disk.submit("read", { buffer, metadata: { segments: metadata } }));
  const { command } = io.requests[0]!;
  const [first, ...blocks] = command!.metadataSgl;
  assertEquals(first, { type: 0x30, address: address(command!.mptr + 16), sizeBytes: 48 });
  assertEquals(
    blocks,
    metadata.map(({ phys, sizeBytes }) => ({ type: 0, address: address(phys), sizeBytes })),
  );
  const own = rig.finish(rig.disk.passthrough({
    opcode: 2,
    buffer: { segments: pages(1) },
    metadata: { segments: [vec(0x400_0040, 64)] },
    dwords: { 12: 7 },
  }));
  assertEquals([own.status, own.requests[0]!.command!.metadataSgl], ["OK", [
    { type: 0, address: address(0x400_0040), sizeBytes: 64 },
  ]]);
  const plain = rig.finish(rig.disk.submit("read", { buffer: { segments: pages(1) } }));
  assertEquals(plain.requests[0]!.command!.metadataSgl, []);
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
