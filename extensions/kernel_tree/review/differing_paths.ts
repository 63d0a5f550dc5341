/** Finds the files that differ between two folders; links are compared as links. */
import { TreeError } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { host } from "@dmalab/cli";

/** Number of folders to read before the event loop runs. */
const FOLDERS_AT_ONCE = 50;
const CHUNK_BYTES = 2 ** 16;
const CHUNKS = [0, 1].map(() => new Uint8Array(CHUNK_BYTES));

/**
 * The paths, sorted, of files and links that only one of the folders has, or that differ between the folders in
 * content, kind or permission to execute. Repositories (`.git`) are left out.
 *
 * @throws {TreeError} If an entry cannot be read, or is a pipe, a socket or a device.
 */
export async function differingPaths(one: string, other: string): Promise<readonly string[]> {
  const found: string[] = [];
  const folders = [""];
  for (let count = 1; folders.length > 0; count++) {
    // Lets the event loop run, so that signals are handled.
    if (count % FOLDERS_AT_ONCE === 0) await new Promise((resolve) => setTimeout(resolve));
    const folder = folders.pop()!;
    const sides = [one, other].map((root) => entriesOf(`${root}/${folder}`)) as [Entries, Entries];
    for (const name of new Set([...sides[0].keys(), ...sides[1].keys()])) {
      if (name === ".git") continue;
      const path = `${folder}${name}`;
      const [left, right] = sides.map((entries) => entries.get(name) ?? null);
      if (left === "folder" || right === "folder") folders.push(`${path}/`);
      const isListed = (kind: string | null | undefined) => kind === "file" || kind === "link";
      if (!isListed(left) && !isListed(right)) continue;
      if (left !== right || differs(left!, `${one}/${path}`, `${other}/${path}`)) found.push(path);
    }
  }
  return found.toSorted();
}

type Kind = "file" | "folder" | "link";
type Entries = ReadonlyMap<string, Kind>;

/** Entries of a folder; empty for a missing folder. */
function entriesOf(folder: string): Entries {
  return attempt(folder, () => {
    const entries = new Map<string, Kind>();
    const info = isFolder(folder);
    for (const entry of info ? host.readDirSync(folder) : []) {
      const kind = entry.isSymlink
        ? "link"
        : entry.isDirectory
        ? "folder"
        : entry.isFile
        ? "file"
        : null;
      if (kind === null) {
        const path = printable(`${folder}${entry.name}`);
        throw new TreeError(
          `"${path}" is a pipe, a socket or a device`,
          "remove it: a kernel tree has files, folders and links",
        );
      }
      entries.set(entry.name, kind);
    }
    return entries;
  });
}

function isFolder(path: string): boolean {
  try {
    // A link is not followed here. Therefore, if one side has a link and the other side a folder,
    // only the folder is walked.
    return host.lstatSync(path.replace(/(?<=.)\/$/, "")).isDirectory;
  } catch (error) {
    if (error instanceof host.errors.NotFound || error instanceof host.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

function differs(kind: Kind, one: string, other: string): boolean {
  return attempt(one, () => {
    if (kind === "link") return host.readLinkSync(one) !== host.readLinkSync(other);
    const [left, right] = [host.lstatSync(one), host.lstatSync(other)];
    const executable = ({ mode }: Deno.FileInfo) => ((mode ?? 0) & 0o111) !== 0;
    if (left.size !== right.size || executable(left) !== executable(right)) return true;
    return !(left.ino === right.ino && left.dev === right.dev) && !isSame(one, other);
  });
}

function isSame(one: string, other: string): boolean {
  const files = [one, other].map((path) => host.openSync(path)) as [Deno.FsFile, Deno.FsFile];
  try {
    for (;;) {
      const [left, right] = files.map((file, side) => fill(file, CHUNKS[side]!)) as [
        number,
        number,
      ];
      if (left !== right) return false;
      for (let at = 0; at < left; at++) if (CHUNKS[0]![at] !== CHUNKS[1]![at]) return false;
      if (left < CHUNK_BYTES) return true;
    }
  } finally {
    for (const file of files) file.close();
  }
}

function fill(file: Deno.FsFile, chunk: Uint8Array): number {
  let length = 0;
  while (length < chunk.length) {
    const count = file.readSync(chunk.subarray(length));
    if (count === null) break;
    length += count;
  }
  return length;
}

/** @throws {TreeError} */
function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TreeError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new TreeError(
      `Cannot compare "${printable(path)}": ${why}`,
      "see that the files and folders named can be read",
    );
  }
}
