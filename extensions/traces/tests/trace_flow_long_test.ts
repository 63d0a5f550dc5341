/** A long trace from the standard input: memory does not grow with it. */
import { assert, assertEquals } from "@std/assert";
import { programWords } from "@dmalab/tests";
import { TracedFlow } from "./traced_flow.ts";

const LINES = 600_000;
const BATCH_LINES = 2000;
const MAX_KB = 260_000;

/** Pipes a trace into the program. @returns The program's output, and its peak memory. */
async function piped(flow: TracedFlow, ...words: string[]) {
  const [command, ...args] = programWords("-A", "--no-check");
  const child = new Deno.Command(command, {
    args: [...args, ...words],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const encoder = new TextEncoder();
  while (flow.lines < LINES) await writer.write(encoder.encode(flow.take(BATCH_LINES)));
  // `cat` is needed because Deno reads files of `/proc` only with all permissions.
  const status = await new Deno.Command("cat", { args: [`/proc/${child.pid}/status`] }).output();
  await writer.close();
  const { code, stderr, stdout } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const mostKb = Number(/VmHWM:\s*(\d+)/.exec(text(status.stdout))![1]);
  return { code, output: text(stdout), errors: text(stderr), mostKb };
}

Deno.test({
  name: "a check of the standard input keeps the lines in no memory",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const flow = new TracedFlow(
      { isDirect: true, mistakeEvery: 0, linesPerSecond: 200_000 },
      8,
    );
    const { code, errors, mostKb, output } = await piped(flow, "trace", "check", "-");
    assertEquals([code, errors], [0, ""]);
    const lines = /^standard input: (\S+) lines/.exec(output)![1]!.replaceAll("_", "");
    assertEquals(Number(lines), flow.lines);
    assert(mostKb < MAX_KB, `${mostKb} kB`);
  },
});
