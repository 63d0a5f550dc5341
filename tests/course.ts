/** Checks the quizzes of a lesson, for a number of seeds. */
import { assert, assertEquals } from "@std/assert";
import { choicesOf, explain } from "@dmalab/cli/scenario";
import { askedBy, pagePrograms } from "@dmalab/tools/developers";
import { DOCS, readRulePage } from "@dmalab/cli";
import { filesBelow } from "./source_text.ts";

/** The pages of the course with quizzes: the lessons in their order, then the page for teachers. */
export function coursePages(): string[] {
  return filesBelow(`${DOCS}/course`).sort();
}

export function lessons(): string[] {
  return coursePages().filter((path) => /\/\d\d-[^/]*$/.test(path));
}

/** Fails unless each quiz of a lesson can be asked with each seed, and all answers of a quiz differ. */
export function checkQuizzes(lesson: string, seeds: number): void {
  const programs = pagePrograms(lesson, Deno.readTextFileSync(lesson));
  assert(programs.length > 0, `${lesson} has no quiz`);
  for (const { diagnostics, program } of programs) {
    assertEquals(diagnostics, []);
    const texts: Set<string>[] = [];
    for (let seed = 1; seed <= seeds; seed++) {
      const { asked, failures } = askedBy(program!, seed);
      assertEquals(failures.map(({ lines }) => lines.join("\n")), [], `seed ${seed}`);
      assert(asked.length > 0, `${lesson} asks nothing`);
      for (const [index, { question }] of asked.entries()) {
        (texts[index] ??= new Set()).add(question.text);
        assert(question.wrong.length >= 3, `${question.text}: fewer than three mistakes`);
        const choices = choicesOf(question);
        assert(choices.includes(question.answer), `${question.text}: ${choices}`);
        assertEquals(new Set(choices).size, question.wrong.length + 1, `${choices}`);
        for (const known of question.wrong) {
          assert(explain(known.rule, readRulePage).found, `There is no rule ${known.rule}`);
        }
      }
    }
    // The number of different questions must be at least a fifth of the number of seeds: 20 for a
    // hundred seeds.
    for (const each of texts) assert(each.size >= seeds / 5, `${lesson}: ${each.size} questions`);
  }
}
