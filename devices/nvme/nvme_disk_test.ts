import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  allocateBuffer,
  ArmedInjection,
  type BioVec,
  INJECTION,
  KernelError,
  type PhysAddr,
  Plug,
} from "@dmalab/runtime";
import { DriverRig, pages, scattered, usePeers, vec } from "./_driver_rig.ts";
import type { NvmeRequest } from "./driver/request.ts";
import type { Io } from "./io.ts";

Deno.test("what is written is read back", () => {
  for (const mode of ["off", "strict", "lazy"] as const) {
    const rig = new DriverRig({ iommu: { mode }, sgl: true });
    const from = allocateBuffer(rig.machine, { sizeBytes: 40_960, fill: "random" });
    const into = allocateBuffer(rig.machine, { sizeBytes: 40_960 });
    assertEquals(rig.finish(rig.disk.submit("write", { lba: 100, buffer: from })).status, "OK");
    assertEquals(rig.finish(rig.disk.submit("read", { lba: 100, buffer: into })).status, "OK");
    assert(into.equals(from));
  }
});

Deno.test("submit cuts at once, so that the requests are known before anything runs", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const vecs = pages(80);
  const io = rig.disk.submit("read", { lba: 8, buffer: { segments: vecs } });
  assertEquals(io.requests.map(({ id, lba, bytes }) => [id, lba, bytes]), [
    [1, 8, 131072],
    [2, 264, 131072],
    [3, 520, 65536],
  ]);
  assertEquals([io.done, io.bytes, io.status, io.error], [false, 327680, null, null]);
  rig.run();
  assertEquals(io.done, true);
  assert(rig.holdsFreshData(vecs, 8));
});

Deno.test("pieces with gaps are one request on an SGL controller, several without (block.md 1.3)", () => {
  const vecs = scattered([0, 1024], [0, 1024], [0, 1024]);
  const requests = (sgl: boolean): number =>
    new DriverRig({ sgl }).disk.submit("read", { buffer: { segments: vecs } }).requests.length;
  assertEquals([requests(true), requests(false)], [1, 3]);
});

Deno.test("zeroes are written, flushed and discarded", () => {
  const rig = new DriverRig();
  const vecs = pages(1);
  for (const op of ["write_zeroes", "discard"] as const) {
    assertEquals(rig.finish(rig.disk.submit(op, { lba: 8, sizeBytes: 4096 })).status, "OK");
  }
  assertEquals(rig.finish(rig.disk.submit("flush")).status, "OK");
  rig.read(vecs, 8);
  assertEquals(rig.machine.memory.readU64Parts(vecs[0]!.phys), [0, 0]);
  rig.read(vecs, 16);
  assert(rig.holdsFreshData(vecs, 16));
});

Deno.test("an io keeps why it was refused", () => {
  const rig = new DriverRig();
  const beyond = rig.disk.submit("read", { lba: 2 ** 40, buffer: { segments: pages(1) } });
  assertEquals([beyond.status, beyond.refusal?.inputs["reason"]], ["IOERR", "beyond_the_end"]);
  assertEquals(rig.disk.submit("read", { buffer: { segments: pages(1) } }).refusal, null);
});

Deno.test("a bio whose later part is refused still ends, with the refusal", () => {
  const rig = new DriverRig({ blockSizeBytes: 4096 });
  const vecs = [...pages(2), ...scattered([0, 1024], [0, 3072])].map(({ sizeBytes }, index) =>
    vec(0x200_0000 + index * 8192, sizeBytes)
  );
  const io = rig.disk.submit("read", { buffer: { segments: vecs } });
  assertEquals([io.requests.length, io.done, io.status], [1, false, null]);
  rig.run();
  assertEquals([io.requests[0]!.status, io.done, io.status], ["OK", true, "INVAL"]);
});

Deno.test("nothing to read is done at once", () => {
  const rig = new DriverRig();
  const io = rig.disk.submit("read", { buffer: { segments: [] } });
  assertEquals([io.done, io.status, io.bytes], [true, "OK", 0]);
});

