/**
 * Loads a scenario with a patched driver in C. Patches are applied in memory, and the files stay
 * unchanged.
 */
import { addAll } from "@dmalab/runtime/basics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import type { LoadResult } from "@dmalab/lang/run";
import { HostLoader, type WantingLoader } from "@dmalab/cli";
import { compileRequested } from "./compile_requested.ts";

const HUNK = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/;

/**
 * Applies a patch of one file, in the format of `diff -u`.
 * @throws {RangeError} If the patch does not fit the text.
 */
export function applyPatch(text: string, patch: string): string {
  const lines = text.split("\n");
  const patched: string[] = [];
  let at = 0;
  for (const line of patch.split("\n")) {
    const hunk = HUNK.exec(line);
    if (hunk !== null) {
      const start = Number(hunk[1]) - 1;
      addAll(patched, lines.slice(at, start));
      at = start;
    } else if (/^[- ]/.test(line) && !line.startsWith("--- ")) {
      if (lines[at] !== line.slice(1)) {
        throw new RangeError(`The patch does not fit line ${at + 1}`);
      }
      if (line.startsWith(" ")) patched.push(lines[at]!);
      at++;
    } else if (line.startsWith("+") && !line.startsWith("+++ ")) patched.push(line.slice(1));
  }
  return [...patched, ...lines.slice(at)].join("\n");
}

/** A patch. `file`: the last part of a path; the patch applies to the file with this path. */
export interface Patch {
  readonly file: string;
  readonly text: string;
}

/** A scenario, and the loader for the files that it uses. */
export interface OpenedScenario {
  readonly entry: SourceFile;
  readonly loader: WantingLoader;
}

/**
 * Loads a scenario once for each patch. All drivers are compiled together.
 *
 * @param patches The patches; null represents the scenario without a patch.
 */
export function loadPatched(
  path: string,
  patches: readonly (Patch | null)[],
): Promise<readonly LoadResult[]> {
  return loadTogether(openPatched(path, patches), compileRequested);
}

/** Opens a scenario once for each patch. */
export function openPatched(
  path: string,
  patches: readonly (Patch | null)[],
): readonly OpenedScenario[] {
  return patches.map((patch) => {
    const files = HostLoader.open(path);
    if (typeof files === "string") throw new Error(files);
    return {
      entry: files.entry,
      loader: patch === null ? files.loader : patching(files.loader, patch),
    };
  });
}

export async function loadTogether(
  opened: readonly OpenedScenario[],
  compile: typeof compileRequested,
): Promise<readonly LoadResult[]> {
  const load = () => opened.map(({ entry, loader }) => loadProgram(entry, loader));
  let loaded = load();
  while (opened.some(({ loader }) => loader.shelf.wanted.length > 0)) {
    await compile(opened.map(({ loader }) => loader));
    loaded = load();
  }
  return loaded;
}

function patching(inner: HostLoader, { file, text }: Patch): WantingLoader {
  const patched = new Map<string, SourceFile>();
  return {
    shelf: inner.shelf,
    load(path, from, limitBytes) {
      const source = inner.load(path, from, limitBytes);
      if (!(source instanceof SourceFile) || !source.name.endsWith(file)) return source;
      return patched.getOrInsertComputed(
        source.name,
        (name) => new SourceFile(name, applyPatch(source.text, text)),
      );
    },
  };
}
