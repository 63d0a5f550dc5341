/** What the Tab key offers in the REPL. */
import { FUNCTIONS, TYPES } from "../../lang/builtins/mod.ts";
import type { Session } from "../../lang/run/session.ts";
import type { ParameterSpec, TypeSpec } from "../../lang/values/spec.ts";
import { findField, findMethod, memberNames, typeOfKind } from "../../lang/values/types.ts";
import { EVENT_NAMES } from "../../runtime/event_vocabulary.ts";
import { REPL_COMMANDS } from "./commands.ts";
import { machineWords } from "./machine_words.ts";
import { knownNames, typeOf } from "./describe_name.ts";
import { openCall } from "./open_call.ts";

/** The words that fit, and the part of the line they would stand for: what readline wants. */
export type Completion = [matches: string[], part: string];

/**
 * Completes the last word of a line.
 *
 * @param before Lines of the same statement that were typed before.
 */
export function completeLine(line: string, session: Session, before = ""): Completion {
  const command = line.match(/^\s*(:\w*)$/)?.[1];
  if (command !== undefined) return matching(REPL_COMMANDS.map(({ name }) => `:${name}`), command);
  const part = line.match(/[\w.]*$/)![0];
  const text = before + line.slice(0, line.length - part.length);
  const ofMachine = machineWords(text);
  if (ofMachine !== null) return matching(ofMachine, part);
  const inCall = argumentWords(text, session);
  if (inCall.only) return matching(inCall.words, part);
  const dot = part.lastIndexOf(".");
  if (dot >= 0) {
    const type = typeOfPath(part.slice(0, dot), session);
    return matching(type === undefined ? [] : memberNames(type), part.slice(dot + 1));
  }
  return matching([...inCall.words, ...part === "" ? [] : knownNames(session)], part);
}

function matching(names: readonly string[], part: string): Completion {
  return [[...new Set(names)].filter((name) => name.startsWith(part)).sort(), part];
}

/** The type of `ssd.limits` or `counters.iova`; undefined where it cannot be told without running. */
function typeOfPath(path: string, session: Session): TypeSpec | undefined {
  const [owner, ...members] = path.split(".");
  let type = typeOf(owner!, session);
  for (const member of members) {
    const field = type === undefined ? null : findField(type, member);
    type = field === null ? undefined : typeOfKind(field.kind, TYPES);
  }
  return type;
}

/** Words of the call that a text ends in. */
interface ArgumentWords {
  readonly words: readonly string[];
  /** Nothing else can stand there. */
  readonly only: boolean;
}

const NO_WORDS: ArgumentWords = { words: [], only: false };

function argumentWords(text: string, session: Session): ArgumentWords {
  const call = openCall(text);
  if (call === null) return NO_WORDS;
  const parameters = parametersOf(call.callee, session);
  const current = call.name === null
    ? parameters[call.unnamed]
    : parameters.find(({ name }) => name === call.name);
  if (call.inText) return { words: current?.event ? EVENT_NAMES : [], only: true };
  if (call.name !== null) {
    return current?.kind === "bool" ? { words: ["false", "true"], only: true } : NO_WORDS;
  }
  if (!call.atStart) return NO_WORDS;
  // What came without a name has taken the first places.
  const free = parameters.filter(({ name, named }, index) =>
    (named || index >= call.unnamed) && !call.given.includes(name)
  );
  return { words: free.map(({ name }) => `${name}:`), only: false };
}

/** What a function or method takes; nothing for one that is not known. */
function parametersOf(callee: string, session: Session): readonly ParameterSpec[] {
  const dot = callee.lastIndexOf(".");
  if (dot < 0) return FUNCTIONS.get(callee)?.parameters ?? [];
  const type = typeOfPath(callee.slice(0, dot), session);
  return type === undefined ? [] : findMethod(type, callee.slice(dot + 1))?.parameters ?? [];
}
