/**
 * Handmade inputs in addition to the public traces: faults recorded in a trace, traces with bounce
 * events only, ranges that are unmapped in another task than the one that linked them, and raw
 * fields of `trace-cmd report -R`.
 */
import { assert, assertEquals } from "@std/assert";
import { MemoryScreen } from "@dmalab/cli";
import { TempFolder } from "@dmalab/tools";
import { runCheck } from "../cli/check.ts";
import { refusingUnreadable } from "../cli/read_lines.ts";

const HEADER = "# tracer: nop\n#\n";

async function checked(text: string, json = true) {
  using folder = new TempFolder({ "trace.txt": HEADER + text });
  const screen = new MemoryScreen();
  const code = await refusingUnreadable(
    screen,
    () => runCheck([folder.at("trace.txt")], json, screen),
  );
  return { code, output: screen.output, errors: screen.errors };
}

const at = (seconds: string, rest: string, task = "nvme-100") =>
  `   ${task} [001] .....    ${seconds}: ${rest}\n`;

const call = (name: string) =>
  `${name}: 0000:01:00.0 dir=FROM_DEVICE dma_addr=ffff0000 size=8192 ` +
  `${name === "dma_map_page" ? "phys_addr=10fc80000 " : ""}attrs=`;
const map = (seconds: string) => at(seconds, call("dma_map_page"));
const unmap = (seconds: string) => at(seconds, call("dma_unmap_page"));
const fault = (seconds: string, address: string, device = "0000:01:00.0") =>
  at(seconds, `io_page_fault: IOMMU:nvme ${device} iova=0x${address} flags=0x0001`, "irq/26-90");

/**
 * Traces, each with its only finding: the certainty, the kind, the line, and the second line that
 * the finding names.
 */
const FAULTS: Readonly<Record<string, readonly [string, string, string, number, number | null]>> = {
  "the second page of a range that was unmapped": [
    map("10.0") + unmap("11.0") + fault("12.0", "ffff1000"),
    "proved",
    "use_after_unmap",
    5,
    4,
  ],
  "a page that is mapped": [
    map("10.0") + fault("10.5", "ffff0000") + unmap("11.0"),
    "possible",
    "access_allowed",
    4,
    3,
  ],
  "a page that nothing mapped": [
    map("10.0") + unmap("11.0") + fault("12.0", "deadb000"),
    "unknown",
    "unknown_birth",
    5,
    null,
  ],
  "a page before it is mapped": [
    fault("9.0", "ffff0000") + map("10.0") + unmap("11.0"),
    "unknown",
    "unknown_birth",
    3,
    null,
  ],
  "another device's page": [
    map("10.0") + unmap("11.0") + fault("12.0", "ffff0000", "0000:02:00.0"),
    "unknown",
    "iommu_fault",
    5,
    null,
  ],
  "a page that was unmapped and is mapped again": [
    map("10.0") + unmap("11.0") + map("11.5") + fault("12.0", "ffff0000") + unmap("13.0"),
    "possible",
    "use_after_unmap",
    6,
    4,
  ],
};

for (const [name, [text, ...expected]] of Object.entries(FAULTS)) {
  Deno.test(`a fault event at ${name}`, async () => {
    const { findings } = JSON.parse((await checked(text)).output);
    const seen = findings.map((
      { certainty, kind, line, other_line }: Record<string, string | number | null>,
    ) => [certainty, kind, line, other_line]);
    assertEquals(seen, [expected]);
  });
}

const bounce = (rest: string) => at("1.0", `swiotlb_bounced: dev_name: ${rest}`);

/** Traces that contain only bounces, and how many of their lines are understood. */
const BOUNCES: Readonly<Record<string, readonly [string, number]>> = {
  "one bounce": [bounce("d4280800.sdh dma_mask=ffffffff dev_addr=100000000 size=512 NORMAL"), 1],
  "a forced one": [
    bounce("0000:01:00.0 dma_mask=ffffffffffffffff dev_addr=1000 size=4096 FORCE"),
    1,
  ],
  "the largest address": [
    bounce("a.sdh dma_mask=ffffffff dev_addr=ffffffffffffffff size=4 NORMAL"),
    1,
  ],
  "two devices": [
    bounce("a.sdh dma_mask=ffffffff dev_addr=100000000 size=4 NORMAL") +
    bounce("b.sdh dma_mask=ffffffff dev_addr=100000000 size=262144 NORMAL"),
    2,
  ],
  "a mask of 24 bits": [
    bounce("0000:00:1f.1 dma_mask=ffffff dev_addr=1234000 size=65536 NORMAL"),
    1,
  ],
};

for (const [name, [text, events]] of Object.entries(BOUNCES)) {
  Deno.test(`a trace of bounces alone has been read: ${name}`, async () => {
    const { output } = await checked(text);
    const { findings, summary } = JSON.parse(output);
    assertEquals([findings, summary.understood_events], [[], events]);
  });
}

/** Raw fields of `trace-cmd report -R`. */
const RAW = [
  "       dd-352   [000]-0x0    97.752339: dma_map_page:    dev=266338304 dma_addr=695 size=4096",
  "   <idle>-0     [001]-0x0     1.000000: dma_unmap_page:  addr=4294901760 size=512 dir=2",
  "    udev-522    [010]-0x0     4.878076: map:             iova=4271374336 paddr=4559765504 size=524288",
  "    udev-522    [010]-0x0     4.878079: unmap:           iova=4271374336 size=524288 unmapped_size=524288",
  "      fio-9     [003]-0x0    12.000001: nvme_setup_cmd:  disk=0x6e766d65 ctrl_id=0 qid=3 opcode=2",
];

for (const line of RAW) {
  Deno.test(`raw fields are refused by name: ${line.trim().split(/ +/)[3]}`, async () => {
    const { code, errors } = await checked(`cpus=2\n${line}\n`, false);
    assertEquals(code, 2);
    assert(errors.includes("trace-cmd report -R"), errors);
  });
}

/**
 * The number of pages that a task links, and the task that is running when these pages are unmapped
 * as one range.
 */
const LINKED: Readonly<Record<string, readonly [pages: number, task: string]>> = {
  "one page, in the idle task": [1, "<idle>-0"],
  "two pages, in the idle task": [2, "<idle>-0"],
  "32 pages, in the task itself": [32, "fio-155"],
  "32 pages, in another task": [32, "kworker/0:1-17"],
  "64 pages, in a soft interrupt's thread": [64, "ksoftirqd/0-15"],
};

for (const [name, [pages, task]] of Object.entries(LINKED)) {
  Deno.test(`a range that is linked page by page is unmapped as one: ${name}`, async () => {
    const hex = (value: number) => value.toString(16).padStart(16, "0");
    const base = 0xfff6_0000;
    const links = Array.from({ length: pages }, (_, page) =>
      at(
        `1.${String(page).padStart(6, "0")}`,
        `map: IOMMU: iova=0x${hex(base + page * 4096)} - 0x${hex(base + (page + 1) * 4096)} ` +
          `paddr=0x${hex(0x1_0000_0000 + page * 8192)} size=4096`,
        "fio-155",
      ));
    const size = pages * 4096;
    const end = at(
      "2.000000",
      `unmap: IOMMU: iova=0x${hex(base)} - 0x${
        hex(base + size)
      } size=${size} unmapped_size=${size}`,
      task,
    );
    const { findings, summary } = JSON.parse((await checked(links.join("") + end)).output);
    assertEquals([findings, summary.understood_events], [[], pages + 1]);
  });
}
