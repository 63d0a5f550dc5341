/** Why a bounce pool refused a mapping, by the numbers of the line (trace.T.52, T.77). */
import { assert, assertEquals } from "@std/assert";
import { readKernelLog } from "../kernel_log_reader.ts";
import { causeOf, certaintyOf, nextOf } from "./message.ts";

interface Refused {
  readonly line: string;
  readonly cause: string;
  readonly certainty: string;
  readonly why: string;
}

const full = (sizeBytes: number, total: number, used: number, of = "nvme 0000:01:00.0") =>
  `${of}: swiotlb buffer is full (sz: ${sizeBytes} bytes), total ${total} (slots), used ${used} (slots)`;

const REFUSED: readonly Refused[] = [
  // A confidential guest's pool of 1 GiB. 724 slots are free, but the mapping needs 128 adjacent
  // slots.
  {
    line: full(262144, 524288, 523564, "virtio-pci 0000:00:02.0"),
    cause: "fragmented",
    certainty: "likely",
    why: "1482752 bytes (1.4 MiB) are free, but not in one piece",
  },
  {
    line: full(65536, 32768, 0, "hv_storvsc fd1d2cbd-ce7c-535c-966b-eb5f811c95f1"),
    cause: "alignment",
    certainty: "likely",
    why: "67108864 bytes (64 MiB) are free, and 0 used slots are too few",
  },
  {
    line: full(524288, 32768, 4, "vhci_hcd vhci_hcd.0"),
    cause: "over_segment",
    certainty: "proved",
    why: "larger than 256 KiB",
  },
  {
    line: full(262145, 32768, 0),
    cause: "over_segment",
    certainty: "proved",
    why: "larger than 256 KiB",
  },
  {
    line: full(2097152, 524288, 515875),
    cause: "over_segment",
    certainty: "proved",
    why: "larger than 256 KiB",
  },
  {
    line: full(4000, 32768, 32768, "rtl8192ee 0000:05:00.0"),
    cause: "full",
    certainty: "proved",
    why: "0 bytes are free",
  },
  {
    line: full(90, 32768, 32768, "intel-eth-pci 0000:00:1d.2"),
    cause: "full",
    certainty: "proved",
    why: "0 bytes are free",
  },
  // Four slots are free, and exactly four are wanted. But the free slots are not in a row.
  {
    line: full(8192, 32768, 32764, "stmmaceth 0000:00:1d.2"),
    cause: "fragmented",
    certainty: "likely",
    why: "8192 bytes (8 KiB) are free",
  },
  {
    line: full(8192, 32768, 32765),
    cause: "full",
    certainty: "proved",
    why: "6144 bytes (6 KiB) are free",
  },
  {
    line: full(3776, 32768, 31415, "mt7615e 0000:01:00.0"),
    cause: "fragmented",
    certainty: "likely",
    why: "in one piece of 4096 bytes (4 KiB)",
  },
  {
    line: full(262144, 32768, 255),
    cause: "alignment",
    certainty: "likely",
    why: "255 used slots are too few",
  },
  {
    line: full(262144, 32768, 256),
    cause: "fragmented",
    certainty: "likely",
    why: "in one piece of 262144 bytes (256 KiB)",
  },
  // A buffer of 33 slots begins at an even slot. Therefore a set of 128 slots has three places for
  // it, and one used slot in each place fragments the set.
  {
    line: full(67584, 32768, 767),
    cause: "alignment",
    certainty: "likely",
    why: "767 used slots are too few",
  },
  { line: full(67584, 32768, 768), cause: "fragmented", certainty: "likely", why: "are free" },
  { line: full(4096, 0, 0), cause: "no_pool", certainty: "proved", why: "the pool has no slots" },
  { line: full(4096, 512, 600), cause: "full", certainty: "proved", why: "0 bytes are free" },
  {
    line:
      "dwc3 38200000.dwc3: swiotlb buffer is full (sz: 16384 bytes)\ndwc3 38200000.dwc3: DMA: Out of SW-IOMMU space for 16384 bytes",
    cause: "unknown",
    certainty: "unknown",
    why: "does not tell how much was free",
  },
  {
    line: "DMA: Out of SW-IOMMU space for 9100 bytes at device 0000:02:00.0",
    cause: "unknown",
    certainty: "unknown",
    why: "old release",
  },
  {
    line: "nvme 0000:01:00.0: swiotlb buffer is full (sz: 8192 bytes), total 524288 (sl",
    cause: "unknown",
    certainty: "unknown",
    why: "because it is cut or of an old release",
  },
  {
    line: "ahci 0000:00:17.0: swiotlb buffer is full (sz: 1048576 bytes)",
    cause: "over_segment",
    certainty: "proved",
    why: "larger than 256 KiB",
  },
  {
    line: "swiotlb: coherent allocation failed for device 0000:08:00.0 size=2097152",
    cause: "coherent",
    certainty: "possible",
    why: "the page allocator gave no memory for it",
  },
  {
    line:
      "switchtec 0000:3b:00.1: swiotlb buffer is full (sz: 20971520 bytes)\nswiotlb: coherent allocation failed for device 0000:3b:00.1 size=20971520",
    cause: "coherent",
    certainty: "possible",
    why: "the page allocator gave no memory for it",
  },
  {
    line: "software IO TLB: Cannot allocate buffer",
    cause: "no_pool",
    certainty: "likely",
    why: "no memory for the pool",
  },
];

