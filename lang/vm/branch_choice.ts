/** The choices of a run where it can continue in several ways, and how they are written as text. */
import type { InjectionHitName } from "../values/simulated_machine.ts";
import { BRANCH_NAMES } from "../values/types.ts";
import { ScriptError } from "../values/script_error.ts";
import { SWEEPS, type SweepWord } from "./code.ts";
import type { RemovalPoint } from "../values/simulated_machine.ts";

/** A choice other than the default: at which branching, and which way. */
export interface BranchChoice {
  readonly choicePoint: number;
  /**
   * For `fork` the index of the block, from 0; for `inject each` the place that fails; for `race` the
   * order; `look` to examine the value that an `explain` prints.
   */
  readonly taken: number | InjectionHitName | RaceSchedule | "look";
}

export class RaceSchedule {
  /**
   * @param wanted For each moment at which several blocks could continue, the index of the block
   *   that continues.
   * @param whole Whether the run continues after the race; otherwise it ends with the race.
   */
  constructor(readonly wanted: readonly number[], readonly whole: boolean) {}
}

/**
 * Whether the run continues after the branch. It does after a race that is repeated together with
 * the rest of the run.
 */
export function goesOn({ taken }: BranchChoice): boolean {
  return taken instanceof RaceSchedule && taken.whole;
}

/** Whether the choice is one place of an `inject each`, `remove each` or `unplug each`. */
export function isPlace({ taken }: BranchChoice): boolean {
  return typeof taken === "object" && !(taken instanceof RaceSchedule);
}

/**
 * Choices in the form of the option `--branch`. The number before the colon is the number of a
 * `fork`, `race` or `inject each` in the run, from 1. For example, `1:alloc_pages@4` is the fourth
 * `alloc_pages` of the first of them, `2:first` is a block of `fork`, `1:race@0.1` an order of a
 * run that continues after the race, and `1:order@0.1` an order of a run that ends with the race.
 */
export function formatBranch(choices: readonly BranchChoice[]): string {
  return choices.map(({ choicePoint, taken }) => `${choicePoint}:${takenText(taken)}`).join(",");
}

function takenText(taken: BranchChoice["taken"]): string {
  if (typeof taken === "number") return BRANCH_NAMES[taken]!;
  if (taken === "look") throw new Error("A run that looks at something is none that is shown");
  if (!(taken instanceof RaceSchedule)) return `${taken.point}@${taken.nth}`;
  return `${taken.whole ? "race" : "order"}@${taken.wanted.join(".")}`;
}

/** @param word The statement that tries the places. */
export function placeOf(choice: BranchChoice, word: SweepWord): InjectionHitName {
  const { taken } = choice;
  const removal = SWEEPS[word];
  const isOwn = typeof taken === "object" && !(taken instanceof RaceSchedule) &&
    (removal === null
      ? !Object.values(SWEEPS).includes(taken.point as RemovalPoint)
      : taken.point === removal);
  if (isOwn) return taken;
  throw wrongBranch(choice, word);
}

/**
 * Parses a text of `formatBranch`.
 * @returns The choices; or, for a wrong text, the error message without its full stop.
 */
export function readBranch(text: string): readonly BranchChoice[] | string {
  const choices: BranchChoice[] = [];
  for (const part of text.split(",")) {
    const [, number, word, detail] = /^(\d{1,9}):([\w.]+)(?:@([\d.]*))?$/.exec(part) ?? [];
    const taken = word === undefined ? null : readTaken(word, detail ?? null);
    if (taken === null) {
      return `"${part}" is no branch: a branch is such as 1:alloc_pages@4, 2:first or 1:race@0.1`;
    }
    choices.push({ choicePoint: Number(number), taken });
  }
  return choices;
}

/** Limit of the switches between blocks in one order. */
const MAX_SWITCHES = 10_000;

function readTaken(word: string, detail: string | null): BranchChoice["taken"] | null {
  if (detail === null) {
    const block = BRANCH_NAMES.indexOf(word);
    return block < 0 ? null : block;
  }
  if (word === "race" || word === "order") {
    const wanted = detail === "" ? [] : detail.split(".");
    const isOrder = wanted.length <= MAX_SWITCHES && wanted.every((one) => /^\d$/.test(one));
    return isOrder ? new RaceSchedule(wanted.map(Number), word === "race") : null;
  }
  return /^[1-9]\d{0,8}$/.test(detail) ? { point: word, nth: Number(detail) } : null;
}

/**
 * The error for a choice that names a branch which the `fork`, `race` or `inject each` does not
 * have.
 */
export function wrongBranch({ choicePoint }: BranchChoice, word: string): ScriptError {
  return new ScriptError(
    "E0934",
    `Branching ${choicePoint} is \`${word}\`, which has no such branch`,
  );
}

/** Choices in the words of a heading: `alloc_pages nth 4`, `fork: left`, `race: 0.1`. */
export function describeBranch(choices: readonly BranchChoice[]): string {
  return choices.map(({ taken }) => {
    if (typeof taken === "number") return `fork: ${BRANCH_NAMES[taken]}`;
    if (typeof taken === "string") return taken;
    if (!(taken instanceof RaceSchedule)) return `inject ${taken.point} nth ${taken.nth}`;
    return `race: ${taken.wanted.length === 0 ? "first order" : taken.wanted.join(".")}`;
  }).join(", ");
}
