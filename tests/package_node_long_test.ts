/** The installed package on Node: the tests of the command line, of the terminal and of the adapter. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { builtPackage } from "./built_package.ts";
import { codeBlocks } from "../cli/scenario/code_blocks.ts";
import { runDeno } from "./deno_process.ts";
import { ResidentNode, TEST_PROGRAM } from "./dmalab_program.ts";
import { nodeRelease } from "./node_releases.ts";
import { jobOf } from "./running/lanes.ts";
import type { World } from "./running/sizes.ts";
import { filesBelow, ROOT } from "./source_text.ts";
import { blankAnsi } from "./text.ts";
import { place, readTranscript, transcriptWords } from "./transcripts.ts";

/** Both sizes of each file. */
const SUITE: World = {
  name: "command line",
  files: ["cli", "dap_process", "debugger_screen", "repl_session", "terminal", "test_command"]
    .map((name) => `tests/${name}_test.ts`),
  filter: null,
  seconds: 0,
};

/** For the module of the suite, and for some hundred starts of one program: Node 22 compiles it once. */
const SHARED = Deno.makeTempDirSync({ prefix: "dmalab-node-" });
globalThis.addEventListener("unload", () => Deno.removeSync(SHARED, { recursive: true }));

for (const major of [20, 22]) {
  Deno.test(`the command-line tests hold for the package on Node ${major}`, async () => {
    const program = `${nodeRelease(major)} ${join(builtPackage(), "bin.js")}`;
    const { args } = jobOf(SUITE, SHARED, []);
    const { code, output } = await runDeno(args, {
      folder: ROOT,
      env: { [TEST_PROGRAM]: program, NODE_COMPILE_CACHE: join(SHARED, "compiled") },
    });
    assertEquals(code, 0, output);
  });
}

Deno.test("where Node gives a worker no signals, Ctrl-C ends the process by itself", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-signals-" });
  try {
    const preload = join(folder, "preload.cjs");
    Deno.writeTextFileSync(preload, "process.binding = () => { throw new Error(); };\n");
    // What is said of a wrong file is written at once.
    Deno.writeTextFileSync(join(folder, "before.dma"), "let\n");
    Deno.writeTextFileSync(join(folder, "endless.dma"), 'test "never ends" { while true { } }\n');
    const program = ["--require", preload, join(builtPackage(), "bin.js")];
    const limits = ["--max-steps=1_000_000_000_000", "--max-time=300"];
    const { code, signal } = await runDeno(
      [...program, "run", ...limits, folder],
      { command: "node", folder: ROOT, interruptAfter: "error[" },
    );
    assertEquals([code, signal], [130, "SIGINT"]);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

/** Pages about drivers in C, which Node does not run. */
const DENO_PAGES = ["docs/c-drivers.md"];

const TRANSCRIPTS = [
  "README.md",
  ...filesBelow(join(ROOT, "docs")).map((path) => path.slice(ROOT.length)),
].filter((page) => page.endsWith(".md")).flatMap((page) =>
  codeBlocks(page, Deno.readTextFileSync(join(ROOT, page)))
).filter(({ language }) => language === "console");

Deno.test("the package on Node prints every transcript of the pages, byte for byte", async (t) => {
  const folder = builtPackage();
  const resident = new ResidentNode("node", folder);
  for (const block of TRANSCRIPTS) {
    for (const { command, output } of readTranscript(block)) {
      await t.step(`${place(block)} ${command}`, async () => {
        const words = transcriptWords(command);
        const both = DENO_PAGES.includes(block.page)
          ? await runOnDeno(join(folder, "bin.js"), words)
          : (await resident.run(words)).both;
        assertEquals(blankAnsi(both).trimEnd(), output);
      });
    }
  }
  await resident.end();
});

async function runOnDeno(program: string, words: readonly string[]): Promise<string> {
  // In the order in which the two streams are written.
  const { stdout } = await new Deno.Command("sh", {
    args: [
      "-c",
      '"$@" 2>&1',
      "sh",
      Deno.execPath(),
      "run",
      "-R",
      "-W",
      "--allow-run",
      // Where what is compiled is kept.
      "--allow-env=XDG_CACHE_HOME,HOME",
      program,
      ...words,
    ],
    cwd: ROOT,
  }).output();
  return new TextDecoder().decode(stdout);
}
