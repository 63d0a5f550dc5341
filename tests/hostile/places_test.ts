/**
 * Links, pipes, sockets and hard links in every place that the command line writes or reads: each is
 * refused by its name, and nothing outside of the folder changes or is shown.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { readSources } from "../source_text.ts";
import { doAll } from "./do_all.ts";
import { type Done, SECRET, type Trap, TRAPS, type Use, USES } from "./places.ts";

/** What keeps sockets in their places. */
type Open = { close(): void }[];

/** A folder with a repository in it, and what is outside of that. */
function makeCase({ files = {}, place }: Use, trap: Trap, folder: string, open: Open): string {
  const outside = join(folder, "outside");
  const repository = join(folder, "repository");
  Deno.mkdirSync(outside, { recursive: true });
  Deno.mkdirSync(repository);
  Deno.writeTextFileSync(join(outside, "bashrc"), `print   "${SECRET}"\n`);
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(join(repository, name), text);
  }
  const path = join(repository, place);
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  const socket = trap.set(path, outside);
  if (socket !== undefined) open.push(socket);
  return repository;
}

/** Everything outside, with its text. */
function outsideOf(folder: string): readonly string[] {
  const outside = join(folder, "outside");
  return [...Deno.readDirSync(outside)].map(({ isFile, name }) =>
    isFile ? `${name}: ${Deno.readTextFileSync(join(outside, name))}` : name
  ).sort();
}

const CASES = USES.flatMap((use) =>
  TRAPS
    .filter(({ forFolders }) => forFolders === true || use.isFolder !== true)
    // It can be read like any file, as everyone who may read it could.
    .filter(({ name }) => name !== "a hard link" || use.way === "writes")
    .map((trap) => ({ use, trap }))
);

Deno.test({
  name: "links, pipes, sockets and hard links are refused by name in every place, and lead nowhere",
  ignore: Deno.build.os === "windows",
  async fn(context) {
    const folder = Deno.makeTempDirSync({ prefix: "dmalab-places-" });
    const open: Open = [];
    try {
      assert(CASES.length >= 100, `${CASES.length} cases`);
      const folders = CASES.map((_, index) => join(folder, `${index}`));
      const todo = CASES.map(({ trap, use }, index) => ({
        folder: makeCase(use, trap, folders[index]!, open),
        words: use.words,
      }));
      const before = folders.map(outsideOf);
      const done = await doAll(todo, folder);
      for (const [index, { trap, use }] of CASES.entries()) {
        await context.step(`${use.name}: ${trap.name}`, () => {
          assertEquals(outsideOf(folders[index]!), before[index], "something outside has changed");
          judge(use, done[index]!);
          const left = [...Deno.readDirSync(todo[index]!.folder)].map(({ name }) => name);
          assertEquals(left.filter((name) => name.endsWith(".tmp")), []);
        });
      }
    } finally {
      for (const socket of open) socket.close();
      Deno.removeSync(folder, { recursive: true });
    }
  },
});

function judge({ place, words }: Use, { errors, exitCode, output }: Done): void {
  const said = `${output}${errors}`;
  assert(!said.includes(SECRET), said);
  assert(!said.includes("E0999"), said);
  assert(said.includes(place), said);
  assertMatch(said, /cannot (?:read|write|use) "|there is no scenario/i);
  // A session goes on.
  if (!words[0]!.startsWith(":")) assertEquals(exitCode, 2, said);
}

/** What changes files, by its name in any host. */
const WRITERS =
  /\bhost\.(?:write\w*File|mkdir|rename|remove|create|copyFile|symlink|link|truncate|chmod|chown)(?:Sync)?\(|\bhost\.open(?:Sync)?\([^;]*?\b(?:write|append|create\w*|truncate): true/;

Deno.test("the command line writes files in one module only", () => {
  const sources = readSources(["cli"]).filter(({ path }) => !path.endsWith("_test.ts"));
  assert(sources.length > 100);
  const writers = sources.filter(({ text }) => WRITERS.test(text)).map(({ path }) => path);
  assertEquals(writers, ["cli/files/write_file.ts", "cli/init/init_folder.ts"]);
});
