/**
 * Each rule that says that something warns, fails or is refused has a test that shows it. A new or
 * changed rule without a test makes this test fail.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";
import { ROOT } from "@dmalab/tests";
import { FILES, RULE_CHECKS, type ShownBy } from "./rule_checks.ts";

/** Words with which the pages describe a refusal. */
const REFUSAL =
  /\bwarn(s|ing)?\b|WARN1?|\bfail(s|ed|ure)?\b|\brefuse[sd]?\b|\bfatal\b|\bBUG\b|\bhalt\b|\bERR\b|[−-]E[A-Z]{2,}/;

const textOf = (path: string) => Deno.readTextFileSync(join(ROOT, path));

/** The names of a file's tests. */
function testsOf(file: keyof typeof FILES): string[] {
  const text = textOf(FILES[file]);
  return [...text.matchAll(/^ *(?:Deno\.test\(\s*|test )["`](.*?)["`]/gm)].map(([, name]) => name!);
}

function splitShown(shown: ShownBy): [file: keyof typeof FILES, name: string] {
  const at = shown.indexOf(": ");
  return [shown.slice(0, at) as keyof typeof FILES, shown.slice(at + 2)];
}

for (const [page, checks] of Object.entries(RULE_CHECKS)) {
  const lines = textOf(`docs/rules/${page}.md`).split("\n").filter((line) => REFUSAL.test(line));

  Deno.test(`each line of rules/${page}.md that warns, fails or refuses has its row, and each row its line`, () => {
    const rowsOf = (line: string) => checks.filter(({ rule }) => line.includes(rule));
    assertEquals(
      lines.filter((line) => rowsOf(line).length !== 1).map((line) => line.slice(0, 120)),
      [],
    );
    const linesOf = (rule: string) => lines.filter((line) => line.includes(rule));
    assertEquals(
      checks.filter(({ rule }) => linesOf(rule).length !== 1).map(({ rule }) => rule),
      [],
    );
  });

  Deno.test(`what shows a rule of rules/${page}.md is a test, or there is a reason why none does`, () => {
    const missing = checks.flatMap(({ rule, shown }) =>
      shown.filter((each) => {
        const [file, name] = splitShown(each);
        const tests = testsOf(file);
        const begins = tests.filter((test) => test.startsWith(name)).length;
        return begins !== 1 && tests.filter((test) => test.includes(name)).length !== 1;
      }).map((each) => `${rule} → ${each}`)
    );
    assertEquals(missing, []);
    for (const { none, rule, shown } of checks) assertEquals(none === null, shown.length > 0, rule);
  });

  Deno.test(`the checker reports what a rule of rules/${page}.md says that a driver does wrong`, () => {
    for (const { reports = [], rule, shown } of checks) {
      const texts = shown.map((each) => textOf(FILES[splitShown(each)[0]]));
      for (const each of reports) {
        assert(Object.hasOwn(REPORT_CLASSES, each), `${rule}: ${each}`);
        assert(texts.some((text) => text.includes(each)), `no test of ${rule} has ${each}`);
      }
    }
  });
}
