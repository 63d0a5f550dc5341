import { assert, assertEquals } from "@std/assert";
import { isInside, shortPath } from "./paths.ts";

Deno.test("isInside() is not fooled by a folder whose name begins alike", () => {
  assert(isInside("/lab/a.dma", "/lab"));
  assert(isInside("/lab", "/lab"));
  assert(isInside("/anything", "/"));
  assert(!isInside("/laboratory/a.dma", "/lab"));
  // Except on Windows, a name may contain a backslash.
  assert(Deno.build.os === "windows" || !isInside("/lab\\a.dma", "/lab"));
});

Deno.test("shortPath() shortens what lies in the folder and nothing else", () => {
  assertEquals(shortPath("/lab/sub/a.dma", "/lab"), "sub/a.dma");
  assertEquals(shortPath("/other/a.dma", "/lab"), "/other/a.dma");
  assertEquals(shortPath("/lab/a.dma", ""), "/lab/a.dma");
});
