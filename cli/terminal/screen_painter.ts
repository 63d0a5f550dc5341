/** Draws a whole screen: of each frame only the rows that are other than in the one before. */

/** The terminal shows what is between these at once; one that does not know them draws as it comes. */
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
   * @param rows Each as wide as the screen.
   * @param cursor Where text is typed; null to show none.
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

  /** Forgets what is on the screen: the next frame is drawn whole. */
  forget(): void {
    this.#shown = [];
    this.#isForgotten = true;
  }
}
