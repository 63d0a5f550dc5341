/**
 * Requests that fail at different accesses in QEMU's controller and in the model's controller. Also
 * the order of a request's steps.
 */
import { assertEquals } from "@std/assert";
import { firstRequestDifference } from "../compare/compare_requests.ts";
import { tracedRequests } from "../compare/traced_requests.ts";
import { IO_MARK } from "../plan/guest_plan.ts";
import { readGuestEvents } from "../trace/trace_events.ts";
import type { AccessedRange, RequestRecord } from "../compare/request_record.ts";

const OPEN = {
  disk: "ssd",
  op: "read",
  lba: 0,
  blocks: null,
  physSegments: null,
  gapBit: null,
  map: [],
} as const;

/** A read of two pages, with its accesses and its status. */
function request(status: number, ...extents: readonly AccessedRange[]): RequestRecord {
  return { ...OPEN, unmap: [], device: { format: "prp", extents }, status };
}

Deno.test("a descriptor that was freed before an unmapping stands before it", () => {
  const text = [
    "nvme_setup_cmd: nvme0: disk=nvme0n1, qid=1, cmdid=7, cmd=(nvme_cmd_read slba=0, len=7)",
    "map_one: (dma_map_page_attrs+0x0/0x2a0) page=0xffffea00000f8000 offset=0 size=4096 dir=2",
    "map_one_ret: (nvme_map_data+0x1/0x2 <- dma_map_page_attrs) dma=0xfffd9000",
    "pool_alloc: (dma_pool_alloc+0x0/0x240)",
    "pool_alloc_ret: (nvme_map_data+0x1/0x2 <- dma_pool_alloc) vaddr=0xffff888005a61000",
    "pool_alloc: (dma_pool_alloc+0x0/0x240)",
    "pool_alloc_ret: (nvme_map_data+0x1/0x2 <- dma_pool_alloc) vaddr=0xffff888005a62000",
    "pool_free: (dma_pool_free+0x0/0x130) vaddr=0xffff888005a61000 dma=0xfffdb000",
    "unmap_one: (dma_unmap_page_attrs+0x0/0x1d0) dma=0xfffd9000 size=4096 dir=2",
    "pool_free: (dma_pool_free+0x0/0x130) vaddr=0xffff888005a62000 dma=0xfffdc000",
    "nvme_complete_rq: nvme0: disk=nvme0n1, qid=1, cmdid=7, res=0x0, status=0x0",
  ].map((event, at) => `guest-1 [000] ..... 1.0000${10 + at}: ${event}`);
  const mark = `guest-1 [000] ..... 0.900000: tracing_mark_write: ${IO_MARK} 0`;
  const [read] = tracedRequests(readGuestEvents([mark, ...text].join("\n")), [], () => "ssd");
  assertEquals(read!.unmap.map(({ kind }) => kind), [
    "dma_pool_free",
    "dma_unmap",
    "dma_pool_free",
  ]);
  const names = read!.lines.map((line) => line.split(": ")[1]);
  assertEquals(names.slice(-4), ["pool_free", "unmap_one", "pool_free", "nvme_complete_rq"]);
});

/** A guest without any of the scenario's memory. */
const GUEST = { isObserved: () => true, physOf: () => null, scenarioPhys: () => null };

const difference = (model: RequestRecord, kernel: RequestRecord) =>
  firstRequestDifference(model, kernel, GUEST)?.text ?? null;

Deno.test("of a request with an access that the model's IOMMU blocks, all before it is compared", () => {
  const blocked = { ...request(0x4004, [0xf400, 3072]), isBlocked: true };
  const whole = request(0, [0x2400, 3072], [0x3000, 2560]);
  assertEquals(difference(blocked, whole), null);
  assertEquals(
    difference({ ...blocked, isBlocked: false }, whole),
    "the controller's access 2 is 2560 bytes at 0x3000 on the kernel, and missing on the model",
  );
  assertEquals(
    difference(blocked, request(0, [0x2800, 3072], [0x3000, 2560])),
    "the controller's access 1 is 2048 bytes at 0x2800 on the kernel, and 3072 bytes at 0xf400 on the model",
  );
});

Deno.test("of a command that both controllers refuse, the status is compared, and no access", () => {
  const looked = request(0x4013, [0x2400, 3072]);
  assertEquals(difference(request(0x4013), looked), null);
  assertEquals(
    difference(request(0x4002), looked),
    "the status is 16403, not 16386: QEMU's controller refuses the command for another reason",
  );
  assertEquals(
    difference(request(0), looked),
    "the controller's access 1 is 3072 bytes at 0x2400 on the kernel, and missing on the model",
  );
});
