/**
 * What one CPU at a time has: a lock, or a queue of the hardware. It keeps when it was held, so that
 * a CPU whose time is earlier finds it free although a later hold was run before.
 */
import type { Nanoseconds } from "../address.ts";
import { invariant } from "../errno.ts";
import type { EventFields } from "../event_vocabulary.ts";

/** Which kind of thing it is: a word of the event `cpu.wait`. */
export type ContendedKind = EventFields<"cpu.wait">["what"];

/** Times of holding that are kept apart; before the earliest of them it counts as held. */
const KEPT_HOLDS = 1024;

/** The rule that says what is locked there. */
const RULES: Readonly<Record<ContendedKind, string>> = {
  bounce_area: "dma.6.2",
  depot: "dma.4.5",
  invalidation_queue: "dma.5.2",
  iova_tree: "dma.4.3",
  submission_queue: "nvme.4.1",
};

export class Contended {
  /** Sorted, and none overlaps another. */
  readonly #startsNs: Nanoseconds[] = [];
  readonly #endsNs: Nanoseconds[] = [];

  /** @param index Which one of its kind. */
  constructor(readonly kind: ContendedKind, readonly index: number) {}

  get rule(): string {
    return RULES[this.kind];
  }

  /**
   * Holds it for some time, as early as it is free so long.
   * @returns When that begins: `nowNs` or later.
   */
  hold(nowNs: Nanoseconds, holdNs: Nanoseconds): Nanoseconds {
    const starts = this.#startsNs;
    const ends = this.#endsNs;
    let index = ends.length;
    while (index > 0 && ends[index - 1]! > nowNs) index--;
    let startNs = nowNs;
    while (index < starts.length && starts[index]! < startNs + holdNs) startNs = ends[index++]!;
    invariant(startNs >= nowNs, "A lock is taken before it was asked for");
    invariant(
      (index === 0 || ends[index - 1]! <= startNs) &&
        (index === starts.length || startNs + holdNs <= starts[index]!),
      "Two CPUs hold one lock",
    );
    if (index > 0 && ends[index - 1] === startNs) ends[index - 1] = startNs + holdNs;
    else {
      starts.splice(index, 0, startNs);
      ends.splice(index, 0, startNs + holdNs);
    }
    if (starts.length > KEPT_HOLDS) {
      starts.splice(1, 1);
      ends.splice(0, 1);
    }
    return startNs;
  }
}
