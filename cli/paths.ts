/**
 * Paths of this host, and paths relative to a folder. `node:path` is not used, because it loads
 * slowly: see docs/dev/dependencies.md.
 */
import type nodePath from "node:path";
import * as posix from "deno-std/path/posix/mod.js";
import { host } from "./host.ts";

/** Typed like Node's module, because the package `deno-std` has no types. */
const paths: typeof nodePath & { readonly SEPARATOR: string } = host.build.os === "windows"
  ? await import("deno-std/path/windows/mod.js")
  : posix;
const sep = paths.SEPARATOR;
export const { basename, dirname, extname, isAbsolute, join, normalize, relative, resolve } = paths;

/** Whether a path is the folder itself or inside of it; both paths are absolute. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

/**
 * The path relative to a folder, if the path is inside the folder. Other paths are returned
 * unchanged, as are all paths if the folder is unknown ("").
 */
export function shortPath(path: string, folder: string): string {
  return folder !== "" && isInside(path, folder) && path !== folder
    ? path.slice(folder.endsWith(sep) ? folder.length : folder.length + 1).replaceAll(sep, "/")
    : path;
}
