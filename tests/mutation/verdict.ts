/** The results of the mutants: the changes judged earlier, and the score of each file. */
import type { Candidate } from "./candidates.ts";
import type { Fate } from "./mutate.ts";
import { keyOf } from "./plan.ts";

const JUDGED = new URL("judged.txt", import.meta.url);

/**
 * Keys of changes that no test can notice, or that no test should notice. A key contains no folder and no
 * line, so it stays valid when a file moves or lines are added. If a key matches no mutant any more, `deno
 * task script mutate` reports it, and a test fails.
 */
export class Judged {
  readonly #reasons = new Map<string, string>();

  /**
   * @param text A line for each reason, and below it, indented, the keys to which the reason
   *   applies.
   */
  constructor(text: string = Deno.readTextFileSync(JUDGED)) {
    let reason = "";
    for (const line of text.split("\n")) {
      if (line.startsWith("  ")) this.#reasons.set(line.trim(), reason);
      else if (line !== "" && !line.startsWith("#")) reason = line;
    }
  }

  /** The judged changes, each with its reason. */
  get reasons(): ReadonlyMap<string, string> {
    return this.#reasons;
  }

  /** The given files that contain a judged change. */
  filesAmong(paths: readonly string[]): string[] {
    const names = new Set([...this.#reasons.keys()].map((key) => key.split(" ")[0]));
    return paths.filter((path) => names.has(path.split("/").at(-1)!));
  }

  has(candidate: Candidate): boolean {
    return this.#reasons.has(keyOf(candidate));
  }

  /** Keys in the candidates' files that do not match exactly one candidate. */
  stale(candidates: readonly Candidate[]): string[] {
    const files = new Set(candidates.map(({ path }) => path.split("/").at(-1)));
    const there = Map.groupBy(candidates, keyOf);
    return [...this.#reasons.keys()]
      .filter((key) => files.has(key.split(" ")[0]) && there.get(key)?.length !== 1);
  }
}

export interface Count {
  killed: number;
  survived: number;
  equivalent: number;
}

/** Counts for each file, and for all files together. */
export class Score {
  readonly all: Count = { killed: 0, survived: 0, equivalent: 0 };
  readonly #files = new Map<string, Count>();
  readonly #stages = new Map<string, number>();

  /** @param stage Name of the stage with the tests that noticed the change. */
  add(path: string, fate: Fate | "equivalent", stage: string | null = null): void {
    if (stage !== null) this.#stages.set(stage, (this.#stages.get(stage) ?? 0) + 1);
    const file = this.#files.get(path) ?? { killed: 0, survived: 0, equivalent: 0 };
    this.#files.set(path, file);
    const column = fate === "not reached" ? "survived" : fate;
    file[column]++;
    this.all[column]++;
  }

  /** A line for each file, sorted by name, and a line for all files together. */
  lines(): string[] {
    const rows = [...this.#files].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return [
      "  score  killed survived equivalent  file",
      ...rows.map(([path, count]) => row(count, path)),
      row(this.all, "all"),
      ...[...this.#stages].map(([stage, count]) =>
        `${String(count).padStart(15)}  of them by the tests ${stage}`
      ),
    ];
  }
}

function row(count: Count, name: string): string {
  const { killed, survived, equivalent } = count;
  const cells = [scoreText(count).padStart(7), String(killed).padStart(7)];
  cells.push(String(survived).padStart(8), String(equivalent).padStart(10));
  return `${cells.join(" ")}  ${name}`;
}

/** The share of the noticed changes among all that could be noticed. */
export function scoreText({ killed, survived }: Count): string {
  const noticed = killed + survived;
  return noticed === 0 ? "–" : `${(100 * killed / noticed).toFixed(1)} %`;
}
