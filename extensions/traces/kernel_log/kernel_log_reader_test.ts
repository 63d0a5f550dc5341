import { assert, assertEquals } from "@std/assert";
import { readExpected, readGolden, runsOf } from "../tests/golden_traces.ts";
import type { Fact } from "./log_facts.ts";
import { entryStory } from "./entry_story.ts";
import { readKernelLog } from "./kernel_log_reader.ts";

interface CorpusEntry {
  readonly id: string;
  readonly kind: string;
  readonly lines: readonly string[];
  readonly expect: Readonly<Record<string, Fact>>;
}

const CORPUS: readonly CorpusEntry[] = Deno.readTextFileSync(
  new URL("../../../tests/golden/traces/corpus.jsonl", import.meta.url),
).trim().split("\n").map((line) => JSON.parse(line));

Deno.test("every line of the corpus is found as its kind, with every field that is asked for", () => {
  let fields = 0;
  let others = 0;
  for (const { expect, id, kind, lines } of CORPUS) {
    const { entries, unreadable } = readKernelLog(lines.join("\n"));
    assertEquals(unreadable, [], id);
    const [entry, ...more] = entries.filter((each) => each.kind === kind);
    assertEquals([entry?.kind ?? "none", more.length], [kind, 0], id);
    others += entries.length - (entry === undefined ? 0 : 1);
    for (const [name, value] of Object.entries(expect)) {
      assertEquals(entry!.facts[name], value, `${id}: ${name}`);
      fields++;
    }
  }
  assertEquals(others, 1, "an NVMe controller that is down, between the words of an SMMU");
  assert(CORPUS.length > 100 && fields > 700, `${CORPUS.length} entries, ${fields} fields`);
});

Deno.test("in the logs of real runs every line about DMA is found, and no other", async () => {
  let lines = 0;
  let unmaps = 0;
  for (const name of runsOf("real")) {
    const text = await readGolden(`real/${name}.dmesg.txt.gz`);
    const { kernel_log: expected } = readExpected(`real/${name}`);
    if (text === null || expected === undefined) continue;
    const log = readKernelLog(text);
    assertEquals(log.unreadable, [], name);
    // The expected lists contain no `unmap_warning`, but the checker's own line about the same
    // unmap.
    const listed = log.entries.filter(({ kind }) => kind !== "unmap_warning");
    unmaps += log.entries.length - listed.length;
    const found = listed.map(({ facts, kind, line }) => ({
      line,
      kind,
      ...kind === "dma_debug" ? { class: facts.class } : {},
    }));
    assertEquals(found as unknown[], expected as unknown[], name);
    lines += found.length;
  }
  assertEquals([lines, unmaps], [44, 3]);
});

Deno.test("all of the corpus in one log gives the same records, whatever stands beside them", () => {
  const alone = CORPUS.flatMap(({ lines }) => readKernelLog(lines.join("\n")).entries);
  const found = readKernelLog(CORPUS.flatMap(({ lines }) => lines).join("\r\n")).entries;
  assertEquals(
    found.map(({ facts, kind }) => ({ facts, kind })),
    alone.map(({ facts, kind }) => ({ facts, kind })),
  );
});

/** Prefixes of lines in logs, journals and mails. @see rules/traces.md T.56 */
const PREFIXES = [
  "",
  "[ 4711.128456] ",
  "<3>[    7.000001] ",
  "[   12.123456][  T345] ",
  "Mar  4 10:12:07 host kernel: ",
  "Nov 21 05:00:00.123456 my-host.lan kernel: [ 6205.751130] ",
  "2024-05-15T00:37:53.595431+01:00 kvmhost kernel: ",
  "> ",
  ">> > [  382.135232] ",
  "| ",
  "\t",
] as const;
const OWN_PREFIX =
  /^[>\s]*(?:<\d+>)?(?:[A-Z][a-z]{2} +\d+ [\d:]+ \S+ |\d{4}-\S+ \S+ )?(?:kernel: )?(?:\[ *\d+\.\d+\] )?/;

