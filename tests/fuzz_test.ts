/** A small part of `deno task script fuzz`. */
import { assertEquals } from "@std/assert";
import { readArguments } from "./fuzz/calls/argument_corpus.ts";
import { fewest } from "./checks/check.ts";
import { emptyTally, playCalls } from "./fuzz/calls/call_run.ts";
import { fuzzTests } from "./fuzz/fuzz_tests.ts";

fuzzTests("short", { answeredShare: 0.5, slipStep: 1_997 });

Deno.test("a session of calls is the same every time, and its problem has the fewest inputs", () => {
  const corpus = readArguments();
  const [one, other] = [emptyTally(), emptyTally()];
  for (const tally of [one, other]) assertEquals(playCalls(7, 3, corpus, tally), null);
  assertEquals(one, other);
  const isLarge = (inputs: readonly string[]) => inputs.includes("a") && inputs.includes("c");
  assertEquals(fewest(["x", "a", "b", "y", "c", "z"], isLarge), ["a", "c"]);
});
