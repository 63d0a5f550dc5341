/**
 * Runs git for reviews, with a separate environment, repository and configuration. Therefore git reads no
 * settings of the user or of the reviewed tree, and starts no other program.
 */
import { TreeError } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { FullDiskError, host, makeOwnFolder, writeFile } from "@dmalab/cli";

/** The output and exit code of git. */
export interface GitResult {
  readonly code: number;
  readonly output: Uint8Array<ArrayBuffer>;
  readonly errors: string;
}

/** Options of one git command. */
export interface GitOptions {
  readonly input?: Uint8Array<ArrayBuffer> | string;
  /** Exit codes that are no error; the default is 0. */
  readonly codes?: readonly number[];
  /** The current folder of the command; the default is the empty working tree. */
  readonly folder?: string;
  /** Environment variables to change; null removes a variable. */
  readonly variables?: Readonly<Record<string, string | null>>;
}

/**
 * An entry of a commit or of the index: a file's mode, and the name of the git object with its
 * content.
 */
export interface GitEntry {
  readonly mode: string;
  readonly hash: string;
}

/** An entry that differs between two git trees. A side is null if its tree has no such entry. */
export interface GitChange {
  readonly path: string;
  readonly old: GitEntry | null;
  readonly new: GitEntry | null;
}

export const LINK_MODE = "120000";

/** Time limit of a command. */
const MOST_SECONDS = 300;

/** Switches off a repository's attributes, such as filters and encodings, for every file. */
const ATTRIBUTES =
  "* !text !eol !crlf !diff !filter !ident !whitespace !working-tree-encoding !merge\n";

/** The environment of git. The caller's variables are not passed on. */
const ENVIRONMENT = {
  GIT_ALLOW_PROTOCOL: "none",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_NO_LAZY_FETCH: "1",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
};

/** Settings of every command; they override those of the user's repository. */
const SETTINGS = [
  "core.attributesFile=/dev/null",
  "core.excludesFile=/dev/null",
  "core.fsmonitor=false",
  "core.hooksPath=/dev/null",
  "core.quotePath=false",
  "diff.noprefix=false",
  "gc.auto=0",
  // A repository of another user is accepted, because only `rev-parse` and `worktree list` read it.
  "safe.directory=*",
].flatMap((setting) => ["-c", setting]);

const DIFF = ["--no-color", "--no-ext-diff", "--no-textconv", "--no-renames"];

/** Git with an empty repository in a temporary folder. */
export class Git {
  readonly #folder: string;
  readonly #workingTree: string;

