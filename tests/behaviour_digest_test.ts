/**
 * What hundreds of random machines come to, event by event, against a table; tests/examples_test.ts
 * does it for the examples.
 *
 * It finds a change that was not meant, and says nothing about right or wrong: a change that was meant
 * changes the table too (`deno task digest --update`). What is right, other tests say.
 */
import { assertEquals } from "@std/assert";
import { EXAMPLE_WORLDS } from "./digest/examples_world.ts";
import { digestOf, readTable } from "./digest/table.ts";
import { WORLDS } from "./digest/worlds.ts";

const ALL = [...WORLDS, ...EXAMPLE_WORLDS];
const TABLE = readTable();

for (const machine of WORLDS) {
  Deno.test(`${machine.name} comes to what it came to before`, () => {
    assertEquals(
      digestOf(machine),
      TABLE[machine.name],
      `where it differs: deno task digest "${machine.name}" --against ANOTHER_CHECKOUT; ` +
        "if that was meant: deno task digest --update",
    );
  });
}

Deno.test("the table has every run, and no other", () => {
  assertEquals(Object.keys(TABLE), ALL.map(({ name }) => name));
});