Deno.test("every line of the corpus says the same behind every prefix, and with other devices", () => {
  for (const { id, kind, lines } of CORPUS) {
    const bare = lines.map((line) => line.replace(OWN_PREFIX, ""));
    const tell = (prefix: string) =>
      readKernelLog(bare.map((line) => prefix + line).join("\r\n")).entries
        .map(({ facts, kind }) => ({ facts, kind }));
    const plain = tell("");
    assertEquals(plain.length > 0, kind !== "none", id);
    for (const prefix of PREFIXES) assertEquals(tell(prefix), plain, `${id} behind "${prefix}"`);
    const place = plain.map(({ facts }) => facts.source).find((each) => typeof each === "string");
    if (place === undefined || !bare.join("\n").includes(place)) continue;
    const other = place.replace(/[0-9a-f]{2}:[0-9a-f]{2}\.\d$/, "9d:1e.3");
    const moved = readKernelLog(bare.join("\n").replaceAll(place, other)).entries;
    assertEquals(
      moved.map(({ facts }) => facts.source),
      plain.map(({ facts }) => facts.source === place ? other : facts.source),
      id,
    );
  }
});

Deno.test("lines that no capture has are read as public logs print them", () => {
  const lines: readonly (readonly [string, string, Readonly<Record<string, Fact>>])[] = [
    ["nvme nvme0: I/O 27 (I/O Cmd) QID 5 timeout, aborting", "nvme_timeout", {
      tag: 27,
      cid: null,
      qid: 5,
      action: "abort",
    }],
    [
      "DMAR: ERROR: DMA PTE for vPFN 0xfff00 already set (to 1234003 not 5678003)",
      "pte_already_set",
      {
        address: "0xfff00000",
        held: "0x1234003",
      },
    ],
    [
      "WARNING: CPU: 2 PID: 7 at drivers/iommu/dma-iommu.c:841 iommu_dma_unmap_page+0x74/0x90",
      "unmap_warning",
      { function: "iommu_dma_unmap_page" },
    ],
    ["DMA-API: debugging out of memory - disabling", "dma_debug_off", {}],
    [
      "rk_iommu ff914000.iommu: Page fault at 0x00000000fe7f0000 of type write",
      "other_iommu_fault",
      {
        iommu: "ff914000.iommu",
        model: "rockchip",
        address: "0xfe7f0000",
        access: "write",
      },
    ],
    [
      "mtk-iommu 10205000.iommu: fault type=0x280 iova=0x1000 pa=0x0 master=0x0(larb=0 port=0) layer=0 read",
      "other_iommu_fault",
      { model: "mediatek", address: "0x1000", access: "read" },
    ],
    [
      "exynos-sysmmu 14650000.sysmmu: 14640000.gsc: [READ] PAGE FAULT occurred at 0x20fff000",
      "other_iommu_fault",
      { model: "exynos", address: "0x20fff000", access: "read" },
    ],
    [
      "mtk-iommu 10205000.iommu: fault type=0x20 iova=0x3ff2aa000 pa=0x21b100000 larb=13 port=3 layer=1 write",
      "other_iommu_fault",
      { model: "mediatek", address: "0x3ff2aa000", larb: 13, layer_number: 1, access: "write" },
    ],
    [
      "exynos-sysmmu 14650000.sysmmu: 14450000.mixer: PAGE FAULT occurred at 0x20000000",
      "other_iommu_fault",
      { model: "exynos", client: "14450000.mixer", fault_name: "PAGE", address: "0x20000000" },
    ],
    ["nommu_map_sg: overflow 13d5f0000+4096 of device mask ffffffff", "dma_overflow", {
      function: "nommu_map_sg",
      address: "0x13d5f0000",
      cause: "mask",
    }],
    ["DMA: Out of SW-IOMMU space for 65536 bytes at device 0000:00:1f.2", "swiotlb_full", {
      device: "0000:00:1f.2",
      size_bytes: 65536,
      cause: "unknown",
    }],
    ["Cannot allocate SWIOTLB buffer", "swiotlb_full", { cause: "no_pool" }],
    [
      "fec 2188000.ethernet: coherent allocation too big (requested 0x400000 mask 0x1fffff)",
      "coherent_failed",
      { device: "2188000.ethernet", size: "0x400000", mask: "0x1fffff" },
    ],
    ["NVRM: GPU 0000:01:00.0: Failed to create a DMA mapping!", "map_failed", {
      driver: "NVRM",
      device: "0000:01:00.0",
    }],
    [
      "WARNING: CPU: 0 PID: 1 at kernel/dma/swiotlb.c:482 swiotlb_tbl_map_single+0x4d0/0x570",
      "named",
      { area: "bounce buffers" },
    ],
    [
      "WARNING: drivers/iommu/iommu.c:3304 at iommu_group_claim_dma_owner+0x6e/0x80, CPU#3: qemu/812",
      "named",
      { area: "IOMMU layer" },
    ],
    ["kernel BUG at drivers/iommu/iova.c:123!", "named", { area: "IOMMU layer" }],
    [
      "apple-dart 231304000.dart: translation fault: status:0x80000010 stream:1 code:0x10 (PTE FAULT) at 0xbff0000",
      "other_iommu_fault",
      { model: "apple_dart", address: "0xbff0000", access: null },
    ],
    [
      "riscv-iommu 30000.iommu: Fault 13 devid: 0x8 iotval: 80200000 iotval2: 0",
      "other_iommu_fault",
      {
        model: "riscv",
        address: "0x80200000",
      },
    ],
    [
      "(XEN) [VT-D]DMAR:[DMA Write] Request device [0000:00:1f.2] fault addr 7f000000",
      "other_iommu_fault",
      { model: "xen_vtd", device: "0000:00:1f.2", address: "0x7f000000", access: "write" },
    ],
    [
      "(XEN) AMD-Vi: IO_PAGE_FAULT: 0000:00:14.0 d0 addr 00000000cfd51000 flags 0x20 RW",
      "other_iommu_fault",
      { model: "xen_amd", device: "0000:00:14.0", address: "0xcfd51000" },
    ],
  ];
  for (const [line, kind, facts] of lines) {
    const { entries } = readKernelLog(`[    1.5] ${line}`);
    assertEquals(entries.map((entry) => entry.kind), [kind], line);
    for (const [name, value] of Object.entries(facts)) {
      assertEquals(entries[0]!.facts[name], value, `${line}: ${name}`);
    }
  }
});