Deno.test("a bio that ends past the disk's end never reaches the driver", () => {
  const rig = new DriverRig({ capacityBytes: 2 ** 20 });
  const read = (lba: number) => rig.disk.submit("read", { lba, buffer: { segments: pages(1) } });
  assertEquals([read(2040).done, rig.finish(read(2040)).status], [false, "OK"]);
  for (const lba of [2041, 2047, 2048, 2 ** 40]) {
    const io = read(lba);
    assertEquals([io.done, io.status, io.error, io.requests], [true, "IOERR", "EIO", []]);
  }
});

Deno.test("a user's command for blocks past the end is TARGET (nvme.md 4.2)", () => {
  const rig = new DriverRig({ capacityBytes: 2 ** 20 });
  const buffer = { segments: pages(1) };
  const io = rig.finish(
    rig.disk.passthrough({ opcode: 2, buffer, dwords: { 10: 2047, 12: 7 } }),
  );
  assertEquals([io.status, io.error, io.requests[0]!.nvmeStatus & 0x7ff], [
    "TARGET",
    "EREMOTEIO",
    0x080,
  ]);
});

Deno.test("a queue that the disk does not have is refused", () => {
  const rig = new DriverRig();
  const error = assertThrows(() => rig.disk.submit("read", { queue: 2 }), KernelError);
  assertEquals(error.message, "ssd has no queue 2: EINVAL");
});

Deno.test("a passthrough command takes SGLs even for 512 bytes (nvme.md 2.1)", () => {
  const rig = new DriverRig({ sgl: true });
  const vecs = [vec(0x200_0000, 512)];
  const io = rig.finish(
    rig.disk.passthrough({ opcode: 2, buffer: { segments: vecs }, dwords: { 10: 5 } }),
  );
  assertEquals([io.status, io.requests[0]!.format, io.requests[0]!.op], ["OK", "sgl", "drv_in"]);
  assert(rig.holdsFreshData(vecs, 5));
});

Deno.test("a passthrough command for the admin queue uses PRPs (nvme.md 2.1)", () => {
  const rig = new DriverRig({ sgl: true });
  const io = rig.finish(rig.disk.passthrough({
    opcode: 6,
    admin: true,
    nsid: 0,
    buffer: { segments: pages(1) },
    dwords: { 10: 1 },
  }));
  const [rq] = io.requests;
  assertEquals([io.status, rq!.format, rq!.queue, rq!.nsid], ["OK", "prp", 0, 0]);
  const sgls = (pages(1)[0]!.phys + 536) as PhysAddr;
  assertEquals(rig.machine.memory.readU32(sgls) & 3, 1);
});

Deno.test("a passthrough command without data needs no mapping", () => {
  const rig = new DriverRig();
  const io = rig.finish(rig.disk.passthrough({ opcode: 0 }));
  assertEquals([io.status, io.requests[0]!.format, rig.calls("dma_map_phys")], ["OK", null, 0]);
});

Deno.test("a passthrough command larger than the hardware limit is refused (block.md 1.3)", () => {
  const rig = new DriverRig({ mdtsExponent: 3 });
  for (const admin of [false, true]) {
    const buffer = { segments: [vec(0x200_0000, 65536)] };
    const io = rig.disk.passthrough({ opcode: 2, admin, buffer });
    assertEquals([io.done, io.status], [true, "INVAL"]);
  }
});

/** Reads of one page each, contiguous on the disk, held back by one plug. */
function pluggedReads(rig: DriverRig, vecs: readonly BioVec[], lba: number): Io[] {
  const plug = new Plug<NvmeRequest>();
  const ios = vecs.map((one, index) =>
    rig.disk.submit("read", { lba: lba + index * 8, buffer: { segments: [one] }, plug })
  );
  assertEquals(ios.map(({ done }) => done), vecs.map(() => false));
  assertEquals(rig.machine.activities.length, 0);
  plug.flush();
  return ios;
}

Deno.test("without a plug nothing is merged", () => {
  const rig = new DriverRig();
  const ios = pages(2).map((one, index) =>
    rig.disk.submit("read", { lba: index * 8, buffer: { segments: [one] } })
  );
  assertEquals(ios.map(({ requests }) => requests[0]!.id), [1, 2]);
});

Deno.test("memory of a peer is never joined, whoever submits it (block.md 1.4)", () => {
  for (const [base, joined] of [[0x20_0000, true], [0x9000_0000, false]] as const) {
    const rig = new DriverRig();
    usePeers(rig, "bus_addr");
    const [one, other] = pluggedReads(rig, [vec(base, 4096), vec(base + 4096, 4096)], 8);
    assertEquals(one!.requests[0] === other!.requests[0], joined);
  }
});

