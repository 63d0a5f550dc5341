/**
 * Ctrl-C and Ctrl-Z while somebody types.
 *
 * `node:readline` takes a terminal's keys one by one, these two as letters, and would have to send
 * itself the signal that stops a process: Deno asks for a permission for that. Here the terminal goes on
 * making signals of them, so that it stops us by itself, and Ctrl-C is heard in the midst of work.
 * A shell takes the terminal over meanwhile: who goes on, by `fg`, sets it up again.
 */
import { host } from "../host.ts";
import type { Interface } from "node:readline";

/** What is done with a signal. */
export interface SignalActions {
  /** Ctrl-C. */
  interrupted(): void;
  /** The process goes on after it was stopped. */
  resumed(): void;
  /** Ctrl-Z where nobody could go on. */
  notStopped(): void;
}

/** Set by `deno task` and npm, which wait for us and would go on waiting when we are stopped. */
const STARTER = "INIT_CWD";

/** Whether a shell would not learn that we are stopped. False where the environment is not ours to see. */
function hasStarter(): boolean {
  const { state } = host.permissions.querySync({ name: "env", variable: STARTER });
  return state === "granted" && host.env.get(STARTER) !== undefined;
}

/** Hears signals until it is closed. */
export class TerminalSignals {
  readonly #listeners: readonly (readonly [Deno.Signal, () => void])[];

  constructor(terminal: Interface, { interrupted, notStopped, resumed }: SignalActions) {
    const stays = hasStarter();
    if (!("Deno" in globalThis) || host.build.os === "windows") {
      // Node may send itself signals; it leaves the stream paused until somebody asks for a line.
      terminal.on("SIGINT", interrupted);
      terminal.on("SIGCONT", resumed);
      if (stays) terminal.on("SIGTSTP", notStopped);
      this.#listeners = [];
      return;
    }
    const goOn = () => {
      takeKeys();
      resumed();
    };
    this.#listeners = [
      ["SIGINT", interrupted],
      ["SIGCONT", goOn],
      // Whoever hears it is not stopped.
      ...stays ? [["SIGTSTP", notStopped] as const] : [],
    ];
    for (const [signal, listener] of this.#listeners) host.addSignalListener(signal, listener);
    takeKeys();
  }

  close(): void {
    for (const [signal, listener] of this.#listeners) host.removeSignalListener(signal, listener);
  }
}

/** Has the terminal hand over each key as it comes, and make signals of Ctrl-C and Ctrl-Z. */
function takeKeys(): void {
  // What Deno remembers of the terminal is what it did itself, not what a shell has done since.
  host.stdin.setRaw(false);
  host.stdin.setRaw(true, { cbreak: true });
}
