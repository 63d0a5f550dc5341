import { assertEquals } from "@std/assert";
import { BIO_FLAG } from "@dmalab/runtime/block";
import { DriverRig, pages, vec } from "../_driver_rig.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("a read is byte for byte what a real kernel sends (golden v7.2-none-nosgl.1003/18)", () => {
  const rig = new DriverRig({ machine: { ramSizeBytes: 8 * 2 ** 30 } });
  const { request, iod } = rig.request([vec(0x1_0d94_6000, 4096)]);
  request.bios[0]!.sector = 24;
  request.cid = 834;
  rig.driver.prepare(iod, request);
  assertEquals(
    hex(iod.sqe),
    "0200420301000000000000000000000000000000000000000060940d0100000000000000000000001800000000000000" +
      "07000000000000000000000000000000",
  );
});

Deno.test("read-ahead is limited in retries and hinted (captured: control 0x8000, hint 7)", () => {
  const rig = new DriverRig();
  const { request, iod } = rig.request(pages(1), { flags: BIO_FLAG.READ_AHEAD });
  rig.driver.prepare(iod, request);
  assertEquals(hex(iod.sqe.slice(48, 56)), "0700008007000000");
  // It fails at the first error, as a user's command does, and a plain read does not.
  assertEquals(request.mayRetry, false);
  assertEquals(rig.request(pages(1)).request.mayRetry, true);
  assertEquals(rig.request(pages(1), { flags: BIO_FLAG.USER }).request.mayRetry, false);
});

Deno.test("a forced write says so (NVM command set, write, bit 30)", () => {
  const rig = new DriverRig();
  const { request, iod } = rig.request(pages(1), { op: "write", flags: BIO_FLAG.FUA });
  rig.driver.prepare(iod, request);
  assertEquals(hex(iod.sqe.slice(48, 56)), "0700004000000000");
  assertEquals(iod.sqe[0], 0x01);
});

Deno.test("blocks are counted in logical blocks and may lie beyond 2^32", () => {
  const rig = new DriverRig({ blockSizeBytes: 4096, capacityBytes: 2 ** 47 });
  const { request, iod } = rig.request(pages(2));
  request.bios[0]!.sector = 0x1_2345_6789 * 8;
  rig.driver.prepare(iod, request);
  assertEquals(hex(iod.sqe.slice(40, 50)), "89674523010000000100");
});

Deno.test("commands without data have no data pointer", () => {
  const rig = new DriverRig();
  const sent: string[] = [];
  for (const op of ["flush", "write_zeroes"] as const) {
    const io = rig.disk.submit(op, op === "flush" ? {} : { lba: 8, sizeBytes: 4096 });
    rig.finish(io);
    assertEquals(io.status, "OK");
    const bytes = io.requests[0]!.command!.bytes.slice();
    bytes.fill(0, 2, 4);
    sent.push(hex(bytes));
  }
  assertEquals(sent, [
    "00000000010000000000000000000000000000000000000000000000000000000000000000000000" +
    "000000000000000000000000000000000000000000000000",
    "08000000010000000000000000000000000000000000000000000000000000000000000000000000" +
    "080000000000000007000000000000000000000000000000",
  ]);
});

Deno.test("a discard carries one range in a page of its own (golden v7.2-lazy-fast-sglt0.1030/50)", () => {
  const rig = new DriverRig();
  const events = rig.record(() => {
    const io = rig.finish(rig.disk.submit("discard", { lba: 16, sizeBytes: 192512 }));
    assertEquals(io.status, "OK");
    const command = io.requests[0]!.command!;
    assertEquals(command.bytes[0], 0x09);
    assertEquals(hex(command.bytes.slice(40, 48)), "0000000004000000");
    assertEquals(command.prp2, 0 as typeof command.prp2);
    const ranges = io.requests[0]!.specialPayload!;
    assertEquals(ranges.sizeBytes, 4096);
    assertEquals(rig.machine.memory.readU32(ranges.phys), 0);
    assertEquals(rig.machine.memory.readU64Parts(ranges.phys), [0, 376]);
  }, ["mem.alloc", "mem.free", "call.dma_map_phys"]);
  assertEquals(events.map(({ name }) => name), ["mem.alloc", "call.dma_map_phys", "mem.free"]);
});

Deno.test("a passthrough command is the user's, but for its id and data pointer", () => {
  const rig = new DriverRig({ sgl: true });
  const io = rig.finish(rig.disk.passthrough({
    opcode: 0x02,
    buffer: { segments: pages(1) },
    dwords: { 2: 0x1111, 10: 8, 12: 7, 14: 0xdead_beef },
  }));
  assertEquals(io.status, "OK");
  const { bytes } = io.requests[0]!.command!;
  assertEquals([bytes[0], bytes[1]], [0x02, 0x40]);
  assertEquals(hex(bytes.slice(8, 12)), "11110000");
  assertEquals(hex(bytes.slice(40)), "08000000000000000700000000000000efbeadde00000000");
  assertEquals(rig.holdsFreshData(pages(1), 8), true);
});
