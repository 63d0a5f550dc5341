/** The rules of docs/rules/traces.md: code that decides by a rule cites the rule's number. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { filesBelow, ROOT } from "@dmalab/tests";

const FOLDERS = ["extensions/traces", "extensions/traces/cli", "runtime/fault_log"];
/**
 * Rules on which no finding depends: only T.39, because partial completions and merges of the block
 * layer are only counted.
 */
const NOT_DECIDED_BY = [39];

/** The rule numbers in a citation such as `T.44, T.49 to T.51`. */
function citedNumbers(text: string): number[] {
  return [...text.matchAll(/\bT\.(\d+)(?: to T\.(\d+))?/g)].flatMap(([, first, last]) => {
    const start = Number(first);
    const end = last === undefined ? start : Number(last);
    return Array.from({ length: end - start + 1 }, (_, index) => start + index);
  });
}

Deno.test("every rule about traces that the code goes by is cited, and every citation names a rule", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/rules/traces.md"));
  const rules = [...page.matchAll(/^\*\*T\.(\d+)\*\*/gm)].map(([, number]) => Number(number));
  assertEquals(rules.toSorted((a, b) => a - b), rules.map((_, index) => index + 1));
  const sources = FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)))
    .filter((path) => path.endsWith(".ts") && !path.endsWith("_test.ts"));
  const cited = new Set(sources.flatMap((path) => citedNumbers(Deno.readTextFileSync(path))));
  for (const number of cited) assert(rules.includes(number), `T.${number} is no rule`);
  assertEquals(rules.filter((number) => !cited.has(number)), NOT_DECIDED_BY);
});
