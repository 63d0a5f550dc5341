/** Templates of headers that a configure script or CMake makes. Nothing is run: names of files tell. */
import type { TreeFolders } from "@dmalab/runtime/kernels";

/** Endings of templates: `config.h.in` becomes `config.h`. */
const ENDINGS = [".in", ".cmake", ".cmake.in", ".tmpl", ".template"];
/** Files of programs that make the header of a configuration, and how each is started. */
const PROGRAMS: readonly (readonly [file: string, run: string])[] = [
  ["configure", "./configure"],
  ["configure.ac", "autoreconf and ./configure"],
  ["configure.in", "autoconf and ./configure"],
  ["CMakeLists.txt", "cmake"],
];
/** Names of headers of configurations. */
const OF_CONFIGURATION = /^(?:auto)?conf(?:ig(?:ure)?)?\.h$/;
const MAX_DEPTH = 5;
const MAX_ENTRIES = 10_000;

/**
 * What makes a header, as far as the names of a folder's files tell; null if they tell nothing.
 *
 * @param name The header's name without its folder: "config.h".
 */
export function makerOf(files: TreeFolders, name: string): string | null {
  const paths = pathsIn(files);
  const named = (wanted: string) =>
    paths.find((path) => path === wanted || path.endsWith(`/${wanted}`));
  const template = ENDINGS.map((ending) => named(`${name}${ending}`)).find((each) =>
    each !== undefined
  );
  const program = PROGRAMS.find(([file]) => named(file) !== undefined);
  const run = program === undefined ? "the program that fills it in" : program[1];
  if (template !== undefined) return `${template} is its template: run ${run}`;
  if (program === undefined || !OF_CONFIGURATION.test(name)) return null;
  return `${named(program[0])!} seems to make it: run ${program[1]}`;
}

function pathsIn(files: TreeFolders): readonly string[] {
  const found: string[] = [];
  const folders: (readonly [path: string, depth: number])[] = [["", 0]];
  for (const [folder, depth] of folders) {
    for (const { isFolder, name } of files.entries(folder)) {
      if (found.length >= MAX_ENTRIES) return found;
      const path = folder === "" ? name : `${folder}/${name}`;
      if (!isFolder) found.push(path);
      else if (depth < MAX_DEPTH && !name.startsWith(".")) folders.push([path, depth + 1]);
    }
  }
  return found;
}
