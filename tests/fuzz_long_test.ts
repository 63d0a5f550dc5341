/** A larger part of `deno task fuzz` than the short suite has. */
import { fuzzTests } from "./fuzz/fuzz_tests.ts";

fuzzTests({ cases: 3_000, calls: 8_000, answeredShare: 0.8, slipStep: 197, generated: 200 });
