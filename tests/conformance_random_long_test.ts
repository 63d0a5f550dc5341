/**
 * Changes random fields of golden records, one at a time. Each change must be noticed, unless the
 * field is in the table of input fields and fields that are not compared. Another test changes each
 * kind of field once (`conformance_fields_long_test.ts`); this test finds values whose change is not
 * noticed.
 *
 * `deno test -A tests/conformance_random_long_test.ts -- 200 7`: 200 changes, drawn with seed 7.
 */
import { assertEquals } from "@std/assert";
import { Random } from "@dmalab/runtime";
import {
  beginningOf,
  type CapturedRun,
  compareDescription,
  KERNEL,
  readEnvironments,
  readRun,
  replayRun,
  runDiffers,
} from "./conformance/kernel/captured_run.ts";
import type { DefectCase } from "./conformance/defects/defect_data.ts";
import { replayDefects } from "./conformance/defects/defect_replay.ts";
import type { Json } from "./conformance/difference.ts";
import { exceptionOf, type RecordKind } from "./conformance/given.ts";
import { listGoldenFiles, parseLines, readGoldenText } from "./conformance/golden_files.ts";
import { GroupCount } from "./conformance/group_result.ts";
import { leftOutOfStep, replayDeviceFacts } from "./conformance/hmm/device_facts.ts";
import { isGivenResult } from "./conformance/hmm/hmm_given.ts";
import { readHmmCases, readHmmFacts } from "./conformance/replay.ts";
import { replayHmm, type WatchResults } from "./conformance/hmm/hmm_replay.ts";
import { replayOdp } from "./conformance/hmm/odp_replay.ts";
import type { CapturedCall } from "./conformance/submission/submission_data.ts";
import {
  type CapturedSubmissions,
  replaySubmissions,
} from "./conformance/submission/submission_replay.ts";
import { type OperationLine, recordOfTrace, replayTrace } from "./conformance/traces.ts";
import { changesOf, type RecordedChange } from "./recorded_fields.ts";

const [COUNT = 30, SEED = 1] = Deno.args.map(Number);
const GOLDEN = "tests/golden";
/** Limits of the replayed part of a record, in requests and in lines. */
const MAX_REQUESTS = 120;
const MAX_LINES = 1500;

/** The place of a change in a record, and whether the comparison notices the change. */
interface Tried {
  readonly place: string;
  readonly differs: boolean;
}

const random = new Random(SEED);
const RUNS = Object.keys(await readEnvironments());
const DEFECTS = parseLines<DefectCase>(await readGoldenText(`${GOLDEN}/defects/cases.jsonl`));
const DEVICE_FACTS = listGoldenFiles(GOLDEN).filter(({ group }) =>
  group.includes("/device-facts/")
);
const TRACES = listGoldenFiles(GOLDEN).filter(({ group }) => recordOfTrace(group) !== null);

function pick<T>(list: readonly T[]): T {
  return list[random.between(0, list.length)]!;
}

/** A change of one of a record's compared fields; null if it has no such field. */
function pickChange<T>(
  kind: RecordKind,
  record: T,
  hasHistory = false,
  called = "",
): RecordedChange<T> | null {
  const changes = [...changesOf(record, called)].filter(({ name }) =>
    exceptionOf(kind, name, hasHistory) < 0
  );
  return changes.length === 0 ? null : pick(changes);
}

