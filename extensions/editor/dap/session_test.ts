import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { TempFolder } from "@dmalab/tools";
import type { Client } from "../tests/dap/client.ts";
import { startClient } from "../tests/dap/in_process.ts";
import { frames, named, scopeOf } from "../tests/dap/walk.ts";

const EXAMPLE = fileURLToPath(
  new URL("../../../examples/api/01-two-step-basic.dma", import.meta.url),
);
const RUN = "three buffers linked into one IOVA range, one IOTLB sync";

/** Launches a run that stops at its first statement. */
async function launch(client: Client, args: object = {}) {
  await client.body("launch", { program: EXAMPLE, run: RUN, stopOnEntry: true, ...args });
  await client.event("initialized");
}

const setLines = (client: Client, breakpoints: readonly object[], path = EXAMPLE) =>
  client.body("setBreakpoints", { source: { path }, breakpoints });

/** The position that the client shows: line and names of the frames. */
const stack = (client: Client) => frames(client, 1);

async function line(client: Client): Promise<number> {
  return (await stack(client)).at(-1)!.line;
}

/** The values of a scope by name. */
async function scope(client: Client, name: string): Promise<Map<string, string>> {
  return new Map((await scopeOf(client, name)).map((each) => [each.name, each.value]));
}

Deno.test("a run begins at its first statement, goes by statements both ways, and ends twice", async () => {
  await using client = await startClient();
  await launch(client);
  assertEquals((await client.move("configurationDone")).reason, "entry");
  assertEquals(await line(client), 18);
  const ways = { next: [19, 20, 22, 23, 25, 26], stepBack: [25, 23, 22, 20, 19, 18] };
  for (const [way, lines] of Object.entries(ways)) {
    for (const expected of lines) {
      const { reason } = await client.move(way);
      assertEquals([reason, await line(client)], ["step", expected]);
    }
  }
  const end = await client.move("continue");
  assertEquals([end.reason, end.text], ["end", "ok (29 events)"]);
  assertEquals((await stack(client)).map(({ name }) => name), ["the run is over"]);
  assertEquals((await scope(client, "Locals")).get("start"), "0xfffd_c000");
  assertEquals((await stack(client))[0]!.line, 54);
  assertEquals((await client.move("reverseContinue")).description, "Start of the run");
  const [ready] = await stack(client);
  assertEquals([ready!.name, ready!.line], ["the machine is ready", 18]);
  const watch = (expression: string) =>
    client.ask("evaluate", { expression, frameId: ready!.id, context: "watch" });
  assertEquals((await watch("iommu.live_mappings")).body.result, "0");
  const none = await watch("{ a: start }.a");
  assertEquals(none.success, false);
  assertEquals(none.body.error.showUser, false);
  assertEquals((await client.move("continue")).reason, "end");
  const exited = client.event("exited");
  const terminated = client.event("terminated");
  await client.body("continue", { threadId: 1 });
  assertEquals((await exited).exitCode, 0);
  await terminated;
});

Deno.test("a function that has returned is on the stack no more, and its caller has the names", async () => {
  await using client = await startClient(
    `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { queues = 1 } } } }
fn half(size) {
  let result = size / 2
  return result
}
test "maps" {
  let page = alloc_pages(1)
  let whole = 8KiB
  dma_map_phys(ssd, page.phys, half(whole), to_device)
}
`,
  );
  await launch(client, { program: client.program, run: "maps" });
  await client.body("setFunctionBreakpoints", { breakpoints: [{ name: "half" }] });
  await client.move("configurationDone");
  await client.move("continue");
  assertEquals((await stack(client)).map(({ line, name }) => [name, line]), [
    ["half", 3],
    ["maps", 9],
  ]);
  const event = { threadId: 1, granularity: "instruction" };
  await client.move("next", event);
  const frames = (await stack(client)).map(({ line, name }) => [name.split("(")[0], line]);
  assertEquals(frames, [["#1 dma_map_phys", 9], ["maps", 9]]);
  assertEquals((await scope(client, "Locals")).get("whole"), "8KiB");
  await client.move("stepBack", event);
  assertEquals((await stack(client))[0]!.name, "half");
});

