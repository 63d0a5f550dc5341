/**
 * The source of scenarios and of the files that they use: the host's files, within the root.
 *
 * The root is the nearest folder at or above the started file that has a `deno.json` or a
 * `package.json`; without such a folder, the file's own folder. `use` cannot read files outside of
 * the root, because links are resolved before the check.
 */
import { allowedVariable, host } from "./host.ts";
import { nearestNames, printable } from "@dmalab/lang/diagnostics";
import { C_FILE, type CLoader, type Stubs, type TreeSettings } from "@dmalab/lang/values";
import { LoadError, misnamed } from "@dmalab/lang/syntax";
import { SourceFile } from "@dmalab/lang";
import { MODULE_FOLDER, TreeError } from "@dmalab/runtime/kernels";
import { HostTree, ModuleFolder, ModuleTree } from "./host_tree.ts";
import { type FileOfDriver, HostCompileCache, type SourceOfTree } from "./compile_cache.ts";
import { currentFolder, readHostFile } from "./host_file.ts";
import { basename, dirname, extname, isAbsolute, isInside, join, shortPath } from "./paths.ts";

const ROOT_MARKS: ReadonlySet<string> = new Set(["deno.json", "package.json"]);

/** Environment variable with the kernel tree of drivers that name no tree. */
const TREE_VARIABLE = "DMALAB_TREE";
const NAME_A_TREE =
  `write \`tree = "../linux"\`, start with \`--tree ../linux\`, or set ${TREE_VARIABLE} (and allow it to be read)`;

export interface OpenedFile {
  readonly loader: HostLoader;
  readonly entry: SourceFile;
}

/** Loads a scenario's files from below one root folder. */
export class HostLoader implements CLoader {
  readonly shelf = new HostCompileCache();
  /** Root folder: `use` cannot leave it. */
  readonly root: string;
  /**
   * The file, such as `deno.json`, that makes the root folder a root. Null if the root is only the
   * scenario's own folder.
   */
  readonly #mark: string | null;

  readonly #realPaths = new Map<SourceFile, string>();
  /** Sources by resolved path, so that a file that is used twice is loaded once. */
  readonly #sources = new Map<string, SourceFile>();
  readonly #names = new Set<string>();
  readonly #treesAt = new Map<string, HostTree>();
  /**
   * Folders of out-of-tree modules: their sources may be loaded although they are outside of the
   * root.
   */
  readonly #modules: ModuleFolder[] = [];
  /** Sources that are compiled with a tree. */
  readonly trees = new Map<SourceFile, SourceOfTree>();
  #openText: (path: string) => string | undefined = () => undefined;

  /**
   * @param folder The base of relative paths in text that is not in a file (lines of the REPL).
   * @param tree The folder of `--tree`, or a kernel tree that is open already; null without a tree.
   * @param compileMs Limit of processor time for each driver in C; null for the default.
   */
  private constructor(
    private readonly folder: string,
    private readonly cwd: string,
    private readonly tree: HostTree | string | null = null,
    readonly compileMs: number | null = null,
  ) {
    const { mark, root } = rootOf(folder);
    this.root = root;
    this.#mark = mark;
  }

