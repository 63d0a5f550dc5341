/** The result of replaying one group of cases. */
import { attempt, type Difference, formatValue } from "./difference.ts";
import { GoldenReadError } from "./golden_files.ts";

/** The first case of a group that differs: its name, the difference, and the rule concerned. */
export interface CaseDifference {
  /** The name of the case: an id, or `line 17`. */
  readonly caseName: string;
  readonly difference: Difference;
  /** Page and number of the rule in `docs/rules/` that applies, or null. */
  readonly rule: string | null;
}

export interface GroupResult {
  readonly name: string;
  readonly agree: number;
  readonly total: number;
  readonly firstDifference: CaseDifference | null;
  /**
   * Why no case could be replayed: the kind of data is not implemented yet, or a file cannot be
   * read.
   */
  readonly note: string | null;
  /** Whether the file could not be read, so that its cases could not be counted. */
  readonly unreadable: boolean;
}

/** Counts cases one by one, and stores the first that differs. */
export class GroupCount {
  #agree = 0;
  #total = 0;
  #first: CaseDifference | null = null;

  constructor(readonly name: string) {}

  /** Counts one case. @param difference Null if the case agrees. */
  add(caseName: string, difference: Difference | null, rule: string | null): void {
    this.#total++;
    if (difference === null) this.#agree++;
    else this.#first ??= { caseName, difference, rule };
  }

  /** Replays a case and counts it; a case on which the model throws counts as different. */
  replay(caseName: string, replay: () => Difference | null, rule: string | null): void {
    this.add(caseName, attempt(replay), rule);
  }

  /** True once a case differed. */
  get differs(): boolean {
    return this.#first !== null;
  }

  result(): GroupResult {
    return {
      name: this.name,
      agree: this.#agree,
      total: this.#total,
      firstDifference: this.#first,
      note: null,
      unreadable: false,
    };
  }
}

/**
 * The result of a group that cannot be replayed: all of its cases count as different.
 * @param total Number of cases in the group; 0 if the file cannot be read, or has an unexpected
 *   structure.
 */
export function groupFailed(name: string, error: unknown, total = 0): GroupResult {
  const { message } = error as Error;
  const note = error instanceof GoldenReadError ? message : `Cannot be replayed: ${message}`;
  return { name, agree: 0, total, firstDifference: null, note, unreadable: total === 0 };
}

/** The printed lines about a group's result. */
export function formatGroup(result: GroupResult): readonly string[] {
  const mark = result.unreadable || result.agree < result.total ? "✗" : "✓";
  const lines = [`${mark} ${result.name.padEnd(46)} agree ${result.agree} of ${result.total}`];
  if (result.note !== null) lines.push(`    ${result.note}`);
  const first = result.firstDifference;
  if (first !== null) {
    lines.push(
      `    first difference: ${first.caseName} at ${first.difference.path}`,
      `      expected  ${formatValue(first.difference.expected)}`,
      `      got       ${formatValue(first.difference.got)}`,
    );
    if (first.rule !== null) {
      lines.push(`      rule      ${first.rule} (dmalab explain ${first.rule})`);
    }
  }
  return lines;
}
