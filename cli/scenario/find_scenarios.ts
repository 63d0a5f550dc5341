/** The scenarios that a command line means: files as they are, folders searched for `*.dma`. */
import { printable } from "../../lang/diagnostics/display_width.ts";
import { host } from "../host.ts";
import { isFolder } from "../host_file.ts";
import { joinPath } from "../paths.ts";
import type { Screen } from "../screen.ts";

/** Folders that hold no scenarios of the user's. */
const SKIPPED = new Set(["node_modules", ".git"]);

/**
 * Every file named, and every `*.dma` below every folder named, sorted. A file that is not there
 * stays in the list, for whoever reads it to say so.
 *
 * @returns Null, after saying so, when a folder holds none.
 */
export function findScenarios(places: readonly string[], screen: Screen): string[] | null {
  const found: string[] = [];
  for (const place of places) {
    const paths = isFolder(place) ? below(place) : [place];
    if (paths.length === 0) {
      screen.err(`error: There is no scenario (*.dma) in "${printable(place)}"\n`);
      return null;
    }
    found.push(...paths);
  }
  return found;
}

function below(folder: string): string[] {
  const entries = [...host.readDirSync(folder)].sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = folder === "." ? entry.name : joinPath(folder, entry.name);
    if (entry.isDirectory) return SKIPPED.has(entry.name) ? [] : below(path);
    return entry.name.endsWith(".dma") ? [path] : [];
  });
}