Deno.test("all who share a request learn that it failed", () => {
  const rig = new DriverRig();
  // The addresses are not memory, so the device's write faults.
  const ios = pluggedReads(rig, [vec(2 ** 40, 4096), vec(2 ** 40 + 4096, 4096)], 8);
  rig.run();
  assertEquals(ios.map(({ done, status }) => [done, status]), [[true, "IOERR"], [true, "IOERR"]]);
});

Deno.test("an io has the device status of its first piece that failed", () => {
  const rig = new DriverRig({ mdtsExponent: 1 });
  const segments = [vec(0x900_0000, 8192), vec(2 ** 40, 4096)];
  const { deviceStatus, requests } = rig.finish(rig.disk.submit("read", { buffer: { segments } }));
  assertEquals([requests[0]!.nvmeStatus, deviceStatus], [0, requests[1]!.nvmeStatus]);
});

Deno.test("the front of a cut is not joined in a plug, its end is (block.md 1.3, 1.5)", () => {
  const rig = new DriverRig({ mdtsExponent: 3 });
  const plug = new Plug<NvmeRequest>();
  const vecs = pages(10);
  const long = rig.disk.submit("read", { buffer: { segments: vecs.slice(0, 9) }, plug });
  const next = rig.disk.submit("read", { lba: 72, buffer: { segments: vecs.slice(9) }, plug });
  assertEquals(long.requests.map(({ bytes }) => bytes), [32768, 8192]);
  assertEquals(next.requests, [long.requests[1]!]);
  plug.flush();
  rig.run();
  assertEquals([long.done, next.done], [true, true]);
  assert(rig.holdsFreshData(vecs));
});

Deno.test("discards in a plug become one command with a range for each (nvme.md 2.2)", () => {
  const rig = new DriverRig();
  const plug = new Plug<NvmeRequest>();
  const ios = [8, 100, 40].map((lba) => rig.disk.submit("discard", { lba, sizeBytes: 512, plug }));
  const [request] = ios[0]!.requests;
  assertEquals(request!.specialPayload, null);
  plug.flush();
  const { phys } = request!.specialPayload!;
  const { memory } = rig.machine;
  const ranges = [0, 1, 2].map((index) => [
    memory.readU32((phys + index * 16 + 4) as PhysAddr),
    memory.readU32((phys + index * 16 + 8) as PhysAddr),
  ]);
  assertEquals(ranges, [[1, 8], [1, 100], [1, 40]]);
  rig.run();
  assertEquals(ios.map(({ status, done }) => [status, done]), ios.map(() => ["OK" as const, true]));
});

Deno.test("a discard in a plug ends with RESOURCE where its ranges have no memory, and is not sent (nvme.md 2.2)", () => {
  const rig = new DriverRig();
  const plug = new Plug<NvmeRequest>();
  const [lost, sent] = (["discard", "write_zeroes"] as const).map((op) =>
    rig.disk.submit(op, { lba: 8, sizeBytes: 512, plug })
  );
  rig.machine.armInjection(new ArmedInjection(INJECTION.alloc_pages, 1, 1));
  const events = rig.record(() => {
    plug.flush();
    rig.run();
  }, ["nvme.submit"]);
  assertEquals([lost!.status, sent!.status, events.length], ["RESOURCE", "OK", 1]);
});

Deno.test("metadata in more segments than the queue takes is refused with INVAL, and copied for a user's command (nvme.md 1, block.md 1.8)", () => {
  const [first, second, third] = scattered([0, 8], [0, 8], [0, 8]);
  const data = { segments: [vec(0x900_0000, 1536)] };
  const metadata = { segments: [first!, second!, third!] };
  const end = (metadataSgl: boolean) => {
    const rig = new DriverRig({ sgl: true, metadataSgl, metadataBytes: 8 });
    const user = { opcode: 2, buffer: data, metadata, dwords: { 12: 2 } };
    const own = rig.finish(rig.disk.passthrough(user));
    return [
      rig.finish(rig.disk.submit("read", { buffer: data, metadata })).status,
      own.status,
      own.requests[0]!.bios[0]!.metadata.length,
    ];
  };
  assertEquals(end(false), ["INVAL", "OK", 1]);
  assertEquals(end(true), ["OK", "OK", 3]);
  // Adjacent pieces count as one segment, whatever their addresses are.
  const touching = { segments: [vec(0x910_0000, 8), vec(0x910_0008, 8)] };
  const { disk } = new DriverRig({ metadataBytes: 8 });
  const io = disk.passthrough({ opcode: 2, buffer: data, metadata: touching });
  assertEquals(io.requests[0]!.bios[0]!.metadata, touching.segments);
});

