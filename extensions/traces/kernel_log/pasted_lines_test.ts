/** Lines as people paste them: wrapped, quoted, run together, in columns. */
import { assert, assertEquals } from "@std/assert";
import { readGolden, runsOf } from "../tests/golden_traces.ts";
import { isQemuLine } from "../line/line_source.ts";
import { readKernelLog } from "./kernel_log_reader.ts";
import { formOf } from "./messages/form.ts";
import { MESSAGE_AREAS } from "./messages/table.ts";
import { PastedLines } from "./pasted_lines.ts";

type Given = readonly [text: string, line: number, lines: number];

function through(text: string): Given[] {
  const given: Given[] = [];
  const lines = new PastedLines((...each) => void given.push(each));
  text.split("\n").forEach((line, index) => lines.push(line, index + 1));
  lines.flush();
  return given;
}

const told = (text: string) =>
  readKernelLog(text).entries.map(({ facts, kind, line }) => ({ facts, kind, line }));

/** Wraps as a mailer does: at the last blank that leaves at most `width` columns. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width) {
    const blank = rest.lastIndexOf(" ", width);
    const next = blank > 0 ? blank : rest.indexOf(" ");
    if (next < 0) break;
    lines.push(rest.slice(0, next));
    rest = rest.slice(next + 1);
  }
  return [...lines, rest];
}

/** Wraps as a terminal does: at a fixed column, even inside a word. */
function cut(text: string, width: number): string[] {
  return Array.from(
    { length: Math.ceil(text.length / width) },
    (_, index) => text.slice(index * width, (index + 1) * width),
  );
}

const SAMPLES = MESSAGE_AREAS.flatMap(({ rows }) => rows)
  .filter(({ isDecoded, role }) => isDecoded !== true && role !== "state")
  .flatMap(({ forms }) => forms.map((form) => formOf(form).sample()))
  .filter((sample) => told(`[   12.345678] ${sample}`).length === 1);

const QUOTES = ["", "> ", ">> ", "| ", "> > "];
/** Widths from 60 to 100; each message gets different ones. */
const widthsOf = (index: number) =>
  Array.from({ length: 6 }, (_, step) => 60 + index % 7 + 7 * step)
    .filter((width) => width <= 100);

/**
 * Messages that are read differently after they are broken into lines. Also the number of messages
 * that were tried.
 */
function otherwise(
  linesOf: (sample: string, width: number, index: number) => readonly string[],
  before = "",
): { readonly all: number; readonly other: readonly string[] } {
  const other: string[] = [];
  let all = 0;
  for (const [index, sample] of SAMPLES.entries()) {
    const plain = JSON.stringify(told(`${before}${linesOf(sample, Infinity, index)[0]}`));
    for (const width of widthsOf(index)) {
      const lines = linesOf(sample, width, index);
      if (lines.length === 1) continue;
      all++;
      if (JSON.stringify(told(before + lines.join("\n"))) !== plain) {
        other.push(lines.join("⏎"));
      }
    }
  }
  return { all, other };
}

const STAMPED = "[   12.345678] ";

Deno.test("a message with a stamp reads as before, wrapped at 60 to 100 columns and quoted", () => {
  assert(SAMPLES.length > 150, `${SAMPLES.length}`);
  const { all, other } = otherwise((sample, width, index) =>
    wrapped(STAMPED + sample, width).map((line) => `${QUOTES[index % QUOTES.length]}${line}`)
  );
  assert(all > 500, `${all}`);
  assertEquals(other, []);
});

Deno.test("a quote that is wrapped by another mailer reads as before, too", () => {
  const { all, other } = otherwise((sample, width) => wrapped(`> ${STAMPED}${sample}`, width));
  assert(all > 500, `${all}`);
  // A `>` that belongs to the message is taken for a quote mark if it is at the beginning of a
  // line. Such lines may therefore read differently.
  assertEquals(other.filter((lines) => !lines.includes("⏎>")), []);
});

