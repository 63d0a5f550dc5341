/**
 * Paths of this host, and where one lies, seen from a folder. Why not by `node:path`, which loads slowly:
 * docs/dev/dependencies.md.
 */
import type nodePath from "node:path";
import * as posix from "deno-std/path/posix/mod.js";
import { host } from "./host.ts";

/** Typed as those of Node: the package has no types. */
const paths: typeof nodePath & { readonly SEPARATOR: string } = host.build.os === "windows"
  ? await import("deno-std/path/windows/mod.js")
  : posix;
const sep = paths.SEPARATOR;
export const { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve } = paths;

/** Whether a path is a folder or lies in it; both absolute. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

/** The path from a folder, if it lies in it; else as it is, also when the folder is unknown (""). */
export function shortPath(path: string, folder: string): string {
  return folder !== "" && isInside(path, folder) && path !== folder
    ? path.slice(folder.endsWith(sep) ? folder.length : folder.length + 1).replaceAll(sep, "/")
    : path;
}
