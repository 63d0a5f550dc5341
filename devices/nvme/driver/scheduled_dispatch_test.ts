import { assertEquals } from "@std/assert";
import { ArmedInjection, INJECTION, type NoMerges, Plug } from "@dmalab/runtime";
import { DriverRig, type DriverRigOptions, pages } from "../_driver_rig.ts";
import type { Io } from "../io.ts";
import type { DiskOp } from "../nvme_disk.ts";
import type { NvmeRequest } from "./request.ts";

type Scheduler = "none" | "mq_deadline";
/** Least number of calls for which `io_submit` uses a plug (block.md 1.5). */
const PLUG_FROM_CALLS = 3;

function rigOf(scheduler: Scheduler, more: DriverRigOptions = {}): DriverRig {
  return new DriverRig({ ...more, driver: { scheduler, ...more.driver } });
}

/** Submits adjacent calls of 4 KiB as one `io_submit` does. */
function adjacent(rig: DriverRig, op: DiskOp, calls: number): Io[] {
  const plug = calls < PLUG_FROM_CALLS ? {} : { plug: new Plug<NvmeRequest>() };
  const ios = pages(calls).map((page, index) =>
    rig.disk.submit(op, { lba: index * 8, buffer: { segments: [page] }, ...plug })
  );
  plug.plug?.flush();
  return ios;
}

function requestsOf(ios: readonly Io[]): NvmeRequest[] {
  return [...new Set(ios.flatMap(({ requests }) => requests))];
}

Deno.test("4 adjacent reads are one request of 4 bios, or 4 in one batch without merging (block.md ch. 1, assertion 11)", () => {
  const seen = (nomerges: NoMerges) => {
    const rig = new DriverRig({ nomerges });
    let ios: Io[] = [];
    const merged = rig.record(() => ios = adjacent(rig, "read", 4), ["block.merge"]);
    const rung = rig.record(() => rig.run(), ["nvme.doorbell"])
      .filter(({ fields }) => (fields as { which: string }).which === "sq_tail");
    assertEquals(ios.map(({ status }) => status), Array(4).fill("OK"));
    return [requestsOf(ios).map(({ bios }) => bios.length), merged.length, rung.length];
  };
  assertEquals(seen(0), [[4], 3, 1]);
  assertEquals(seen(1), [[4], 3, 1]);
  assertEquals(seen(2), [[1, 1, 1, 1], 0, 1]);
});

Deno.test("adjacent writes of one io_submit find each other in a scheduler or a plug (block.md ch. 1, assertion 13)", () => {
  const count = (calls: number, scheduler: Scheduler, nomerges: NoMerges = 0) => {
    const rig = rigOf(scheduler, { nomerges });
    const ios = adjacent(rig, "write", calls);
    rig.run();
    assertEquals(ios.every(({ status }) => status === "OK"), true);
    return requestsOf(ios).length;
  };
  const counts = (calls: number) => [
    count(calls, "none"),
    count(calls, "mq_deadline"),
    count(calls, "mq_deadline", 2),
  ];
  assertEquals(counts(2), [2, 1, 2]);
  assertEquals(counts(3), [1, 1, 3]);
});

Deno.test("a scheduler has twice the driver's tags, and no more than 256 (block.md ch. 1, assertion 14)", () => {
  const nrRequests = (depth: number, scheduler: Scheduler) =>
    rigOf(scheduler, { depth, driver: { depthEntries: depth } }).driver.queues.io[0]!.nrRequests;
  assertEquals([nrRequests(1024, "none"), nrRequests(1024, "mq_deadline")], [1023, 256]);
  assertEquals([nrRequests(32, "none"), nrRequests(32, "mq_deadline")], [31, 62]);
});

/** The driver's record of a request, while the driver has the request. */
function recordOf(rig: DriverRig, op: DiskOp): unknown {
  const io = rig.disk.submit(op, { buffer: { segments: pages(1) } });
  const [request] = io.requests;
  while (request!.iod === null) rig.machine.runNextActivity();
  const record = request!.iod;
  rig.run();
  assertEquals([io.status, request!.cid! & 0xfff], ["OK", 0]);
  return record;
}

Deno.test("with a scheduler the record goes through a word of its tags, the command id does not (nvme.md ch. 5, assertion 14)", () => {
  for (const last of ["read", "write"] as const) {
    const rig = rigOf("mq_deadline");
    const records = Array.from({ length: 64 }, () => recordOf(rig, "read"));
    assertEquals(new Set(records).size, 64);
    assertEquals(records.indexOf(recordOf(rig, last)), last === "read" ? 0 : 63);
  }
  const plain = rigOf("none");
  assertEquals(new Set(Array.from({ length: 3 }, () => recordOf(plain, "read"))).size, 1);
});

Deno.test("tags are taken in the order of submission, commands sent in the scheduler's (nvme.md 2.5, rule 7)", () => {
  const rig = rigOf("mq_deadline");
  const ios = [800, 80, 400].map((lba) =>
    rig.disk.submit("read", { lba, buffer: { segments: pages(1) } })
  );
  const requests = requestsOf(ios);
  assertEquals(requests.map(({ schedulerTag }) => schedulerTag), [0, 1, 2]);
  const sent = rig.record(() => rig.run(), ["nvme.submit"]).map(({ request }) => request);
  assertEquals(sent, [2, 3, 1]);
  assertEquals(requests.map(({ cid }) => cid), [2, 0, 1]);
  assertEquals(requests.map(({ schedulerTag }) => schedulerTag), [-1, -1, -1]);
});

