/**
 * Tests three kinds of traces: with faults that the trace itself records, with calls in forms that
 * only few kernels print, and with unmaps in an interrupt, whose lines name the interrupted task.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { checkedTrace } from "./checked_trace.ts";
import { restLines, traceJson, useLines } from "../usage/use_report.ts";
import { TracedUse } from "../usage/traced_use.ts";
import { TraceLine } from "../line/trace_line.ts";
import { PAGE_FAULT_EVENT } from "../line/page_fault_event.ts";

const DEVICE = "0000:c2:00.0";
let clock = 0;
const at = (event: string, { cpu = 10, flags = ".....", task = "udev-522" } = {}) =>
  ` ${task}  [0${cpu}] ${flags}  ${(clock += 0.001).toFixed(6)}: ${event}`;
const range = (start: number, bytes: number) =>
  `IOMMU: iova=0x${start.toString(16).padStart(16, "0")} - 0x${
    (start + bytes).toString(16).padStart(16, "0")
  }`;
const table = (start: number, bytes: number) =>
  at(`map: ${range(start, bytes)} paddr=0x000000010fc80000 size=${bytes}`);
const untable = (start: number, bytes: number) =>
  at(`unmap: ${range(start, bytes)} size=${bytes} unmapped_size=${bytes}`);
const call = (name: string, start: number, bytes: number, more = "") =>
  at(
    `${name}: ${DEVICE} dir=FROM_DEVICE dma_addr=${start.toString(16)} size=${bytes}${more} attrs=`,
  );
const mapped = (start: number, bytes: number) => [
  table(start, bytes),
  call("dma_map_phys", start, bytes, " phys_addr=10fc80000"),
];
const unmapped = (start: number, bytes: number) => [
  untable(start, bytes),
  call("dma_unmap_phys", start, bytes),
];
const fault = (address: number, device = DEVICE) =>
  at(
    `${PAGE_FAULT_EVENT}: IOMMU:drv ${device} iova=0x${
      address.toString(16).padStart(16, "0")
    } flags=0x0001`,
    {
      task: "irq/26-AMD-Vi-154",
      cpu: 16,
    },
  );

const [PAGE, START] = [4096, 0xfe980000];

/**
 * Traces with a fault, and the finding for it: certainty, kind, the finding's line, and the line with which
 * that line is compared.
 */
const FAULTS: Readonly<Record<string, readonly [lines: () => readonly string[], found: string]>> = {
  "after the unmap": [
    () => [...mapped(START, PAGE), ...unmapped(START, PAGE), fault(START)],
    "proved use_after_unmap 5 4",
  ],
  "in the middle of what was unmapped": [
    () => [...mapped(START, 16 * PAGE), ...unmapped(START, 16 * PAGE), fault(START + 5 * PAGE)],
    "proved use_after_unmap 5 4",
  ],
  "after the free of coherent memory, whose line comes before its work": [
    () => [
      table(START, PAGE),
      at(
        `dma_alloc: ${DEVICE} dma_addr=fe980000 size=4096 virt_addr=00000000ab flags=GFP_KERNEL attrs=`,
      ),
      at(`dma_free: ${DEVICE} dma_addr=fe980000 size=4096 virt_addr=00000000ab attrs=`),
      untable(START, PAGE),
      fault(START),
    ],
    "proved use_after_unmap 5 3",
  ],
  "behind the end of a live mapping": [
    () => [...mapped(START, PAGE), fault(START + PAGE)],
    "proved past_end 3 2",
  ],
  "of a page that nothing has mapped": [
    () => [...mapped(START, PAGE), ...unmapped(START, PAGE), fault(0x1000_0000)],
    "proved never_mapped 5 null",
  ],
  "of an address that a failed map has returned": [
    () => [
      ...mapped(START, PAGE),
      at(`${PAGE_FAULT_EVENT}: IOMMU:drv ${DEVICE} iova=0x${"f".repeat(16)} flags=0x0000`),
    ],
    "likely error_value 3 null",
  ],
  "of a device without a mapping in the trace": [
    () => [...mapped(START, PAGE), fault(START, "2000000.gpu")],
    "unknown iommu_fault 3 null",
  ],
};

