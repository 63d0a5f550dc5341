/** The words of messages, by which `dmalab explain` finds their rows. */
import { assert, assertEquals } from "@std/assert";
import { messagesWith } from "../kernel_log/find_messages.ts";
import { formOf } from "../kernel_log/messages/form.ts";
import { MESSAGE_AREAS } from "../kernel_log/messages/table.ts";

Deno.test("the words of every message find its row", () => {
  for (const row of MESSAGE_AREAS.flatMap(({ rows }) => rows)) {
    for (const form of row.forms) {
      const sample = formOf(form).sample();
      const found = messagesWith(sample);
      const words = form.replace(/\w*\{[^}]*\}\w*/g, " ").match(/[a-z0-9_]+/gi)?.length ?? 0;
      if (words < 2) continue;
      assert(found.some((each) => each.row === row), sample);
    }
  }
  assertEquals(messagesWith("nothing of the kind"), []);
  assertEquals(messagesWith("swiotlb"), []);
  assertEquals(messagesWith(""), []);
});
