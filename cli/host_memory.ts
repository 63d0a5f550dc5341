/**
 * How much of the host's memory this thread uses, and garbage collection on demand.
 *
 * The host's heap may grow to several times the size of live data before garbage is collected. When
 * the size of the heap reaches the memory limit of a run, dmalab collects garbage and checks the
 * limit again. The function that collects garbage is hidden until a V8 flag is set; the first run
 * that needs the function sets the flag.
 */
import type { MemoryWatch } from "@dmalab/lang/run";
import { host } from "./host.ts";

type Collect = () => void;

interface HiddenModules {
  getBuiltinModule: {
    (name: "node:v8"): { setFlagsFromString(flag: string): void };
    (name: "node:vm"): { runInNewContext(code: string): Collect };
  };
}

export class HostMemoryWatch implements MemoryWatch {
  /** Memory in use before any run. */
  readonly #beforeBytes: number = this.#bytes();
  #collect: Collect | null = null;

  /**
   * Bytes that were allocated for this thread's values since this object was created, including
   * values that are no longer in use.
   */
  takenBytes(): number {
    return Math.max(0, this.#bytes() - this.#beforeBytes);
  }

  /** Collects garbage. @returns The bytes that remain in use. */
  collect(): number {
    this.#collect ??= collector();
    this.#collect();
    const { external, heapUsed } = host.memoryUsage();
    return Math.max(0, heapUsed + external - this.#beforeBytes);
  }

  #bytes(): number {
    const { external, heapTotal } = host.memoryUsage();
    return heapTotal + external;
  }
}

function collector(): Collect {
  const process: HiddenModules = Reflect.get(globalThis, "process");
  process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  return process.getBuiltinModule("node:vm").runInNewContext("gc");
}
