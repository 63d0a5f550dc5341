/**
 * The soak: millions of requests on long-lived machines, with failures, resets and removals while
 * requests are under way. Whenever no request is under way, a machine must hold no more objects
 * than at the start. The same seed must give the same result.
 */
import fc from "fast-check";
import type { Lab } from "@dmalab/devices";
import { HUNT_MACHINES } from "@dmalab/hunt";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { Random } from "@dmalab/runtime";
import { type Blow, type Held, SoakMachine } from "./soak_machine.ts";

/** Number of machines that exist at the same time. */
const MACHINES = 6;
/**
 * One in this many batches has a failure; `RESET_EVERY`: has a reset; `REMOVAL_EVERY`: has a
 * removal of the disk.
 */
const FAILURE_EVERY = 10;
const RESET_EVERY = 200;
const REMOVAL_EVERY = 3000;
const POINTS_SHOWN = 10;
/** Constants of FNV-1a, which hashes the results of all requests into one number. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export interface SoakOptions {
  readonly requests: number;
  readonly seed: number;
  /** Called ten times in a run, the last time at its end, with the present state. */
  readonly onPoint?: (point: SoakPoint) => void;
  /** Called with the machine of each batch before its held objects are counted. */
  readonly onBatch?: (machine: SoakMachine) => void;
  /** Called with each machine before anything happens on it. */
  readonly onLab?: (lab: Lab) => void;
}

export interface SoakPoint {
  readonly requests: number;
  /** Number of requests that succeeded. */
  readonly well: number;
  readonly machines: number;
  readonly failures: number;
  readonly resets: number;
  readonly removals: number;
  /** The objects that the existing machines hold while no request is under way. */
  readonly held: Held;
  readonly ioRanges: number;
  readonly pageBytes: number;
  /** A hash of the statuses, times and counters of all actions. */
  readonly digest: string;
}

/** Runs the given number of requests. @throws {Error} When a machine holds more objects than before. */
export function soak({ onBatch, onLab, onPoint, requests, seed }: SoakOptions): SoakPoint {
  const run = new Soak(seed, onBatch ?? (() => {}), onLab);
  for (let point = 1; point <= POINTS_SHOWN; point++) {
    const end = Math.round((requests * point) / POINTS_SHOWN);
    while (run.requests < end) run.batch();
    onPoint?.(run.point());
  }
  return run.point();
}

class Soak {
  requests = 0;
  readonly #random: Random;
  readonly #machines: SoakMachine[] = [];
  #digest = FNV_OFFSET;
  #well = 0;
  #made = 0;
  #failures = 0;
  #resets = 0;
  #removals = 0;

  constructor(
    private readonly seed: number,
    readonly onBatch: (machine: SoakMachine) => void,
    readonly onLab: ((lab: Lab) => void) | undefined,
  ) {
    this.#random = new Random(seed);
    for (let index = 0; index < MACHINES; index++) this.#machines.push(this.#newMachine());
  }

  /** Runs a few requests on one of the machines, and checks that they left nothing. */
  batch(): void {
    const random = this.#random;
    const index = random.below(MACHINES);
    const each = this.#machines[index]!;
    const blow = this.#blow(index);
    const before = each.held;
    const ios = each.batch(blow);
    this.requests += ios.length;
    for (const { status, statusCode } of ios) {
      this.#mix(statusCode);
      if (status === "OK") this.#well++;
    }
    this.#mix(each.machine.clock.nowNs);
    if (blow === "reset") this.#resets++;
    if (!each.isLive) {
      this.#removals++;
      this.#failures += each.failures;
      this.#machines[index] = this.#newMachine();
    }
    this.onBatch(each);
    const { held } = each;
    for (const what of Object.keys(held) as (keyof Held)[]) {
      if (held[what] <= before[what]) continue;
      throw new Error(
        `After ${this.requests} requests of seed ${this.seed}, on machine ${index}: ` +
          `${held[what]} ${what} are held, and ${before[what]} were`,
      );
    }
  }

  point(): SoakPoint {
    const machines = this.#machines;
    const sum = (of: (each: SoakMachine) => number) =>
      machines.reduce((total, each) => total + of(each), 0);
    return {
      requests: this.requests,
      well: this.#well,
      machines: this.#made,
      failures: this.#failures + sum(({ failures }) => failures),
      resets: this.#resets,
      removals: this.#removals,
      held: {
        mappings: sum(({ held }) => held.mappings),
        bounceSlots: sum(({ held }) => held.bounceSlots),
        descriptors: sum(({ held }) => held.descriptors),
        reports: sum(({ held }) => held.reports),
      },
      ioRanges: sum(({ ioRanges }) => ioRanges),
      pageBytes: sum(({ machine }) => machine.pages.takenBytes),
      digest: (this.#digest >>> 0).toString(16).padStart(8, "0"),
    };
  }

  /**
   * The event of a batch. The first machine is never removed: it stays for the whole soak unless a
   * failure ends it.
   */
  #blow(index: number): Blow {
    const random = this.#random;
    if (random.below(FAILURE_EVERY) === 0) return "failure";
    if (random.below(RESET_EVERY) === 0) return "reset";
    return index > 0 && random.below(REMOVAL_EVERY) === 0 ? "removal" : "none";
  }

  #newMachine(): SoakMachine {
    const seed = this.seed + 1 + this.#made++;
    const [spec] = fc.sample(HUNT_MACHINES, { seed, numRuns: 1 });
    const kernel = KERNEL_NAMES[this.#random.below(KERNEL_NAMES.length)]!;
    return new SoakMachine(spec!, { kernel, quirks: new Set() }, this.#random, this.onLab);
  }

  #mix(value: number): void {
    this.#digest = Math.imul(this.#digest ^ (value | 0), FNV_PRIME);
  }
}
