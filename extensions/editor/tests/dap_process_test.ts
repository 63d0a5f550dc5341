/** `dmalab dap` in processes of its own, as an editor starts it. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { withProcess } from "./dap/process.ts";
import { ENDLESS } from "./dap/scenarios.ts";
import { KNOWN, walkedThrough } from "./dap/walk.ts";
import { programWords, ROOT } from "@dmalab/tests";

Deno.test("two processes serve two clients at once, and end with them", async () => {
  const codes = await Promise.all([
    withProcess(async (client) => {
      await client.body("initialize", {});
      await walkedThrough(client, KNOWN[0]!);
      await client.body("disconnect");
    }),
    withProcess(async (client) => {
      await client.body("initialize", {});
      await walkedThrough(client, KNOWN[3]!);
    }),
  ]);
  assertEquals(codes, [0, 0]);
});

Deno.test("an adapter whose client reads no longer ends, though its input stays open", async () => {
  const [command, ...args] = programWords("-R");
  const child = new Deno.Command(command, {
    args: [...args, "dap"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  await child.stdout.cancel();
  const input = child.stdin.getWriter();
  const request = JSON.stringify({ seq: 1, type: "request", command: "threads" });
  const message = new TextEncoder().encode(`Content-Length: ${request.length}\r\n\r\n${request}`);
  // The process writes its answer to a closed pipe.
  input.write(message).catch(() => {});
  const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const { code } = await child.status;
  clearTimeout(timer);
  await input.abort().catch(() => {});
  assertEquals(code, 0, "it had to be killed");
});

Deno.test("a run without an end stops at breakpoints, is paused, gone back in, and ended", async () => {
  using folder = new TempFolder();
  const program = folder.write("lab.dma", ENDLESS);
  const code = await withProcess(async (client) => {
    await client.body("initialize", {});
    await client.body("launch", { program });
    const { breakpoints } = await client.body("setBreakpoints", {
      source: { path: program },
      breakpoints: [{ line: 7, condition: "turns == 2000" }],
    });
    const stopped = await client.move("configurationDone");
    assertEquals(stopped.hitBreakpointIds, [breakpoints[0].id]);
    const evaluate = async (expression: string) =>
      Number((await client.body("evaluate", { expression })).result);
    assertEquals(await evaluate("turns"), 2000);
    await client.body("continue", { threadId: 1 });
    const refused = await client.ask("stackTrace", { threadId: 1 });
    assertEquals([refused.success, refused.message], [
      false,
      "The target is running: pause it first",
    ]);
    assertEquals((await client.move("pause")).reason, "pause");
    const paused = await evaluate("turns");
    assert(paused >= 2000, String(paused));
    assertEquals((await client.move("reverseContinue")).hitBreakpointIds, [breakpoints[0].id]);
    assertEquals(await evaluate("turns"), 2000);
    await client.body("setBreakpoints", { source: { path: program }, breakpoints: [] });
    await client.body("continue", { threadId: 1 });
    const terminated = client.event("terminated");
    await client.body("terminate");
    await terminated;
    await client.body("disconnect");
  });
  assertEquals(code, 0);
});

const LONG = `let x = 0
let still = 7
for i in 0..800_000 { x += 1 }
print x + still
`;

/**
 * A search for this expression takes long at each position of the run: therefore it ends only when it
 * is stopped.
 */
const SLOW = "(0..20_000).map(n => n * still).sum()";
/** An expression that is never true; a search for it takes seconds and reports progress. */
const NEVER = "(0..100).map(n => n * x).sum() < 0";

Deno.test("a search is given up when its answer is not wanted or a pause is, and one is where one was", async () => {
  using folder = new TempFolder();
  const program = folder.write("lab.dma", LONG);
  const code = await withProcess(async (client) => {
    await client.body("initialize", { supportsProgressReporting: true });
    await client.body("launch", { program });
    const source = { path: program };
    await client.body("setBreakpoints", { source, breakpoints: [{ line: 4 }] });
    await client.move("configurationDone");
    const soon = () => new Promise((resolve) => setTimeout(resolve, 300));
    const search = () => client.ask("evaluate", { context: "repl", expression: `:rewind ${SLOW}` });
    const cancelled = search();
    await soon();
    await client.body("cancel", { requestId: client.lastSent });
    const { message, success } = await cancelled;
    assertEquals([success, message], [false, "cancelled"]);
    const paused = search();
    await soon();
    const stopped = await client.move("pause");
    assertEquals(stopped.reason, "pause");
    assertEquals((await paused).message, "Interrupted; the position is unchanged");
    // A breakpoint's condition starts a slow search, too.
    const breakpoints = [{ line: 3, condition: NEVER }];
    await client.body("setBreakpoints", { source, breakpoints });
    const begun = client.event("progressStart");
    await client.body("reverseContinue", { threadId: 1 });
    await begun;
    assertEquals((await client.move("pause")).reason, "pause");
    await client.body("setBreakpoints", { source, breakpoints: [] });
    const { result } = await client.body("evaluate", { expression: "still" });
    assertEquals(result, "7");
    // The search that is still waiting is cancelled first. Otherwise it would begin when the other
    // search ends.
    const first = search();
    const second = client.ask("evaluate", { expression: "x" });
    const requests = [client.lastSent, client.lastSent - 1];
    const both = requests.map((requestId) => client.ask("cancel", { requestId }));
    assertEquals((await first).message, "cancelled");
    assertEquals((await second).message, "cancelled");
    await Promise.all(both);
    assertEquals((await client.body("evaluate", { expression: "still" })).result, "7");
  });
  assertEquals(code, 0);
});

Deno.test("a run is ended in the midst of a builtin that calls the script for ever", async () => {
  const spinning = `fn spin(n) {
  let y = 0
  while y < n { y += 1 }
  return y
}
let all = [1].map(n => spin(100_000_000_000))
print all
`;
  using folder = new TempFolder();
  const program = folder.write("lab.dma", spinning);
  const code = await withProcess(async (client) => {
    await client.body("initialize", {});
    await client.body("launch", { program, limits: { "steps": 1e15, "time-seconds": 3600 } });
    await client.body("configurationDone");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const terminated = client.event("terminated");
    await client.body("terminate");
    await terminated;
    assertEquals(client.events.filter(({ event }) => event === "stopped"), []);
  });
  assertEquals(code, 0);
});
