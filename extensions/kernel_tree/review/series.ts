/**
 * Reads the changes to review, as pairs of an old and a new tree. The changes come from two
 * folders, from the patches of mailboxes, or from a range of commits.
 */
import { addAll } from "@dmalab/runtime/basics";
import { TreeError } from "@dmalab/runtime/kernels";
import { printable } from "@dmalab/lang/diagnostics";
import { formatCount } from "@dmalab/lang/text";
import {
  currentFolder,
  host,
  HostTree,
  makeOwnFolder,
  readHostBytes,
  writeFile,
} from "@dmalab/cli";
import { shortPath } from "@dmalab/cli/extend";
import { openTree, type Tree } from "../diff_scenario.ts";
import { type ChangedFile, changedFilesIn } from "./changed_lines.ts";
import { differingPaths } from "./differing_paths.ts";
import { changesIn, decoded, Git, type GitChange, type GitEntry, LINK_MODE } from "./git.ts";
import { findRepository, noRange } from "./repository.ts";
import { checkFolders, checkPath, infoOf, type PatchedFile, PatchedTree } from "./patched_tree.ts";

/** One change: a patch, a commit, or all differences between two trees. */
export interface ReviewStep {
  readonly subject: string;
  readonly old: Tree;
  readonly new: Tree;
  readonly files: readonly ChangedFile[];
  /** The diff, as git prints it. */
  readonly diff: string;
}

/** Limit of changed files: with more, the two trees have little in common. */
const MOST_FILES = 2000;
const READABLE = "see that the files and folders named can be read";
const MAILBOX = "give mailboxes or patches, as `git format-patch` writes them";

/**
 * Reads the changes to review.
 *
 * @param words A tree, followed by another tree, by a range of the tree's commits, or by mailboxes.
 * @param work An empty folder for git's objects and for single mails.
 * @throws {TreeError} If something cannot be read, or a patch does not apply.
 */