const KINDS: readonly (() => Tried | null | Promise<Tried | null>)[] = [
  async function request() {
    const run = await readRun(pick(RUNS));
    const index = random.between(0, Math.min(run.regular.length, MAX_REQUESTS));
    const captured = run.regular[index]!;
    const change = pickChange("request", captured, run.history !== null);
    if (change === null) return null;
    const part = beginningOf(run, index);
    const regular = part.regular.map((each) => each === captured ? change.apply(each) : each);
    return {
      place: `${captured.id} ${change.name}`,
      differs: runDiffers({ ...part, regular }),
    };
  },
  async function history() {
    const { history, ...run } = beginningOf(await readRun(pick(RUNS)), MAX_REQUESTS / 2);
    if (history === null) return null;
    const at = random.between(0, history.events.length);
    const line = history.events[at]!;
    const change = pickChange("history", line, true, `events.${line[0]}`);
    if (change === null) return null;
    const events = history.events.with(at, change.apply(line));
    return {
      place: `${run.name} event ${at + 1} ${change.name}`,
      differs: runDiffers({ ...run, history: { ...history, events } }),
    };
  },
  async function description() {
    const run = await readRun(pick(RUNS));
    const change = pickChange("run", run.environment);
    if (change === null) return null;
    const environment = change.apply(run.environment);
    const part = beginningOf(run, MAX_REQUESTS / 2);
    return {
      place: `${run.name} ${change.name}`,
      differs: compareDescription(environment) !== null || runDiffers({ ...part, environment }),
    };
  },
  async function call() {
    const run = await readRun(pick(RUNS));
    const calls = await callsOf(run);
    if (calls === null) return null;
    const asked = pick(calls);
    const change = pickChange("system call", asked, true);
    return change && {
      place: `${run.name} submission ${asked.submission} ${change.name}`,
      differs: callsDiffer(run, {
        calls: calls.map((each) => each === asked ? change.apply(each) : each),
      }),
    };
  },
  async function requestOfCall() {
    const run = await readRun(pick(RUNS));
    const calls = await callsOf(run);
    const captured = pick(run.regular);
    if (calls === null || captured.request.submissions === undefined) return null;
    const change = pickChange("system call", captured.request, true, "request");
    return change && {
      place: `${captured.id} of a call ${change.name}`,
      differs: callsDiffer(run, {
        calls,
        cases: run.regular.map((each) =>
          each === captured ? { ...each, request: change.apply(each.request) } : each
        ),
      }),
    };
  },
  function defect() {
    const captured = pick(DEFECTS);
    const change = pickChange("defect", captured);
    if (change === null) return null;
    const { agree, total } = replayDefects("defects", [change.apply(captured)]);
    return { place: `${captured.id} ${change.name}`, differs: agree < total };
  },
  async function trace() {
    const { group, path } = pick(TRACES);
    const lines = parseLines<OperationLine>(await readGoldenText(path));
    const at = random.between(0, Math.min(lines.length, MAX_LINES));
    const line = lines[at]!;
    const change = pickChange(recordOfTrace(group)!, line, false, line.op);
    if (change === null) return null;
    const changed = lines.slice(0, at + 1).with(at, change.apply(line));
    return {
      place: `${group}:${at + 1} ${change.name}`,
      differs: replayTrace(group, changed).firstDifference !== null,
    };
  },
  async function operation() {
    const [name, facts] = pick(Object.entries(await readHmmFacts(`${GOLDEN}/hmm`)));
    const cases = await readHmmCases(`${GOLDEN}/hmm/${name}.jsonl.gz`);
    let chosen: Tried | null = null;
    let seen = 0;
    const watch: WatchResults = (op, results, differs) => {
      // Replaces the earlier choice with a probability of 1/`seen`, so that each operation is
      // chosen with the same probability.
      if (random.below(++seen) > 0) return;
      const changes = [...changesOf(results, op, isGivenResult)];
      if (changes.length === 0) return;
      const change = pick(changes);
      const other = change.apply(results);
      chosen = { place: `hmm/${name} operation ${seen} ${change.name}`, differs: differs(other) };
    };
    (facts.mapping === undefined ? replayOdp : replayHmm)(name, facts, cases, watch);
    return chosen;
  },
  async function deviceStep() {
    const { group, path } = pick(DEVICE_FACTS);
    const lines = parseLines<Readonly<Record<string, Json>>>(await readGoldenText(path));
    const at = random.between(1, lines.length);
    const line = lines[at]!;
    const leftOut = leftOutOfStep(line, lines[0]!.domain_type === "DMA-FQ");
    const [key, value] = pick(Object.entries(line));
    const changes = leftOut.has(key) ? [] : [...changesOf(value, key, isGivenResult)];
    if (changes.length === 0) return null;
    const change = pick(changes);
    const { agree, total } = replayDeviceFacts(
      group,
      lines.with(at, { ...line, [key]: change.apply(value) }),
    );
    return { place: `${group}:${at + 1} ${change.name}`, differs: agree < total };
  },
];

/** The system calls of a run; null if none were recorded. */
async function callsOf({ name }: CapturedRun): Promise<readonly CapturedCall[] | null> {
  const path = `${KERNEL}/submissions/${name}.jsonl.gz`;
  if (!await Deno.stat(path).then(() => true, () => false)) return null;
  return parseLines<CapturedCall>(await readGoldenText(path));
}

function callsDiffer(
  run: CapturedRun,
  changed: Pick<CapturedSubmissions, "calls"> & Partial<CapturedSubmissions>,
): boolean {
  const { environment, regular: cases } = run;
  const { outcomes } = replayRun(run);
  const count = new GroupCount(run.name);
  replaySubmissions({ environment, cases, outcomes, ...changed }, count);
  return count.differs;
}

Deno.test(`of ${COUNT} fields of golden records, changed at random, each is noticed (seed ${SEED})`, async () => {
  const unnoticed: string[] = [];
  for (let changes = 0; changes < COUNT;) {
    const tried = await pick(KINDS)();
    if (tried === null) continue;
    changes++;
    if (!tried.differs) unnoticed.push(tried.place);
  }
  assertEquals(unnoticed, []);
});
