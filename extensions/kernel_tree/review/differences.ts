/** Describes the differences between two runs of a scenario for a reviewer. */
import { formatCount } from "@dmalab/lang/text";
import { differsAt, withoutLineNumbers } from "../diff_scenario.ts";
import {
  type OperationDifference,
  type OperationResult,
  STOPPED,
  STOPPED_AT,
} from "../oracle/compare.ts";
import type { CoveredComparison } from "../oracles.ts";
import type { StoppedLine, TreeStopped } from "../tree_module.ts";
import { differingText } from "../run_tree.ts";
import type { KeptOutcome, ListedTest, ScenarioRuns } from "./kept_runs.ts";
import { callAt, type RunWords } from "./run_words.ts";
import type { ReviewStep } from "./series.ts";

/** One tree's state at the first difference. */
export interface DifferingSide {
  /**
   * The event, printed line or test's end at the difference; null if this tree's run has already
   * ended.
   */
  readonly text: string | null;
  /** `drivers/nvme/host/pci.c:812`; null if no line of C caused it. */
  readonly place: string | null;
  /** The text of the line of C in `place`. */
  readonly code: string | null;
}

/** The first difference of one test. */
export interface ReviewDifference {
  /** The path of a scenario, or of mapping code under random sequences of operations. */
  readonly scenario: string;
  readonly test: string;
  /**
   * For mapping code: the minimised sequence, with a difference in the last operation; else empty.
   */
  readonly operations: readonly string[];
  /**
   * Messages about errors that occur with the new tree but not with the old tree, as lines; null
   * without such errors.
   */
  readonly defect: string | null;
  /**
   * What found the error. `test`: an assertion of the test. `checker`: the checker, the IOMMU, or
   * the check at the test's end.
   */
  readonly foundBy: "test" | "checker";
  /** The call in which the runs diverge: `dma_unmap_phys(…)`; null outside of a call. */
  readonly call: string | null;
  readonly sides: readonly [old: DifferingSide, new: DifferingSide];
  /**
   * The first different action of a device on each side; if all actions are the same, the first
   * different store to a register. Null if the stores are the same, too.
   */
  readonly device: readonly [old: string | null, new: string | null] | null;
  /**
   * The first two actions or stores in another order, if only the order of stores and of different
   * devices' actions differs; null if `device` is not null, or if the order is the same.
   */
  readonly reordered: readonly [old: string, new: string] | null;
  /** Whether a data byte, length, address or command differs, at the device or in the call. */
  readonly isSeen: boolean;
  /** Number of further tests that diverge at the same lines. */
  readonly others: number;
}

/**
 * The differences of a scenario. Tests share one difference if they diverge at the same line of C, in
 * the same call and with the same error message of the new tree, and if `isSeen` is the same for them
 * and the order of actions and stores differs in all of them or in none.
 */
export class ScenarioDifferences {
  readonly #found = new Map<string, ReviewDifference>();

  constructor(
    readonly scenario: string,
    readonly step: ReviewStep,
    readonly old: ScenarioRuns,
    readonly changed: ScenarioRuns,
  ) {}

