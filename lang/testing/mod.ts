/** What other members use of `lang/testing`. */
export { audited, auditedRegistry } from "./audited.ts";
export { runScript } from "./run_script.ts";
export { failureOf, memoryLoader, onlyOutcome } from "./test_support.ts";
