/** The order in which the statements of a `race` run, and all possible orders. */
import { maxOf } from "@dmalab/runtime/basics";
import { formatCount } from "../text/numbers.ts";
import { type Span, spanPlace } from "../source.ts";

/** A moment at which more than one block could continue. */
export interface RaceChoice {
  /**
   * The index of the chosen block. It counts only the blocks that could continue, and `of` is their
   * number.
   */
  readonly taken: number;
  readonly of: number;
}

/** A statement that was run, and the number of its block, from 0. */
export interface RaceStep {
  readonly block: number;
  readonly statement: Span;
}

/** Names of blocks where an order is displayed. */
const BLOCK_LETTERS = "ABCD";
/** How many statements of an order are listed at most. */
const DISPLAYED_STEPS = 48;
const STATEMENT_CHARACTERS = 60;

/**
 * One order of the statements. It is recorded while the blocks run. The run first follows the
 * wanted choices; after them, the first block that can continue runs.
 */
export class RaceOrder {
  readonly choices: RaceChoice[] = [];
  readonly steps: RaceStep[] = [];
  /**
   * True if the order is impossible, because its current block has to wait and only another block
   * can continue.
   */
  isNone = false;

  constructor(readonly wanted: readonly number[]) {}

  /** @returns The index of the block that continues, below `of`. */
  choose(of: number): number {
    if (of === 1) return 0;
    const taken = Math.min(this.wanted[this.choices.length] ?? 0, of - 1);
    this.choices.push({ taken, of });
    return taken;
  }

  /** `ABBA`: the block of each statement. */
  get letters(): string {
    return this.steps.map(({ block }) => BLOCK_LETTERS[block]).join("");
  }

  /** Number of switches from one block to another: the fewer, the easier to follow. */
  get changes(): number {
    return this.steps.filter(({ block }, index) =>
      index > 0 && block !== this.steps[index - 1]!.block
    ).length;
  }

  /** The order as text lines: one statement a line, with its block and location. */
  lines(): string[] {
    const places = this.steps.map(({ statement }) => spanPlace(statement));
    const width = maxOf(places.map((place) => place.length), 0);
    const lines = this.steps.map(({ block, statement }, index) =>
      `  ${BLOCK_LETTERS[block]}  ${places[index]!.padEnd(width)}  ${"  ".repeat(4 * block)}${
        statementText(statement)
      }`
    );
    const more = lines.length - DISPLAYED_STEPS;
    if (more <= 0) return lines;
    const shown = lines.slice(0, DISPLAYED_STEPS / 2);
    return [
      ...shown,
      `  … ${formatCount(more, "statement")} …`,
      ...lines.slice(-DISPLAYED_STEPS / 2),
    ];
  }
}

/** The choices of the next order in depth-first sequence; null after the last order. */
export function nextOrder(choices: readonly RaceChoice[]): readonly number[] | null {
  for (let index = choices.length - 1; index >= 0; index--) {
    const { of, taken } = choices[index]!;
    if (taken + 1 < of) return [...choices.slice(0, index).map((one) => one.taken), taken + 1];
  }
  return null;
}

function statementText({ end, source, start }: Span): string {
  const text = source.text.slice(start, end);
  const newline = text.indexOf("\n");
  const line = newline < 0 ? text : `${text.slice(0, newline).trimEnd()} …`;
  return line.length <= STATEMENT_CHARACTERS ? line : `${line.slice(0, STATEMENT_CHARACTERS - 1)}…`;
}
