import { assert, assertEquals } from "@std/assert";
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
