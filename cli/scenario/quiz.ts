/**
 * Asks the questions of `quiz` at a terminal. The user answers each question before the right answer
 * is printed.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { type Paint, painter } from "@dmalab/lang/text";
import { readNumber } from "@dmalab/lang/syntax";
import type { Question } from "@dmalab/lang/values";
import { host } from "../host.ts";
import type { Screen } from "../screen.ts";

/** Number of bytes that are read as an answer. A line that is longer than this is no answer. */
const LINE_BYTES = 4096;

/**
 * A screen that writes the output of a run up to its first question, and buffers the later output.
 * The run itself does not wait for an answer, because the waiting would count towards its time
 * limit.
 */
export class QuizScreen implements Screen {
  readonly colour: boolean;
  readonly columns: number | null;
  readonly #held: (Question | string)[] = [];

  constructor(private readonly screen: Screen) {
    this.colour = screen.colour;
    this.columns = screen.columns;
  }

  out(text: string): void {
    if (this.#held.length === 0) this.screen.out(text);
    else this.#held.push(text);
  }

  err(text: string): void {
    this.screen.err(text);
  }

  data(text: string): void {
    this.screen.data(text);
  }

  progress(text: string): void {
    this.screen.progress(text);
  }

  readonly onQuestion = (question: Question): void => {
    this.#held.push(question);
  };

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /**
   * Asks the questions and prints the output that was buffered, in the order in which the run
   * produced them.
   */
  async play(): Promise<void> {
    const paint = painter(this.colour);
    for (const part of this.#held.splice(0)) {
      if (typeof part === "string") this.screen.out(part);
      else await askQuestion(part, this.screen, paint);
    }
  }
}

/** Asks until the answer is right, or the user gives up with an empty line. */
async function askQuestion(
  question: Question,
  screen: Screen,
  paint: Paint,
): Promise<void> {
  const { answer, text, wrong } = question;
  const choices = choicesOf(question);
  const letters = choices.map((_, at) => String.fromCharCode("a".charCodeAt(0) + at));
  screen.out(`\nquiz: ${printable(text)}\n`);
  for (const [at, choice] of choices.entries()) {
    screen.out(`  ${letters[at]}) ${printable(choice)}\n`);
  }
  for (;;) {
    // err() is used because it first writes the buffered standard output.
    screen.err(`  your answer (${letters[0]} to ${letters.at(-1)}, Enter to see it): `);
    const given = (await readTerminalLine())?.trim() ?? "";
    if (given === "") break;
    const chosen = choices[letters.indexOf(given.toLowerCase())] ??
      choices.find((choice) => choice.replaceAll(/\s/g, "") === given.replaceAll(/\s/g, ""));
    if (chosen === answer) {
      screen.out(`  ${paint("good", "right")}: ${printable(answer)}\n`);
      return;
    }
    const mistake = wrong.find((each) => each.answer === chosen);
    screen.out(
      mistake === undefined
        ? `  that is none of the answers\n`
        : `  ${paint("bad", "no")}: ${mistake.hint} (dmalab explain ${mistake.rule})\n`,
    );
  }
  screen.out(`  answer: ${printable(answer)}\n`);
}

/**
 * Reads a line of the terminal, including its line end; null at the end of the input. While this
 * function waits, Ctrl-C ends the process.
 */
async function readTerminalLine(): Promise<string | null> {
  const chunk = new Uint8Array(LINE_BYTES);
  const length = await host.stdin.read(chunk);
  return length === null ? null : new TextDecoder().decode(chunk.subarray(0, length));
}

/** The answers to choose from, in an order that does not reveal the right one. */
export function choicesOf({ answer, wrong }: Question): string[] {
  return [answer, ...wrong.map((each) => each.answer)]
    .sort((a, b) => amountOf(a) - amountOf(b) || (a < b ? -1 : 1));
}

/** The number in an answer, which may be a plain number, a size or an address; NaN without a number. */
function amountOf(text: string): number {
  const number = readNumber(text.replace(/ /g, ""));
  return "value" in number ? number.value : NaN;
}
