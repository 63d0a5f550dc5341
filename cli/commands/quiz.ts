import { command } from "../command.ts";
import { SEED } from "./scenario_options.ts";

export const QUIZ = command({
  name: "quiz",
  brief: "Ask the quiz questions of a lesson or a scenario.",
  description:
    "Runs the tests of a scenario, or the `dma quiz` blocks of a page, asks their questions and reads " +
    "an answer per line: a choice's letter, or the value. A wrong answer gets a hint that names the " +
    "rule it overlooks; an empty line shows the answer. The answers are what the simulation computed. " +
    "Without FILE, lists the pages that have questions.",
  argument: {
    placeholder: "FILE",
    doc: "scenario, Markdown page, or page of the manual as `dmalab docs` lists it",
    completes: "files",
    count: "maybe",
  },
  options: {
    seed: {
      ...SEED,
      doc: "random seed (default: 1); another seed asks the same with other values",
    },
    answers: { kind: "flag", doc: "print questions, hints and answers without asking" },
  },
  examples: [
    { line: "quiz course/01-addresses", doc: "the questions of the first lesson" },
    { line: "quiz course/01-addresses --seed 7", doc: "the same with other values" },
  ],
  async run({ words: [name = ""], options: { answers, seed }, screen }) {
    const { listQuizzes, runQuiz } = await import("../quiz/run_quiz.ts");
    if (name === "") return listQuizzes(screen);
    const { pipedLines } = await import("../terminal/piped_lines.ts");
    return await runQuiz(name, { seed: seed ?? 1, answers, lines: pipedLines() }, screen);
  },
});
