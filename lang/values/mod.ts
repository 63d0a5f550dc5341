/** What other members use of `lang/values`. */
export {
  C_FILE,
  type CLoader,
  type CModule,
  type CompiledC,
  type CShelf,
  type LinesRun,
  type NotCompiled,
  type Stubs,
  type TreeSettings,
} from "./c_module.ts";
export { fieldKind, fieldsNamed } from "./event_fields.ts";
export { describeKind, isAddress, kindOf } from "./kinds.ts";
export { ACTIVITY_STEPS, CLOCK_TIMES, DEFAULT_LIMITS, type Limits } from "./limits.ts";
export { describeValue } from "./operators.ts";
export type { Question, WrongAnswer } from "./question.ts";
export type { Registry } from "./registry.ts";
export { remediesAmong, withoutQuirks } from "./remedies.ts";
export type { Follower, ForeignLine, Run, Shown } from "./run.ts";
export { LimitError, ScriptError } from "./script_error.ts";
export {
  type Arguments,
  CALL_CONTEXTS,
  type CallContext,
  type Contents,
  type DataProblem,
  type FieldSpec,
  type FunctionSpec,
  type Kind,
  type MethodSpec,
  type ParameterSpec,
  type TypeSpec,
} from "./spec.ts";
export { kindOfType, memberNames, typeAndTarget, typeChain } from "./types.ts";
export {
  BytesValue,
  Closure,
  Handle,
  ListValue,
  type Maker,
  Quantity,
  RecordValue,
  type Value,
  Word,
} from "./value.ts";
export type { World } from "./world.ts";
