/** Every occurrence of a program's names, with its symbol. */
import { remembered } from "../values/remembered.ts";
import type { NameBinding, Variable } from "../check/names/bindings.ts";
import { type SourceFile, type Span, spanText } from "../source.ts";
import type {
  Argument,
  BenchDeclaration,
  CallExpression,
  FileNode,
  MachineEntry,
  Name,
  NameExpression,
  PropertyDeclaration,
  TestDeclaration,
} from "../syntax/tree/ast.ts";
import type { FileScope } from "../check/names/file_scope.ts";
import type { CheckedFiles } from "../check/check_files.ts";
import { everyNode } from "./tree_path.ts";

/** The symbol that a name refers to. Two names mean the same if they have the same symbol object. */
export interface NameSymbol {
  readonly name: string;
  readonly binding: NameBinding;
  /** The name where it is declared; null if no file declares it. */
  readonly declaration: Span | null;
}

export interface Occurrence {
  readonly span: Span;
  readonly symbol: NameSymbol;
  readonly isDeclaration: boolean;
}

class Collector {
  readonly all: Occurrence[] = [];
  readonly #symbols = new Map<unknown, NameSymbol>();

  constructor(readonly checked: CheckedFiles) {}

  add(binding: NameBinding, span: Span): void {
    const symbol = this.#symbolOf(binding);
    const isDeclaration = symbol.declaration?.start === span.start &&
      symbol.declaration.source === span.source;
    this.all.push({ span, symbol, isDeclaration });
  }

  #symbolOf(binding: NameBinding): NameSymbol {
    const { key, name, declaration } = identityOf(binding, this.checked);
    return remembered(this.#symbols, key, () => ({ name, binding, declaration }));
  }
}

/** The identity of a binding, its name, and its declaration. */
function identityOf(binding: NameBinding, checked: CheckedFiles) {
  switch (binding.kind) {
    case "variable":
      return {
        key: binding,
        name: binding.name,
        declaration: isWritten(binding) ? binding.span : null,
      };
    case "const":
    case "function": {
      const { declaration } = binding;
      return { key: declaration, name: declaration.name.text, declaration: declaration.name.span };
    }
    case "machine": {
      const declaration = blockNamed(binding.name, checked)?.span ?? null;
      return { key: `machine ${binding.name}`, name: binding.name, declaration };
    }
    case "builtin":
      return { key: binding.spec, name: binding.spec.name, declaration: null };
    case "word":
      return { key: binding.word, name: binding.word.name, declaration: null };
  }
}

/** False for the parameter `value` of a register's write: the language names it. */
function isWritten({ name, span }: Variable): boolean {
  return spanText(span) === name;
}

/** The name node of the machine's block `name`; null if no block has this name. */
function blockNamed(name: string, { machine }: CheckedFiles): Name | null {
  for (const block of blockNames(machine.declaration?.entries ?? [])) {
    if (block.text === name) return block;
  }
  return null;
}

function* blockNames(entries: readonly MachineEntry[]): Generator<Name> {
  for (const entry of entries) {
    if (entry.kind !== "Block") continue;
    if (entry.name !== null) yield entry.name;
    yield* blockNames(entry.entries);
  }
}

/** Every name of a program, by file and location. */
export function occurrencesIn(checked: CheckedFiles): readonly Occurrence[] {
  const found = new Collector(checked);
  const { machine, resolution, scopes } = checked;
  for (const [node, binding] of resolution.names) found.add(binding, node.span);
  for (const [{ target }, variable] of resolution.targets) found.add(variable, target.span);
  for (const variable of new Set(resolution.variables.values())) {
    if (isWritten(variable)) found.add(variable, variable.span);
  }
  for (
    const binding of new Set([...scopes.values()].flatMap(({ declared }) => [...declared.values()]))
  ) {
    found.add(binding, binding.declaration.name.span);
  }
  for (const name of blockNames(machine.declaration?.entries ?? [])) {
    const valueKind = checked.scope.machineKinds.get(name.text);
    if (valueKind !== undefined) {
      found.add({ kind: "machine", name: name.text, valueKind }, name.span);
    }
  }
  for (const [{ file }, scope] of scopes) addOthers(file, scope, found);
  return distinct(found.all);
}

/**
 * Adds names that are resolved separately: consts in the settings of machines, and names of
 * arguments in calls of the script's own functions. A name of an argument refers to a parameter.
 */
function addOthers(file: FileNode, { declared }: FileScope, found: Collector): void {
  const { resolution } = found.checked;
  for (const node of everyNode(file)) {
    if (node.kind === "Name" && !resolution.names.has(node as NameExpression)) {
      const { name, span } = node as NameExpression;
      const binding = declared.get(name);
      if (binding?.kind === "const") found.add(binding, span);
    }
    if (node.kind !== undefined && CASE_KINDS.has(node.kind)) addAxes(node as AnyCase, found);
    if (node.kind !== "Call") continue;
    const { arguments: given, callee } = node as CallExpression;
    const binding = callee.kind === "Name" ? resolution.names.get(callee) : undefined;
    if (binding?.kind !== "function") continue;
    for (const { name } of given satisfies readonly Argument[]) {
      const parameter = binding.declaration.parameters.find(({ text }) => text === name?.text);
      const variable = parameter && resolution.variables.get(parameter);
      if (name !== null && variable !== undefined) found.add(variable, name.span);
    }
  }
}

type AnyCase = TestDeclaration | PropertyDeclaration | BenchDeclaration;

const CASE_KINDS: ReadonlySet<string> = new Set(["Test", "Property", "Bench"]);

/**
 * Adds the names of a test's table axes that occur in the settings of the test's machine. They are
 * separate because the machine is built before the test runs.
 */
function addAxes({ modifiers, table }: AnyCase, found: Collector): void {
  for (const { name } of table?.axes ?? []) {
    const variable = found.checked.resolution.variables.get(name);
    if (variable === undefined) continue;
    for (const node of modifiers.flatMap((modifier) => [...everyNode(modifier)])) {
      const isAxis = node.kind === "Name" && (node as NameExpression).name === variable.name;
      if (isAxis) found.add(variable, node.span);
    }
  }
}

/** The occurrences, sorted, each location once. */
function distinct(all: readonly Occurrence[]): readonly Occurrence[] {
  const sorted = all.toSorted((a, b) =>
    a.span.source === b.span.source
      ? a.span.start - b.span.start
      : a.span.source.name < b.span.source.name
      ? -1
      : 1
  );
  return sorted.filter(({ span }, index) => {
    const before = sorted[index - 1]?.span;
    return before === undefined || before.source !== span.source || before.start !== span.start;
  });
}

/** The name at an offset of a file, including a name that ends there; null without one. */
export function occurrenceAt(
  { occurrences, source }: {
    readonly source: SourceFile;
    readonly occurrences: readonly Occurrence[];
  },
  offset: number,
): Occurrence | null {
  const here = occurrences.filter(({ span }) =>
    span.source === source && span.start <= offset && offset <= span.end
  );
  return here.at(-1) ?? null;
}

/** Whether the program's own text declares the name, as a variable, a const or a function. */
export function isOwnName({ binding, declaration }: NameSymbol): boolean {
  const isOwn = binding.kind === "variable" || binding.kind === "const" ||
    binding.kind === "function";
  return isOwn && declaration !== null;
}
