/** What is reviewed, as pairs of trees: two folders, the patches of mailboxes, or the commits of a range. */
import { TreeError } from "@dmalab/runtime/kernels";
import { formatCount } from "@dmalab/lang/text";
import { currentFolder, host, HostTree, readHostBytes, shortPath } from "@dmalab/cli";
import { makeOwnFolder, writeFile } from "@dmalab/cli/files";
import { openTree, type Tree } from "../diff_scenario.ts";
import { type ChangedFile, changedFilesIn } from "./changed_lines.ts";

/** One change: a patch, a commit, or all that two trees have differently. */
export interface ReviewStep {
  readonly subject: string;
  readonly old: Tree;
  readonly new: Tree;
  readonly files: readonly ChangedFile[];
  /** As git prints it. */
  readonly diff: string;
}

/** A tree with files that differ from those of its folder; null for one that is not there. */
class PatchedTree extends HostTree {
  constructor(folder: string, readonly patched: ReadonlyMap<string, string | null>) {
    super(folder);
  }

  override text(path: string): string | null {
    // The folder is looked at before anything is patched.
    const text = this.patched?.get(path);
    return text === undefined ? super.text(path) : text;
  }

  override entries(folder: string) {
    const names = new Map(super.entries(folder).map((entry) => [entry.name, entry]));
    for (const [path, text] of this.patched) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name = "", ...below] = path.slice(folder.length + 1).split("/");
      if (text !== null) names.set(name, { name, isFolder: below.length > 0 });
      else if (below.length === 0) names.delete(name);
    }
    return [...names.values()].toSorted((a, b) => a.name < b.name ? -1 : 1);
  }
}

const DIFF = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--text"];

/**
 * Reads what is to be reviewed.
 *
 * @param words A tree, then another tree, or a range of its commits, or mailboxes.
 * @param work An empty folder, where patches are applied to copies of the files that they name.
 * @throws {TreeError} Where something cannot be read, or does not apply.
 */
export function readSteps(words: readonly string[], work: string): Promise<readonly ReviewStep[]> {
  const [folder = "", ...rest] = words;
  const tree = new HostTree(folder);
  const [first = ""] = rest;
  if (rest.length === 1 && first.includes("..") && statOf(first) === null) {
    return commitSteps(tree, first);
  }
  if (rest.length === 1 && statOf(first)?.isDirectory === true) {
    return folderSteps(tree, new HostTree(first));
  }
  return mailSteps(tree, rest, work);
}

export function statOf(path: string): Deno.FileInfo | null {
  try {
    return host.statSync(path);
  } catch {
    return null;
  }
}

async function folderSteps(old: HostTree, changed: HostTree): Promise<readonly ReviewStep[]> {
  const { diff, files } = await diffOf([old.root, changed.root], currentFolder());
  const subject = [old, changed].map(({ root }) => shortPath(root, currentFolder())).join(" → ");
  return [{ subject, old: openTree(old), new: openTree(changed), files, diff }];
}

/** What two folders have differently. */
async function diffOf(folders: readonly [string, string], at: string) {
  const { code, errors, output } = await git(at, [
    ...DIFF,
    "--no-index",
    "--no-prefix",
    ...folders,
  ]);
  if (code > 1) throw new TreeError(`Cannot compare the trees: ${firstLine(errors)}`, READABLE);
  return { diff: output, files: changedFilesIn(output, folders) };
}

const READABLE = "see that the files and folders named can be read";

/** A patch of a mailbox, or a file that is one. */
interface MailedPatch {
  readonly subject: string;
  readonly path: string;
  readonly text: string;
}

