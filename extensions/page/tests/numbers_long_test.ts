/**
 * The numbers of a report are those of the terminal: verdicts, causes, smallest cases and leaks, segments of
 * requests, rows of benches. The page draws what is compared here.
 */
import "@dmalab/bin/provide";
import { MemoryScreen, SignalWatch } from "@dmalab/cli";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { benchEntries, benchText } from "../engine/bench_verdict.ts";
import { type Recording, valueOrReason, variablesAt } from "@dmalab/recording";
import { pictureView, RunIndex, verdictOf } from "@dmalab/recording/views";
import { assert, assertEquals } from "@std/assert";
import { dmalab, scenariosBelow } from "@dmalab/tests";
import { type Made, madeOf } from "../cli/make_report.ts";

/** Scenarios that fail, each in another way: a property, an injected failure, leaks, reports, limits. */
const FAILING = [
  "docs/tutorial/gaps.dma",
  "tests/screens/inject.dma",
  "tests/screens/race.dma",
  "tests/transcripts/alike.dma",
  "tests/transcripts/fails.dma",
  "tests/transcripts/forgets.dma",
];

const OPTIONS = {
  limits: DEFAULT_LIMITS,
  matches: [],
  only: "all",
  lenient: false,
  seed: null,
  coverage: false,
} as const;

async function pageOf(path: string): Promise<Made> {
  using watch = new SignalWatch();
  const made = await madeOf(path, OPTIONS, new MemoryScreen(), watch);
  assert(typeof made !== "string", String(made));
  return made;
}

/** What further runs have found out about a failure. */
const FOUND =
  /^ *(minimal failing case: .*|fixed by .*|\d+ of \d+ (?:places leak|fixed by .*)|in this order of the race .*)$/gm;

function foundIn(text: string): readonly string[] {
  return [...text.matchAll(FOUND)].map(([, line]) => line!).sort();
}

/** Numbers of segments by request, from the machine at the end of a run, as a script prints them. */
function segmentsByRequest(run: Recording): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  // Not a number for a variable that has no requests.
  const numberOf = (text: string) => Number(valueOrReason(run, run.last, text).replaceAll("_", ""));
  const names = new Set(
    (["locals", "globals"] as const).flatMap((scope) =>
      variablesAt(run, run.last, 0, scope).map(({ name }) => name)
    ),
  );
  for (const name of names) {
    const count = numberOf(`${name}.requests.length`);
    for (let index = 0; index < count; index++) {
      const request = `${name}.requests[${index}]`;
      found.set(numberOf(`${request}.id`), numberOf(`${request}.segments.length`));
    }
  }
  return found;
}

let compared = 0;

function compareSegments(path: string, run: Recording): void {
  const index = new RunIndex(run);
  for (const [request, segments] of segmentsByRequest(run)) {
    const view = pictureView(index, run.last, { kind: "request", request }, new Set());
    if (view === null) continue;
    compared++;
    const [, shown] = view.about.match(/\b(\d+) segments?\b/) ?? [];
    assertEquals(Number(shown), segments, `${path}: ${view.title}: ${view.about}`);
  }
}

async function compareNumbers(path: string): Promise<void> {
  const { benches, printed, runs } = await pageOf(path);
  const { output: ran } = await dmalab("run", path);
  const verdicts = runs.map(({ outcome, run }) => ({
    ...verdictOf(new RunIndex(run), outcome ?? null),
    outcome,
  }));

  const [, passed, failed] = ran.match(/\| (\d+) passed \| (\d+) failed/) ?? [];
  const tests = verdicts.filter(({ outcome }) => outcome?.kind !== "main");
  const count = (isFailed: boolean) =>
    tests.filter(({ state }) => (state === "failed") === isFailed).length;
  assertEquals([count(false), count(true)], [Number(passed), Number(failed)], `${path}:\n${ran}`);

  assertEquals(foundIn(verdicts.flatMap(({ why }) => why).join("\n")), foundIn(ran), path);
  for (const { leaked, outcome, what, why } of verdicts) {
    const leaks = outcome?.failure?.leaking?.[0]?.leaks.filter(({ text }) =>
      /mapping of/.test(text)
    );
    if (leaks === undefined) continue;
    const said = [what, ...why].join("\n");
    assertEquals(leaked.length, leaks.length, said);
    for (const { text } of leaks) {
      const [mapping] = text.split(", allocated at");
      assert(ran.includes(mapping!) && said.includes(mapping!), `${mapping}\n${said}`);
    }
  }

  for (const { run } of runs) compareSegments(path, run as Recording);

  if (benches.length === 0) return;
  const { output: measured } = await dmalab("bench", path);
  assertEquals(
    benchEntries(benches, () => null).length,
    measured.match(/ \.\.\. .*\(\d+ cells?\)$/gm)?.length,
  );
  for (const bench of benches) {
    for (const line of benchText(bench).split("\n")) {
      assert(measured.includes(line) && printed.includes(line), `${path}: ${line}`);
    }
  }
}

for (const path of [...FAILING, ...scenariosBelow("examples")]) {
  Deno.test(`${path}: its report has the terminal's numbers`, () => compareNumbers(path));
}

Deno.test("segments of many requests were compared", () =>
  assert(compared > 100, String(compared)));
