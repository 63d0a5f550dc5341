import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runScript } from "../../lang/testing/run_script.ts";
import { MemoryScreen } from "../memory_screen.ts";
import { choicesOf, judge } from "./judge.ts";
import { listQuizzes, runQuiz } from "./run_quiz.ts";

const QUESTION = {
  text: "How much?",
  answer: "8KiB",
  wrong: [{ answer: "512B", rule: "dma.1.6", hint: "granules" }],
};

async function talk(name: string, answers: boolean, ...typed: string[]) {
  const screen = new MemoryScreen();
  const lines = (async function* () {
    yield* typed;
  })();
  const code = await runQuiz(name, { seed: 1, answers, lines }, screen);
  return { code, out: screen.output, err: screen.errors };
}

Deno.test("an answer is accepted by its letter, its value and its number", () => {
  assertEquals(choicesOf(QUESTION), ["512B", "8KiB"]);
  for (const given of ["b", "B", " 8KiB ", "8kib", "8192", "8_192B", "0x2000"]) {
    assertEquals(judge(QUESTION, given), { right: true }, given);
  }
  for (const given of ["a", "512", "0x200"]) {
    assertEquals(judge(QUESTION, given), { right: false, known: QUESTION.wrong[0]! }, given);
  }
  for (const given of ["c", "4KiB", "granules", ""]) {
    assertEquals(judge(QUESTION, given), { right: false, known: null }, given);
  }
});

Deno.test("dmalab quiz without a lesson lists the pages that ask", () => {
  const screen = new MemoryScreen();
  assertEquals(listQuizzes(screen), 0);
  const lines = screen.output.split("\n");
  assertEquals(lines.filter((line) => /^ {2}course\/\d\d-\S+ +Lesson \d+: /.test(line)).length, 10);
  assertEquals(lines.at(-2), "`dmalab quiz NAME` asks the questions of one");
});

Deno.test("dmalab quiz asks, gives hints with rules, and shows what happened", async () => {
  const { code, out } = await talk("course/01-addresses", false, "7", "a", "");
  assertEquals(code, 0);
  assertStringIncludes(out, "   not 7: try again, or an empty line for the answer\n");
  assertStringIncludes(out, "the IOMMU maps whole granules, not bytes; `dmalab explain dma.1.6`\n");
  assertStringIncludes(out, "   answer: 28KiB\n");
  assertStringIncludes(out, "0 of 2 right at once\nother questions of the same kind: --seed 2\n");
  const right = await talk("docs/course/01-addresses.md", false, "28KiB");
  assertStringIncludes(right.out, "1 of 2 right at once\n");
});

Deno.test("dmalab quiz refuses what has no quiz", async () => {
  const { code, err } = await talk("tutorial", false);
  assertEquals([code, err], [2, 'error: "tutorial" has no quiz\n']);
  assertStringIncludes((await talk("none.dma", false)).err, "there is no such file");
  assertStringIncludes((await talk("none.md", false)).err, "there is no such file");
  assertEquals((await talk("examples/start/02-hello-map.dma", true)).code, 2);
});

Deno.test("quiz() refuses answers that are the same or of another kind, and mistakes without a rule", () => {
  const problem = (wrong: string) => {
    const { problems } = runScript(`quiz("How much?", 8KiB, [${wrong}])`);
    assertEquals(problems.length, 1, wrong);
    assert(problems[0]!.includes("E0919"), problems[0]);
    return problems[0]!;
  };
  const rest = 'rule: "dma.1.6", hint: "granules"';
  assertStringIncludes(problem(`{ answer: 8192B, ${rest} }`), "are the same: 8KiB");
  assertStringIncludes(problem(`{ answer: 8192, ${rest} }`), "has the kind of the right one");
  assertStringIncludes(
    problem(`{ answer: 4KiB, rule: "dma.1.6" }`),
    "an answer, a rule and a hint",
  );
  assertStringIncludes(problem("4KiB"), "an answer, a rule and a hint");
  const many = Array.from({ length: 26 }, (_, at) => `{ answer: ${at + 9}KiB, ${rest} }`);
  assertStringIncludes(problem(many.join(", ")), "at most 25 wrong answers");
});

Deno.test("where nothing waits for an answer, a quiz prints its question and its answer", () => {
  const { output } = runScript(`quiz("How much?", 8KiB, [])`);
  assertEquals(output, ["quiz: How much?", "  answer: 8KiB"]);
});
