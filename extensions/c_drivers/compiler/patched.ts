/** A scenario with a driver in C that a patch has changed: in memory, the files stay as they are. */
import { addAll } from "@dmalab/runtime/basics";
import { loadProgram, SourceFile } from "@dmalab/lang";
import type { LoadResult } from "@dmalab/lang/run";
import { HostLoader, type WantingLoader } from "@dmalab/cli";
import { compileRequested } from "./compile_requested.ts";

const HUNK = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/;

/**
 * Applies a patch of one file, as `diff -u` writes it.
 * @throws {RangeError} When the text is not what the patch was made from.
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

/** A patch, and the file that it is for, by the end of its path. */
export interface Patch {
  readonly file: string;
  readonly text: string;
}

/** A scenario, and what loads what it uses. */
export interface OpenedScenario {
  readonly entry: SourceFile;
  readonly loader: WantingLoader;
}

/**
 * Loads a scenario as often as there are patches, each time with one of them; all drivers to
 * compile are compiled together.
 *
 * @param patches Null for the scenario as it is.
 */
export function loadPatched(
  path: string,
  patches: readonly (Patch | null)[],
): Promise<readonly LoadResult[]> {
  return loadTogether(openPatched(path, patches), compileRequested);
}

/** The scenario of a path, once for each patch. */
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
