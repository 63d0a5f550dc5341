/**
 * Checks of names, arguments and types of values before anything runs. `names/` resolves the names,
 * `types/` infers the types.
 *
 * Tests: `check_test.ts`, `tests/bad/`.
 *
 * Other workspace members use these exports:
 */
export { checkTypes } from "./types/statement_check.ts";
export { Resolution, Variable } from "./names/bindings.ts";
export { FileScope } from "./names/file_scope.ts";
export { Resolver } from "./names/resolve.ts";