Deno.test("a message that a terminal has cut inside of a word reads as before; a blank in a free text can be wrong", () => {
  const { all, other } = otherwise((sample, width) =>
    width === Infinity ? [STAMPED + sample] : cut(STAMPED + sample, width)
  );
  assert(other.length < all / 25, `${other.length} of ${all}\n${other.join("\n")}`);
});

Deno.test("a message of a log without stamps reads as before, wrapped at 60 to 100 columns", () => {
  const { all, other } = otherwise(wrapped, "usb 1-1: new high-speed USB device\n");
  assert(other.length < all / 50, `${other.length} of ${all}\n${other.join("\n")}`);
});

const FAULT =
  "DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xfffe1000 [fault reason 0x06] PTE Read access is not set";
const FULL =
  "nvme 0000:41:00.0: swiotlb buffer is full (sz: 65536 bytes), total 32768 (slots), used 31552 (slots)";

/**
 * Pasted texts of one fault or of several messages, with the kinds and lines that are read from
 * each text.
 */
const PASTES: readonly (readonly [what: string, text: string, read: readonly string[]])[] = [
  ["plain", `[    1.000000] ${FAULT}`, ["iommu_fault 1"]],
  ["run together", `[    1.000000] ${FAULT}[    2.000000] ${FULL}`, [
    "iommu_fault 1",
    "swiotlb_full 1",
  ]],
  ["run together with a blank", `x\n[    1.000000] ${FULL} [    2.000000] ${FAULT}`, [
    "swiotlb_full 2",
    "iommu_fault 2",
  ]],
  ["three in a line", `[1.000000] ${FULL}[2.000000] ${FULL} [    3.000000] ${FAULT}`, [
    "swiotlb_full 1",
    "swiotlb_full 1",
    "iommu_fault 1",
  ]],
  [
    "run together, then wrapped",
    `[    1.000000] usb 1-1: new device found, and more of it[    2.000000] nvme\n0000:41:00.0: swiotlb buffer is full (sz: 65536 bytes), total 32768\n(slots), used 31552 (slots)`,
    [
      "swiotlb_full 1",
    ],
  ],
  ["a daemon's stamp and the kernel's", `Mar  4 10:12:07 host kernel: [    1.000000] ${FAULT}`, [
    "iommu_fault 1",
  ]],
  [
    "daemon, wrapped",
    wrapped(`Mar  4 10:12:07 host kernel: [    1.000000] ${FAULT}`, 72).join("\n"),
    [
      "iommu_fault 1",
    ],
  ],
  [
    "ISO, wrapped and quoted",
    wrapped(`2024-05-15T00:37:53.595431+01:00 host kernel: ${FAULT}`, 76).map((line) => `> ${line}`)
      .join("\n"),
    [
      "iommu_fault 1",
    ],
  ],
  [
    "continuation without the quote",
    `> [    1.000000] DMAR: [DMA Read NO_PASID] Request device\n[01:00.0] fault addr 0xfffe1000 [fault reason 0x06] PTE Read access is not set`,
    [
      "iommu_fault 1",
    ],
  ],
  [
    "indented continuation",
    `[    1.000000] DMAR: [DMA Read NO_PASID] Request device\n    [01:00.0] fault addr 0xfffe1000 [fault reason 0x06] PTE Read access is not set`,
    [
      "iommu_fault 1",
    ],
  ],
  [
    "quoted-printable",
    "[    1.000000] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault add=\nr 0xfffe1000 [fault reason 0x06] PTE Read access is not set",
    [
      "iommu_fault 1",
    ],
  ],
  ["CSV", `2024-05-15T00:37:53Z,host,"kernel: ${FAULT.replaceAll('"', '""')}",0`, [
    "iommu_fault 1",
  ]],
  ["CSV without quotes", `1715729873,host,kernel,${FULL.replace(",", ";").replace(",", ";")}`, [
    "swiotlb_full 1",
  ]],
  ["CSV with a comma in quotes", `"7","host","${FULL}","info"`, ["swiotlb_full 1"]],
  ["TSV", `2024-05-15 00:37:53\thost\t${FULL}\tinfo`, ["swiotlb_full 1"]],
  ["JSON lines", `{"MESSAGE":"${FULL}","PRIORITY":"4"}\n{"MESSAGE":"${FAULT}"}`, [
    "swiotlb_full 1",
    "iommu_fault 2",
  ]],
  ["a table of a page", `| [    1.000000] ${FAULT} |`, ["iommu_fault 1"]],
  ["prose below a message", `[    1.000000] ${FULL}\nAfter that the machine hangs.`, [
    "swiotlb_full 1",
  ]],
  ["two messages without stamps", `${FULL}\n${FAULT}`, ["swiotlb_full 1", "iommu_fault 2"]],
  [
    "two messages without stamps, wrapped",
    [...wrapped(FULL, 72), ...wrapped(FAULT, 72)].join("\n"),
    [
      "swiotlb_full 1",
      "iommu_fault 3",
    ],
  ],
  [
    "an empty line between",
    `[    1.000000] DMAR: [DMA Read NO_PASID] Request device [01:00.0]\n\nfault addr 0xfffe1000`,
    [],
  ],
];

