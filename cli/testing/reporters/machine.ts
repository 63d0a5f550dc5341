/** Reporters for programs: TAP 14, JUnit's XML, and JSON. */
import { groupBy } from "@dmalab/runtime/basics";
import { printable, printableJson } from "@dmalab/lang/diagnostics";
import { displayName, type TestOutcome } from "@dmalab/lang/run";
import { escapeMarkup, formatCount } from "@dmalab/lang/text";
import type { Screen } from "../../screen.ts";
import type { FileEvent } from "../file_run.ts";
import { heard, type RunSummary, type TestReporter } from "../reporter.ts";
import { incidentKey } from "../../scenario/report_printer.ts";
import { writeNamed } from "../../files/write_file.ts";
import { MemoryScreen } from "../../memory_screen.ts";

type OutcomeEvent = FileEvent & { readonly kind: "outcome" };
type EndEvent = FileEvent & { readonly kind: "end" };

interface FileOutcomes {
  readonly file: string;
  readonly outcomes: OutcomeEvent[];
}

/** The outcomes by file, and the files with tests that could not be run. */
class Collector {
  readonly files: FileOutcomes[] = [];
  readonly wrong: EndEvent[] = [];

  add(event: FileEvent): void {
    if (event.kind === "start") this.files.push({ file: event.file, outcomes: [] });
    else if (event.kind === "outcome") this.files.at(-1)!.outcomes.push(event);
    else if (isWrongFile(event)) this.wrong.push(event);
  }
}

function isWrongFile(event: FileEvent): event is EndEvent {
  return event.kind === "end" && event.report === null;
}

function reportAtEnd(
  screen: Screen,
  textOf: (collected: Collector, summary: RunSummary) => string,
): TestReporter {
  const collector = new Collector();
  return {
    forPeople: false,
    event(event): void {
      if (event.kind === "problems") screen.err(event.text);
      collector.add(event);
    },
    end: (summary) => screen.out(textOf(collector, summary)),
  };
}

/** The Test Anything Protocol, version 14: each line is written as soon as its test has run. */
export function tapReporter(screen: Screen): TestReporter {
  let file = "";
  let number = 0;
  screen.out("TAP version 14\n");
  return {
    forPeople: false,
    event(event): void {
      if (isWrongFile(event)) {
        number++;
        screen.out(`not ok ${number} - ${tapText(event.path)}: the file has errors\n`);
        screen.out(tapBlock("diagnostic", event.problems.trimEnd().split("\n")));
      }
      if (event.kind === "problems") screen.err(event.text);
      else if (event.kind === "start") file = event.file;
      else if (event.kind === "line") screen.out(`# ${printable(event.text)}\n`);
      else if (event.kind === "outcome") {
        number++;
        screen.out(tapLines(number, file, event.outcome).map((line) => `${line}\n`).join(""));
        for (const text of findings(event.outcome)) screen.out(`# ${printable(text)}\n`);
      }
    },
    end({ noTest, snapshots }): void {
      for (const { place, lines } of snapshots) {
        number++;
        screen.out(`not ok ${number} - snapshot ${tapText(place)}\n`);
        screen.out(tapBlock("diff", lines));
      }
      // Readers of TAP treat a plan of 0 tests as skipped, so a run without tests bails out.
      screen.out(noTest === null ? `1..${number}\n` : `Bail out! ${noTest}\n`);
    },
  };
}

function tapBlock(key: string, lines: readonly string[]): string {
  return ["  ---", `  ${key}: |`, ...lines.map((line) => `    ${line}`), "  ..."]
    .map((line) => `${line}\n`).join("");
}

/** Unexpected reports, faults and leaks of a test, in one line for each statement that causes any of them. */
function findings({ incidents }: TestOutcome): string[] {
  return [...groupBy(incidents, incidentKey).values()].map(([first, ...others]) => {
    const { kind, place, text } = first!;
    const more = others.length === 0 ? "" : `, and ${formatCount(others.length, "time")} more`;
    return `${kind} ${text}${place === null ? "" : ` (${place})`}${more}`;
  });
}

/** The incidents of a test; equal ones are joined, with their number. */
function countedIncidents({ incidents }: TestOutcome): readonly object[] {
  // What a page needs of a leak is in its text and its lines, too.
  const printed = incidents.map(({ resource: _resource, ...incident }) => incident);
  const same = groupBy(printed, (incident) => JSON.stringify(incident));
  return [...same.values()].map((group) => ({ ...group[0]!, times: group.length }));
}

function tapLines(number: number, file: string, outcome: TestOutcome): string[] {
  const name = tapText(`${file}: ${displayName(outcome)}`);
  const { failure } = outcome;
  if (outcome.outcome === "skipped") return [`ok ${number} - ${name} # SKIP`];
  if (failure === null) return [`ok ${number} - ${name}`];
  return [
    `not ok ${number} - ${name}`,
    "  ---",
    `  message: ${printableJson(failure.message)}`,
    `  at: ${printableJson(failure.place)}`,
    `  seed: ${outcome.seed}`,
    "  diagnostic: |",
    ...failure.lines.map((line) => `    ${line}`),
    "  ...",
  ];
}

