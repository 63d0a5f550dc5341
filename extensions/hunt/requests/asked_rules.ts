/** Which rows of the table of behaviours a run asked for: what nothing asked for leaves the run as it was. */
import type { Kernel, QuirkName } from "@dmalab/runtime/kernels";

export class AskedRules {
  readonly #names = new Set<string>();

  /** The same kernel, which notes what is read of it. */
  readonly watch = (kernel: Kernel): Kernel => {
    const noting = {};
    for (const [name, value] of Object.entries(kernel)) {
      Object.defineProperty(noting, name, {
        enumerable: true,
        get: () => {
          this.#names.add(name);
          return value;
        },
      });
    }
    return noting as Kernel;
  };

  /** Whether a switch was asked for. */
  has(name: QuirkName): boolean {
    return this.#names.has(name);
  }
}