export function readSteps(words: readonly string[], work: string): Promise<readonly ReviewStep[]> {
  const [folder = "", ...rest] = words;
  const tree = new HostTree(folder);
  const [first = ""] = rest;
  if (rest.length === 1 && first.includes("..") && statOf(first) === null) {
    return commitSteps(tree, first, work);
  }
  if (rest.length === 1 && statOf(first)?.isDirectory === true) {
    return folderSteps(tree, new HostTree(first), work);
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

/** The changed files between two git trees, with the numbers of their changed lines. */
function filesOf(changes: readonly GitChange[], diff: string): readonly ChangedFile[] {
  const lines = Map.groupBy(changedFilesIn(diff, ["old", "new"]), ({ path }) => path);
  return changes.map((change) => {
    const { path } = change;
    const found = lines.get(path) ?? [];
    const special = specialOf(change, found.length > 0);
    return {
      path,
      removed: found.flatMap(({ removed }) => removed),
      added: found.flatMap(({ added }) => added),
      ...special === null ? {} : { special },
    };
  });
}

function specialOf({ new: changed, old }: GitChange, hasLines: boolean): string | null {
  const modes = [old?.mode, changed?.mode];
  if (modes.includes(LINK_MODE)) return "a symbolic link";
  if (modes.includes("160000")) return "a submodule";
  if (hasLines || old?.hash === changed?.hash) return null;
  // A change without lines adds or removes an empty file, or its file is no text.
  return EMPTY_HASHES.has((old ?? changed)!.hash) && (old === null || changed === null)
    ? null
    : "no text";
}

/** Object names of the empty file: SHA-1 and SHA-256. */
const EMPTY_HASHES: ReadonlySet<string> = new Set([
  "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
  "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
]);

/** @throws {TreeError} */
function checkCount(count: number, what: string): void {
  if (count <= MOST_FILES) return;
  throw new TreeError(
    `${what} in ${formatCount(count, "file")}, of at most ${MOST_FILES}`,
    "review a smaller change, or against the tree that it was made for",
  );
}

async function folderSteps(
  old: HostTree,
  changed: HostTree,
  work: string,
): Promise<readonly ReviewStep[]> {
  const paths = await differingPaths(old.root, changed.root);
  checkCount(paths.length, "The trees differ");
  const git = new Git(work);
  const trees: string[] = [];
  for (const { root } of [old, changed]) {
    const entries: [string, GitEntry][] = [];
    for (const path of paths) {
      checkPath(path);
      const entry = await entryOnDisk(git, root, path);
      if (entry !== null) entries.push([path, entry]);
    }
    trees.push(await git.tree(entries));
  }
  const diff = await git.diff(trees[0]!, trees[1]!);
  const files = filesOf(await git.changes(trees[0]!, trees[1]!), diff);
  const subject = [old, changed].map(({ root }) => shortPath(root, currentFolder())).join(" → ");
  return [{ subject, old: openTree(old), new: openTree(changed), files, diff }];
}

/**
 * Stores a file of a folder as a git object; for a link, the link's target. Returns null if the
 * file does not exist.
 * @throws {TreeError}
 */
async function entryOnDisk(git: Git, root: string, path: string): Promise<GitEntry | null> {
  const place = `${root}/${path}`;
  const info = infoOf(place);
  if (info === null) return null;
  if (info.isSymlink) return { mode: LINK_MODE, hash: await git.keep(host.readLinkSync(place)) };
  if (info.isDirectory) {
    throw new TreeError(`The change names "${printable(path)}", which is a folder`, MAILBOX);
  }
  const file = readHostBytes(place, { followsLinks: false });
  if (!file.found) throw new TreeError(file.problem, READABLE);
  const mode = ((info.mode ?? 0) & 0o111) === 0 ? "100644" : "100755";
  return { mode, hash: await git.keep(file.bytes) };
}

/** A patch from a mailbox, or from a file with a single patch. */
interface MailedPatch {
  readonly subject: string;
  readonly path: string;
}

async function mailSteps(
  tree: HostTree,
  mailboxes: readonly string[],
  work: string,
): Promise<readonly ReviewStep[]> {
  const git = new Git(work);
  const patches: MailedPatch[] = [];
  for (const [index, mailbox] of mailboxes.entries()) {
    addAll(patches, await patchesIn(git, mailbox, `${work}/mails${index}`));
  }
  const patched = new Map<string, PatchedFile | null>();
  const steps: ReviewStep[] = [];
  let old = openTree(tree);
  for (const [index, { path, subject }] of patches.entries()) {
    const which = `Patch ${index + 1} of ${patches.length} ("${printable(subject)}")`;
    const paths = await pathsIn(git, path, which);
    checkCount(paths.length, `${which} has changes`);
    const entries: [string, GitEntry][] = [];
    for (const each of paths) {
      checkFolders(tree.root, patched, each);
      const known = patched.get(each);
      const entry = known === undefined
        ? await entryOnDisk(git, tree.root, each)
        : known?.entry ?? null;
      if (entry !== null) entries.push([each, entry]);
    }
    const before = await git.tree(entries);
    const { code, errors } = await git.run(
      ["apply", "--cached", "--whitespace=nowarn", path],
      { codes: [0, 1, 128] },
    );
    if (code !== 0) throw notApplied(which, errors);
    const after = await git.indexTree();
    const changes = await git.changes(before, after);
    if (changes.length === 0) {
      throw new TreeError(`${which} changes nothing`, "see that it is the patch that was meant");
    }
    await addChanges(git, patched, changes.map((each) => [each.path, each.new]));
    const next = openTree(new PatchedTree(tree.root, new Map(patched)));
    const diff = await git.diff(before, after);
    steps.push({ subject, old, new: next, files: filesOf(changes, diff), diff });
    old = next;
  }
  return steps;
}

function notApplied(which: string, errors: string): TreeError {
  const [line = "it failed"] = errors.trim().split("\n");
  return new TreeError(
    `${which} does not apply: ${printable(line.replace(/^(?:fatal|error): /, ""))}`,
    "review it against the tree that it was made for, with the patches that it needs before it",
  );
}

/**
 * Reads the content of git entries and adds it to the patched files. A deleted file is added as
 * null.
 * @throws {TreeError}
 */
async function addChanges(
  git: Git,
  patched: Map<string, PatchedFile | null>,
  entries: readonly (readonly [path: string, entry: GitEntry | null])[],
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const files = entries.flatMap(([, entry]) => entry === null || isModule(entry) ? [] : [entry]);
  const objects = await git.objects(files.map(({ hash }) => hash), { variables });
  for (const [path, entry] of entries) {
    const bytes = entry === null ? undefined : objects.get(entry.hash);
    patched.set(path, bytes === undefined ? null : { entry: entry!, text: decoded(bytes) });
  }
}

/** A submodule's entry is the name of a commit, which has no text. */
function isModule({ mode }: GitEntry): boolean {
  return mode === "160000";
}

/**
 * The files that a patch changes, according to git.
 * @throws {TreeError} For a path outside of the tree.
 */
async function pathsIn(git: Git, patch: string, which: string): Promise<readonly string[]> {
  const paths = new Set<string>();
  // With `-R`, git prints the names that the files have before the patch is applied.
  for (const direction of [[], ["-R"]]) {
    const args = ["apply", "--numstat", "-z", ...direction, patch];
    const { code, errors, output } = await git.run(args, { codes: [0, 1, 128] });
    if (code !== 0) throw notApplied(which, errors);
    for (const entry of decoded(output).split("\0")) {
      const [, path] = /^[^\t]*\t[^\t]*\t([^]+)$/.exec(entry) ?? [];
      if (path === undefined) continue;
      checkPath(path);
      paths.add(path);
    }
  }
  return [...paths];
}

/** Lines that appear only in patches. */
const PATCH_LINE = /^(?:diff --git |Index: |--- \S|\+\+\+ \S|@@ -|GIT binary patch)/m;

/** @param folder Is created, and receives the single mails. @throws {TreeError} */
async function patchesIn(
  git: Git,
  mailbox: string,
  folder: string,
): Promise<readonly MailedPatch[]> {
  const bytes = bytesOf(mailbox);
  if (bytes === null) {
    throw new TreeError(
      `Cannot read "${printable(mailbox)}", which is no folder and no range`,
      MAILBOX,
    );
  }
  makeOwnFolder(folder);
  const isDos = hasDosLines(bytes);
  if (/^(?:diff |--- |Index: )/.test(decoded(bytes.subarray(0, 16)))) {
    const path = `${folder}/patch`;
    writeFile({ folder, name: "patch" }, isDos ? withoutDosLines(bytes) : bytes);
    return [{ subject: shortPath(mailbox, currentFolder()), path }];
  }
  // If only some lines of a mail end with CR LF, these lines belong to the patch of a file with
  // such line ends. In this case the line ends are kept.
  const lineEnds = isDos ? [] : ["--keep-cr"];
  const split = await git.text(["mailsplit", "-b", ...lineEnds, `-o${folder}`], { input: bytes });
  const patches: MailedPatch[] = [];
  for (let number = 1; number <= Number(split.trim()); number++) {
    const mail = `${folder}/${String(number).padStart(4, "0")}`;
    const path = `${mail}.patch`;
    const input = bytesOf(mail);
    if (input === null) throw new TreeError(`git has not split "${printable(mailbox)}"`, MAILBOX);
    const read = await git.text(["mailinfo", `${mail}.msg`, path], { input });
    const [, subject = "without a subject"] = /^Subject: (.*)$/m.exec(read) ?? [];
    // The cover letter of a series contains no patch.
    if (PATCH_LINE.test(decoded(bytesOf(path) ?? new Uint8Array()))) {
      patches.push({ subject, path });
    }
  }
  if (patches.length === 0) {
    throw new TreeError(`"${printable(mailbox)}" has no patch`, MAILBOX);
  }
  return patches;
}

/** Whether every line ends with CR LF. */
function hasDosLines(bytes: Uint8Array): boolean {
  let at = bytes.indexOf(0x0a);
  if (at < 0) return false;
  for (; at >= 0; at = bytes.indexOf(0x0a, at + 1)) if (bytes[at - 1] !== 0x0d) return false;
  return true;
}

function withoutDosLines(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte, at) => byte !== 0x0d || bytes[at + 1] !== 0x0a);
}

