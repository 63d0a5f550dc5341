/** What other members use of `lang/check`. */
export { checkKinds } from "./kinds/check_kinds.ts";
export { literalValue } from "./kinds/constant_value.ts";
export { Resolution, Variable } from "./names/bindings.ts";
export { FileScope } from "./names/file_scope.ts";
export { Resolver } from "./names/resolve.ts";
