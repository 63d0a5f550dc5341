import { assert, assertEquals } from "@std/assert";
import type { AddressTitle, RequestEntry, RequestMemory, RequestPicture } from "@dmalab/devices";
import { requestPicture } from "./request_picture.ts";

const PAGE = 4096;

interface DrawnEntry {
  readonly label: string;
  readonly dma: number;
  readonly sizeBytes: number;
  readonly page: number | null;
}

/**
 * The memory in a test: entries that point to data, and list pages. A list page has the index of the
 * entry that points to the next page.
 */
interface DrawnMemory {
  readonly segments?: readonly { readonly phys: number; readonly sizeBytes: number }[];
  readonly entries?: readonly DrawnEntry[];
  readonly pages?: readonly { readonly dma: number; readonly next?: number }[];
  /** The entry that points to the first page. */
  readonly pointer?: string;
  readonly hasLengths?: boolean;
}

function memory(
  { entries = [], hasLengths = false, pages = [], pointer = "", segments = [] }: DrawnMemory,
): RequestMemory {
  const plain = { index: null, at: null, seq: null, fetched: null };
  const link = (label: string, page: number | null, dma: number): RequestEntry => ({
    ...plain,
    phys: null,
    label,
    page,
    dma,
    sizeBytes: 0,
    leadsTo: "list",
    isOutside: false,
  });
  return {
    segments: segments.map((segment) => ({ ...segment, seq: null })),
    entries: [
      ...pages.slice(0, 1).map(({ dma }) => link(pointer, null, dma)),
      ...entries.map((entry): RequestEntry => ({
        ...plain,
        phys: entry.dma,
        ...entry,
        leadsTo: "data",
        isOutside: false,
      })),
      ...pages.flatMap(({ next }, page) => next === undefined ? [] : [link("511", page, next)]),
    ],
    listPages: pages.map(({ dma }) => ({ dma, seq: null })),
    hasLengths,
  };
}

function picture(
  { addressTitle = "IOVA", iova = null, metadata, ...data }: DrawnMemory & {
    readonly addressTitle?: AddressTitle;
    readonly iova?: RequestPicture["iova"];
    readonly metadata?: DrawnMemory;
  },
): string[] {
  const request = {
    request: 1,
    device: "ssd",
    format: null,
    status: null,
    iova,
    path: null,
    copies: [],
    ...memory(data),
    metadata: metadata === undefined ? null : memory(metadata),
  };
  const titleAt = () => addressTitle;
  const caption = { title: "request 1  read", place: "ssd queue 1", titleAt, notes: [] };
  return requestPicture(request, caption);
}

function pages(count: number, first: number, step: number) {
  return Array.from({ length: count }, (_, index) => ({
    phys: first + index * step,
    sizeBytes: PAGE,
  }));
}

Deno.test("requestPicture() runs segments together into one IOVA range", () => {
  const lines = picture({
    segments: pages(3, 0x10_2000, 0x2000),
    iova: { dma: 0xffff_c000, sizeBytes: 3 * PAGE },
    entries: [{ label: "data", dma: 0xffff_c000, sizeBytes: 3 * PAGE, page: null }],
    hasLengths: true,
  });
  assertEquals(lines.slice(2), [
    "  physical memory           IOVA                      command",
    "     0x10_2000    4KiB ─┐",
    "     0x10_4000    4KiB ─┼─► 0xffff_c000 12KiB ──────► data  0xffff_c000 12KiB",
    "     0x10_6000    4KiB ─┘",
  ]);
});

Deno.test("requestPicture() gives each segment its own line when each has its own mapping", () => {
  const lines = picture({
    addressTitle: "physical address",
    segments: pages(2, 0x10_2000, 0x2000),
    entries: [
      { label: "PRP1", dma: 0x10_2000, sizeBytes: PAGE, page: null },
      { label: "PRP2", dma: 0x10_4000, sizeBytes: PAGE, page: null },
    ],
  });
  assertEquals(lines.slice(3), [
    "     0x10_2000    4KiB ───► 0x10_2000    4KiB ──────► PRP1  0x10_2000",
    "     0x10_4000    4KiB ───► 0x10_4000    4KiB ──────► PRP2  0x10_4000",
  ]);
});

Deno.test("requestPicture() shows the memory alone while there is no command", () => {
  assertEquals(picture({ segments: pages(2, 0x10_2000, 0x2000) }).slice(2), [
    "  physical memory",
    "     0x10_2000    4KiB",
    "     0x10_4000    4KiB",
  ]);
});

Deno.test("requestPicture() leads several segments into one entry where a list joined them", () => {
  const lines = picture({
    segments: pages(3, 0x10_2000, 0x2000),
    entries: [
      { label: "0", dma: 0xffff_c000, sizeBytes: 2 * PAGE, page: 0 },
      { label: "1", dma: 0xfff0_0000, sizeBytes: PAGE, page: 0 },
    ],
    pages: [{ dma: 0xffff_f000 }],
    pointer: "SGL",
    hasLengths: true,
  });
  assertEquals(lines.slice(4), [
    "                                                      ┌─ list 0xffff_f000 ─────┐",
    "     0x10_2000    4KiB ───► 0xffff_c000    4KiB ──┬─► │  0 0xffff_c000    8KiB │",
    "     0x10_4000    4KiB ───► 0xffff_d000    4KiB ──┘   │                        │",
    "     0x10_6000    4KiB ───► 0xfff0_0000    4KiB ────► │  1 0xfff0_0000    4KiB │",
    "                                                      └────────────────────────┘",
  ]);
});

Deno.test("requestPicture() leaves out the list pages between the first and the last", () => {
  const entries: DrawnEntry[] = [
    { label: "PRP1", dma: 0x4000_0000, sizeBytes: PAGE, page: null },
  ];
  for (let index = 0; index < 4 * 511 + 3; index++) {
    const page = Math.min(4, Math.floor(index / 511));
    const dma = 0x4000_1000 + index * PAGE;
    entries.push({ label: String(index - 511 * page), dma, sizeBytes: PAGE, page });
  }
  const at = (page: number) => 0x10_0000 + page * PAGE;
  const lines = picture({
    segments: [{ phys: 0x4000_0000, sizeBytes: 2048 * PAGE }],
    entries,
    pages: [0, 1, 2, 3, 4].map((page) => ({
      dma: at(page),
      ...page === 4 ? {} : { next: at(page + 1) },
    })),
    pointer: "PRP2",
  });
  assertEquals(lines.filter((line) => line.includes("┌─ list")).length, 2);
  assert(lines.some((line) => line.includes("…  3 more list pages")), lines.join("\n"));
  assert(lines.at(-2)!.includes("│  2 0x407f_f000"), lines.join("\n"));
});

Deno.test("requestPicture() draws the metadata below the data, with what leads to it", () => {
  const lines = picture({
    segments: pages(1, 0x10_2000, 0),
    entries: [{ label: "PRP1", dma: 0x10_2000, sizeBytes: PAGE, page: null }],
    metadata: {
      segments: [{ phys: 0x20_0040, sizeBytes: 64 }],
      entries: [{ label: "MPTR", dma: 0x20_0040, sizeBytes: 64, page: null }],
    },
  });
  assertEquals(lines.slice(3), [
    "     0x10_2000    4KiB ───► 0x10_2000    4KiB ──────► PRP1  0x10_2000",
    "  metadata",
    "     0x20_0040     64B ───► 0x20_0040     64B ──────► MPTR  0x20_0040",
  ]);
});