/** A TAP description, with escapes so that no part of it is a directive. */
function tapText(text: string): string {
  return printable(text.replace(/[\\#]/g, "\\$&").replace(/\s+/g, " "));
}

/** XML in the form that CI systems read as JUnit's. */
export function junitReporter(screen: Screen): TestReporter {
  return reportAtEnd(screen, junitText);
}

function junitText({ files, wrong }: Collector, { noTest, snapshots }: RunSummary): string {
  const suites = files.filter(({ outcomes }) => outcomes.length > 0).map(suiteText);
  for (const { path, problems } of wrong) {
    suites.push(errorSuite(path, "the file has errors", problems.trimEnd()));
  }
  if (noTest !== null) suites.push(errorSuite("dmalab", noTest, ""));
  if (snapshots.length > 0) {
    const cases = snapshots.map(({ place, lines }) =>
      `    <testcase name="${attribute(place)}" classname="snapshots">\n` +
      `      <failure message="the output differs">${xml(lines.join("\n"))}</failure>\n` +
      `    </testcase>\n`
    );
    const counts = `tests="${cases.length}" failures="${cases.length}" skipped="0" errors="0"`;
    suites.push(`  <testsuite name="snapshots" ${counts}>\n${cases.join("")}  </testsuite>\n`);
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="dmalab">\n${
    suites.join("")
  }</testsuites>\n`;
}

/**
 * A suite for a file with tests that could not be run. The error is reported as a test's error,
 * because CI systems show only errors of tests.
 */
function errorSuite(name: string, message: string, text: string): string {
  return `  <testsuite name="${attribute(name)}" tests="1" failures="0" skipped="0" errors="1">\n` +
    `    <testcase name="${attribute(message)}" classname="${attribute(name)}" file="${
      attribute(name)
    }">\n` +
    `      <error message="${attribute(message)}">${xml(text)}</error>\n` +
    `    </testcase>\n  </testsuite>\n`;
}

function suiteText({ file, outcomes }: FileOutcomes): string {
  const count = (which: TestOutcome["outcome"]) =>
    outcomes.filter(({ outcome }) => outcome.outcome === which).length;
  const seconds = outcomes.reduce((sum, { wallMs }) => sum + wallMs, 0) / 1000;
  const cases = outcomes.map(({ outcome, printed, wallMs }) => {
    const { failure, place } = outcome;
    const line = place.match(/:(\d+):\d+$/)?.[1] ?? "1";
    const inside = [
      ...outcome.outcome === "skipped" ? ["      <skipped/>\n"] : [],
      ...failure === null ? [] : [
        `      <failure type="${xml(failure.code)}" message="${attribute(failure.message)}">${
          xml(failure.lines.join("\n"))
        }</failure>\n`,
      ],
      ...printed.length === 0
        ? []
        : [`      <system-out>${xml(printed.join("\n"))}</system-out>\n`],
      ...outcome.incidents.length === 0
        ? []
        : [`      <system-err>${xml(findings(outcome).join("\n"))}</system-err>\n`],
    ].join("");
    const head =
      `    <testcase name="${attribute(displayName(outcome))}" classname="${xml(file)}" ` +
      `file="${xml(file)}" line="${line}" time="${(wallMs / 1000).toFixed(3)}"`;
    return inside === "" ? `${head}/>\n` : `${head}>\n${inside}    </testcase>\n`;
  });
  return `  <testsuite name="${xml(file)}" tests="${outcomes.length}" ` +
    `failures="${count("failed")}" skipped="${count("skipped")}" errors="0" ` +
    `time="${seconds.toFixed(3)}">\n${cases.join("")}  </testsuite>\n`;
}

/** Characters that XML cannot contain, or that should not be shown. */
const NO_XML =
  // deno-lint-ignore no-control-regex
  /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

/** Escapes text for XML; characters that XML cannot contain are shown as `\u{…}`. */
function xml(text: string): string {
  const shown = (character: string) => `\\u{${character.charCodeAt(0).toString(16)}}`;
  return text.replace(NO_XML, shown).split("\r").map(escapeMarkup).join("&#13;");
}

/** Escapes text for an attribute, where XML would convert line ends and tabs to blanks. */
function attribute(text: string): string {
  return xml(text).replace(/[\t\n]/g, (blank) => `&#${blank.charCodeAt(0)};`);
}

/** One JSON document with all results. */
export function jsonReporter(screen: Screen): TestReporter {
  return reportAtEnd(screen, (collected, { reports, snapshots, exitCode, noTest }) => {
    const files = collected.files.map(({ file, outcomes }) => {
      const { counts, unreached } = reports.find((report) => report.file === file)!;
      const tests = outcomes.map(({ outcome, printed, wallMs }) => ({
        ...outcome,
        incidents: countedIncidents(outcome),
        printed,
        wallMs,
      }));
      return { file, counts, unreached, tests };
    });
    const wrong = collected.wrong.map(({ path }) => path);
    return `${printableJson({ exitCode, files, wrong, noTest, snapshots })}\n`;
  });
}

/**
 * A reporter that also writes JUnit's XML to a file. It is for CI systems with a log that people
 * also read.
 * @param onFailure Called if the file could not be written.
 */
export function withJunitFile(
  reporter: TestReporter,
  path: string,
  screen: Screen,
  onFailure: () => void,
): TestReporter {
  const xml = new MemoryScreen();
  const junit = junitReporter(xml);
  return heard(reporter, (summary) => {
    junit.end(summary);
    if (!writeNamed(path, xml.output, screen)) onFailure();
  }, (event) => junit.event(event));
}