async function mailSteps(
  tree: HostTree,
  mailboxes: readonly string[],
  work: string,
): Promise<readonly ReviewStep[]> {
  const patches: MailedPatch[] = [];
  for (const [index, mailbox] of mailboxes.entries()) {
    patches.push(...await patchesIn(mailbox, `${work}/mails${index}`));
  }
  const patched = new Map<string, string | null>();
  const steps: ReviewStep[] = [];
  let old = openTree(tree);
  for (const [index, { path, subject, text }] of patches.entries()) {
    const folders = [`${work}/${index}/old`, `${work}/${index}/new`] as const;
    const paths = pathsIn(text);
    for (const folder of folders) {
      makeOwnFolder(folder);
      for (const each of paths) putFile(tree, patched, each, folder);
    }
    const { code, errors } = await git(folders[1], ["apply", "--whitespace=nowarn", path]);
    if (code !== 0) {
      throw new TreeError(
        `Patch ${index + 1} of ${patches.length} ("${subject}") does not apply: ${
          firstLine(errors)
        }`,
        "review it against the tree that it was made for, with the patches that it needs before it",
      );
    }
    for (const each of paths) patched.set(each, readText(`${folders[1]}/${each}`));
    const next = openTree(new PatchedTree(tree.root, new Map(patched)));
    steps.push({ subject, old, new: next, ...await diffOf(folders, folders[1]) });
    old = next;
  }
  return steps;
}

const MAILBOX = "give mailboxes or patches, as `git format-patch` writes them";

/** @param folder Is made, and gets the mails. */
async function patchesIn(mailbox: string, folder: string): Promise<readonly MailedPatch[]> {
  const text = readText(mailbox);
  if (text === null) {
    throw new TreeError(`Cannot read "${mailbox}", which is no folder and no range`, MAILBOX);
  }
  makeOwnFolder(folder);
  if (/^(?:diff |--- )/.test(text)) {
    const path = `${folder}/patch`;
    writeFile({ folder, name: "patch" }, text);
    return [{ subject: shortPath(mailbox, currentFolder()), path, text }];
  }
  const input = new TextEncoder().encode(text);
  const split = await git(folder, ["mailsplit", "-b", `-o${folder}`], input);
  const patches: MailedPatch[] = [];
  for (let number = 1; number <= Number(split.output.trim()); number++) {
    const mail = `${folder}/${String(number).padStart(4, "0")}`;
    const path = `${mail}.patch`;
    const read = await git(folder, ["mailinfo", `${mail}.msg`, path], bytesOf(mail));
    const [, subject = "without a subject"] = /^Subject: (.*)$/m.exec(read.output) ?? [];
    const patch = readText(path) ?? "";
    // The letter before a series.
    if (pathsIn(patch).length > 0) patches.push({ subject, path, text: patch });
  }
  if (patches.length === 0) throw new TreeError(`"${mailbox}" has no patch`, MAILBOX);
  return patches;
}

/** The files that a patch names. @throws {TreeError} For a path that leads out of the tree. */
function pathsIn(patch: string): readonly string[] {
  const paths = new Set<string>();
  for (
    const [, named, renamed] of patch.matchAll(
      /^(?:(?:---|\+\+\+) (?:[ab]\/)?([^\t\n]+)|(?:rename|copy) (?:from|to) (.+))/gm,
    )
  ) {
    const path = (named ?? renamed)!.trim();
    if (path === "/dev/null" || path === "") continue;
    if (path.startsWith("/") || path.split("/").includes("..")) {
      throw new TreeError(`The patch names "${path}", which is outside of the tree`, MAILBOX);
    }
    paths.add(path);
  }
  return [...paths];
}

function putFile(
  tree: HostTree,
  patched: ReadonlyMap<string, string | null>,
  path: string,
  folder: string,
): void {
  const known = patched.get(path);
  const text = known === undefined ? readText(`${tree.root}/${path}`) : known;
  if (text === null) return;
  writeFile({ folder, name: path }, text);
}

/** The bytes of a file; null where there is none. @throws {TreeError} */
function bytesOf(path: string): Uint8Array<ArrayBuffer> | null {
  const file = readHostBytes(path);
  if (file.found) return file.bytes;
  if (file.reason === "not_found") return null;
  throw new TreeError(file.problem, READABLE);
}