Deno.test("an event back and one on lead to the same place: at the end, at a statement, at the failure", async () => {
  const text = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
fn half(whole) {
  let part = whole / 2
  return part
}
let map = dma_map_phys(ssd, alloc_pages(2), 8KiB, to_device)
dma_unmap_phys(ssd, map, half(16KiB), to_device)
let done = 1
assert half(8KiB) == 8KiB
`;
  await using client = await startClient(text);
  await client.body("launch", { program: client.program, stopOnEntry: true });
  await client.body("setExceptionBreakpoints", { filters: ["failure"] });
  await client.move("configurationDone");
  const event = { threadId: 1, granularity: "instruction" };
  const shown = async () => {
    const locals = await scope(client, "Locals");
    return [await line(client), (await stack(client)).length, [...locals.keys()].join(" ")];
  };
  const thereAndBack = async () => {
    const before = await shown();
    await client.move("stepBack", event);
    await client.move("next", event);
    assertEquals(await shown(), before);
    return before;
  };
  await client.move("next");
  await client.move("next");
  assertEquals(await thereAndBack(), [8, 1, "map"]);
  assertEquals((await client.move("continue")).reason, "exception");
  assertEquals(await thereAndBack(), [9, 1, "map done"]);
  assertEquals((await client.move("continue")).reason, "end");
  const [, , names] = await thereAndBack();
  assertEquals(names, "map done");
});

Deno.test("with the granularity of instructions a client steps by events, both ways", async () => {
  await using client = await startClient();
  await launch(client);
  await client.move("configurationDone");
  const event = { threadId: 1, granularity: "instruction" };
  const seen: string[] = [];
  for (let step = 0; step < 5; step++) {
    await client.move(step % 2 === 0 ? "next" : "stepIn", event);
    seen.push((await stack(client)).map(({ name }) => name.split(" ")[0]).join(" < "));
  }
  assertEquals(seen, [
    "#1 < three",
    "#2 < dma_iova_try_alloc() < three",
    "#3 < three",
    "#4 < three",
    "#5 < dma_iova_link() < three",
  ]);
  await client.move("stepBack", event);
  assertEquals(
    (await stack(client))[0]!.name,
    "#4 dma_iova_link(0x4000_0000, offset 0B, 4KiB, to_device)",
  );
});

Deno.test("a moment shows names of the script, its event with the reason, and tables page by page", async () => {
  await using client = await startClient();
  await launch(client);
  await client.move("configurationDone");
  await client.body("setFunctionBreakpoints", { breakpoints: [{ name: "iommu.sync_map" }] });
  const stopped = await client.move("continue");
  assertEquals(
    [stopped.reason, stopped.text],
    ["function breakpoint", "iommu.sync_map  iova 0xfffd_c000 12KiB"],
  );
  const locals = await scope(client, "Locals");
  assertEquals([...locals.keys()], ["pieces", "at", "state", "start"]);
  assertEquals(locals.get("pieces"), "buffer of 12KiB at 0x4000_0000 in 3 segments");
  const event = await scope(client, "Event");
  assertEquals(
    ["event", "number", "cpu", "device", "from"].map((name) => event.get(name)),
    ["iommu.sync_map", "18", "0", "ssd", "examples/api/01-two-step-basic.dma:42:3"],
  );
  const { id } = (await stack(client))[0]!;
  const pages = named(await scopeOf(client, "Machine"), "page_table");
  assertEquals([pages.value, pages.indexedVariables], ["25 rows", 25]);
  const page = async (start: number, count: number) => {
    const { variablesReference } = pages;
    const args = { variablesReference, filter: "indexed", start, count };
    const { variables } = await client.body("variables", args);
    return variables as { name: string; value: string; variablesReference: number }[];
  };
  const mapped = await page(1, 2);
  assertEquals(mapped.map(({ name, value }) => `${name}: ${value}`), [
    "ssd 0xfffd_d000: phys 0x4000_2000  size_bytes 4KiB  prot read",
    "ssd 0xfffd_e000: phys 0x4000_4000  size_bytes 4KiB  prot read",
  ]);
  assertEquals([(await page(0, 20)).length, (await page(20, 10)).length], [20, 5]);
  const { variables: row } = await client.body("variables", mapped[1]);
  assertEquals(
    row.map((each: { name: string; value: string }) => `${each.name} ${each.value}`).slice(-2),
    ["written by #13", "ended by #24"],
  );
  const { variables: parts } = await client.body("variables", {
    variablesReference: (await client.body("evaluate", { expression: "at", frameId: id }))
      .variablesReference,
    start: 1,
    count: 1,
  });
  assertEquals(parts.map((each: { evaluateName: string }) => each.evaluateName), ["at[1]"]);
});

Deno.test("breakpoints stop on lines, with conditions, counts and messages, in either direction", async () => {
  await using client = await startClient();
  await launch(client, { run: "the same three pieces mapped one by one cost three syncs" });
  const { breakpoints } = await setLines(client, [
    { line: 60, condition: "piece.phys == pieces.segments[2].phys" },
    { line: 61, hitCondition: "2" },
    { line: 59, logMessage: "live {iommu.live_mappings}" },
    { line: 61, condition: "unknown_name == 1" },
    { line: 64, hitCondition: "often" },
    { line: 9999 },
  ]);
  assertEquals(
    breakpoints.map((each: { verified: boolean; line?: number }) => [each.verified, each.line]),
    [[true, 60], [true, 61], [true, 59], [false, 61], [false, 64], [false, undefined]],
  );
  assertMatch(breakpoints[3].message, /unknown_name/);
  await client.move("configurationDone");
  const places: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    const { hitBreakpointIds, reason } = await client.move("continue");
    places.push(`${reason} ${await line(client)} ${hitBreakpointIds ?? ""}`.trim());
  }
  const [third, second] = breakpoints as { id: number }[];
  assertEquals(places, [
    `breakpoint 61 ${second!.id}`,
    `breakpoint 60 ${third!.id}`,
    `breakpoint 61 ${second!.id}`,
  ]);
  assertEquals(client.output("console").split("\n").slice(1, -1), ["live 0"]);
  assertEquals((await client.move("reverseContinue")).hitBreakpointIds, [third!.id]);
  assertEquals((await client.move("reverseContinue")).hitBreakpointIds, [second!.id]);
  await setLines(client, []);
  assertEquals((await client.move("continue")).reason, "end");
});

Deno.test("mistakes stop when they are asked for, and say what they are", async () => {
  await using client = await startClient();
  await launch(client, { stopOnEntry: false });
  const filters = { filters: ["fault", "failure"] };
  const { breakpoints } = await client.body("setExceptionBreakpoints", filters);
  assertEquals(breakpoints.map((each: { verified: boolean }) => each.verified), [true, true]);
  const { reason, text } = await client.move("configurationDone");
  assertEquals([reason, text], ["exception", "iommu.fault  dma 0xfffd_c000 read not_present"]);
  const info = await client.body("exceptionInfo", { threadId: 1 });
  assertEquals([info.exceptionId, info.breakMode], ["iommu.fault: not_present", "always"]);
  const [title, verdict] = info.description.split("\n");
  assertMatch(title, /^ssd: read of 0xfffd_c000: not_present at \S+:53:/);
  assertMatch(verdict, /^use after unmap: dma_iova_destroy at \S+:50:/);
  assert(info.details.stackTrace.includes("Intel VT-d"), info.details.stackTrace);
  assert(!(await client.ask("exceptionInfoo", {})).success);
});

Deno.test("a row and an address are waited for, and their makers and enders stop", async () => {
  await using client = await startClient();
  await launch(client);
  await client.move("configurationDone");
  const info = await client.body("dataBreakpointInfo", { name: "0xfffd_d800", asAddress: true });
  assertEquals(info.description, "page_table iova 0xfffd_d800");
  await client.body("setDataBreakpoints", { breakpoints: [{ dataId: info.dataId }] });
  const texts: string[] = [];
  for (let turn = 0; turn < 2; turn++) {
    const { reason, text } = await client.move("continue");
    texts.push(`${reason}: ${text.split(" ")[0]}`);
  }
  assertEquals(texts, ["data breakpoint: iommu.map", "data breakpoint: iommu.unmap"]);
  assertEquals((await client.move("reverseContinue")).text.split(" ")[0], "iommu.map");
  const unknown = await client.body("dataBreakpointInfo", { name: "nothing_at_all" });
  assertEquals(unknown.dataId, null);
  const { breakpoints } = await client.body("setDataBreakpoints", {
    breakpoints: [{ dataId: "{}" }, { dataId: info.dataId, accessType: "read" }],
  });
  assertEquals(breakpoints.map((each: { verified: boolean }) => each.verified), [false, false]);
});

Deno.test("a client that counts from 0 is answered from 0, and braces of a message stay", async () => {
  await using client = await startClient();
  const counting = { adapterID: "dmalab", linesStartAt1: false, columnsStartAt1: false };
  await client.body("initialize", counting);
  const wrong = await client.ask("launch", { program: EXAMPLE, limits: 3 });
  const { format, showUser, variables } = wrong.body.error;
  assertEquals(showUser, true);
  assertEquals(
    format.replaceAll(/\{(\w+)\}/g, (_: string, name: string) => variables[name]),
    wrong.message,
  );
  assert(wrong.message!.includes('{ "steps": 1000000 }'));
  await launch(client);
  await client.move("configurationDone");
  const [top] = (await client.body("stackTrace", { threadId: 1 })).stackFrames;
  assertEquals([top.line, top.column], [17, 2]);
  const text = ":stat";
  const { targets } = await client.body("completions", { text, column: text.length, line: 0 });
  assertEquals(targets[0], { ...targets[0], label: ":state", start: 0, length: 5 });
});

Deno.test("a breakpoint in a block that comes too late to be recorded is not verified", async () => {
  const forks = "repeat 501 { fork { advance 1ns } and { advance 1ns } }";
  const last = "let two = fork {\nadvance 1us\n} and {\nadvance 2us\n}\nprint two";
  await using client = await startClient(`test "late" {\n${forks}\n${last}\n}\n`);
  const { program } = client;
  await launch(client, { program, run: "late", stopOnEntry: false });
  const { breakpoints } = await setLines(client, [{ line: 4 }, { line: 8 }], program);
  const ids = breakpoints.map(({ id }: { id: number }) => id);
  assertEquals(breakpoints.map((each: { verified: boolean }) => each.verified), [true, true]);
  const changed = client.event("breakpoint");
  assertEquals((await client.move("configurationDone")).hitBreakpointIds, [ids[1]]);
  const { breakpoint } = await changed;
  assertEquals([breakpoint.id, breakpoint.verified], [ids[0], false]);
  assertMatch(
    breakpoint.message,
    /^Never hit: only the first 1000 blocks .* `fork` comes later$/,
  );
  const again = await setLines(client, [{ line: 4 }], program);
  assertEquals(again.breakpoints[0].message, breakpoint.message);
});

Deno.test("a line that a block prints is sent when its statement has run, and once", async () => {
  const lines = ['test "says" {', "let two = fork {", 'print "one"', 'print "two"', "} and {"];
  await using client = await startClient(
    [...lines, 'print "three"', "}", "print two", "}", ""].join("\n"),
  );
  await launch(client, { program: client.program, run: "says" });
  await client.move("configurationDone");
  const seen: string[] = [];
  for (let step = 0; step < 4; step++) {
    await client.move("stepIn");
    seen.push(client.output("stdout").replaceAll("\n", " "));
  }
  assertEquals(seen, ["", "one ", "one two ", "one two three "]);
  await client.move("continue");
  assertMatch(client.output("stdout"), /^one\ntwo\nthree\n[^]+$/);
  assertEquals(client.output("stdout").match(/one|two|three/g)?.length, 3);
});

Deno.test("blocks of fork are stepped into and out of, and their breakpoints hit, both ways", async () => {
  await using client = await startClient();
  const program = fileURLToPath(
    new URL("../../../examples/museum/06-prp-alloc-fails.dma", import.meta.url),
  );
  const lines = Deno.readTextFileSync(program).split("\n");
  const fork = lines.findIndex((text) => text.includes("let both = fork {")) + 1;
  const [first, second, after] = [fork + 1, fork + 5, fork + 7];
  await client.body("launch", { program, run: "one range, and 31 of 32 pages stay mapped" });
  await client.event("initialized");
  const wanted = [{ line: first }, { line: second }, { line: after }];
  const { breakpoints } = await setLines(client, wanted, program);
  assert(breakpoints.every((each: { verified: boolean }) => each.verified));
  const lineNow = async () => (await stack(client))[0]!.line;
  const seen = [];
  await client.move("configurationDone");
  for (let turn = 0; turn < 3; turn++) {
    seen.push(await lineNow());
    await client.move("continue");
  }
  assertEquals(seen, [first, second, after]);
  for (const line of [after, second, first]) {
    assertEquals((await client.move("reverseContinue")).reason, "breakpoint");
    assertEquals(await lineNow(), line);
  }
  // The frame of the block shows the block's visible names with their values, and the frame of the
  // call is below it.
  const frames = await stack(client);
  const { result } = await client.body("evaluate", {
    expression: "times",
    frameId: frames[0]!.id,
  });
  assertEquals(result, "1");
  assertEquals(frames[1]!.name, "one range, and 31 of 32 pages stay mapped [fork: first]");
  await client.move("stepBack");
  assertEquals(await lineNow(), fork);
  const { targets } = await client.body("stepInTargets", {
    frameId: (await stack(client))[0]!.id,
  });
  assertEquals(targets.map(({ label }: { label: string }) => label), [
    "fork: first",
    "fork: second",
  ]);
  await client.move("stepIn", { targetId: targets[1].id });
  assertEquals(await lineNow(), second);
  await client.move("stepOut");
  assertEquals(await lineNow(), after);
  assertMatch(client.output("console"), /^In fork: first$/m);
  assertMatch(client.output("console"), /^Back in the run itself$/m);
});

/**
 * A scenario in which additional runs of a test fail: a run at a place of `inject each`, and a run
 * in one order of a `race`.
 */
const FAILS_BESIDE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { endpoint nic { } } }
}
test "a place" {
  inject each {
    let a = try dma_map_phys(nic, 0x10_0000, 4KiB, to_device)
    let b = try dma_map_phys(nic, 0x20_0000, 4KiB, to_device)
    if a.ok and b.ok { dma_unmap_phys(nic, a.value, 4KiB, to_device) }
    if b.ok { dma_unmap_phys(nic, b.value, 4KiB, to_device) }
  }
}
test "an order" {
  let value = 0
  race { value = 1 } and { value = 2 }
  assert value == 2
}
`;

Deno.test("the run beside a test that failed is the one that a client stops in", async () => {
  using folder = new TempFolder({ "beside.dma": FAILS_BESIDE });
  const branches = { "a place": "inject dma_map_phys nth 2", "an order": "race: 1" };
  for (const [run, branch] of Object.entries(branches)) {
    await using client = await startClient();
    await client.body("launch", { program: folder.at("beside.dma"), run, stopOnEntry: true });
    await client.event("initialized");
    await client.body("setExceptionBreakpoints", { filters: ["failure"] });
    await client.move("configurationDone");
    const stopped = await client.move("continue");
    assertEquals(stopped.reason, "exception");
    const names = (await stack(client)).map(({ name }) => name).join(" < ");
    assert(names.includes(branch), names);
  }
});

Deno.test("a program that is a link out of its folder is refused, and nothing of its target is shown", async () => {
  using folder = new TempFolder({ "a/own.dma": 'test "t" { }\n', "secret.txt": "secret: word\n" });
  Deno.symlinkSync(folder.at("secret.txt"), folder.at("a/out.dma"));
  Deno.symlinkSync("own.dma", folder.at("a/in.dma"));
  const launched = async (name: string) => {
    await using client = await startClient();
    return await client.ask("launch", { program: folder.at(name), stopOnEntry: true });
  };
  const { body, success } = await launched("a/out.dma");
  assertEquals(success, false);
  assertMatch(body.error.format, /it is a link that leads out of its folder/);
  assertEquals(JSON.stringify(body).includes("word"), false);
  assertEquals((await launched("a/in.dma")).success, true);
});
