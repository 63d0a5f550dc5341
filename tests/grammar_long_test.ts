import { assertEquals } from "@std/assert";
import { Choices } from "@dmalab/hunt";
import { readCorpus } from "./fuzz/cases.ts";
import { laidOut } from "./fuzz/laid_out.ts";
import { grammarProblems, loadGrammar } from "./grammar.ts";

Deno.test("every token of 1,000 programs laid out by lot has the scope of what it is", async () => {
  const grammar = await loadGrammar();
  const problems: string[] = [];
  const { programs } = readCorpus();
  for (let seed = 0; seed < 1000; seed++) {
    const text = laidOut(programs[seed % programs.length]!, new Choices(seed));
    problems.push(...grammarProblems(grammar, `seed ${seed}`, text));
  }
  assertEquals(problems, []);
});
