/** Finds the scenarios of a command line: files as they are named, folders searched for `*.dma`. */
import { addAll } from "@dmalab/runtime/basics";
import { printable } from "@dmalab/lang/diagnostics";
import { FileError } from "../files/file_error.ts";
import { host } from "../host.ts";
import { isFolder } from "../host_file.ts";
import { STATE_FOLDER } from "../state_folder.ts";
import { basename, isInside } from "../paths.ts";
import { printError } from "../print_error.ts";
import type { Screen } from "../screen.ts";

/**
 * Folders that are not searched, because scenarios in them are not the user's. For example, the
 * package that `dmalab init` installs contains examples.
 */
const SKIPPED = new Set(["node_modules", ".git", STATE_FOLDER]);

const SOURCE_OF_C = /\.[ch]$/;

/**
 * Every named file, and every `*.dma` below every named folder, sorted. A named file that does not
 * exist stays in the list: the attempt to read it reports the error.
 *
 * @param isToWrite Whether the caller writes the scenarios. Links in a folder are then left out,
 *   because their targets are in the list anyway.
 * @returns Null for a folder without scenarios, for a link that leads out of its folder, or for a
 *   file in C. In these cases a message has been printed.
 */
export function findScenarios(
  places: readonly string[],
  screen: Screen,
  isToWrite = false,
): string[] | null {
  const found: string[] = [];
  for (const place of places) {
    if (isSourceOfC(place)) {
      printError(sourceOfCText(place), screen);
      return null;
    }
    const all = isFolder(place) ? below(place) : [{ path: place, isLink: false }];
    const outside = all.find(({ isLink, path }) => isLink && leadsOut(path, place));
    if (outside !== undefined) {
      screen.err(linkError(outside.path, place).lines);
      return null;
    }
    const paths = all.filter(({ isLink }) => !isLink || !isToWrite).map(({ path }) => path);
    if (paths.length === 0) {
      printError(`There is no scenario (*.dma) in "${printable(place)}"`, screen);
      return null;
    }
    addAll(found, paths);
  }
  return found;
}

/** Whether a path is a source or a header in C. False for a folder with such a name. */
export function isSourceOfC(path: string): boolean {
  return SOURCE_OF_C.test(path) && !isFolder(path);
}

/** The message that a file is C, and how a scenario uses it. */
export function sourceOfCText(path: string): string {
  return `"${printable(path)}" is C, not a scenario; in a .dma file \`driver d = c "${
    printable(basename(path))
  }"\` compiles it (docs/c-drivers.md)`;
}

interface Found {
  readonly path: string;
  readonly isLink: boolean;
}

function below(folder: string): Found[] {
  const entries = [...host.readDirSync(folder)].sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    // `..` stays in the path, because after a link `..` means the folder above the link's target.
    const path = folder === "." ? entry.name : `${folder.replace(/\/+$/, "")}/${entry.name}`;
    if (entry.isDirectory) return SKIPPED.has(entry.name) ? [] : below(path);
    return entry.name.endsWith(".dma") ? [{ path, isLink: entry.isSymlink }] : [];
  });
}

/** Whether a link leads out of a folder; false for a link without a target. */
function leadsOut(path: string, folder: string): boolean {
  try {
    return !isInside(host.realPathSync(path), host.realPathSync(folder));
  } catch {
    return false;
  }
}

function linkError(path: string, folder: string): FileError {
  return new FileError(
    `Cannot read "${printable(path)}": it is a symbolic link that leads out of "${
      printable(folder)
    }"`,
    "E1101",
    "remove it, or name the file that it leads to",
  );
}
