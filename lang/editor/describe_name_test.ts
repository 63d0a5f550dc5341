import { assert, assertEquals, assertMatch } from "@std/assert";
import { TYPES } from "../builtins/mod.ts";
import { EVENT_NAMES } from "@dmalab/runtime";
import { describeBuiltin, describeLanguage, languageNames } from "./describe_name.ts";

/** All names for `?name` and `dmalab explain`, members included. */
const NAMES = new Set([
  ...languageNames(),
  ...EVENT_NAMES,
  ...[...TYPES.values()].flatMap((type) =>
    [...type.methods ?? [], ...type.fields()].map(({ name }) => `${type.name}.${name}`)
  ),
]);

Deno.test("what is said of a name fits a terminal of 80 columns, examples included", () => {
  assert(NAMES.size > 1000);
  const wide = [...NAMES].flatMap((name) =>
    (describeBuiltin(name, 80) ?? []).filter((line) => [...line].length > 80)
  );
  assertEquals([...new Set(wide)], []);
});

Deno.test("?inject describes the statement and the event, and ?iova.free the event alone", () => {
  const described = (name: string) => describeBuiltin(name, 80)!.join("\n");
  assertMatch(described("inject"), /^inject POINT \{ … \}\n[^]*\n\nevent inject: /);
  assertMatch(described("iova.free"), /^event iova\.free: /);
  assertEquals(described("inject").match(/a fault was injected/g)!.length, 1);
  // `dmalab explain` describes events elsewhere.
  assertEquals(describeLanguage("iova.free", 80), null);
});
