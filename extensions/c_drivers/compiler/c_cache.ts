/**
 * Compiled drivers in the user's cache folder: outside of any repository, so that no repository can
 * bring a module along. Where nothing can be kept, drivers are compiled again in each run.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { FileError, makeOwnFolder, removeFile, rewriteFile } from "@dmalab/cli/files";
import { allowedVariable, host, hostReason, readHostBytes } from "@dmalab/cli";
import type { Compiled } from "./clang.ts";

/** What all kept drivers may take; those that were not used for longest are removed first. */
const MAX_BYTES = 2 ** 28;
const FOLDER = "c";

/** Where what can be made again is kept for this user, or why that is not known. */
function cacheFolder(): { readonly path: string } | { readonly problem: string } {
  // A relative path would lead into whatever folder this was started in.
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

/** The module that was kept under a key; null when there is nothing that can be read, or not what was kept. */
export async function keptModule(key: string): Promise<Compiled | null> {
  const content = await keptBytes(key);
  if (content === null) return null;
  const saidEnd = content.indexOf(0x0a);
  const said = JSON.parse(new TextDecoder().decode(content.subarray(0, saidEnd))) as string;
  return { module: content.slice(saidEnd + 1), said };
}

/** What was kept under a key, or null as {@linkcode keptModule}. */
export async function keptBytes(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
  const folder = cacheFolder();
  if ("problem" in folder) return null;
  const path = `${folder.path}/${FOLDER}/${key}`;
  const file = readHostBytes(path, { mostBytes: MAX_BYTES });
  // It is compiled again, and what prevents that it is kept is reported then.
  if (!file.found) return null;
  const { bytes } = file;
  const lineEnd = bytes.indexOf(0x0a);
  const content = bytes.slice(lineEnd + 1);
  const hash = new TextDecoder().decode(bytes.subarray(0, lineEnd));
  if (hash !== await hashOf(content)) return null;
  // On a disk that is read only they are of use all the same.
  attempt(() => host.utimeSync(path, new Date(), new Date()));
  return content;
}

/** Keeps a module and what the compiler said of it; returns what {@linkcode keepBytes} does. */
export function cacheModule(
  key: string,
  module: Uint8Array,
  said: string,
): Promise<string | null> {
  return keepBytes(key, joined(new TextEncoder().encode(`${JSON.stringify(said)}\n`), module));
}

/**
 * Keeps what can be made again, with its hash.
 *
 * @returns Why it is not kept; null where it is.
 */
export async function keepBytes(
  key: string,
  content: Uint8Array<ArrayBuffer>,
): Promise<string | null> {
  const folder = cacheFolder();
  if ("problem" in folder) return folder.problem;
  const hash = new TextEncoder().encode(`${await hashOf(content)}\n`);
  try {
    const real = makeOwnFolder(`${folder.path}/${FOLDER}`);
    rewriteFile(`${real}/${key}`, joined(hash, content));
    removeOldest(real, MAX_BYTES);
    return null;
  } catch (error) {
    // No run fails for the cache: a full disk or a folder of another user's is no mistake in a driver.
    if (error instanceof FileError) return error.message;
    return `Cannot write "${printable(folder.path)}": ${hostReason(error)}`;
  }
}

/**
 * Removes what was not used for longest until the rest takes no more than a limit. Other processes do the
 * same: what is gone is skipped.
 */
export function removeOldest(folder: string, mostBytes: number): void {
  const files = [...host.readDirSync(folder)].flatMap(({ isFile, name }) => {
    const found = isFile ? attempt(() => host.statSync(`${folder}/${name}`)) : null;
    return found === null ? [] : [{ name, size: found.size, usedMs: found.mtime?.getTime() ?? 0 }];
  });
  let left = files.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (left <= mostBytes) return;
    attempt(() => removeFile({ folder, name }));
    left -= size;
  }
}

/** What the system gives; null where it refuses. */
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

export async function hashOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
