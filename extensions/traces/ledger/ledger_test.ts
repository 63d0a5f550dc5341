import { assertEquals } from "@std/assert";
import { TraceLine } from "../line/trace_line.ts";
import { checkedTrace, passOf } from "../tests/checked_trace.ts";
import { LogPass, TraceCheck } from "./trace_check.ts";

/**
 * Findings of a trace by one task on one CPU, with a line in each millisecond. A text that begins
 * with `@N ` is on CPU N.
 */
function findingsOf(payloads: readonly string[]): string[] {
  const check = new TraceCheck(new LogPass());
  payloads.forEach((text, index) => {
    const [, cpu = "0", payload] = /^(?:@(\d) )?(.*)$/.exec(text)!;
    const line = payload!.startsWith("CPU:")
      ? payload!
      : `            init-1       [00${cpu}] .....     1.${
        `${index}`.padStart(3, "0")
      }000: ${payload}`;
    check.push(TraceLine.of(line), index + 1);
  });
  return check.end().findings.filter(({ kind }) => kind !== "alive_at_end")
    .map(({ certainty, kind, line, otherLine }) => `${certainty} ${kind} ${line} ${otherLine}`);
}

const table = (call: string, start: string, end: string) =>
  call === "map"
    ? `map: IOMMU: iova=0x${start} - 0x${end} paddr=0x0000000003793000 size=4096`
    : `unmap: IOMMU: iova=0x${start} - 0x${end} size=4096 unmapped_size=4096`;
const [START, END] = ["00000000fffff000", "0000000100000000"];
const call = (name: string, size = 4096, dir = "TO_DEVICE") =>
  `${name}: 0000:00:05.0 dir=${dir} dma_addr=fffff000 size=${size}` +
  `${name.startsWith("dma_map") ? " phys_addr=3793000" : ""} attrs=`;
const list = (name: string, phys: string) =>
  `${name}: 0000:00:05.0 dir=TO_DEVICE` +
  (name === "dma_map_sg" ? " nents=1/1 ents=1/1 dma_addrs={0xfffff000} sizes={0x1000}" : "") +
  ` phys_addrs={${phys}} attrs=`;
const MAP = [table("map", START, END), call("dma_map_phys")];
const UNMAP = [table("unmap", START, END), call("dma_unmap_phys")];

Deno.test("a mapping that is ended as it was made is no finding (traces.md T.66)", () => {
  assertEquals(findingsOf([...MAP, ...UNMAP, ...MAP, ...UNMAP]), []);
});

Deno.test("an unmap with nothing to unmap in the page table is proved to be wrong (T.28)", () => {
  assertEquals(findingsOf([...MAP, ...UNMAP, call("dma_unmap_phys")]), ["proved double_unmap 5 4"]);
  const other = call("dma_unmap_phys").replace("fffff000", "ffffa000");
  assertEquals(findingsOf([...MAP, ...UNMAP, other]), ["proved unmap_unknown 5 null"]);
  // A page-table unmap is beside the call, so there was a mapping. Its map line is missing, so
  // nothing is proved.
  assertEquals(findingsOf([...MAP, ...UNMAP, ...UNMAP]), ["unknown born_before_trace 6 null"]);
  // A task moves to another CPU between the line of the page table and the line of the call. This
  // is not a mistake of the driver.
  assertEquals(
    findingsOf([...MAP, ...UNMAP, table("unmap", START, END), `@1 ${call("dma_unmap_phys")}`]),
    ["unknown born_before_trace 6 null"],
  );
});

Deno.test("a list is unmapped before its work is done: what follows says whether it was mapped", () => {
  const mapped = [table("map", START, END), list("dma_map_sg", "0x3793000")];
  const unmapped = [list("dma_unmap_sg", "0x3793000"), table("unmap", START, END)];
  assertEquals(findingsOf([...mapped, ...unmapped]), []);
  assertEquals(
    findingsOf([...mapped, ...unmapped, list("dma_unmap_sg", "0x3793000"), ...MAP, ...UNMAP]),
    ["proved double_unmap 5 3"],
  );
  assertEquals(
    findingsOf([...mapped, ...unmapped, ...unmapped]),
    ["unknown born_before_trace 5 null"],
  );
});

