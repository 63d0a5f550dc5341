/** Runs each scenario and test, to find the rules of docs/rules that they exercise. */
import { assert, assertEquals } from "@std/assert";
import { readRulePage } from "@dmalab/cli";
import { projectCoverage } from "./coverage.ts";
import { ruleReport } from "./rule_coverage/rule_report.ts";

Deno.test("the project exercises the rules it is built from, and says which it does not", async () => {
  const { pages, exits, openRules } = ruleReport(await projectCoverage(), readRulePage);
  const sum = (of: (page: typeof pages[number]) => number) =>
    pages.reduce((total, page) => total + of(page), 0);
  for (const { page, rules, exercised } of pages) {
    assert(exercised >= rules * 0.7, `${page}: ${exercised} of ${rules}`);
  }
  assert(sum(({ exercised }) => exercised) >= 65);
  assertEquals(openRules.length, sum(({ rules, exercised }) => rules - exercised));
  const reached = exits.reduce((total, row) => total + row.reached, 0);
  assert(reached >= 95, `${reached} exits`);
});
