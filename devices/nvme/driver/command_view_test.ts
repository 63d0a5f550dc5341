/** A decoded command: each field at its offset (NVM Express 1.4, 4.2), and the lists it points to. */
import { assertEquals } from "@std/assert";
import { addressDigits, type DmaAddr } from "@dmalab/runtime";
import { commandBytes } from "../command_bytes.ts";
import { DriverRig, type DriverRigOptions, pages, scattered, vec } from "../_driver_rig.ts";
import { NvmeCommandView, type SglDescriptor } from "./request.ts";

const address = (value: number) => value as DmaAddr;

Deno.test("fields of a command are read at their offsets, little-endian, pointers over 52 bits and near 2^64 (NVMe 4.2)", () => {
  const view = new NvmeCommandView(
    commandBytes({
      opcode: 0x7c,
      mptr: 0x0f_0102_0304_0506n,
      prp1: 0x0e_1112_1314_1516n,
      prp2: 0xffff_2122_2324_2526n,
    }, 0xfedc),
    [],
    [],
  );
  assertEquals([view.opcode, view.cid, view.format], [0x7c, 0xfedc, "prp"]);
  assertEquals([view.mptr, view.prp1].map(Number), [0x0f_0102_0304_0506, 0x0e_1112_1314_1516]);
  assertEquals(addressDigits(view.prp2), "ffff212223242526");
  assertEquals([view.prpList, view.sgl, view.metadataSgl], [[], [], []]);
});

Deno.test("of a command that names no field, the pointers and the block address are 0", () => {
  const bytes = commandBytes({});
  assertEquals(bytes.subarray(8), new Uint8Array(56));
  assertEquals(bytes.subarray(0, 8), Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0));
});

Deno.test("a command need not begin where its memory does", () => {
  const memory = new Uint8Array(128);
  memory.set(commandBytes({ opcode: 1, prp1: 0x1234_5000 }, 7), 64);
  const view = new NvmeCommandView(memory.subarray(64), [], []);
  assertEquals([view.opcode, view.cid, view.prp1], [1, 7, address(0x1234_5000)]);
});

Deno.test("the command's own descriptor is the list where there is no other (NVMe 4.4)", () => {
  for (const flags of [0x40, 0x80]) {
    const bytes = commandBytes({ flags, sgl: [0x12_3456_789a, 0xfedc_ba98, 0x30] });
    const own = { type: 0x30, address: address(0x12_3456_789a), sizeBytes: 0xfedc_ba98 };
    const alone = new NvmeCommandView(bytes, [], []);
    assertEquals([alone.format, alone.sglOfCommand, alone.sgl], ["sgl", own, [own]]);
    const listed: SglDescriptor[] = [{ type: 0, address: address(0x1000), sizeBytes: 512 }];
    const leading = new NvmeCommandView(bytes, [], listed);
    assertEquals([leading.sglOfCommand, leading.sgl], [own, listed]);
  }
});

/** The command of a read that has ended. */
function commandOf(options: DriverRigOptions, vecs: ReturnType<typeof pages>): NvmeCommandView {
  const rig = new DriverRig(options);
  const request = rig.read(vecs);
  assertEquals(request.status, "OK");
  return request.command!;
}

Deno.test("a PRP list is shown page by page, the links in their places, and its data without them (nvme.md 2.3)", () => {
  const whole = [vec(0x200_0000, 1025 * 4096)];
  const command = commandOf({ driver: { maxUserSectors: 16384 } }, whole);
  const { prpList, prpLists } = command;
  // 1024 entries: 511 and a link, 511 and a link, two.
  assertEquals(prpLists.map(({ entries }) => entries.length), [512, 512, 2]);
  assertEquals(prpLists[0]!.dma, command.prp2);
  assertEquals(prpLists.slice(1).map(({ dma }) => dma), [
    prpLists[0]!.entries[511]!,
    prpLists[1]!.entries[511]!,
  ]);
  assertEquals(
    [command.prp1, ...prpList],
    Array.from({ length: 1025 }, (_, page) => address(0x200_0000 + page * 4096)),
  );
});

Deno.test("a list that ends with its page has no link, and an offset in PRP1 counts (nvme.md 2.3)", () => {
  const options = { driver: { maxUserSectors: 8192 } };
  const entries = (offset: number, sizeBytes: number) =>
    commandOf(options, [vec(0x200_0000 + offset, sizeBytes)]).prpLists.map((page) =>
      page.entries.length
    );
  assertEquals(entries(0, 513 * 4096), [512]);
  assertEquals(entries(512, 513 * 4096), [512, 2]);
  assertEquals(entries(0, 514 * 4096), [512, 2]);
  assertEquals(entries(3584, 3 * 4096), [3]);
  assertEquals(entries(0, 3 * 4096), [2]);
  // Two entries are enough: PRP2 is data.
  assertEquals(entries(512, 4096), []);
});

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
