import { TempFolder } from "../temp_folder.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { CannotMeasure } from "@dmalab/cli/bench";
import { measureRepeatedly } from "./repeated.ts";

Deno.test("--save refuses a file that it did not write, and a folder that is not there, before it measures", async () => {
  using folder = new TempFolder();
  const save = folder.write("notes.md", "# Notes");
  const measure = (save: string) => measureRepeatedly(["iova"], { against: null, save });
  await assertRejects(() => measure(save), CannotMeasure, "was not written by --save");
  await assertRejects(
    () => measure(folder.at("none/a.json")),
    CannotMeasure,
    "there is no folder",
  );
  assertEquals(Deno.readTextFileSync(save), "# Notes");
});
