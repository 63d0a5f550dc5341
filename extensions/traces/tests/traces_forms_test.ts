/**
 * One trace in every form in which tools print it. The check of each form gives the same findings,
 * or refuses the form. A refusal names the form, and says how to record the trace anew.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCheck } from "../cli/check.ts";
import { refusingUnreadable } from "../cli/read_lines.ts";
import { MemoryScreen } from "@dmalab/cli";
import { loadLogReader } from "../kernel_log/late_log_reader.ts";
import { LogPass } from "../ledger/trace_check.ts";
import { TraceLine } from "../line/trace_line.ts";
import { readGolden } from "./golden_traces.ts";

// The tests read lines of logs synchronously, so the reader is loaded here.
await loadLogReader();

interface Line {
  readonly task: string;
  readonly pid: number;
  readonly cpu: number;
  readonly flags: string;
  readonly us: number;
  readonly event: string;
  readonly payload: string;
}

/** Writes an event in one form. @param before Time of the previous event, in µs. */
type Form = (line: Line, before: number) => string;

const seconds = (us: number, digits = 6) => (us / 1e6).toFixed(digits);
const systemOf = ({ event }: Line) => /^(?:un)?map$/.test(event) ? "iommu" : event.split("_")[0]!;
const full = (line: Line) => `${systemOf(line)}:${line.event}`;
const cpu3 = ({ cpu }: Line) => `[${`${cpu}`.padStart(3, "0")}]`;
const name16 = ({ pid, task }: Line) => `${task}-${pid}`.padStart(22);
const kernel: Form = (line) =>
  `${name16(line)}  ${cpu3(line)} ${line.flags} ${
    seconds(line.us).padStart(12)
  }: ${line.event}: ${line.payload}`;
const perf = (line: Line, ids: string, more = "", time = seconds(line.us)) =>
  `${line.task.padStart(16)} ${ids} ${cpu3(line)} ${time.padStart(12)}: ${more}${
    full(line).padStart(30)
  }: ${line.payload}`;
const latency = (line: Line, time: string) =>
  `${line.task.slice(0, 8).padStart(8)}-${`${line.pid}`.padEnd(7)} ${
    `${line.cpu}`.padStart(3)
  }${line.flags} ${time}: ${line.event}: ${line.payload}`;
const fieldsOf = ({ payload }: Line) =>
  `device=${payload.split(" ")[0]} dma_addr=0xfffff000 (4294963200) size=0x1000 (4096) dir=0x1 (1)`;

