/**
 * Changes each field of each kind of record once. The case must then differ, unless the field is in
 * the table of input fields and fields that are not compared (tests/conformance/given.ts,
 * docs/dev/conformance.md).
 */
import { assert, assertEquals } from "@std/assert";
import type { DefectCase } from "./conformance/defects/defect_data.ts";
import { replayDefects } from "./conformance/defects/defect_replay.ts";
import {
  type Exception,
  exceptionOf,
  EXCEPTIONS,
  givenOfMapsTable,
  givenTable,
  type RecordKind,
} from "./conformance/given.ts";
import { listGoldenFiles, readLines } from "./conformance/golden_files.ts";
import { GroupCount, type GroupResult } from "./conformance/group_result.ts";
import {
  beginningOf,
  type CapturedRun,
  compareDescription,
  KERNEL,
  readRun,
  replayRun,
  runDiffers,
} from "./conformance/kernel/captured_run.ts";
import { type CaptureHistory, caseNumber } from "./conformance/kernel/kernel_data.ts";
import type { CapturedCall } from "./conformance/submission/submission_data.ts";
import {
  type CapturedSubmissions,
  replaySubmissions,
} from "./conformance/submission/submission_replay.ts";
import { type OperationLine, recordOfTrace, replayTrace } from "./conformance/traces.ts";
import { FREES } from "./conformance/kernel/history_replay.ts";
import { changesOf, type RecordedChange } from "./recorded_fields.ts";

const GOLDEN = "tests/golden";

/** Runs that together have all kinds of lines, with and without a history. */
const RUNS = [
  "v7.2-strict-ms8-msgl",
  "v7.2-lazy-untrusted",
  "v7.2-lazy-smp2",
  "v7.2-lazy-fast",
  "v7.2-none-nosgl",
  "v7.2-none-ms8-msgl",
  "v7.2-lazy-p2pbridge",
  "v7.2-none-p2punsupported",
  "v7.2-none-schedmq-deadline",
  "v7.2-none-nosgl-mdts0-big",
  "v6.12-strict-ms8",
  "v6.12-swiotlb",
  "v6.12-none-sglt0",
  "v7.3-lazy-sglt0",
  "v7.3-none-ms8",
];

/**
 * Number of requests of a run that are replayed: enough to show all kinds of lines in the run's
 * history.
 */
const HISTORY_REQUESTS = 60;

/** Number of requests that are enough to show the effects of a run's description. */
const DESCRIBED_REQUESTS = 20;

/** Runs with system calls that together have all kinds of fields. */
const CALLED_RUNS = [
  "v7.2-none-p2punsupported",
  "v7.2-none-ms8-msgl",
  "v6.12-none-nosgl",
  "v7.3-none-ms8",
  "v7.2-none-schedmq-deadline",
];

/**
 * Whether an exception is about a trace. Arguments of traces are not changed, because the new value
 * may be one that no machine has.
 */
function isOfTrace({ record }: Exception): boolean {
  return record.endsWith(" trace");
}

/** The results of changing fields. */
class Findings {
  readonly wrong: string[] = [];
  /**
   * `met`: exceptions that match a field. `effective`: exceptions that match an input field whose
   * change had an effect.
   */
  readonly met = new Set<number>();
  readonly effective = new Set<number>();
  readonly #seen = new Set<string>();
  changes = 0;

