/** Each page that a command writes has a picture in `deno task script look`, or a test that looks at it. */
import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "@dmalab/bin/all_commands";
import { ROOT } from "@dmalab/tests";
import { join } from "node:path";
import { LOOKED_AT_BY, PAGES } from "./web/looks.ts";

/** `COMMAND --OPTION` for each option with which a command writes a page. */
function writers(): readonly string[] {
  return COMMANDS.flatMap(({ name, options }) =>
    Object.entries(options).filter(([, { doc }]) => /\bpages?\b|\.html\b/i.test(doc))
      .map(([option]) => `${name} --${option}`)
  );
}

Deno.test("each option that writes a page has a row in the table of pages", () => {
  const found = writers();
  assert(found.includes("report --out") && found.includes("test --report"), found.join());
  const pictures = PAGES.flatMap(({ commands }) => commands);
  const missing = found.filter((writer) => {
    const [command, option] = writer.split(" ") as [string, string];
    // `-o` is the short form of `--out`.
    const forms = option === "--out" ? ["-o", option] : [option];
    return !Object.hasOwn(LOOKED_AT_BY, writer) &&
      !pictures.some((line) =>
        line.startsWith(`${command} `) && forms.some((form) => line.split(" ").includes(form))
      );
  });
  assertEquals(missing, [], "write a row in extensions/page/tests/web/looks.ts");
});

Deno.test("the tests that look at other pages are there, and their options too", () => {
  const found = writers();
  for (const [writer, test] of Object.entries(LOOKED_AT_BY)) {
    assert(found.includes(writer), `${writer} is no option that writes a page`);
    assert(Deno.statSync(join(ROOT, test)).isFile);
  }
});
