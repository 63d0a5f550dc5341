/** Draws frames on a whole screen, and writes only the rows that differ from the frame before. */

/**
 * The terminal shows all output between these two sequences at once. A terminal that does not know
 * the sequences draws the output piece by piece.
 */
const AT_ONCE = ["\x1b[?2026h", "\x1b[?2026l"] as const;

/** The position of a cursor on a screen, from 0. */
export interface ScreenPlace {
  readonly row: number;
  readonly column: number;
}

export class ScreenPainter {
  #shown: readonly string[] = [];
  #isForgotten = false;

  constructor(private readonly write: (text: string) => void) {}

  /**
   * Draws a frame.
   *
   * @param rows The rows of text, each as wide as the screen.
   * @param cursor Position of the cursor; null to hide it.
   */
  paint(rows: readonly string[], cursor: ScreenPlace | null): void {
    const changed = rows.flatMap((row, index) =>
      row === this.#shown[index] ? [] : [`\x1b[${index + 1};1H${row}`]
    );
    this.#shown = rows;
    const clear = this.#isForgotten ? "\x1b[2J" : "";
    this.#isForgotten = false;
    const end = cursor === null
      ? "\x1b[?25l"
      : `\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h`;
    this.write(`${AT_ONCE[0]}\x1b[?25l${clear}${changed.join("")}${end}${AT_ONCE[1]}`);
  }

  /** Forgets the content of the screen: the next frame is drawn completely. */
  forget(): void {
    this.#shown = [];
    this.#isForgotten = true;
  }
}
