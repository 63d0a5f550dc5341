/** Suites for tests of `--jobs`. */
import { startWorkersAlways } from "@dmalab/cli/extend";

/** The calls of a driver's loop, counted from 0, in whose failure something goes wrong. */
export interface SweepMistakes {
  readonly calls: number;
  /** Calls whose failure leaks the mapping before. */
  readonly leaks: readonly number[];
  /** Calls whose failure unmaps twice, which the checker reports. */
  readonly reports: readonly number[];
  /** Calls whose failure breaks an assertion. */
  readonly asserts: readonly number[];
}

/** A scenario with a sweep over the calls of a loop. */
export function sweepScenario({ asserts, calls, leaks, reports }: SweepMistakes): string {
  const mistakes = [
    ...leaks.map((call) => `if number == ${call} { left = true }`),
    ...reports.map((call) =>
      `if number == ${call} and first.ok { dma_unmap_phys(nic, first.value, 4KiB, to_device) }`
    ),
    ...asserts.map((call) => `assert number != ${call}`),
  ];
  return `machine {
  iommu { mode = strict, reserved = [] }
  pci { root_port rp0 { endpoint nic { } } }
}

test "a loop of ${calls} calls" with { leaks = fail } {
  let pages = alloc_pages(${calls}, contiguous: false).pages
  inject each {
    let first = try dma_map_phys(nic, 0x10_0000, 4KiB, to_device)
    let number = 0
    let left = false
    for phys in pages {
      let mapped = try dma_map_phys(nic, phys, 4KiB, to_device)
      if mapped.ok { dma_unmap_phys(nic, mapped.value, 4KiB, to_device) } else {
        ${mistakes.join("\n        ")}
      }
      number += 1
    }
    if first.ok and not left { dma_unmap_phys(nic, first.value, 4KiB, to_device) }
  }
}

test "after it" { assert 1 == 1 }
`;
}

/** Starts workers at once, and counts them, until it is disposed of. */
export function countedWorkers(): Disposable & { readonly count: number } {
  const Original = globalThis.Worker;
  let count = 0;
  globalThis.Worker = class extends Original {
    constructor(...words: ConstructorParameters<typeof Original>) {
      super(...words);
      // The listener for Ctrl-C has no file.
      if (String(words[0]).startsWith("file:")) count++;
    }
  };
  startWorkersAlways(true);
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]() {
      globalThis.Worker = Original;
      startWorkersAlways(false);
    },
  };
}