  get all(): readonly ReviewDifference[] {
    return [...this.#found.values()];
  }

  /**
   * Compares a test. The old tree's actions must be known. If the new tree's actions are not in the
   * cache, the test is run with the new tree.
   */
  async compare(test: ListedTest): Promise<void> {
    const before = this.old.known(test)!;
    const known = this.changed.known(test);
    if (known !== null && differsAt(before.hashes, known.hashes) < 0) return;
    const run = await this.changed.words(test);
    const after = this.changed.known(test)!;
    const at = differsAt(before.hashes, after.hashes);
    if (at < 0) return;
    const { assertion } = after.outcome;
    const defect = newAssertion(before.outcome, after.outcome) ??
      defectOf(before.outcome, after.outcome);
    const isOfTest = assertion !== null && defect?.startsWith(assertion[0]!) === true;
    const foundBy = isOfTest ? "test" : "checker";
    const sides = [await this.old.words(test), run] as const;
    const isFailedOtherwise = !isSameFailure(before.outcome, after.outcome);
    const difference = this.#difference(test.name, { defect, foundBy }, sides, isFailedOtherwise);
    if (difference === null) return;
    const { place } = sideAt(run, at);
    const key = JSON.stringify([
      defect === null ? null : withoutNumbers(defect),
      callAt(run, at),
      // Without a place, the text of the line identifies the difference.
      place ?? withoutNumbers(run.lines[at] ?? ""),
      difference.isSeen,
      difference.reordered === null,
    ]);
    const same = this.#found.get(key);
    const found = same === undefined ? difference : { ...same, others: same.others + 1 };
    this.#found.set(key, found);
  }

  #difference(
    name: string,
    { defect, foundBy }: Pick<ReviewDifference, "defect" | "foundBy">,
    [old, changed]: readonly [RunWords, RunWords],
    isFailedOtherwise: boolean,
  ): ReviewDifference | null {
    const at = differsAt(old.lines, changed.lines);
    if (at < 0) return null;
    const device = deviceDifference(old, changed);
    const reordered = device === null ? reorderedAt(old, changed) : null;
    // Two lines of another order are not one line with other numbers.
    const isOrder = reordered !== null && reordered[0] === old.lines[at];
    return {
      scenario: this.scenario,
      test: name,
      operations: [],
      defect,
      foundBy,
      call: callAt(old, at) ?? callAt(changed, at),
      sides: [sideAt(old, at), sideAt(changed, at)],
      device,
      reordered,
      isSeen: device !== null || isFailedOtherwise ||
        !isOrder && differsInNumbers(old.lines[at], changed.lines[at]),
      others: 0,
    };
  }
}

/** The difference in a sequence of operations on mapping code. */
export function sequenceDifference(
  path: string,
  { one, operations, other }: OperationDifference<unknown>,
  step: ReviewStep,
): ReviewDifference {
  return {
    scenario: path,
    test: formatCount(operations.length, "operation"),
    operations: operations.map((each) => JSON.stringify(each)),
    defect: STOPPED in other && !(STOPPED in one) ? String(other[STOPPED]) : null,
    foundBy: "checker",
    call: null,
    sides: [
      { text: differingText(one, other), ...stoppedAt(one, step, "old") },
      { text: differingText(other, one), ...stoppedAt(other, step, "new") },
    ],
    device: null,
    reordered: null,
    isSeen: true,
    others: 0,
  };
}

/**
 * The difference for a sequence that ends with the old tree, but runs into an endless loop with the
 * new tree.
 */
export function loopDifference(
  path: string,
  loop: NonNullable<CoveredComparison["loop"]>,
  step: ReviewStep,
): ReviewDifference {
  const found = sequenceDifference(path, { ...loop, one: {} }, step);
  return {
    ...found,
    sides: [{ text: "no endless loop", place: null, code: null }, found.sides[1]],
  };
}

/**
 * The line at which a tree's code stopped. If there are several lines, the first changed line; if none
 * is changed, the first line.
 */
function stoppedAt(
  answer: OperationResult,
  { files, ...trees }: ReviewStep,
  side: "old" | "new",
): Pick<DifferingSide, "place" | "code"> {
  const lines = (answer[STOPPED_AT] ?? []) as TreeStopped["at"];
  const isChanged = ({ line, path }: StoppedLine) =>
    files.some((file) =>
      file.path === path && (side === "old" ? file.removed : file.added).includes(line)
    );
  const found = lines.find(isChanged) ?? lines[0];
  if (found === undefined) return { place: null, code: null };
  const code = trees[side].files.text(found.path)?.split("\n")[found.line - 1]?.trim() ?? null;
  return { place: `${found.path}:${found.line}`, code };
}

