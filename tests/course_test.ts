/** The course: ten lessons whose quizzes have answers, mistakes and rules. */
import { assert, assertEquals } from "@std/assert";
import { formatSource } from "../lang/format/format.ts";
import { SourceFile } from "../lang/source.ts";
import { codeBlocks } from "../cli/docs/code_blocks.ts";
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
