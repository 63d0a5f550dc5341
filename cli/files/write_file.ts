/**
 * Writes the files of all commands.
 *
 * A cloned repository can contain links, pipes and devices under any name, also under names that
 * dmalab chooses. Therefore dmalab writes only regular files inside the named folder. It writes a
 * temporary file next to the target and renames that file to the target. If the disk is full, the
 * old file stays whole.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { FileError, FullDiskError } from "./file_error.ts";
import { InvariantError } from "@dmalab/runtime/basics";
import { exitAtSignals, host } from "../host.ts";
import { hostReason, isFullDisk } from "../host_error.ts";
import { basename, dirname, isInside, resolve } from "../paths.ts";
import type { Screen } from "../screen.ts";

/** The checked target of a file to write. */
interface TargetFile {
  readonly path: string;
  /** The path in messages. */
  readonly shown: string;
  /** Whether the file exists already. */
  readonly isThere: boolean;
  /** Access mode of the existing file; null if there is no file, or if the host has no access modes. */
  readonly mode: number | null;
}

/** The target that a file is written to. */
export type OutputTarget =
  /**
   * A path that the user typed. A link at this path is followed to a regular file of the same
   * folder.
   */
  | string
  /** A name that dmalab chose, below a folder: no link on the path is followed. */
  | { readonly folder: string; readonly name: string };

/** The target for a path that dmalab chose itself, next to a file with a checked path. */
export function beside(path: string): Exclude<OutputTarget, string> {
  return { folder: dirname(path), name: basename(path) };
}

/**
 * Writes a result, whole or not at all. {@linkcode FileDraft} says which existing files it
 * replaces.
 * @throws {FileError}
 */
export function writeFile(target: OutputTarget, content: string | Uint8Array): void {
  writeDraft(new FileDraft(target), content);
}

/**
 * Replaces a file that dmalab has read before or that belongs to dmalab, whole or not at all.
 * @throws {FileError}
 */
export function rewriteFile(target: OutputTarget, content: string | Uint8Array): void {
  writeDraft(new FileDraft(target, { replacesAny: true }), content);
}

function writeDraft(draft: FileDraft, content: string | Uint8Array): void {
  draft.write(content);
  draft.keep();
}

/**
 * Called before long work. Checks that the result of the work can be written: writes a draft and
 * removes it.
 *
 * @param head The first bytes of the result, up to and including the name of dmalab.
 * @throws {FileError} @throws {FullDiskError}
 */
export function checkPlace(target: OutputTarget, head: string): void {
  const draft = new FileDraft(target);
  draft.write(head);
  draft.drop();
}

/**
 * Whether a regular file with this name exists.
 * @throws {FileError} If the name is a folder, a link or a device.
 */
export function isTaken(target: Exclude<OutputTarget, string>): boolean {
  return targetFileOf(target).isThere;
}

/** Appends to a file of dmalab, and creates its folders. @throws {FileError} */
export function appendFile(target: Exclude<OutputTarget, string>, text: string): void {
  const { isThere, path, shown } = targetFileOf(target);
  attempt(shown, () => {
    const file = host.openSync(path, { append: true, write: true, createNew: !isThere });
    try {
      // Between the check and the opening, the path may have become another file.
      if (isThere) checkSame(host.lstatSync(path), file.statSync(), shown);
      writeAll(file, new TextEncoder().encode(text));
    } finally {
      file.close();
    }
  });
}

/** Removes a file of dmalab. @throws {FileError} */
export function removeFile(target: Exclude<OutputTarget, string>): void {
  const { path, shown } = targetFileOf(target);
  attempt(shown, () => host.removeSync(path));
}

/** The text of a picture file. The text names dmalab, so that a later picture may replace the file. */
export function svgFile(svg: string): string {
  return `<!-- dmalab -->\n${svg}`;
}

/** The ending of picture files. */
const PICTURE_SUFFIX = ".svg";

/** What is wrong with the name of a picture file, as a sentence; null if it is right. */
export function wrongPictureName(option: string, path: string): string | null {
  return path.endsWith(PICTURE_SUFFIX)
    ? null
    : `${option} takes a name that ends in ${PICTURE_SUFFIX}, not "${path}"`;
}

/** Files of dmalab contain this name in their first bytes. */
const OWN_NAME = new TextEncoder().encode("dmalab");
const MARKED_BYTES = 256;

