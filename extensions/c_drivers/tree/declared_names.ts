/**
 * Finds the headers of a tree that declare names. A release may have moved a declaration to a header that a module
 * does not include.
 */
import type { TreeFolders } from "@dmalab/runtime/kernels";

/** Folders of headers, in the order in which they are searched, and whether their folders are searched, too. */
const FOLDERS: readonly (readonly [folder: string, isDeep: boolean])[] = [
  ["include/linux", false],
  ["include/linux/sched", false],
  ["include/net", false],
  ["include/scsi", false],
  ["include/sound", false],
  ["include/media", false],
  ["include/linux", true],
];
/** Headers that are the kernel's, by the beginnings of their names. */
const OF_KERNEL = /^(?:crypto|drm|linux|media|net|rdma|scsi|sound|target|video)\//;
/** Headers of an architecture: the header of `linux/` with the same name includes it, if there is one. */
const GENERIC = "include/asm-generic";
const MAX_HEADERS = 4000;
/** Longest beginning of a line, in characters, in which a declaration is looked for. */
const LONGEST = 300;

export class DeclaredNames {
  readonly #lists = new Map<string, readonly string[]>();

  constructor(readonly files: TreeFolders) {}

  /**
   * The header that declares a name, by its path from the root: "include/linux/sched/signal.h". Null if none does.
   *
   * @param name "signal_pending", or "struct dcbnl_rtnl_ops".
   */
  headerOf(name: string): string | null {
    for (const [folder, isDeep] of FOLDERS) {
      const found = this.#headersOf(folder, isDeep).find((path) => this.#declares(path, name));
      if (found !== undefined) return found;
    }
    const generic = this.#headersOf(GENERIC, false).find((path) => this.#declares(path, name));
    if (generic === undefined) return null;
    const linux = generic.replace("asm-generic", "linux");
    return this.files.text(linux) === null ? generic : linux;
  }

  /**
   * The header to which a missing one has moved: the only one of the tree with its name. Null if there is none, or
   * several.
   *
   * @param missing As an include line names it: "linux/mfd/rtsx_pci.h".
   * @returns In the same form: "linux/rtsx_pci.h".
   */
  movedTo(missing: string): string | null {
    const name = missing.slice(missing.lastIndexOf("/") + 1);
    const named = [...this.#all()].filter((path) => path.endsWith(`/${name}`));
    return OF_KERNEL.test(missing) && named.length === 1 ? named[0]! : null;
  }

  /** All headers below `include/`, without those of user programs and of architectures. */
  *#all(): Generator<string> {
    const folders = this.files.entries("include").filter(({ isFolder, name }) =>
      isFolder && name !== "uapi" && name !== "asm-generic"
    ).map(({ name }) => name);
    for (const folder of folders) {
      for (const path of this.#headersOf(`include/${folder}`, true)) {
        yield path.slice("include/".length);
      }
    }
  }

  #declares(path: string, name: string): boolean {
    const text = this.files.text(path);
    return text !== null && declares(text, name);
  }

  #headersOf(folder: string, isDeep: boolean): readonly string[] {
    return this.#lists.getOrInsertComputed(`${folder} ${isDeep}`, () => {
      const entries = this.files.entries(folder);
      const folders = isDeep ? entries.filter(({ isFolder }) => isFolder) : [];
      return [
        ...entries.flatMap(({ isFolder, name }) =>
          !isFolder && name.endsWith(".h") ? [`${folder}/${name}`] : []
        ),
        ...folders.flatMap(({ name }) => this.#headersOf(`${folder}/${name}`, false)),
      ].slice(0, MAX_HEADERS);
    });
  }
}

/** Whether a header declares a name: as a function, a macro, a type, a constant or a variable. */
export function declares(text: string, name: string): boolean {
  const isWord = (char: string | undefined) => char !== undefined && /\w/.test(char);
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length)) {
    if (isWord(text[at - 1]) || isWord(text[at + name.length])) continue;
    const near = Math.max(0, at - LONGEST);
    const start = near + text.slice(near, at).lastIndexOf("\n") + 1;
    if (start === near && near > 0) continue;
    const before = text.slice(start, at);
    const after = text.slice(at + name.length, at + name.length + 40);
    if (isDeclaration(name, before, after)) return true;
    if (before !== "" || !after.startsWith("(")) continue;
    // The result's type may be the line above.
    const above = text.slice(Math.max(0, start - LONGEST), Math.max(0, start - 1)).split("\n").at(
      -1,
    )!;
    if (/^[a-z][\w \t*]*$/.test(above)) return true;
  }
  return false;
}

function isDeclaration(name: string, before: string, after: string): boolean {
  if (name.startsWith("struct ")) return before === "" && /^\s*\{/.test(after);
  if (/^#[ \t]*define[ \t]+$/.test(before)) return true;
  if (/^typedef\b/.test(before)) return /^\s*;/.test(after);
  if (/^[A-Za-z_][\w \t*]*[\s*]$/.test(before) && !/\breturn\b/.test(before)) {
    return /^[ \t]*\(/.test(after) || /^extern\b/.test(before) && /^\s*[;[]/.test(after);
  }
  return /^[ \t]+$/.test(before) && /^[A-Z]/.test(name) && /^\s*[,=}]/.test(after);
}
