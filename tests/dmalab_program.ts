/**
 * The program whose command line the tests try: this checkout's, on Deno. Where
 * `DMALAB_TEST_PROGRAM` names another by its words, as `node dist/bin.js`, they try that one.
 */
import { join } from "@std/path";
import { main } from "../cli/main.ts";
import { MemoryScreen } from "../cli/memory_screen.ts";
import { type DenoOptions, type DenoRun, runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

export const TEST_PROGRAM = "DMALAB_TEST_PROGRAM";

const OTHER = Deno.env.get(TEST_PROGRAM)?.split(" ") ?? null;

/** What a test of Deno's permissions is registered with: other programs have none. */
export const DENO_ONLY = { ignore: OTHER !== null };

/** Does what a command line says: in this process, where that is the program. */
export async function dmalab(...words: string[]) {
  if (OTHER === null) {
    const screen = new MemoryScreen();
    const code = await main(words, screen);
    return { code, output: screen.output, errors: screen.errors };
  }
  const [command, ...args] = OTHER;
  const { code, stderr, stdout } = await new Deno.Command(command!, {
    args: [...args, ...words],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, output: text(stdout), errors: text(stderr) };
}

/** What starts the program. @param permissions On Deno. */
export function programWords(...permissions: string[]): [command: string, ...args: string[]] {
  if (OTHER !== null) return [OTHER[0]!, ...OTHER.slice(1)];
  return [Deno.execPath(), "run", "--no-prompt", ...permissions, join(ROOT, "cli/main.ts")];
}

/** The same as a line for a shell. */
export function programLine(...permissions: string[]): string {
  return programWords(...permissions).map((word) => JSON.stringify(word)).join(" ");
}

/** Runs the program in a process of its own, to its end. */
export function runProgram(
  words: readonly string[],
  options: DenoOptions,
  ...permissions: string[]
): Promise<DenoRun> {
  const [command, ...args] = programWords(...permissions);
  return runDeno([...args, ...words], { ...options, command });
}
