/**
 * What this thread takes of the host's memory, and giving back what nothing leads to any more.
 *
 * The host collects when it likes, which may be at several times what is held. A run that comes to
 * its limit by the host's own account is held to what is left after a collection. The function for
 * that is hidden until a flag is set, and is looked for by the first run that needs it.
 */
import type { MemoryWatch } from "../lang/vm/run_watch.ts";
import { host } from "./host.ts";

type Collect = () => void;

interface HiddenModules {
  /** Left out by the first releases of Node 20. */
  getBuiltinModule?: {
    (name: "node:v8"): { setFlagsFromString(flag: string): void };
    (name: "node:vm"): { runInNewContext(code: string): Collect };
  };
}

export class HostMemory implements MemoryWatch {
  /** What there was before anything was run. */
  readonly #beforeBytes: number = this.#bytes();
  #collect: Collect | null = null;

  /** Bytes that are set aside for this thread's values, in use or not, since this was made. */
  takenBytes(): number {
    return Math.max(0, this.#bytes() - this.#beforeBytes);
  }

  /** Gives back what nothing leads to. @returns The bytes that are in use. */
  collect(): number {
    this.#collect ??= collector();
    // Without a collection, garbage cannot be distinguished from values: nothing is counted.
    if (this.#collect === null) return 0;
    this.#collect();
    const { external, heapUsed } = host.memoryUsage();
    return Math.max(0, heapUsed + external - this.#beforeBytes);
  }

  #bytes(): number {
    const { external, heapTotal } = host.memoryUsage();
    return heapTotal + external;
  }
}

function collector(): Collect | null {
  const process: HiddenModules = Reflect.get(globalThis, "process");
  process.getBuiltinModule?.("node:v8").setFlagsFromString("--expose-gc");
  return process.getBuiltinModule?.("node:vm").runInNewContext("gc") ?? null;
}
