/**
 * Each extension can be taken away: its folder, and its line of `cli/commands.ts`. The core's types and
 * the tests that load that list hold without it, and those of all of `cli/` without all of them: to the
 * other tests nothing has changed. One that others need, by the arrows of docs/dev/architecture.md, takes
 * them along.
 */
import { members } from "@dmalab/tools/members";
import { assert, assertEquals } from "@std/assert";
import { basename, join, relative } from "node:path";
import { runDeno } from "./deno_process.ts";
import { CORE_FOLDERS, filesBelow, ROOT } from "./source_text.ts";
import { drawnArrows } from "./member_arrows.ts";

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

/** The project without some extensions. What was captured is only read, and large: a link. */
function copyWithout(gone: readonly string[], folder: string): void {
  const leftOut = [GOLDEN, ...gone.map((name) => `extensions/${name}`)];
  const top = [...Deno.readDirSync(ROOT)].map(({ name }) => name)
    .filter((name) => name !== ".git" && name !== "dist");
  for (const each of top.flatMap((name) => filesBelow(join(ROOT, name)))) {
    const path = each.slice(ROOT.length);
    if (leftOut.some((out) => path.startsWith(`${out}/`))) continue;
    Deno.mkdirSync(join(folder, path, ".."), { recursive: true });
    Deno.copyFileSync(join(ROOT, path), join(folder, path));
  }
  Deno.symlinkSync(join(ROOT, GOLDEN), join(folder, GOLDEN));
  const lines = Deno.readTextFileSync(join(ROOT, LIST)).split("\n");
  const left = lines.filter((line) => !gone.some((name) => line.includes(`@dmalab/${name}/`)));
  assertEquals(lines.length - left.length, gone.length, `one line of ${LIST} for each`);
  Deno.writeTextFileSync(join(folder, LIST), left.length > 2 ? left.join("\n") : "export {};\n");
}

/** @param checked Modules or folders whose types are checked; those that they import are, too. */
async function holds(
  gone: readonly string[],
  checked: readonly string[],
  tested: readonly string[],
): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "dmalab-" }));
  try {
    copyWithout(gone, folder);
    for (
      const args of [["check", "--quiet", ...checked], [
        "test",
        "--no-check",
        "--no-prompt",
        ...PERMISSIONS,
        ...tested,
      ]]
    ) {
      const { output, success } = await runDeno(args, { folder });
      assertEquals(success, true, `without ${gone.join(", ")}: ${output}`);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
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

for (const name of EXTENSIONS) {
  const gone = withDependents([name]);
  Deno.test(`without ${gone.join(", ")} the core's types and the tests of its list hold`, async () => {
    await holds(gone, ["cli/main.ts", "cli/run_main.ts"], LOADING);
  });
}

// All tests of the core take five minutes of a processor, and load no extension: `deno task test core`.
Deno.test("without any extension the core's types and the tests of cli/ hold", async () => {
  await holds(EXTENSIONS, CORE_FOLDERS, ["cli"]);
});
