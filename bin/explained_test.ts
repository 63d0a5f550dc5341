/** The names that extensions add to `dmalab explain`. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "@dmalab/cli/program";
import { MemoryScreen } from "@dmalab/cli";
import { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
import * as extensions from "./extensions.ts";
import type { Extension } from "@dmalab/cli/extend";
import "./provide.ts";

const EXTENSIONS: readonly Extension[] = Object.values(extensions);

async function explained(name: string): Promise<string> {
  const screen = new MemoryScreen();
  assertEquals(await main(["explain", name], screen), 0, `${name}: ${screen.errors}`);
  return screen.output;
}

Deno.test("dmalab explain knows the codes of every extension", async () => {
  const codes = EXTENSIONS.flatMap(({ codes = {} }) => Object.entries(codes));
  assert(codes.length > 10, `${codes.length} codes`);
  for (const [code, { title, explanation, example }] of codes) {
    assertStringIncludes(await explained(code), title.split(" ")[0]!);
    assert(explanation.length > 80 && example !== "", code);
    assert(!(code in DIAGNOSTIC_CODES), `${code} is a diagnostic of scripts already`);
  }
});

Deno.test("every word of an extension leads to names that dmalab explains", async () => {
  const rows = EXTENSIONS.flatMap(({ words = [] }) => words);
  assert(rows.length > 3, `${rows.length} rows`);
  const words = rows.flatMap((row) => row.words.map((word) => word.toLowerCase()));
  assertEquals(words.length, new Set(words).size);
  for (const { see, words } of rows) {
    await explained(words[0]!);
    for (const name of see) await explained(name);
  }
});
