/**
 * The places of a sweep in memory that several threads share. The thread with the test takes the places from the
 * first to the last, the others take them from the last to the first. A place is tried by the thread that claims it.
 */
import type { PlaceFigures, PlacesRequest, Program } from "@dmalab/lang/run";
import { threadMs } from "../processor_time.ts";

/** States of a place. */
const OPEN = 0;
const CLAIMED = 1;
const FINE = 2;
/** The test's own thread has to try the place. */
const UNFIT = 3;

/** Words before the places: whether the work is to stop, and the number of places that threads took from the end. */
const STOPPED = 0;
const FROM_END = 1;
const HEAD = 2;
/** Words of a place before the bits of its expectations. */
const STATE = 0;
const STEPS = 1;
const ASSERTIONS = 3;
const MICROSECONDS = 4;
const REACHED = 5;

/** How long the test's thread waits for a place before it tries the place itself. */
const PATIENCE_MS = 2000;
/** Time between two checks of the run's limits while it waits. */
const CHECK_MS = 20;
const WORD = 2 ** 32;

/** The texts of a program, by which another thread knows that it has the same program. */
export function textsOf({ files }: Program): readonly string[] {
  return files.map(({ text }) => text);
}

export class SharedPlaces {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #width: number;

  /** @param shared Memory of the thread with the test; by default new memory. */
  constructor(readonly request: PlacesRequest, shared?: SharedArrayBuffer) {
    const { expectations, places } = request;
    this.#width = REACHED + Math.ceil(expectations / 32);
    const words = HEAD + places.length * this.#width;
    this.shared = shared ?? new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
    this.#words = new Int32Array(this.shared);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, STOPPED) === 1;
  }

  stop(): void {
    Atomics.store(this.#words, STOPPED, 1);
  }

  /** @returns Whether this thread has to try the place, because no other thread has claimed it. */
  claim(index: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at(index), OPEN, CLAIMED) === OPEN;
  }

  /**
   * Waits for a place that another thread has claimed.
   * @param check Called now and then while this thread waits.
   * @returns The place's figures; null if this thread has to try it.
   */
  wait(index: number, check: () => void): PlaceFigures | null {
    const at = this.#at(index);
    const untilMs = performance.now() + PATIENCE_MS;
    while (Atomics.load(this.#words, at) === CLAIMED) {
      // The other thread may have died.
      if (performance.now() > untilMs) return null;
      Atomics.wait(this.#words, at, CLAIMED, CHECK_MS);
      check();
    }
    if (Atomics.load(this.#words, at) !== FINE) return null;
    const words = this.#words.subarray(at, at + this.#width);
    return {
      steps: (words[STEPS]! >>> 0) + WORD * words[STEPS + 1]!,
      assertions: words[ASSERTIONS]!,
      processorMs: words[MICROSECONDS]! / 1000,
      reached: bitsOf(words.subarray(REACHED)),
    };
  }

  /**
   * Claims places from the last to the first, and tries them.
   * @param trial Returns a place's figures; null if the test's thread has to try it.
   */
  tryFromEnd(trial: (index: number) => Omit<PlaceFigures, "processorMs"> | null): void {
    let startMs = threadMs();
    while (!this.isStopped) {
      const index = this.request.places.length - 1 - Atomics.add(this.#words, FROM_END, 1);
      if (index < 0 || !this.claim(index)) return;
      const figures = triedSafely(() => trial(index));
      const endMs = threadMs();
      this.#put(index, figures, endMs - startMs);
      startMs = endMs;
    }
  }

  #put(index: number, figures: ReturnType<typeof triedSafely>, processorMs: number): void {
    const at = this.#at(index);
    if (figures !== null) {
      const { assertions, reached, steps } = figures;
      this.#words[at + STEPS] = steps % WORD | 0;
      this.#words[at + STEPS + 1] = Math.floor(steps / WORD);
      this.#words[at + ASSERTIONS] = assertions;
      this.#words[at + MICROSECONDS] = Math.min(2 ** 31 - 1, processorMs * 1000);
      for (const each of reached) this.#words[at + REACHED + (each >> 5)]! |= 1 << (each & 31);
    }
    Atomics.store(this.#words, at + STATE, figures === null ? UNFIT : FINE);
    Atomics.notify(this.#words, at + STATE);
  }

  #at(index: number): number {
    return HEAD + index * this.#width;
  }
}

/** A trial that throws is one that the test's own thread has to repeat: it prints the bug. */
function triedSafely(
  trial: () => Omit<PlaceFigures, "processorMs"> | null,
): Omit<PlaceFigures, "processorMs"> | null {
  try {
    return trial();
  } catch {
    return null;
  }
}

function* bitsOf(words: Int32Array): Generator<number> {
  for (const [index, word] of words.entries()) {
    for (let bit = 0; bit < 32; bit++) if ((word >> bit & 1) === 1) yield 32 * index + bit;
  }
}
