/**
 * Writes an initramfs: a cpio archive in the "newc" format, uncompressed, which every kernel unpacks.
 *
 * @see Documentation/driver-api/early-userspace/buffer-format.rst of the kernel: the format's description
 */

/** A file of the archive. */
export interface ArchiveFile {
  /** Path without a leading slash; its folders need not be listed. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Whether the file is a program. */
  readonly isExecutable?: boolean;
}

const MAGIC = "070701";
const FOLDER_MODE = 0o040755;
const FILE_MODE = 0o100644;
const PROGRAM_MODE = 0o100755;
const TRAILER = "TRAILER!!!";
const ALIGNMENT_BYTES = 4;

/**
 * Packs files and the folders on their paths.
 *
 * @example
 * ```ts
 * import { cpioArchive } from "./cpio.ts";
 *
 * const archive = cpioArchive([{ path: "plan", bytes: new TextEncoder().encode("done\n") }]);
 * if (new TextDecoder().decode(archive.subarray(0, 6)) !== "070701") throw new Error("not newc");
 * ```
 */
export function cpioArchive(files: readonly ArchiveFile[]): Uint8Array<ArrayBuffer> {
  const folders = new Set<string>();
  for (const { path } of files) {
    const parts = path.split("/");
    for (let length = 1; length < parts.length; length++) {
      folders.add(parts.slice(0, length).join("/"));
    }
  }
  let inode = 0;
  const entries = [
    ...[...folders].toSorted().map((path) => entry(path, FOLDER_MODE, new Uint8Array(), ++inode)),
    ...files.map(({ bytes, isExecutable = false, path }) =>
      entry(path, isExecutable ? PROGRAM_MODE : FILE_MODE, bytes, ++inode)
    ),
    entry(TRAILER, 0, new Uint8Array(), 0),
  ].flat();
  const archive = new Uint8Array(entries.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of entries) {
    archive.set(part, offset);
    offset += part.length;
  }
  return archive;
}

/** Header and name, then the content, each padded to four bytes. */
function entry(path: string, mode: number, content: Uint8Array, inode: number): Uint8Array[] {
  const name = new TextEncoder().encode(`${path}\0`);
  const links = mode === FOLDER_MODE ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = new TextEncoder().encode(
    MAGIC + fields.map((field) => field.toString(16).padStart(8, "0")).join(""),
  );
  const head = new Uint8Array(aligned(header.length + name.length));
  head.set(header);
  head.set(name, header.length);
  const body = new Uint8Array(aligned(content.length));
  body.set(content);
  return [head, body];
}

function aligned(sizeBytes: number): number {
  return Math.ceil(sizeBytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
