import { assertEquals } from "@std/assert";
import { generateProgram } from "./fuzz/program_generator.ts";
import { grammarProblems, loadGrammar } from "./grammar.ts";

Deno.test("every token of 1,000 generated programs has the scope of what it is", async () => {
  const grammar = await loadGrammar();
  const problems: string[] = [];
  for (let seed = 0; seed < 1000; seed++) {
    problems.push(...grammarProblems(grammar, `seed ${seed}`, generateProgram(seed)));
  }
  assertEquals(problems, []);
});
