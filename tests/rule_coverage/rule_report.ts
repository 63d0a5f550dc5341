/** Coverage of rules and error exits as numbers, and as the printed table. */
import type { RuleRecord } from "./rule_recorder.ts";
import { BLK_STS, INJECTION_POINTS, KERNEL_CALLS } from "@dmalab/runtime";
import { REPORT_CLASSES } from "@dmalab/runtime/vocabulary";
import { BUILTINS } from "@dmalab/lang/builtins";
import { RULE_PAGES } from "@dmalab/lang/editor";
import { RulePage } from "@dmalab/cli";

/**
 * Pages of docs/rules without rules. They contain measurements, names of functions, defects, the
 * records of real machines, and the differences between a release and its predecessor.
 */
const NO_RULES: ReadonlySet<string> = new Set(["c-api", "captured", "defects", "traces", "v7.3"]);
/** Pages that contain rules. */
const PAGES = RULE_PAGES.filter((page) => !NO_RULES.has(page));

/** A numbered rule: a heading with a number and no numbered heading below it. */
interface Rule {
  /** The name in citations: `dma.3.3`. */
  readonly name: string;
  readonly page: string;
  readonly title: string;
}

/** All rules about machines, in the order of the pages. */
export function allRules(readPage: (name: string) => string): Rule[] {
  return PAGES.flatMap((page) => {
    const book = new RulePage(page, readPage(page));
    const numbers = book.names.map((name) => name.slice(page.length + 1))
      .filter((key) => /^\d+(?:\.\d+)*$/.test(key));
    return numbers
      .filter((key) => !numbers.some((other) => other.startsWith(`${key}.`)))
      .map((key) => ({
        name: `${page}.${key}`,
        page,
        title: titleOf(book.find(key)!.lines[0]!),
      }));
  });
}

/** A heading without its number and without its sources in brackets. */
function titleOf(heading: string): string {
  return heading.replace(/^#+ (?:[\d.]+ )?/, "").replace(/ \[.*$/, "");
}

/**
 * The rule that a citation names; a citation of a table row gives the rule with that table. Null
 * for an unknown rule.
 */
export function ruleOf(citation: string, rules: ReadonlyMap<string, Rule>): Rule | null {
  for (let name = citation; name.includes("."); name = name.slice(0, name.lastIndexOf("."))) {
    const rule = rules.get(name);
    if (rule !== undefined) return rule;
  }
  return null;
}

/** An error exit: an error of a call, a block status, a fault, a report, or an injection point. */
interface Exit {
  /** The exit's name in events: `dma_iova_link EIO`. */
  readonly name: string;
  readonly group: ExitGroup;
}

type ExitGroup =
  | "errors of calls"
  | "block status"
  | "device fault"
  | "report"
  | "injection";

/** All error exits. The errors of a call are listed in its entry of `lang/builtins/`. */
export function allExits(): Exit[] {
  const calls = new Set<string>(KERNEL_CALLS);
  const errors = [...BUILTINS.functions.values()].filter(({ name }) => calls.has(name)).flatMap(
    ({ name, raises = [] }) => raises.map((error) => `${name} ${error}`),
  );
  const inGroup = (group: ExitGroup, names: readonly string[]) =>
    names.map((name): Exit => ({ group, name }));
  return [
    ...inGroup("errors of calls", errors),
    ...inGroup(
      "block status",
      Object.keys(BLK_STS).filter((status) => status !== "OK").map((status) => `status ${status}`),
    ),
    ...inGroup("device fault", [...BUILTINS.faultReasons].map((reason) => `fault ${reason}`)),
    ...inGroup("report", Object.keys(REPORT_CLASSES).map((name) => `report ${name}`)),
    ...inGroup("injection", INJECTION_POINTS.map(({ name }) => `point ${name}`)),
  ];
}

export interface RuleReport {
  readonly pages: readonly PageCoverage[];
  readonly exits: readonly ExitCoverage[];
  /** Rules that decided no event and are cited by no passing test. */
  readonly openRules: readonly Rule[];
  readonly openExits: readonly Exit[];
}

/** Rule counts of a page. A rule that was decided and cited counts in both numbers. */
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

/** Compares a record with all rules and all error exits. */
export function ruleReport(
  record: RuleRecord,
  readPage: (name: string) => string,
): RuleReport {
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
  };
}

/** The printed report: the table, the numbers, and the rules and exits that are not covered. */
export function ruleLines(report: RuleReport): string[] {
  const { pages, exits, openRules, openExits } = report;
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

/** Joins names into lines of readable length. */
function wrapped(names: readonly string[]): string[] {
  const lines: string[] = [];
  for (const name of names) {
    const last = lines.at(-1);
    if (last === undefined || last.length + name.length > 98) lines.push(`  ${name}`);
    else lines[lines.length - 1] = `${last}, ${name}`;
  }
  return lines;
}

function cell(value: number, width: number): string {
  return String(value).padStart(width);
}

function percent(part: number, whole: number): string {
  return `${(whole === 0 ? 100 : part / whole * 100).toFixed(1)} %`;
}
