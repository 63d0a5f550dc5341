/** All that a suite could cover: the rules of `docs/rules/`, and the error exits of a machine. */
import { BLK_STS, FAULT_POINTS, KERNEL_CALLS } from "@dmalab/runtime";
import { REPORT_CLASSES } from "@dmalab/runtime/dma";
import { BUILTINS } from "@dmalab/lang/builtins";
import { RULE_PAGES } from "@dmalab/lang/editor";
import { RulePage } from "../../explain/rule_book.ts";

/**
 * What was measured, how functions are called, which releases were wrong, how to read the records of
 * real machines, and what a release does unlike the one before it.
 */
const NO_RULES: ReadonlySet<string> = new Set(["c-api", "captured", "defects", "traces", "v7.3"]);
/** Pages that hold rules. */
const PAGES = RULE_PAGES.filter((page) => !NO_RULES.has(page));

/** A numbered rule: a heading with a number and no numbered heading below it. */
export interface Rule {
  /** As it is cited: `dma.3.3`. */
  readonly name: string;
  readonly page: string;
  readonly title: string;
}

/** Every rule that a machine follows, in the order of the pages. */
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

/** A heading without its number and without the sources it names, which stand in brackets. */
function titleOf(heading: string): string {
  return heading.replace(/^#+ (?:[\d.]+ )?/, "").replace(/ \[.*$/, "");
}

/** The rule that a citation names, perhaps by a row of its table; null for an unknown one. */
export function ruleOf(citation: string, rules: ReadonlyMap<string, Rule>): Rule | null {
  for (let name = citation; name.includes("."); name = name.slice(0, name.lastIndexOf("."))) {
    const rule = rules.get(name);
    if (rule !== undefined) return rule;
  }
  return null;
}

/** An error exit: an error of a call, a block status, a fault, a report, or an injection point. */
export interface Exit {
  /** As events have it: `dma_iova_link EIO`. */
  readonly name: string;
  readonly group: ExitGroup;
}

export type ExitGroup =
  | "errors of calls"
  | "block status"
  | "device fault"
  | "report"
  | "injection";

/** Every exit. The errors of a call are those that its entry in `lang/builtins/` names. */
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
    ...inGroup("injection", FAULT_POINTS.map(({ name }) => `point ${name}`)),
  ];
}
