import { assertEquals } from "@std/assert";
import { CommandArchive, type NvmeRequest } from "./request.ts";

Deno.test("a kept command stays as it was, whatever becomes of the tag's and of its neighbours", () => {
  const archive = new CommandArchive();
  const command = new Int32Array(16);
  const keepers: Pick<NvmeRequest, "keptAt" | "keptWords">[] = [];
  for (let number = 0; number < 200; number++) {
    command.fill(number);
    const keeper = { keptWords: null, keptAt: 0 };
    archive.keep(keeper, command);
    keepers.push(keeper);
  }
  for (const [number, { keptWords, keptAt }] of keepers.entries()) {
    const expected = new Uint8Array(new Int32Array(16).fill(number).buffer);
    assertEquals(new Uint8Array(keptWords!.slice(keptAt, keptAt + 16).buffer), expected);
  }
  assertEquals(new Set(keepers.map(({ keptWords }) => keptWords)).size, 4);
});
