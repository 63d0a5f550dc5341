/**
 * Where scenarios and what they `use` come from: the host's files, within the root.
 *
 * The root is the nearest folder at or above the started file that has a `deno.json` or a
 * `package.json`, else the file's own folder. `use` cannot leave it: links are resolved first.
 */
import type { LoadError, SourceLoader } from "../lang/run/program.ts";
import { SourceFile } from "../lang/source.ts";
import { readHostFile } from "./host_file.ts";
import { folderOf, isInside, joinPath, shortPath } from "./paths.ts";

const ROOT_MARKS = ["deno.json", "package.json"];

/** A loader opened at a scenario. */
export class HostLoader implements SourceLoader {
  /** The scenario itself. */
  readonly entry: SourceFile;
  /** The folder that `use` cannot leave. */
  readonly root: string;

  readonly #cwd: string;
  readonly #realPaths = new Map<SourceFile, string>();
  /** One source for one real file, so that a file used twice is one file. */
  readonly #sources = new Map<string, SourceFile>();

  private constructor(cwd: string, realPath: string, text: string) {
    this.#cwd = cwd;
    this.root = rootOf(realPath);
    this.entry = this.#keep(realPath, text);
  }

  /**
   * Opens a scenario.
   *
   * @param path As the user wrote it.
   * @returns The loader, or what is wrong with the path.
   */
  static open(path: string): HostLoader | string {
    const file = readHostFile(path);
    if (!file.found) return file.problem;
    return new HostLoader(currentFolder(), file.realPath, file.text);
  }

  load(path: string, from: SourceFile | null): SourceFile | LoadError {
    const fromPath = this.#realPaths.get(from ?? this.entry)!;
    if (/^(?:[\\/]|[A-Za-z]:|[a-z]+:\/\/)/.test(path)) {
      return { message: `"${path}" is not relative to the file that uses it` };
    }
    const wanted = joinPath(folderOf(fromPath), path);
    // Asked first, so that a script learns nothing about files outside.
    if (!isInside(wanted, this.root)) return this.#outside(path);
    const file = readHostFile(wanted, path);
    if (!file.found) return { message: file.problem };
    if (!isInside(file.realPath, this.root)) return this.#outside(path);
    return this.#sources.get(file.realPath) ?? this.#keep(file.realPath, file.text);
  }

  #outside(path: string): LoadError {
    return { message: `"${path}" lies outside the root "${shortPath(this.root, this.#cwd)}"` };
  }

  #keep(realPath: string, text: string): SourceFile {
    const source = new SourceFile(shortPath(realPath, this.#cwd), text);
    this.#realPaths.set(source, realPath);
    this.#sources.set(realPath, source);
    return source;
  }
}

function rootOf(realPath: string): string {
  const own = folderOf(realPath);
  for (let folder = own;;) {
    if (ROOT_MARKS.some((name) => isFile(joinPath(folder, name)))) return folder;
    const above = folderOf(folder);
    if (above === folder) return own;
    folder = above;
  }
}

/** False also for what may not be read: with `-R=.` the search ends at the current folder. */
function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Empty where the current folder may not be known: paths then stay as they are. */
function currentFolder(): string {
  try {
    return Deno.realPathSync(".");
  } catch {
    return "";
  }
}
