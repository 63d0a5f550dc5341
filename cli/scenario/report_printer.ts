/**
 * The report on the tests of a run: a line for each test in the style of `deno test`, and a
 * summary.
 */
import { groupBy } from "@dmalab/runtime/basics";
import { printable } from "@dmalab/lang/diagnostics";
import {
  displayName,
  exactMatch,
  type Incident,
  type RunReport,
  type TestOutcome,
  triedTexts,
  type Unexpected,
} from "@dmalab/lang/run";
import type { Paint } from "@dmalab/lang/text";
import { foldedLines } from "./spaced_lines.ts";
import { quotedWord, shellWord } from "../shell_words.ts";

export function headLine(tests: number, file: string, paint: Paint): string {
  return paint("dim", `running ${counted(tests, "test")} from ${file}`);
}

/** The line of a test; null for top-level statements that did not fail. */
export function outcomeLine(outcome: TestOutcome, paint: Paint): string | null {
  if (outcome.kind === "main" && outcome.outcome === "passed") return null;
  const name = nameOf(outcome);
  if (outcome.outcome === "skipped") return `${name} ... ${paint("warning", "ignored")}`;
  const verdict = outcome.outcome === "passed" ? paint("good", "ok") : paint("bad", "FAILED");
  const cases = outcome.kind === "property" ? `${counted(outcome.cases, "case")}, ` : "";
  const tried = triedTexts(outcome).map((text) => `, ${text}`).join("");
  const part = outcome.branch === null ? "" : `, only the branch ${outcome.branch}`;
  const isUnchecked = outcome.outcome === "passed" && !outcome.seesAllLeaks;
  const leaks = isUnchecked ? ", not checked for all leaks" : "";
  const counts = `(${cases}${counted(outcome.events, "event")}${tried}${part}${leaks})`;
  return `${name} ... ${verdict} ${paint("dim", counts)}`;
}

/**
 * Number of different faults and reports that are shown with their source lines. Further faults and
 * reports are only counted.
 */
const DISPLAYED_INCIDENTS = 5;

/**
 * Lines for incidents besides the failure: unexpected faults, reports and leaks, and resources that a failed test
 * did not release. Incidents of one statement share a line.
 *
 * @param shown Keys of the findings that earlier tests of the file printed. A finding with such a key takes only
 *   one line.
 */
export function incidentLines(
  outcome: Unexpected,
  paint: Paint,
  shown: Set<string> = new Set(),
): string[] {
  const incidents = outcome.incidents.filter(({ isFailure }) => !isFailure);
  const groups = [...groupBy(incidents, incidentKey)].slice(0, DISPLAYED_INCIDENTS);
  const listed = groups.reduce((sum, [, group]) => sum + group.length, 0);
  const { leaks, unexpectedFaults, unexpectedReports } = outcome;
  const held = incidents.filter(({ kind }) => kind === "held").length;
  const inFailure = outcome.incidents.length - incidents.length;
  const rest = unexpectedFaults + unexpectedReports + leaks + held - inFailure - listed;
  return [
    ...groups.flatMap(([key, [first, ...others]]) => {
      const isRepeated = shown.has(key);
      shown.add(key);
      if (isRepeated) return [repeatedLine(first!, others.length + 1, paint)];
      return [
        ...first!.lines.map((line) => `  ${line}`),
        ...others.length > 0 ? [paint("dim", `    … ${counted(others.length, "time")} more`)] : [],
      ];
    }),
    ...rest > 0 ? [`  … and ${counted(rest, "other")}`] : [],
  ];
}

/**
 * A key that is equal for incidents of the same kind and name at the same statement: they have the
 * same cause.
 */
export function incidentKey({ kind, name, place }: Incident): string {
  return `${kind} ${name} ${place}`;
}

/**
 * The line for a finding that an earlier test has printed already: `unexpected report[unmap_size]
 * at a.dma:5:3, as in a test above, 2 times`.
 */
function repeatedLine({ kind, name, place }: Incident, times: number, paint: Paint): string {
  const what = kind === "fault" || kind === "report" ? `unexpected ${kind}` : kind;
  const where = place === null ? "" : ` at ${place}`;
  const count = times === 1 ? "" : `, ${counted(times, "time")}`;
  return `  ${what}[${name}]${where}${paint("dim", `, as in a test above${count}`)}`;
}

/**
 * The lines for each failed test: its place, its diagnostic, and the command line that repeats it.
 *
 * @param columns Width of the terminal; null without one.
 * @param tree The value of `--tree`.
 * @param given Permissions that the command line has before the command's name.
 */
