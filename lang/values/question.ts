/** What a `quiz` asks: the machine worked its answer out, and usual mistakes have a hint. */
export interface Question {
  readonly text: string;
  /** As a script would write it. */
  readonly answer: string;
  readonly wrong: readonly WrongAnswer[];
}

/** A mistake that is often made. */
export interface WrongAnswer {
  readonly answer: string;
  /** As `dmalab explain` takes it: `dma.3.3`. */
  readonly rule: string;
  readonly hint: string;
}

/** The question where nothing waits for an answer: as in `dmalab run`. */
export function questionLines({ answer, text }: Question): string[] {
  return [`quiz: ${text}`, `  answer: ${answer}`];
}
