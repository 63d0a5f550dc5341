/** Ends the processes that a task has started, and all that these have started, together with the task. */

/** Shells report 128 plus the signal's number for a process that a signal has ended. */
const SIGNAL_CODE = 128;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** Exit code when the reader of the output has closed the pipe: 128 + SIGPIPE. */
export const CLOSED_PIPE_CODE = 141;

/** Prints each process with its state and its parent. Not every Linux has `ps`, and only Linux has `/proc`. */
const LIST = "cat /proc/[0-9]*/stat 2>/dev/null || ps -A -o pid=,stat=,ppid=";
const ROW = /^ *(?<pid>\d+) +(?:\(.*\) )?(?<state>\S+) +(?<parent>\d+)/gm;
/** The state of a process that has ended, and whose parent has not looked at it yet. */
const ENDED = "Z";

/** The parents of all running processes, by process. */
export function runningProcesses(): ReadonlyMap<number, number> {
  const { stdout } = new Deno.Command("sh", {
    args: ["-c", LIST],
    stdin: "null",
    stderr: "null",
  }).outputSync();
  const rows = [...new TextDecoder().decode(stdout).matchAll(ROW)].map(({ groups }) => groups!);
  return new Map(
    rows.filter(({ state }) => !state!.startsWith(ENDED))
      .map(({ parent, pid }) => [Number(pid), Number(parent)]),
  );
}

/** The processes that a process has started, directly or through others; without itself. */
export function processesBelow(pid: number): readonly number[] {
  const children = Map.groupBy(runningProcesses(), ([, parent]) => parent);
  const below = (parent: number): number[] =>
    (children.get(parent) ?? []).flatMap(([child]) => [child, ...below(child)]);
  return below(pid);
}

/** Kills all processes below this one. They are stopped first, so that none starts another one meanwhile. */
export function killProcessesBelow(): void {
  const stopped = new Set<number>();
  for (;;) {
    const more = processesBelow(Deno.pid).filter((pid) => !stopped.has(pid));
    // The program that lists them is among them; it has ended by now.
    const alive = more.filter((pid) => send(pid, "SIGSTOP"));
    if (alive.length === 0) break;
    for (const pid of alive) stopped.add(pid);
  }
  for (const pid of stopped) send(pid, "SIGKILL");
}

/** Sends a signal. @returns False if there is no such process any more. */
function send(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/**
 * Ends this task: kills the processes that it has started, removes its files, and exits.
 *
 * @param cleanUp Removes the task's files.
 */
export function endTask(code: number, cleanUp: () => void): never {
  killProcessesBelow();
  cleanUp();
  Deno.exit(code);
}

/**
 * Ends this task, with the processes that it has started, at a signal. The exit code is the one that shells expect.
 *
 * @param cleanUp Removes the task's files.
 * @param signals The signals; the other ones keep their meaning.
 * @returns Gives the signals their old meaning.
 */
export function endAtSignals(
  cleanUp: () => void = () => {},
  signals: readonly (keyof typeof SIGNALS)[] = ["SIGHUP", "SIGINT", "SIGTERM"],
): () => void {
  const listeners = signals.map((signal) => {
    const end = () => endTask(SIGNAL_CODE + SIGNALS[signal], cleanUp);
    Deno.addSignalListener(signal, end);
    return () => Deno.removeSignalListener(signal, end);
  });
  return () => listeners.forEach((stop) => stop());
}
