import { assert, assertEquals } from "@std/assert";
import { Random } from "@dmalab/runtime";
import { NewestMap } from "./newest_map.ts";

Deno.test("a map of 8 has the newest, also when keys are written again and deleted in between", () => {
  const random = new Random(4);
  const dropped: string[] = [];
  const map = new NewestMap<string>(8, (key, value) => dropped.push(`${key} ${value}`));
  const entries: [number, string][] = [];
  const gone: string[] = [];
  for (let turn = 0; turn < 5000; turn++) {
    const key = random.below(20);
    const index = entries.findIndex(([each]) => each === key);
    if (index >= 0) entries.splice(index, 1);
    // In the first half of each 1000 turns, almost all turns write, so that entries are dropped. In
    // the second half, every other turn deletes.
    if (random.below(turn % 1000 < 500 ? 50 : 2) > 0) {
      map.set(key, `${turn}`);
      entries.push([key, `${turn}`]);
      if (entries.length > 8) gone.push(entries.shift()!.join(" "));
    } else assertEquals(map.delete(key), index >= 0);
    assertEquals([...map], entries);
  }
  assert(gone.length > 500, `${gone.length}`);
  assertEquals(dropped, gone);
  assertEquals(map.dropped, gone.length);
});
