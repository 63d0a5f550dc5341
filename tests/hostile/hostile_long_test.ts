/** Scripts and inputs that are made to do harm: all other cases. */
import { assert } from "@std/assert";
import { holdCases, OTHERS } from "./hold_cases.ts";

Deno.test({
  name:
    "each hostile input of the others ends by its own limit, in the time and the memory it was given",
  // What a process takes is read from the files of Linux.
  ignore: Deno.build.os !== "linux",
  async fn(context) {
    assert(OTHERS.length > 200);
    await holdCases(context, OTHERS);
  },
});
