/** Steps forward and backward through runs with drivers in C, and stops at lines of C. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { join } from "node:path";
import { Debugger } from "@dmalab/cli/debug";
import {
  BreakpointSet,
  type BreakpointTrigger,
  Cursor,
  evaluate,
  move,
  type Position,
  type Recording,
  recordRun,
  runsOf,
} from "@dmalab/recording";
import { runProgramWith } from "@dmalab/lang/run";
import { codeBlocks } from "@dmalab/cli/scenario";
import { startClient } from "@dmalab/editor/tests";
import { loadFiles } from "./c_together.ts";
import { programOf, recordedRun } from "./recorded.ts";
import { ROOT } from "@dmalab/tests";

const RUNS: readonly (readonly [path: string, runs: number])[] = [
  ["extensions/c_drivers/tests/c/first.dma", 11],
  ["extensions/c_drivers/tests/c/requests.dma", 22],
  ["extensions/c_drivers/tests/c/two_step.dma", 11],
  ["extensions/c_drivers/tests/c/wire.dma", 16],
  ["extensions/c_drivers/drivers/nic/ring_nic.dma", 12],
];

// Compiles all drivers first, so that each test finds them in the cache.
await loadFiles(RUNS.map(([path]) => path));

const sentBuffer = () =>
  recordedRun(
    "extensions/c_drivers/tests/c/wire.dma",
    "what is in the buffer is sent [iommu.mode = strict]",
  );

/** `wire.c:31`. */
function lineAt(recording: Recording, position: Position): string {
  const { span: { source, start } } = recording.statement(position)!;
  return `${source.name.split("/").at(-1)}:${source.position(start).line}`;
}

/** The calls that are active at a moment, innermost first. */
function callsAt(recording: Recording, position: Position): string {
  return recording.frames(position).map(({ name, span: { source, start } }) =>
    `${name}:${source.position(start).line}`
  ).join(" < ");
}

/** All positions at which a breakpoint stops, from one end of the run to the other. */
function stopsOf(
  recording: Recording,
  cause: BreakpointTrigger,
  direction: "forward" | "back",
): Position[] {
  const breakpoints = new BreakpointSet();
  breakpoints.add({ cause });
  const found: Position[] = [];
  const cursor = new Cursor(recording, breakpoints);
  if (direction === "back") cursor.goTo(recording.last);
  for (;;) {
    const { position, stop } = cursor.move({ unit: "run", direction });
    if (stop === null) return found;
    found.push(position);
  }
}

Deno.test("a run with a driver in C is gone through line by line, handlers of interrupts included", async () => {
  const recording = await sentBuffer();
  const lines: string[] = [];
  for (let started = 1; started <= recording.statements.count; started++) {
    const position = recording.atStatement(started);
    if (lineAt(recording, position).startsWith("wire.c")) {
      lines.push(lineAt(recording, position).slice(7));
    }
  }
  const probe = "168 38 39 42 44 45 46 48 49 50 52 53 54 56 57 58 60 61 72";
  const send = "88 89 91 92 95 94 96 97 98 25 28 30 31 32 33 35 99 104";
  const remove = "168 75 76 78 79 80 81 82 83 84";
  assertEquals(lines.join(" "), `${probe} ${send} ${remove}`);
});

Deno.test("a line of C stops forwards and backwards, with the calls of both languages", async () => {
  const recording = await sentBuffer();
  const file = join("extensions/c_drivers/tests/c/wire.c");
  const [position, ...others] = stopsOf(recording, { kind: "line", file, line: 31 }, "forward");
  assertEquals(others, []);
  assertEquals(lineAt(recording, position!), "wire.c:31");
  assertEquals(stopsOf(recording, { kind: "line", file, line: 31 }, "back"), [position!]);
  const calls =
    "wire_irq:31 < on write 0x14:26 < send:98 < sends:39 < what is in the buffer is sent:49";
  assertEquals(callsAt(recording, position!), calls);
  // The line unmaps the mapping, which takes six events. So the mapping is live before the line and
  // not after it.
  assertEquals(evaluate(recording, position!, "iommu.live_mappings").text, "1");
  const next = move(recording, position!, { unit: "over", direction: "forward" }).position;
  assertEquals([lineAt(recording, next), next.seq - position!.seq], ["wire.c:32", 6]);
  assertEquals(evaluate(recording, next, "iommu.live_mappings").text, "0");
  // Names of the script are resolved in the frame in which they are evaluated.
  assertEquals(evaluate(recording, position!, "addr", 1).text, "0xffff_f000");
  assertEquals(evaluate(recording, position!, "buf.size", 3).text, "1000B");
  // No compiled statement begins in line 29, so the breakpoint moves to the next line in which a
  // statement begins.
  const moved = stopsOf(recording, { kind: "line", file, line: 29 }, "forward");
  assertEquals(moved.map((each) => lineAt(recording, each)), ["wire.c:30"]);
  // A line without a file is a line of the script.
  const own = stopsOf(recording, { kind: "line", line: 37 }, "forward");
  assertEquals(own.map((each) => lineAt(recording, each)), ["wire.dma:38"]);
});