const READ: Readonly<Record<string, Form>> = {
  "kernel text": kernel,
  "kernel text of 5.15": (line) => kernel({ ...line, flags: line.flags.slice(0, 4) }, 0),
  "kernel text of 5.10, whose iommu:* lines have no end address": (line) =>
    kernel({
      ...line,
      flags: line.flags.slice(0, 4),
      payload: line.payload.replace(/^(IOMMU: iova=0x[0-9a-f]+) - 0x[0-9a-f]+/, "$1"),
    }, 0),
  "without irq-info": (line) =>
    `${name16(line)}  ${cpu3(line)} ${seconds(line.us)}: ${line.event}: ${line.payload}`,
  "record-tgid": (line) => kernel(line, 0).replace("  [", " (     12) ["),
  "unknown tgid": (line) => kernel(line, 0).replace("  [", " (-------) ["),
  "clock counter": (line) => kernel(line, 0).replace(/\d+\.\d+: /, `${line.us}: `),
  "clock with nanoseconds": (line) =>
    kernel(line, 0).replace(seconds(line.us), seconds(line.us, 9)),
  "an instance's name before": (line) => `dmalab: ${kernel(line, 0)}`,
  "the kernel's log before": (line) => `[   99.123456] ${kernel(line, 0)}`,
  "the journal before": (line) => `Mar  4 10:12:07 host kernel: ${kernel(line, 0)}`,
  "quoted in a mail": (line) => `> ${kernel(line, 0)}`,
  "CRLF": (line) => `${kernel(line, 0)}\r`,
  "latency-format": (line) => latency(line, `${`${line.us}`.padStart(5)}us`),
  "latency-format with marks": (line) => latency(line, `${`${line.us}`.padStart(5)}us+`),
  "a crash's dump": (line) => `[   99.123456] ${latency(line, `${line.us}us `)}`,
  "a crash's dump with its caller": (line) =>
    `[   99.123456] [    T1] ${latency(line, `${line.us}us `)}`,
  "trace-cmd report": (line) =>
    `${name16(line)}    ${cpu3(line)} ${seconds(line.us)}: ${
      `${line.event}:`.padEnd(20)
    } ${line.payload}`,
  "trace-cmd report -t": (line) =>
    `${name16(line)}    ${cpu3(line)} ${seconds(line.us, 9)}: ${
      `${line.event}:`.padEnd(20)
    } ${line.payload}`,
  "trace-cmd report -l": (line) => latency(line, seconds(line.us)),
  "trace-cmd report --ts-diff": (line, before) =>
    `${name16(line)}    ${cpu3(line)} ${seconds(line.us)}: (+${line.us - before}) ${
      `${line.event}:`.padEnd(20)
    } ${line.payload}`,
  "trace-cmd report with the system": (line) =>
    `${name16(line)}    ${cpu3(line)} ${seconds(line.us)}: ${full(line)}: ${line.payload}`,
  "perf script": (line) => perf(line, `${line.pid}`.padStart(6)),
  "perf script --ns": (line) => perf(line, `${line.pid}`.padStart(6), "", seconds(line.us, 9)),
  "perf script -F pid,tid": (line) => perf(line, `${line.pid}/${line.pid}`.padStart(12)),
  "perf script with a period": (line) => perf(line, `${line.pid}`, "         1 "),
  "perf script --reltime": (line) => perf(line, `${line.pid}`, "", seconds(line.us - 1_000_000)),
};

/**
 * Forms that are refused, by the name that the refusal prints. Each has words that the refusal's
 * advice must contain.
 */
const REFUSED: Readonly<Record<string, readonly [Form, instead: string]>> = {
  "without CPU and time": [(line) => `${line.event}: ${line.payload}`, "options/context-info"],
  "the option fields": [
    (line) => kernel({ ...line, payload: line.event.startsWith("dma_") ? fieldsOf(line) : "" }, 0),
    "echo 0 > options/fields",
  ],
  "verbose or raw output": [
    (line) =>
      `${line.task} ${line.pid} ${line.cpu} 0 00000000 00010a95 [58127d26] 1720.415ms ` +
      `(+0.000ms): ${line.event}: ${line.payload}`,
    "options/verbose",
  ],
  "function_graph": [
    (line) => ` ${line.cpu})               |  /* ${line.event}: ${line.payload} */`,
    "echo nop > current_tracer",
  ],
  "perf trace": [
    (line) =>
      `${(line.us / 1e3).toFixed(3).padStart(10)} ${line.task}/${line.pid} ${full(line)}(device: "${
        line.payload.split(" ")[0]
      }", size: 4096)`,
    "perf record",
  ],
  "perf script without the CPU": [
    (line) => perf(line, `${line.pid}`).replace(/\[\d+\] /, ""),
    "-F +cpu",
  ],
  "perf script without the time": [
    (line) => `${line.task} ${line.pid} ${full(line)}: ${line.payload}`,
    "-F +time,+cpu",
  ],
  "times are differences": [
    (line, before) => perf(line, `${line.pid}`, "", seconds(line.us - before)),
    "without --deltatime",
  ],
  "perf's data as JSON": [
    (line) => `{ "timestamp": ${line.us}000, "pid": ${line.pid}, "event": "${full(line)}" },`,
    "perf script",
  ],
  "LTTng or babeltrace": [
    (line) =>
      `[17:04:12.${line.us}] (+0.000001) host ${line.event}: { cpu_id = 0 }, { size = 4096 }`,
    "trace-cmd record",
  ],
  "a file of trace-cmd": [() => "\x17\x08\x44tracing6\0\0", "trace-cmd report"],
  "a file of perf": [() => "PERFILE2h\0\0\0", "perf script -i"],
};

