/**
 * The files that a makefile sees. Makefiles name files by absolute paths, so the module's folder and the
 * kernel's have fixed names here, whatever their places on the host.
 */
import type { TreeFolders } from "@dmalab/runtime/kernels";
import { isGlob, matchesGlob } from "./make_patterns.ts";

/** The module's folder, as `$(M)` names it. */
export const MODULE_ROOT = "/module";
/** The kernel's folder, as `$(srctree)` names it. */
export const KERNEL_ROOT = "/kernel";
/** Names of an installed kernel's folder, which makefiles build from the output of `uname -r`. */
const INSTALLED =
  /^\/(?:lib\/modules\/[^/]+\/(?:build|source)|usr\/src\/(?:linux|kernels\/[^/]+|linux-headers-[^/]+))(?=\/|$)/;
/** Largest number of files that one `$(wildcard …)` finds. */
const MAX_FOUND = 20_000;

/** An absolute path with `.` and `..` resolved. */
export function resolvedPath(path: string, base: string): string {
  const parts: string[] = [];
  const whole = path.startsWith("/") ? path : `${base}/${path}`;
  for (const part of whole.replace(INSTALLED, KERNEL_ROOT).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

export class MakeFiles {
  /** What commands may still search, in characters times the parts of their patterns. */
  searchLeft = 3e7;

  /**
   * @param module The module's folder in `files`; "" if `files` is that folder alone.
   */
  constructor(readonly files: TreeFolders, readonly module: string) {}

  /** Path in `files` of an absolute path; null for a file elsewhere on the build machine. */
  pathOf(path: string): string | null {
    if (isBelow(path, MODULE_ROOT)) {
      return [this.module, path.slice(MODULE_ROOT.length + 1)].filter((part) => part !== "")
        .join("/");
    }
    // Without a tree only the module's folder is read.
    if (this.module === "" || !isBelow(path, KERNEL_ROOT)) return null;
    return path.slice(KERNEL_ROOT.length + 1);
  }

  text(path: string): string | null {
    const inside = this.pathOf(path);
    return inside === null ? null : this.files.text(inside);
  }

  /** The files that a pattern of `$(wildcard …)` matches, sorted. @param base Folder of relative patterns. */
  wildcard(pattern: string, base: string): readonly string[] {
    const wanted = resolvedPath(pattern, base);
    let found = ["/"];
    const parts = wanted.slice(1).split("/");
    for (const [at, part] of parts.entries()) {
      found = found.flatMap((folder) => this.#inside(folder, part, at === parts.length - 1));
      if (found.length > MAX_FOUND) return [];
    }
    if (pattern.startsWith("/") || found.length === 0) return found;
    // Relative names stay relative, as make prints them.
    return isGlob(pattern) ? found.map((path) => path.slice(base.length + 1)) : [pattern];
  }

  #inside(folder: string, part: string, isLast: boolean): readonly string[] {
    if (folder === "/") {
      return [MODULE_ROOT, KERNEL_ROOT].filter((root) => root === `/${part}`);
    }
    const inside = this.pathOf(folder);
    if (inside === null) return [];
    return this.files.entries(inside)
      .filter(({ isFolder, name }) =>
        (isLast || isFolder) && matchesGlob(part, name) &&
        (part.startsWith(".") || !name.startsWith("."))
      )
      .map(({ name }) => `${folder}/${name}`);
  }
}

/** Whether a path is a folder, or lies in it. */
export function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}
