/** Commands do not replace files that they did not write. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dirname, join } from "node:path";
import { doAll, USES } from "./places.ts";

/**
 * The uses that write a file as a result. Commands whose purpose is to change existing files are
 * left out: such a command formats a file, keeps its own lines in the file, or adds to the file.
 */
const RESULTS = USES.filter(({ isFolder, place, way, words }) =>
  way === "writes" && isFolder !== true && !place.startsWith(".dmalab/") &&
  !["fmt", "init"].includes(words[0]!)
);

/** By file, the text that the output must contain instead of `error[E1103]`: its content is checked. */
const OWN_ANSWERS: Readonly<Record<string, string>> = {
  "out/shard-0001.jsonl": "it is not a shard file",
};

const NOTES = "# My notes about dmalab, dmalab and dmalab.\n".repeat(4);

/** Makes a folder for each use, with the files of that use. */
function makeFolders(folder: string): string[] {
  return RESULTS.map(({ files }, index) => {
    const made = join(folder, `${index}`);
    for (const [name, text] of Object.entries(files)) {
      Deno.mkdirSync(dirname(join(made, name)), { recursive: true });
      Deno.writeTextFileSync(join(made, name), text);
    }
    Deno.mkdirSync(made, { recursive: true });
    return made;
  });
}

Deno.test("a result replaces an earlier one of its kind or an empty file, and no other file", async (t) => {
  assert(RESULTS.length >= 12);
  using folder = new TempFolder();
  const folders = makeFolders(folder.path);
  const paths = folders.map((each, index) => join(each, RESULTS[index]!.place));
  const all = RESULTS.map(({ words }, index) => ({ folder: folders[index]!, words }));
  for (const path of paths) {
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, NOTES);
  }
  const refused = await doAll(all, folder.path);
  const kept = paths.map((path) => Deno.readTextFileSync(path));
  for (const path of paths) Deno.writeTextFileSync(path, "");
  const first = await doAll(all, folder.path);
  const written = paths.map((path) => Deno.readTextFileSync(path));
  const second = await doAll(all, folder.path);
  for (const [index, { name, place, words }] of RESULTS.entries()) {
    await t.step(name, () => {
      const said = refused[index]!;
      assertEquals(kept[index], NOTES);
      assertStringIncludes(`${said.output}${said.errors}`, OWN_ANSWERS[place] ?? "error[E1103]");
      if (!words[0]!.startsWith(":")) assertEquals(said.exitCode, 2);
      assert(written[index]!.length > 0, `${first[index]!.output}${first[index]!.errors}`);
      const again = `${second[index]!.output}${second[index]!.errors}`;
      assert(!again.includes("Cannot"), again);
    });
  }
});
