/** The question of a `quiz`: the machine computed its answer, and usual mistakes have a hint. */
export interface Question {
  /** The question. */
  readonly text: string;
  /** As a script would write it. */
  readonly answer: string;
  /** Usual mistakes. */
  readonly wrong: readonly WrongAnswer[];
}

/** A mistake that is often made. */
export interface WrongAnswer {
  /** As a script would write it. */
  readonly answer: string;
  /** As `dmalab explain` takes it: `dma.3.3`. */
  readonly rule: string;
  /** What leads to the right answer. */
  readonly hint: string;
}

/** The question where nothing waits for an answer: as in `dmalab run`. */
export function questionLines({ answer, text }: Question): string[] {
  return [`quiz: ${text}`, `  answer: ${answer}`];
}
