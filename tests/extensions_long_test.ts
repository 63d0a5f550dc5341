/**
 * Each extension can be taken away: its folder, and its line of `cli/commands.ts`. The core's types and
 * the tests of `cli/`, which alone loads that list, hold without it; without all of them those of the
 * whole core do. One that others need, by the arrows of docs/dev/architecture.md, takes them along.
 */
import { assertEquals } from "@std/assert";
import { basename, join } from "node:path";
import { runDeno } from "./deno_process.ts";
import { CORE_FOLDERS, filesBelow, members, ROOT } from "./source_text.ts";
import { drawnArrows } from "./street.ts";

const LIST = "cli/commands.ts";
const EXTENSIONS = members().filter((member) => member.startsWith("extensions/"))
  .map((folder) => basename(folder));
const PERMISSIONS = ["-R", "-W", "--allow-run", "--allow-env", "--allow-sys", "--allow-net"];

/** Extensions, and those that need them. */
function withDependents(gone: readonly string[]): readonly string[] {
  const more = drawnArrows().filter(({ from, to }) => gone.includes(to) && !gone.includes(from))
    .map(({ from }) => from).filter((name) => EXTENSIONS.includes(name));
  return more.length === 0 ? gone : withDependents([...new Set([...gone, ...more])]);
}

/** The project without some extensions, with links to what is neither core nor extension. */
function copyWithout(gone: readonly string[], folder: string): void {
  for (const { name } of Deno.readDirSync(ROOT)) {
    if (CORE_FOLDERS.includes(name) || /^(?:extensions|dist|\.git)$/.test(name)) continue;
    Deno.symlinkSync(join(ROOT, name), join(folder, name));
  }
  const kept = EXTENSIONS.filter((name) => !gone.includes(name)).map((name) =>
    `extensions/${name}`
  );
  for (const path of [...CORE_FOLDERS, ...kept].flatMap((each) => filesBelow(join(ROOT, each)))) {
    const target = join(folder, path.slice(ROOT.length));
    Deno.mkdirSync(join(target, ".."), { recursive: true });
    Deno.copyFileSync(path, target);
  }
  const lines = Deno.readTextFileSync(join(ROOT, LIST)).split("\n");
  const left = lines.filter((line) => !gone.some((name) => line.includes(`@dmalab/${name}/`)));
  assertEquals(lines.length - left.length, gone.length, `one line of ${LIST} for each`);
  Deno.writeTextFileSync(join(folder, LIST), left.length > 2 ? left.join("\n") : "export {};\n");
}

async function holds(gone: readonly string[], tested: readonly string[]): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "dmalab-" }));
  try {
    copyWithout(gone, folder);
    for (
      const args of [["check", "--quiet", ...CORE_FOLDERS], [
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

for (const name of EXTENSIONS) {
  const gone = withDependents([name]);
  Deno.test(`without ${gone.join(", ")} the core's types and the tests of cli/ hold`, async () => {
    await holds(gone, ["cli"]);
  });
}

Deno.test("without any extension the core's types and tests hold", async () => {
  await holds(EXTENSIONS, CORE_FOLDERS);
});
