import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { addedBlock, labConfig } from "@dmalab/devices";
import { COUNTER } from "../examples/typescript/counter.ts";
import { builtin } from "@dmalab/lang/builtins";
import { type Addition, laboratory, loadText, SourceFile } from "@dmalab/lang";
import { runProgram, Session } from "@dmalab/lang/program";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { recordRun, rowsAt, runsOf } from "@dmalab/recording";
import { memoryFiles } from "@dmalab/lang/syntax";
import type { HandleType } from "@dmalab/lang/values";
import { runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";
import { eventView, readSerialised, serialise } from "@dmalab/recording/views";

const OWN = laboratory({ devices: [COUNTER] });
const MACHINE = `machine { iommu { mode = strict }; pci { root_port rp0 { counter c { } } } }\n`;

Deno.test("the example of a device adds it from outside of the repository, in a short file", async () => {
  const text = Deno.readTextFileSync(join(ROOT, "examples/typescript/counter.ts"));
  assert(text.trimEnd().split("\n").length <= 150);
  using folder = new TempFolder();
  const entry = (name: string) => pathToFileURL(join(ROOT, name)).href;
  const file = folder.write(
    "counter.ts",
    text.replace('"dmalab"', `"${entry("mod.ts")}"`)
      .replace('"dmalab/recording"', `"${entry("recording/library.ts")}"`),
  );
  const config = ["--config", join(ROOT, "deno.json")];
  const { output, success } = await runDeno(
    ["run", "--quiet", "--no-check", "--no-prompt", ...config, file],
    { folder: ROOT, env: { NO_COLOR: "1" } },
  );
  assert(success, output);
  assertEquals(output.trimEnd(), "10 was written by event 12");
});

const RING = `${MACHINE}test "ring" {
  let m = dma_map_phys(c, alloc_pages(1), 4KiB, from_device)
  counter_aim(c, m.addr)
  let before = counters.mark()
  let t = trace {
    writel(1, c.bell)
    step until counter_written(c) == 1
  }
  dma_unmap_phys(c, m, 4KiB, from_device)
  assert counters.counter.ring == 1 and counters.since(before).counter.write == 1
  assert t.count("counter.*") == 2 and t.first("counter.write").written
  assert t.first("counter.write").dma == m.addr
  show t
  show counters
  show t.first("counter.write")
  show topology()
  expect events [ ..., counter.ring{1}, counter.write(count: 1) ] in t
}`;

function failed(text: string): string {
  return renderDiagnostics(OWN.loadText(text).diagnostics);
}

Deno.test("scenarios name an added device, its keys, events, counters, fields and functions", () => {
  const { program, diagnostics } = OWN.loadText(RING);
  assertEquals(diagnostics, []);
  const lines: string[] = [];
  const report = runProgram(program!, { onLine: (line) => void lines.push(line) });
  assertEquals(report.outcomes.map(({ failure }) => failure?.message ?? null), [null]);
  const text = lines.join("\n");
  assertStringIncludes(text, "counter.write  ");
  assertStringIncludes(text, "written true");
  assertStringIncludes(text, "counter.ring ");
  assertEquals(runProgram(program!).counts.passed, 1);
});

Deno.test("what one laboratory has the plain one and others have not", () => {
  for (const load of [loadText, (text: string) => laboratory().loadText(text)]) {
    assertStringIncludes(renderDiagnostics(load(RING).diagnostics), 'there is no "counter"');
  }
});

Deno.test("mistakes with what was added are found before the run, as any others", () => {
  assertStringIncludes(failed(MACHINE.replace("c { }", "c { stp = 2 }")), '"stp" in counter "c"');
  assertStringIncludes(failed(MACHINE.replace("c { }", "c { step = 0 }")), "step");
  assertStringIncludes(failed(`${MACHINE}counter_aim(c)`), "counter_aim");
  assertStringIncludes(failed(`${MACHINE}print "{c.cont}"`), "count");
  assertStringIncludes(failed(`${MACHINE}expect events [ counter.rng ] in c`), "counter.ring");
  assertStringIncludes(failed(`${MACHINE}print "{counters.counter.rin}"`), "ring");
});

Deno.test("events of an added device may have latencies", () => {
  const text = MACHINE.replace("pci", "latencies { counter.write = 5us }; pci");
  const { program, diagnostics } = OWN.loadText(
    `${text}test "t" { assert latencies().of("counter.write") == 5us }`,
  );
  assertEquals(diagnostics, []);
  assertEquals(runProgram(program!).counts.passed, 1);
});

Deno.test("a recording keeps the tables and the events of an added device, also as bytes", () => {
  const { program } = OWN.loadForDebugging(new SourceFile("ring.dma", RING), memoryFiles());
  const recording = recordRun(program!, runsOf(program!)[0]!);
  assertEquals(recording.failure, null);
  const [table] = COUNTER.tables;
  const [row] = rowsAt(recording, table!, recording.last);
  assertEquals([row!.device, row!.count], ["c", 1]);
  const bytes = serialise([{ run: recording }]);
  const [read] = readSerialised(bytes, OWN);
  const again = read!.open();
  assertEquals(rowsAt(again, table!, again.last), [row!]);
  assertEquals(again.event(row!.createdSeq as number), recording.event(row!.createdSeq as number));
  const words = eventView(again, row!.createdSeq as number).parts.map(({ text }) => text).join("");
  assertStringIncludes(words, "counter.write");
  assertThrows(() => readSerialised(bytes)[0]!.open(), RangeError);
});

Deno.test("a session takes place in a laboratory", () => {
  const session = new Session({ loader: memoryFiles() }, OWN);
  assertEquals(session.feed(MACHINE).diagnostics, []);
  assertEquals(session.feed("counter_aim(c, 0x1000)").diagnostics, []);
});

Deno.test("a lab with an added device is built and driven without the language", () => {
  const lab = OWN.buildLab(labConfig({
    pci: [{ kind: "root_port", name: "rp0", children: [addedBlock(COUNTER, "c", { step: 3 })] }],
  }));
  const counter = lab.device("c", COUNTER);
  const events: unknown[] = [];
  lab.machine.events.of(COUNTER.events).listen(({ fields, name }) => events.push(name, fields));
  counter.write32(0, 1);
  assertEquals([counter.count, events], [3, ["counter.ring", { count: 3 }]]);
  assertThrows(() => lab.device("c", "nvme"), RangeError, 'No nvme is called "c"');
  assertThrows(() => lab.machine.events.of({ "a.b": { when: "", fields: {} } }), RangeError);
});

Deno.test("a name that is taken is refused with what it is", () => {
  const call = (name: string) =>
    builtin({ name, parameters: [], result: "nothing", doc: "", example: "", run() {} });
  const refused = (addition: Addition, message: string) =>
    assertThrows(() => laboratory({ devices: [COUNTER] }, addition), RangeError, message);
  refused({ functions: [call("alloc_pages")] }, 'There is a function "alloc_pages" already');
  refused({ functions: [call("counter_aim")] }, 'There is a function "counter_aim" already');
  refused({ devices: [COUNTER] }, 'There is a block "counter" already');
  refused({ types: [COUNTER.type as HandleType] }, 'There is a type "counter" already');
});
