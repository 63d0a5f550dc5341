import { assert, assertEquals } from "@std/assert";
import { loadText } from "@dmalab/lang";
import { SAMPLES } from "@dmalab/lang/testing";
import { GRAMMARS } from "@dmalab/tools/developers";
import { grammarProblems, loadGrammar } from "./grammar.ts";
import { ROOT } from "./source_text.ts";
import { scenariosBelow } from "./examples.ts";

for (const { file, text } of GRAMMARS) {
  Deno.test(`${file} is what \`deno task reference\` writes`, () => {
    assert(
      Deno.readTextFileSync(`${ROOT}${file}`) === text(),
      "write it anew with `deno task reference`",
    );
  });
}

Deno.test("every token of the examples has the scope of what it is", async () => {
  const grammar = await loadGrammar();
  const problems: string[] = [];
  for (const { name, text } of SAMPLES) problems.push(...grammarProblems(grammar, name, text));
  for (const file of scenariosBelow("examples")) {
    problems.push(...grammarProblems(grammar, file, Deno.readTextFileSync(file)));
  }
  assertEquals(problems, []);
});

Deno.test("words of the language that are used as names are coloured as names", async () => {
  const grammar = await loadGrammar();
  const text = `let print = 1
print = 2
let r = { test: 1, let: 2 }
print r.test + r.let
let step = r.for
step += 1
f(print, until, with_it: each)
let try = 1
wait.status = trace
repeat(3)
let x = iteration + per + cpu
`;
  assertEquals(grammarProblems(grammar, "names.dma", text), []);
});

interface Snippet {
  readonly body: readonly string[];
}

Deno.test("every snippet of the extension is right as it is inserted", () => {
  const path = `${ROOT}extensions/editor/vscode/snippets.json`;
  const snippets: Record<string, Snippet> = JSON.parse(Deno.readTextFileSync(path));
  for (const [name, { body }] of Object.entries(snippets)) {
    const text = body.join("\n").replaceAll(/\$\{\d\|([^,]*)[^}]*\|\}/g, "$1")
      .replaceAll(/\$\{\d:([^}]*)\}/g, "$1").replaceAll(/\$\d/g, "");
    const wrong = loadText(text).diagnostics.filter(({ severity }) => severity === "error");
    assertEquals(wrong.map(({ message }) => message), [], `${name}: ${text}`);
  }
});
