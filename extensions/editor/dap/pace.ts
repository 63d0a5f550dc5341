/** How much is done at once, so that requests and pauses wait no longer than some milliseconds. */

/** What one piece of work should take. */
const PIECE_MS = 10;
/** After this long the event loop may handle pending input. */
const BREATH_MS = 20;

const MOST = 2 ** 18;

/** Pieces of work that grow and shrink with the time that they take. */
export class Pace {
  /** Moments, or statements, of the next piece. */
  size: number;
  readonly #least: number;
  #breathedMs: number;
  readonly #clock: () => number;

  /** @param least What is done in one go however long it takes. */
  constructor(least: number, clock: () => number = () => performance.now()) {
    this.size = this.#least = least;
    this.#clock = clock;
    this.#breathedMs = clock();
  }

  /** Does a piece. */
  piece<T>(work: (size: number) => T): T {
    const startMs = this.#clock();
    const done = work(this.size);
    const tookMs = this.#clock() - startMs;
    if (tookMs < PIECE_MS / 2) this.size = Math.min(MOST, 2 * this.size);
    else if (tookMs > 2 * PIECE_MS) this.size = Math.max(this.#least, this.size >>> 1);
    return done;
  }

  /** Lets the event loop handle pending input, if BREATH_MS have passed. */
  async breathe(): Promise<void> {
    if (this.#clock() - this.#breathedMs < BREATH_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#breathedMs = this.#clock();
  }
}
