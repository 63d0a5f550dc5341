/** Git, which reads mailboxes, applies patches and compares folders: a process of its own, in a folder that it is told. */
import { TreeError } from "@dmalab/runtime/kernels";
import { host } from "@dmalab/cli";

/** Nothing of the user's settings changes what is printed, and no program but git itself is started. */
const PLAIN = [
  "-c",
  "core.quotePath=false",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
];

export interface GitResult {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs git. @throws {TreeError} Where it cannot be started. */
export async function git(
  folder: string,
  args: readonly string[],
  input: Uint8Array<ArrayBuffer> | null = null,
): Promise<GitResult> {
  try {
    const child = new host.Command("git", {
      args: ["-C", folder, ...PLAIN, ...args],
      stdin: input === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (input !== null) {
      const writer = child.stdin.getWriter();
      // Where it ends early, its errors say why.
      await writer.write(input).then(() => writer.close()).catch(() => {});
    }
    const { code, stderr, stdout } = await child.output();
    const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, output: output!, errors: errors! };
  } catch (error) {
    const why = error instanceof host.errors.NotCapable
      ? "starting it is not permitted"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new TreeError(
      `Cannot run git: ${why}`,
      "install git, and allow it with `--allow-run=git`",
    );
  }
}

/** Runs git, and expects success. @throws {TreeError} */
export async function gitOutput(folder: string, args: readonly string[]): Promise<string> {
  const { code, errors, output } = await git(folder, args);
  if (code === 0) return output;
  throw new TreeError(`git ${args[0]}: ${firstLine(errors)}`, "run it by hand to see more");
}

export function firstLine(errors: string): string {
  const [line = "it failed"] = errors.trim().split("\n");
  return line.replace(/^(?:fatal|error): /, "");
}