Deno.test("a user's metadata needs a format that has some, and an I/O queue (block.md 1.8)", () => {
  const buffer = { segments: [vec(0x900_0000, 1)] };
  const metadata = { segments: [vec(0x910_0000, 8)] };
  const end = (metadataBytes: number, admin: boolean) =>
    new DriverRig({ metadataBytes }).disk.passthrough({ opcode: 2, admin, buffer, metadata })
      .status;
  assertEquals([end(0, false), end(8, true), end(8, false)], ["INVAL", "INVAL", null]);
});

Deno.test("copied data is freed where there is no memory for the metadata's copy (block.md 1.8)", () => {
  const rig = new DriverRig({ metadataBytes: 8 });
  const user = {
    opcode: 2,
    buffer: { segments: [vec(0x900_0001, 512)] },
    metadata: { segments: [vec(0x910_0001, 8)] },
    dwords: { 12: 0 },
  };
  const before = rig.machine.pages.takenBytes;
  rig.machine.armInjection(new ArmedInjection(INJECTION.alloc_pages, 2, 2));
  assertEquals(rig.finish(rig.disk.passthrough(user)).status, "RESOURCE");
  assertEquals(rig.machine.pages.takenBytes, before);
});

Deno.test("each piece of a write that is cut has its part of the metadata (nvme.md 3)", () => {
  const rig = new DriverRig({ metadataBytes: 8, mdtsExponent: 1 });
  const buffer = allocateBuffer(rig.machine, { sizeBytes: 16384 });
  const [written, found] = (["counting", 0xaa] as const).map((fill) =>
    allocateBuffer(rig.machine, { sizeBytes: 256, fill })
  );
  const write = rig.finish(rig.disk.submit("write", { buffer, metadata: written! }));
  const read = rig.finish(rig.disk.submit("read", { buffer, metadata: found! }));
  assertEquals([write.requests.length, read.status], [2, "OK"]);
  assert(found!.equals(written!));
});

Deno.test("a user's metadata lies in 256 pages at most (block.md 1.8)", () => {
  const ends = [256, 257].map((pages) => {
    const rig = new DriverRig({ sgl: true, metadataSgl: true, metadataBytes: 8 });
    const metadata = { segments: scattered(...Array(pages).fill([0, 8])) };
    const buffer = { segments: [vec(0x900_0000, 512)] };
    return rig.finish(rig.disk.passthrough({ opcode: 2, buffer, metadata })).status;
  });
  assertEquals(ends, ["OK", "IOERR"]);
});

Deno.test("blocks from 2^32 on are discarded and zeroed where they are, and those before stay (NVMe 6.7)", () => {
  const far = 2 ** 32 + 8;
  for (const op of ["discard", "write_zeroes"] as const) {
    const rig = new DriverRig({ capacityBytes: 2 ** 42 });
    const { machine } = rig;
    const bytes = allocateBuffer(machine, { sizeBytes: 8192, fill: "random" });
    for (const lba of [8, far]) {
      assertEquals(rig.finish(rig.disk.submit("write", { lba, buffer: bytes })).status, "OK");
    }
    assertEquals(rig.finish(rig.disk.submit(op, { lba: far, sizeBytes: 4096 })).status, "OK");
    const read = (lba: number) => {
      const into = allocateBuffer(machine, { sizeBytes: 4096, fill: 0xaa });
      assertEquals(rig.finish(rig.disk.submit("read", { lba, buffer: into })).status, "OK");
      return into.readAll();
    };
    assertEquals(read(far), new Uint8Array(4096), op);
    assertEquals(read(8), bytes.readAll().slice(0, 4096), op);
    assertEquals(read(far + 8), bytes.readAll().slice(4096), op);
  }
});