  /**
   * Opens a scenario.
   *
   * @param path As the user wrote it.
   * @param tree Replaces each `tree = …` in the scenario: a tree that is open already, or the path
   *   of a folder, relative to the current folder.
   * @param compileMs Processor time for each of the scenario's drivers in C, as `--limit time-seconds` says.
   * @returns The loader and the scenario; or the reason why the path cannot be opened.
   */
  static open(
    path: string,
    tree: HostTree | string | null = null,
    compileMs: number | null = null,
  ): OpenedFile | string {
    const file = readHostFile(path);
    if (!file.found) return file.problem;
    try {
      // Checks `--tree` here, because otherwise a wrong folder would not be reported if no driver
      // uses a tree.
      if (typeof tree === "string") new HostTree(tree);
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
      return `${error.message}\n  hint: ${error.hint}`;
    }
    const loader = new HostLoader(dirname(file.realPath), currentFolder(), tree, compileMs);
    return { loader, entry: loader.#keep(file.realPath, file.text) };
  }

  /**
   * Opens the text that an editor shows for a path. The file on disk may differ or be missing.
   *
   * @param openText Returns the text of a file that is open in the editor, by its path.
   */
  static ofEditor(
    path: string,
    text: string,
    openText: (path: string) => string | undefined,
  ): OpenedFile {
    const loader = new HostLoader(dirname(path), currentFolder());
    loader.#openText = openText;
    return { loader, entry: loader.#keep(path, text) };
  }

  /** The path of a source's file; undefined for a source of another loader. */
  pathOf(source: SourceFile): string | undefined {
    return this.#realPaths.get(source);
  }

  /** A loader for typed text, which is treated like a file in the current folder. */
  static here(): HostLoader {
    const folder = currentFolder();
    return new HostLoader(folder, folder);
  }

  load(path: string, from: SourceFile | null, limitBytes?: number): SourceFile | LoadError {
    const fromPath = from === null ? undefined : this.#realPaths.get(from);
    const near = fromPath === undefined ? this.folder : dirname(fromPath);
    return this.#loadAt(join(near, path), path, near, limitBytes);
  }

  /**
   * @param path The file's name in messages.
   * @param near The folder of the file in which this name is written.
   */
  #loadAt(
    wanted: string,
    path: string,
    near: string,
    limitBytes?: number,
  ): SourceFile | LoadError {
    const refused: LoadError[] = [];
    const isOfModule = (at: string) => this.#modules.some((each) => each.hasSource(at));
    const accepts = (at: string) => {
      if (!isInside(at, this.root) && !isOfModule(at)) refused.push(this.#outside(path));
      else if (isHidden(shortPath(shortPath(at, near), this.root))) {
        refused.push(usersOwn(path, "a name in its path begins with a dot"));
      } else if (extname(at) !== extname(wanted)) {
        refused.push(usersOwn(path, "it is a link to a file of another kind"));
      }
      return refused.length === 0;
    };
    // The path is checked before the file is accessed: otherwise a script would learn whether files
    // outside of the root exist.
    if (!accepts(wanted)) return refused[0]!;
    const file = readHostFile(wanted, {
      shown: path,
      accepts,
      ...limitBytes === undefined ? {} : { mostBytes: limitBytes },
    });
    if (!file.found) {
      if (file.reason === "refused") return refused[0]!;
      const hint = file.reason === "not_found" ? this.#meantFile(wanted, path) : undefined;
      return new LoadError(file.reason, file.problem, hint);
    }
    return this.#sources.get(file.realPath) ??
      this.#keep(file.realPath, this.#openText(file.realPath) ?? file.text);
  }

  loadWithTree(settings: TreeSettings, path: string, from: SourceFile): SourceFile | LoadError {
    const at = this.#treeAt(settings.tree, from);
    const module = this.#moduleAt(settings.module, from);
    const { length } = [...settings.files, ...settings.flags];
    if (at === null && (module === null || length > 0)) {
      return new LoadError("unreadable", "No kernel tree is named", NAME_A_TREE);
    }
    try {
      if (at === null) return this.#loadOfModule(module!, path);
      const tree = this.#openTree(at, module);
      const files: FileOfDriver[] = [];
      for (const each of [path, ...settings.files]) {
        const file = this.#fileWithTree(tree, each, from);
        if (file instanceof LoadError) return file;
        files.push(file);
      }
      const [{ source }] = files as [FileOfDriver];
      const { flags, stubs } = settings;
      const known = this.trees.get(source);
      const made = { tree, files, flags, stubs };
      if (known !== undefined && !isSameBuild(known, made)) {
        const message = `Cannot compile "${path}" twice with different settings`;
        return new LoadError("unreadable", message, "declare one driver of it");
      }
      this.trees.set(source, made);
      return source;
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
      return new LoadError("unreadable", error.message, error.hint);
    }
  }

  /** Loads a driver from an out-of-tree module's folder, to be compiled with dmalab's own headers. */
  #loadOfModule(folder: string, path: string): SourceFile | LoadError {
    const wrong = misnamed(path, C_FILE);
    if (wrong !== null) return wrong;
    const module = new ModuleFolder(folder);
    this.#modules.push(module);
    return this.#loadAt(module.placeOf(path), path, module.root);
  }

  #openTree(at: HostTree | string, module: string | null): HostTree {
    if (module === null && at instanceof HostTree) return at;
    const folder = at instanceof HostTree ? at.root : at;
    const key = `${folder}\0${module ?? ""}`;
    const tree = this.#treesAt.get(key) ??
      (module === null ? new HostTree(folder) : new ModuleTree(folder, module));
    this.#treesAt.set(key, tree);
    return tree;
  }

