/** `dmalab quiz`: asks, reads answers line by line, and says which rule a mistake overlooks. */
import { CHOICE_LETTERS, type Question } from "../../lang/values/question.ts";
import { painter } from "../../lang/render/paint.ts";
import { pairLines } from "../../lang/text/columns.ts";
import { explain } from "../explain/lookup.ts";
import { codeOfProblems, type ExitCode, FAILED, HELD } from "../exit_code.ts";
import { host } from "../host.ts";
import { readHostFile } from "../host_file.ts";
import { manualPages } from "../docs/manual.ts";
import { readRulePage } from "../places.ts";
import { sayDiagnostics } from "../scenario/diagnostic_style.ts";
import { openScenario } from "../scenario/load_scenario.ts";
import { refuse, type Screen } from "../screen.ts";
import { choicesOf, judge } from "./judge.ts";
import { type Asked, askedBy, pagePrograms } from "./quizzes.ts";

export interface QuizOptions {
  readonly seed: number;
  /** Print the answers and ask nothing. */
  readonly answers: boolean;
  readonly lines: AsyncIterator<string>;
}

/** Lists the pages of the manual that ask. */
export function listQuizzes(screen: Screen): ExitCode {
  const asking = manualPages().filter(({ path }) =>
    /^```dma quiz$/m.test(host.readTextFileSync(path))
  );
  for (const line of pairLines(asking.map(({ name, title }) => [name, title] as const))) {
    screen.out(`${line}\n`);
  }
  screen.out("`dmalab quiz NAME` asks the questions of one\n");
  return HELD;
}

/** @param name A scenario, a page, or a page of the manual by its name. */
export async function runQuiz(
  name: string,
  options: QuizOptions,
  screen: Screen,
): Promise<ExitCode> {
  const known = manualPages().find((page) => page.name === name.replace(/^docs\/|\.md$/g, ""));
  const asked: Asked[] = [];
  for (const loaded of await open(known?.path ?? name, known ? `${known.name}.md` : name)) {
    if ("problem" in loaded) return refuse(loaded.problem, screen);
    const { diagnostics, program } = loaded;
    sayDiagnostics(diagnostics, screen);
    if (program === null) return codeOfProblems(diagnostics);
    const quizzes = askedBy(program, options.seed);
    for (const { lines } of quizzes.failures) screen.err(`${lines.join("\n")}\n`);
    if (quizzes.failures.length > 0) return FAILED;
    asked.push(...quizzes.asked);
  }
  if (asked.length === 0) return refuse(`"${name}" has no quiz`, screen);
  const unknown = asked.flatMap(({ question }) => question.wrong)
    .find(({ rule }) => !explain(rule, readRulePage).found);
  if (unknown !== undefined) return refuse(`There is no rule "${unknown.rule}"`, screen);
  return await askAll(asked, options, screen);
}

/** @param shown How messages call it. */
async function open(path: string, shown: string) {
  if (!path.endsWith(".md")) return [await openScenario(path)];
  const file = readHostFile(path);
  return file.found ? pagePrograms(shown, file.text) : [file];
}

async function askAll(
  asked: readonly Asked[],
  { answers, lines, seed }: QuizOptions,
  screen: Screen,
): Promise<ExitCode> {
  const paint = painter(screen.colour);
  const say = (line: string) => screen.out(`${line}\n`);
  // The error stream has no buffer: the question is on the screen before the answer is typed.
  const prompt = () => void (screen.columns === null || screen.err("   ? "));
  let atOnce = 0;
  for (const [index, { after, before, question }] of asked.entries()) {
    before.forEach(say);
    say(paint("strong", `${index + 1}. ${question.text}`));
    choicesOf(question).forEach((choice, at) => say(`   ${CHOICE_LETTERS[at]}) ${choice}`));
    if (answers) {
      for (const { answer, hint, rule } of question.wrong) {
        say(`   not ${answer}: ${hint} (${rule})`);
      }
    } else if (await answered(question, lines, say, prompt)) atOnce++;
    say(`   answer: ${paint("good", question.answer)}`);
    after.forEach((line) => say(`   ${line}`));
    say("");
  }
  if (!answers) say(`${atOnce} of ${asked.length} right at once`);
  say(`other questions of the same kind: --seed ${seed + 1}`);
  return HELD;
}

/** Until the answer is right or there is none; true when the first was right. */
async function answered(
  question: Question,
  lines: AsyncIterator<string>,
  say: (line: string) => void,
  prompt: () => void,
): Promise<boolean> {
  for (let tries = 0;; tries++) {
    prompt();
    const { done, value = "" } = await lines.next();
    if (done === true || value.trim() === "") return false;
    const judgement = judge(question, value);
    if (judgement.right) return tries === 0;
    const { known } = judgement;
    say(
      known === null
        ? `   not ${value.trim()}: try again, or an empty line for the answer`
        : `   not ${known.answer}: ${known.hint}; \`dmalab explain ${known.rule}\``,
    );
  }
}
