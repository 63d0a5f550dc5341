/**
 * The soak: millions of requests on machines that live long, with failures, resets and removals
 * under way. The machines' held objects must be as before whenever nothing is under way, and the
 * same seed must come to the same end.
 */
import fc from "fast-check";
import type { Lab } from "@dmalab/devices";
import { HUNT_MACHINES } from "@dmalab/hunt";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { Random } from "@dmalab/runtime";
import { type Blow, type Held, SoakMachine } from "./soak_machine.ts";

/** Machines that exist side by side. */
const MACHINES = 6;
/** One batch in so many has a failure, a reset, or the end of its disk. */
const FAILURE_EVERY = 10;
const RESET_EVERY = 200;
const REMOVAL_EVERY = 3000;
const POINTS_SHOWN = 10;
/** FNV-1a, by which all that comes of the requests is made one number. */
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

export interface SoakOptions {
  readonly requests: number;
  readonly seed: number;
  /** Called ten times, and at the end, with the present state. */
  readonly onPoint?: (point: SoakPoint) => void;
  /** Is given the machine of each batch before a look is taken at what it holds. */
  readonly onBatch?: (machine: SoakMachine) => void;
  /** Is given each machine before anything happens on it. */
  readonly onLab?: (lab: Lab) => void;
}

export interface SoakPoint {
  readonly requests: number;
  /** Requests that ended well. */
  readonly well: number;
  readonly machines: number;
  readonly failures: number;
  readonly resets: number;
  readonly removals: number;
  /** For the existing machines: the objects that they hold while nothing is under way. */
  readonly held: Held;
  readonly ioRanges: number;
  readonly pageBytes: number;
  /** A digest of the statuses, times and counters of all actions. */
  readonly digest: string;
}

/** Runs so many requests. @throws When something is held that was not before. */
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

  /** A few requests on one of the machines, and a look at what they left. */
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

  /** The first machine stays for the whole run, unless a failure is the end of it. */
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