  /** The folder of an out-of-tree module; null if the driver names none. */
  #moduleAt(named: string | null, from: SourceFile): string | null {
    if (named === null || isAbsolute(named)) return named;
    const near = this.#realPaths.get(from);
    return `${near === undefined ? this.folder : dirname(near)}/${named}`;
  }

  /**
   * The kernel tree of a driver if it is open already, otherwise the path of its folder; null if no
   * tree is named.
   */
  #treeAt(named: string | null, from: SourceFile): HostTree | string | null {
    if (this.tree instanceof HostTree) return this.tree;
    const near = this.#realPaths.get(from);
    const beside = near === undefined ? this.folder : dirname(near);
    const [base, path] = this.tree !== null
      ? [this.cwd, this.tree]
      : named !== null
      ? [beside, named]
      : [this.cwd, allowedVariable(TREE_VARIABLE)];
    if (path === null) return null;
    // join() is not used, because it removes `..` from the text of a path. After a link, `..` must
    // mean the folder above the link's target.
    return isAbsolute(path) || base === "" ? path : `${base}/${path}`;
  }

  #fileWithTree(tree: HostTree, path: string, from: SourceFile): FileOfDriver | LoadError {
    const wrong = misnamed(path, C_FILE);
    if (wrong !== null) return wrong;
    // The folders are searched in this order: the module's folder, the tree, the scenario's folder.
    for (const each of [`${MODULE_FOLDER}/${path}`, path]) {
      const text = tree.text(each);
      if (text === null) continue;
      const realPath = tree.placeOf(each);
      const source = this.#sources.get(realPath) ?? this.#keep(realPath, text);
      return { source, path: each };
    }
    const source = this.load(path, from);
    return source instanceof LoadError ? source : { source, path: null };
  }

  /**
   * A hint for a missing file: among the files in its folder, the file with the most similar name.
   */
  #meantFile(wanted: string, path: string): string | undefined {
    const name = basename(path);
    try {
      const folder = host.realPathSync(dirname(wanted));
      if (!isInside(folder, this.root)) return undefined;
      const others = [...host.readDirSync(folder)].map((entry) => entry.name);
      const suffix = extname(name) || ".dma";
      const [meant] = nearestNames(name, others.filter((other) => other.endsWith(suffix)), 1);
      return meant && `did you mean "${path.slice(0, path.length - name.length)}${meant}"?`;
    } catch {
      // The folder does not exist either, or may not be read.
      return undefined;
    }
  }

  #outside(path: string): LoadError {
    const root = this.root === this.cwd ? "this folder" : `"${shortPath(this.root, this.cwd)}"`;
    return new LoadError(
      "outside_root",
      `Cannot use "${path}": it lies outside ${root}`,
      this.#mark === null && !mayRead(dirname(this.root))
        ? "nothing above it may be read: start dmalab in a folder above both files, or with -R=DIR for it"
        : this.#mark === null
        ? "a `deno.json` or `package.json` in a folder above both files lets them use each other"
        : `\`${
          shortPath(join(this.root, this.#mark), this.cwd)
        }\` makes its folder the root: move the file into it`,
    );
  }

  #keep(realPath: string, text: string): SourceFile {
    const source = new SourceFile(this.#nameOf(realPath), text);
    this.#names.add(source.name);
    this.#realPaths.set(source, realPath);
    this.#sources.set(realPath, source);
    return source;
  }

  /**
   * The printable name of a file, on one line. The name is unique: if another file has the name
   * already, a number is added.
   */
  #nameOf(realPath: string): string {
    const name = printable(shortPath(realPath, this.cwd));
    for (let number = 2, other = name;; number++) {
      if (!this.#names.has(other)) return other;
      other = `${name} (${number})`;
    }
  }
}