/** Mails and old sources may have letters of another encoding, which say nothing here. */
function readText(path: string): string | null {
  const bytes = bytesOf(path);
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** More files than this between a commit and what is checked out, and the tree is another one. */
const MAX_FILES = 2000;

async function commitSteps(tree: HostTree, range: string): Promise<readonly ReviewStep[]> {
  const run = (args: readonly string[]) => gitOutput(tree.root, args);
  const listed = await git(tree.root, ["rev-list", "--reverse", "--no-merges", range, "--"]);
  const commits = listed.output.split("\n").filter((line) => line !== "");
  if (listed.code !== 0 || commits.length === 0) {
    const why = listed.code === 0 ? "it has no commit" : firstLine(listed.errors);
    throw new TreeError(
      `Cannot review "${range}": ${why}`,
      "give a range of commits of the tree's repository, `BASE..HEAD`",
    );
  }
  const at = async (commit: string): Promise<Tree> => {
    const paths = (await run(["diff", "--name-only", "--no-renames", "--relative", "-z", commit]))
      .split("\0").filter((path) => path !== "");
    if (paths.length > MAX_FILES) {
      throw new TreeError(
        `${commit.slice(0, 12)} and what is checked out differ in ${
          formatCount(paths.length, "file")
        }`,
        "check out the last commit of the range",
      );
    }
    const patched = new Map<string, string | null>();
    for (const path of paths) {
      const { code, output } = await git(tree.root, ["show", `${commit}:./${path}`]);
      patched.set(path, code === 0 ? output : null);
    }
    return openTree(new PatchedTree(tree.root, patched));
  };
  const trees = new Map<string, Tree>();
  const steps: ReviewStep[] = [];
  for (const commit of commits) {
    const parent = (await run(["rev-parse", `${commit}^`])).trim();
    for (const each of [parent, commit]) if (!trees.has(each)) trees.set(each, await at(each));
    const diff = await run([
      ...DIFF,
      "--relative",
      "--src-prefix=old/",
      "--dst-prefix=new/",
      parent,
      commit,
    ]);
    steps.push({
      subject: (await run(["log", "-1", "--format=%s", commit])).trim(),
      old: trees.get(parent)!,
      new: trees.get(commit)!,
      files: changedFilesIn(diff, ["old", "new"]),
      diff,
    });
  }
  return steps;
}

/** Nothing of the user's settings changes what is printed, and no program but git itself is started. */
const PLAIN = [
  "-c",
  "core.quotePath=false",
  "-c",
  "core.fsmonitor=false",
  "-c",
  "core.hooksPath=/dev/null",
];

interface GitResult {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs git. @throws {TreeError} Where it cannot be started. */
async function git(
  folder: string,
  args: readonly string[],
  input: Uint8Array<ArrayBuffer> | null = null,
): Promise<GitResult> {
  try {
    const child = new host.Command("git", {
      args: ["-C", folder, ...PLAIN, ...args],
      stdin: input === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (input !== null) {
      const writer = child.stdin.getWriter();
      // Where it ends early, its errors say why.
      await writer.write(input).then(() => writer.close()).catch(() => {});
    }
    const { code, stderr, stdout } = await child.output();
    const [output, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, output: output!, errors: errors! };
  } catch (error) {
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

/** Runs git, and expects success. @throws {TreeError} */
async function gitOutput(folder: string, args: readonly string[]): Promise<string> {
  const { code, errors, output } = await git(folder, args);
  if (code === 0) return output;
  throw new TreeError(`git ${args[0]}: ${firstLine(errors)}`, "run it by hand to see more");
}

function firstLine(errors: string): string {
  const [line = "it failed"] = errors.trim().split("\n");
  return line.replace(/^(?:fatal|error): /, "");
}
