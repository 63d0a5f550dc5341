import type { LinesRun } from "@dmalab/lang/values";

/**
 * Lines with code, by file. If several pieces of code belong to a line, the line counts as run if one
 * of the pieces has run.
 */
export class RunFiles {
  readonly #files = new Map<string, Map<number, boolean>>();

  add(file: string, line: number, hasRun: boolean): void {
    const lines = this.#files.getOrInsertComputed(file, () => new Map());
    lines.set(line, lines.get(line) === true || hasRun);
  }

  lines(): ReadonlyMap<string, LinesRun> {
    return new Map([...this.#files].map(([file, lines]) => {
      const all = [...lines.keys()].toSorted((a, b) => a - b);
      return [file, { all, run: all.filter((line) => lines.get(line)) }];
    }));
  }
}
