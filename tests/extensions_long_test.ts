/**
 * Each extension can be taken away: its folder, and its line of `cli/commands.ts`. The core's types and
 * the tests that load that list hold without it, and those of all of `cli/` without all of them: to the
 * other tests nothing has changed. One that others need, by the arrows of docs/dev/architecture.md, takes
 * them along.
 */
import { TempFolder } from "@dmalab/tools/temp_folder";
import { members } from "@dmalab/tools/members";
import { assert, assertEquals } from "@std/assert";
import { basename, join, relative } from "node:path";
import { runDeno } from "./deno_process.ts";
import { CORE_FOLDERS, drawnArrows, filesBelow, ROOT } from "./source_text.ts";

const LIST = "cli/commands.ts";
const GOLDEN = "tests/golden";
const EXTENSIONS = members().filter((member) => member.startsWith("extensions/"))
  .map((folder) => basename(folder));
const PERMISSIONS = ["-R", "-W", "--allow-run", "--allow-env", "--allow-sys", "--allow-net"];

/** Extensions, and those that need them. */
function withDependents(gone: readonly string[]): readonly string[] {
  const more = drawnArrows().filter(({ from, to }) => gone.includes(to) && !gone.includes(from))
    .map(({ from }) => from).filter((name) => EXTENSIONS.includes(name));
  return more.length === 0 ? gone : withDependents([...new Set([...gone, ...more])]);
}

/** A copy of the project. What was captured is only read, and large: a link. */
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
 * Takes extensions out of a copy while something is tried there. The copy stays where it is: Deno checks
 * the types of what has changed since its last check of the same folder, a third of all of them.
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

/** @param checked Modules or folders whose types are checked; those that they import are, too. */
async function holds(
  folder: string,
  checked: readonly string[],
  tested: readonly string[],
): Promise<void> {
  const test = ["test", "--no-check", "--no-prompt", ...PERMISSIONS, ...tested];
  for (const args of [["check", "--quiet", ...checked], test]) {
    const { output, success } = await runDeno(args, { folder });
    assertEquals(success, true, output);
  }
}

/** Test files of `cli/` that load its list of extensions. */
async function loadingTheList(): Promise<readonly string[]> {
  const files = filesBelow(join(ROOT, "cli")).filter((path) => path.endsWith("_test.ts"));
  const loading: string[] = [];
  for (const path of files) {
    const { output } = await runDeno(["info", "--json", path], { folder: ROOT });
    if (output.includes(`/${LIST}"`)) loading.push(relative(ROOT, path));
  }
  return loading;
}

const LOADING = await loadingTheList();

Deno.test("several tests of cli/ load the list of extensions", () => {
  assert(LOADING.includes("cli/command_line_test.ts"), LOADING.join());
});

Deno.test("without any one extension, and without all, the core's types and tests hold", async (t) => {
  using copy = new TempFolder();
  copyTo(copy.path);
  for (const gone of EXTENSIONS.map((name) => withDependents([name]))) {
    await t.step(
      `without ${gone.join(", ")}`,
      () =>
        without(
          gone,
          copy.path,
          () => holds(copy.path, ["cli/main.ts", "cli/run_main.ts"], LOADING),
        ),
    );
  }
  // All tests of the core take five minutes of a processor, and load no extension: `deno task test core`.
  await t.step(
    "without all",
    () => without(EXTENSIONS, copy.path, () => holds(copy.path, CORE_FOLDERS, ["cli"])),
  );
});
