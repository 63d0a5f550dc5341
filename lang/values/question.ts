/** The question of a `quiz`. The machine computed the answer, and usual mistakes have a hint. */
export interface Question {
  /** The question. */
  readonly text: string;
  /** The answer in the syntax of a script. */
  readonly answer: string;
  /** Usual mistakes. */
  readonly wrong: readonly WrongAnswer[];
}

/** A common mistake. */
export interface WrongAnswer {
  /** The answer in the syntax of a script. */
  readonly answer: string;
  /** The rule in the form for `dmalab explain`: `dma.3.3`. */
  readonly rule: string;
  /** A hint that leads to the right answer. */
  readonly hint: string;
}

/** The question with its answer, for a run without interaction, such as `dmalab run`. */
export function questionLines({ answer, text }: Question): string[] {
  return [`quiz: ${text}`, `  answer: ${answer}`];
}
