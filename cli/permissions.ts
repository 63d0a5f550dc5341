/**
 * The permissions of commands, as the commands' records declare them. The launcher of the npm package starts Deno with
 * these permissions, and docs/install.md lists them in a table. Every command may read below the current folder, below the
 * folders of the files that its command line names, and dmalab's own files. No command may use the network.
 *
 * The launcher runs on Node 20: therefore this file imports only modules of Node.
 */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { GIVEN_PERMISSIONS } from "./shell_words.ts";
import { linkerBeside, SYSTEM_CLANGS } from "./system_clang.ts";

/** The permissions of a command beyond reading. */
export interface CommandPermissions {
  /**
   * Options that name a file to write. The command gets permission to write the file's folder,
   * because it first writes a draft there.
   */
  readonly files?: readonly string[];
  /** Options that name a folder to write. */
  readonly folders?: readonly string[];
  /**
   * When the files and folders that the command line names are written: always, or with this
   * option.
   */
  readonly named?: "always" | `--${string}`;
  /** Options that name a file or a folder which is only read, even if what is named is written. */
  readonly inputs?: readonly string[];
  /** When the current folder is written: always, or if no option of `files` is given. */
  readonly here?: "always" | "default";
  /** Writes its history or the list of failed tests in `.dmalab/` of the current folder. */
  readonly keeps?: true;
  /** Compiles drivers in C: starts the compiler, and stores compiled drivers in the user's cache. */
  readonly compiles?: true;
  /** Files of the system that the command reads. */
  readonly reads?: readonly string[];
  /** Stores its results in the user's cache. */
  readonly caches?: true;
  /** Has an input line at a terminal; `$VISUAL` or `$EDITOR` can edit that line. */
  readonly edits?: true;
  /** The command's client, such as an editor, names files at run time: every file may be read. */
  readonly readsAll?: true;
  /** Looks for the root of the repository around the named folder. */
  readonly findsRoot?: true;
  /** Stores input from a pipe, or its own results, in the folder of temporary files. */
  readonly spools?: true;
  /** Programs that the command starts. */
  readonly runs?: readonly string[];
  /** Further environment variables that the command reads. */
  readonly variables?: readonly string[];
  /** Divides its work among the processors, as far as other programs leave them. */
  readonly shares?: true;
  /** Option that names a port of this host to listen on. */
  readonly port?: `--${string}`;
}

/** Variables that name the user's cache. */
const CACHE_VARIABLES = ["XDG_CACHE_HOME", "HOME"];
/**
 * `VISUAL` and `EDITOR` name the user's editor. `INIT_CWD` shows that a task runner started dmalab.
 * In that case Ctrl-Z does not stop dmalab: the runner waits for dmalab and would not notice that
 * it is stopped.
 */
const EDITOR_VARIABLES = ["VISUAL", "EDITOR", "INIT_CWD"];
/**
 * Characters in an editor command that need a shell: `cli/terminal/text_editor.ts` then starts a
 * shell.
 */
