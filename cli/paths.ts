/**
 * The few path functions that starting a scenario needs. The standard library's are used everywhere
 * else; loading them would cost a five-line file a tenth of its time.
 */

/** The folder of a file, without the last slash; `/` for a file in the root. */
export function folderOf(path: string): string {
  const slash = lastSlash(path);
  return slash <= 0 ? path.slice(0, slash + 1) || "." : path.slice(0, slash);
}

/** A path's last part. */
export function fileNameOf(path: string): string {
  return path.slice(lastSlash(path) + 1);
}

/** A relative path taken from a folder, `.` and `..` resolved. */
export function joinPath(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${folder}/${path}`.split(/[\\/]/)) {
    if (part === "..") parts.pop();
    else if (part !== "." && (part !== "" || parts.length === 0)) parts.push(part);
  }
  return parts.join("/") || "/";
}

/** Whether a path is a folder or lies in it; both absolute. */
export function isInside(path: string, folder: string): boolean {
  const start = folder.replace(/[\\/]+$/, "");
  return path === start || path.startsWith(`${start}/`) || path.startsWith(`${start}\\`);
}

/** The path from a folder, if it lies in it; else as it is, also when the folder is unknown (""). */
export function shortPath(path: string, folder: string): string {
  return folder !== "" && isInside(path, folder) && path !== folder
    ? path.slice(folder.replace(/[\\/]+$/, "").length + 1).replaceAll("\\", "/")
    : path;
}

function lastSlash(path: string): number {
  return Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
}