export function failureLines(
  reports: readonly RunReport[],
  paint: Paint,
  columns: number | null,
  tree: string | null,
  given: readonly string[],
): string[] {
  const withTree = tree === null ? "" : ` --tree ${shellWord(tree)}`;
  const failed = reports.flatMap((report) =>
    report.outcomes.filter(({ failure }) => failure !== null).map((outcome) => ({
      outcome,
      report,
    }))
  );
  if (failed.length === 0) return [];
  const dmalab = ["dmalab", ...given.map(shellWord)].join(" ");
  const alike = groupBy(failed, ({ outcome, report }) => failureKey(report, outcome));
  return [
    paint("bad", "FAILURES"),
    ...[...alike.values()].flatMap(([first, ...others]) => {
      const { outcome, report } = first!;
      const again = `${dmalab} ${outcome.kind === "main" ? "run" : "test"}`;
      return [
        "",
        `${paint("strong", nameOf(outcome))} ${paint("dim", `=> ${outcome.place}`)}`,
        ...foldedLines(outcome.failure!.lines, columns),
        // Commands are whole lines, so that they can be copied.
        paint("dim", `repeat it: ${again} ${runWords(report, outcome, "")}${withTree}`),
        paint(
          "dim",
          `debug it: ${dmalab} debug ${runWords(report, outcome, " --run 1")}${withTree}`,
        ),
        ...alsoFailed(others.map((each) => nameOf(each.outcome))),
      ];
    }),
  ];
}

/** A DMA address or other large number, which differs between machines. */
const ADDRESS = /0x[\da-f]+(?:_[\da-f]+)+/g;

/**
 * A key of a failure. Failures of one file have the same key if their texts are equal apart from
 * addresses.
 */
function failureKey({ file }: RunReport, { failure }: TestOutcome): string {
  return [file, ...failure!.lines].join("\n").replace(ADDRESS, "ADDRESS");
}

/** If many tests have the same failure, at most this many of them are listed by name. */
const NAMED_TESTS = 20;

function alsoFailed(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > NAMED_TESTS ? [`  … and ${names.length - NAMED_TESTS} more`] : [];
  return [
    `the same failure in ${counted(names.length, "more test")}:`,
    ...names.slice(0, NAMED_TESTS).map((name) => `  ${name}`),
    ...more,
  ];
}

/**
 * The words of a command line that select one run of a file: its test, its seed, and the failed
 * branch.
 *
 * @param main The words that select the statements at the top of the file.
 */
function runWords({ file, names }: RunReport, outcome: TestOutcome, main: string): string {
  const branch = outcome.failure?.branch ?? null;
  const seed = `--seed 0x${outcome.seed.toString(16)}${outcome.lenient ? " --lenient" : ""}` +
    (branch === null ? "" : ` --branch ${shellWord(branch)}`);
  if (outcome.kind === "main") return `${shellWord(file)}${main} ${seed}`;
  return `${shellWord(file)} --match ${wordThatFinds(displayName(outcome), names)} ${seed}`;
}

/** Reasons why a run failed, apart from failed tests. */
export interface AlsoWrong {
  /** Number of files that could not be run because of errors. */
  readonly wrongFiles: number;
  /** Number of snapshots that differ from the output. */
  readonly snapshots?: number;
}

/**
 * The summary line. Lines before it list the expectations that no test has reached.
 *
 * `ok | 2 files | 5 passed | 0 failed | 31 assertions | 40 places tried | 27 orders tried`
 *
 * @param also Failures outside of tests.
 */