const SHELL_SIGNS = /[|&;<>()$`\\"'*?[\]#~=%{}!]/;
/**
 * Deno's permission options before the command's name, which permit more than the command declares:
 * `dmalab -R=../linux run x.dma`.
 */
const ADDED = /^(?:-[RWES]|--allow-(?:read|write|env|run|net|sys))(?:=|$)/;

/**
 * With this option, Deno reads the file of an `import("…")` when the import runs, not at the start of the program.
 * The import needs permission to read the file at that time.
 */
export const LAZY_IMPORTS = "--unstable-lazy-dynamic-imports";

/**
 * V8's flags for the Deno that the package brings. They are not used for another release of Deno,
 * which may not know them and would not start. Without this flag, V8 counts how many of the
 * literals that a place in the code creates outlive a few collections. If many do, V8 allocates the
 * later ones among its old objects. In a hunt these literals keep whole machines alive until a full
 * collection, and the hunt takes longer (docs/dev/performance.md).
 */
export const V8_FLAGS: readonly string[] = ["--no-allocation-site-pretenuring"];

/** Deno's option with the flags of `V8_FLAGS`. */
export const V8_OPTION = `--v8-flags=${V8_FLAGS.join(",")}`;

/**
 * Beginnings of the names of variables that change how the system loads programs. Deno starts the C compiler only
 * without such variables.
 */
export const LOADER_VARIABLES: readonly string[] = ["LD_", "DYLD_"];

/**
 * The variable with Node's options. Deno would load the modules that the variable names, such as
 * those of Yarn's Plug'n'Play. These modules fail with the permissions of a command.
 */
export const NODE_OPTIONS_VARIABLE = "NODE_OPTIONS";

/** The variables of the environment that a command reads. */
export function variablesOf(may: CommandPermissions): readonly string[] {
  return [
    ...may.compiles || may.caches ? CACHE_VARIABLES : [],
    ...may.compiles ? ["DMALAB_TREE"] : [],
    ...may.variables ?? [],
    ...may.edits ? EDITOR_VARIABLES : [],
  ];
}

export type Permissions = Readonly<Record<string, CommandPermissions>>;

export type Environment = Readonly<Record<string, string | undefined>>;

/** A command line, split into Deno's options and the other words. */
export interface Split {
  readonly flags: readonly string[];
  /** The flags that were typed on the command line itself. */
  readonly added: readonly string[];
  readonly words: readonly string[];
}

/** The cache folder of this user; empty if the environment names no absolute path. */
function cacheFolders(env: Environment): string[] {
  const cache = env.XDG_CACHE_HOME ?? (env.HOME && `${env.HOME}/.cache`);
  return cache?.startsWith("/") ? [`${cache}/dmalab`] : [];
}

/** The places where a repository around the named folder can have its `.git`. */
function gitFolders(rest: readonly string[]): string[] {
  const found: string[] = [];
  const folder = resolve(rest.find((word) => !word.startsWith("-")) ?? ".");
  for (let at = folder;; at = dirname(at)) {
    found.push(join(at, ".git"), ...packedFiles(at));
    if (at === dirname(at)) return found;
  }
}

/** Packed files of dmalab in a folder, from which a new folder of scenarios can be installed. */
function packedFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^dmalab-[\w.+-]+\.tgz$/.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Deno's options for every command, without the permissions. @param own The folder of the package. */
export function denoOptions(own: string): string[] {
  // A path with a comma cannot be permitted (see `permissionsOf`). Therefore the option is left out
  // if the package's path has a comma: Deno then reads all files at the start.
  const lazy = own.includes(",") ? [] : [LAZY_IMPORTS];
  return ["--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock", ...lazy];
}

/**
 * The permissions of a command line, as Deno's options.
 *
 * @param permissions The permissions of each command, by its name.
 * @param line The words after `dmalab`; permissions may precede the command.
 * @param own The folder of the package.
 * @param deno The path of Deno, which runs the C compiler.
 * @param clangs Compilers of the system that may be used instead of that C compiler.
 */
export function permissionsOf(
  permissions: Permissions,
  line: readonly string[],
  own: string,
  deno: string,
  env: Environment,
  clangs: readonly string[] = SYSTEM_CLANGS,
): Split {
  const start = line.findIndex((word) => !ADDED.test(word));
  const added = line.slice(0, start < 0 ? line.length : start);
  const words = line.slice(added.length);
  const [name = "", ...rest] = words;
  const may = Object.hasOwn(permissions, name) ? permissions[name]! : {};
  const named = rest.flatMap((word) => pathIn(word));
  const [reads, writes, runs] = [[".", own], [], []] as string[][];
  const write = (...paths: string[]) => void writes!.push(...paths.flatMap(withReal));
  for (const path of named) reads!.push(...outside(folderOf(path)).flatMap(withReal));
  const files = valuesOf(may.files ?? [], rest);
  write(...files.map((file) => dirname(file)));
  const folders = valuesOf(may.folders ?? [], rest);
  if (may.named === "always" || (may.named && valuesOf([may.named], rest).length > 0)) {
    const places = placesIn(rest, may.inputs ?? []);
    folders.push(...(places.length === 0 ? ["."] : places).map(folderOf));
  }
  write(...folders);
  // dmalab also reads their parent folders: it checks whether a link there leads elsewhere.
  reads!.push(...folders.flatMap((folder) => outside(dirname(folder)).flatMap(withReal)));
  if (may.here === "always" || (may.here === "default" && files.length === 0)) write(".");
  // dmalab chooses this name, not the user. If a repository has a link of this name, the link's
  // target must not become writable.
  if (may.keeps) writes!.push(".dmalab");
  if (may.spools) write(tmpdir());
  if (may.compiles || may.caches) write(...cacheFolders(env));
  if (may.compiles) {
    runs!.push(deno);
    for (const path of clangs.filter((each) => existsSync(each))) {
      const linker = linkerBeside(path);
      reads!.push(...withReal(path), ...existsSync(linker) ? withReal(linker) : []);
    }
    if (env.DMALAB_TREE) reads!.push(...withReal(env.DMALAB_TREE));
  }
  runs!.push(...may.runs ?? []);
  reads!.push(...may.reads ?? []);
  if (may.edits) {
    const editor = env.VISUAL?.trim() || env.EDITOR?.trim();
    if (editor) runs!.push(SHELL_SIGNS.test(editor) ? "sh" : editor.split(/\s+/)[0]!);
  }
  if (may.findsRoot) reads!.push(...gitFolders(rest));
  const flag = (letter: string, values: readonly string[]) => {
    // A comma separates values: a path with a comma would permit two other paths.
    const given = [...new Set(values)].filter((value) => !value.includes(","));
    return given.length === 0 ? [] : [`${letter}=${given.join(",")}`];
  };
  return {
    flags: [
      ...may.readsAll ? ["-R"] : flag("-R", [...reads!, ...writes!]),
      ...flag("-W", writes!),
      ...flag("--allow-env", [
        ...variablesOf(may),
        ...added.length === 0 ? [] : [GIVEN_PERMISSIONS],
      ]),
      ...flag("--allow-run", runs!),
      ...systemFlags(may, rest),
      ...added,
    ],
    added,
    words,
  };
}

/** Deno's options for the port of this host, and for the load of its processors. */
function systemFlags({ port, shares }: CommandPermissions, words: readonly string[]): string[] {
  const [number] = port === undefined ? [] : valuesOf([port], words);
  return [
    ...number !== undefined && /^\d+$/.test(number) ? [`--allow-net=127.0.0.1:${number}`] : [],
    ...shares ? ["--allow-sys=cpus"] : [],
  ];
}

/** The path in a word, if it exists: the word itself, or the part of an option after its `=`. */
function pathIn(word: string): string[] {
  const path = word.startsWith("-") ? word.slice(word.indexOf("=") + 1 || word.length) : word;
  return path !== "" && existsSync(path) ? [path] : [];
}

/** The words that are no options, and no values of options that name inputs. */
function placesIn(words: readonly string[], inputs: readonly string[]): readonly string[] {
  return words.filter((word, index) =>
    !word.startsWith("-") && !inputs.includes(words[index - 1] ?? "")
  );
}

/** The values of options, as `--name VALUE` and as `--name=VALUE`; "" for an option without a value. */
function valuesOf(names: readonly string[], words: readonly string[]): string[] {
  return words.flatMap((word, index) => {
    if (names.includes(word)) return [words[index + 1] ?? ""];
    const name = names.find((each) => word.startsWith(`${each}=`));
    return name === undefined ? [] : [word.slice(name.length + 1)];
  });
}

/** The folder of a file; a folder is returned unchanged. */
function folderOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(path) : path;
}

/** A list with the path if it is outside of the current folder, else empty. */
function outside(path: string): string[] {
  const from = relative(".", path);
  return from.startsWith("..") || resolve(from) === from ? [path] : [];
}

/** A path, and the same path with its links resolved: Deno checks both. */
function withReal(path: string): string[] {
  let [there, rest] = [resolve(path), ""];
  while (!existsSync(there) && dirname(there) !== there) {
    rest = join(there.slice(dirname(there).length), rest);
    there = dirname(there);
  }
  const real = join(realpathSync(there), rest);
  return [resolve(path), real];
}