/**
 * A file that is written next to its target, and renamed to the target when it is complete.
 *
 * The draft replaces an empty file, and an earlier result. An earlier result is a file that begins
 * with the same bytes as the draft, up to and including the name of dmalab. The draft does not
 * replace a scenario, a source or a note under the same name.
 */
export class FileDraft {
  readonly #place: TargetFile;
  readonly #path: string;
  #file: Deno.FsFile | null;
  #mayReplace: boolean;
  /** Removes the draft when the process exits early, such as after the reader of its output has closed the pipe. */
  readonly #atEnd = () => this.drop();

  /** @throws {FileError} */
  constructor(target: OutputTarget, { replacesAny = false } = {}) {
    this.#place = targetFileOf(target);
    this.#mayReplace = replacesAny || !this.#place.isThere;
    // The name of the draft does not depend on the target's name, so the draft's name is short
    // enough for any file system.
    this.#path = `${dirname(this.#place.path)}/.dmalab-${crypto.randomUUID()}.tmp`;
    this.#file = attempt(
      this.#place.shown,
      () => host.openSync(this.#path, { write: true, createNew: true }),
    );
    globalThis.addEventListener("unload", this.#atEnd);
  }

  /** @throws {FileError} The draft has then been removed. */
  write(content: string | Uint8Array): void {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.#orDrop(() => {
      if (!this.#mayReplace) checkOwn(this.#place, bytes);
      this.#mayReplace = true;
      writeAll(this.#file!, bytes);
    });
  }

  /** Renames the draft to its target. @throws {FileError} The draft has then been removed. */
  keep(): void {
    const { mode, path } = this.#place;
    this.#orDrop(() => {
      if (mode !== null) host.chmodSync(this.#path, mode);
      this.#close();
      globalThis.removeEventListener("unload", this.#atEnd);
      host.renameSync(this.#path, path);
    });
  }

  /** Removes the draft; the target stays unchanged. */
  drop(): void {
    this.#close();
    globalThis.removeEventListener("unload", this.#atEnd);
    host.removeSync(this.#path);
  }

  #orDrop(work: () => void): void {
    try {
      attempt(this.#place.shown, work);
    } catch (error) {
      this.drop();
      throw error;
    }
  }

  #close(): void {
    this.#file?.close();
    this.#file = null;
  }
}

/**
 * How often a spool can be read. A trace needs one reader for its log, one for its events, and
 * others to read parts of them again.
 */
const SPOOL_READERS = 4;

/**
 * A temporary file for bytes that are too many for memory. The file is open, but its name has been
 * removed from the folder: the file disappears when the process ends, however the process ends.
 */
export class Spool {
  readonly #shown = "a temporary file";
  readonly #writer: Deno.FsFile;
  readonly #readers: Deno.FsFile[];

  /** @throws {FileError} */
  constructor() {
    [this.#writer, ...this.#readers] = attempt(this.#shown, () => {
      const path = host.makeTempFileSync({ prefix: "dmalab-" });
      try {
        const readers = Array.from({ length: SPOOL_READERS }, () => host.openSync(path));
        return [host.openSync(path, { write: true }), ...readers] as const;
      } finally {
        host.removeSync(path);
      }
    });
  }

  /** @throws {FileError} */
  write(bytes: Uint8Array): void {
    attempt(this.#shown, () => writeAll(this.#writer, bytes));
  }

  /** Opens the written bytes for reading from the start; the caller closes the file. */
  read(): Deno.FsFile {
    const reader = this.#readers.pop();
    if (reader === undefined) throw new InvariantError("a spool is read more often than it can be");
    return reader;
  }
}

/**
 * Creates a folder for temporary files, and removes it when the work ends. SIGTERM and SIGHUP remove the folder, too,
 * and end the process.
 *
 * @param endsByCtrlC The same for Ctrl-C. Set this for work that does not handle Ctrl-C itself.
 * @throws {FileError}
 */
export async function withTempFolder<T>(
  work: (folder: string) => Promise<T>,
  endsByCtrlC = false,
): Promise<T> {
  const folder = attempt(
    "a temporary folder",
    () => host.makeTempDirSync({ prefix: "dmalab-" }),
  );
  const remove = () => host.removeSync(folder, { recursive: true });
  // The process may exit early: at a signal, or after the reader of its output has closed the pipe.
  globalThis.addEventListener("unload", remove);
  const stop = exitAtSignals(["SIGHUP", "SIGTERM", ...endsByCtrlC ? ["SIGINT"] as const : []]);
  try {
    return await work(folder);
  } finally {
    stop();
    globalThis.removeEventListener("unload", remove);
    remove();
  }
}

/** Creates a folder that the user typed, and its parent folders. @throws {FileError} */
export function makeNamedFolder(path: string): void {
  attempt(path, () => {
    checkWay(path);
    host.mkdirSync(path, { recursive: true });
  });
}

/**
 * Creates a folder that an environment variable names. The folder is the user's own: therefore
 * links on the path are followed.
 * @returns Its path, links resolved.
 * @throws {FileError}
 */
export function makeOwnFolder(path: string): string {
  return attempt(path, () => {
    host.mkdirSync(path, { recursive: true });
    return host.realPathSync(path);
  });
}

/**
 * Checks that no link on a typed path leads out of the current folder. If the path lies outside of
 * the current folder, no link may lead out of the folder that contains the path's last name.
 *
 * @throws {FileError}
 */
export function checkWay(path: string): void {
  const [there, info] = nearest(path);
  const current = host.realPathSync(".");
  const typed = resolve(current, path);
  const base = isInside(typed, current) ? current : host.realPathSync(nearest(dirname(typed))[0]);
  if (isInside(host.realPathSync(there), base)) return;
  if (info.isSymlink) refuse(path, info);
  const where = `Cannot write "${printable(path)}": a symbolic link leads out of "${
    printable(base)
  }"`;
  throw new FileError(where, "E1101", "name the folder that it leads to");
}

/** The existing part of a path: the path itself, or the nearest folder above it. */
function nearest(path: string): readonly [path: string, info: Deno.FileInfo] {
  // Without the slash at the end, lstat() reports the link itself; with it, the link's target.
  const name = path.replace(/(?<=.)\/+$/, "");
  const info = entryAt(name);
  return info === null ? nearest(dirname(name)) : [name, info];
}

/** Creates a folder below another folder, and the folders between them. @throws {FileError} */
function makeFolder(folder: string, name: string): void {
  let path = folder;
  for (const part of name.split("/")) {
    path = `${path}/${part}`;
    const shown = shownPath(path);
    const info = attempt(shown, () => entryAt(path));
    if (info === null) attempt(shown, () => host.mkdirSync(path));
    else if (!info.isDirectory) refuse(shown, info);
  }
}

function targetFileOf(target: OutputTarget): TargetFile {
  if (typeof target === "string") return attempt(target, () => namedPlace(target));
  const { folder, name } = target;
  const path = `${folder}/${name}`;
  attempt(shownPath(path), () => checkWay(folder));
  const below = name.lastIndexOf("/");
  if (below >= 0) makeFolder(folder, name.slice(0, below));
  return attempt(shownPath(path), () => checkedPlace(path, shownPath(path)));
}

/** The target for a path that the user typed. */
function namedPlace(shown: string): TargetFile {
  if (shown === "") throw new FileError('Cannot write "": the file name is empty');
  const info = entryAt(shown);
  if (info !== null && info.isSymlink) {
    const end = entryAt(shown, host.statSync);
    if (end === null) refuse(shown, info);
    if (!end.isFile) refuse(shown, end);
  }
  checkWay(shown);
  return checkedPlace(info === null ? shown : host.realPathSync(shown), shown);
}

function checkedPlace(path: string, shown: string): TargetFile {
  const info = entryAt(path);
  if (info === null) return { path, shown, isThere: false, mode: null };
  if (!info.isFile || (info.nlink ?? 1) > 1) refuse(shown, info);
  const mode = info.mode === null ? null : info.mode & 0o7777;
  // Renaming would replace a write-protected file without a question.
  if (mode !== null && (mode & 0o222) === 0) {
    throw new FileError(
      `Cannot write "${printable(shown)}": it is write-protected`,
      null,
      `chmod u+w permits it`,
    );
  }
  return { path, shown, isThere: true, mode };
}

/**
 * Information about the entry at a path; with `statSync`, about the target if the entry is a link.
 * Null if the entry does not exist.
 */
function entryAt(
  path: string,
  look: (path: string) => Deno.FileInfo = host.lstatSync,
): Deno.FileInfo | null {
  try {
    return look(path);
  } catch (error) {
    if (error instanceof host.errors.NotFound) return null;
    throw error;
  }
}

/** @throws {FileError} Always. */
function refuse(shown: string, info: Deno.FileInfo): never {
  const name = `Cannot write "${printable(shown)}"`;
  if (info.isDirectory) throw new FileError(`${name}: it is a folder`);
  const [what, hint] = info.isSymlink
    ? ["a symbolic link", "remove it; dmalab writes only regular files in the named folder"]
    : info.isFile
    ? ["a hard link of another file", "copy it to a file of its own, as cp and mv do"]
    : [
      "a pipe, a socket or a device",
      "dmalab writes regular files only; the shell's > sends its output elsewhere",
    ];
  throw new FileError(`${name}: it is ${what}`, "E1101", hint);
}

/** @throws {FileError} If the existing file is not an earlier result of the same kind. */
function checkOwn({ path, shown }: TargetFile, bytes: Uint8Array): void {
  const found = firstBytes(path);
  const head = bytes.subarray(0, MARKED_BYTES);
  const at = head.findIndex((_, start) => OWN_NAME.every((byte, i) => head[start + i] === byte));
  const own = head.subarray(0, at + OWN_NAME.length);
  if (found.length === 0 || at >= 0 && own.every((byte, i) => found[i] === byte)) return;
  throw new FileError(
    `Cannot write "${printable(shown)}": the file there was not written by this command`,
    "E1103",
    "name another file, or remove this one first",
  );
}

function firstBytes(path: string): Uint8Array {
  const file = host.openSync(path, { read: true });
  try {
    const bytes = new Uint8Array(MARKED_BYTES);
    return bytes.subarray(0, file.readSync(bytes) ?? 0);
  } finally {
    file.close();
  }
}

function checkSame(one: Deno.FileInfo, other: Deno.FileInfo, shown: string): void {
  if (one.isSymlink || one.ino !== other.ino || one.dev !== other.dev) refuse(shown, one);
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0;) rest = rest.subarray(file.writeSync(rest));
}

/** Runs a file operation, and converts its errors. @throws {FileError} @throws {FullDiskError} */
function attempt<T>(shown: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FileError || error instanceof FullDiskError) throw error;
    const problem = `Cannot write "${printable(shown)}": ${whyNot(error, shown)}`;
    throw isFullDisk(error) ? new FullDiskError(problem) : new FileError(problem);
  }
}

