/**
 * `deno task script coverage`: prints the rules that the project itself exercises. Rules of
 * scenarios are found by running the scenarios, rules of other tests by the citations in the tests'
 * names.
 *
 * A test's name is a statement with the place of its rule ("… (dma.md 3.3)"). Such a rule counts as
 * exercised, because `deno task test-all` fails unless all tests pass. Error exits are counted only for
 * the scenarios, because only events of scenarios are recorded.
 */
import { join, relative } from "node:path";
import { type FileJob, runFile } from "@dmalab/cli/testing";
import { readRulePage } from "@dmalab/cli";
import type { Program } from "@dmalab/lang/run";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import {
  citedRules,
  joinRecords,
  type RuleRecord,
  RuleRecorder,
} from "./rule_coverage/rule_recorder.ts";
import { ruleLines, ruleReport } from "./rule_coverage/rule_report.ts";
import { filesBelow, ROOT, SOURCE_FOLDERS } from "./source_text.ts";

const SOURCES = [...SOURCE_FOLDERS, "tests"];
/** Names of tests and of their steps. */
const TEST_NAME = /(?:Deno\.test|\bstep)\(\s*(?:\{\s*name:\s*)?(["'`])((?:(?!\1)[^\\]|\\.)*)\1/g;

/** The rules that the names of the project's own tests cite. */
export function citedByTests(): string[] {
  const files = SOURCES.flatMap((folder) => filesBelow(join(ROOT, folder)))
    .filter((path) => path.endsWith("_test.ts"));
  return files.flatMap((path) =>
    [...Deno.readTextFileSync(path).matchAll(TEST_NAME)].flatMap(([, , name]) => citedRules(name!))
  );
}

/** The rules that the scenarios below a folder reach. */
export async function recordScenarios(folder: string): Promise<RuleRecord> {
  const records: RuleRecord[] = [];
  for (const path of filesBelow(join(ROOT, folder)).filter((each) => each.endsWith(".dma"))) {
    const job: FileJob = {
      path: relative(Deno.cwd(), path),
      matches: [],
      failFast: false,
      seed: null,
      shard: null,
      lenient: false,
      trace: null,
      tree: null,
      limits: DEFAULT_LIMITS,
      colour: false,
      coverage: false,
    };
    let recorder: RuleRecorder | null = null;
    const listeners = (program: Program) => (recorder = new RuleRecorder(program)).listeners;
    await runFile(
      job,
      (event) => {
        if (event.kind !== "end" || event.report === null || recorder === null) return;
        records.push(recorder.record(event.report));
      },
      undefined,
      listeners,
    );
  }
  return joinRecords(records);
}

/** The coverage by scenarios and tests together. */
export async function projectCoverage(): Promise<RuleRecord> {
  const tests: RuleRecord = { decided: [], cited: citedByTests(), exits: [] };
  const scenarios = [await recordScenarios("examples"), await recordScenarios("tests/suites")];
  return joinRecords([...scenarios, tests]);
}

if (import.meta.main) {
  console.log(ruleLines(ruleReport(await projectCoverage(), readRulePage)).join("\n"));
}
