/** Starting Deno from a test or a task, and reading what it says. */
import { blankAnsi } from "./text.ts";

export interface DenoRun {
  readonly success: boolean;
  readonly code: number;
  /** Both streams as they came, without colours and without what Deno says of its downloads. */
  readonly output: string;
}

export interface DenoOptions {
  readonly folder: string;
  /** Pass on what is written while it is written. */
  readonly show?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends Ctrl-C when so many milliseconds have passed. */
  readonly interruptAfterMs?: number;
}

/** Runs the Deno that runs us, to its end. */
export async function runDeno(
  args: readonly string[],
  { folder, show = false, env = {}, interruptAfterMs }: DenoOptions,
): Promise<DenoRun> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: folder,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const interrupt = interruptAfterMs === undefined
    ? undefined
    : setTimeout(() => child.kill("SIGINT"), interruptAfterMs);
  let output = "";
  const read = async (
    stream: ReadableStream<Uint8Array>,
    shown: { writeSync(bytes: Uint8Array): number },
  ) => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      output += decoder.decode(bytes, { stream: true });
      if (show) writeAll(shown, bytes);
    }
  };
  await Promise.all([read(child.stdout, Deno.stdout), read(child.stderr, Deno.stderr)]);
  const { success, code } = await child.status;
  clearTimeout(interrupt);
  // With an empty cache the first run fetches packages, and says so among the program's words.
  return {
    success,
    code,
    output: blankAnsi(output).replace(/^(?:Download|Initialize) .*\n/gm, ""),
  };
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}

/** What `deno test` counted, from its last line; null when it has none. */
export function testCounts(output: string): { passed: number; failed: number } | null {
  const lines = [...output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/gm)];
  const last = lines.at(-1);
  return last === undefined ? null : { passed: Number(last[1]), failed: Number(last[2]) };
}
