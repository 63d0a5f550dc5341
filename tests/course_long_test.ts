/** The course with a hundred seeds. */
import { checkQuizzes, coursePages } from "./course.ts";

Deno.test("a hundred seeds ask at least twenty questions of each kind, all of them valid", async (t) => {
  for (const lesson of coursePages()) {
    await t.step(lesson.split("/").at(-1)!, () => checkQuizzes(lesson, 100));
  }
});
