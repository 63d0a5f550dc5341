/** The meaning of a command's entries, when complete and while they are being written. */
import { assertEquals } from "@std/assert";
import type { MachineEvent } from "@dmalab/runtime";
import {
  describedMemory,
  readRequest,
  type RequestMemory,
  writtenPointer,
} from "./request_picture.ts";

const PAGE = 4096;

function segments(sizeBytes: number) {
  return [{ phys: 0x1000_0200, sizeBytes, seq: null }];
}

/** Events with only the fields from which a request is read. */
function events(
  written: readonly (readonly [name: MachineEvent["name"], fields: object])[],
): readonly MachineEvent[] {
  return written.map(([name, fields], index) =>
    ({ name, fields, seq: index + 1 }) as unknown as MachineEvent
  );
}

function prp(index: number, entry: number, list_page: number | null = null) {
  return ["nvme.prp", { index, entry, list_page }] as const;
}

function sgl(type: "data_block" | "last_segment", address: number, length_bytes: number) {
  return ["nvme.sgl", { type, address, length_bytes }] as const;
}

function texts({ entries }: RequestMemory): readonly string[] {
  return entries.map(({ at, dma, label, leadsTo, page, sizeBytes }) =>
    `${page ?? "-"} ${label} ${at ?? "?"} ${leadsTo} ${dma} ${sizeBytes}`
  );
}

Deno.test("entries of a list that is being built lead nowhere but to data", () => {
  const half = [prp(0, 5 * PAGE, 0), prp(1, 7 * PAGE, 0), prp(-1, 3 * PAGE)];
  assertEquals(texts(describedMemory(segments(4 * PAGE), writtenPointer(events(half)))), [
    `- PRP1 ? data ${3 * PAGE} ${PAGE}`,
    `0 0 ? data ${5 * PAGE} ${PAGE}`,
    `0 1 ? data ${7 * PAGE} ${PAGE}`,
  ]);
  const blocks = [sgl("data_block", 5 * PAGE, 512), sgl("data_block", 7 * PAGE, 512)];
  const listed = [`0 0 ? data ${5 * PAGE} 512`, `0 1 ? data ${7 * PAGE} 512`];
  assertEquals(texts(describedMemory(segments(1536), writtenPointer(events(blocks)))), listed);
  const whole = [...blocks, sgl("last_segment", 0x8000, 32)];
  assertEquals(texts(describedMemory(segments(1024), writtenPointer(events(whole)))), [
    `- SGL ? list ${0x8000} 32`,
    `0 0 ${0x8000} data ${5 * PAGE} 512`,
    `0 1 ${0x8010} data ${7 * PAGE} 512`,
  ]);
});

Deno.test("an SGL descriptor that leads to data is the command's own", () => {
  const one = describedMemory(
    segments(512),
    writtenPointer(events([sgl("data_block", 5 * PAGE, 512)])),
  );
  assertEquals([texts(one), one.hasLengths], [[`- SGL ? data ${5 * PAGE} 512`], true]);
  assertEquals(describedMemory(segments(512), writtenPointer([])).entries, []);
});

Deno.test("a try begins behind the unmap before it, and ends with its own", () => {
  const tried = [
    ["nvme.choose", { format: "simple_prp" }] as const,
    ["swiotlb.map", { orig_phys: 0x1200, size_bytes: 512, tlb_phys: 0x9200 }] as const,
    ["dma.map", { phys: 0x1200, dma: 0x9200, size_bytes: 512, path: "swiotlb" }] as const,
    prp(-1, 0x9200),
  ];
  const part = { dma: 0x9200, sizeBytes: 512, tlbPhys: 0x9200, origPhys: 0x1200 };
  const unmapped = [["swiotlb.unmap", { tlb_phys: 0x9200 }], ["nvme.unmap", {}]] as const;
  for (const [written, parts] of [[tried, [part]], [[...tried, ...unmapped], []]] as const) {
    const { copies, entries } = readRequest(1, events(written));
    assertEquals([copies, entries.length], [[...parts], 1]);
  }
});

Deno.test("the entries of a list are the memory that a request covers", () => {
  for (const call of ["call.dma_map_sg", "call.dma_map_sgtable"] as const) {
    const { segments } = readRequest(1, events([[call, { sg: [[0x1000, 512], [0x3000, 64]] }]]));
    assertEquals(segments.map(({ phys, sizeBytes }) => [phys, sizeBytes]), [
      [0x1000, 512],
      [0x3000, 64],
    ]);
  }
});

Deno.test("a request is of the device that its first event with one names", () => {
  const [event] = events([prp(-1, 0x9200)]);
  const of = (...devices: (string | null)[]) =>
    readRequest(1, devices.map((device) => ({ ...event!, device }))).device;
  assertEquals([of(null), of(null, "ssd")], [null, "ssd"]);
});

Deno.test("MPTR leads to the first descriptor of the metadata, and that one to the others", () => {
  const segment = (phys: number) =>
    ["block.segment", { phys, size_bytes: 64, dma: phys, path: "direct" }] as const;
  const mapped = [
    ["nvme.metadata", { format: "sgl" }] as const,
    segment(0x1000),
    ["ret.dma_pool_alloc", { result: 0x8000, error: null }] as const,
    sgl("data_block", 0x1000, 64),
  ];
  const of = (written: Parameters<typeof events>[0]) =>
    texts(readRequest(1, events(written)).metadata!);
  // No event writes it: it is decided by the address of the list, or of the memory.
  assertEquals(readRequest(1, events(mapped)).metadata!.entries[0]!.seq, 3);
  assertEquals(of(mapped), [`- MPTR ? list ${0x8000} 0`, `0 0 ${0x8000} data ${0x1000} 64`]);
  const two = [...mapped, segment(0x3000), sgl("data_block", 0x3000, 64)];
  assertEquals(of([...two, sgl("last_segment", 0x8010, 32)]), [
    `- MPTR ? list ${0x8000} 0`,
    `0 0 ${0x8000} list ${0x8010} 32`,
    `1 0 ${0x8010} data ${0x1000} 64`,
    `1 1 ${0x8020} data ${0x3000} 64`,
  ]);
});