function checked(lines: readonly string[]) {
  return checkedBytes(new TextEncoder().encode(`${lines.join("\n")}\n`));
}

async function checkedBytes(bytes: Uint8Array) {
  using folder = new TempFolder();
  const path = folder.write("lines.txt", bytes);
  const screen = new MemoryScreen();
  const code = await refusingUnreadable(screen, () => runCheck([path], true, screen));
  return { code, said: screen.output + screen.errors };
}

Deno.test("a line of a megabyte takes no time, whatever it repeats", () => {
  const start = performance.now();
  for (const unit of ["dma_", "/* dma_x: a dir=", " 1.1:  1 dma:", "nvme_read nlb 1 "]) {
    const text = `dma_ ${unit.repeat(2 ** 20 / unit.length)}`;
    const log = new LogPass();
    log.push(TraceLine.of("pci_nvme_io_cmd cid 1 nsid 0x1 sqid 1 opc 0x2"), 1);
    log.push(TraceLine.of(text), 2);
  }
  const took = performance.now() - start;
  assert(took < 5000, `${took} ms`);
});

Deno.test("a trace with the newest line first is refused as that", async () => {
  const text = (await readGolden("planted/p03-unmap-size.trace.txt.gz"))!;
  const { code, said } = await checked(text.trimEnd().split("\n").reverse());
  assertEquals(code, 2, said);
  assertStringIncludes(said, "times go back from line to line");
  assertStringIncludes(said, "tac FILE");
});

Deno.test("a gzip file that ends early says how far it goes, and what reads the rest of it", async () => {
  const text = (await readGolden("planted/p03-unmap-size.trace.txt.gz"))!;
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  const whole = new Uint8Array(await new Response(stream).arrayBuffer());
  const { code, said } = await checkedBytes(whole.subarray(0, whole.length >> 1));
  assertEquals(code, 2, said);
  const [, lines] = /unpacked as far as line (\d+)/.exec(said)!;
  const count = text.split("\n").length;
  assert(Number(lines) > count / 4 && Number(lines) < count, said);
  assertStringIncludes(said, "gunzip -c FILE | dmalab trace check -");
  assert(!said.includes("looks like"), said);
});

Deno.test("39 forms of one trace are read alike, or refused with what they look like and what to do", async (t) => {
  const text = (await readGolden("planted/p03-unmap-size.trace.txt.gz"))!;
  const lines = text.split("\n").flatMap((each): Line[] => {
    const line = TraceLine.of(each);
    if (line.kind !== "event" || !/^(?:dma_|map$|unmap$)/.test(line.event)) return [];
    const { cpu, event, payload, pid, task } = line;
    const us = Math.round(line.seconds * 1e6);
    const flags = line.context === " " ? "....." : `d.${line.context}..`;
    return [{ task, pid, cpu, flags, us, event, payload }];
  });
  const written = (form: Form) =>
    lines.map((each, index) => form(each, lines[index - 1]?.us ?? each.us - 1));
  // Names of tasks may be cut and clocks may differ: everything else must be the same.
  const findingsOf = (said: string) =>
    JSON.parse(said).findings.map((finding: Record<string, unknown>) =>
      [finding.kind, finding.line, finding.other_line, finding.device, finding.certainty].join(" ")
    );
  const right = findingsOf((await checked(written(kernel))).said);
  assert(right.some((finding: string) => finding.startsWith("unmap_size")));
  assertEquals(Object.keys(READ).length + Object.keys(REFUSED).length, 39);
  for (const [name, form] of Object.entries(READ)) {
    await t.step(name, async () => {
      const { code, said } = await checked(written(form));
      assertEquals(code, 1, said);
      assertEquals(findingsOf(said), right);
    });
  }
  for (const [what, [form, instead]] of Object.entries(REFUSED)) {
    await t.step(`${what}, refused`, async () => {
      const { code, said } = await checked(written(form));
      assertEquals(code, 2, said);
      assert(
        said.includes(what) && said.includes(instead) && /line \d+ looks like/.test(said),
        said,
      );
    });
  }
});
