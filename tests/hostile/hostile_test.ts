/** Scripts and inputs made to do harm: one case for each way in which they end. */
import { assert } from "@std/assert";
import { holdCases, WITNESSES } from "./hold_cases.ts";

Deno.test({
  name: "each hostile input ends by its own limit, in the time and the memory it was given",
  // The memory of a process is read from a file that only Linux has.
  ignore: Deno.build.os !== "linux",
  async fn(context) {
    assert(WITNESSES.length >= 20);
    await holdCases(context, WITNESSES);
  },
});
