/**
 * Leaks at the end of a test: the kinds of leaks, and the snapshot with which the end is compared.
 *
 * State: `Beginning` remembers what existed before the test. Tests: `test_leaks_test.ts`,
 * `lang/run/leaks_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { LEAK_KINDS, type LeakKindEntry } from "./leak_kinds.ts";
export { Beginning, type TestLeak } from "./test_leaks.ts";