Deno.test("steps go over calls of C, into them and out of them, both ways", async () => {
  const recording = await sentBuffer();
  const file = "extensions/c_drivers/tests/c/wire.c";
  const [bell] = stopsOf(recording, { kind: "line", file, line: 98 }, "forward");
  const [irq] = stopsOf(recording, { kind: "line", file, line: 31 }, "forward");
  const to = (from: Position, unit: "into" | "over" | "out", direction: "forward" | "back") =>
    lineAt(recording, move(recording, from, { unit, direction }).position);
  assertEquals(to(bell!, "into", "forward"), "wire.dma:20");
  assertEquals(to(bell!, "over", "forward"), "wire.c:99");
  assertEquals(to(bell!, "out", "forward"), "wire.dma:40");
  assertEquals(to(bell!, "over", "back"), "wire.c:97");
  assertEquals(to(bell!, "out", "back"), "wire.dma:39");
  assertEquals(to(irq!, "out", "forward"), "wire.c:99");
  assertEquals(to(irq!, "out", "back"), "wire.dma:26");
  // An event inside a C function, and the line of C that caused it.
  const event = recording.afterEvent(irq!.seq + 1);
  assertEquals(recording.eventNameAt(event.seq), "call.dma_unmap_single");
  assertEquals(callsAt(recording, event).split(" < ")[0], "wire_irq:31");
});

/** Numbers below `below`, evenly spread and always the same. */
function* spread(count: number, below: number): Generator<number> {
  for (let index = 1; index <= count; index++) yield Math.floor(((index * 0.618034) % 1) * below);
}

Deno.test("who follows a run in C changes nothing in it: events, failures and places are the same", async (t) => {
  for (const [path, runs] of RUNS) {
    await t.step(path, async () => {
      const program = await programOf(path);
      const plain = runProgramWith(null, program, {}).outcomes;
      const choices = runsOf(program);
      assertEquals(choices.length, runs);
      let foreign = 0;
      choices.forEach((choice, index) => {
        const recording = recordRun(program, choice);
        const { events, failure, name } = plain[index]!;
        assertEquals(
          [recording.log.count, recording.failure?.lines],
          [events, failure?.lines],
          name,
        );
        const { count } = recording.statements;
        for (let started = 1; started <= count; started++) {
          if (recording.marked(started).native !== undefined) foreign++;
        }
        // Repeated runs come to the same lines, in whatever order positions are visited.
        for (const place of spread(20, count)) {
          const position = recording.atStatement(place + 1);
          const before = Array.from(
            { length: position.seq },
            (_, seq) => recording.eventNameAt(seq + 1),
          );
          const maps = before.filter((each) => each === "dma.map").length;
          assertEquals(evaluate(recording, position, "counters.dma.map").text, String(maps));
        }
      });
      assert(foreign > 5 * runs);
    });
  }
});

Deno.test("a fault in C is where it is, however its code was made longer for those who follow", async () => {
  const program = await programOf("extensions/c_drivers/tests/c/wrong.dma");
  const names = ["after the end", "behind a table", "behind an array", "too deep", "leaks"];
  const plain = runProgramWith(null, program, {}).outcomes;
  for (const choice of runsOf(program).filter(({ name }) => names.includes(name.name))) {
    const { failure } = recordRun(program, choice);
    assertNotEquals(failure, null);
    assertEquals(failure, plain.find(({ name }) => name === choice.name.name)!.failure);
  }
});

