/**
 * Helpers for tests of all members: running a script, reading its failure.
 *
 * Other workspace members use these exports:
 */
export { audited, auditedRegistry } from "./audited.ts";
export { runScript } from "./run_script.ts";
export { failureOf, memoryLoader, onlyOutcome } from "./test_support.ts";
export * from "../editor/_marked.ts";
export * from "../syntax/testing_edits.ts";
export * from "../syntax/testing_samples.ts";
