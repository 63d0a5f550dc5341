/**
 * The user's cache folder: bytes that can be made again, stored by key and verified by hash. The
 * folder is outside of any repository, because a repository must not bring cached bytes along. If
 * nothing can be stored, the bytes are made again in each run.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { FileError } from "./file_error.ts";
import { makeOwnFolder, removeFile, rewriteFile } from "./write_file.ts";
import { allowedVariable, host } from "../host.ts";
import { hostReason } from "../host_error.ts";
import { readHostBytes } from "../host_file.ts";

/** Limit of a subfolder; the least recently used files are removed first. */
const MAX_BYTES = 2 ** 29;
/** Size to which a full cache is reduced: all its files are counted then, which takes a while. */
const LEFT_BYTES = MAX_BYTES * 7 / 8;

/**
 * Number of bytes that this process stores in a subfolder before it counts the subfolder's files again,
 * because other processes write there, too.
 */
const COUNTED_BYTES = MAX_BYTES / 64;
/** How many bytes this process may store in a subfolder before it counts the files again. */
const uncounted = new Map<string, number>();

/** The cache folder of this user, or the reason why it is missing. */
function cacheFolder(): { readonly path: string } | { readonly problem: string } {
  // A relative path would lead into the folder in which the process was started.
  const known = (name: string) => {
    const value = allowedVariable(name);
    return value?.startsWith("/") ? value : null;
  };
  const home = known("HOME");
  const cache = known("XDG_CACHE_HOME") ?? (home === null ? null : `${home}/.cache`);
  if (cache === null) {
    return { problem: "`HOME` is not set, or `--allow-env=XDG_CACHE_HOME,HOME` is missing" };
  }
  const path = `${cache}/dmalab`;
  const mayUse = (["read", "write"] as const).every((name) =>
    host.permissions.querySync({ name, path }).state === "granted"
  );
  return mayUse ? { path } : { problem: `\`-R -W\` is missing for "${printable(path)}"` };
}

/**
 * Reads what {@linkcode keepBytes} stored.
 *
 * @param subfolder A subfolder of the cache: `c` for compiled drivers.
 * @returns Null if nothing is stored, if the file cannot be read, or if the hash does not match.
 */
export async function keptBytes(
  subfolder: string,
  key: string,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const folder = cacheFolder();
  if ("problem" in folder) return null;
  const path = `${folder.path}/${subfolder}/${key}`;
  const file = readHostBytes(path, { mostBytes: MAX_BYTES });
  // If the file cannot be read, the caller makes the bytes again, and `keepBytes` reports why they
  // cannot be stored.
  if (!file.found) return null;
  const { bytes } = file;
  const lineEnd = bytes.indexOf(0x0a);
  const content = bytes.slice(lineEnd + 1);
  const hash = new TextDecoder().decode(bytes.subarray(0, lineEnd));
  if (hash !== await hashOf(content)) return null;
  // Marks the file as used. An error here is ignored: on a read-only disk the cache can still be
  // read.
  attempt(() => host.utimeSync(path, new Date(), new Date()));
  return content;
}

/**
 * Reads a value from what {@linkcode keepBytes} stored.
 *
 * @param read Returns the value. It throws if the bytes are those of another value, as another program may have
 *   stored them; they are then made again.
 * @returns Null where `keptBytes` returns null, and if `read` throws.
 */
export async function keptValue<T>(
  subfolder: string,
  key: string,
  read: (bytes: Uint8Array<ArrayBuffer>) => T | Promise<T>,
): Promise<T | null> {
  const bytes = await keptBytes(subfolder, key);
  if (bytes === null) return null;
  try {
    return await read(bytes);
  } catch {
    return null;
  }
}

/**
 * Finds a file that {@linkcode keepFile} stored. `keepFile` stores only whole files, so the content
 * is not verified again.
 *
 * @returns Its path; null if nothing is stored.
 */
export function keptFile(subfolder: string, key: string): string | null {
  const folder = cacheFolder();
  if ("problem" in folder) return null;
  const path = `${folder.path}/${subfolder}/${key}`;
  if (attempt(() => host.lstatSync(path))?.isFile !== true) return null;
  attempt(() => host.utimeSync(path, new Date(), new Date()));
  return path;
}

/**
 * Stores bytes as a file without a hash, because another program reads the file.
 *
 * @returns Why the bytes are not stored; null on success.
 */
export function keepFile(
  subfolder: string,
  key: string,
  content: Uint8Array<ArrayBuffer>,
): string | null {
  return keep(subfolder, key, content);
}

/**
 * Stores bytes under a key, with their hash.
 *
 * @returns Why the bytes are not stored; null on success.
 */
export async function keepBytes(
  subfolder: string,
  key: string,
  content: Uint8Array<ArrayBuffer>,
): Promise<string | null> {
  const hash = new TextEncoder().encode(`${await hashOf(content)}\n`);
  return keep(subfolder, key, joined(hash, content));
}

function keep(subfolder: string, key: string, content: Uint8Array<ArrayBuffer>): string | null {
  const folder = cacheFolder();
  if ("problem" in folder) return folder.problem;
  try {
    const real = makeOwnFolder(`${folder.path}/${subfolder}`);
    rewriteFile(`${real}/${key}`, content);
    const left = (uncounted.get(real) ?? 0) - content.length;
    uncounted.set(
      real,
      left >= 0
        ? left
        : Math.min(MAX_BYTES - removeOldest(real, MAX_BYTES, LEFT_BYTES), COUNTED_BYTES),
    );
    return null;
  } catch (error) {
    // A cache that cannot be written does not fail a run, because a full disk or another user's
    // folder is no error in the input.
    if (error instanceof FileError) return error.message;
    return `Cannot write "${printable(folder.path)}": ${hostReason(error)}`;
  }
}

/**
 * If the files of a folder exceed a limit, removes the least recently used ones. Other processes
 * remove files at the same time, so a missing file is skipped.
 *
 * @param leftBytes Size to which the files are reduced. It is less than the limit, so that the next
 *   files do not exceed the limit again.
 * @returns The size of the remaining files, in bytes.
 */
export function removeOldest(folder: string, mostBytes: number, leftBytes = mostBytes): number {
  const files = [...host.readDirSync(folder)].flatMap(({ isFile, name }) => {
    const found = isFile ? attempt(() => host.statSync(`${folder}/${name}`)) : null;
    return found === null ? [] : [{ name, size: found.size, usedMs: found.mtime?.getTime() ?? 0 }];
  });
  let left = files.reduce((sum, { size }) => sum + size, 0);
  if (left <= mostBytes) return left;
  for (const { name, size } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (left <= leftBytes) return left;
    attempt(() => removeFile({ folder, name }));
    left -= size;
  }
  return left;
}

/** Result of a system call; null on error. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(one.length + other.length);
  bytes.set(one);
  bytes.set(other, one.length);
  return bytes;
}

/** SHA-256 of the bytes, in hex. */
export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
