import { assert, assertEquals, assertMatch } from "@std/assert";
import { TYPES } from "../builtins/mod.ts";
import { EVENT_NAMES } from "@dmalab/runtime";
import { describeBuiltin, describeLanguage, languageNames } from "./describe_name.ts";

/** Everything that `?name` and `dmalab explain` can be asked, members included. */
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

Deno.test("?type tells each member in a sentence, and those of the type it extends apart", () => {
  const lines = describeBuiltin("nvme", 80)!;
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  assertEquals(lines[0], "nvme: An NVMe controller with one disk.");
  assert(
    lines.includes("  .flush(…)                Makes written data durable (Flush)."),
    lines.join("\n"),
  );
  assert(at("  .queues ") < at("  .submit(op, …) "), "fields stand before methods");
  assert(at("  .remove()") < at("of every device:") && at("of every device:") < at("  .gather("));
  assertEquals(lines.at(-1), "Name a member, such as nvme.submit, for its full description");
  assert(lines.length <= 55, `${lines.length} lines`);
});

Deno.test("?inject describes the statement and the event, and ?iova.free the event alone", () => {
  const described = (name: string) => describeBuiltin(name, 80)!.join("\n");
  assertMatch(described("inject"), /^inject POINT \{ … \}\n[^]*\n\nevent inject: /);
  assertMatch(described("iova.free"), /^event iova\.free: /);
  assertEquals(described("inject").match(/a fault was injected/g)!.length, 1);
  // The same by `dmalab explain`, which has words of its own for events.
  assertEquals(describeLanguage("iova.free", 80), null);
});
