/**
 * Compiled drivers in the user's cache folder: outside of any repository, so that no repository can
 * bring a module along. Nothing is kept where the environment or the folder are not permitted.
 */
import { makeUserFolder, removeFile, writeFile } from "../files/write_file.ts";
import { host } from "../host.ts";
import type { Compiled } from "./clang.ts";

/** What all kept drivers may take; those that were not used for longest are removed first. */
const MOST_BYTES = 2 ** 28;
const FOLDER = "dmalab/c";

/** Where a user's programs keep what they can make again; null where that is not known. */
function cacheFolder(): string | null {
  // A relative path would lead into whatever folder this was started in.
  const known = (name: string) => {
    const { state } = host.permissions.querySync({ name: "env", variable: name });
    const value = state === "granted" ? host.env.get(name) ?? "" : "";
    return value.startsWith("/") ? value : null;
  };
  const home = known("HOME");
  const path = known("XDG_CACHE_HOME") ?? (home === null ? null : `${home}/.cache`);
  const mayUse = path !== null &&
    (["read", "write"] as const).every((name) =>
      host.permissions.querySync({ name, path }).state === "granted"
    );
  return mayUse ? path : null;
}

/** What was kept under a key; null when there is nothing, or not what was kept. */
export async function keptModule(key: string): Promise<Compiled | null> {
  const folder = cacheFolder();
  if (folder === null) return null;
  const path = `${folder}/${FOLDER}/${key}`;
  try {
    const bytes = host.readFileSync(path);
    const lineEnd = bytes.indexOf(0x0a);
    const content = bytes.slice(lineEnd + 1);
    const hash = new TextDecoder().decode(bytes.subarray(0, lineEnd));
    if (hash !== await hashOf(content)) return null;
    const saidEnd = content.indexOf(0x0a);
    const said = JSON.parse(new TextDecoder().decode(content.subarray(0, saidEnd))) as string;
    host.utimeSync(path, new Date(), new Date());
    return { module: content.slice(saidEnd + 1), said };
  } catch (error) {
    if (error instanceof host.errors.NotFound) return null;
    throw error;
  }
}

/** Keeps a module and what the compiler said of it, with the hash of both. */
export async function keepModule(key: string, module: Uint8Array, said: string): Promise<void> {
  const folder = cacheFolder();
  if (folder === null) return;
  const content = joined(new TextEncoder().encode(`${JSON.stringify(said)}\n`), module);
  const hash = new TextEncoder().encode(`${await hashOf(content)}\n`);
  makeUserFolder(folder);
  writeFile({ folder, name: `${FOLDER}/${key}` }, joined(hash, content));
  removeOldest(`${folder}/${FOLDER}`, MOST_BYTES);
}

/** Removes what was not used for longest until the rest takes no more than a limit. */
export function removeOldest(folder: string, mostBytes: number): void {
  const files = [...host.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) => {
    const { mtime, size } = host.statSync(`${folder}/${name}`);
    return { name, size, usedMs: mtime?.getTime() ?? 0 };
  });
  let left = files.reduce((sum, { size }) => sum + size, 0);
  for (const { name, size } of files.toSorted((a, b) => a.usedMs - b.usedMs)) {
    if (left <= mostBytes) return;
    removeFile({ folder, name });
    left -= size;
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
