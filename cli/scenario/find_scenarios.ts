/** The scenarios that a command line means: files as they are, folders searched for `*.dma`. */
import { joinPath } from "../paths.ts";

/** Folders that hold no scenarios of the user's. */
const SKIPPED = new Set(["node_modules", ".git"]);

/**
 * Every file named, and every `*.dma` below every folder named, sorted; what is not there stays in
 * the list, for whoever reads it to say so.
 */
export function findScenarios(places: readonly string[]): string[] {
  return places.flatMap((place) => isFolder(place) ? below(place) : [place]);
}

function below(folder: string): string[] {
  const entries = [...Deno.readDirSync(folder)].sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = folder === "." ? entry.name : joinPath(folder, entry.name);
    if (entry.isDirectory) return SKIPPED.has(entry.name) ? [] : below(path);
    return entry.name.endsWith(".dma") ? [path] : [];
  });
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
