/**
 * Headers that are parsed once for many files of a tree: a precompiled header, by which a file compiles to
 * the same code in half of the time.
 */
import type { Unit } from "../tree/unit.ts";
import type { ClangFiles, TreeClang } from "./tree_clang.ts";

/** Headers that many files include, by the file that includes them all; the largest set first. */
const SETS: readonly (readonly string[])[] = [
  ["linux/module.h", "linux/slab.h", "linux/device.h", "linux/mm.h", "linux/fs.h"],
  ["linux/kernel.h", "linux/spinlock.h", "linux/bitmap.h"],
];
const HEADERS = "lab/headers.h";
const PRECOMPILED = `${HEADERS}.pch`;
const INCLUDES = "tree/include";
const SETTINGS = "lab/generated/autoconf.h";

/** Arguments that do not concern a header: output, and the visibility of a file's own functions. */
const OF_FILE = ["-S", "-emit-llvm", "-fvisibility=hidden"];
/** Files that the compiler has read, as it lists them with `-H`. */
const READ = /^\.+ (.+)$/gm;
const MACRO = /^[ \t]*#[ \t]*(?:define|undef)[ \t]+(\w+)/gm;
/** An include, with the name of a file that is searched beside the source first. */
const INCLUDE = /^[ \t]*#[ \t]*include\b(?:[ \t]*"([^"\n]+)")?/gm;
/** A file of a precompiled header is named by its absolute path. */
const ABSOLUTE = /(!DIFile\(filename: ")\/([^"\n]*", directory: ")"/g;

/** One set of headers, compiled with the arguments of a group of files. */
interface Precompiled {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Includes the headers. */
  readonly text: string;
  /** The texts that were read for it, by path. */
  readonly read: ReadonlyMap<string, string>;
}

export class PrecompiledHeaders {
  /** By arguments, headers and settings: "wanted" by one file so far, or null where they do not compile. */
  readonly #made = new Map<string, Precompiled | "wanted" | null>();

  /**
   * Adds to a run the headers that its file begins with, where an earlier file of this session began with
   * them, too. Null where the file would see them otherwise than from its own text.
   *
   * @param args All arguments, the file last.
   */
  async with(
    clang: TreeClang,
    args: readonly string[],
    files: Unit["files"],
  ): Promise<{ readonly args: readonly string[]; readonly files: ClangFiles } | null> {
    // The types of a header would be described in another order.
    const isDescribed = args.includes("-gdwarf-4") && !args.includes("-gline-tables-only");
    if (!args.includes("-emit-llvm") || isDescribed) return null;
    const headers = SETS.find((set) => set.every((name) => `${INCLUDES}/${name}` in files));
    if (headers === undefined) return null;
    const own = args.slice(0, -1).filter((arg) => !OF_FILE.includes(arg));
    const common = own.filter((_arg, at) => !isFolder(own, at));
    const key = JSON.stringify([common, headers, files[SETTINGS]]);
    let made = this.#made.get(key);
    // A header that one file needs is not worth it.
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
    // The files have no times.
    [...args, "-H", "-Xclang", "-fno-pch-timestamp", "-x", "c-header", HEADERS],
    { ...files, [HEADERS]: text },
    "-",
  );
  if (module === null) return null;
  const names = [...said.matchAll(READ)].map(([, name]) => name!.replace(/^(?:\.\/)+/, ""));
  const read = new Map(names.flatMap((name) => name in files ? [[name, files[name]!]] : []));
  return { bytes: module, text, read };
}

/** Whether an argument belongs to `-I`: all files find the headers of the sets in the same folders. */
function isFolder(args: readonly string[], at: number): boolean {
  return args[at] === "-I" || args[at - 1] === "-I";
}

/** Whether a file includes all that was read, and has no macro before it that could change its meaning. */
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

/** Code without a trace of the precompiled header. */
export function asFromSource(ir: string): string {
  return ir.replace(ABSOLUTE, '$1$2/"');
}
