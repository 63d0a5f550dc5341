/** Scripts and inputs made to do harm: all cases that the short suite leaves out. */
import { assert } from "@std/assert";
import { holdCases, OTHERS } from "./hold_cases.ts";

Deno.test({
  name:
    "each hostile input of the others ends by its own limit, in the time and the memory it was given",
  // The memory of a process is read from a file that only Linux has.
  ignore: Deno.build.os !== "linux",
  async fn(context) {
    assert(OTHERS.length > 200);
    await holdCases(context, OTHERS);
  },
});