function whyNot(error: unknown, shown: string): string {
  // Deno permits nothing below a folder that does not exist, because it cannot resolve its path.
  const isMissing = error instanceof host.errors.NotFound ||
    error instanceof host.errors.NotADirectory ||
    error instanceof host.errors.NotCapable && isMissingFolder(dirname(shown));
  if (isMissing) {
    return `there is no folder "${printable(dirname(shown))}"`;
  }
  return error instanceof host.errors.NotCapable
    ? "Deno was not permitted to; start it with -R=DIR and -W=DIR for the file's folder"
    : hostReason(error);
}

/** Whether a folder does not exist; false where dmalab may not look. */
function isMissingFolder(path: string): boolean {
  try {
    return !host.statSync(path).isDirectory;
  } catch (error) {
    return error instanceof host.errors.NotFound;
  }
}

function shownPath(path: string): string {
  return path.replace(/^\.\//, "");
}

/** Says on the error stream that a file which the user asked for was written. */
export function sayWritten(path: string, screen: Pick<Screen, "err">): void {
  screen.err(`Wrote ${path}.\n`);
}

/**
 * Writes a file that an option names, and says so.
 * @returns False if the file could not be written; the reason has then been printed.
 */
export function writeNamed(path: string, content: string, screen: Pick<Screen, "err">): boolean {
  const isWritten = writeOrSay(path, content, screen);
  if (isWritten) sayWritten(path, screen);
  return isWritten;
}

/**
 * Writes a file that the user asked for.
 * @returns False if the file could not be written; the reason has then been printed.
 */
export function writeOrSay(
  target: OutputTarget,
  content: string,
  screen: Pick<Screen, "err">,
): boolean {
  return doOrSay(() => writeFile(target, content), screen);
}

/**
 * Runs work with files that the user named.
 * @returns False if access to a file failed; the reason has then been printed.
 */
export function doOrSay(work: () => void, screen: Pick<Screen, "err">): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    screen.err(error.lines);
    return false;
  }
}
