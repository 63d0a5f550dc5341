/** Coverage as numbers, and as the table that `dmalab test --coverage` prints. */
import type { CoverageRecord } from "./recorder.ts";
import { allExits, allRules, type Exit, type Rule, ruleOf } from "./universe.ts";

export interface CoverageReport {
  readonly pages: readonly PageCoverage[];
  readonly exits: readonly ExitCoverage[];
  /** Rules that nothing decided by and no passing test cites. */
  readonly openRules: readonly Rule[];
  readonly openExits: readonly Exit[];
  /** Of drivers in C. */
  readonly files: readonly FileCoverage[];
}

/** A source in C: how many lines there is code of, how many have run, and which have not. */
export interface FileCoverage {
  readonly file: string;
  readonly lines: number;
  readonly run: number;
  readonly open: readonly number[];
}

/** Numbers of rules. A rule that was decided and cited counts in both. */
export interface PageCoverage {
  readonly page: string;
  readonly rules: number;
  readonly decided: number;
  readonly cited: number;
  readonly exercised: number;
}

export interface ExitCoverage {
  readonly group: string;
  readonly exits: number;
  readonly reached: number;
}

/** Holds a record against all that there is. */
export function coverageReport(
  record: CoverageRecord,
  readPage: (name: string) => string,
): CoverageReport {
  const rules = allRules(readPage);
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  const rulesIn = (names: readonly string[]) =>
    new Set(names.map((name) => ruleOf(name, byName)).filter((rule) => rule !== null));
  const [decided, cited] = [rulesIn(record.decided), rulesIn(record.cited)];
  const pages = [...Map.groupBy(rules, ({ page }) => page)].map(([page, ofPage]) => {
    const count = (of: (rule: Rule) => boolean) => ofPage.filter(of).length;
    return {
      page,
      rules: ofPage.length,
      decided: count((rule) => decided.has(rule)),
      cited: count((rule) => cited.has(rule)),
      exercised: count((rule) => decided.has(rule) || cited.has(rule)),
    };
  });
  const reached = new Set(record.exits);
  const exits = allExits();
  return {
    pages,
    exits: [...Map.groupBy(exits, ({ group }) => group)].map(([group, ofGroup]) => ({
      group,
      exits: ofGroup.length,
      reached: ofGroup.filter(({ name }) => reached.has(name)).length,
    })),
    openRules: rules.filter((rule) => !decided.has(rule) && !cited.has(rule)),
    openExits: exits.filter(({ name }) => !reached.has(name)),
    files: Object.entries(record.lines).map(([file, { all, run }]) => ({
      file,
      lines: all.length,
      run: run.length,
      open: all.filter((line) => !run.includes(line)),
    })),
  };
}

/** The table, the numbers, and the rules and exits that are not covered. */
export function coverageLines(report: CoverageReport): string[] {
  const { pages, exits, files, openRules, openExits } = report;
  const sum = <T>(rows: readonly T[], of: (row: T) => number) =>
    rows.reduce((total, row) => total + of(row), 0);
  const rules = sum(pages, (page) => page.rules);
  const exercised = sum(pages, (page) => page.exercised);
  const ways = sum(exits, (row) => row.exits);
  const reached = sum(exits, (row) => row.reached);
  return [
    "rules of docs/rules   rules  decided  cited  exercised",
    ...pages.map((row) =>
      `  ${`${row.page}.md`.padEnd(23)} ${cell(row.rules, 5)} ${cell(row.decided, 8)} ` +
      `${cell(row.cited, 6)} ${cell(row.exercised, 10)}  ${percent(row.exercised, row.rules)}`
    ),
    "",
    "error exits               exits  reached",
    ...exits.map((row) =>
      `  ${row.group.padEnd(23)} ${cell(row.exits, 5)} ${cell(row.reached, 8)}  ${
        percent(row.reached, row.exits)
      }`
    ),
    "",
    ...linesOfC(files),
    ...openRules.length === 0 ? [] : [
      "rules not covered:",
      ...openRules.map(({ name, title }) => `  ${name.padEnd(8)} ${title}`),
      "",
    ],
    ...openExits.length === 0 ? [] : [
      "error exits not covered:",
      ...wrapped(openExits.map(({ name }) => name)),
      "",
    ],
    `rule coverage ${exercised} of ${rules} (${percent(exercised, rules)}), ` +
    `exits ${reached} of ${ways} (${percent(reached, ways)})`,
  ];
}

/** What of drivers in C has run; nothing where there are none. */
function linesOfC(files: readonly FileCoverage[]): string[] {
  if (files.length === 0) return [];
  const open = files.filter((row) => row.open.length > 0);
  const width = Math.max(23, ...files.map(({ file }) => file.length));
  return [
    `lines of C  ${" ".repeat(width - 10)} lines      run`,
    ...files.map((row) =>
      `  ${row.file.padEnd(width)} ${cell(row.lines, 5)} ${cell(row.run, 8)}  ${
        percent(row.run, row.lines)
      }`
    ),
    "",
    ...open.length === 0 ? [] : [
      "lines of C not executed:",
      ...open.map(({ file, open }) => `  ${file}: ${spans(open)}`),
      "",
    ],
  ];
}

/** Numbers, with those that follow each other as one: `3, 7-9`. */
function spans(lines: readonly number[]): string {
  const parts: { first: number; last: number }[] = [];
  for (const line of lines) {
    const part = parts.at(-1);
    if (part?.last === line - 1) part.last = line;
    else parts.push({ first: line, last: line });
  }
  return parts.map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`).join(
    ", ",
  );
}

function cell(value: number, width: number): string {
  return String(value).padStart(width);
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 100 : part / whole * 100).toFixed(1)} %`;
}

/** Names in lines of readable length. */
function wrapped(names: readonly string[]): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length > 98) lines.push(`  ${name}`);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines;
}
