/**
 * Traces without an end. No line is lost between the writer and `trace watch`, and each mistake is
 * reported. Memory does not grow, not even when a check reads such a trace from standard input.
 */
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
  name: "watching loses no line and no mistake, and needs no more memory than at first",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const form = { isDirect: false, mistakeEvery: 100_000, linesPerSecond: 200_000 };
    const flow = new TracedFlow(form, 7);
    const { code, errors, mostKb, output } = await piped(flow, "trace", "watch", "-");
    assertEquals(code, 1);
    const found = output.split("\n").filter((line) => line.includes("proved: unmap_size"));
    assertEquals(found.length, flow.mistakes);
    assertEquals(output.trim().split("\n").length, flow.mistakes);
    assert(errors.replaceAll("_", "").startsWith(`${flow.lines} lines,`), errors);
    assert(mostKb < MAX_KB, `${mostKb} kB`);
  },
});

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
