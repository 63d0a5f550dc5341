/** Finds a defect of the museum, given only its failing test, as docs/debugging.md describes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { Debugger } from "@dmalab/cli/debug";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { recordRun, runsOf } from "@dmalab/recording";
import { memoryFiles } from "@dmalab/lang/syntax";
import { codeBlocks } from "@dmalab/cli/scenario";
import { ROOT } from "@dmalab/tests";

const PAGE = "docs/debugging.md";
const HEADING = "A defect of the museum, in four commands";
const COLUMNS = 100;
const MAX_COMMANDS = 6;

function blocks() {
  const [scenario, transcript] = codeBlocks(PAGE, Deno.readTextFileSync(join(ROOT, PAGE)))
    .filter(({ heading }) => heading === HEADING);
  return { scenario: scenario!.code, transcript: transcript!.code };
}

function recordingOf(text: string) {
  const { program } = loadForDebugging(new SourceFile("lab.dma", text), memoryFiles({}));
  return recordRun(program!, runsOf(program!)[0]!);
}

/** The debugger's output for some typed lines, from the first prompt on. */
async function typed(text: string, lines: readonly string[]): Promise<string> {
  let screen = "";
  const tool = new Debugger(recordingOf(text), {
    lines: (async function* () {
      for (const line of lines) {
        screen += `${line}\n`;
        yield line;
      }
    })(),
    write: (text) => void (screen += text),
    prompt: (text) => void (screen += text),
  }, { colour: false, columns: COLUMNS });
  tool.start();
  screen = "";
  await tool.run();
  return screen;
}

Deno.test("a defect of the museum is found by :rewind, :who and :why as the page tells it", async () => {
  const { scenario, transcript } = blocks();
  const commands = [...transcript.matchAll(/^dma\[\S+\]> (.+)$/gm)].map(([, line]) => line!);
  assert(commands.length > 0 && commands.length <= MAX_COMMANDS, `${commands.length} commands`);
  for (const command of commands) assertMatch(command, /^:(?:rewind|who|why)\b/);
  const screen = await typed(scenario, commands);
  assertEquals(screen.replace(/\n[^\n]*$/, ""), transcript);
});

Deno.test("the test alone names the defect of the page, and without its switch there is none", () => {
  const { scenario } = blocks();
  const broken = recordingOf(scenario);
  assertEquals(broken.failure?.code, "E0901");
  // The two incidents come from the checker, not from the kernel. They are about an entry that is
  // data, and about the memory at which the entry points.
  assertEquals(broken.table("incidents").count, 2);
  assertEquals(recordingOf(scenario.replace(/ {2}quirks = .*\n/, "")).failure, null);
});
