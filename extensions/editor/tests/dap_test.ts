/** `dmalab dap` over its streams, in this process: requests of a client, with the examples. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { serveClient } from "../dap/serve.ts";
import { codeBlocks } from "@dmalab/cli/scenario";
import { Client } from "./dap/client.ts";
import { startClient } from "./dap/in_process.ts";
import { ENDLESS } from "./dap/scenarios.ts";
import { frames, KNOWN, named, pathOf, scopeOf, walkedThrough } from "./dap/walk.ts";
import { ROOT, runDeno } from "@dmalab/tests";

for (const known of KNOWN) {
  Deno.test(`a client goes through ${known.file}, there and back`, async () => {
    await using client = await startClient();
    await walkedThrough(client, known);
  });
}

Deno.test("a port that may not be listened at is a sentence and exit code 2", async () => {
  const args = ["run", "--no-prompt", "-R", "bin/main.ts", "dap", "--port", "4711"];
  const { code, output } = await runDeno(args, { folder: ROOT });
  assertEquals(code, 2);
  assertMatch(output, /^error: Deno was not permitted to listen; `--allow-net=127\.0\.0\.1`/);
});

Deno.test("what a statement writes comes after the stop before it, and the last of it before the end", async () => {
  await using client = await startClient('print "first"\nshow 2\nprint "last"\n');
  const { program } = client;
  await client.body("launch", { program });
  await client.body("setBreakpoints", {
    source: { path: program },
    breakpoints: [{ line: 2 }, { line: 3 }],
  });
  await client.move("configurationDone");
  await client.move("continue");
  assertEquals((await client.move("continue")).reason, "end");
  const seen = client.events.flatMap(({ body, event }) =>
    event === "output" && body.category === "stdout"
      ? [String(body.output).trim()]
      : event === "stopped"
      ? [body.reason]
      : []
  );
  assertEquals(seen, ["first", "breakpoint", "2 = 0x2", "breakpoint", "last", "end"]);
});

Deno.test("limits end a run at the debugger, too, and the time that one looks does not count", async () => {
  await using client = await startClient(ENDLESS);
  await client.body("launch", { program: client.program, limits: { "steps": 100_000 } });
  await client.body("setExceptionBreakpoints", { filters: ["failure"] });
  const { reason, text } = await client.move("configurationDone");
  assertEquals(reason, "exception");
  assertMatch(text, /100_000/);
  const { details, exceptionId } = await client.body("exceptionInfo", { threadId: 1 });
  assertEquals([exceptionId, details.typeName], ["E0801", "limit"]);
  for (const text of [details.stackTrace, client.output("stderr")]) {
    assertMatch(text, /`"limits": \{ "steps": 200000 \}` allows twice as many/);
  }
  assertEquals((await client.move("continue")).reason, "end");
  const exited = client.event("exited");
  await client.body("continue", { threadId: 1 });
  assertEquals((await exited).exitCode, 3);
});

Deno.test("what a client gets wrong is said in a sentence, and the session goes on", async () => {
  await using client = await startClient(ENDLESS);
  const { program } = client;
  const refusals: readonly [string, object | undefined, RegExp][] = [
    ["threads", undefined, /No run is launched/],
    ["launch", {}, /"program" is missing/],
    ["launch", { program: 7 }, /"program" takes a string, not 7/],
    ["launch", { program: `${program}x` }, /Cannot read/],
    ["launch", { program, run: "statement" }, /no run "statement"/],
    ["launch", { program, limits: { "step": 1 } }, /did you mean steps/],
    ["launch", { program, limits: { "steps": -1 } }, /whole number/],
    ["launch", { program, limits: [] }, /"limits" takes an object/],
    ["launch", { program, seed: -1 }, /"seed" takes a whole number from 0 on, not -1/],
    ["launch", { program, seed: 0.5 }, /"seed" takes a whole number/],
    ["launch", { program, stopOnEntry: "yes" }, /"stopOnEntry" takes a boolean, not "yes"/],
    ["launch", { program, stopAtEnd: 1 }, /"stopAtEnd" takes a boolean/],
    ["frobnicate", {}, /no request "frobnicate"/],
  ];
  for (const [command, args, problem] of refusals) {
    const { body, message, success } = await client.ask(command, args);
    assertEquals(success, false, command);
    assertMatch(message!, problem);
    assertMatch(body.error.format, problem);
  }
  await client.body("launch", { program, stopOnEntry: true });
  await client.move("configurationDone");
  const asked: readonly [string, object, RegExp][] = [
    ["launch", { program }, /already launched/],
    ["configurationDone", {}, /has already started/],
    ["evaluate", {}, /^"expression" is missing: a string$/],
    ["evaluate", { expression: 5 }, /^"expression" takes a string, not 5$/],
    ["gotoTargets", { line: 3 }, /^"source" is missing: an object$/],
    ["completions", { column: 1 }, /"text" is missing/],
    ["setBreakpoints", { breakpoints: [] }, /"source" is missing/],
    ["setBreakpoints", { source: { path: program }, breakpoints: [{}] }, /"line" is missing/],
    [
      "setBreakpoints",
      { source: { path: program }, breakpoints: [7] },
      /"breakpoints\[0\]" takes an object, not 7/,
    ],
    ["setFunctionBreakpoints", {}, /"breakpoints" is missing/],
    ["setFunctionBreakpoints", { breakpoints: [{}] }, /"name" is missing/],
    ["setExceptionBreakpoints", {}, /"filters" is missing/],
    ["dataBreakpointInfo", {}, /"name" is missing/],
    ["breakpointLocations", { line: 1 }, /"source" is missing/],
    ["readMemory", { memoryReference: "", count: 4 }, /not a physical address/],
    ["readMemory", { memoryReference: "0x1000", count: "4" }, /"count" takes a number/],
    ["restart", { arguments: { program: `${program}x` } }, /Cannot read/],
    [
      "evaluate",
      { expression: "alloc_pages(1)" },
      /alloc_pages/,
    ],
    ["evaluate", { expression: "no_such_name" }, /no_such_name/],
    ["evaluate", { expression: "" }, /./],
    ["scopes", { frameId: 99 }, /Stale frame id/],
    ["goto", { targetId: 5 }, /Unknown target/],
    ["dmalab.move", { unit: "mile", direction: "back" }, /"unit" is one of/],
    ["dmalab.goto", { seq: 1e9 }, /There is no event/],
    ["exceptionInfo", {}, /Not stopped at an exception/],
    ["readMemory", { memoryReference: "page", count: 4 }, /not a physical address/],
  ];
  for (const [command, args, problem] of asked) {
    const { message, success } = await client.ask(command, args);
    assertEquals(success, false, command);
    assertMatch(message!, problem);
  }
  assertEquals((await client.body("variables", { variablesReference: 99 })).variables, []);
  assertEquals(
    await client.body("readMemory", { memoryReference: "0xffffffffff000", count: 16 }),
    { address: "0xffffffffff000", unreadableBytes: 16 },
  );
});

Deno.test("what is no message is reported, and the next one is answered", async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  const client = new Client((bytes) => input.write(bytes));
  output.on("data", (bytes: Uint8Array) => client.receive(bytes));
  const served = serveClient(input, output);
  input.write("Content-Length: 9\r\n\r\n{ no json");
  for (const text of ['{"type":"request","command":"threads"}', '{"type":"request","seq":7}']) {
    input.write(`Content-Length: ${text.length}\r\n\r\n${text}`);
  }
  await client.body("initialize", {});
  assertEquals(client.output("stderr").match(/a request has a number, "seq"/g)?.length, 2);
  assertMatch(client.output("stderr"), /Malformed message/);
  // The session also ends when the client closes the stream without a `disconnect` request.
  input.end();
  await served;
});

Deno.test("the console of a client takes the commands of the REPL, and moves with them", async () => {
  await using client = await startClient();
  const { file, run } = KNOWN[0]!;
  await client.body("launch", { program: pathOf(file), run });
  await client.body("setExceptionBreakpoints", { filters: [] });
  await client.move("configurationDone");
  const say = async (expression: string) =>
    (await client.body("evaluate", { expression, context: "repl" })).result as string;
  const went = client.event("stopped");
  assertMatch(await say(":rewind iommu.live_mappings"), /1 → 0/);
  assertEquals((await went).reason, "goto");
  assertEquals((await frames(client, 1))[0]!.name.split(" ")[0], "#26");
  assertMatch(await say(":who pte 0xfffd_d000"), /iommu\.unmap/);
  assertMatch(await say(":state page_table"), /0x6001_0000/);
  assertMatch(await say(":frobnicate"), /no command :frobnicate/);
  const back = client.event("stopped");
  await say(":goto 12");
  assertEquals((await back).reason, "goto");
  assertEquals((await frames(client, 1))[0]!.name.split(" ")[0], "#12");
  const terminated = client.event("terminated");
  await say(":quit");
  await terminated;
});

Deno.test("the hunt of docs/debugging.md goes as the page tells it", async () => {
  const page = "docs/debugging.md";
  const blocks = codeBlocks(page, Deno.readTextFileSync(join(ROOT, page)));
  const scenario = blocks.find(({ language }) => language === "dma")!.code;
  const shown = blocks.find(({ code }) => code.startsWith("> "))!.code;
  await using client = await startClient(scenario);
  const { program } = client;
  await client.body("launch", { program });
  await client.body("setExceptionBreakpoints", { filters: ["failure"] });
  assertEquals((await client.move("configurationDone")).reason, "exception");
  assertEquals((await frames(client, 1))[0]!.line, 20);
  const lines: string[] = [];
  for (const [, expression] of shown.matchAll(/^> (.*)$/gm)) {
    const { result } = await client.body("evaluate", { expression, context: "repl" });
    lines.push(`> ${expression}`, result.replaceAll(program, "lab.dma"));
  }
  assertEquals(lines.join("\n"), shown.trimEnd());
  assertEquals((await client.event("stopped")).reason, "goto");
  // A data breakpoint that is set by a click on the mapping's row finds the mapping's `dma.map`,
  // too.
  const table = named(await scopeOf(client, "Machine"), "mappings");
  const { variables: rows } = await client.body("variables", table);
  const { name } = named<{ name: string }>(rows, "ssd 0xffff_d000");
  const asked = { variablesReference: table.variablesReference, name };
  const { dataId } = await client.body("dataBreakpointInfo", asked);
  await client.body("setDataBreakpoints", { breakpoints: [{ dataId }] });
  const { reason, text } = await client.move("reverseContinue");
  assertEquals([reason, text.split(" ")[0]], ["data breakpoint", "dma.map"]);
  assertMatch((await frames(client, 1))[0]!.name, /^#5 /);
});

const COUNTING = `machine { pci { root_port rp0 { nvme ssd { } } } }
let n = 1
let sizes = { first: 4KiB, second: 8KiB }
for turn in 0..3 {
  n = n + turn
}
sizes.second = 16KiB
print "{n}"
`;

Deno.test("an expression is waited for, both ways, and words are offered in the console", async () => {
  await using client = await startClient(COUNTING);
  await client.body("launch", { program: client.program, stopOnEntry: true });
  await client.event("initialized");
  await client.move("configurationDone");
  await client.move("next");
  const values = async (command: string, expression: string) => {
    const found: string[] = [];
    for (;;) {
      const { reason } = await client.move(command);
      if (reason !== "data breakpoint") return found;
      found.push((await client.body("evaluate", { expression })).result);
    }
  };
  // After the run's end its names can still be found.
  const info = await client.body("dataBreakpointInfo", { name: "n * 2" });
  assertEquals([info.description, info.accessTypes], ["n * 2", ["write"]]);
  await client.body("setDataBreakpoints", { breakpoints: [{ dataId: info.dataId }] });
  assertEquals(await values("continue", "n"), ["2", "4"]);
  assertEquals(await values("reverseContinue", "n"), ["4", "2"]);
  const unknown = await client.body("dataBreakpointInfo", { name: "frobnicate" });
  assertEquals(unknown.dataId, null);
  assertMatch(unknown.description, /^Nothing is called `frobnicate`/);

  // The same kind of breakpoint is set by a click on a part of a variable.
  await client.body("setDataBreakpoints", { breakpoints: [] });
  const { threadId } = await client.move("dmalab.move", {
    unit: "over",
    direction: "forward",
    count: 3,
  });
  const { variablesReference } = named(await scopeOf(client, "Locals", threadId), "sizes");
  const part = { variablesReference, name: "second" };
  const { dataId, description } = await client.body("dataBreakpointInfo", part);
  assertEquals(description, "sizes.second");
  await client.body("setDataBreakpoints", { breakpoints: [{ dataId }] });
  assertEquals(await values("continue", "sizes.second"), ["16KiB"]);

  const offered = async (text: string) => {
    const { targets } = await client.body("completions", { text, column: text.length + 1 });
    return targets.map(({ label, length, start }: Record<string, unknown>) =>
      `${label} ${start} ${length}`
    );
  };
  assertEquals(await offered(":rew"), [":rewind 1 4"]);
  assertEquals(await offered("siz"), ["size 1 3", "sizes 1 3"]);
  assert((await offered("1 + iommu.li")).includes("live_mappings 11 2"));
  assertEquals(await offered(":state page_t"), ["page_table 8 6"]);
});

const WRONG = `let size = 4KiB + 10us\n`;

Deno.test("a scenario that is wrong is not launched, and says where it is wrong", async () => {
  await using client = await startClient(WRONG);
  const { message, success } = await client.ask("launch", { program: client.program });
  assertEquals(success, false);
  assertMatch(message!, /error\[E0401\][^]*lab\.dma:1:17/);
});

const SEVERAL = `const SHARED = 1
fn twice(number) {
  let sum = number + number
  return sum
}
test "first" { print twice(SHARED) }
test "second" matrix { iommu.mode = [strict, lazy] } {
  let page = alloc_pages(1)
  page.fill(counting)
  assert twice(2) == 5
}
`;

Deno.test("a run is chosen by its name, by a line, or is the first; it is begun anew as it is then", async () => {
  await using client = await startClient(SEVERAL);
  const { program } = client;
  const nameOf = async (args: object) => {
    await using client = await startClient();
    await client.body("launch", { program, stopOnEntry: true, ...args });
    await client.move("configurationDone");
    return (await frames(client, 1))[0]!.name;
  };
  assertEquals(await nameOf({}), "first");
  assertEquals(await nameOf({ run: "second" }), "second [iommu.mode = strict]");
  assertEquals(
    await nameOf({ run: "second", combination: "iommu.mode = lazy" }),
    "second [iommu.mode = lazy]",
  );
  assertEquals(await nameOf({ run: "second [iommu.mode = lazy]" }), "second [iommu.mode = lazy]");
  assertEquals(await nameOf({ line: 9 }), "second [iommu.mode = strict]");
  assertEquals(await nameOf({ line: "6" }), "first");
  {
    await using client = await startClient();
    const { message } = await client.ask("launch", { program: `${program}:9` });
    assertMatch(message!, /there is no such file \(the key of a line is "line": 9\)/);
    await client.body("launch", { program, line: 1 });
    assertMatch(client.output("stderr"), /^No test begins on line 1 or above it: this runs /);
  }
  await client.body("launch", { program, run: "first" });
  await client.body("setBreakpoints", {
    source: { path: program },
    breakpoints: [{ line: 3 }],
  });
  await client.move("configurationDone");
  assertEquals((await frames(client, 1)).map(({ name }) => name), ["twice", "first"]);
  assertEquals((await client.move("stepOut")).reason, "end");
  assertEquals(client.output("stdout"), "2\n");
  Deno.writeTextFileSync(program, SEVERAL.replace("SHARED = 1", "SHARED = 21"));
  assertEquals((await client.move("restart", {})).reason, "breakpoint");
  await client.move("continue");
  assertEquals(client.output("stdout"), "2\n42\n");
});

Deno.test("functions of the script, memory, places to go to and the failure are at hand", async () => {
  await using client = await startClient(SEVERAL);
  const { program } = client;
  const source = { path: program };
  await client.body("launch", { program, run: "second" });
  await client.body("setExceptionBreakpoints", { filters: ["failure"] });
  const { breakpoints } = await client.body("setFunctionBreakpoints", {
    breakpoints: [{ name: "twice" }, { name: "thrice" }],
  });
  assertEquals(
    breakpoints.map((each: { verified: boolean; line?: number }) => each.verified),
    [true, false],
  );
  assertEquals((await client.move("configurationDone")).reason, "function breakpoint");
  const calls = await frames(client, 1);
  assertEquals(calls.map(({ line, name }) => `${name} ${line}`), [
    "twice 3",
    "second [iommu.mode = strict] 10",
  ]);
  const inner = { expression: "number", frameId: calls[0]!.id };
  assertEquals((await client.body("evaluate", inner)).result, "2");
  const outer = { expression: "page", frameId: calls[1]!.id };
  const { memoryReference } = await client.body("evaluate", outer);
  assertEquals(
    await client.body("readMemory", { memoryReference, offset: 4, count: 4 }),
    {
      address: `0x${(Number(memoryReference) + 4).toString(16)}`,
      data: btoa("\x04\x05\x06\x07"),
    },
  );
  const { breakpoints: places } = await client.body("breakpointLocations", {
    source,
    line: 8,
    endLine: 10,
  });
  assertEquals(places, [{ line: 8 }, { line: 9 }, { line: 10 }]);
  const { targets } = await client.body("gotoTargets", { source, line: 9 });
  assertEquals(targets.map((each: { label: string }) => each.label.split(":")[0]), [
    "first time",
  ]);
  const went = await client.move("goto", { threadId: 1, targetId: targets[0].id });
  assertEquals([went.reason, (await frames(client, 1))[0]!.line], ["goto", 9]);
  const zero = await client.body("readMemory", { memoryReference, offset: 4, count: 4 });
  assertEquals(zero.data, btoa("\0\0\0\0"));
  await client.body("setFunctionBreakpoints", { breakpoints: [] });
  const failed = await client.move("continue");
  assertEquals(failed.reason, "exception");
  const { details, exceptionId } = await client.body("exceptionInfo", { threadId: 1 });
  assertEquals([exceptionId, details.typeName], ["E0901", "failed"]);
  assertMatch(client.output("stderr"), /E0901/);
  assertEquals((await frames(client, 1))[0]!.line, 10);
  const { sources } = await client.body("loadedSources");
  assertEquals(sources, [{ name: "lab.dma", path: program }]);
  const back = await client.move("dmalab.move", { unit: "into", direction: "back", count: 3 });
  assertEquals([back.reason, (await frames(client, 1))[0]!.line], ["step", 9]);
});

Deno.test("numbers of frames and variables are of one moment: others do not get them", async () => {
  await using client = await startClient(COUNTING);
  await client.body("launch", { program: client.program, stopOnEntry: true });
  await client.move("configurationDone");
  const look = async () => {
    const { stackFrames: [frame] } = await client.body("stackTrace", { threadId: 1 });
    const { scopes } = await client.body("scopes", { frameId: frame.id });
    return { frameId: frame.id, variablesReference: scopes.at(-1).variablesReference };
  };
  const before = await look();
  await client.move("next");
  const after = await look();
  assert(after.frameId > before.frameId);
  assert(after.variablesReference > before.variablesReference);
  const { message } = await client.ask("scopes", before);
  assertMatch(message!, /Stale frame id/);
  assertEquals((await client.body("variables", before)).variables, []);
  await client.body("terminate");
  assertMatch((await client.ask("next", { threadId: 1 })).message!, /session has ended/);
});