Deno.test("of two live lists of one page, the page table's unmap shows which one ends (T.21)", () => {
  const [otherStart, otherEnd] = ["00000000ffffe000", START];
  const other = list("dma_map_sg", "0x3793000").replace("0xfffff000", "0xffffe000");
  const unmap = list("dma_unmap_sg", "0x3793000");
  const first = [table("map", START, END), list("dma_map_sg", "0x3793000")];
  const both = [...first, table("map", otherStart, otherEnd), other];
  const older = [unmap, table("unmap", START, END)];
  const newer = [unmap, table("unmap", otherStart, otherEnd)];
  // The older one ends first, and its address is allocated again.
  assertEquals(findingsOf([...both, ...older, ...first, ...newer, ...older]), []);
  // Its unmap left out: the address of a list that is still mapped is allocated again.
  assertEquals(
    findingsOf([...both, ...newer, table("unmap", START, END), ...first, ...older]),
    ["proved leak 2 9"],
  );
  // Without lines of the page table nothing is certain.
  const calls = [list("dma_map_sg", "0x3793000"), other];
  assertEquals(
    findingsOf([...calls, unmap, list("dma_map_sg", "0x3793000"), unmap, unmap]),
    ["unknown born_before_trace 6 null"],
  );
});

Deno.test("a list that is read and one of the same page that is written are not confused (T.21)", () => {
  const read = (text: string) => text.replace("TO_DEVICE", "FROM_DEVICE");
  const other = read(list("dma_map_sg", "0x3793000")).replace("0xfffff000", "0xffffe000");
  const unmap = list("dma_unmap_sg", "0x3793000");
  const map = [list("dma_map_sg", "0x3793000"), other];
  assertEquals(findingsOf([...map, unmap, read(unmap)]), []);
});

Deno.test("an address that is allocated again proves a missing death only when the page table was cleared", () => {
  assertEquals(
    findingsOf([...MAP, table("unmap", START, END), ...MAP, ...UNMAP]),
    ["proved leak 2 5"],
  );
  // The page table's unmap line is missing as well: tracing was off in between.
  assertEquals(findingsOf([...MAP, ...MAP, ...UNMAP]), ["possible leak 2 4"]);
  // The same call twice, without a new page-table entry.
  assertEquals(findingsOf([...MAP, call("dma_map_phys"), ...UNMAP]), ["proved double_map 3 2"]);
});

Deno.test("the line of an unmap behind the next map on another CPU is a race of two lines, no fault", () => {
  assertEquals(
    findingsOf([...MAP, "@1 " + UNMAP[0], ...MAP, "@1 " + UNMAP[1], ...UNMAP]),
    ["possible reuse_race 5 6"],
  );
});

Deno.test("after a gap whatever was open is uncertain, and mismatches with it prove nothing (T.68)", () => {
  const gap = "CPU:0 [LOST 12 EVENTS]";
  assertEquals(
    findingsOf([...MAP, gap, table("unmap", START, END), call("dma_unmap_phys", 64)]),
    [],
  );
  assertEquals(
    findingsOf([...MAP, table("unmap", START, END), call("dma_unmap_phys", 64)]),
    ["proved unmap_size 4 2"],
  );
  assertEquals(
    findingsOf([...MAP, ...UNMAP, gap, call("dma_unmap_phys")]),
    ["unknown born_before_trace 6 null"],
  );
});

Deno.test("a two-step range that is destroyed short is a finding if its rest stays mapped (T.30)", () => {
  const link = (page: string, next: string) =>
    table("map", `00000000ffff${page}000`, `00000000ffff${next}000`);
  const end = (page: string, next: string) =>
    table("unmap", `00000000ffff${page}000`, `00000000ffff${next}000`);
  const links = [link("0", "1"), link("1", "2"), link("2", "3")];
  const all = [...MAP, ...UNMAP, ...links];
  assertEquals(findingsOf([...all, end("0", "3")]), []);
  assertEquals(findingsOf([...all, end("0", "2")]), ["likely destroy_short 7 8"]);
  assertEquals(findingsOf([...all, end("0", "2"), end("2", "3")]), []);
  // Without events of the DMA API these pages may belong to three separate mappings.
  assertEquals(findingsOf([...links, end("0", "2")]), []);
});

Deno.test("syncs are held to the mapping that holds their address", () => {
  const sync = (size: number, dir = "TO_DEVICE", at = "fffff000") =>
    `dma_sync_single_for_cpu: 0000:00:05.0 dir=${dir} dma_addr=${at} size=${size}`;
  assertEquals(findingsOf([...MAP, sync(4096), sync(64, "TO_DEVICE", "fffff040"), ...UNMAP]), []);
  assertEquals(findingsOf([...MAP, sync(8192), ...UNMAP]), ["proved sync_size 3 2"]);
  assertEquals(findingsOf([...MAP, sync(64, "FROM_DEVICE"), ...UNMAP]), [
    "proved sync_direction 3 2",
  ]);
  assertEquals(findingsOf([...MAP, ...UNMAP, sync(64)]), ["proved sync_unknown 5 4"]);
  // After lost events another mapping may be at this address.
  assertEquals(findingsOf([...MAP, "CPU:0 [LOST 2 EVENTS]", sync(64, "FROM_DEVICE")]), []);
});

