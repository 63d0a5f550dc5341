/** `?name`: describes a name, with the language's own descriptions. */
import { addAll, maxOf } from "@dmalab/runtime/basics";
import { FUNCTIONS, TYPES, wordSpecs } from "../builtins/mod.ts";
import { COUNTER_GROUPS, COUNTERS } from "../builtins/types/counters.ts";
import { EVENT } from "../builtins/types/event.ts";
import {
  CALL_CONTEXTS,
  type FunctionSpec,
  type HandleType,
  type MethodSpec,
  type ParameterSpec,
  type Type,
} from "../values/spec.ts";
import { nearestNames } from "../diagnostics/suggest.ts";
import { defaultText, keyName, keysNamed, shapeText } from "../machine/key_text.ts";
import { MACHINE_SCHEMA } from "../machine/schema.ts";
import { firstSentence, wrappedPairs, wrapText } from "../text/columns.ts";
import type { SessionSummary, SessionVariable } from "../run/session_types.ts";
import { typeText } from "../values/value_types.ts";
import { findField, findMethod, handleTypeOf, memberNames, typeChain } from "../values/types.ts";
import { LANGUAGE_WORDS, wordRow } from "../syntax/language_words.ts";
import type { KeywordSpec } from "../syntax/word_row.ts";
import { eventEntry, INJECTION_POINTS, type InjectionPointSpec } from "@dmalab/runtime";
import { fieldText } from "@dmalab/runtime/vocabulary";

export const RULE_PAGES = [
  "block",
  "c-api",
  "captured",
  "defects",
  "dma",
  "hmm-rdma-vfio",
  "nvme",
  "p2p",
  "traces",
  "v7.3",
] as const;

/** The page of a rule, as in `dma.3.3`; undefined if the name is not a rule. */
export function pageOf(name: string): (typeof RULE_PAGES)[number] | undefined {
  return RULE_PAGES.find((each) => `${name}.`.toLowerCase().startsWith(`${each}.`));
}

/**
 * Names that are known in addition to those of the language: in a session, or at a location in a
 * text or run.
 */
export interface KnownNames {
  summary(): Pick<SessionSummary, "declared" | "machineNames" | "variables">;
  /**
   * The type of the variable with that name, or of the machine's value with that name; undefined if
   * neither exists.
   */
  kindOf(name: string): Type | undefined;
  /** The entries of the record that an expression results in, if they are known. */
  entriesOf?(expression: string): readonly string[];
}

export interface Describer {
  readonly session: KnownNames;
  readonly columns: number;
}

/** The lines that explain a name, or state that it is unknown; never empty. */
export interface NameDescription {
  readonly found: boolean;
  readonly lines: readonly string[];
}

export function describeName(name: string, { session, columns }: Describer): NameDescription {
  if (name === "") {
    return { found: false, lines: ["Write a name after the ?, such as ?dma_map_phys"] };
  }
  const found = describeOwn(name, session) ?? describeMember(name, session, columns) ??
    describeBuiltin(name, columns);
  const keys = describeKeys(name, session, columns);
  if (found !== null || keys.length > 0) return { found: true, lines: [...found ?? [], ...keys] };
  if (pageOf(name) !== undefined) {
    const hint = `\`dmalab explain ${name}\` prints rules`;
    return { found: false, lines: [`"${name}" is not a name of the language; ${hint}`] };
  }
  const [nearest] = nearestNames(name, [...knownNames(session), ...membersLike(name, session)], 1);
  const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
  return { found: false, lines: [`Unknown name "${name}"${hint}`] };
}

/** All names that can be described or completed. */
export function* knownNames(session: KnownNames): Generator<string> {
  const { variables, declared, machineNames } = session.summary();
  for (const { name } of variables) yield name;
  yield* declared;
  yield* machineNames;
  yield* languageNames();
}

/** The description of a name, in a sentence; empty if unknown. */
export function nameDoc(name: string, session: KnownNames): string {
  const { variables } = session.summary();
  const variable = variables.find((each) => each.name === name);
  if (variable !== undefined) return valueText(variable);
  const doc = FUNCTIONS.get(name)?.doc ?? typeOf(name, session)?.doc ?? TYPES.get(name)?.doc ??
    wordRow(name)?.doc ?? INJECTION_POINTS.find((point) => point.name === name)?.doc ??
    wordSpecs().find((word) => word.name === name || word.aliases.includes(name))?.doc;
  return doc === undefined ? "" : firstSentence(doc);
}

/**
 * The full names of the members that a dotted name could mean. If the type before the last dot is
 * known, these are the members of that type; otherwise, the members of all types.
 */
export function* membersLike(name: string, session?: KnownNames): Generator<string> {
  const owner = name.slice(0, Math.max(0, name.lastIndexOf(".")));
  const own = session && typeOf(owner, session) || TYPES.get(owner);
  for (const type of own === undefined ? TYPES.values() : [own]) {
    if (OF_EVENTS.has(type)) continue;
    for (const member of memberNames(type)) yield owner === "" ? member : `${owner}.${member}`;
  }
}

