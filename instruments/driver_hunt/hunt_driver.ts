/**
 * The hunt for what is wrong with a driver: every buffer that its declaration allows, on every
 * machine, in each direction, once as it is and once for each place where something can fail. The
 * fewest pieces and the plainest layouts come first, so that the first case that is wrong is the
 * smallest. Where there are too many, cases are drawn, and one that is wrong is made smaller.
 */
import type { DriverEntry } from "../../lang/run/driver_entry.ts";
import type { Program } from "../../lang/run/program.ts";
import { Random } from "../../runtime/random.ts";
import { DriverBench } from "./bench.ts";
import type { CaseEnd, CaseFault, DriverCase, Refusal, Wrong } from "./driver_case.ts";
import { type Layout, LayoutSpace } from "./layout.ts";
import { smallerCase } from "./smaller_case.ts";
import type { MachineVariation } from "./variations.ts";

export interface DriverHuntOptions {
  readonly program: Program;
  readonly driver: DriverEntry;
  readonly machines: readonly MachineVariation[];
  readonly seed: number;
  /** Cases at most; where the buffers allow fewer, each of them is tried. */
  readonly cases: number;
  /** Asked now and then; false ends the hunt. */
  readonly mayGoOn: () => boolean;
  /** Called now and then with how far it is. */
  readonly onProgress?: (cases: number, pieces: number) => void;
}

/** A case in which something is wrong. */
export interface DriverFinding {
  readonly case: DriverCase;
  readonly wrong: Wrong;
  /** The driver's `map` failed in it. */
  readonly refused: boolean;
  /** What the driver's `map` returns where it fails, as far as that was seen. */
  readonly refusal: Refusal;
  /** How many cases were tried up to it. */
  readonly cases: number;
}

export interface DriverHuntResult {
  readonly cases: number;
  /** Cases in which `map` failed, for a reason. */
  readonly refused: number;
  readonly layouts: number;
  /** Layouts that the driver is never given. */
  readonly leftOut: number;
  /** Up to so many pieces every case was tried; 0 where none was. */
  readonly allUpTo: number;
  /** Some cases were drawn. */
  readonly drawn: boolean;
  /** It was ended early. */
  readonly stopped: boolean;
  readonly finding: DriverFinding | null;
}

/** Cases between two looks at whether to go on. */
const LOOK_EVERY = 512;
/** Places of failure that a case is taken to have before any was seen. */
const USUAL_PLACES = 12;
/** Of a layout that was drawn, at most so many places of failure are tried. */
const DRAWN_PLACES = 8;

/** The hunt was ended from outside. */
class Stopped extends Error {}

/** Hunts for what is wrong with a driver. @throws {CannotHunt} When it cannot be tried at all. */
export function huntDriver(options: DriverHuntOptions): DriverHuntResult {
  return new DriverHunt(options).run();
}

class DriverHunt {
  #cases = 0;
  #refused = 0;
  #layouts = 0;
  #leftOut = 0;
  #allUpTo = 0;
  #draws = false;
  /** Layouts on machines in a direction, and the places of failure that they had. */
  #tries = 0;
  #places = 0;
  #refusal: Refusal = "none";
  #finding: DriverFinding | null = null;
  readonly #benches = new Map<MachineVariation, DriverBench>();
  readonly #space: LayoutSpace;
  readonly #random: Random;

