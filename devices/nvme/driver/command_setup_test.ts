import { assertEquals } from "@std/assert";
import { BIO_FLAG } from "@dmalab/runtime";
import { DriverRig, pages } from "../_driver_rig.ts";

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("read-ahead is limited in retries and hinted (captured: control 0x8000, hint 7)", () => {
  const rig = new DriverRig();
  const { request, iod } = rig.request(pages(1), { flags: BIO_FLAG.READ_AHEAD });
  rig.driver.prepare(iod, request);
  assertEquals(hex(iod.sqe.slice(48, 56)), "0700008007000000");
  // Read-ahead fails at the first error, like a user's command and unlike a plain read.
  assertEquals(request.mayRetry, false);
  assertEquals(rig.request(pages(1)).request.mayRetry, true);
  assertEquals(rig.request(pages(1), { flags: BIO_FLAG.USER }).request.mayRetry, false);
});

Deno.test("a forced write says so (NVM command set, write, bit 30)", () => {
  const rig = new DriverRig();
  const { request, iod } = rig.request(pages(1), { op: "write", flags: BIO_FLAG.FUA });
  iod.sqe.fill(0xff);
  rig.driver.prepare(iod, request);
  assertEquals(hex(iod.sqe.slice(40)), "0".repeat(16) + "0700004000000000" + "0".repeat(16));
  assertEquals(iod.sqe[0], 0x01);
  assertEquals(hex(iod.sqe.slice(4, 24)), "01000000" + "0".repeat(32));
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