Deno.test("an event io_page_fault is a fault by the trace's own clock, with its cause (T.29, T.62)", () => {
  for (const [name, [lines, found]] of Object.entries(FAULTS)) {
    clock = 1;
    const { findings } = checkedTrace(lines());
    const [own] = findings.filter(({ rule }) => rule === "trace.T.62");
    assertEquals(`${own!.certainty} ${own!.kind} ${own!.line} ${own!.otherLine}`, found, name);
    assertEquals(own!.more.flags === "0x1" || own!.kind === "error_value", true, name);
  }
});

Deno.test("a late access names who mapped the page and who freed it", () => {
  clock = 1;
  const { findings } = checkedTrace([
    ...mapped(START, PAGE),
    untable(START, PAGE).replace("udev-522", "kworker/u64:0-12"),
    call("dma_unmap_phys", START, PAGE).replace("udev-522", "kworker/u64:0-12"),
    fault(START),
  ]);
  const [{ text }] = findings as [typeof findings[number]];
  assertEquals(
    text,
    "DMA to a page after unmap: mapped in line 2 by udev-522, unmapped in line 4 by kworker/u64:0-12",
  );
});

/**
 * Lines of coherent memory and of page tables, in forms that only few kernels print. All of them must
 * be read.
 */
const FORMS: Readonly<Record<string, () => readonly string[]>> = {
  "dma_alloc and dma_free without a direction": () => [
    at(
      `dma_alloc: ${DEVICE} dma_addr=fffff000 size=4096 virt_addr=00000000ab flags=GFP_KERNEL attrs=`,
    ),
    at(`dma_free: ${DEVICE} dma_addr=fffff000 size=4096 virt_addr=00000000ab attrs=`),
  ],
  "dma_alloc_pages without a direction": () => [
    at(
      `dma_alloc_pages: ${DEVICE} dma_addr=ffffe000 size=8192 virt_addr=00000000ab flags=0xcc0 attrs=`,
    ),
    at(`dma_free_pages: ${DEVICE} dma_addr=ffffe000 size=8192 virt_addr=00000000ab attrs=`),
  ],
  "an allocation without and a free with one": () => [
    at(
      `dma_alloc: ${DEVICE} dma_addr=fffff000 size=4096 virt_addr=0xffff888012345000 flags=GFP_KERNEL attrs=`,
    ),
    at(
      `dma_free: ${DEVICE} dir=BIDIRECTIONAL dma_addr=fffff000 size=4096 virt_addr=0xffff888012345000 attrs=`,
    ),
  ],
  "attributes of coherent memory": () => [
    at(
      `dma_alloc: ${DEVICE} dma_addr=fffff000 size=4096 virt_addr=00000000ab flags=GFP_KERNEL attrs=WRITE_COMBINE`,
    ),
    at(`dma_free: ${DEVICE} dma_addr=fffff000 size=4096 virt_addr=00000000ab attrs=WRITE_COMBINE`),
  ],
  "a page table's lines with the device before the range": () => [
    table(START, PAGE).replace("IOMMU: ", `IOMMU: dev=${DEVICE} `),
    call("dma_map_phys", START, PAGE, " phys_addr=10fc80000"),
    untable(START, PAGE).replace("IOMMU: ", `IOMMU: dev=${DEVICE} `),
    call("dma_unmap_phys", START, PAGE),
  ],
  "a page table's lines with the device at the end": () => [
    `${table(START, PAGE)} dev=${DEVICE}`,
    call("dma_map_phys", START, PAGE, " phys_addr=10fc80000"),
    `${untable(START, PAGE)} dev=${DEVICE}`,
    call("dma_unmap_phys", START, PAGE),
  ],
};

Deno.test("calls are read in the forms that only some kernels print", () => {
  for (const [name, lines] of Object.entries(FORMS)) {
    clock = 1;
    const { check, findings, json } = checkedTrace(lines());
    assertEquals(check.ledger.damaged, [], name);
    assertEquals(findings, [], name);
    const { alive, births, deaths } = json().balance.devices[DEVICE]!;
    assertEquals([births, deaths, alive], [1, 1, 0], name);
  }
});

Deno.test("an allocation that failed is none, with or without a direction (T.19)", () => {
  clock = 1;
  const { findings } = checkedTrace([
    at(`dma_alloc: ${DEVICE} dma_addr=0 size=4096 virt_addr=(null) flags=GFP_KERNEL attrs=`),
  ]);
  assertEquals(findings.map(({ kind }) => kind), ["map_failed"]);
});

