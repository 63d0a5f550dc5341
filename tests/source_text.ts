/** Reads the project's own sources, for tests that check the code itself. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const ROOT: string = fileURLToPath(new URL("../", import.meta.url));

/** The core: the part that can be read, tested and released without the extensions. */
export const CORE_FOLDERS: readonly string[] = ["runtime", "devices", "lang", "recording", "cli"];

/**
 * The folders with sources, including the development tools in `tools/`, but not the project's
 * tests in `tests/`.
 */
export const SOURCE_FOLDERS: readonly string[] = [...CORE_FOLDERS, "bin", "extensions", "tools"];

/** A TypeScript file of the project: its path from the root, with `/`, and its text. */
export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Every `.ts` file below the given folders or files, sorted by name. */
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

/** Folders with generated or downloaded files: packages, and the pages of the docs site. */
const NOT_OURS = /\/node_modules$|\/extensions\/page\/site\/pages$/;

/** A file itself, or every file of the project below a folder, sorted; empty if the place does not exist. */
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
 * The arrows of the diagram in docs/dev/architecture.md. The diagram defines the permitted imports
 * between members. Each member is named by the last part of its folder's name.
 */
export function drawnArrows(): { readonly from: string; readonly to: string }[] {
  const page = Deno.readTextFileSync(join(ROOT, "docs/dev/architecture.md"));
  const [, picture] = /```mermaid\n([^`]*)```/.exec(page)!;
  return [...picture!.matchAll(/(\w+) --> (\w+)/g)].map(([, from, to]) => ({
    from: from!,
    to: to!,
  }));
}