  /** The changes of those fields that no earlier record of the same kind contained. */
  fresh<T>(kind: string, record: T, called = ""): RecordedChange<T>[] {
    return [...changesOf(record, called)].filter(({ name }) => {
      const key = `${kind} ${name}`;
      if (this.#seen.has(key)) return false;
      this.#seen.add(key);
      return true;
    });
  }

  /** Whether the table contains a field. If it does, adds the table's entry to `met`. */
  isListed(record: RecordKind, name: string): boolean {
    const index = exceptionOf(record, name, false);
    if (index >= 0) this.met.add(index);
    return index >= 0;
  }

  /** Compares the result of a change with the table. */
  note(record: RecordKind, place: string, name: string, hasHistory: boolean, differs: boolean) {
    this.changes++;
    const index = exceptionOf(record, name, hasHistory);
    if (index < 0) {
      if (!differs) this.wrong.push(`${place}: a changed ${name} is not noticed`);
      return;
    }
    this.met.add(index);
    if (differs) this.effective.add(index);
    if (differs && EXCEPTIONS[index]!.treatment === "left out") {
      this.wrong.push(`${place}: ${name} is said to be left out, but is not`);
    }
  }
}

function disagrees({ agree, total }: GroupResult): boolean {
  return agree < total;
}

/**
 * Runs of the same kind are replayed in the same way. The kind is the release, whether there is a
 * scheduler, and whether there is a history.
 */
function kindOf({ environment, history }: CapturedRun): string {
  const { config: { scheduler = "none" }, kernel } = environment;
  return `${kernel.slice(0, 4)} ${scheduler} ${history !== null}`;
}

function changeRequests(run: CapturedRun, findings: Findings): void {
  for (const [index, captured] of run.regular.entries()) {
    const changes = findings.fresh(kindOf(run), captured);
    if (changes.length === 0) continue;
    const part = beginningOf(run, index);
    assertEquals(runDiffers(part), false, captured.id);
    for (const { apply, name } of changes) {
      const changed = apply(captured);
      const regular = part.regular.map((each) => each === captured ? changed : each);
      const differs = runDiffers({ ...part, regular });
      findings.note("request", captured.id, name, run.history !== null, differs);
    }
  }
}

/** Whether a line of a history belongs to one of these requests, or only names existing objects. */
function isOwnLine(events: CaptureHistory["events"], index: number, cases: ReadonlySet<number>) {
  const [kind] = events[index]!;
  if (!FREES.has(kind) && kind !== "alloc" && kind !== "swiotlb_map") return true;
  const begins = FREES.has(kind) ? "complete" : "request";
  const before = events.slice(0, index).findLast(([word]) => word === begins);
  return before !== undefined && cases.has(before[1] as number);
}

function changeHistory(run: CapturedRun, findings: Findings): void {
  const { history, regular } = run;
  if (history === null) return;
  const cases = new Set(regular.map(({ id }) => caseNumber(id)));
  const { events, ...head } = history;
  const kind = `history ${kindOf(run)}`;
  const note = (name: string, changed: CaptureHistory) =>
    findings.note("history", run.name, name, true, runDiffers({ ...run, history: changed }));
  for (const { apply, name } of findings.fresh(kind, head)) {
    note(name, { ...history, ...apply(head) });
  }
  for (const [index, line] of events.entries()) {
    if (!isOwnLine(events, index, cases)) continue;
    for (const { apply, name } of findings.fresh(kind, line, `events.${line[0]}`)) {
      note(name, { ...history, events: events.with(index, apply(line)) });
    }
  }
}

/** Changes descriptions of runs: the derived facts or the run's first requests must then differ. */
function changeDescription(run: CapturedRun, findings: Findings): void {
  const few = beginningOf(run, DESCRIBED_REQUESTS);
  for (const { apply, name } of findings.fresh(`run ${kindOf(run)}`, run.environment)) {
    const environment = apply(run.environment);
    const differs = compareDescription(environment) !== null || runDiffers({ ...few, environment });
    findings.note("run", run.name, name, run.history !== null, differs);
  }
}

/** Changes system calls: the requests that they lead to must then differ. */
async function changeCalls(run: CapturedRun, findings: Findings): Promise<void> {
  const path = `${KERNEL}/submissions/${run.name}.jsonl.gz`;
  const calls = await readLines<CapturedCall>(path);
  const { environment, regular: cases } = run;
  const { outcomes } = replayRun(run);
  const differs = (changed: Partial<CapturedSubmissions>) => {
    const count = new GroupCount(run.name);
    replaySubmissions({ environment, calls, cases, outcomes, ...changed }, count);
    return count.differs;
  };
  assertEquals(differs({}), false, run.name);
  for (const call of calls) {
    for (const { apply, name } of findings.fresh(`calls ${kindOf(run)}`, call)) {
      const changed = calls.map((each) => each === call ? apply(call) : each);
      findings.note("system call", run.name, name, true, differs({ calls: changed }));
    }
  }
  for (const captured of cases) {
    if (captured.request.submissions === undefined) continue;
    const { request } = captured;
    for (const { apply, name } of findings.fresh(`called ${kindOf(run)}`, request, "request")) {
      const other = { ...captured, request: apply(request) };
      const changed = cases.map((each) => each === captured ? other : each);
      findings.note("system call", captured.id, name, true, differs({ cases: changed }));
    }
  }
}

function changeDefects(cases: readonly DefectCase[], findings: Findings): void {
  for (const captured of cases) {
    for (const { apply, name } of findings.fresh("defects", captured)) {
      const result = replayDefects("defects", [apply(captured)]);
      findings.note("defect", captured.id, name, false, disagrees(result));
    }
  }
}

function changeTrace(
  record: RecordKind,
  group: string,
  lines: readonly OperationLine[],
  findings: Findings,
): void {
  for (const [index, line] of lines.entries()) {
    for (const { apply, name } of findings.fresh(record, line, line.op)) {
      // A listed argument is not changed, because its new value may be one that no machine has.
      if (findings.isListed(record, name)) continue;
      const changed = lines.slice(0, index + 1).with(index, apply(line));
      const { firstDifference } = replayTrace(group, changed);
      findings.note(record, `${group}:${index + 1}`, name, false, firstDifference !== null);
    }
  }
}

/**
 * Removes the fields `group` and `submissions`, which show the group and the order of the submitted
 * requests. For many requests these fields decide facts that a single request does not show.
 */
function changeOrder(run: CapturedRun, findings: Findings): void {
  for (const name of ["group", "submissions"] as const) {
    const regular = run.regular.map((captured) => {
      const { [name]: _, ...request } = captured.request;
      return { ...captured, request };
    });
    findings.note("request", run.name, `request.${name}`, false, runDiffers({ ...run, regular }));
  }
}

Deno.test("a changed field of any kind of record makes its case differ, or stands in the table", async (t) => {
  const findings = new Findings();
  for (const name of RUNS) {
    await t.step(name, async () => {
      const run = await readRun(name);
      changeRequests(run, findings);
      changeDescription(run, findings);
      changeHistory(beginningOf(run, HISTORY_REQUESTS), findings);
    });
  }
  await t.step("the order of submission", async () => {
    changeOrder(await readRun("v7.2-none-schedmq-deadline"), findings);
  });
  for (const name of CALLED_RUNS) {
    await t.step(`${name}, system calls`, async () => changeCalls(await readRun(name), findings));
  }
  await t.step("defects", async () => {
    changeDefects(await readLines<DefectCase>(`${GOLDEN}/defects/cases.jsonl`), findings);
  });
  for (const { group, path } of listGoldenFiles(GOLDEN)) {
    const record = recordOfTrace(group);
    if (record === null) continue;
    await t.step(group, async () => {
      const lines = await readLines<OperationLine>(path);
      changeTrace(record, group, lines, findings);
    });
  }
  assertEquals(findings.wrong, []);
  assert(findings.changes > 2000, `only ${findings.changes} changes`);
  const idle = EXCEPTIONS.filter((exception, index) =>
    !findings.met.has(index) ||
    (exception.treatment === "given" && !findings.effective.has(index) && !isOfTrace(exception))
  );
  assertEquals(idle, [], "entries of the table that no record has, or that change nothing");
});

Deno.test("docs/dev/conformance.md shows the table that the replay goes by", () => {
  const text = Deno.readTextFileSync("docs/dev/conformance.md");
  const [, shown] = text.match(/<!-- given: .* -->\n([^]*?)\n<!-- end of given -->/)!;
  assertEquals(shown!.split("\n"), givenTable());
  const [, ofMaps] = text.match(
    /<!-- given of maps: .* -->\n([^]*?)\n<!-- end of given of maps -->/,
  )!;
  assertEquals(ofMaps!.split("\n"), givenOfMapsTable());
});
