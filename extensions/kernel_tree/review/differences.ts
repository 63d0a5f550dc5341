/** What differs between two runs of a scenario, as a reviewer says it. */
import type { Program, TestOutcome } from "@dmalab/lang/run";
import { formatCount } from "@dmalab/lang/text";
import { eventEntry, isCall, type MachineEvent } from "@dmalab/runtime";
import type { ComparedTestRun, TreeRun } from "../diff_scenario.ts";
import { firstDifference, shownFolder, type Tree } from "../diff_scenario.ts";
import { type OperationDifference, STOPPED } from "../oracle/compare.ts";
import { differingText } from "../run_tree.ts";
import type { ReviewStep } from "./series.ts";

/** Where one side is when the two part. */
export interface DifferingSide {
  /** What happens there: an event, a printed line or the test's end; null where nothing more does. */
  readonly text: string | null;
  /** `drivers/nvme/host/pci.c:812`; null where no line of C led to it. */
  readonly place: string | null;
  /** The line of C. */
  readonly code: string | null;
}

/** The first difference of one test. */
export interface ReviewDifference {
  /** The path of a scenario, or of mapping code that a sequence of operations drives. */
  readonly scenario: string;
  readonly test: string;
  /** Of mapping code: the minimised sequence, whose last one differs; else empty. */
  readonly operations: readonly string[];
  /** What the checker says of the new tree and not of the old one; null where it says nothing. */
  readonly defect: string | null;
  /** The call in which they part: `dma_unmap_phys(…)`; null outside of one. */
  readonly call: string | null;
  readonly sides: readonly [old: DifferingSide, new: DifferingSide];
  /** The first thing that the device does otherwise; null where it does the same. */
  readonly device: readonly [old: string | null, new: string | null] | null;
  /** Other tests that part at the same lines. */
  readonly others: number;
}

/** One for each pair of lines of C at which tests part. */
export function differencesOf(
  scenario: string,
  step: ReviewStep,
  old: TreeRun,
  changed: TreeRun,
): readonly ReviewDifference[] {
  const found = new Map<string, ReviewDifference>();
  for (const [index, test] of old.tests.entries()) {
    const other = changed.tests[index];
    if (other === undefined) continue;
    const difference = differenceOf(scenario, step, [old.program, test], [changed.program, other]);
    if (difference === null) continue;
    const { call, defect, sides } = difference;
    const key = JSON.stringify([
      defect === null ? null : withoutNumbers(defect),
      call,
      sides.map(({ place }) => place),
    ]);
    const known = found.get(key);
    found.set(key, known === undefined ? difference : { ...known, others: known.others + 1 });
  }
  return [...found.values()];
}

/** The same of a sequence of operations on mapping code. */
export function sequenceDifference(
  path: string,
  { one, operations, other }: OperationDifference<unknown>,
): ReviewDifference {
  const side = (text: string): DifferingSide => ({ text, place: null, code: null });
  return {
    scenario: path,
    test: formatCount(operations.length, "operation"),
    operations: operations.map((each) => JSON.stringify(each)),
    defect: STOPPED in other && !(STOPPED in one) ? String(other[STOPPED]) : null,
    call: null,
    sides: [side(differingText(one, other)), side(differingText(other, one))],
    device: null,
    others: 0,
  };
}

type RunOfTest = readonly [program: Program, test: ComparedTestRun];

function differenceOf(
  scenario: string,
  step: ReviewStep,
  [oldProgram, old]: RunOfTest,
  [newProgram, changed]: RunOfTest,
): ReviewDifference | null {
  const first = firstDifference([old], [changed]);
  if (first === null) return null;
  const { at, name } = first;
  return {
    scenario,
    test: name,
    operations: [],
    defect: defectOf(old.outcome, changed.outcome)?.replaceAll(shownFolder(step.new), "") ?? null,
    call: callAt(old, at) ?? callAt(changed, at),
    sides: [sideAt(oldProgram, step.old, old, at), sideAt(newProgram, step.new, changed, at)],
    device: deviceDifference(old, changed),
    others: 0,
  };
}

/** What the checker, the IOMMU or the end of a test says of the new tree alone. */
function defectOf(old: TestOutcome, changed: TestOutcome): string | null {
  const known = new Set(old.incidents.map(nameOf));
  const incident = changed.incidents.find((each) => !known.has(nameOf(each)));
  if (incident !== undefined) return incident.text;
  const counts = [
    ["leak", old.leaks, changed.leaks],
    ["unexpected report", old.unexpectedReports, changed.unexpectedReports],
    ["unexpected fault", old.unexpectedFaults, changed.unexpectedFaults],
  ] as const;
  for (const [what, before, after] of counts) {
    if (after > before) return `${after} ${what}s instead of ${before}`;
  }
  const [before, after] = [old.failure, changed.failure].map((each) => each?.message ?? null);
  return after === null || after === before ? null : after!;
}

function nameOf({ kind, name, text }: TestOutcome["incidents"][number]): string {
  return `${kind} ${name} ${withoutNumbers(text)}`;
}

/** Addresses and lines move with a change, and from test to test. */
function withoutNumbers(text: string): string {
  return text.replace(/0x[\da-f_]+|\d+/g, "#");
}

/** The call that is entered and not left before a line. */
function callAt({ events }: ComparedTestRun, at: number): string | null {
  let left = 0;
  for (let index = at; index >= 0; index--) {
    const event = events[index];
    if (event === undefined || event === null) continue;
    if (event.name.startsWith("ret.") && index < at) left++;
    else if (isCall(event) && left-- === 0) return `${event.name.slice("call.".length)}()`;
    if (event.name === "inject") return null;
  }
  return null;
}

function sideAt(program: Program, tree: Tree, run: ComparedTestRun, at: number): DifferingSide {
  const text = run.lines[at] ?? null;
  const event = run.events[at];
  const site = event?.site ?? null;
  const span = site === null ? null : program.code.sites[site - 1]?.span ?? null;
  if (span === null) return { text, place: null, code: null };
  const { line } = span.source.position(span.start);
  const name = span.source.name;
  const folder = [shownFolder(tree), `${tree.files.root}/`].find((each) => name.startsWith(each)) ??
    "";
  return {
    text,
    place: `${name.slice(folder.length)}:${line}`,
    code: span.source.line(line).trim(),
  };
}

/** What only the device does: entries that it reads, data that it moves, completions. */
function deviceDifference(
  old: ComparedTestRun,
  changed: ComparedTestRun,
): ReviewDifference["device"] {
  const [before, after] = [old, changed].map(({ events, lines }) =>
    lines.filter((_, at) => isByDevice(events[at] ?? null))
  ) as [string[], string[]];
  const at = before.findIndex((line, index) => line !== after[index]);
  if (at < 0 && before.length === after.length) return null;
  const first = at < 0 ? before.length : at;
  return [before[first] ?? null, after[first] ?? null];
}

function isByDevice(event: MachineEvent | null): boolean {
  return event !== null && event.device !== null && eventEntry(event.name)?.byDevice === true;
}
