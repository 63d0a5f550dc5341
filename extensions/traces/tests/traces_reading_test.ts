/** What is read from a file, and what is reported for a file from which nothing could be read. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { MemoryScreen } from "@dmalab/cli";
import { runCheck } from "../cli/check.ts";
import { refusingUnreadable, textOf } from "../cli/read_lines.ts";

const ENCODER = new TextEncoder();

const line = (seconds: number, event: string, context = ".") =>
  `          fio-42      [001] d.${context}1.  ${seconds.toFixed(6)}: ${event}`;
const MAP = "dma_map_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=4096 " +
  "phys_addr=12345000 attrs=";
const UNMAP = "dma_unmap_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=2048 attrs=";
/** A trace with one finding, which is made only if each line was read. */
const TRACE = [line(1, MAP), line(1.1, UNMAP), line(1.2, MAP)];
const text = `${TRACE.join("\n")}\n`;

async function checked(content: string | Uint8Array) {
  using folder = new TempFolder();
  const path = folder.write("lines.txt", content);
  const screen = new MemoryScreen();
  const code = await refusingUnreadable(screen, () => runCheck([path], false, screen));
  return { code, output: screen.output, errors: screen.errors };
}

function utf16(content: string, isLittle: boolean): Uint8Array {
  const bytes = new Uint8Array(2 * content.length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < content.length; at++) {
    view.setUint16(2 * at, content.charCodeAt(at), isLittle);
  }
  return bytes;
}

const joined = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));
const packed = (content: string | Uint8Array) => new Uint8Array(gzipSync(content));
const [first, ...others] = TRACE.map((each) => `${each}\n`);

const READ: Readonly<Record<string, string | Uint8Array>> = {
  "plain text": text,
  "a last line without its end": text.trimEnd(),
  "CRLF": text.replaceAll("\n", "\r\n"),
  "CRLF with a second return, as serial consoles write it": text.replaceAll("\n", "\r\r\n"),
  "UTF-8 with its mark": `\ufeff${text}`,
  "UTF-16, little end first, with its mark": utf16(`\ufeff${text}`, true),
  "UTF-16, big end first, with its mark": utf16(`\ufeff${text}`, false),
  "UTF-16, little end first": utf16(text, true),
  "UTF-16, big end first": utf16(text, false),
  "UTF-16 with CRLF": utf16(text.replaceAll("\n", "\r\n"), true),
  "gzip": packed(text),
  "two gzip members": joined(packed(first!), packed(others.join(""))),
  "a gzip member a line": joined(...[first!, ...others].map(packed)),
  "a gzip member that ends within a line": joined(
    packed(text.slice(0, 130)),
    packed(text.slice(130)),
  ),
  "an empty gzip member between two": joined(packed(first!), packed(""), packed(others.join(""))),
  "gzip of UTF-16": packed(utf16(text, false)),
  "a task whose name is no ASCII": text.replaceAll("fio-42", "fö➜-42"),
};

Deno.test("a trace is read in whichever encoding and packing it comes", async () => {
  for (const [name, content] of Object.entries(READ)) {
    const { code, errors, output } = await checked(content);
    assertEquals([errors, code], ["", 1], name);
    assertStringIncludes(output, "lines.txt: 3 lines, 3 events", name);
    assertStringIncludes(output, "mapped with 4096 bytes and unmapped with 2048", name);
  }
});

Deno.test("a log on its way to `explain` is unpacked and decoded the same way", async () => {
  using folder = new TempFolder();
  const log = "[    2.000000] DMAR: DRHD: handling fault status reg 2\n";
  const forms = [
    log,
    utf16(log, true),
    utf16(log, false),
    packed(log),
    joined(packed(log.slice(0, 9)), packed(log.slice(9))),
  ];
  for (const [index, content] of forms.entries()) {
    assertEquals(await textOf(folder.write(`log${index}`, content)), log.trimEnd());
  }
});

/** Files of which nothing is read, and words of the message about each. */
const REFUSED: Readonly<Record<string, readonly [content: string | Uint8Array, words: string]>> = {
  "an empty file": ["", "is empty"],
  "an empty gzip file": [packed(""), "is empty"],
  "blank lines": ["\n\n \n", "no line of a trace"],
  "prose": ["It faults, and I do not know why.\n", "no line of a trace"],
  "lines that end in a return alone": [text.replaceAll("\n", "\r"), "carriage returns alone"],
  "two of them": [TRACE.slice(0, 2).join("\r"), "carriage returns alone"],
  "a log with returns alone": ["[ 1.0] DMAR: x\r[ 2.0] DMAR: y\r", "tr '\\r' '\\n'"],
  "events whose fields are cut": [
    TRACE.map((each) => each.slice(0, 90)).join("\n"),
    "3 events about mappings are all cut or damaged (line 1)",
  ],
  "one event that is cut": [TRACE[0]!.slice(0, 80), "1 event about mappings is cut"],
  "page-table lines that are cut": [line(1, "map: IOMMU: iova=0x00000000fff"), "cut or damaged"],
  "a fault that is cut": [line(1, "io_page_fault: IOMMU:amd 0000:01:00.0"), "cut or damaged"],
  "events of the block layer alone": [
    line(1, "block_rq_issue: 259,0 WS 4096 () 0 + 8 be,0,4 [fio]"),
    "1 event (block_rq_issue 1), and none about mappings: record dma:* and iommu:*",
  ],
  "events of many kinds, none about mappings": [
    ["sched_switch", "irq_handler_entry", "nvme_sq", "kmalloc"].map((name) => line(1, `${name}: x`))
      .join("\n"),
    "…), and none about mappings",
  ],
  "requests of blkparse": [
    "259,0    0        1     0.000000000   136  Q  RS 0 + 128 [dd]\n",
    "a trace of requests",
  ],
  "raw fields of trace-cmd": [
    "cpus=2\n       trace-cmd-352   [000]-0x0    97.752339: dma_map_phys:    device=0000:01:00.0 dir=1\n",
    "trace-cmd report -R",
  ],
  "raw fields in an interrupt": [
    "          <idle>-0     [000]-0x19    97.881826: nvme_sq:      ctrl_id=0 qid=2\n",
    "print it with: trace-cmd report -i FILE",
  ],
  "a file of trace-cmd": ["\x17\x08Dtracing6\0\0\0\x08\n", "a file of trace-cmd"],
  "a file of perf": ["PERFILE2h\0\0\0\0\0\n", "a file of perf"],
};