/** Whether two lines differ only in their numbers. */
function differsInNumbers(old: string | undefined, changed: string | undefined): boolean {
  return old !== undefined && changed !== undefined &&
    withoutNumbers(old) === withoutNumbers(changed);
}

/**
 * The assertion that fails only with the new tree. It stopped the test, and therefore explains leaks at the
 * test's end.
 */
function newAssertion(old: KeptOutcome, changed: KeptOutcome): string | null {
  if (changed.assertion === null || old.failure !== null) return null;
  return changed.assertion.join("\n");
}

/** Prefix in the names of incidents about resources that a failed test held when it stopped. */
const HELD = "held ";

/**
 * A message of the checker, the IOMMU or the check at the test's end that the old tree does not have.
 * If both trees have it, but the new one at more places of `inject each`, it counts as well. If the old
 * tree's test fails, too, a further line names that failure: the old test may have ended before the
 * place of the message.
 */
export function defectOf(old: KeptOutcome, changed: KeptOutcome): string | null {
  const found = findingOf(old, changed) ?? otherFailure(old, changed);
  if (found === null || old.failure === null) return found;
  return `${found}\nwith the old tree the test fails, too: ${old.assertion?.[0] ?? old.failure}`;
}

function findingOf(old: KeptOutcome, changed: KeptOutcome): string | null {
  const incident = newIncident(old, changed);
  if (incident !== null) return incident;
  const leak = newFinding(old.leaking.map(leakFinding), changed.leaking.map(leakFinding));
  if (leak !== null) return `Leak when ${leak}`;
  if (changed.failure !== null && old.failure === null) return changed.failure;
  const counts = [
    ["leak", old.leaks, changed.leaks],
    ["unexpected report", old.unexpectedReports, changed.unexpectedReports],
    ["unexpected fault", old.unexpectedFaults, changed.unexpectedFaults],
  ] as const;
  const more = counts.find(([, before, after]) => after > before);
  return more === undefined ? null : `${more[2]} ${more[0]}s instead of ${more[1]}`;
}

/** The failure of the new tree, if the old tree's test fails with another message. */
function otherFailure(old: KeptOutcome, changed: KeptOutcome): string | null {
  if (changed.failed === null || isSameFailure(old, changed)) return null;
  const isSamePlace = changed.failed.place === old.failed?.place;
  // The same assertion fails with other values: that is other data, and no new message.
  if (changed.assertion !== null) return isSamePlace ? null : changed.assertion.join("\n");
  const isSame = isSamePlace && withoutNumbers(changed.failure!) === withoutNumbers(old.failure!);
  return isSame ? null : changed.failure;
}

/** A finding of a test: equal keys count as the same one. */
interface Finding {
  readonly key: string;
  readonly text: string;
  readonly count: number;
}

