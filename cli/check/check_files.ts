/** `dmalab check`: reports all errors and warnings in files at once. */
import {
  BUG_CODE,
  type CodeEntry,
  countMistakes,
  type Diagnostic,
  printableJson,
  type Severity,
} from "@dmalab/lang/diagnostics";
import { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
import { codeOfProblems, type ExitCode, worseExitCode, WRONG } from "../exit_code.ts";
import { printDiagnostics } from "../scenario/diagnostic_style.ts";
import { printBug } from "../bug/say_bug.ts";
import { checkScenario } from "../scenario/load_scenario.ts";
import { counted } from "../scenario/report_printer.ts";
import { printError } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import type { Location, Log, ReportingDescriptor, Result } from "sarif";
import { VERSION } from "../package_version.ts";
import type { Span } from "@dmalab/lang";

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";

/**
 * A SARIF log with one run.
 *
 * @param unreadable What is wrong with files that could not be read at all, as sentences.
 */
function sarifLog(problems: readonly CheckProblem[], unreadable: readonly string[]): Log {
  const codes = [...new Set(problems.map(({ code }) => code))].sort();
  return {
    $schema: SCHEMA,
    version: "2.1.0",
    runs: [{
      tool: { driver: { name: "dmalab", version: VERSION, rules: codes.map(ruleOf) } },
      invocations: [{
        executionSuccessful: unreadable.length === 0,
        toolExecutionNotifications: unreadable.map((text) => ({
          level: "error",
          message: { text },
        })),
      }],
      columnKind: "utf16CodeUnits",
      results: problems.map((problem) => resultOf(problem, codes.indexOf(problem.code))),
    }],
  };
}

function ruleOf(code: string): ReportingDescriptor {
  const { title, explanation, example } =
    (DIAGNOSTIC_CODES as Readonly<Record<string, CodeEntry>>)[code]!;
  return {
    id: code,
    shortDescription: { text: title },
    fullDescription: { text: explanation },
    help: {
      text: `${explanation}\n\n${example}`,
      markdown: `${explanation}\n\n\`\`\`dma\n${example}\n\`\`\``,
    },
    defaultConfiguration: { level: code.startsWith("W") ? "warning" : "error" },
  };
}

function resultOf(problem: CheckProblem, ruleIndex: number): Result {
  const { code, severity, message, hint, region, related } = problem;
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: hint === null ? message : `${message}\nhint: ${hint}` },
    locations: [locationOf(region)],
    ...related.length === 0 ? {} : {
      relatedLocations: related.map((other, index) => ({
        id: index + 1,
        message: { text: other.message },
        ...locationOf(other.region),
      })),
    },
  };
}

function locationOf({ file, line, column, endLine, endColumn }: Region): Location {
  return {
    physicalLocation: {
      artifactLocation: { uri: uriOf(file) },
      region: {
        startLine: line,
        startColumn: column,
        endLine,
        endColumn: Math.max(endColumn, endLine === line ? column : 1),
      },
    },
  };
}

/** A path as a URI: a relative path stays relative, an absolute path gets the scheme `file:`. */
function uriOf(path: string): string {
  const slashed = path.replaceAll("\\", "/");
  const encoded = slashed.split("/").map(encodeURIComponent).join("/");
  if (slashed.startsWith("/")) return `file://${encoded}`;
  return /^[A-Za-z]:\//.test(slashed) ? `file:///${encoded}` : encoded;
}

export type CheckFormat = "pretty" | "json" | "sarif";

interface Findings {
  /**
   * The diagnostics, each one once, even if several of the checked files use the file that contains
   * the diagnostic.
   */
  readonly diagnostics: readonly Diagnostic[];
  /** Problems of files that could not be read, as sentences. */
  readonly unreadable: readonly string[];
  /** The first file that shows a bug of dmalab; null without one. */
  readonly withBug: string | null;
}

/** Checks files and the files that they use, and writes all errors and warnings. */
export async function checkFiles(
  paths: readonly string[],
  format: CheckFormat,
  screen: Screen,
): Promise<ExitCode> {
  const { diagnostics, unreadable, withBug } = await findProblems(paths);
  const problems = diagnostics.map(problemOf);
  const errors = countMistakes(diagnostics, "error") + unreadable.length;
  const warnings = countMistakes(diagnostics, "warning");
  switch (format) {
    case "pretty":
      for (const problem of unreadable) printError(problem, screen);
      printDiagnostics(diagnostics, screen);
      screen.out(
        `${errors === 0 ? "ok" : "wrong"} | ${counted(paths.length, "file")} | ` +
          `${counted(errors, "error")} | ${counted(warnings, "warning")}\n`,
      );
      break;
    case "json":
      screen.out(
        `${printableJson({ files: paths.length, errors, problems, unreadable })}\n`,
      );
      break;
    case "sarif":
      screen.out(`${printableJson(sarifLog(problems, unreadable))}\n`);
      break;
  }
  if (withBug !== null) await printBug(withBug, null, screen);
  return unreadable.length > 0
    ? worseExitCode(WRONG, codeOfProblems(diagnostics))
    : codeOfProblems(diagnostics);
}

async function findProblems(paths: readonly string[]): Promise<Findings> {
  const diagnostics = new Map<string, Diagnostic>();
  const unreadable: string[] = [];
  let withBug: string | null = null;
  for (const path of paths) {
    const found = await checkScenario(path);
    if ("problem" in found) {
      unreadable.push(found.problem);
      continue;
    }
    for (const diagnostic of found) {
      const { code, span, message } = diagnostic;
      if (code === BUG_CODE) withBug ??= path;
      diagnostics.set(`${span.source.name}:${span.start}:${code}:${message}`, diagnostic);
    }
  }
  return { diagnostics: [...diagnostics.values()], unreadable, withBug };
}

/** A region of a file. Lines and columns are counted from 1; columns in UTF-16 units. */
interface Region {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  /** Column after the last character. */
  readonly endColumn: number;
}

interface CheckProblem {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly hint: string | null;
  readonly region: Region;
  readonly related: readonly { readonly message: string; readonly region: Region }[];
}

function problemOf(diagnostic: Diagnostic): CheckProblem {
  const { code, severity, message, hint, span, related = [] } = diagnostic;
  return {
    code,
    severity,
    message,
    hint: hint ?? null,
    region: regionOf(span),
    related: related.map((other) => ({ message: other.message, region: regionOf(other.span) })),
  };
}

function regionOf({ source, start, end }: Span): Region {
  const first = source.position(start);
  const last = source.position(end);
  return {
    file: source.name,
    line: first.line,
    column: first.column,
    endLine: last.line,
    endColumn: last.column,
  };
}
