import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { allCommands, main } from "@dmalab/cli/program";
import { MemoryScreen } from "@dmalab/cli";
import { COMMANDS } from "./all_commands.ts";
import * as extensions from "./extensions.ts";
import "./provide.ts";

Deno.test("the table of commands has each record by its own name", async () => {
  for (const [name, load] of Object.entries(allCommands(Object.values(extensions)))) {
    assertEquals((await load()).name, name);
  }
  const names = COMMANDS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("every command's help stays within 60, 80 and 200 columns, and breaks no option", async () => {
  for (const columns of [60, 80, 200]) {
    const ofActions = COMMANDS.flatMap(({ actions = [], name }) =>
      actions.map((each) => [name, each.name, "--help"])
    );
    const ofCommands = COMMANDS.map(({ name }) => [name, "--help"]);
    for (const words of [["--help"], ...ofCommands, ...ofActions]) {
      const screen = new MemoryScreen(columns);
      assertEquals(await main(words, screen), 0);
      const lines = screen.output.trimEnd().split("\n").map((line) => line.trimEnd());
      assert(lines.length > 5);
      const wide = lines.filter((line) => line.length > columns || line.endsWith("["));
      assertEquals(wide, [], `${words.join(" ")} at ${columns}`);
    }
  }
});

Deno.test("options without brackets in a usage line are those that the command refuses to run without", async () => {
  const actions = COMMANDS.flatMap((whole) =>
    (whole.actions ?? [whole]).map((each) => ({
      words: each === whole ? [whole.name] : [whole.name, each.name],
      needed: Object.entries(each.options).flatMap(([name, { isNeeded }]) =>
        isNeeded ? [name] : []
      ),
    }))
  ).filter(({ needed }) => needed.length > 0);
  assertEquals(actions.map(({ needed, words }) => [...words, ...needed].join(" ")), [
    "trace show at",
  ]);
  for (const { needed, words } of actions) {
    const screen = new MemoryScreen();
    assertEquals(await main([...words, "trace.txt"], screen), 2);
    for (const name of needed) assertStringIncludes(screen.errors, `needs --${name}`);
    const help = new MemoryScreen();
    await main([...words, "--help"], help);
    assert(!help.output.includes(`[--${needed[0]}`), help.output);
    assertStringIncludes(help.output, `--${needed[0]} `);
  }
});

/** A newcomer's first attempts, and the end of the answer to each. */
const FIRST_WORDS: readonly (readonly [words: readonly string[], answer: string])[] = [
  [
    ["first.dma"],
    'There is no command "first.dma"; write "dmalab run first.dma" to run that scenario',
  ],
  [["first.txt"], 'There is no command "first.txt"; "dmalab --help" lists them'],
  [
    ["run", "lab/ring.c"],
    '"lab/ring.c" is C, not a scenario; in a .dma file `driver d = c "ring.c"` compiles it (docs/c-drivers.md)',
  ],
  [["test", "ring.h"], '"ring.h" is C, not a scenario; in a .dma file `driver d = c "ring.h"`'],
  [["init", "--add", "--driver", "mine"], "`--add` is not for `--driver`, which replaces no file"],
];

for (const [words, answer] of FIRST_WORDS) {
  Deno.test(`dmalab ${words.join(" ")} says what to write instead`, async () => {
    const screen = new MemoryScreen();
    assertEquals(await main(words, screen), 2);
    assertStringIncludes(screen.errors, `error: ${answer}`);
  });
}
