/** Runs programs of the host that a boot needs. Each is started by name, without a shell. */
import { host, hostReason } from "@dmalab/cli";
import { type ProgramName, PROGRAMS } from "./program_names.ts";

/** The output of a program, or the reason why it could not be run, as a sentence. */
export type ProgramResult =
  | { readonly code: number; readonly stdout: Uint8Array<ArrayBuffer>; readonly stderr: string }
  | { readonly problem: string };

/**
 * Runs a program, and waits for its end.
 * @param input The program's standard input; no input when left out.
 */
export async function runProgram(
  name: ProgramName,
  args: readonly string[],
  input: Uint8Array<ArrayBuffer> | null = null,
): Promise<ProgramResult> {
  try {
    const child = new host.Command(name, {
      args: [...args],
      stdin: input === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const written = input === null ? null : writeInput(child, input);
    const { code, stderr, stdout } = await child.output();
    await written;
    return { code, stdout, stderr: new TextDecoder().decode(stderr) };
  } catch (error) {
    return { problem: whyNotStarted(name, error) };
  }
}

/**
 * Pipes the output of one program into another without keeping the output in memory.
 *
 * @param mostBytes Limit of that output; both programs are ended when it is larger.
 * @returns Exit code and messages of the first program. If one of the two did not start, the reason
 *   as a sentence.
 */
export async function pipePrograms(
  [from, fromArgs]: readonly [ProgramName, readonly string[]],
  [to, toArgs]: readonly [ProgramName, readonly string[]],
  mostBytes: number,
): Promise<{ readonly code: number; readonly stderr: string } | { readonly problem: string }> {
  const options = { stdout: "piped", stderr: "piped" } as const;
  let first: Deno.ChildProcess;
  let second: Deno.ChildProcess;
  try {
    first = new host.Command(from, { args: [...fromArgs], stdin: "null", ...options }).spawn();
  } catch (error) {
    return { problem: whyNotStarted(from, error) };
  }
  try {
    second = new host.Command(to, { args: [...toArgs], stdin: "piped", ...options }).spawn();
  } catch (error) {
    first.kill();
    await first.output();
    return { problem: whyNotStarted(to, error) };
  }
  const said = new Response(first.stderr).text();
  const ended = second.output();
  // An error of the pipe is ignored: if the second program ends early, the exit code of the first
  // program shows that.
  let left = mostBytes;
  const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, output) {
      left -= chunk.length;
      if (left < 0) throw new RangeError("more than the limit");
      output.enqueue(chunk);
    },
  });
  await first.stdout.pipeThrough(counted).pipeTo(second.stdin).catch(() => {});
  await ended;
  const { code } = await first.status;
  const stderr = await said;
  if (left < 0) return { problem: `"${from}" writes more than ${mostBytes / 2 ** 20} MiB` };
  return { code, stderr };
}

/** The sentence for a program that did not start. */
export function whyNotStarted(name: ProgramName, error: unknown): string {
  return error instanceof host.errors.NotFound
    ? `"${name}" is not installed (Debian: apt-get install ${PROGRAMS[name]})`
    : `"${name}" cannot be started: ${hostReason(error)}`;
}

async function writeInput(
  child: Deno.ChildProcess,
  input: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(input);
    await writer.close();
  } catch {
    // The program exited before it had read everything: its exit code says why.
  }
}
