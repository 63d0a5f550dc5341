/** What other members use of `lang/check`. */
export { checkTypes } from "./types/check_types.ts";
export { literalValue } from "./types/constant_value.ts";
export { Resolution, Variable } from "./names/bindings.ts";
export { FileScope } from "./names/file_scope.ts";
export { Resolver } from "./names/resolve.ts";
