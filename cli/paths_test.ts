import { assert, assertEquals } from "@std/assert";
import { folderOf, isInside, joinPath, shortPath } from "./paths.ts";

Deno.test("joinPath() resolves . and .. and stops at the top", () => {
  assertEquals(joinPath("/a/b", "c.dma"), "/a/b/c.dma");
  assertEquals(joinPath("/a/b", "./lib/../c.dma"), "/a/b/c.dma");
  assertEquals(joinPath("/a/b", "../../x.dma"), "/x.dma");
  assertEquals(joinPath("/", "x"), "/x");
});

Deno.test("folderOf() climbs to the root and stays there", () => {
  assertEquals(folderOf("/a/b.dma"), "/a");
  assertEquals(folderOf("/a"), "/");
  assertEquals(folderOf("/"), "/");
});

Deno.test("isInside() is not fooled by a folder whose name begins alike", () => {
  assert(isInside("/lab/a.dma", "/lab"));
  assert(isInside("/lab", "/lab"));
  assert(isInside("/anything", "/"));
  assert(!isInside("/laboratory/a.dma", "/lab"));
});

Deno.test("shortPath() shortens what lies in the folder and nothing else", () => {
  assertEquals(shortPath("/lab/sub/a.dma", "/lab"), "sub/a.dma");
  assertEquals(shortPath("/other/a.dma", "/lab"), "/other/a.dma");
  assertEquals(shortPath("/lab/a.dma", ""), "/lab/a.dma");
});
