/** To which request a step belongs that undoes a mapping: the owner is known, or there is none. */
import { assertEquals } from "@std/assert";
import { capturedRequests } from "../capture/captured_requests.ts";
import { tracedRequests } from "../compare/traced_requests.ts";
import { IO_MARK } from "../plan/guest_plan.ts";
import { readGuestEvents } from "../trace/trace_events.ts";

const TASK = "guest-1 [000] .....";
const OTHER_TASK = "guest-2 [001] .....";
const INTERRUPT = "guest-1 [000] d.h..";
const OTHER_INTERRUPT = "guest-2 [001] d.h..";

type Line = readonly [context: string, event: string];

function eventsOf(lines: readonly Line[]) {
  const all = [[TASK, `tracing_mark_write: ${IO_MARK} 0`] as const, ...lines];
  const text = all.map(([context, event], at) => `${context} 1.0000${10 + at}: ${event}\n`);
  return readGuestEvents(text.join(""));
}

/** The steps that undo a mapping, of each request. */
function undone(...lines: readonly Line[]) {
  const requests = tracedRequests(eventsOf(lines), [], (controller) => controller);
  return requests.map(({ disk, unmap }) => [disk, ...unmap.map(({ kind }) => kind)]);
}

/** A read of one page, which the IOMMU's domain of the disk maps to `dma`. */
function mapped(context: string, disk: string, cid: number, dma: string): readonly Line[] {
  return [
    [context, `nvme_setup_cmd: ${disk}: qid=1, cmdid=${cid}, cmd=(nvme_cmd_read slba=0, len=7)`],
    [context, "map_one: (dma_map_phys+0x0/0x2a0) phys=0x3e00000 size=4096 dir=2"],
    [context, `map_one_ret: (nvme_map_data+0x1/0x2 <- dma_map_phys) dma=${dma}`],
  ];
}

const unmapped = (context: string, dma: string): Line => [
  context,
  `unmap_one: (dma_unmap_phys+0x0/0x1d0) dma=${dma} size=4096 dir=2`,
];

const completed = (context: string, disk: string, cid: number): Line => [
  context,
  `nvme_complete_rq: ${disk}: qid=1, cmdid=${cid}, res=0x0, status=0x0`,
];

Deno.test("an unmap of an address of two requests belongs to the one that completes next in its context, also if both have one number", () => {
  const both = [
    ...mapped(TASK, "nvme0", 7, "0xffff0000"),
    ...mapped(OTHER_TASK, "nvme1", 7, "0xffff0000"),
  ];
  assertEquals(
    undone(
      ...both,
      unmapped(INTERRUPT, "0xffff0000"),
      completed(INTERRUPT, "nvme0", 7),
    ),
    [["nvme0", "dma_unmap"], ["nvme1"]],
  );
  assertEquals(
    undone(
      ...both,
      unmapped(OTHER_INTERRUPT, "0xffff0000"),
      completed(OTHER_INTERRUPT, "nvme1", 7),
    ),
    [["nvme0"], ["nvme1", "dma_unmap"]],
  );
});

Deno.test("an unmap of an address of two requests, of which none completes in its context, belongs to none", () => {
  const both = [
    ...mapped(TASK, "nvme0", 7, "0xffff0000"),
    ...mapped(OTHER_TASK, "nvme1", 8, "0xffff0000"),
  ];
  assertEquals(
    undone(...both, unmapped(OTHER_INTERRUPT, "0xffff0000"), completed(INTERRUPT, "nvme0", 7)),
    [["nvme0"], ["nvme1"]],
  );
});

Deno.test("a request is refused if its own task unmaps it, and not if an interrupt does", () => {
  const next = mapped(TASK, "nvme0", 9, "0xfffe0000");
  const read = (context: string) =>
    undone(
      ...mapped(TASK, "nvme0", 7, "0xffff0000"),
      unmapped(context, "0xffff0000"),
      ...next,
      unmapped(INTERRUPT, "0xffff0000"),
    );
  assertEquals(read(TASK), [["nvme0", "dma_unmap"], ["nvme0"]]);
  assertEquals(read(INTERRUPT), [["nvme0", "dma_unmap", "dma_unmap"], ["nvme0"]]);
});

Deno.test("a block of descriptors that is freed belongs to the request that allocated it", () => {
  const block = "vaddr=0xffff888005a61000";
  assertEquals(
    undone(
      ...mapped(TASK, "nvme0", 7, "0xffff0000"),
      [TASK, "pool_alloc: (dma_pool_alloc+0x0/0x240)"],
      [TASK, `pool_alloc_ret: (nvme_map_data+0x1/0x2 <- dma_pool_alloc) ${block}`],
      // The driver refuses the request, and frees its block before it sends another one.
      [TASK, `pool_free: (dma_pool_free+0x0/0x130) ${block} dma=0xfffdb000`],
      ...mapped(TASK, "nvme0", 9, "0xfffe0000"),
      completed(TASK, "nvme0", 9),
    ),
    [["nvme0", "dma_pool_free"], ["nvme0"]],
  );
});

Deno.test("in a capture, an unmap of an address of two requests belongs to the one that completes next", () => {
  const lines = (dma: string, ...order: readonly number[]): readonly Line[] => [
    ...[7, 8].flatMap((cid): readonly Line[] => [
      [TASK, `setup: (nvme_setup_cmd+0x0/0x1) req=0xffff88800000${cid} bytes=64 integrity=1`],
      ...mapped(TASK, "nvme0", cid, dma),
    ]),
    ...order.flatMap((cid): readonly Line[] => [
      unmapped(INTERRUPT, dma),
      [INTERRUPT, "unmap_one_ret: (nvme_unmap+0x1/0x2 <- dma_unmap_phys)"],
      completed(INTERRUPT, "nvme0", cid),
    ]),
  ];
  const undoneBy = (...order: readonly number[]) =>
    capturedRequests(eventsOf(lines("0x3e00000", ...order)), [], {
      isLazy: false,
      flushesMaps: false,
      hasMetadata: false,
    }).requests.map(({ unmap }) => unmap.calls.length);
  assertEquals(undoneBy(7, 8), [1, 1]);
  assertEquals(undoneBy(8, 7), [1, 1]);
  // Without the other's completion, the unmap of the first is that of no other.
  assertEquals(undoneBy(7), [1]);
});
