import { assert } from "@std/assert";
import { REFERENCE_COMMAND } from "./builtins_page.ts";
import { withProfiles, withReleaseTables } from "./releases.ts";

const readPage = (name: string) =>
  Deno.readTextFileSync(new URL(`../../docs/${name}`, import.meta.url));

Deno.test("what the pages say of releases is what the table of behaviours says", () => {
  for (
    const [name, written] of [
      ["language/declarations.md", withProfiles],
      ["rules/defects.md", withReleaseTables],
    ] as const
  ) {
    const page = readPage(name);
    assert(page === written(page), `docs/${name} is old: ${REFERENCE_COMMAND}`);
  }
});