function isSameBuild(one: SourceOfTree, other: SourceOfTree): boolean {
  return one.tree === other.tree && textOf(one.stubs) === textOf(other.stubs) &&
    one.flags.join("\0") === other.flags.join("\0") &&
    one.files.length === other.files.length &&
    one.files.every(({ source }, at) => source === other.files[at]!.source);
}

function textOf(stubs: Stubs): string {
  return JSON.stringify(typeof stubs === "string" ? stubs : [...stubs]);
}

function usersOwn(path: string, why: string): LoadError {
  const hint = "such files are the user's own, and no scenario's";
  return new LoadError("unreadable", `Cannot use "${path}": ${why}`, hint);
}

/** Whether a path has a name like `.env` or `.git`. */
function isHidden(path: string): boolean {
  return path.split("/").some((name) => name.startsWith("."));
}

/**
 * The nearest folder, at or above the given folder, that has a `deno.json` or `package.json`. If no
 * such folder exists, the given folder.
 */
function rootOf(own: string): { readonly root: string; readonly mark: string | null } {
  for (let folder = own;;) {
    const mark = markIn(folder);
    if (mark !== null) return { root: folder, mark };
    const above = dirname(folder);
    if (above === folder) return { root: own, mark: null };
    folder = above;
  }
}

/**
 * Whether a path may be read. Call this for paths where a refusal is likely: a refused read would
 * throw an error, which is slow.
 */
function mayRead(path: string): boolean {
  return host.permissions.querySync({ name: "read", path }).state === "granted";
}

/**
 * The file that makes a folder a root. Null also for a folder that may not be read: with `-R=.` the
 * search ends at the current folder.
 *
 * The function lists the folder. Looking up missing files would throw, and an error costs more than
 * everything else, because Deno searches the source map of each frame when it creates an error. The
 * result is cached until the folder changes: the folder may contain tens of thousands of files, and
 * this function is called for each of them.
 */
function markIn(folder: string): string | null {
  if (!mayRead(folder)) return null;
  try {
    const changedMs = host.lstatSync(folder).mtime?.getTime() ?? null;
    const known = LISTED.get(folder);
    if (known !== undefined && known.changedMs === changedMs) return known.mark;
    let mark: string | null = null;
    for (const { name, isDirectory } of host.readDirSync(folder)) {
      if (!isDirectory && ROOT_MARKS.has(name)) mark ??= name;
    }
    // The times of files come from a clock with ticks. If a folder changes again within one tick of
    // its last change, its time stays the same. A result is therefore cached only after that tick.
    if (changedMs !== null && Date.now() - changedMs > TICK_MS) {
      if (LISTED.size >= MAX_LISTED) LISTED.clear();
      LISTED.set(folder, { changedMs, mark });
    }
    return mark;
  } catch {
    return null;
  }
}

/** Cached results of markIn(), each with the folder's time of change. */
const LISTED = new Map<
  string,
  { readonly changedMs: number; readonly mark: string | null }
>();
const MAX_LISTED = 1000;
/**
 * Longer than a tick of the clock from which Linux takes the times of files. A tick has at most 10
 * ms.
 */
const TICK_MS = 50;
