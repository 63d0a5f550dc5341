/** What the Tab key offers: words that could stand where a text ends, each with what it means. */
import { FUNCTIONS, TYPES } from "../../lang/builtins/mod.ts";
import { firstSentence } from "../../lang/text/columns.ts";
import type { ParameterSpec, TypeSpec } from "../../lang/values/spec.ts";
import { findField, findMethod, memberNames, typeOfKind } from "../../lang/values/types.ts";
import type { Suggestion, Suggestions } from "../terminal/line_editor.ts";
import { addressesInSight, eventWords } from "./words_in_sight.ts";
import type { CommandTarget } from "./command_target.ts";
import { commandAt, commandWords } from "./commands.ts";
import { machineWords } from "./machine_words.ts";
import { type KnownNames, knownNames, nameDoc, typeOf } from "./describe_name.ts";
import { openCall } from "./open_call.ts";

/** Whose words are suggested. */
export interface Suggesting extends CommandTarget {
  readonly session: KnownNames;
}

/** What could stand where a text ends. @param text From the beginning of the statement. */
export function suggestWords(text: string, repl: Suggesting): Suggestions {
  const command = text.match(/^\s*(:\w*)$/)?.[1];
  if (command !== undefined) return matching(commandWords(repl), command);
  const begun = commandAt(text, repl);
  if (begun === null) return inStatement(text, repl);
  const { argument, command: { expression, words } } = begun;
  const part = argument.match(/\S*$/)![0];
  const own = words?.(repl, argument.slice(0, argument.length - part.length)) ?? [];
  const fitting = matching(own, part);
  if (fitting.all.length > 0 || expression !== true) return fitting;
  return inStatement(argument, repl);
}

function inStatement(text: string, repl: Suggesting): Suggestions {
  const { session } = repl;
  const address = text.match(/\b0x[\da-f_]*$/i)?.[0];
  if (address !== undefined) return matching(addressesInSight(repl.place), address);
  const part = text.match(/[\w.]*$/)![0];
  const before = text.slice(0, text.length - part.length);
  const ofMachine = machineWords(before);
  if (ofMachine !== null) return matching(ofMachine, part);
  const inCall = argumentWords(before, session);
  if (inCall.only) return matching(inCall.words, part);
  const dot = part.lastIndexOf(".");
  if (dot >= 0) {
    const type = typeOfPath(part.slice(0, dot), session);
    return matching(type === undefined ? [] : members(type), part.slice(dot + 1));
  }
  const names = part === "" ? [] : knownNames(session);
  const known = [...names].map((name) => ({
    text: name,
    get doc() {
      return nameDoc(name, session);
    },
  }));
  return matching([...inCall.words, ...known], part);
}

/** Those that go on with a part, each once, sorted. */
function matching(words: readonly Suggestion[], part: string): Suggestions {
  const fitting = new Map<string, Suggestion>();
  for (const word of words) {
    if (word.text.startsWith(part) && !fitting.has(word.text)) fitting.set(word.text, word);
  }
  return { part, all: [...fitting.keys()].sort().map((text) => fitting.get(text)!) };
}

function members(type: TypeSpec): readonly Suggestion[] {
  return memberNames(type).map((text) => {
    const spec = findField(type, text) ?? findMethod(type, text);
    return { text, doc: spec === null ? "" : firstSentence(spec.doc) };
  });
}

/** The type of `ssd.limits` or `counters.iova`; undefined where it cannot be derived without running. */
function typeOfPath(path: string, session: KnownNames): TypeSpec | undefined {
  const [owner, ...rest] = path.split(".");
  let type = typeOf(owner!, session);
  for (const member of rest) {
    const field = type === undefined ? null : findField(type, member);
    type = field === null ? undefined : typeOfKind(field.kind, TYPES);
  }
  return type;
}

/** Words of the call that a text ends in. */
interface ArgumentWords {
  readonly words: readonly Suggestion[];
  /** Nothing else can stand there. */
  readonly only: boolean;
}

const NO_WORDS: ArgumentWords = { words: [], only: false };

const plain = (text: string): Suggestion => ({ text, doc: "" });

function argumentWords(text: string, session: KnownNames): ArgumentWords {
  const call = openCall(text);
  if (call === null) return NO_WORDS;
  const parameters = parametersOf(call.callee, session);
  const current = call.name === null
    ? parameters[call.unnamed]
    : parameters.find(({ name }) => name === call.name);
  if (call.inText) return { words: current?.event ? eventWords() : [], only: true };
  if (call.name !== null) {
    return current?.kind === "bool"
      ? { words: [plain("false"), plain("true")], only: true }
      : NO_WORDS;
  }
  if (!call.atStart) return NO_WORDS;
  // What came without a name has taken the first places.
  const free = parameters.filter(({ name, named }, index) =>
    (named || index >= call.unnamed) && !call.given.includes(name)
  );
  return { words: free.map(({ doc, name }) => ({ text: `${name}:`, doc })), only: false };
}

/** What a function or method takes; nothing for one that is not known. */
function parametersOf(callee: string, session: KnownNames): readonly ParameterSpec[] {
  const dot = callee.lastIndexOf(".");
  if (dot < 0) return FUNCTIONS.get(callee)?.parameters ?? [];
  const type = typeOfPath(callee.slice(0, dot), session);
  return type === undefined ? [] : findMethod(type, callee.slice(dot + 1))?.parameters ?? [];
}