const ENLARGES: ReadonlySet<string> = new Set(["full", "fragmented", "unknown"]);

Deno.test("the cause of a refused mapping follows from its size and the slots of the pool", () => {
  assert(REFUSED.length >= 20);
  for (const { cause, certainty, line, why } of REFUSED) {
    const [entry, ...others] = readKernelLog(line).entries;
    assertEquals([entry?.kind, others.length], ["swiotlb_full", 0], line);
    const { facts, row } = entry!;
    const found = causeOf(row!, facts)!;
    assertEquals([facts.cause, certaintyOf(row!, facts, found)], [cause, certainty], line);
    const text = typeof found.text === "string" ? found.text : found.text(facts);
    assert(text.includes(why), `${line}: ${text}`);
    // A larger pool is advised only for causes that a larger pool removes.
    const enlarges = nextOf(row!, facts).some((step) => step.startsWith("enlarge the pool"));
    assertEquals(enlarges, ENLARGES.has(cause), line);
  }
});

Deno.test("the allocation of another device does not continue a refused mapping", () => {
  const { entries } = readKernelLog(
    `${
      full(4096, 32768, 32768)
    }\nswiotlb: coherent allocation failed for device 0000:09:00.0 size=65536`,
  );
  assertEquals(entries.map(({ facts }) => facts.cause), ["full", "coherent"]);
});

Deno.test("a second line of an old kernel continues a refused mapping of the same size only", () => {
  const second = (sizeBytes: number) =>
    `${full(4096, 32768, 32768)}\nDMA: Out of SW-IOMMU space for ${sizeBytes} bytes at device x.0`;
  const causes = (text: string) =>
    readKernelLog(text).entries.map(({ facts }) => [facts.size_bytes, facts.cause]);
  assertEquals(causes(second(4096)), [[4096, "full"]]);
  assertEquals(causes(second(65536)), [[4096, "full"], [65536, "unknown"]]);
});

const overflow = (address: string, sizeBytes: number, mask: string, limit: string) =>
  `bttv 1000:04:05.0: overflow 0x${address}+${sizeBytes} of DMA mask ${mask} bus limit ${limit}`;

Deno.test("an address out of reach is out of the mask, the bus, or both, by their numbers", () => {
  const rows: readonly (readonly [string, string])[] = [
    [overflow("00000000fe177000", 4096, "ffffffff", "df000000"), "bus_limit"],
    [overflow("00000001a7296000", 708608, "ffffffff", "ffffffff"), "mask_and_bus"],
    [overflow("00000001a7296000", 708608, "ffffffff", "0"), "mask"],
    [overflow("00000000fffff000", 4096, "ffffffff", "0"), "within_limits"],
    [overflow("00000000fffff000", 4097, "ffffffff", "0"), "mask"],
    [overflow("0000000450dc4000", 16384, "ffffffff", "4ffffffff"), "mask"],
    [overflow("ffffffffffffffff", 4096, "ffffffff", "0"), "no_bus_address"],
    [overflow("0000000010000000", 4096, "0", "0"), "mask_unset"],
    [
      "simple-framebuffer 9e5064000.framebuffer: swiotlb addr 0x00000009de654000+16384 overflow (mask ffffffff, bus limit 0).",
      "pool_out_of_reach",
    ],
    [
      "nouveau 0001:01:00.0: DMA addr 0x00000010fcd00000+4096 overflow (mask 7fffffffff, bus limit ffffffff).",
      "bus_limit",
    ],
    ["e1000e 0000:00:19.0: overflow 0x0000000150000000+2048 of device mask ffffffff", "mask"],
    ["e1000e 0000:00:19.0: overflow 0xffxxxxxx+2048 of DMA mask ffffffff bus mask 0", "masked"],
  ];
  for (const [line, cause] of rows) {
    const [entry] = readKernelLog(`[   25.654852] ${line}`).entries;
    assertEquals(entry?.facts.cause ?? "none", cause, line);
  }
});

Deno.test("a page-table entry that is set already is an identity map, the same map, or another's", () => {
  const set = (frame: string, held: string, wanted: string) =>
    `DMAR: ERROR: DMA PTE for vPFN 0x${frame} already set (to ${held} not ${wanted})`;
  const rows: readonly (readonly [string, string, string])[] = [
    [set("f1f7e", "f1f7e003", "174025001"), "identity_map", "reserved_region"],
    [set("7b800", "800000007b800003", "1203a5003"), "identity_map", "reserved_region"],
    [set("fff00", "1234003", "5678003"), "overlap", "mapped_over"],
    [set("fff00", "1234003", "1234001"), "same_map", "mapped_over"],
    [set("10000", "80000001abcd003", "1abcd003"), "same_map", "mapped_over"],
    [
      "DMAR: DMA PTE for vPFN 0xba801 already set (to ba801003 not 2c8443003)",
      "identity_map",
      "reserved_region",
    ],
  ];
  for (const [line, cause, finding] of rows) {
    const [entry] = readKernelLog(line).entries;
    assertEquals(entry?.facts.cause, cause, line);
    const found = causeOf(entry!.row!, entry!.facts)!;
    assertEquals(found.finding ?? entry!.row!.finding, finding, line);
    assert(certaintyOf(entry!.row!, entry!.facts, found) !== "proved", line);
  }
});