  /**
   * @param work A temporary folder, in which the repository is created.
   * @param hashLength Length of an object's name in characters: 40 for SHA-1, 64 for SHA-256.
   */
  constructor(work: string, hashLength = 40) {
    this.#folder = makeOwnFolder(`${work}/git`);
    this.#workingTree = makeOwnFolder(`${work}/tree`);
    const format = hashLength === 40
      ? "[core]\n\trepositoryformatversion = 0\n"
      : "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n";
    for (const name of ["objects", "refs", "info"]) makeOwnFolder(`${this.#folder}/${name}`);
    writeFile({ folder: this.#folder, name: "config" }, format);
    writeFile({ folder: this.#folder, name: "HEAD" }, "ref: refs/heads/main\n");
    writeFile({ folder: this.#folder, name: "info/attributes" }, ATTRIBUTES);
  }

  /** The file of the repository's index. */
  get index(): { readonly folder: string; readonly name: string } {
    return { folder: this.#folder, name: "index" };
  }

  /**
   * Runs a git command.
   *
   * @throws {TreeError} If git cannot be started, takes too long or fails.
   * @throws {FullDiskError}
   */
  async run(args: readonly string[], options: GitOptions = {}): Promise<GitResult> {
    const { codes = [0], folder = this.#workingTree, input, variables = {} } = options;
    const set: Record<string, string | null> = {
      ...ENVIRONMENT,
      GIT_DIR: this.#folder,
      GIT_WORK_TREE: this.#workingTree,
      ...variables,
    };
    const env = Object.fromEntries(
      Object.entries(set).filter((each): each is [string, string] => each[1] !== null),
    );
    const result = await runProgram(["-C", folder, "--no-pager", ...SETTINGS, ...args], env, input);
    if (codes.includes(result.code)) return result;
    if (/No space left on device|Disk quota exceeded/.test(result.errors)) {
      throw new FullDiskError(`git ${args[0]}: ${firstLine(result.errors)}`);
    }
    throw new TreeError(
      `git ${args[0]}: ${firstLine(result.errors)}`,
      "run git by hand to see more",
    );
  }

  /** The output of a command, as text. @throws {TreeError} @throws {FullDiskError} */
  async text(args: readonly string[], options: GitOptions = {}): Promise<string> {
    return decoded((await this.run(args, options)).output);
  }

  /** Stores bytes as an object. @returns Its name. */
  async keep(bytes: Uint8Array<ArrayBuffer> | string): Promise<string> {
    const args = ["hash-object", "-w", "--no-filters", "--stdin"];
    return (await this.text(args, { input: bytes })).trim();
  }

  /** Creates a git tree with exactly these entries. @returns Its name. */
  async tree(entries: Iterable<readonly [path: string, entry: GitEntry]>): Promise<string> {
    await this.fillIndex(entries);
    return await this.indexTree();
  }

  /** Replaces the content of the index by these entries. */
  async fillIndex(entries: Iterable<readonly [path: string, entry: GitEntry]>): Promise<void> {
    await this.run(["read-tree", "--empty"]);
    const input = [...entries].map(([path, { hash, mode }]) => `${mode} ${hash}\t${path}\0`).join(
      "",
    );
    await this.run(["update-index", "-z", "--index-info"], { input });
  }

  /** Creates a git tree from the index. @returns Its name. */
  async indexTree(): Promise<string> {
    return (await this.text(["write-tree"])).trim();
  }

  /** The entries that differ between two trees or commits, in git's order. */
  async changes(
    one: string,
    other: string,
    options: GitOptions = {},
  ): Promise<readonly GitChange[]> {
    const args = ["diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--relative"];
    return changesIn(await this.text([...args, one, other], options));
  }

  /** The changes as a diff with paths that begin with `old/` and `new/`. */
  async diff(one: string, other: string, options: GitOptions = {}): Promise<string> {
    const names = ["--relative", "--src-prefix=old/", "--dst-prefix=new/"];
    return await this.text(["diff", ...DIFF, ...names, one, other], options);
  }

  /** Bytes of objects, by their names. */
  async objects(
    hashes: Iterable<string>,
    options: GitOptions = {},
  ): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
    const names = [...new Set(hashes)];
    const found = new Map<string, Uint8Array<ArrayBuffer>>();
    if (names.length === 0) return found;
    const input = names.map((name) => `${name}\n`).join("");
    const { output } = await this.run(["cat-file", "--batch"], { ...options, input });
    let at = 0;
    for (const name of names) {
      const end = output.indexOf(0x0a, at);
      const [, kind, size] = decoded(output.subarray(at, end)).split(" ");
      if (kind !== "blob") {
        throw new TreeError(`git has no file ${name}`, "see `git fsck` of the tree's repository");
      }
      found.set(name, output.slice(end + 1, end + 1 + Number(size)));
      at = end + 1 + Number(size) + 1;
    }
    return found;
  }
}

/** Reads the output of `git diff --raw -z --no-abbrev`. */
export function changesIn(raw: string): readonly GitChange[] {
  const words = raw.split("\0");
  const changes: GitChange[] = [];
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [oldMode = "", newMode = "", oldHash = "", newHash = ""] = words[at]!.slice(1).split(" ");
    const side = (mode: string, hash: string) => mode === "000000" ? null : { mode, hash };
    changes.push({
      path: words[at + 1]!,
      old: side(oldMode, oldHash),
      new: side(newMode, newHash),
    });
  }
  return changes;
}

async function runProgram(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: Uint8Array<ArrayBuffer> | string | undefined,
): Promise<GitResult> {
  const limit = AbortSignal.timeout(MOST_SECONDS * 1000);
  try {
    const child = new host.Command("git", {
      args: [...args],
      clearEnv: true,
      env,
      signal: limit,
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const ended = child.output();
    if (input !== undefined) {
      const writer = child.stdin.getWriter();
      const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
      // If git exits early, writing fails; its error output says why.
      await writer.write(bytes).then(() => writer.close()).catch(() => {});
    }
    const { code, stderr, stdout } = await ended;
    if (limit.aborted) {
      throw new TreeError(`git was stopped after ${MOST_SECONDS} s`, "review a smaller change");
    }
    return { code, output: stdout, errors: decoded(stderr) };
  } catch (error) {
    if (error instanceof TreeError) throw error;
    const why = error instanceof host.errors.NotCapable
      ? "starting it is not permitted"
      : error instanceof Error
      ? error.message
      : String(error);
    throw new TreeError(
      `Cannot run git: ${why}`,
      "install git, and allow it with `--allow-run=git`",
    );
  }
}

/**
 * Decodes output of git. Mails and old sources may contain characters in another encoding; such
 * characters are irrelevant for a review.
 */
export function decoded(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function firstLine(errors: string): string {
  const [line = ""] = errors.trim().split("\n");
  return printable(line.replace(/^(?:fatal|error): /, "")) || "it failed";
}