Deno.test("each paste reads as its messages, with the lines in which they begin", () => {
  for (const [what, text, read] of PASTES) {
    const found = told(text).map(({ kind, line }) => `${kind} ${line}`);
    assertEquals(found.sort(), [...read].sort(), what);
  }
});

Deno.test("one report that a mailer has wrapped is one report (field example)", () => {
  const text = `[  120.000000] DMA-API: pci 0000:0e:00.0: device driver has pending DMA allocations
while released from device [count=21]
One of leaked entries details: [device address=0x00000000ffbca000]
[size=4096 bytes] [mapped with DMA_FROM_DEVICE] [mapped as single]
`;
  const [entry, ...more] = told(text);
  assertEquals(more, []);
  const { class: name, count, device, mapped_as, mapped_with, size_bytes } = entry!.facts;
  assertEquals([name, device, count, size_bytes, mapped_with, mapped_as, entry!.line], [
    "leak_at_unbind",
    "0000:0e:00.0",
    21,
    4096,
    "DMA_FROM_DEVICE",
    "single",
    1,
  ]);
});

Deno.test("real logs pass unchanged, with stamps and without", async () => {
  let lines = 0;
  for (const name of runsOf("real")) {
    const text = await readGolden(`real/${name}.dmesg.txt.gz`);
    if (text === null) continue;
    for (const log of [text, text.replace(/^(?:<\d+>)?\[ *\d+\.\d+\] /gm, "")]) {
      const given = through(log).map(([shown]) => shown);
      assertEquals(given, log.split("\n"), name);
      lines += given.length;
    }
  }
  assert(lines > 1000, `${lines}`);
});

Deno.test("a message with commas in a column without quotes has its driver alone", () => {
  const entry = (text: string) => readKernelLog(text).entries[0]?.facts;
  const message =
    "nvme 0000:01:00.0: swiotlb buffer is full (sz: 4096 bytes), total 32768 (slots), used 32768 (slots)";
  for (
    const before of ["10:00:01,err,host1,", "10:00:01;err;host1;", "err,", "2026-03-01 10:00:01,"]
  ) {
    assertEquals(entry(before + message), entry(message), before);
  }
});

Deno.test("lines of QEMU are never joined, which a log of hundreds of thousands of them would wait for", () => {
  const qemu = [
    "pci_nvme_map_prp trans_len 4096 len 4096 prp1 0x3efdc000 prp2 0x0 num_prps 2",
    "21815@1795197557.431824:vtd_dmar_translate dev 00:07.00 iova 0xffff9000 -> gpa 0x3323000 mask 0xfff",
  ];
  assertEquals(
    through([FULL, ...qemu, FULL].join("\n")),
    [FULL, ...qemu, FULL].map((text, index): Given => [text, index + 1, 1]),
  );
  const kernels = ["nvme_core: loading out-of-tree module", "nvme_irq+0x12/0x30", "vtd_"];
  assertEquals(kernels.filter(isQemuLine), []);
});
