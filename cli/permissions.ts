/**
 * What commands may do, each as its record says: the permissions that the launcher of the npm package
 * starts Deno with, and the table of docs/install.md. Every command may read below the current folder, below the folders of
 * the files that its command line names, and dmalab's own; nothing may use the network.
 *
 * The launcher runs on Node 20: only modules of Node are imported here.
 */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { GIVEN_PERMISSIONS } from "./shell_words.ts";
import { linkerBeside, SYSTEM_CLANGS } from "./system_clang.ts";

/** The permissions of a command beyond reading. */
export interface CommandPermissions {
  /** Options that name a file to write. A draft is written beside it first: its folder is meant. */
  readonly files?: readonly string[];
  /** Options that name a folder to write. */
  readonly folders?: readonly string[];
  /** Whether what the command line names is written: always, or with this option. */
  readonly named?: "always" | `--${string}`;
  /** Whether the current folder is written: always, or where no option of `files` is given. */
  readonly here?: "always" | "default";
  /** Keeps a history, and which tests failed, in `.dmalab/` of the current folder. */
  readonly keeps?: true;
  /** Compiles drivers in C: starts the compiler, and keeps what it made in the user's cache. */
  readonly compiles?: true;
  /** Files of the system that it looks at. */
  readonly reads?: readonly string[];
  /** Keeps what it made in the user's cache. */
  readonly caches?: true;
  /** Has an input line at a terminal, which `$VISUAL` or `$EDITOR` can edit. */
  readonly edits?: true;
  /** The client names files when it runs: every file may be read. */
  readonly readsAll?: true;
  /** Looks for the repository's root above the folder. */
  readonly findsRoot?: true;
  /** Keeps input from a pipe, or its own results, in the folder of temporary files. */
  readonly spools?: true;
  /** Programs that it starts. */
  readonly runs?: readonly string[];
  /** Variables of the environment that it reads besides. */
  readonly variables?: readonly string[];
  /** Listens on a port of this host that the option names. */
  readonly port?: `--${string}`;
}

/** Variables that say where the user's cache is. */
const CACHE_VARIABLES = ["XDG_CACHE_HOME", "HOME"];
/** `INIT_CWD` says that a task runner waits for us, which would not learn that we are stopped. */
const EDITOR_VARIABLES = ["VISUAL", "EDITOR", "INIT_CWD"];
/**
 * Characters in the name of an editor that need a shell: `cli/terminal/text_editor.ts` starts one
 * then.
 */
const SHELL_SIGNS = /[|&;<>()$`\\"'*?[\]#~=%{}!]/;
/** Deno's own way to say more than the command has: `dmalab -R=../linux run x.dma`. */
const ADDED = /^(?:-[RWE]|--allow-(?:read|write|env|run|net))(?:=|$)/;

/**
 * Deno reads a file of an `import("…")` when the import runs, not at the start; the import then needs permission to read
 * the file.
 */
export const LAZY_IMPORTS = "--unstable-lazy-dynamic-imports";

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

/** The words of a command line that are for Deno, and the others. */
export interface Split {
  readonly flags: readonly string[];
  /** Those of the flags that the command line itself has. */
  readonly added: readonly string[];
  readonly words: readonly string[];
}

/** The cache folder of this user; none where the environment names no absolute path. */
function cacheFolders(env: Environment): string[] {
  const cache = env.XDG_CACHE_HOME ?? (env.HOME && `${env.HOME}/.cache`);
  return cache?.startsWith("/") ? [`${cache}/dmalab`] : [];
}

/** Where the repository around the named folder can have its `.git`. */
function gitFolders(rest: readonly string[]): string[] {
  const found: string[] = [];
  const folder = resolve(rest.find((word) => !word.startsWith("-")) ?? ".");
  for (let at = folder;; at = dirname(at)) {
    found.push(join(at, ".git"), ...packedFiles(at));
    if (at === dirname(at)) return found;
  }
}

/** Packed files of dmalab in a folder: a new folder of scenarios can be installed from one. */
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
  // A path with a comma cannot be permitted (`permissionsOf`), so its files are read at the start.
  const lazy = own.includes(",") ? [] : [LAZY_IMPORTS];
  return ["--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock", ...lazy];
}

/**
 * The permissions of a command line, as Deno's options.
 *
 * @param permissions Of each command, by its name.
 * @param line The words behind `dmalab`; permissions may be before the command.
 * @param own The folder of the package.
 * @param deno The path of Deno, which the compiler of C is started by.
 * @param clangs Compilers of the system's that may be used instead.
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
    const places = rest.filter((word) => !word.startsWith("-"));
    folders.push(...(places.length === 0 ? ["."] : places).map(folderOf));
  }
  write(...folders);
  // Whether a link leads out of the folder around one is checked before it is made.
  reads!.push(...folders.flatMap((folder) => outside(dirname(folder)).flatMap(withReal)));
  if (may.here === "always" || (may.here === "default" && files.length === 0)) write(".");
  // Its name is dmalab's choice: where a link of that name leads is not meant.
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
  const [port] = may.port === undefined ? [] : valuesOf([may.port], rest);
  const flag = (letter: string, values: readonly string[]) => {
    // A comma separates values: a path with one would permit two others.
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
      ...port !== undefined && /^\d+$/.test(port) ? [`--allow-net=127.0.0.1:${port}`] : [],
      ...added,
    ],
    added,
    words,
  };
}

/** The existing path in a word: itself, or the part behind the `=` of an option. */
function pathIn(word: string): string[] {
  const path = word.startsWith("-") ? word.slice(word.indexOf("=") + 1 || word.length) : word;
  return path !== "" && existsSync(path) ? [path] : [];
}

/** The values of options, as `--name VALUE` and as `--name=VALUE`; "" for one without a value. */
function valuesOf(names: readonly string[], words: readonly string[]): string[] {
  return words.flatMap((word, index) => {
    if (names.includes(word)) return [words[index + 1] ?? ""];
    const name = names.find((each) => word.startsWith(`${each}=`));
    return name === undefined ? [] : [word.slice(name.length + 1)];
  });
}

/** A folder itself, or that of a file. */
function folderOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(path) : path;
}

/** A folder that does not lie below the current one. */
function outside(path: string): string[] {
  const from = relative(".", path);
  return from.startsWith("..") || resolve(from) === from ? [path] : [];
}

/** A path, and where the links on its way lead: Deno asks for both. */
function withReal(path: string): string[] {
  let [there, rest] = [resolve(path), ""];
  while (!existsSync(there) && dirname(there) !== there) {
    rest = join(there.slice(dirname(there).length), rest);
    there = dirname(there);
  }
  const real = join(realpathSync(there), rest);
  return [resolve(path), real];
}
