/**
 * Leaks at the end of a test: each kind, and the snapshot that it is compared with.
 *
 * State: `Beginning` remembers what existed before the test. Proof: `test_leaks_test.ts`,
 * `lang/run/leaks_test.ts`.
 *
 * What other members use:
 */
export { LEAK_KINDS, type LeakKindEntry } from "./leak_kinds.ts";
export { Beginning, type TestLeak } from "./test_leaks.ts";
