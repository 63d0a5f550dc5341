/** Reading the project's own sources, for the tests that check how they are built. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** The core: the part that is read, tested and released without the extensions. */
export const CORE_FOLDERS: readonly string[] = ["runtime", "devices", "lang", "recording", "cli"];

/**
 * The folders of sources, with the tools for making them (`tools/`) and without the tests of them
 * all (`tests/`).
 */
export const SOURCE_FOLDERS: readonly string[] = [...CORE_FOLDERS, "bin", "extensions", "tools"];

/** One TypeScript file of the project: its path from the root, with `/`, and its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Every `.ts` file below the given folders or files, in the order of their names. */
export function readSources(places: readonly string[]): SourceText[] {
  const sources: SourceText[] = [];
  for (const place of places) {
    for (const path of filesBelow(join(ROOT, place))) {
      if (!path.endsWith(".ts") || path.endsWith(".d.ts")) continue;
      sources.push({
        path: relative(ROOT, path).replaceAll("\\", "/"),
        text: Deno.readTextFileSync(path),
      });
    }
  }
  return sources;
}

/** Folders that tasks fill: packages, and the pages of the docs site. */
const NOT_OURS = /\/node_modules$|\/extensions\/page\/site\/pages$/;

/** A file itself, or every file of ours below a folder, sorted; nothing for a place that is not there. */
export function filesBelow(place: string): string[] {
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(place);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  if (info.isFile) return [place];
  if (NOT_OURS.test(place)) return [];
  const entries = [...Deno.readDirSync(place)].sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => filesBelow(join(place, entry.name)));
}

/**
 * The arrows of the picture in docs/dev/architecture.md, which is the record of the permitted loads
 * between members, by the last words of the members' folders.
 */
export function drawnArrows(): { readonly from: string; readonly to: string }[] {
  const page = Deno.readTextFileSync(join(ROOT, "docs/dev/architecture.md"));
  const [, picture] = /```mermaid\n([^`]*)```/.exec(page)!;
  return [...picture!.matchAll(/(\w+) --> (\w+)/g)].map(([, from, to]) => ({
    from: from!,
    to: to!,
  }));
}
