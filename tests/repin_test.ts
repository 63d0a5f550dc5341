import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { nearestPart } from "./repin/assert.ts";
import { runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

Deno.test("nearestPart() finds the words that are most like those that were there", () => {
  const text = "a mask of 30 bits does not cover the zone; the device is not translated";
  assertEquals(nearestPart(text, "does not reach the zone;"), "does not cover the zone;");
  assertEquals(nearestPart(text, "of 30 address bits does"), "of 30 bits does");
  assertEquals(nearestPart(text, "the device is translated"), "the device is not translated");
  assertEquals(nearestPart(text, "nothing of this is here at all"), null);
});

const BEFORE = `import { assertEquals, assertStringIncludes } from "@std/assert";
const check = (got: unknown, text: string) => assertEquals([got, 1], [text, 1]);
Deno.test("texts", () => {
  check("a new text", "an old " + "text");
  check("as it was", "as it was");
  assertEquals({ hint: ["one more"], code: 7 }, { hint: ["one"], code: 7 });
  assertStringIncludes("the pool is full: no slot is free", "the pool is empty: no slot");
});
`;

Deno.test("repin writes texts that have changed into the test, and nothing else", async () => {
  using folder = new TempFolder();
  const path = folder.at("texts_test.ts");
  const repin = async (text: string) => {
    Deno.writeTextFileSync(path, text);
    return await runDeno(["run", "-A", join(ROOT, "tests/repin_main.ts"), path], {
      folder: ROOT,
    });
  };
  const { success, output } = await repin(BEFORE);
  assert(success, output);
  const after = Deno.readTextFileSync(path);
  assertEquals(
    after,
    BEFORE.replace('"an old " + "text"', '"a new text"')
      .replace('hint: ["one"]', 'hint: ["one more"]')
      .replace("is empty: no slot", "is full: no slot"),
  );
  const failing = await repin(BEFORE.replace("code: 7 });", "code: 8 });"));
  assert(!failing.success);
  assertStringIncludes(failing.output, "1 failed");
});
