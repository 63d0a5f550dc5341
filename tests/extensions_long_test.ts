/**
 * Each extension can be removed: its folder, and its line in `bin/extensions.ts`. After that, the
 * types must still be correct, and the command must run. The tests of `cli/` must also pass after
 * all extensions are removed. If other extensions need an extension (docs/dev/architecture.md draws
 * an arrow for each need), they are removed together with it.
 */
import { members, TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { basename, join } from "node:path";
import { runDeno } from "./deno_process.ts";
import { CORE_FOLDERS, drawnArrows, filesBelow, ROOT } from "./source_text.ts";

const LIST = "bin/extensions.ts";
const GOLDEN = "tests/golden";
const EXTENSIONS = members().filter((member) => member.startsWith("extensions/"))
  .map((folder) => basename(folder));
const ENTRIES = ["bin/main.ts", "bin/run_main.ts", "bin/worker.ts", "bin/test.ts"];
const HELP = ["bin/main.ts", "--help"];
/** Extensions that have a command with the name of the extension. */
const COMMANDS_NAMED_SO = ["hunt", "topology", "vectors"];
const PERMISSIONS = ["-R", "-W", "--allow-run", "--allow-env", "--allow-sys", "--allow-net"];

/** Extensions, together with the ones that need them. */
function withDependents(gone: readonly string[]): readonly string[] {
  const more = drawnArrows().filter(({ from, to }) => gone.includes(to) && !gone.includes(from))
    .map(({ from }) => from).filter((name) => EXTENSIONS.includes(name));
  return more.length === 0 ? gone : withDependents([...new Set([...gone, ...more])]);
}

/** Copies the project. The captured data is large and only read, so it is linked. */
function copyTo(folder: string): void {
  const top = [...Deno.readDirSync(ROOT)].map(({ name }) => name)
    .filter((name) => name !== ".git" && name !== "dist");
  for (const each of top.flatMap((name) => filesBelow(join(ROOT, name)))) {
    const path = each.slice(ROOT.length);
    if (path.startsWith(`${GOLDEN}/`)) continue;
    Deno.mkdirSync(join(folder, path, ".."), { recursive: true });
    Deno.copyFileSync(join(ROOT, path), join(folder, path));
  }
  Deno.symlinkSync(join(ROOT, GOLDEN), join(folder, GOLDEN));
}

/**
 * Removes extensions from a copy of the project while a function runs. The copy is always in the
 * same folder, so that Deno checks only the types that changed since its last check of that folder,
 * about a third of all types.
 */
async function without(
  gone: readonly string[],
  copy: string,
  attempt: () => Promise<void>,
): Promise<void> {
  const aside = Deno.makeTempDirSync({ prefix: "dmalab-" });
  const text = Deno.readTextFileSync(join(copy, LIST));
  const lines = text.split("\n");
  const left = lines.filter((line) => !gone.some((name) => line.includes(`@dmalab/${name}/`)));
  assertEquals(lines.length - left.length, gone.length, `one line of ${LIST} for each`);
  for (const name of gone) Deno.renameSync(join(copy, "extensions", name), join(aside, name));
  Deno.writeTextFileSync(join(copy, LIST), left.length > 2 ? left.join("\n") : "export {};\n");
  try {
    await attempt();
  } finally {
    for (const name of gone) Deno.renameSync(join(aside, name), join(copy, "extensions", name));
    Deno.writeTextFileSync(join(copy, LIST), text);
    Deno.removeSync(aside);
  }
}

/** Checks the types of modules and folders, and of everything that they import. */
const typesHold = (folder: string, modules: readonly string[]) =>
  succeeds(folder, ["check", "--quiet", ...modules]);

async function succeeds(folder: string, args: readonly string[]): Promise<string> {
  const { output, success } = await runDeno(args, { folder });
  assertEquals(success, true, output);
  return output;
}

/** Runs the command's help, and a scenario. */
async function runs(folder: string, gone: readonly string[]): Promise<void> {
  const help = await succeeds(folder, ["run", "--no-check", "--no-prompt", "-R", ...HELP]);
  for (const name of gone.filter((each) => COMMANDS_NAMED_SO.includes(each))) {
    assert(!help.includes(`\n  ${name} `), `${name} is still a command`);
  }
  const scenario = "examples/start/01-first-look.dma";
  await succeeds(folder, ["run", "--no-check", "--no-prompt", "-R=.", "dma", scenario]);
}

Deno.test("without any one extension, and without all, types hold and the command runs", async (t) => {
  using copy = new TempFolder();
  copyTo(copy.path);
  for (const gone of EXTENSIONS.map((name) => withDependents([name]))) {
    await t.step(`without ${gone.join(", ")}`, () =>
      without(gone, copy.path, async () => {
        await typesHold(copy.path, ENTRIES);
        await runs(copy.path, gone);
      }));
  }
  // The core imports no extension (tests/members_test.ts). Therefore it is enough to run its tests
  // once, after all extensions are removed.
  await t.step(
    "without all, with the tests of cli/",
    () =>
      without(EXTENSIONS, copy.path, async () => {
        await typesHold(copy.path, [...CORE_FOLDERS, ...ENTRIES]);
        await runs(copy.path, EXTENSIONS);
        await succeeds(copy.path, ["test", "--no-check", "--no-prompt", ...PERMISSIONS, "cli"]);
      }),
  );
});