/** At how many places of `inject each` an incident happens, as the end of its text says. */
const INJECTED = / \(at (\d+) of \d+ places of .*$/s;
/** In how many orders of a race an incident happens. How many there are depends on the code. */
const IN_ORDERS = / \(in \d+ of \d+ of the race.*$/s;

function newIncident(old: KeptOutcome, changed: KeptOutcome): string | null {
  const [before, after] = [old, changed].map(({ incidents }) =>
    // A stopped test still holds memory: the error is its failure, not that memory.
    incidents.filter(({ name }) => !name.startsWith(HELD)).map(({ name, text }) => ({
      key: `${name} ${withoutNumbers(text.replace(INJECTED, "").replace(IN_ORDERS, ""))}`,
      text,
      count: Number(INJECTED.exec(text)?.[1] ?? 1),
    }))
  ) as [Finding[], Finding[]];
  // Of many incidents only the first ones are listed. Then only their numbers are compared.
  const areAllListed = before.length >= old.leaks + old.unexpectedFaults + old.unexpectedReports;
  return areAllListed ? newFinding(before, after) : null;
}

/** Mappings that one statement made. */
const MORE_MAPPINGS = /; and \d+ more by the same statement/;

function leakFinding({ count, text }: KeptOutcome["leaking"][number]): Finding {
  const key = withoutNumbers(text.replace(MORE_MAPPINGS, "")).replace(
    "mappings live",
    "mapping live",
  );
  return { key, text, count };
}

/**
 * A finding that only the second list has, or has more often; null without one. Numbers in the texts do
 * not count: a patch moves lines and addresses, and a call that it adds changes which call of a function
 * is made to fail. So findings of two calls of one function count as the same one.
 */
function newFinding(old: readonly Finding[], changed: readonly Finding[]): string | null {
  const sum = (findings: readonly Finding[]) => findings.reduce((all, { count }) => all + count, 0);
  const known = Map.groupBy(old, ({ key }) => key);
  for (const [key, findings] of Map.groupBy(changed, ({ key }) => key)) {
    const [{ text }] = findings as [Finding];
    const [before, after] = [sum(known.get(key) ?? []), sum(findings)];
    if (before === 0) return text;
    if (after > before) return `${text} (${after} times, with the old tree ${before})`;
  }
  return null;
}

/** Error codes of failures that are an unexpected incident or a leak: these are compared one by one. */
const FINDING_CODES: readonly string[] = ["E0908", "E0921", "E0926"];

/**
 * Whether a test fails with both trees in the same way, or with neither. Failures that are incidents or
 * leaks count as the same, because `defectOf` compares these.
 */
export function isSameFailure(old: KeptOutcome, changed: KeptOutcome): boolean {
  const code = changed.failed?.code;
  if (old.failed?.code !== code) return false;
  if (code === undefined || FINDING_CODES.includes(code)) return true;
  const [before, after] = [old, changed].map(({ assertion, failure }) =>
    assertion === null ? withoutLineNumbers(failure!) : assertion.join("\n")
  );
  return before === after;
}

/**
 * The text with `#` in place of numbers with their units, because addresses and line numbers differ
 * between trees and between tests.
 */
function withoutNumbers(text: string): string {
  return text.replace(/0x[\da-f_]+|\d[\d_]*(?:\.\d+)?(?:[KMGT]?i?B\b|st\b|nd\b|rd\b|th\b)?/g, "#");
}

function sideAt({ lines, placeOf, places }: RunWords, at: number): DifferingSide {
  const found = places[placeOf[at] ?? -1];
  return { text: lines[at] ?? null, place: found?.place ?? null, code: found?.code ?? null };
}

/**
 * The first different action of a device, otherwise the first different store to a register. The actions
 * of each device are compared with each other, and stores with stores, because how far a device has come
 * when the driver stores, or when another device acts, depends on the time that passes.
 */
export function deviceDifference(old: RunWords, changed: RunWords): ReviewDifference["device"] {
  const [before, after] = [old, changed].map(({ byDevice, lines }) => {
    const groups = Map.groupBy(byDevice, ({ device }) => device);
    return new Map([...groups].map(([device, all]) => [device, all.map(({ at }) => lines[at]!)]));
  }) as [Map<string | null, string[]>, Map<string | null, string[]>];
  const stores = null;
  const devices = [...before.keys(), ...after.keys()].filter((device) => device !== stores);
  for (const group of [...devices, stores]) {
    const [one, other] = [before.get(group) ?? [], after.get(group) ?? []];
    const at = differsAt(one, other);
    if (at >= 0) return [one[at] ?? null, other[at] ?? null];
  }
  return null;
}

/** The first action and store that come in another order, if only that differs. */
function reorderedAt(old: RunWords, changed: RunWords): ReviewDifference["reordered"] {
  const [before, after] = [deviceLines(old), deviceLines(changed)];
  const at = differsAt(before, after);
  return at < 0 ? null : [before[at]!, after[at]!];
}

function deviceLines({ byDevice, lines }: RunWords): readonly string[] {
  return byDevice.map(({ at }) => lines[at]!);
}
