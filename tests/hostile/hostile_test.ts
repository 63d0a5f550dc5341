/** Scripts and inputs that are made to do harm: one case for each way to end. */
import { assert } from "@std/assert";
import { holdCases, WITNESSES } from "./hold_cases.ts";

Deno.test({
  name: "each hostile input ends by its own limit, in the time and the memory it was given",
  // What a process takes is read from the files of Linux.
  ignore: Deno.build.os !== "linux",
  async fn(context) {
    assert(WITNESSES.length >= 20);
    await holdCases(context, WITNESSES);
  },
});
