import { assert } from "@std/assert";
import { keyName, MACHINE_KEYS, MACHINE_SCHEMA } from "@dmalab/lang";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { withMachineKeys } from "./machine_keys.ts";

const PAGE = Deno.readTextFileSync(new URL("../../docs/language/declarations.md", import.meta.url));

Deno.test("the keys and blocks of docs/language/declarations.md are what the rows say", () => {
  assert(
    PAGE === withMachineKeys(PAGE),
    `docs/language/declarations.md is old: ${REFERENCE_COMMAND}`,
  );
  for (const each of MACHINE_KEYS) {
    const names = [keyName(each), `FUNCTION.${each.spec.key}`, `DEVICE.${each.spec.key}`];
    assert(names.some((name) => PAGE.includes(`\n| \`${name}\` |`)), keyName(each));
  }
  for (const { keyword } of MACHINE_SCHEMA.blocks.values()) {
    assert(PAGE.includes(`\n| \`${keyword}`));
  }
});
