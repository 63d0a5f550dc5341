import { assert, assertEquals, assertThrows } from "@std/assert";
import { buildLab } from "../lab.ts";
import { defaultLabConfig, pciNode } from "../lab_config.ts";
import { type DmaAddr, KernelError, type PhysAddr } from "@dmalab/runtime";
import { DMA_FROM_DEVICE, MergedRanges } from "@dmalab/runtime/dma";
import { commandBytes } from "./command_bytes.ts";
import {
  MALFORMED_CAPACITY_BYTES,
  MALFORMED_COMMANDS,
  type MalformedCommand,
  type MalformedTarget,
} from "./malformed_commands.ts";
import { readStatus } from "./status_codes.ts";

/** A whole machine with a disk that has the settings of a malformed command's target. */
function labOf(on: MalformedTarget) {
  const disk = pciNode("nvme", "ssd", [], {
    sgl: on.sgl ?? false,
    metadataSgl: on.metadataSgl ?? false,
    mdtsBytes: on.mdtsExponent === undefined ? null : 4096 * 2 ** on.mdtsExponent,
    metadataBytes: on.metadataBytes ?? 0,
    capacityBytes: MALFORMED_CAPACITY_BYTES,
  });
  const lab = buildLab({ ...defaultLabConfig(), pci: [pciNode("root_port", "rp0", [disk])] });
  const device = lab.device("ssd", "nvme");
  return { machine: lab.machine, disk: device.disk, dev: device.dma };
}

/**
 * Whether a command uses the address that the rig makes unreachable. In a real machine, this
 * address is RAM.
 */
function needsHole({ fields, memory }: MalformedCommand): boolean {
  const hole = [0x00, 0x50, 0x05, 0x00];
  return [commandBytes(fields), ...memory.map(({ bytes }) => bytes)].some((bytes) =>
    bytes.some((_, at) => hole.every((byte, index) => bytes[at + index] === byte))
  );
}

Deno.test("a malformed command that is put into a queue by hand has its status, and the disk goes on", () => {
  const rows = MALFORMED_COMMANDS.filter((row) =>
    // Rows that set a small capacity are left out: a lab's disk is larger.
    !row.admin && !needsHole(row) && row.on.capacityBytes === undefined
  );
  assert(rows.length > 50, `${rows.length} rows`);
  for (const { fields, memory, on, status, text } of rows) {
    const { disk, machine } = labOf(on);
    machine.memory.fill(0x8000 as PhysAddr, 2 ** 22, 0xa5);
    for (const { at, bytes } of memory) {
      machine.memory.write(at as PhysAddr, bytes, 0, bytes.length);
    }
    const io = disk.submitRaw(commandBytes(fields));
    while (machine.runNextActivity());
    assert(io.done, text);
    assertEquals(io.requests[0]!.nvmeStatus.toString(16), status.toString(16), text);
    const flush = disk.submit("flush");
    while (machine.runNextActivity());
    assertEquals(flush.status, "OK", text);
  }
});

Deno.test("the identifier of a raw command is the queue's, all else is as it was written", () => {
  const { disk, machine } = labOf({});
  const bytes = commandBytes({ opcode: 0x7f, dwords: { 2: 0x1234_5678, 13: 7, 15: 9 } }, 0xabcd);
  const io = disk.submitRaw(bytes);
  while (machine.runNextActivity());
  const sent = io.requests[0]!.command!.bytes;
  assertEquals(Array.from(sent.slice(4)), Array.from(bytes.slice(4)));
  assertEquals([sent[0], sent[1], sent[3]], [0x7f, 0, 0], "tag 0, used for the first time");
  assertEquals(readStatus(io.requests[0]!.nvmeStatus).code, "invalid_command_opcode");
  assertEquals([io.bytes, io.requests[0]!.bytes], [0, 0], "the driver maps nothing for it");
  assertEquals(io.requests[0]!.retries, 0, "a user's command is not retried");
  assertThrows(() => disk.submitRaw(bytes, { queue: 99 }), KernelError, "ssd has no queue 99");
});

Deno.test("a page that was never written is read into the parts of a merged range", () => {
  const { dev, disk, machine } = labOf({});
  const map = (phys: number, sizeBytes: number) => ({
    dma: machine.dma.dmaMapPhys(dev, phys as PhysAddr, sizeBytes, DMA_FROM_DEVICE),
    sizeBytes,
  });
  const readPage = (prp1: number) => {
    const io = disk.submitRaw(commandBytes({ prp1, lba: 8, blocks: 8 }));
    while (machine.runNextActivity());
    assertEquals(io.status, "OK");
  };
  const bytesAt = (phys: number, sizeBytes: number) => {
    const bytes = new Uint8Array(sizeBytes);
    machine.memory.read(phys as PhysAddr, bytes, 0, sizeBytes);
    return Array.from(bytes);
  };
  readPage(map(0xa0_0000, 4096).dma);
  const parts = [map(0x80_0400, 2048), map(0x90_0000, 2048)];
  dev.merged = new MergedRanges();
  readPage(dev.merged.add(0x10_0000 as DmaAddr, parts).dma);
  const wanted = bytesAt(0xa0_0000, 4096);
  assert(new Set(wanted).size > 1, "the disk generates data");
  assertEquals([...bytesAt(0x80_0400, 2048), ...bytesAt(0x90_0000, 2048)], wanted);
});
