/** What is read from a file, and what is reported for a file from which nothing could be read. */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertStringIncludes } from "@std/assert";
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

/**
 * Packed files, and files with bytes that no text has, of which nothing is read, and words of the message
 * about each.
 */
const REFUSED: Readonly<Record<string, readonly [content: string | Uint8Array, words: string]>> = {
  "an empty gzip file": [packed(""), "is empty"],
  "lines that end in a return alone": [text.replaceAll("\n", "\r"), "carriage returns alone"],
  "two of them": [TRACE.slice(0, 2).join("\r"), "carriage returns alone"],
  "a log with returns alone": ["[ 1.0] DMAR: x\r[ 2.0] DMAR: y\r", "tr '\\r' '\\n'"],
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

Deno.test("one line of many that is not read is said, and not rounded away", async () => {
  const { output } = await checked(
    [...Array.from({ length: 5000 }, () => line(1, MAP)), "x"].join("\n"),
  );
  assertStringIncludes(output, "read in part: 99.9 % of 5_001 lines (1 line of no known form)");
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
