import { assertEquals } from "@std/assert";
import { CommandArchive, type CommandKeeper, keptBytes } from "./command_archive.ts";

Deno.test("a kept command stays as it was, whatever becomes of the tag's and of its neighbours", () => {
  const archive = new CommandArchive();
  const command = new Int32Array(16);
  const keepers: CommandKeeper[] = [];
  for (let number = 0; number < 200; number++) {
    command.fill(number);
    const keeper = { keptWords: null, keptAt: 0 };
    archive.keep(keeper, command);
    keepers.push(keeper);
  }
  for (const [number, { keptWords, keptAt }] of keepers.entries()) {
    const expected = new Uint8Array(new Int32Array(16).fill(number).buffer);
    assertEquals(keptBytes(keptWords!, keptAt), expected);
  }
  assertEquals(new Set(keepers.map(({ keptWords }) => keptWords)).size, 4);
});