Deno.test("of a file of which nothing was read nothing is claimed: it is an error that says why", async () => {
  for (const [name, [content, words]] of Object.entries(REFUSED)) {
    const { code, errors, output } = await checked(content);
    assertEquals([output, code], ["", 2], `${name}: ${errors}`);
    assertStringIncludes(errors, words, name);
  }
});

Deno.test("of a file that was read in part the share is said, never all of it", async () => {
  const ok = line(
    1,
    "dma_map_phys: 0000:00:04.0 dir=TO_DEVICE dma_addr=fffff000 size=4096 phys_addr=1000 attrs=",
  );
  const part = async (lines: readonly string[]) =>
    /read in part: .*/.exec((await checked(lines.join("\n"))).output)?.[0] ?? null;
  assertEquals(await part([ok]), null);
  assertEquals(await part([ok, "# a comment", "", " => nvme_map_data"]), null);
  assertEquals(await part(["cpus=2", ok]), null);
  assertEquals(
    await part([ok, ok.slice(0, 90)]),
    "read in part: 50 % of 2 lines (1 event damaged)",
  );
  assertEquals(
    await part([ok, "what is this", "and this"]),
    "read in part: 33.3 % of 3 lines (2 lines of no known form)",
  );
  assertEquals(
    await part([...Array.from({ length: 5000 }, () => ok), "x"]),
    "read in part: 99.9 % of 5_001 lines (1 line of no known form)",
  );
  assert((await checked(`${ok}\n${ok.slice(0, 90)}`)).output.includes("1 damaged line"));
});

Deno.test("of a log alone without a finding the number of messages is said, and no mapping is called right", async () => {
  const abort = "nvme nvme0: Abort status: 0x371";
  const silent = "nvme nvme0: Device not ready; aborting reset, CSTS=0x1";
  const other = "usb 1-1: new high-speed USB device number 2 using xhci_hcd";
  const right = "Nothing is proved or likely to be wrong.";
  const one = "1 message of the log was read, and it does not say that a mapping is wrong: " +
    "`dmalab explain FILE` explains it.";
  const two = "2 messages of the log were read, and none of them says that a mapping is wrong: " +
    "`dmalab explain FILE` explains each.";
  const map = line(1, MAP);
  const cases: readonly (readonly [lines: readonly string[], said: string])[] = [
    [[abort], one],
    [[`[    1.000000] ${abort}`, `[    2.000000] ${other}`], one],
    [[`18:51:26  ${abort}`, `18:51:27  ${silent}`], two],
    [[`May 01 10:00:00 host kernel: ${abort}`, `May 01 10:00:01 host kernel: ${silent}`], two],
    [[abort, silent, other], two],
    // A file with an event about a mapping; the event was read.
    [[map, `[    1.000000] ${abort}`], right],
    // A file with an event that is only about a request.
    [[line(1, "block_rq_issue: 259,0 R 4096 () 8 + 8 be,0,4 [fio]"), abort], one],
  ];
  for (const [lines, said] of cases) {
    const { code, errors, output } = await checked(lines.join("\n"));
    const text = lines.join("\n");
    assertEquals([code, errors], [0, ""], text);
    assertStringIncludes(output.replace(/\s+/g, " "), said, text);
    assertEquals(output.includes(right), said === right, text);
    if (!text.includes("block_rq_issue")) assert(!output.includes("read in part"), output);
  }
  const unread = await checked("DMAR: A message about a broken thing that failed");
  assertEquals([unread.code, unread.output], [2, ""]);
  assertStringIncludes(unread.errors, "line 1: DMAR: A message about a broken thing that failed.");
  const { code, output } = await checked(`[    1.000000] DMAR: DRHD: handling fault status reg 2
[    1.000001] DMAR: [DMA Read NO_PASID] Request device [01:00.0] fault addr 0xfffe1000 [fault reason 0x06] PTE Read access is not set
`);
  assertEquals(code, 1);
  assert(!output.includes("of the log was read"), output);
});

Deno.test("lines of a buffer are the same wherever the pieces of a file end", async () => {
  const { LineBuffer } = await import("../line/line_batch.ts");
  const { TraceLine } = await import("../line/trace_line.ts");
  const bytes = ENCODER.encode(`${text}\r\nä\u0007b\rc\n\nlast`);
  const read = (size: number, longest = 1 << 20) => {
    const buffer = new LineBuffer(longest);
    const [each, lines] = [new TraceLine(), [] as string[]];
    const take = () => lines.push(each.text);
    for (let at = 0; at < bytes.length; at += size) {
      buffer.push(bytes.subarray(at, at + size)).each(each, take);
    }
    buffer.end().each(each, take);
    return lines;
  };
  const whole = read(bytes.length);
  assertEquals(whole, [...TRACE, "", "ä␇b␍c", "", "last"]);
  for (const size of [1, 2, 3, 5, 7, 64, 100]) assertEquals(read(size), whole, `${size}`);
  // A line that is too long is cut, and the next one is read.
  assertEquals(read(7, 16).at(-1), "last");
});