/** Names of functions, statements, types and constants of the language. */
export function* languageNames(): Generator<string> {
  yield* Object.keys(LANGUAGE_WORDS);
  yield* FUNCTIONS.keys();
  for (const { name } of INJECTION_POINTS) if (!FUNCTIONS.has(name)) yield name;
  for (const { name, aliases } of wordSpecs()) {
    yield name;
    yield* aliases;
  }
  yield* TYPES.keys();
}

/** Describes a function, a statement, a type, a constant or an event; null for an unknown name. */
export function describeBuiltin(name: string, columns: number): string[] | null {
  const language = describeLanguage(name, columns);
  const event = describeEvent(name, columns);
  return language === null || event === null ? language ?? event : [...language, "", ...event];
}

export function describeEvent(name: string, columns: number): string[] | null {
  const event = eventEntry(name);
  if (event === null) return null;
  const fields = Object.entries(event.fields).map(([name, field]) =>
    [name, fieldText(field)] as const
  );
  return [...wrapText(`event ${name}: ${event.when}`, columns), ...wrappedPairs(fields, columns)];
}

/**
 * Describes everything with a given name: function, type, statement, injection point, constant,
 * fields and methods. If the word before a dot is unknown, as in `buf.slice`, every member called
 * `slice` is described. If that word is the name of a type, only the member of that type is
 * described.
 */
export function describeLanguage(name: string, columns: number): string[] | null {
  const found: string[][] = [];
  const spec = FUNCTIONS.get(name);
  if (spec !== undefined) found.push(describeFunction(name, spec, columns));
  const type = TYPES.get(name);
  if (type !== undefined) found.push(describeType(type, columns));
  const row = wordRow(name);
  if (row !== undefined) found.push(describeLanguageWord(row, columns));
  const point = INJECTION_POINTS.find((each) => each.name === name);
  if (point !== undefined) found.push(wrapText(pointText(point), columns));
  const words = wordSpecs().filter((word) =>
    (word.name === name || word.aliases.includes(name)) &&
    // Kernel functions and events are described separately.
    !(word.group === "kernel function" && spec !== undefined) && word.group !== "event"
  );
  if (words.length > 0) {
    found.push(words.flatMap(({ aliases, doc, group, name }) => {
      const others = aliases.length === 0 ? "" : ` (${aliases.join(", ")})`;
      return wrapText(`${name}${others}, ${group}: ${doc}`, columns);
    }));
  }
  addAll(found, describeMembers(name, columns));
  if (found.length === 0) return null;
  return found.flatMap((lines, index) => index === 0 ? lines : ["", ...lines]);
}

/** The fields and methods that a name can mean: those of the type before the dot, or of all types. */
function describeMembers(name: string, columns: number): string[][] {
  const dot = name.lastIndexOf(".");
  const member = name.slice(dot + 1);
  const own = TYPES.get(name.slice(0, Math.max(0, dot)));
  if (own !== undefined) {
    const lines = describeMemberOf(own, member, name, columns);
    return lines === null ? [] : [lines];
  }
  // `iova.free` is an event, and not a member of a type.
  if (dot >= 0 && eventEntry(name) !== null) return [];
  const fields: string[] = [];
  const methods: string[][] = [];
  for (const type of TYPES.values()) {
    if (OF_EVENTS.has(type)) continue;
    // Inherited members are described at the type that declares them.
    const { extends: _, ...alone } = type;
    const lines = describeMemberOf(alone, member, `${type.name}.${member}`, columns);
    if (findField(alone, member) !== null) addAll(fields, lines!);
    else if (lines !== null) methods.push(lines);
  }
  return [...fields.length === 0 ? [] : [fields], ...methods];
}

/** Types with a field for every event, or for every field of events. */
const OF_EVENTS: ReadonlySet<HandleType> = new Set(
  [COUNTERS, ...COUNTER_GROUPS, EVENT] as HandleType[],
);

export function describeMemberOf(
  type: HandleType,
  member: string,
  name: string,
  columns: number,
): string[] | null {
  const field = findField(type, member);
  if (field !== null) {
    return wrapText(`${name}, ${typeText(field.type)}: ${field.doc}`, columns);
  }
  const method = findMethod(type, member);
  return method === null ? null : describeFunction(name, method, columns);
}

/** Limit of the errors of an injection point that are listed by name. */
const DISPLAYED_ERRORS = 8;

export function describeLanguageWord(
  { doc, example, form }: KeywordSpec,
  columns: number,
): string[] {
  return [
    ...form?.split(" · ") ?? [],
    ...wrapText(doc, columns),
    ...example === undefined ? [] : ["", ...indented(example)],
  ];
}

function indented(example: string): string[] {
  return example.split("\n").map((line) => `    ${line}`.trimEnd());
}

