/**
 * The course: ten lessons with quizzes. Each question has an answer, mistakes to choose from, and
 * the rules of the mistakes.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { formatSource } from "@dmalab/lang/editor";
import { SourceFile } from "@dmalab/lang";
import { choicesOf, codeBlocks } from "@dmalab/cli/scenario";
import { runScript } from "@dmalab/lang/testing";
import { checkQuizzes, coursePages, lessons } from "./course.ts";

Deno.test("the course has ten lessons, each with code to run and a quiz, and names the next", () => {
  assertEquals(lessons().length, 10);
  for (const [index, lesson] of lessons().entries()) {
    const text = Deno.readTextFileSync(lesson);
    assert(text.startsWith(`# Lesson ${index + 1}: `), lesson);
    const next = lessons()[index + 1]?.split("/").at(-1);
    assert(next === undefined || text.includes(`Next: [`) && text.includes(`](${next})`), lesson);
    const blocks = codeBlocks(lesson, text).filter(({ language }) => language === "dma");
    assertEquals(new Set(blocks.map(({ marks }) => marks.join())), new Set(["", "quiz"]), lesson);
    for (const { code } of blocks) {
      const formatted = formatSource(new SourceFile(lesson, `${code}\n`));
      assertEquals(formatted.ok && formatted.text, `${code}\n`);
    }
  }
});

Deno.test("each quiz of the course has an answer, three usual mistakes and their rules", async (t) => {
  for (const lesson of coursePages()) {
    await t.step(lesson.split("/").at(-1)!, () => checkQuizzes(lesson, 3));
  }
});

Deno.test("choices stand in the order of their amounts, whichever is right", () => {
  const wrong = ["512B", "1MiB"].map((answer) => ({ answer, rule: "dma.1.6", hint: "granules" }));
  assertEquals(choicesOf({ text: "How much?", answer: "8KiB", wrong }), ["512B", "8KiB", "1MiB"]);
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
});

Deno.test("where nothing waits for an answer, a quiz prints its question and its answer", () => {
  const { output } = runScript(`quiz("How much?", 8KiB, [])`);
  assertEquals(output, ["quiz: How much?", "  answer: 8KiB"]);
});
