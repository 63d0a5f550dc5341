/** The values that a text had when it was recorded last: when it was opened or saved. */
import type * as Lsp from "vscode-languageserver-protocol/node";
import { type ValueHint, valueHints } from "../value_hints.ts";
import { loadForDebugging } from "@dmalab/lang";
import { Cancelled, openRun, runsOf } from "@dmalab/recording";
import { type Program, runTitle } from "@dmalab/lang/run";
import type { FileNode } from "@dmalab/lang/syntax/tree";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { withCompiled } from "@dmalab/cli";
import { rangeOf, type Understood } from "./documents.ts";

/** What the runs of a file may take together, and one of them. */
const FILE_MS = 1000;
const RUN_LIMITS = {
  ...DEFAULT_LIMITS,
  steps: 5_000_000,
  events: 100_000,
  memoryBytes: 2 ** 27,
};

interface Recorded {
  readonly lines: readonly string[];
  readonly hints: readonly Lsp.InlayHint[];
}

export class RecordedValues {
  readonly #recorded = new Map<string, Recorded>();
  /** The text that is being recorded, or was last, by its address. */
  readonly #wanted = new Map<string, string>();

  /** Records the runs of a text, unless it is known. @returns Whether there is something new. */
  async record({ analysis, loader, uri }: Understood): Promise<boolean> {
    const { file, source } = analysis;
    if (this.#wanted.get(uri) === source.text) return false;
    this.#wanted.set(uri, source.text);
    const isWanted = () => this.#wanted.get(uri) === source.text;
    const { program } = await withCompiled(loader, () => loadForDebugging(source, loader));
    // What is wrong has no new values.
    if (program === null) return false;
    const found = new Map<number, Lsp.InlayHint>();
    for await (const { hint: { span, text }, run } of hintsOf(program, file, isWanted)) {
      const position = rangeOf(span).end;
      found.set(span.start, { position, label: text, paddingLeft: true, tooltip: `In ${run}` });
    }
    if (!isWanted()) return false;
    this.#recorded.set(uri, { lines: source.text.split("\n"), hints: [...found.values()] });
    return true;
  }

  forget(uri: string): void {
    this.#recorded.delete(uri);
    this.#wanted.delete(uri);
  }

  /** Forgets every text, and ends what is being recorded. */
  forgetAll(): void {
    this.#recorded.clear();
    this.#wanted.clear();
  }

  /** The hints of a text: of what was recorded those above and below the lines that have changed since. */
  of({ analysis: { source }, uri }: Understood, within: Lsp.Range): Lsp.InlayHint[] {
    const recorded = this.#recorded.get(uri);
    if (recorded === undefined) return [];
    const { hints, lines: before } = recorded;
    const now = source.text.split("\n");
    const shorter = Math.min(before.length, now.length);
    let head = 0;
    while (head < shorter && before[head] === now[head]) head++;
    let tail = 0;
    while (tail < shorter - head && before.at(-1 - tail) === now.at(-1 - tail)) tail++;
    return hints.flatMap((hint) => {
      const { character, line } = hint.position;
      const isBelow = line >= before.length - tail;
      if (line >= head && !isBelow) return [];
      const moved = isBelow && line >= head ? line + now.length - before.length : line;
      const isWithin = moved >= within.start.line && moved <= within.end.line;
      return isWithin ? [{ ...hint, position: { line: moved, character } }] : [];
    });
  }
}

/** The values of each test on its first machine; the host may do other things in between. */
async function* hintsOf(
  program: Program,
  file: FileNode,
  isWanted: () => boolean,
): AsyncGenerator<{ readonly hint: ValueHint; readonly run: string }> {
  const end = performance.now() + FILE_MS;
  const watch = {
    nowMs: () => performance.now(),
    interrupted: () => performance.now() > end || !isWanted(),
  };
  const tests = new Set<string>();
  for (const choice of runsOf(program)) {
    if (choice.skip || tests.has(choice.name.place)) continue;
    tests.add(choice.name.place);
    const open = openRun(program, choice, { limits: RUN_LIMITS, watch });
    await open.growToEnd(() => new Promise((resolve) => setTimeout(resolve)));
    if (watch.interrupted()) return;
    const { recording } = open;
    recording.timeline.interruptedBy = watch;
    try {
      const run = runTitle(recording.name);
      for (const hint of valueHints(recording, file)) yield { hint, run };
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      return;
    }
  }
}
