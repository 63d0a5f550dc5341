/**
 * Precompiled headers for files of a tree: headers that are parsed once for many files. With precompiled
 * headers a file compiles to the same code in half the time.
 */
import type { Unit } from "../tree/unit.ts";
import type { ClangFiles, TreeClang } from "./tree_clang.ts";

/** Sets of headers that many files include, the largest set first. */
const SETS: readonly (readonly string[])[] = [
  ["linux/module.h", "linux/slab.h", "linux/device.h", "linux/mm.h", "linux/fs.h"],
  ["linux/kernel.h", "linux/spinlock.h", "linux/bitmap.h"],
];
const HEADERS = "lab/headers.h";
const PRECOMPILED = `${HEADERS}.pch`;
const INCLUDES = "tree/include";
const SETTINGS = "lab/generated/autoconf.h";

/** Arguments that do not affect a header: output, and the visibility of a file's own functions. */
const OF_FILE = ["-S", "-emit-llvm", "-fvisibility=hidden"];
/** Matches a file that the compiler lists with `-H`. */
const READ = /^\.+ (.+)$/gm;
const MACRO = /^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)/gm;
/**
 * Matches an include. The group is the file name in quotes; the compiler looks for such a file
 * first in the source's folder.
 */
const INCLUDE = /^[ \t]*#[ \t]*include\b(?:[ \t]*"([^"\n]+)")?/gm;
/** In debug information, files of a precompiled header have absolute paths. */
const ABSOLUTE = /(!DIFile\(filename: ")\/([^"\n]*", directory: ")"/g;

/** One set of headers, compiled with the arguments that a group of files has in common. */
interface Precompiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The text that includes the headers. */
  readonly text: string;
  /** The texts that were read to compile the headers, by path. */
  readonly read: ReadonlyMap<string, string>;
}

export class PrecompiledHeaders {
  /**
   * Precompiled headers by arguments, headers and settings. The value is "wanted" if only one file has
   * needed the headers so far, and null if the headers do not compile.
   */
  readonly #made = new Map<string, Precompiled | "wanted" | null>();

  /**
   * Makes a run use a precompiled header, if its file and an earlier file of this session include the
   * same set of headers. Null if no precompiled header can be used, for example because the file's
   * own text would give the headers another meaning.
   *
   * @param args All arguments, the file last.
   */
  async with(
    clang: TreeClang,
    args: readonly string[],
    files: Unit["files"],
  ): Promise<{ readonly args: readonly string[]; readonly files: ClangFiles } | null> {
    // Precompiled headers are not used with full debug information, because the debug information
    // would describe the headers' types in another order.
    const isDescribed = args.includes("-gdwarf-4") && !args.includes("-gline-tables-only");
    if (!args.includes("-emit-llvm") || isDescribed) return null;
    const headers = SETS.find((set) => set.every((name) => `${INCLUDES}/${name}` in files));
    if (headers === undefined) return null;
    const own = args.slice(0, -1).filter((arg) => !OF_FILE.includes(arg));
    const common = own.filter((_arg, at) => !isFolder(own, at));
    const key = JSON.stringify([common, headers, files[SETTINGS]]);
    let made = this.#made.get(key);
    // Precompiling is not worth its time for only one file.
    if (made === undefined) this.#made.set(key, made = "wanted");
    else if (made === "wanted") {
      made = await precompile(clang, headers, own, files);
      this.#made.set(key, made);
    }
    if (made === "wanted" || made === null || !fits(made, args.at(-1)!, files)) return null;
    return {
      args: ["-include-pch", PRECOMPILED, ...args],
      files: { ...files, [HEADERS]: made.text, [PRECOMPILED]: made.bytes },
    };
  }
}

async function precompile(
  clang: TreeClang,
  headers: readonly string[],
  args: readonly string[],
  files: Unit["files"],
): Promise<Precompiled | null> {
  const text = headers.map((name) => `#include <${name}>\n`).join("");
  const { module, said } = await clang.run(
    // Without time stamps, because the files given to the compiler have no modification times.
    [...args, "-H", "-Xclang", "-fno-pch-timestamp", "-x", "c-header", HEADERS],
    { ...files, [HEADERS]: text },
    "-",
  );
  if (module === null) return null;
  const names = [...said.matchAll(READ)].map(([, name]) => name!.replace(/^(?:\.\/)+/, ""));
  const read = new Map(names.flatMap((name) => name in files ? [[name, files[name]!]] : []));
  return { bytes: module, text, read };
}

/**
 * Whether an argument belongs to `-I`. Two files with different header folders can use the same
 * precompiled headers, because all files find those headers in the same folders.
 */
function isFolder(args: readonly string[], at: number): boolean {
  return args[at] === "-I" || args[at - 1] === "-I";
}

/**
 * Whether a precompiled header can be used for a file. The file must include every text that was
 * read for the header, and no macro may change the meaning of these texts. So no word in them may
 * be a macro that the file defines before its last include, or that another header in the file's
 * folder defines.
 */
function fits({ read }: Precompiled, path: string, files: Unit["files"]): boolean {
  if ([...read].some(([each, content]) => files[each] !== content)) return false;
  const text = files[path]!;
  const included = [...text.matchAll(INCLUDE)];
  const last = included.at(-1)?.index ?? 0;
  const folder = path.slice(0, path.lastIndexOf("/"));
  const local = included.flatMap(([, name]) => name === undefined ? [] : `${folder}/${name}`)
    .filter((each) => !read.has(each)).map((each) => files[each] ?? "");
  const macros = [text.slice(0, last), ...local].flatMap((each) => [...each.matchAll(MACRO)]);
  return !new Set(macros.map(([, name]) => name!)).values().some((name) => {
    const word = new RegExp(`\\b${name}\\b`);
    return read.values().some((content) => word.test(content));
  });
}

/** Code without the differences that a precompiled header causes. */
export function asFromSource(ir: string): string {
  return ir.replace(ABSOLUTE, '$1$2/"');
}