/** A message from a public report, or a message whose form is known. */
type PublicLines = Omit<CorpusEntry, "id"> & {
  readonly area: string;
  readonly thread: string | null;
};

Deno.test("lines as bug reports have them are decoded, or named with their area and page", () => {
  const file = new URL("../../../tests/golden/traces/public_lines.jsonl", import.meta.url);
  const rows: readonly PublicLines[] = Deno.readTextFileSync(file).trim().split("\n")
    .map((line) => JSON.parse(line));
  for (const { area, expect, kind, lines } of rows) {
    const { entries, unreadable } = readKernelLog(lines.join("\n"));
    const [entry, ...more] = entries;
    assertEquals([unreadable, entry?.kind ?? "none", more], [[], kind, []], lines[0]);
    for (const [name, value] of Object.entries(expect)) {
      assertEquals(entry!.facts[name], value, `${area}: ${lines[0]}: ${name}`);
    }
    if (kind === "named") assert(String(entry!.facts.page).length > 0);
    // What is printed has no register or identifier in decimal.
    const story = entryStory(entry!).join("\n");
    assert(!/^ {2}(?:stream|status|csts|value|cons|prod) +\d+$/m.test(story), story);
  }
  const seen = rows.filter(({ thread }) => thread !== null);
  const decoded = seen.filter(({ kind }) => kind !== "named");
  assert(seen.length >= 150 && decoded.length >= 145, `${decoded.length} of ${seen.length}`);
});
