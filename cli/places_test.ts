import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import { pathToFileURL } from "node:url";
import { newestMs } from "./places.ts";

Deno.test("the newest source is found beside a link that leads nowhere", () => {
  using folder = new TempFolder({ "below/a.ts": "", "notes.txt": "" });
  Deno.utimeSync(folder.at("below/a.ts"), 1000, 1000);
  Deno.symlinkSync("gone.ts", folder.at("link.ts"));
  assertEquals(newestMs(pathToFileURL(`${folder.path}/`)), 1_000_000);
  folder.write("b.ts", "");
  assert(newestMs(pathToFileURL(`${folder.path}/`)) > 1_000_000);
});
