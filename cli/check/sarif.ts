/**
 * Problems as SARIF 2.1.0, for editors and for code scanning in CI. Its shape is held to the types of
 * `@types/sarif`, of which nothing is loaded.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
import type { Location, Log, ReportingDescriptor, Result } from "sarif";
import { type CodeEntry, DIAGNOSTIC_CODES } from "@dmalab/lang/diagnostics";
import { VERSION } from "../package_version.ts";
import type { CheckProblem, Region } from "./problem.ts";

const SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json";

/**
 * A log with one run.
 *
 * @param unreadable What is wrong with files that could not be read at all, as sentences.
 */
export function sarifLog(problems: readonly CheckProblem[], unreadable: readonly string[]): Log {
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

/** A path as a URI: relative as it is, absolute with its scheme. */
function uriOf(path: string): string {
  const slashed = path.replaceAll("\\", "/");
  const encoded = slashed.split("/").map(encodeURIComponent).join("/");
  if (slashed.startsWith("/")) return `file://${encoded}`;
  return /^[A-Za-z]:\//.test(slashed) ? `file:///${encoded}` : encoded;
}