  constructor(readonly options: DriverHuntOptions) {
    const { driver, machines, seed } = options;
    this.#random = new Random(seed);
    this.#space = new LayoutSpace({
      sizesBytes: driver.sizesBytes,
      offsetsBytes: driver.offsetsBytes,
      hasHigh: machines.every((machine) => this.#bench(machine).hasHigh),
    });
  }

  run(): DriverHuntResult {
    let stopped = false;
    this.#checkContract();
    try {
      this.#all();
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      stopped = true;
    }
    return {
      cases: this.#cases,
      refused: this.#refused,
      layouts: this.#layouts,
      leftOut: this.#leftOut,
      allUpTo: this.#allUpTo,
      drawn: this.#draws,
      stopped,
      finding: this.#finding,
    };
  }

  /** What `map` and `unmap` take and give, on the first machine and buffer that `map` succeeds with. */
  #checkContract(): void {
    const { driver: { dirs, pieces }, machines, program, driver } = this.options;
    const layout = this.#space.layout(pieces.first, 0);
    if (!this.#bench(machines[0]!).takes(layout)) return;
    for (const dir of dirs) {
      for (const machine of machines) {
        if (newBench({ driver, program }, machine).keepsContract(layout, dir)) break;
      }
    }
  }

  #all(): void {
    const { first, last } = this.options.driver.pieces;
    let pieces = first;
    for (; pieces <= last && this.#finding === null; pieces++) {
      if (this.#expected(pieces) > this.options.cases - this.#cases) break;
      const count = this.#space.count(pieces);
      for (let number = 0; number < count && this.#finding === null; number++) {
        this.#layout(this.#space.layout(pieces, number));
      }
      if (this.#finding === null) this.#allUpTo = pieces;
    }
    if (pieces > last || this.#finding !== null) return;
    this.#draws = true;
    while (this.#finding === null && this.#cases < this.options.cases) {
      this.#drawn(pieces + this.#random.below(last - pieces + 1));
    }
    this.#makeSmaller();
  }

  /** About how many cases there are of so many pieces: what has been tried says. */
  #expected(pieces: number): number {
    const { driver, machines } = this.options;
    const tries = this.#space.count(pieces) * machines.length * driver.dirs.length;
    const places = this.#tries === 0 ? USUAL_PLACES : this.#places / this.#tries;
    return tries * (1 + places);
  }

  /** Every case of a layout: first those in which nothing fails. */
  #layout(layout: Layout): void {
    const { driver: { dirs }, machines } = this.options;
    if (!this.#takes(layout)) return;
    const places = new Map<DriverCase, readonly CaseFault[]>();
    for (const machine of machines) {
      for (const dir of dirs) {
        const plain: DriverCase = { layout, machine, dir, fault: null };
        const end = this.#case(plain);
        if (this.#finding !== null) return;
        places.set(plain, end.places);
        this.#tries++;
        this.#places += end.places.length;
      }
    }
    for (const [plain, faults] of places) {
      for (const fault of faults) {
        this.#case({ ...plain, fault });
        if (this.#finding !== null) return;
      }
    }
  }

  /** Some cases of a layout that is drawn. */
  #drawn(pieces: number): void {
    const { driver: { dirs }, machines } = this.options;
    const draw = (limit: number) => this.#random.below(limit);
    const layout = this.#space.draw(pieces, draw);
    if (!this.#takes(layout)) return;
    const plain: DriverCase = {
      layout,
      machine: machines[draw(machines.length)]!,
      dir: dirs[draw(dirs.length)]!,
      fault: null,
    };
    const faults = [...this.#case(plain).places];
    for (let left = DRAWN_PLACES; left > 0 && faults.length > 0; left--) {
      if (this.#finding !== null || this.#cases >= this.options.cases) return;
      const [fault] = faults.splice(draw(faults.length), 1);
      this.#case({ ...plain, fault: fault! });
    }
  }

  #takes(layout: Layout): boolean {
    this.#layouts++;
    if (this.#bench(this.options.machines[0]!).takes(layout)) return true;
    this.#leftOut++;
    if (this.#leftOut % LOOK_EVERY === 0 && !this.options.mayGoOn()) throw new Stopped();
    return false;
  }

  #case(each: DriverCase): CaseEnd {
    if (this.#cases % LOOK_EVERY === 0) {
      if (!this.options.mayGoOn()) throw new Stopped();
      this.options.onProgress?.(this.#cases, each.layout.length);
    }
    const end = this.#bench(each.machine).run(each, this.#cases++);
    const { refusal, wrong } = end;
    if (refusal !== null) this.#refusal = refusal;
    if (wrong !== null) {
      const found = { case: each, wrong, refused: refusal !== null };
      this.#finding = { ...found, refusal: this.#refusal, cases: this.#cases };
    } else if (refusal !== null) this.#refused++;
    return end;
  }

  #bench(machine: MachineVariation): DriverBench {
    const known = this.#benches.get(machine);
    if (known !== undefined && !known.spent) return known;
    const bench = newBench(this.options, machine);
    this.#benches.set(machine, bench);
    return bench;
  }

  /** What was drawn is made smaller, each case on a machine of its own. */
  #makeSmaller(): void {
    if (this.#finding === null) return;
    const { driver, machines } = this.options;
    const found = smallerCase(this.#finding, { driver, machines }, (each) => {
      if (!this.options.mayGoOn()) return null;
      const bench = newBench(this.options, each.machine);
      if (!bench.takes(each.layout)) return null;
      const { refusal, wrong } = bench.run(each, 0);
      return wrong === null ? null : { case: each, wrong, refused: refusal !== null };
    });
    this.#finding = { ...this.#finding, ...found };
  }
}

function newBench(
  { driver, program }: Pick<DriverHuntOptions, "driver" | "program">,
  machine: MachineVariation,
): DriverBench {
  return new DriverBench(program, driver, machine);
}