Deno.test("marks that stand in the trace and in the log tie their clocks (T.61)", () => {
  const log = new LogPass();
  log.push(TraceLine.of("[    5.250000] dmalab-mark 77"), 1);
  const fault =
    "[    5.252500] DMAR: [DMA Read NO_PASID] Request device [0000:00:05.0] fault addr 0xfffff000 " +
    "[fault reason 0x06] PTE Read access is not set";
  log.push(TraceLine.of(fault), 2);
  log.end();
  const check = new TraceCheck(log);
  const lines = ["tracing_mark_write: dmalab-mark 77", ...MAP, ...UNMAP];
  lines.forEach((text, index) =>
    check.push(
      TraceLine.of(`            init-1       [000] .....     1.000${index}00: ${text}`),
      index + 1,
    )
  );
  const { findings, classified } = check.end();
  assertEquals([classified.offset?.source, classified.offset?.seconds], ["marks", -4.25]);
  assertEquals(
    findings.map(({ certainty, kind, line, logLine }) => `${certainty} ${kind} ${line} ${logLine}`),
    ["proved use_after_unmap 5 2"],
  );
});

Deno.test("a mark without a time ties no clocks, whichever line stands above it (T.61)", () => {
  const timeout = "nvme nvme0: I/O tag 12 (100c) opcode 0x1 (I/O Cmd) QID 3 timeout, aborting " +
    "req_op:WRITE(1) size:4096";
  const mark = "dmalab-mark 77";
  const cases: readonly (readonly [lines: readonly string[], marks: readonly string[]])[] = [
    [[`[    2.100000] ${timeout}`, mark], []],
    [[`[    2.100000] ${timeout}`, `> ${mark}`], []],
    [[`2026-05-01T10:00:00+0000 host kernel: ${timeout}`, mark], []],
    [[timeout, mark], []],
    [[mark, `[    2.100000] ${timeout}`], []],
    [[`[    2.100000] ${timeout}`, `[    2.200000] ${mark}`], ["77 2.2"]],
    [[`[    2.100000] ${timeout}[    2.200000] ${mark}`], ["77 2.2"]],
  ];
  for (const [lines, marks] of cases) {
    const log = passOf(lines);
    const text = lines.join("\n");
    assertEquals([...log.marks].map(([mark, { seconds }]) => `${mark} ${seconds}`), marks, text);
    assertEquals(log.entries.map(({ facts, kind }) => [kind, facts.size_bytes]), [
      ["nvme_timeout", 4096],
    ], text);
  }
});

Deno.test("the largest requests are held to the limits of their queues (T.37)", () => {
  const facts = [
    "nvme0n1 max_sectors_kb 16",
    "nvme0n1 max_segments 2",
    "group 2 type DMA-FQ devs 0000:00:04.0 ",
    "per_cpu/cpu0 entries: 333 overrun: 7 commit overrun: 0 dropped events: 0 ",
  ];
  const setup = "nvme0: disk=nvme0n1, qid=1, cmdid=5, nsid=1, flags=0x0, meta=0x0, " +
    "cmd=(nvme_cmd_write slba=8, len=47, ctrl=0x0, dsmgmt=0, reftag=0)";
  const head = "    kworker/0:1H-32      [000] .....     6.406929: ";
  const lines = [
    `${head}nvme_setup_cmd: ${setup}`,
    ...["8", "a", "c"].map((page, index) => {
      const end = ["a", "c", "e"][index];
      return `${head}map: IOMMU: iova=0x00000000fffd${page}000 - 0x00000000fffd${end}000 ` +
        "paddr=0x0000000007546000 size=8192";
    }),
    `${head}block_rq_issue: 259,0 WS 24576 () 8 + 48 be,0,4 [kworker/0:1H]`,
  ];
  const { summary } = checkedTrace(lines, facts).json();
  assertEquals(summary.limits, [
    { disk: "nvme0n1", name: "max_sectors_kb", limit: 16384, seen: 24576, line: 5, over: true },
    { disk: "nvme0n1", name: "max_segments", limit: 2, seen: 3, line: 5, over: true },
  ]);
  assertEquals(summary.overrun, 7);
});
