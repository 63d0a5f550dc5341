/** A kernel tree as what compiles it sees it: text by paths from its root, and nothing outside. */

/** Reads a tree; the host's part stands in `cli/c/`. */
export interface TreeFiles {
  /** A file's text; null where there is none, or none that may be read. */
  text(path: string): string | null;
}

/** The version of a tree as its own Makefile says it. */
export interface TreeVersion {
  readonly major: number;
  readonly patch: number;
  readonly sub: number;
  /** As releases are named: "7.2.13". */
  readonly name: string;
}

/** What is wrong with a tree, as a sentence without its end. */
export class TreeError extends Error {
  constructor(message: string, readonly hint: string) {
    super(message);
  }
}

/** @throws {TreeError} Where the folder is no kernel tree. */
export function versionOf(files: TreeFiles): TreeVersion {
  const makefile = files.text("Makefile") ?? "";
  const part = (name: string) => {
    const written = new RegExp(`^${name}[ \\t]*=[ \\t]*(\\d{1,5})[ \\t]*$`, "m").exec(makefile);
    return written === null ? null : Number(written[1]);
  };
  const [major, patch, sub] = [part("VERSION"), part("PATCHLEVEL"), part("SUBLEVEL")];
  if (major === null || patch === null || sub === null) {
    throw new TreeError(
      "The folder is no kernel tree: its Makefile has no VERSION, PATCHLEVEL and SUBLEVEL",
      "name the folder that has `Makefile`, `include/` and `drivers/` in it",
    );
  }
  return { major, patch, sub, name: `${major}.${patch}.${sub}` };
}