/** The bytes of a file; null if it does not exist. @throws {TreeError} */
function bytesOf(path: string): Uint8Array<ArrayBuffer> | null {
  const file = readHostBytes(path);
  if (file.found) return file.bytes;
  if (file.reason === "not_found") return null;
  throw new TreeError(file.problem, READABLE);
}

async function commitSteps(
  tree: HostTree,
  range: string,
  work: string,
): Promise<readonly ReviewStep[]> {
  const repository = await findRepository(tree.root, range, work);
  const { git, variables } = repository;
  const options = { folder: tree.root, variables };
  const run = (args: readonly string[]) => git.text(args, options);
  const shallow = repository.shallow === null ? [] : [`--shallow-file=${repository.shallow}`];
  const commits = (await run([
    ...shallow,
    "rev-list",
    "--reverse",
    "--no-merges",
    ...repository.revisions,
    "--",
  ])).split("\n").filter((line) => line !== "");
  if (commits.length === 0) throw noRange(range, "it has no commit");
  const at = async (commit: string): Promise<Tree> => {
    const raw = await run([
      "diff",
      "--raw",
      "-z",
      "--no-abbrev",
      "--no-renames",
      "--no-ext-diff",
      "--relative",
      commit,
    ]);
    const changes = changesIn(raw);
    checkCount(changes.length, `${commit.slice(0, 12)} and what is checked out differ`);
    const patched = new Map<string, PatchedFile | null>();
    for (const { path } of changes) checkPath(path);
    await addChanges(git, patched, changes.map((each) => [each.path, each.old]), variables);
    return openTree(new PatchedTree(tree.root, patched));
  };
  const trees = new Map<string, Tree>();
  const steps: ReviewStep[] = [];
  for (const commit of commits) {
    const parent = (await run(["rev-parse", `${commit}^`])).trim();
    for (const each of [parent, commit]) if (!trees.has(each)) trees.set(each, await at(each));
    const changes = await git.changes(parent, commit, options);
    for (const { path } of changes) checkPath(path);
    checkCount(changes.length, `${commit.slice(0, 12)} has changes`);
    const diff = await git.diff(parent, commit, options);
    steps.push({
      subject: (await run(["log", "-1", "--format=%s", commit])).trim(),
      old: trees.get(parent)!,
      new: trees.get(commit)!,
      files: filesOf(changes, diff),
      diff,
    });
  }
  return steps;
}
