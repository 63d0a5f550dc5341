/**
 * Reviews of strangers' patches and trees, and benches and reports in folders of strangers. Nothing outside of
 * these folders may be read or started.
 */
import { processesBelow, runningProcesses, TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { doAll, SECRET } from "./places.ts";
import { ROOT } from "../source_text.ts";
import { Attacked, HALVED, TOY, TREE_ATTACKS } from "./tree_attacks.ts";

Deno.test({
  name:
    "no stranger's patch or tree has a file outside read, starts a program, or is fine where nothing ran (long)",
  // Not run on Windows: the system's own git creates the patches with links and modes.
  ignore: Deno.build.os === "windows",
  async fn(context) {
    using folder = new TempFolder();
    const attacked = TREE_ATTACKS.map(({ make }, index) => {
      const at = new Attacked(folder.at(`${index}`));
      make?.(at);
      // Creating the case may itself have started a program that leaves the marker.
      if (existing(at.marker)) Deno.removeSync(at.marker);
      return at;
    });
    const todo = TREE_ATTACKS.map(({ words }, index) => ({
      folder: attacked[index]!.folder,
      words,
    }));
    const done = await doAll(todo, folder.path);
    for (const [index, { code, name, says = [] }] of TREE_ATTACKS.entries()) {
      const { errors, exitCode, output } = done[index]!;
      const said = `${output}${errors}`;
      await context.step(name, () => {
        assertEquals(exitCode, code, said.slice(0, 3000));
        for (const text of says) {
          assert(said.includes(text), `no "${text}" in:\n${said.slice(0, 3000)}`);
        }
        for (const text of [SECRET, SECRET.replaceAll("-", "_"), "E0999"]) {
          assert(!said.includes(text), `"${text}" in:\n${said.slice(0, 3000)}`);
        }
        assertEquals(existing(attacked[index]!.marker), false, "a program was started");
      });
    }
  },
});

function existing(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** How a dmalab process in an attacked folder ends. */
async function processOf(
  { folder }: Attacked,
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  work: (child: Deno.ChildProcess) => Promise<void> = () => Promise.resolve(),
) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `${ROOT}/bin/main.ts`, ...words],
    cwd: folder,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await work(child);
  const { code, stderr, stdout } = await child.output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  return { code, text };
}

const REVIEW = ["review", "tree", "x.mbox", "--scenario", "toy.dma"];

Deno.test("a temporary folder in a repository, and variables of git, change nothing of a review", async () => {
  using folder = new TempFolder();
  const at = halved(folder.at("a"));
  const other = new Attacked(folder.at("b"));
  other.commits();
  Deno.mkdirSync(other.at("tree/tmp"));
  const elsewhere = other.at("tree/.git");
  const cases: readonly Readonly<Record<string, string>>[] = [
    { TMPDIR: other.at("tree/tmp") },
    { GIT_DIR: elsewhere, GIT_WORK_TREE: other.at("tree"), GIT_INDEX_FILE: `${elsewhere}/index` },
    { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "diff.noprefix", GIT_CONFIG_VALUE_0: "true" },
    { GIT_EXTERNAL_DIFF: at.program("program"), GIT_PAGER: at.program("program") },
  ];
  for (const env of cases) {
    const { code, text } = await processOf(at, REVIEW, env);
    assertEquals(code, 1, text);
    assert(text.includes("| 1 file, 2 changed lines of C"), text);
    assert(text.includes("verdict | 1 defect"), text);
  }
  assertEquals(existing(at.marker), false);
  assertEquals([...Deno.readDirSync(other.at("tree/tmp"))], []);
});

Deno.test("a signal leaves no temporary folder, and no git", async () => {
  using folder = new TempFolder();
  const at = halved(folder.at("a"));
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
    Deno.mkdirSync(at.at("tmp"));
    // A git that waits: the temporary folder exists during that time.
    at.write("bin/git", "#!/bin/sh\nexec sleep 20\n", 0o755);
    const env = { TMPDIR: at.at("tmp"), PATH: `${at.at("bin")}:${Deno.env.get("PATH")}` };
    let below: readonly number[] = [];
    const ended = await processOf(at, REVIEW, env, async (child) => {
      const isThere = () => [...Deno.readDirSync(at.at("tmp"))].length > 0;
      while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
      await new Promise((resolve) => setTimeout(resolve, 200));
      below = processesBelow(child.pid);
      child.kill(signal);
    });
    assertEquals(ended.code, code, ended.text);
    assertEquals(below.length > 0, true);
    // A program that was told to end may take a moment.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const running = runningProcesses();
    assertEquals(below.filter((pid) => running.has(pid)), [], signal);
    assertEquals([...Deno.readDirSync(at.at("tmp"))], [], signal);
    Deno.removeSync(at.at("tmp"));
  }
});

/** A folder with a patch that halves the size of an unmap. */
function halved(folder: string): Attacked {
  const at = new Attacked(folder);
  at.patch("x.mbox", () => at.edit(TOY, HALVED));
  return at;
}
