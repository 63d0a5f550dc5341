import { GIVEN_PERMISSIONS } from "./shell_words.ts";

/** Shells report 128 plus the signal's number for a process that a signal has ended. */
const SIGNAL_CODE = 128;
/** Signals that end the process, with their numbers. */
const ENDING = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Lets signals end this process by `exit`, so that temporary folders are removed and started programs end, too.
 * Only while the thread waits: a thread that computes would not see the signal. In a worker nothing is done, because
 * a worker cannot end the process.
 *
 * @returns Gives the signals their old meaning.
 */
export function exitAtSignals(names: readonly (keyof typeof ENDING)[]): () => void {
  if ("WorkerGlobalScope" in globalThis) return () => {};
  // Windows has only SIGINT.
  const known = Deno.build.os === "windows" ? names.filter((name) => name === "SIGINT") : names;
  const listeners = known.map((name) => {
    const exit = () => Deno.exit(SIGNAL_CODE + ENDING[name]);
    Deno.addSignalListener(name, exit);
    return () => Deno.removeSignalListener(name, exit);
  });
  return () => listeners.forEach((stop) => stop());
}

/** Programs that this process has started. They end with it, however it exits. */
class StartedPrograms {
  readonly #running = new Set<Deno.ChildProcess>();
  /** Those for which this process waits: not a compiler between two files. */
  readonly #awaited = new Set<Deno.ChildProcess>();
  /** Gives the signals their old meaning; null while no program is awaited. */
  #stopListening: (() => void) | null = null;

  constructor() {
    globalThis.addEventListener("unload", () => this.#endAll());
  }

  add(child: Deno.ChildProcess): void {
    const [ref, unref] = [child.ref.bind(child), child.unref.bind(child)];
    child.ref = () => (ref(), this.#await(child, this.#running.has(child)));
    child.unref = () => (unref(), this.#await(child, false));
    this.#running.add(child);
    this.#await(child, true);
    const ended = () => (this.#running.delete(child), this.#await(child, false));
    child.status.then(ended, ended);
  }

  #await(child: Deno.ChildProcess, isAwaited: boolean): void {
    if (isAwaited) this.#awaited.add(child);
    else this.#awaited.delete(child);
    if (this.#awaited.size > 0) this.#stopListening ??= exitAtSignals(["SIGHUP", "SIGTERM"]);
    else {
      this.#stopListening?.();
      this.#stopListening = null;
    }
  }

  #endAll(): void {
    for (const child of this.#running) {
      try {
        child.kill("SIGTERM");
      } catch {
        // The program has ended already.
      }
    }
  }
}

const programs = new StartedPrograms();

/**
 * Starts programs that end with this process: at SIGTERM or SIGHUP, at a closed pipe, at an error. At Ctrl-C a
 * terminal ends them.
 */
class EndedCommand extends Deno.Command {
  override spawn(): Deno.ChildProcess {
    const child = super.spawn();
    programs.add(child);
    return child;
  }
}

/**
 * The host of the command line: Deno. All files of `cli/` that are shipped to users access Deno
 * through this constant.
 */
export const host: typeof Deno = Object.create(Deno, {
  Command: { value: EndedCommand, writable: true },
});

/** The value of an environment variable; null if the variable is not set or dmalab may not read it. */
export function allowedVariable(variable: string): string | null {
  const { state } = host.permissions.querySync({ name: "env", variable });
  return state === "granted" ? host.env.get(variable) ?? null : null;
}

/** The permissions that were typed before the command's name. A printed command line repeats them. */
export function givenPermissions(): readonly string[] {
  return (allowedVariable(GIVEN_PERMISSIONS) ?? "").split("\n").filter((each) => each !== "");
}
