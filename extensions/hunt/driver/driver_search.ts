/**
 * Divides the hunt for mistakes in a driver into parts that can run anywhere, and adds up their
 * results in order. The parts do not depend on the number of workers, so the result does not depend
 * on it either.
 */
import type { DriverEntry } from "@dmalab/lang/run";
import type { CaseRefusal, DriverFinding, DriverHuntResult } from "./driver_case.ts";
import type { PartEnd } from "./hunt_driver.ts";
import type { LayoutSpace } from "./layout.ts";

/**
 * A part of a search: all cases of the layouts in a range of layout numbers, or some cases of
 * randomly drawn layouts.
 */
export interface DriverPart {
  /** The number of pieces in every layout, or the minimum in drawn layouts. */
  readonly pieces: number;
  readonly drawn: boolean;
  readonly from: number;
  readonly to: number;
  /** Maximum number of cases of drawn layouts. */
  readonly cases: number;
  /** The part's index in the order of parts. */
  readonly number: number;
}

export interface DriverSearchOptions {
  readonly driver: Pick<DriverEntry, "dirs" | "pieces">;
  readonly machines: readonly unknown[];
  readonly space: LayoutSpace;
  /** Maximum number of cases; if the buffers allow fewer, all are tried. */
  readonly cases: number;
  readonly onProgress?: ((cases: number, pieces: number) => void) | undefined;
}

/** Assumed number of injection hits of a case before any was observed. */
const USUAL_PLACES = 12;
/** Number of layouts of a part; `DRAWN_LAYOUTS`: that of a part with drawn layouts. */
const PART_LAYOUTS = 4;
const DRAWN_LAYOUTS = 64;

export class DriverSearch {
  finding: DriverFinding | null = null;
  readonly #sum = { cases: 0, refused: 0, layouts: 0, leftOut: 0 };
  #tries = 0;
  #places = 0;
  #refusal: CaseRefusal = "none";
  #stopped = false;
  #draws = false;
  #pieces: number;
  /**
   * `#count`: how many layouts have the current number of pieces. `#at`: index of the next layout
   * to start.
   */
  #count = 0;
  #at = 0;
  #started = 0;
  #ended = 0;
  readonly #waiting = new Map<number, readonly [DriverPart, Readonly<PartEnd>]>();
  /**
   * A part that must run again with a lower limit, because it tried as many cases as were left, or
   * more.
   */
  #again: DriverPart | null = null;

  constructor(readonly options: DriverSearchOptions) {
    this.#pieces = options.driver.pieces.first;
    this.#begin();
  }

  get result(): DriverHuntResult {
    const isFirst = this.#pieces === this.options.driver.pieces.first;
    return {
      ...this.#sum,
      allUpTo: isFirst ? 0 : this.#pieces - 1,
      drawn: this.#draws,
      stopped: this.#stopped,
      finding: this.finding,
    };
  }

  isComplete(): boolean {
    const isOver = this.#draws
      ? this.#sum.cases >= this.options.cases
      : this.#pieces > this.options.driver.pieces.last;
    return isOver || this.#stopped || this.finding !== null;
  }

  /** The part to start now; null if another part must end first, or if the search is complete. */
  next(): DriverPart | null {
    if (this.isComplete()) return null;
    const again = this.#again;
    this.#again = null;
    if (again !== null) return { ...again, cases: this.#left() };
    if (!this.#draws && this.#at === this.#count) return null;
    const from = this.#at;
    this.#at = this.#draws ? from + DRAWN_LAYOUTS : Math.min(from + PART_LAYOUTS, this.#count);
    return {
      pieces: this.#pieces,
      drawn: this.#draws,
      from,
      to: this.#at,
      cases: this.#left(),
      number: this.#started++,
    };
  }

  receive(part: DriverPart, end: Readonly<PartEnd>): void {
    this.#waiting.set(part.number, [part, end]);
    while (!this.isComplete()) {
      const next = this.#waiting.get(this.#ended);
      if (next === undefined) return;
      this.#waiting.delete(this.#ended);
      if (!this.#add(...next)) return;
      this.#ended++;
      const isWhole = !this.#draws && this.#at === this.#count && this.#ended === this.#started;
      if (!isWhole || this.isComplete()) continue;
      this.#pieces++;
      this.#begin();
    }
  }

  /** Adds the result of the part that is next in order. Returns false if the part must run again. */
  #add(part: DriverPart, end: Readonly<PartEnd>): boolean {
    const left = this.#left();
    if (part.drawn && part.cases !== left && end.cases >= left) {
      this.#again = part;
      return false;
    }
    const { cases, finding, layouts, leftOut, places, refusal, refused, stopped, tries } = end;
    this.#sum.cases += cases;
    this.#sum.refused += refused;
    this.#sum.layouts += layouts;
    this.#sum.leftOut += leftOut;
    this.#tries += tries;
    this.#places += places;
    this.#refusal = refusal ?? this.#refusal;
    this.#stopped = stopped;
    if (finding !== null) {
      this.finding = { ...finding, refusal: this.#refusal, cases: this.#sum.cases };
    }
    this.options.onProgress?.(this.#sum.cases, this.#pieces);
    return true;
  }

  #left(): number {
    return this.options.cases - this.#sum.cases;
  }

  /**
   * Starts the search with layouts of the current number of pieces. If there are too many layouts,
   * random layouts are drawn instead.
   */
  #begin(): void {
    const { driver, machines, space } = this.options;
    if (this.#pieces > driver.pieces.last) return;
    this.#count = space.count(this.#pieces);
    this.#at = 0;
    const tries = this.#count * machines.length * driver.dirs.length;
    const places = this.#tries === 0 ? USUAL_PLACES : this.#places / this.#tries;
    this.#draws = tries * (1 + places) > this.#left();
  }
}
