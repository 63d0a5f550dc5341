/**
 * The hunt for mistakes in a driver. It tries every buffer that the driver's declaration allows, on
 * every machine, in each direction, once without a failure and once for each possible injection.
 * The fewest pieces and the simplest layouts come first, so that the first case with a violation is
 * the smallest. If there are too many cases, they are drawn at random, and a case with a violation
 * is then reduced.
 */
import type { DriverEntry, Program } from "@dmalab/lang/run";
import { Random } from "@dmalab/runtime";
import { DriverBench } from "./bench.ts";
import type {
  CaseEnd,
  CaseFault,
  CaseRefusal,
  DriverCase,
  DriverFinding,
  DriverHuntResult,
} from "./driver_case.ts";
import { type BufferLayout, LayoutSpace } from "./layout.ts";
import { type DriverPart, DriverSearch } from "./driver_search.ts";
import { smallerCase } from "./smaller_case.ts";
import type { MachineVariation } from "./variations.ts";

export interface DriverHuntOptions {
  readonly program: Program;
  readonly driver: DriverEntry;
  readonly machines: readonly MachineVariation[];
  readonly seed: number;
  /** Maximum number of cases; if the buffers allow fewer, all are tried. */
  readonly cases: number;
  /** Called now and then; returns false to end the hunt. */
  readonly mayGoOn: () => boolean;
  /** Called now and then with the progress. */
  readonly onProgress?: (cases: number, pieces: number) => void;
}

/** Number of cases between two calls of `mayGoOn`. */
const LOOK_EVERY = 512;
/** Maximum number of injections that are tried for a drawn layout. */
const DRAWN_PLACES = 8;
/** Difference between the seeds of two drawn layouts. */
const DRAW_STRIDE = 7_368_787;

/** The hunt was stopped by its caller. */
class Stopped extends Error {}

/** Hunts for mistakes in a driver. @throws {CannotHunt} When the driver cannot be tested at all. */
export function huntDriver(options: DriverHuntOptions): DriverHuntResult {
  const hunt = new DriverHunt(options);
  hunt.run();
  return hunt.result();
}

/** A hunt that is divided into parts, which run here or in workers. */
export class DriverHunt {
  readonly search: DriverSearch;
  readonly parts: DriverParts;

  /** @throws {CannotHunt} When the driver cannot be tested at all. */
  constructor(options: DriverHuntOptions) {
    this.parts = new DriverParts(options);
    this.parts.checkContract();
    this.search = new DriverSearch({ ...options, space: this.parts.space });
  }

  /** Runs all parts, one after the other. */
  run(): void {
    for (let part = this.search.next(); part !== null; part = this.search.next()) {
      this.search.receive(part, this.parts.run(part));
    }
  }

  result(): DriverHuntResult {
    const { finding, result } = this.search;
    if (finding === null || !result.drawn) return result;
    return { ...result, finding: { ...finding, ...this.parts.smaller(finding) } };
  }
}

/** Runs parts of a search, in any order. */
export class DriverParts {
  readonly space: LayoutSpace;
  readonly #benches = new Map<MachineVariation, DriverBench>();
  #end = new PartEnd();
  /** Number of cases of all parts so far. */
  #tried = 0;

