/**
 * The basis of all parts of the language: values and their types, operators, descriptions of
 * builtins, the registry, the interface of a machine.
 *
 * State: none. Tests: `operators_test.ts`, `registry_test.ts`.
 *
 * Other workspace members use these exports:
 */
export {
  C_FILE,
  type CLoader,
  type CModule,
  type CompileCache,
  type CompiledC,
  type LinesRun,
  type NotCompiled,
  type RegisterWatcher,
  type Stubs,
  type TreeSettings,
} from "./c_module.ts";
export { fieldsNamed, fieldType } from "./event_fields.ts";
export { isAddress, typeOf, typeText } from "./value_types.ts";
export {
  ACTIVITY_STEPS,
  DEFAULT_LIMITS,
  type LimitName,
  LIMITS,
  type Limits,
  limitsOf,
  type LimitSpec,
} from "./limits.ts";
export { describeValue } from "./operators.ts";
export type { RunObserver } from "./run_observer.ts";
export type { Question, WrongAnswer } from "./question.ts";
export type { Registry } from "./registry.ts";
export { causingDefects, withoutDefects } from "./causing_defects.ts";
export type {
  ExecutionContext,
  NativeFrame,
  NativeLine,
  NativePart,
  NativeValue,
  ShowStatement,
} from "./execution_context.ts";
export { LimitError, ScriptError } from "./script_error.ts";
export type {
  Arguments,
  CallContext,
  Contents,
  DataProblem,
  FieldSpec,
  FunctionSpec,
  HandleType,
  MethodSpec,
  ParameterSpec,
  Type,
} from "./spec.ts";
export { memberNames, typeAndTarget, typeChain, typeOfHandles } from "./types.ts";
export {
  BytesValue,
  Closure,
  EnumValue,
  Handle,
  ListValue,
  type Maker,
  Quantity,
  RecordValue,
  type Value,
} from "./value.ts";
export type { LabMachine } from "./lab_machine.ts";
export type { VariantSetting } from "./machine_variant.ts";
export type { DebugHooks } from "./execution_context.ts";
export * from "./limits.ts";
export * from "./spec.ts";
