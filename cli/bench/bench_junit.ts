/** Benches in the form that CI systems read as JUnit's: a case for each cell and each expectation. */
import { printable } from "@dmalab/lang/diagnostics";
import { type BenchReport, displayName } from "@dmalab/lang/run";
import { escapeMarkup } from "@dmalab/lang/text";

interface JunitCase {
  readonly name: string;
  readonly message: string | null;
  readonly lines: readonly string[];
  readonly skipped: string | null;
}

/** The XML of benches, by the file that declares them. */
export function benchJunit(
  files: readonly { readonly file: string; readonly reports: readonly BenchReport[] }[],
): string {
  const suites = files.filter(({ reports }) => reports.length > 0).map(({ file, reports }) => {
    const cases = reports.flatMap(casesOf);
    const count = (of: (each: JunitCase) => boolean) => cases.filter(of).length;
    const failures = count(({ message }) => message !== null);
    const skipped = count((each) => each.skipped !== null);
    return `  <testsuite name="${text(file)}" tests="${cases.length}" failures="${failures}" ` +
      `skipped="${skipped}" errors="0">\n${
        cases.map((each) => caseText(file, each)).join("")
      }  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="dmalab bench">\n${
    suites.join("")
  }</testsuites>\n`;
}

function casesOf({ cells, expectations, name }: BenchReport): JunitCase[] {
  return [
    ...cells.map((cell) => ({
      name: displayName(cell),
      message: cell.failure?.message ?? null,
      lines: cell.failure?.lines ?? [],
      skipped: cell.outcome === "skipped" ? "declared as skipped" : null,
    })),
    ...expectations.map(({ failure, reason, text: condition, where }) => ({
      name: `${name}: expect ${condition}${where === "" ? "" : ` at ${where}`}`,
      message: failure?.message ?? null,
      lines: failure?.lines ?? [],
      skipped: reason,
    })),
  ];
}

function caseText(file: string, { lines, message, name, skipped }: JunitCase): string {
  const inner = message !== null
    ? `\n      <failure message="${text(message)}">${text(lines.join("\n"))}</failure>\n    `
    : skipped !== null
    ? `\n      <skipped message="${text(skipped)}"/>\n    `
    : "";
  return `    <testcase name="${text(name)}" classname="${text(file)}">${inner}</testcase>\n`;
}

function text(of: string): string {
  return of.split("\n").map((line) => escapeMarkup(printable(line))).join("\n");
}
