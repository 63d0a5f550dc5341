/** What requests have to say, as the protocol has it: who leaves something out is told what. */
import { RequestError } from "./request_error.ts";

/** Kinds of values; what has a question mark may be left out. */
type Kind = "string" | "number" | "object" | "list" | "string?" | "number?" | "list?";
type Shape = Readonly<Record<string, Kind>>;

const LINE: Shape = { source: "object", line: "number" };
const WISHES: Shape = { condition: "string?", hitCondition: "string?" };

/** By the names of requests. What nobody reads is not asked for. */
const SHAPES: Readonly<Record<string, Shape>> = {
  setBreakpoints: { source: "object", breakpoints: "list?" },
  setFunctionBreakpoints: { breakpoints: "list" },
  setExceptionBreakpoints: { filters: "list", filterOptions: "list?" },
  setDataBreakpoints: { breakpoints: "list" },
  setInstructionBreakpoints: { breakpoints: "list" },
  dataBreakpointInfo: { name: "string", variablesReference: "number?" },
  breakpointLocations: { ...LINE, endLine: "number?" },
  gotoTargets: LINE,
  goto: { targetId: "number" },
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
const ENTRIES: Readonly<Record<string, Readonly<Record<string, Shape>>>> = {
  setBreakpoints: { breakpoints: { line: "number", logMessage: "string?", ...WISHES } },
  setFunctionBreakpoints: { breakpoints: { name: "string", ...WISHES } },
  setExceptionBreakpoints: { filterOptions: { filterId: "string", condition: "string?" } },
  setDataBreakpoints: { breakpoints: { dataId: "string", accessType: "string?", ...WISHES } },
  setInstructionBreakpoints: {
    breakpoints: { instructionReference: "string", offset: "number?", ...WISHES },
  },
};

/** Some clients write null for what they leave out. */
function isLeftOut(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function isOf(kind: string, value: unknown): boolean {
  if (kind === "list") return Array.isArray(value);
  return typeof value === kind && (kind !== "number" || Number.isFinite(value));
}

function withArticle(kind: string): string {
  return kind === "object" ? "an object" : `a ${kind}`;
}

/** @throws {RequestError} When one is missing, or is of another kind. */
function checkFields(fields: object, shape: Shape): void {
  for (const [name, wanted] of Object.entries(shape)) {
    const value: unknown = Reflect.get(fields, name);
    const kind = wanted.replace("?", "");
    if (isLeftOut(value)) {
      if (kind === wanted) throw new RequestError(`"${name}" is missing: ${withArticle(kind)}`);
    } else if (!isOf(kind, value)) {
      throw new RequestError(`"${name}" takes ${withArticle(kind)}, not ${JSON.stringify(value)}`);
    }
  }
}

/**
 * Holds the arguments of a request to what its answer is made from.
 *
 * @throws {RequestError} With the first that is wrong.
 */
export function checkArguments(command: string, args: object): void {
  checkFields(args, SHAPES[command] ?? {});
  for (const [name, shape] of Object.entries(ENTRIES[command] ?? {})) {
    const list: unknown = Reflect.get(args, name);
    for (const entry of Array.isArray(list) ? list : []) {
      if (typeof entry !== "object" || entry === null) {
        throw new RequestError(`"${name}" has ${JSON.stringify(entry)}, which is no object`);
      }
      checkFields(entry, shape);
    }
  }
}
