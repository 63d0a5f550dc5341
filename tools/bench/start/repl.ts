/**
 * Time to the REPL's prompt, compared with Deno's REPL.
 *
 * `repl.start` is the time to the prompt at a terminal, when keys are accepted. The modules for the
 * first input are loaded later, while the user types it. `repl.answer` is the time to the result of
 * an input that is piped in. In this case nothing can be loaded while the input is typed. The
 * package is started in the same way as its launcher starts it.
 */
import { TempFolder } from "../../temp_folder.ts";
import { buildPackage } from "../../package/build_package.ts";
import { denoOptions, LAZY_IMPORTS } from "@dmalab/cli/extend";
import { FIRST_PROMPT } from "@dmalab/cli/debug";
import type { Benchmark } from "../benchmark.ts";
import { PROJECT } from "../../project.ts";
import { measureStart, timed } from "./pairs.ts";

const INPUT = "1 + 1";
const ANSWER = "2";

/** Milliseconds until a program at a terminal asks for input. @throws {Error} When it never does. */
async function promptMs(args: readonly string[], folder: string, prompt: string): Promise<number> {
  const command = [Deno.execPath(), ...args].join(" ");
  const began = performance.now();
  const child = new Deno.Command("script", {
    args: ["-qfec", command, "/dev/null"],
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const decoder = new TextDecoder();
  let shown = "";
  let tookMs: number | null = null;
  for await (const bytes of child.stdout) {
    shown += decoder.decode(bytes, { stream: true });
    if (tookMs !== null || !shown.includes(prompt)) continue;
    tookMs = performance.now() - began;
    child.kill();
  }
  await child.stdin.abort().catch(() => {});
  await child.status;
  if (tookMs === null) throw new Error(`${command} shows no prompt`);
  return tookMs;
}

/**
 * Milliseconds until a program has answered the piped input and has ended.
 * @throws {Error} When the program fails.
 */
function answerMs(args: readonly string[], folder: string): number {
  return timed(() => {
    const command = `echo '${INPUT}' | '${Deno.execPath()}' ${args.join(" ")}`;
    const { stdout, success } = new Deno.Command("sh", {
      args: ["-c", command],
      cwd: folder,
      stderr: "null",
    }).outputSync();
    const said = new TextDecoder().decode(stdout);
    if (!success || !said.includes(ANSWER)) throw new Error(`${command} answers: ${said}`);
  });
}

/**
 * Two benchmarks: one compares the package's REPL with Deno's REPL, the other compares the REPL of
 * this project's sources with Deno's REPL.
 * @param start Starts a REPL, and returns the time.
 */
function pair(
  name: string,
  doc: string,
  start: (args: readonly string[], folder: string, prompt: string) => number | Promise<number>,
): readonly Benchmark[] {
  const measure = (name: string, folder: string, file: string, options: readonly string[]) =>
    measureStart(
      name,
      () => start(["run", ...options, "-R=.", file, "repl"], folder, FIRST_PROMPT.trim()),
      () => start(["repl"], folder, "> "),
      "deno repl",
    );
  const checkout = `${name}_checkout`;
  return [
    {
      name,
      doc,
      async run() {
        using folder = new TempFolder();
        const problem = buildPackage(folder.path, false);
        if (problem !== null) throw new Error(problem);
        return await measure(name, folder.path, "lib/main.js", denoOptions(folder.path));
      },
    },
    {
      name: checkout,
      doc: "the same in this project, from its sources, as the task `dmalab`",
      run: () => measure(checkout, PROJECT, "bin/main.ts", ["--no-prompt", LAZY_IMPORTS]),
    },
  ];
}

export const REPL_STARTS: readonly Benchmark[] = [
  ...pair(
    "repl.start",
    "the REPL with dmalab as a package, up to its prompt at a terminal, against deno repl",
    promptMs,
  ),
  ...pair(
    "repl.answer",
    "the REPL with dmalab as a package, up to the first answer in a pipe, against deno repl",
    answerMs,
  ),
];
