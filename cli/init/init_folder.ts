/**
 * `dmalab init`: writes a folder of scenarios, or adds the files for scenarios to an existing
 * project.
 */
import { host } from "../host.ts";
import { FileError, FullDiskError } from "../files/file_error.ts";
import { checkWay, makeNamedFolder, rewriteFile } from "../files/write_file.ts";
import { hostReason } from "../host_error.ts";
import { readHostFile } from "../host_file.ts";
import { type InitFile, mergeTexts } from "./init_file.ts";
import { FOLDER_FILES, PROJECT_FILES } from "./init_files.ts";
import { type JobFile, jobFiles } from "./job_files.ts";
import { dirname, join, normalize, relative } from "../paths.ts";

export interface Written {
  readonly done: true;
  /** The written files, by paths from the folder. */
  readonly written: readonly string[];
  /** Existing files to which something was added. */
  readonly added: readonly string[];
  /** Existing files that were not changed. */
  readonly kept: readonly string[];
  /** CI jobs that were written to a place where no CI system finds them. The user has to copy them. */
  readonly toCopy: readonly JobFile[];
  /**
   * The folder's path from the root of its repository. Empty if the folder is the root, or is in no
   * repository.
   */
  readonly inside: string;
}

export type InitOutcome = Written | { readonly done: false; readonly problem: string };

/** Writes the files. Without `add` it writes nothing if one of them exists. */
export function initFolder(
  folder: string,
  { add = false }: { readonly add?: boolean } = {},
): InitOutcome {
  try {
    return writeFolder(folder, add);
  } catch (error) {
    if (error instanceof host.errors.NotCapable) {
      return problem(`Not allowed to write "${folder}": start dmalab with -R -W`);
    }
    if (error instanceof FileError) return problem(error.message);
    // A full disk has another exit code than a mistake in the command line.
    if (error instanceof FullDiskError) throw error;
    if (error instanceof Error) return problem(`Cannot write "${folder}": ${hostReason(error)}`);
    throw error;
  }
}

function writeFolder(folder: string, add: boolean): InitOutcome {
  checkWay(folder);
  const has = (path: string) => exists(join(folder, path));
  const inside = pathInRepository(folder);
  const isProject = ["package.json", "deno.json", "deno.jsonc"].some(has);
  const jobs = jobFiles(inside);
  const files = [...isProject ? PROJECT_FILES : FOLDER_FILES, ...jobs];
  const there = [...new Set([...FOLDER_FILES, ...files].map(({ path }) => path))].filter(has);
  if (there.length > 0 && !add) {
    return problem(
      `"${folder}" has ${there.join(" and ")} already; nothing was written. ` +
        "--add writes the missing files and keeps the existing ones",
    );
  }
  const texts = textsFor(folder, files);
  if (typeof texts === "string") return problem(texts);
  makeNamedFolder(folder);
  const changed = files.filter(({ path }) => texts.has(path));
  for (const { path } of changed) rewriteFile({ folder, name: path }, texts.get(path)!);
  const isOld = ({ path }: InitFile) => there.includes(path);
  const pathsOf = (some: readonly InitFile[]) => some.map(({ path }) => path);
  return {
    done: true,
    written: pathsOf(changed.filter((file) => !isOld(file))),
    added: pathsOf(changed.filter(isOld)),
    kept: pathsOf(files.filter((file) => isOld(file) && !texts.has(file.path))),
    toCopy: jobs.filter(({ path, read }) => path !== read),
    inside,
  };
}

function problem(text: string): InitOutcome {
  return { done: false, problem: text };
}

/** The texts of new files and of files that lack something, by path. If a file is wrong, the problem. */
function textsFor(
  folder: string,
  files: readonly InitFile[],
): ReadonlyMap<string, string> | string {
  const texts = new Map<string, string>();
  for (const file of files) {
    const path = join(folder, file.path);
    if (!exists(path)) texts.set(file.path, file.text);
    else if (file.merge !== "none") {
      const before = readHostFile(path, { followsLinks: false });
      if (!before.found) return before.problem;
      try {
        const after = mergeTexts(before.text, file);
        if (after !== before.text) texts.set(file.path, after);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        return `Cannot add to "${path}", nothing was written: ${error.message}`;
      }
    }
  }
  return texts;
}

/**
 * The folder's path from the root of its repository. Empty if the folder is the root, or is in no
 * repository.
 */
function pathInRepository(folder: string): string {
  let above = folder;
  while (!exists(above)) above = dirname(above);
  const real = host.realPathSync(above);
  const path = normalize(join(real, relative(above, folder)));
  for (let root = real;; root = dirname(root)) {
    if (mayExist(join(root, ".git"))) return relative(root, path).replaceAll("\\", "/");
    if (dirname(root) === root) return "";
  }
}

/** Whether a file exists; false where Deno may not read the folder. */
function mayExist(path: string): boolean {
  try {
    return exists(path);
  } catch (error) {
    if (error instanceof host.errors.NotCapable) return false;
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    host.lstatSync(path);
    return true;
  } catch (error) {
    const { FilesystemLoop, NotADirectory, NotFound } = host.errors;
    const isNothing = [FilesystemLoop, NotADirectory, NotFound].some((each) =>
      error instanceof each
    );
    if (isNothing) return false;
    throw error;
  }
}
