/** Tries what a cloned repository has put into places: each is refused by its name. */
import { TempFolder } from "@dmalab/tools/temp_folder";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, join } from "node:path";
import { doAll, type Done, SECRET, type Trap, TRAPS, type Use, USES } from "./places.ts";

/** What keeps sockets in their places. */
type Open = { close(): void }[];

/** A folder with a repository in it, and what is outside of that. */
export function makeCase(
  { files, place }: Use,
  trap: Trap,
  folder: string,
  open: Open,
): string {
  const outside = join(folder, "outside");
  const repository = join(folder, "repository");
  Deno.mkdirSync(outside, { recursive: true });
  Deno.mkdirSync(repository);
  Deno.writeTextFileSync(join(outside, "bashrc"), `print   "${SECRET}"\n`);
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(dirname(join(repository, name)), { recursive: true });
    Deno.writeTextFileSync(join(repository, name), text);
  }
  const path = join(repository, place);
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  const socket = trap.set(path, outside);
  if (socket !== undefined) open.push(socket);
  return repository;
}

/** Everything outside, with its text. */
export function outsideOf(folder: string): readonly string[] {
  const outside = join(folder, "outside");
  return [...Deno.readDirSync(outside)].map(({ isFile, name }) =>
    isFile ? `${name}: ${Deno.readTextFileSync(join(outside, name))}` : name
  ).sort();
}

/** A place with something in it. */
export interface Case {
  readonly use: Use;
  readonly trap: Trap;
}

export const CASES: readonly Case[] = USES.flatMap((use) =>
  TRAPS
    .filter(({ forFolders }) => forFolders === true || use.isFolder !== true)
    // It can be read like any file, as everyone who may read it could.
    .filter(({ name }) => name !== "a hard link" || use.way === "writes")
    .filter(({ name }) => name !== "a link to a file outside" || use.way !== "reads what was typed")
    .map((trap) => ({ use, trap }))
);

/** One for each place, and another one from place to place. */
export function isWitness({ trap, use }: Case): boolean {
  const traps = CASES.filter((each) => each.use === use);
  return traps[USES.indexOf(use) % traps.length]!.trap === trap;
}

/** Tries cases, each as a step, by the checkout. */
export async function refuseAll(
  context: Deno.TestContext,
  cases: readonly Case[],
): Promise<void> {
  using folder = new TempFolder();
  const open: Open = [];
  try {
    const folders = cases.map((_, index) => folder.at(`${index}`));
    const todo = cases.map(({ trap, use }, index) => ({
      folder: makeCase(use, trap, folders[index]!, open),
      words: use.words,
    }));
    const before = folders.map(outsideOf);
    const done = await doAll(todo, folder.path);
    for (const [index, { trap, use }] of cases.entries()) {
      await context.step(`${use.name}: ${trap.name}`, () => {
        assertEquals(outsideOf(folders[index]!), before[index], "something outside has changed");
        judge(use, done[index]!);
        const left = [...Deno.readDirSync(todo[index]!.folder)].map(({ name }) => name);
        assertEquals(left.filter((name) => name.endsWith(".tmp")), []);
      });
    }
  } finally {
    for (const socket of open) socket.close();
  }
}

function judge({ place, words }: Use, { errors, exitCode, output }: Done): void {
  const said = `${output}${errors}`;
  assert(!said.includes(SECRET), said);
  assert(!said.includes("E0999"), said);
  assert(said.includes(place), said);
  assertMatch(said, /cannot (?:read|write|use|add to) "|there is no scenario/i);
  // A session goes on.
  if (!words[0]!.startsWith(":")) assertEquals(exitCode, 2, said);
}
