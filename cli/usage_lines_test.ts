import { assertEquals } from "@std/assert";
import { withUsage } from "./usage_lines.ts";

const HELP = `Bakes.
Usage: kitchen bake [--hot] [
       --pie TEXT
       ] [--on DAY
       OF-WEEK] DISH

Bakes what it is given.`;

Deno.test("withUsage() breaks a usage between its options, whatever was broken before", () => {
  assertEquals(
    withUsage(HELP, 40),
    `Bakes.
Usage: kitchen bake [--hot] [--pie TEXT]
       [--on DAY OF-WEEK] DISH

Bakes what it is given.`,
  );
  const [, one] = withUsage(HELP, 200).split("\n");
  assertEquals(one, "Usage: kitchen bake [--hot] [--pie TEXT] [--on DAY OF-WEEK] DISH");
  // Colours take no room, and their own brackets open nothing.
  const coloured = HELP.replace("Usage:", "\x1b[1mUsage:\x1b[0m").replace(
    "--hot",
    "\x1b[3m--hot\x1b[0m",
  );
  // deno-lint-ignore no-control-regex
  assertEquals(withUsage(coloured, 40).replaceAll(/\x1b\[\dm/g, ""), withUsage(HELP, 40));
  assertEquals(withUsage("No such line", 40), "No such line");
});