function pointText({ doc, errors, name }: InjectionPointSpec): string {
  const [natural, ...others] = errors;
  const more = others.length === 0
    ? ""
    : others.length > DISPLAYED_ERRORS
    ? ", or any other errno after `with`"
    : `, or ${others.join(", ")} after \`with\``;
  return `inject ${name}: ${doc}. It fails with ${natural}${more}`;
}

function valueText({ kind, text }: SessionVariable): string {
  return text === "" ? kind : `${kind}: ${text}`;
}

function describeOwn(name: string, session: KnownNames): string[] | null {
  const { variables, declared } = session.summary();
  const variable = variables.find((each) => each.name === name);
  if (variable !== undefined) return [`${name} is ${valueText(variable)}`];
  return declared.includes(name) ? [`${name} is declared in this session`] : null;
}

/** Describes a name that the machine binds, or a member of its value (`name.member`). */
function describeMember(name: string, session: KnownNames, columns: number): string[] | null {
  const [owner, member, ...more] = name.split(".");
  const type = typeOf(owner!, session);
  if (type === undefined || more.length > 0) return null;
  if (member === undefined) return describeType(type, columns);
  return describeMemberOf(type, member, name, columns);
}

/** Keys of the machine block: `iommu.mode`, `nvme.mdts`, and `ssd.mdts` of an `nvme ssd`. */
export function describeKeys(name: string, session: KnownNames, columns: number): string[] {
  const [owner, ...key] = name.split(".");
  const kind = typeOf(owner!, session)?.name ?? owner!;
  const keys = keysNamed(
    [MACHINE_SCHEMA.blocks.get(kind) !== undefined ? kind : owner!, ...key].join("."),
  );
  return keys.flatMap((each) => {
    const { doc, shape } = each.spec;
    const head = `machine key ${keyName(each)} (${shapeText(shape)}; default ${
      defaultText(each.spec)
    })`;
    return [head, ...wrapText(doc, columns)];
  });
}

/** The type of a variable, or of the machine's value for a name. */
export function typeOf(name: string, session: KnownNames): HandleType | undefined {
  const kind = session.kindOf(name);
  return kind === undefined ? undefined : handleTypeOf(kind, TYPES);
}

function describeFunction(
  name: string,
  spec: Omit<FunctionSpec, "run"> | Omit<MethodSpec, "run">,
  columns: number,
): string[] {
  const result = spec.result === "nothing" ? "" : ` → ${typeText(spec.result)}`;
  const raises = spec.raises ?? [];
  return [
    ...wrapText(`${name}(${spec.parameters.map(parameterText).join(", ")})${result}`, columns),
    ...wrapText(spec.doc, columns),
    ...wrappedPairs(spec.parameters.map((each) => [each.name, each.doc] as const), columns),
    ...raises.length === 0 ? [] : wrappedPairs([["raises", raises.join(", ")]], columns),
    ...spec.context === undefined ? [] : [`  ${CALL_CONTEXTS[spec.context]}`],
    "",
    ...indented(spec.example),
  ];
}

export function parameterText(
  { name, optional, named }: Pick<ParameterSpec, "name" | "optional" | "named">,
): string {
  return `${name}${named ? ":" : ""}${optional ? "?" : ""}`;
}

/** The text for a result of a known kind, such as ` → dma`; empty for any other result. */
export function resultText(type: Type): string {
  return type === "nothing" || type === "any" ? "" : ` → ${typeText(type)}`;
}

/** An overview of a type, one sentence per member; `?TYPE.MEMBER` describes a member in full. */
function describeType(type: HandleType, columns: number): string[] {
  const lines = wrapText(`${type.name}: ${type.doc}`, columns);
  const members = [...typeChain(type)].map((at) => ({ at, pairs: memberPairs(at) }));
  const width = maxOf(members.flatMap(({ pairs }) => pairs.map(([{ length }]) => length)), 0);
  for (const { at, pairs } of members) {
    if (pairs.length === 0) continue;
    if (at !== type) lines.push("", `of every ${at.name}:`);
    addAll(lines, wrappedPairs(pairs.map(([name, doc]) => [name.padEnd(width), doc]), columns));
  }
  const [member] = [...type.methods ?? [], ...type.fields()];
  if (member !== undefined) {
    lines.push("", `Name a member, such as ${type.name}.${member.name}, for its full description`);
  }
  return lines;
}

/** Fields, then methods, each with the first sentence of its description. */
function memberPairs({ fields, methods = [] }: HandleType): (readonly [string, string])[] {
  return [
    ...fields().map(({ name, doc }) => [`.${name}`, firstSentence(doc)] as const),
    ...methods.map(({ name, parameters, doc }) =>
      [`.${name}(${parametersAtAGlance(parameters)})`, firstSentence(doc)] as const
    ),
  ];
}

/** The required parameters, and `…` if there are others. */
function parametersAtAGlance(parameters: readonly ParameterSpec[]): string {
  const needed = parameters.filter(({ optional }) => optional !== true).map(parameterText);
  return [...needed, ...needed.length < parameters.length ? ["…"] : []].join(", ");
}