function usedOf(lines: readonly string[]) {
  const use = new TracedUse();
  lines.forEach((text, index) => use.event(TraceLine.of(text), index + 1));
  use.end();
  return use;
}

Deno.test("bounces alone are counted by device, with how often the data was out of reach (T.31)", () => {
  const bounce = (device: string, bytes: number, address: string, mask = "ffffffff") =>
    at(
      `swiotlb_bounced: dev_name: ${device} dma_mask=${mask} dev_addr=${address} size=${bytes} NORMAL`,
    );
  const out = "f".repeat(16);
  const use = usedOf([
    bounce("d4280800.sdh", 4, out),
    bounce("d4280800.sdh", 4, out),
    bounce("0000:01:00.0", 4096, "123456000", "ffffffffffffffff"),
    bounce("0000:01:00.0", 4096, out, "ffffffffffffffff"),
    bounce("38200000.dwc3", 512, "80001000", "3fffffff"),
    at("swiotlb_bounced: dev_name: cut dma_mask=ffff"),
  ]);
  assertEquals([...useLines(use.devices, 1), ...restLines(use)].slice(0, 3), [
    "d4280800.sdh: bounced 2 times, 8 bytes, mask of 32 bits; each time the data was not in reach of the device (dev_addr all ones)",
    "0000:01:00.0: bounced 2 times, 8KiB, mask of 64 bits; 1 time the data was not in reach of the device (dev_addr all ones)",
    "38200000.dwc3: bounced 1 time, 512 bytes, mask of 30 bits",
  ]);
  assertEquals(traceJson(use, 1).bounces["d4280800.sdh"], {
    count: 2,
    bytes: 8,
    out_of_reach: 2,
    mask_bits: 32,
    lines: [1, 2],
  });
});

Deno.test("an unmap of the physical address of a live mapping is called one, with the right address", () => {
  clock = 1;
  const before = [...mapped(START - PAGE, PAGE), ...unmapped(START - PAGE, PAGE)];
  const live = [...before, ...mapped(START, PAGE), ...mapped(START + 8 * PAGE, PAGE)];
  // One second after the first line: mappings from before the trace are known by now.
  clock = 2;
  const { findings } = checkedTrace([...live, call("dma_unmap_phys", 0x10fc80000, PAGE)]);
  const [own] = findings.filter(({ kind }) => kind === "unmap_unknown");
  assertEquals([own!.certainty, own!.line], ["proved", 9]);
  assertStringIncludes(
    own!.text,
    "unmapped the physical address of a live mapping, whose DMA address is 0xfe9",
  );
  clock = 1;
  const other = [...before, ...mapped(START, PAGE)];
  clock = 2;
  const unknown = checkedTrace([...other, call("dma_unmap_phys", 0x2000_0000, PAGE)]).findings;
  assertEquals(
    unknown.filter(({ kind }) => kind === "unmap_unknown").map(({ text }) => text),
    ["unmapped an address that was not mapped: no page-table entry"],
  );
});

/** Lines with which a task links the 32 pages of a two-step range. */
const links = (start: number, task: string) =>
  Array.from(
    { length: 32 },
    (_, index) =>
      at(`map: ${range(start + index * PAGE, PAGE)} paddr=0x000000010fc80000 size=4096`, { task }),
  );
const ended = (start: number, task: string, flags: string, cpu = 10) =>
  at(`unmap: ${range(start, 32 * PAGE)} size=131072 unmapped_size=131072`, { task, flags, cpu });

Deno.test("which task an interrupt runs over says nothing of what it unmaps (T.4)", () => {
  const [a, b] = [0xfff60000, 0xffec0000];
  for (
    const [over, flags] of [["iot-155", "d.h1."], ["<idle>-0", "d.h1."], ["ssh-9", "..s1."], [
      "iot-155",
      "d.H1.",
    ], ["<idle>-0", "d.s2."]]
  ) {
    clock = 1;
    const { json } = checkedTrace([
      ...links(a, "iot-155"),
      ended(a, over!, flags!),
      ...links(a, "iot-155"),
      ...links(b, "iot-155"),
      ended(a, "<idle>-0", flags!),
      ended(b, "<idle>-0", flags!),
    ]);
    const { links_never_unmapped, ranges_ended } = json().balance.two_step;
    assertEquals([links_never_unmapped, ranges_ended], [[], 3], `${over} ${flags}`);
  }
});