export function summaryLines(
  reports: readonly RunReport[],
  paint: Paint,
  also: AlsoWrong,
): string[] {
  const sumOf = <T>(list: readonly T[], of: (each: T) => number) =>
    list.reduce((sum, each) => sum + of(each), 0);
  const total = (of: (report: RunReport) => number) => sumOf(reports, of);
  const unreached = reports.flatMap((report) => report.unreached);
  // A Markdown page has a report for each of its blocks.
  const files = new Set(reports.map(({ file }) => file)).size;
  const { wrongFiles, snapshots = 0 } = also;
  const broken = wrongFiles + snapshots > 0 ||
    reports.some(({ outcomes }) => outcomes.some(({ failure }) => failure !== null));
  const skipped = total(({ counts }) => counts.skipped);
  const notRun = total(({ counts }) => counts.notRun);
  const filtered = total(({ counts }) => counts.filtered);
  const reportsSeen = total(({ counts }) => counts.reports);
  const faults = total(({ counts }) => counts.faults);
  const leaks = total(({ counts }) => counts.leaks);
  const parts = [
    broken ? paint("bad", "FAILED") : paint("good", "ok"),
    ...files > 1 ? [counted(files, "file")] : [],
    `${total(({ counts }) => counts.passed)} passed`,
    `${total(({ counts }) => counts.failed)} failed`,
    ...skipped > 0 ? [`${skipped} ignored`] : [],
    ...notRun > 0 ? [`${notRun} not run`] : [],
    ...filtered > 0 ? [`${filtered} filtered out`] : [],
    counted(total(({ counts }) => counts.assertions), "assertion"),
    ...triedTexts({
      placesTried: total(({ outcomes }) => sumOf(outcomes, (each) => each.placesTried)),
      ordersTried: total(({ outcomes }) => sumOf(outcomes, (each) => each.ordersTried)),
    }),
    ...reportsSeen > 0 ? [counted(reportsSeen, "unexpected report")] : [],
    ...faults > 0 ? [counted(faults, "unexpected fault")] : [],
    ...leaks > 0 ? [counted(leaks, "leak")] : [],
    ...unreached.length > 0 ? [`${counted(unreached.length, "expectation")} never reached`] : [],
    ...wrongFiles > 0 ? [`${counted(wrongFiles, "file")} wrong`] : [],
    ...snapshots > 0
      ? [`${counted(snapshots, "snapshot")} ${snapshots === 1 ? "differs" : "differ"}`]
      : [],
  ];
  return [
    ...unreached.map((place) => `${paint("warning", "never reached")}  ${place}`),
    ...toleratedLines(reports.flatMap(({ outcomes }) => outcomes), paint),
    ...uncheckedLines(reports.flatMap(({ outcomes }) => outcomes), paint),
    parts.join(" | "),
  ];
}

/**
 * A warning about lenient tests that passed with reports, faults or leaks. A test that is not
 * lenient would have failed.
 */
function toleratedLines(outcomes: readonly TestOutcome[], paint: Paint): string[] {
  const tolerant = outcomes.filter(({ failure, leaks, unexpectedFaults, unexpectedReports }) =>
    failure === null && leaks + unexpectedFaults + unexpectedReports > 0
  );
  if (tolerant.length === 0) return [];
  const total = (of: (outcome: TestOutcome) => number) =>
    tolerant.reduce((sum, outcome) => sum + of(outcome), 0);
  const found = [
    ["unexpected report", total(({ unexpectedReports }) => unexpectedReports)],
    ["unexpected fault", total(({ unexpectedFaults }) => unexpectedFaults)],
    ["leak", total(({ leaks }) => leaks)],
  ] as const;
  const list = found.flatMap(([noun, count]) => count > 0 ? [counted(count, noun)] : []).join(", ");
  const passed = tolerant.every(({ kind }) => kind === "main")
    ? "statements passed"
    : `${counted(tolerant.filter(({ kind }) => kind !== "main").length, "test")} passed`;
  const { lenient } = tolerant[0]!;
  return [`${paint("warning", "warning:")} ${passed} with ${list}; ${whyNoFailure(lenient)}`];
}

/** A warning about tests that passed, though not all of their leaks were looked for. */
function uncheckedLines(outcomes: readonly TestOutcome[], paint: Paint): string[] {
  const unchecked = outcomes.filter(({ outcome, seesAllLeaks }) =>
    outcome === "passed" && !seesAllLeaks
  );
  if (unchecked.length === 0) return [];
  const events = Math.max(...unchecked.map((each) => each.events));
  return [
    `${paint("warning", "warning:")} ${
      counted(unchecked.length, "test")
    } passed, but of its leaks only mappings ` +
    "and ranges were looked for: there were more events than are kept; " +
    `\`--limit events=${events}\` keeps them, \`leaks = allow\` asks for no check`,
  ];
}

export function whyNoFailure(lenient: boolean): string {
  return lenient
    ? "without --lenient that is a failure"
    : "the scenario says that it is no failure";
}

function nameOf(outcome: TestOutcome): string {
  return outcome.kind === "main" ? "(statements)" : printable(displayName(outcome));
}

/** `1 file`, `2 files`; thousands are not separated, for programs that read summaries. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * The value of `--match` that selects one test of a file: the test's name. If other names contain that
 * name, a regular expression.
 */
function wordThatFinds(name: string, names: readonly string[]): string {
  const isEnough = printable(name) === name && !/^\/.+\/[a-z]*$/.test(name) &&
    names.filter((other) => other.includes(name)).length <= 1;
  return isEnough ? quotedWord(name) : `'${String(exactMatch(name)).replaceAll("'", "'\\''")}'`;
}
