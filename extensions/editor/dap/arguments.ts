/** Checks the arguments of requests against the protocol, and names what is missing or wrong. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { RequestError } from "./request_error.ts";

/** What a value may be asked to be. */
export interface ArgumentTypes {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly list: readonly unknown[];
  readonly object: object;
}
type ArgumentType = keyof ArgumentTypes;
/** What has a question mark may be left out. */
type Wanted = ArgumentType | `${ArgumentType}?`;
type ArgumentShape = Readonly<Record<string, Wanted>>;

type KindOf<V> = V extends string ? "string"
  : V extends number ? "number"
  : V extends boolean ? "boolean"
  : V extends readonly unknown[] ? "list"
  : "object";
/** What is read of something of the protocol: no other names, kinds and gaps than it has there. */
type ShapeOf<A> = {
  readonly [F in keyof A]?: undefined extends A[F] ? `${KindOf<NonNullable<A[F]>>}?` : KindOf<A[F]>;
};
/** The same of what is in the lists of something of the protocol. */
type EntriesOf<A> = {
  readonly [F in keyof A as ListName<A, F>]?: NonNullable<A[F]> extends readonly (infer E)[]
    ? ShapeOf<E>
    : never;
};
type ListName<A, F extends keyof A> = NonNullable<A[F]> extends readonly unknown[] ? F : never;

/** Requests whose arguments are held to the protocol. */
interface Requests {
  readonly setBreakpoints: DebugProtocol.SetBreakpointsArguments;
  readonly setFunctionBreakpoints: DebugProtocol.SetFunctionBreakpointsArguments;
  readonly setExceptionBreakpoints: DebugProtocol.SetExceptionBreakpointsArguments;
  readonly setDataBreakpoints: DebugProtocol.SetDataBreakpointsArguments;
  readonly setInstructionBreakpoints: DebugProtocol.SetInstructionBreakpointsArguments;
  readonly dataBreakpointInfo: DebugProtocol.DataBreakpointInfoArguments;
  readonly breakpointLocations: DebugProtocol.BreakpointLocationsArguments;
  readonly gotoTargets: DebugProtocol.GotoTargetsArguments;
  readonly goto: DebugProtocol.GotoArguments;
  readonly stepIn: DebugProtocol.StepInArguments;
  readonly stepInTargets: DebugProtocol.StepInTargetsArguments;
  readonly stackTrace: DebugProtocol.StackTraceArguments;
  readonly scopes: DebugProtocol.ScopesArguments;
  readonly variables: DebugProtocol.VariablesArguments;
  readonly evaluate: DebugProtocol.EvaluateArguments;
  readonly completions: DebugProtocol.CompletionsArguments;
  readonly readMemory: DebugProtocol.ReadMemoryArguments;
  readonly disassemble: DebugProtocol.DisassembleArguments;
}

const LINE = { source: "object", line: "number" } as const;
const WISHES = { condition: "string?", hitCondition: "string?" } as const;

/** By the names of requests. Arguments that are not read are not checked. */
const SHAPES: { readonly [R in keyof Requests]: ShapeOf<Requests[R]> } = {
  setBreakpoints: { source: "object", breakpoints: "list?" },
  setFunctionBreakpoints: { breakpoints: "list" },
  setExceptionBreakpoints: { filters: "list", filterOptions: "list?" },
  setDataBreakpoints: { breakpoints: "list" },
  setInstructionBreakpoints: { breakpoints: "list" },
  dataBreakpointInfo: { name: "string", variablesReference: "number?" },
  breakpointLocations: { ...LINE, endLine: "number?" },
  gotoTargets: LINE,
  goto: { targetId: "number" },
  stepInTargets: { frameId: "number" },
  stepIn: { targetId: "number?" },
  stackTrace: { threadId: "number", startFrame: "number?", levels: "number?" },
  scopes: { frameId: "number" },
  variables: {
    variablesReference: "number",
    start: "number?",
    count: "number?",
    filter: "string?",
  },
  evaluate: { expression: "string", frameId: "number?", context: "string?" },
  completions: { text: "string", column: "number", line: "number?" },
  readMemory: { memoryReference: "string", count: "number", offset: "number?" },
  disassemble: {
    memoryReference: "string",
    instructionCount: "number",
    offset: "number?",
    instructionOffset: "number?",
  },
};

/** What is in the lists that are named so, by the names of requests. */
const ENTRIES: { readonly [R in keyof Requests]?: EntriesOf<Requests[R]> } = {
  setBreakpoints: { breakpoints: { line: "number", logMessage: "string?", ...WISHES } },
  setFunctionBreakpoints: { breakpoints: { name: "string", ...WISHES } },
  setExceptionBreakpoints: { filterOptions: { filterId: "string", condition: "string?" } },
  setDataBreakpoints: { breakpoints: { dataId: "string", accessType: "string?", ...WISHES } },
  setInstructionBreakpoints: {
    breakpoints: { instructionReference: "string", offset: "number?", ...WISHES },
  },
};

/** Records and lists inside each other that the arguments of a request have at most. */
const DEPTH = 4;

/** The same without what is null: some clients write that for what they leave out. */
export function withoutNulls(value: unknown, depth: number = DEPTH): unknown {
  if (typeof value !== "object" || value === null || depth === 0) return value;
  if (Array.isArray(value)) return value.map((each) => withoutNulls(each, depth - 1));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) =>
      each === null ? [] : [[name, withoutNulls(each, depth - 1)]]
    ),
  );
}

/** @throws {RequestError} When a value is of another kind. */
export function checkType(name: string, value: unknown, kind: ArgumentType): void {
  const isOf = kind === "list"
    ? Array.isArray(value)
    : typeof value === kind && (kind !== "number" || Number.isFinite(value));
  if (isOf) return;
  throw new RequestError(`"${name}" takes ${withArticle(kind)}, not ${JSON.stringify(value)}`);
}

function withArticle(kind: ArgumentType): string {
  return kind === "object" ? "an object" : `a ${kind}`;
}

/** @throws {RequestError} When one is missing, or is of another kind. */
function checkFields(fields: object, shape: ArgumentShape): void {
  for (const [name, wanted] of Object.entries(shape)) {
    const value: unknown = Reflect.get(fields, name);
    const kind = wanted.replace("?", "") as ArgumentType;
    if (value !== undefined) checkType(name, value, kind);
    else if (kind === wanted) throw new RequestError(`"${name}" is missing: ${withArticle(kind)}`);
  }
}

/**
 * Holds the arguments of a request to what its answer is made from.
 *
 * @throws {RequestError} With the first that is wrong.
 */
export function checkArguments(command: string, args: object): void {
  if (!isHeld(command)) return;
  checkFields(args, SHAPES[command]);
  for (const [name, shape] of Object.entries<ArgumentShape>(ENTRIES[command] ?? {})) {
    const list: unknown = Reflect.get(args, name);
    for (const entry of Array.isArray(list) ? list : []) {
      if (typeof entry !== "object" || entry === null) {
        throw new RequestError(`"${name}" has ${JSON.stringify(entry)}, which is not an object`);
      }
      checkFields(entry, shape);
    }
  }
}

function isHeld(command: string): command is keyof Requests {
  return Object.hasOwn(SHAPES, command);
}
