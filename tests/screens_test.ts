/** The table of screens is complete, and what it compares shows a terminal's mistakes. */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { COMMANDS } from "@dmalab/bin/all_commands";
import { hasPty } from "./pty.ts";
import { screensOf } from "./screens/run_screen.ts";
import { screenFile, SCREENS } from "./screens/screens.ts";
import { filesBelow, ROOT } from "./source_text.ts";

Deno.test("each command, and each action of one, has a row in the table of screens", () => {
  const all = COMMANDS.flatMap(({ actions, name }) =>
    actions === undefined ? [name] : actions.map((action) => `${name} ${action.name}`)
  );
  assertEquals([...new Set(SCREENS.map(({ command }) => command))].sort(), all.sort());
});

Deno.test("tests/screens/ has the screens of each row, and no others", () => {
  const texts = filesBelow(join(ROOT, "tests/screens")).filter((path) => path.endsWith(".txt"));
  assertEquals(texts.sort(), SCREENS.map(screenFile).sort());
});

/** The screens of a shell line, as those of a command. */
async function screensOfLine(line: string): Promise<string> {
  using folder = new TempFolder();
  const row = { name: "planted", command: "", words: "" };
  return await screensOf(row, () => folder.path, `sh -c '${line}' --`, {
    PATH: Deno.env.get("PATH")!,
  });
}

/** Output of a program that is right, and output with a mistake that a terminal shows. */
const MISTAKES = [
  [
    "a line of progress that stays",
    'printf "\\r\\033[2Kcase 3 of 9"; sleep 0.1; echo; echo done',
    "case 3 of 9\ndone",
  ],
  ["a result behind the progress", 'printf "\\rcase 3 of 9"; printf "\\rdone\\n"', "done 3 of 9"],
] as const;

for (const [name, line, shown] of MISTAKES) {
  Deno.test({
    name: `a screen shows ${name}`,
    ignore: !hasPty(),
    async fn() {
      const right = await screensOfLine(
        'test -t 1 && printf "\\rcase 3 of 9\\r\\033[2K"; echo done',
      );
      assertEquals(right.includes("case 3"), false, right);
      const text = await screensOfLine(`test -t 1 && { ${line}; }`);
      assertStringIncludes(text, `==== 80x24\n-- exit 0\n${shown}`);
    },
  });
}

Deno.test({
  name: "a code as text is refused, also where a later one clears the line",
  ignore: !hasPty(),
  async fn() {
    const line = 'test -t 1 && printf "␍␛[2Kcase 3 of 9\\r\\033[2Kdone\\n"';
    await assertRejects(() => screensOfLine(line), Error, "a code for the terminal as text");
  },
});

Deno.test({
  name: "codes for colours in a pipe are refused, and with NO_COLOR",
  ignore: !hasPty(),
  async fn() {
    const red = 'printf "\\033[31mred\\033[m\\n"';
    await assertRejects(() => screensOfLine(red), Error, "NO_COLOR has colours");
    await assertRejects(
      () => screensOfLine(`test -n "$NO_COLOR" || ${red}`),
      Error,
      "pipe has colours",
    );
  },
});
