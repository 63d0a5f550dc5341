/** Where one path lies, seen from a folder. Paths are joined and taken apart by `node:path`. */
import { sep } from "node:path";

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
