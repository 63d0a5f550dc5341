import { ROOT } from "./source_text.ts";
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";

Deno.test("each area of commits in CONTRIBUTING.md is a folder, and stands once", () => {
  const page = Deno.readTextFileSync(join(ROOT, "CONTRIBUTING.md"));
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| \[([^\]]+)\]\(([^)]+)\) +\|$/gm)];
  assert(rows.length >= 20, `${rows.length} areas`);
  assertEquals(new Set(rows.map(([, area]) => area)).size, rows.length);
  for (const [, area, name, folder] of rows) {
    assertEquals(name, folder, area);
    assert(Deno.statSync(join(ROOT, folder!)).isDirectory, area);
  }
});