Deno.test("an adapter stops at lines and functions of C, says which, and shows their source", async () => {
  await using client = await startClient();
  const program = join(ROOT, "extensions/c_drivers/drivers/nic/ring_nic.dma");
  const source = { path: join(ROOT, "extensions/c_drivers/drivers/nic/ring_nic.c") };
  const lines = Deno.readTextFileSync(source.path).split("\n");
  const mapped = lines.findIndex((line) => line.includes("dma_map_single(nic->dev, head")) + 1;
  const empty = lines.findLastIndex((line, index) => line === "" && index < mapped) + 1;
  await client.body("launch", {
    program,
    run: "frames go out and come in [iommu.mode = strict]",
    stopOnEntry: true,
  });
  const { breakpoints } = await client.body("setBreakpoints", {
    source,
    breakpoints: [{ line: mapped }, { line: empty }, { line: lines.length }],
  });
  assertEquals(breakpoints[0].verified, true);
  assertEquals([breakpoints[0].line, breakpoints[0].source.path], [mapped, source.path]);
  assertEquals(breakpoints[1].verified, true);
  assert(breakpoints[1].line > empty);
  assertEquals(breakpoints[2].verified, false);
  await client.body("setBreakpoints", { source, breakpoints: [{ line: mapped }] });
  await client.move("configurationDone");
  const first = await client.move("continue");
  assertEquals(first.reason, "breakpoint");
  const { threadId } = first;
  const { stackFrames } = await client.body("stackTrace", { threadId });
  const names = stackFrames.map(({ name }: { name: string }) => name);
  assertEquals(names.slice(0, 2), ["nic_send", "nic_xmit"]);
  assertEquals([stackFrames[0].line, stackFrames[0].source.path], [mapped, source.path]);
  const [frame] = stackFrames;
  // In a frame of C, the name `nic` is the function's parameter, not the script's device with that
  // name.
  const refused = await client.ask("evaluate", { expression: "nic.mappings", frameId: frame.id });
  assertEquals(refused.message, "struct nic has no member `mappings` (it has dev, regs, tx, rx)");
  const { scopes } = await client.body("scopes", { frameId: frame.id });
  assertEquals(
    scopes.map(({ name }: { name: string }) => name).slice(0, 2),
    ["Locals", "Globals"],
  );
  const open = async (variablesReference: number) =>
    (await client.body("variables", { variablesReference })).variables;
  const locals = await open(scopes[0].variablesReference);
  type Variable = DebugProtocol.Variable;
  const named = (all: Variable[], name: string) => all.find((each) => each.name === name)!;
  assertEquals(named(locals, "len").value, "60");
  const tx = named(await open(named(locals, "nic").variablesReference), "tx");
  assertEquals([tx.type, tx.evaluateName], ["struct nic_tx_ring", "nic->tx"]);
  assertEquals(named(await open(tx.variablesReference), "next").value, "0");
  const hover = { context: "hover", expression: "tx->slots[1].head", frameId: frame.id };
  assertEquals((await client.body("evaluate", hover)).result, "NULL");
  const { breakpoints: [conditional] } = await client.body("setBreakpoints", {
    source,
    breakpoints: [{ line: mapped, condition: "nic->tx.next == 4" }],
  });
  assertEquals(conditional.verified, true);
  await client.body("setBreakpoints", { source, breakpoints: [{ line: mapped }] });
  const mapping = "iommu.live_mappings";
  const { result } = await client.body("evaluate", { expression: mapping, frameId: frame.id });
  const script = stackFrames.find(({ source }: { source: { path: string } }) =>
    source.path === program
  );
  const { success } = await client.ask("evaluate", { expression: "nic", frameId: script.id });
  assertEquals(success, true);
  assertEquals((await client.move("next", { threadId })).reason, "step");
  const later = await client.body("stackTrace", { threadId });
  const after = await client.body("evaluate", {
    expression: mapping,
    frameId: later.stackFrames[0].id,
  });
  assertEquals(Number(after.result), Number(result) + 1);
  // Backwards from the end to the last call.
  await client.body("setBreakpoints", { source, breakpoints: [] });
  const { breakpoints: [xmit] } = await client.body("setFunctionBreakpoints", {
    breakpoints: [{ name: "nic_xmit" }],
  });
  assertEquals(xmit.verified, true);
  assertEquals(
    (await client.move("reverseContinue", { threadId })).reason,
    "function breakpoint",
  );
  assertEquals((await client.body("stackTrace", { threadId })).stackFrames[0].name, "nic_xmit");
  const { sources } = await client.body("loadedSources");
  assert(sources.some(({ path }: { path: string }) => path === source.path));
});

/** The runs that docs/c-drivers.md debugs, one for each block of the page. */
const SHOWN_RUNS: readonly (readonly [path: string, run: string])[] = [
  ["extensions/c_drivers/drivers/map/map.dma", "what the device writes arrives"],
  ["extensions/c_drivers/tests/c/values.dma", "a queue is filled"],
];

Deno.test("the debugger says what docs/c-drivers.md has it say", async () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/c-drivers.md"));
  const blocks = codeBlocks("docs/c-drivers.md", page)
    .filter(({ code }) => code.startsWith("> :break"));
  assertEquals(blocks.length, SHOWN_RUNS.length);
  for (const [index, [path, run]] of SHOWN_RUNS.entries()) {
    const talk = blocks[index]!.code.split(/^> /m).slice(1).map((part) => {
      const end = part.indexOf("\n");
      return { line: part.slice(0, end), answer: part.slice(end + 1) };
    });
    assert(talk.length >= 5);
    let output = "";
    const answers: string[] = [];
    const tool = new Debugger(await recordedRun(path, run), {
      lines: (async function* () {
        for (const { line } of talk) {
          output = "";
          yield line;
          answers.push(output);
        }
      })(),
      write: (text) => void (output += text),
      prompt: () => {},
    }, { colour: false, columns: 100 });
    await tool.run();
    talk.forEach(({ answer, line }, number) => {
      assertEquals(answers[number]!.trimEnd(), answer.trimEnd(), line);
    });
  }
});