Deno.test("a bio between two requests makes one of them, for all who wait (block.md 1.5)", () => {
  const rig = rigOf("mq_deadline");
  const ios = [0, 16, 8].map((lba) =>
    rig.disk.submit("write", { lba, buffer: { segments: pages(1) } })
  );
  assertEquals(requestsOf(ios).map(({ bytes }) => bytes), [12_288]);
  const sent = rig.record(() => rig.run(), ["nvme.submit"]);
  assertEquals([sent.length, ios.map(({ done }) => done)], [1, [true, true, true]]);
});

Deno.test("a user's own command and a flush go by a scheduler (block.md 1.5)", () => {
  const rig = rigOf("mq_deadline");
  const read = rig.disk.submit("read", { lba: 0, buffer: { segments: pages(1) } });
  const own = rig.disk.passthrough({
    opcode: 2,
    buffer: { segments: pages(1) },
    dwords: { 12: 7 },
  });
  const flush = rig.disk.submit("flush");
  const sent = rig.record(() => rig.run(), ["nvme.submit"]).map(({ request }) => request);
  assertEquals([read, own, flush].map(({ status }) => status), ["OK", "OK", "OK"]);
  assertEquals(sent, [1, 2, 3]);
  assertEquals(own.requests[0]!.bios.length, 1);
});

Deno.test("discards that wait together are one command with a range for each (block.md 1.5)", () => {
  const rig = rigOf("mq_deadline");
  const ios = [0, 8, 200].map((lba) => rig.disk.submit("discard", { lba, sizeBytes: 4096 }));
  assertEquals(requestsOf(ios).length, 1);
  const sent = rig.record(() => rig.run(), ["nvme.submit"]);
  assertEquals([sent.length, ios.map(({ status }) => status)], [1, ["OK", "OK", "OK"]]);
  // The number of ranges less one (NVMe 6.7, Dword 10).
  assertEquals(ios[0]!.requests[0]!.command!.bytes[40], 2);
});

Deno.test("a reset that brings fewer queues back: what waited for a queue that is gone takes a tag of another (nvme.md 5.2)", () => {
  const rig = rigOf("mq_deadline", { queues: 2, machine: { cpus: 2 } });
  const ios = [0, 800].map((lba) =>
    rig.disk.submit("read", { lba, queue: 2, buffer: { segments: pages(1) } })
  );
  // Each queue that is created hits the injection point twice, so the third hit refuses the second
  // queue.
  const fault = new ArmedInjection(INJECTION["queue.create"], 3, 3);
  rig.machine.armInjection(fault);
  rig.driver.life.reset();
  rig.machine.disarmFault(fault);
  rig.run();
  assertEquals([rig.disk.queueCount, ios.map(({ status }) => status)], [1, ["OK", "OK"]]);
  const ended = requestsOf(ios).map(({ queue, schedulerTag }) => [queue, schedulerTag]);
  assertEquals(ended, [[1, -1], [1, -1]]);
});

Deno.test("what cannot be prepared keeps its tag with the scheduler until it ends", () => {
  const rig = rigOf("mq_deadline", { iommu: { mode: "strict" } });
  rig.machine.armInjection(new ArmedInjection(INJECTION["iova.alloc"]));
  const io = rig.disk.submit("read", { buffer: { segments: pages(1) } });
  rig.run();
  assertEquals([io.status, io.requests[0]!.schedulerTag], ["RESOURCE", -1]);
});

Deno.test("a discard without memory for its ranges ends alone, with an event of its own, and its tag goes to a waiting request (nvme.md 2.2)", () => {
  const rig = rigOf("mq_deadline", { depth: 4, driver: { depthEntries: 4 } });
  const discard = rig.disk.submit("discard", { lba: 4000, sizeBytes: 4096 });
  // The scheduler has six tags, so the last two of the eight requests (the discard and seven reads)
  // wait for a tag.
  const reads = Array.from(
    { length: 7 },
    (_, index) => rig.disk.submit("read", { lba: index * 64, buffer: { segments: pages(1) } }),
  );
  rig.machine.armInjection(new ArmedInjection(INJECTION.alloc_pages));
  const ended = rig.record(() => rig.run(), ["block.status"])
    .filter(({ request }) => request === discard.requests[0]!.id);
  assertEquals([discard.done, discard.status], [true, "RESOURCE"]);
  assertEquals(ended.map(({ fields }) => fields), [{ status: "RESOURCE", ended: "request" }]);
  assertEquals(reads.map(({ status }) => status), new Array(7).fill("OK"));
  assertEquals([discard, ...reads].map(({ requests }) => requests[0]!.schedulerTag), [
    ...new Array(8).fill(-1),
  ]);
});

Deno.test("the doorbell for a read is no event of the discard that was refused before it (nvme.md 2.2)", () => {
  const rig = rigOf("mq_deadline");
  rig.disk.submit("discard", { lba: 4000, sizeBytes: 4096 });
  const read = rig.disk.submit("read", { buffer: { segments: pages(1) } });
  rig.machine.armInjection(new ArmedInjection(INJECTION.alloc_pages));
  const rung = rig.record(() => rig.run(), ["nvme.doorbell"]);
  assertEquals([read.status, rung.map(({ request }) => request)], ["OK", [null, null]]);
});