  constructor(readonly options: Omit<DriverHuntOptions, "cases">) {
    const { driver, machines } = options;
    this.space = new LayoutSpace({
      sizesBytes: driver.sizesBytes,
      offsetsBytes: driver.offsetsBytes,
      hasHigh: machines.every((machine) => this.#bench(machine).hasHigh),
    });
  }

  /**
   * Checks the contract of `map` and `unmap`. The check uses the first machine and buffer with
   * which `map` succeeds.
   */
  checkContract(): void {
    const { driver, machines, program } = this.options;
    const layout = this.space.layout(driver.pieces.first, 0);
    if (!this.#bench(machines[0]!).takes(layout)) return;
    for (const dir of driver.dirs) {
      for (const machine of machines) {
        if (new DriverBench(program, driver, machine).keepsContract(layout, dir)) break;
      }
    }
  }

  run(part: DriverPart): Readonly<PartEnd> {
    this.#end = new PartEnd();
    try {
      for (let number = part.from; number < part.to && this.#end.finding === null; number++) {
        if (!part.drawn) this.#layout(this.space.layout(part.pieces, number));
        else if (this.#end.cases < part.cases) this.#drawn(part, number);
      }
    } catch (error) {
      if (!(error instanceof Stopped)) throw error;
      this.#end.stopped = true;
    }
    return { ...this.#end };
  }

  /** Reduces a drawn case; each smaller case runs on a separate machine. */
  smaller(finding: DriverFinding): Partial<DriverFinding> {
    const { driver, machines, program } = this.options;
    return smallerCase(finding, { driver, machines }, (each) => {
      if (!this.options.mayGoOn()) return null;
      const bench = new DriverBench(program, driver, each.machine);
      if (!bench.takes(each.layout)) return null;
      const { refusal, wrong } = bench.run(each, 0);
      return wrong === null ? null : { case: each, wrong, refused: refusal !== null };
    });
  }

  /** Runs every case of a layout: first those without an injected failure. */
  #layout(layout: BufferLayout): void {
    const { driver: { dirs }, machines } = this.options;
    if (!this.#takes(layout)) return;
    const places = new Map<DriverCase, readonly CaseFault[]>();
    for (const machine of machines) {
      for (const dir of dirs) {
        const plain: DriverCase = { layout, machine, dir, fault: null };
        const end = this.#case(plain);
        if (this.#end.finding !== null) return;
        places.set(plain, end.places);
        this.#end.tries++;
        this.#end.places += end.places.length;
      }
    }
    for (const [plain, faults] of places) {
      for (const fault of faults) {
        this.#case({ ...plain, fault });
        if (this.#end.finding !== null) return;
      }
    }
  }

  /** Runs some cases of a drawn layout. */
  #drawn({ cases, pieces }: DriverPart, number: number): void {
    const { driver: { dirs, pieces: { last } }, machines, seed } = this.options;
    const random = new Random((seed + number * DRAW_STRIDE) % Number.MAX_SAFE_INTEGER);
    const draw = (limit: number) => random.below(limit);
    const layout = this.space.draw(pieces + draw(last - pieces + 1), draw);
    if (!this.#takes(layout)) return;
    const plain: DriverCase = {
      layout,
      machine: machines[draw(machines.length)]!,
      dir: dirs[draw(dirs.length)]!,
      fault: null,
    };
    const faults = [...this.#case(plain).places];
    for (let left = DRAWN_PLACES; left > 0 && faults.length > 0; left--) {
      if (this.#end.finding !== null || this.#end.cases >= cases) return;
      const [fault] = faults.splice(draw(faults.length), 1);
      this.#case({ ...plain, fault: fault! });
    }
  }

  #takes(layout: BufferLayout): boolean {
    this.#end.layouts++;
    if (this.#bench(this.options.machines[0]!).takes(layout)) return true;
    if (this.#end.leftOut % LOOK_EVERY === 0 && !this.options.mayGoOn()) throw new Stopped();
    this.#end.leftOut++;
    return false;
  }

  #case(each: DriverCase): CaseEnd {
    if (this.#tried++ % LOOK_EVERY === 0 && !this.options.mayGoOn()) throw new Stopped();
    const end = this.#bench(each.machine).run(each, this.#end.cases++);
    const { refusal, wrong } = end;
    if (refusal !== null) this.#end.refusal = refusal;
    if (wrong !== null) this.#end.finding = { case: each, wrong, refused: refusal !== null };
    else if (refusal !== null) this.#end.refused++;
    return end;
  }

  #bench(machine: MachineVariation): DriverBench {
    const known = this.#benches.get(machine);
    if (known !== undefined && !known.spent) return known;
    const { driver, program } = this.options;
    const bench = new DriverBench(program, driver, machine);
    this.#benches.set(machine, bench);
    return bench;
  }
}

/** The results of one part. */
export class PartEnd {
  cases = 0;
  refused = 0;
  layouts = 0;
  leftOut = 0;
  /**
   * Number of tried combinations of layout, machine and direction; `places`: number of their
   * injection hits.
   */
  tries = 0;
  places = 0;
  /** The value that the driver's `map` returned when it failed last. */
  refusal: CaseRefusal | null = null;
  stopped = false;
  finding: Pick<DriverFinding, "case" | "wrong" | "refused"> | null = null;
}
