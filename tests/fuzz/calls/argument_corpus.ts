/** Reads the registry's own examples: whole statements, and values for a parameter. */
import { BUILTINS } from "@dmalab/lang/builtins";
import { SourceFile } from "@dmalab/lang";
import { type CallExpression, isDeclaration, parse } from "@dmalab/lang/syntax";
import type { HandleType, MethodSpec } from "@dmalab/lang/values";

/**
 * One example: its declarations, including its machine, and its statements, each as a separate
 * text.
 */
export interface ExampleScript {
  readonly declarations: readonly string[];
  readonly statements: readonly string[];
}

export interface ArgumentCorpus {
  readonly examples: readonly ExampleScript[];
  /** Texts of arguments that contain no names except words of the language, by `callee.parameter`. */
  readonly given: ReadonlyMap<string, readonly string[]>;
}

/** Every method with the type that has it. */
export const METHODS: readonly (readonly [type: HandleType, method: MethodSpec])[] = [
  ...BUILTINS.types.values(),
].flatMap((type) => (type.methods ?? []).map((method) => [type, method] as const));

/** Reads the examples of every builtin. */
export function readArguments(): ArgumentCorpus {
  const specs = [...BUILTINS.functions.values(), ...METHODS.map(([, method]) => method)];
  const given = new Map<string, string[]>();
  const examples = specs.map(({ example }) => {
    const { file } = parse(new SourceFile("example.dma", example));
    for (const call of callsIn(file)) noteArguments(call, example, given);
    const [declarations, statements] = [true, false].map((wanted) =>
      file.items.filter((item) => isDeclaration(item) === wanted && item.kind !== "Test")
        .map(({ span }) => example.slice(span.start, span.end))
    );
    return { declarations: declarations!, statements: statements! };
  });
  return { examples, given };
}

/** Every node of a tree. Spans and names are not nodes. */
function* nodesIn(tree: unknown): Generator<{ readonly kind: string }> {
  if (typeof tree !== "object" || tree === null || tree instanceof SourceFile) return;
  if ("kind" in tree && typeof tree.kind === "string") yield tree as { readonly kind: string };
  for (const [key, part] of Object.entries(tree)) if (key !== "span") yield* nodesIn(part);
}

function* callsIn(tree: unknown): Generator<CallExpression> {
  for (const node of nodesIn(tree)) if (node.kind === "Call") yield node as CallExpression;
}

function calleeName({ callee }: CallExpression): string | null {
  if (callee.kind === "Name") return callee.name;
  return callee.kind === "Field" ? callee.field.text : null;
}

/**
 * The parameters of every builtin with a given name. There may be several, because different types
 * may have a method of the same name.
 */
function parametersOf(name: string) {
  const named = METHODS.filter(([, method]) => method.name === name).map(([, method]) => method);
  const called = BUILTINS.functions.get(name);
  return (called === undefined ? named : [called]).map(({ parameters }) => parameters);
}

function noteArguments(call: CallExpression, text: string, given: Map<string, string[]>): void {
  const name = calleeName(call);
  if (name === null) return;
  for (const [index, argument] of call.arguments.entries()) {
    if (!standsAlone(argument.value)) continue;
    for (const parameters of parametersOf(name)) {
      const parameter = argument.name?.text ?? parameters[index]?.name;
      if (parameter === undefined) continue;
      const { end, start } = argument.value.span;
      const key = `${name}.${parameter}`;
      given.set(key, [...given.get(key) ?? [], text.slice(start, end)]);
    }
  }
}

/** Whether an argument means the same on any machine. */
function standsAlone(value: unknown): boolean {
  for (const node of nodesIn(value)) {
    if (node.kind === "Lambda") return true;
    const isForeign = node.kind === "Name" && "name" in node &&
      !BUILTINS.words.has(node.name as string) && !BUILTINS.functions.has(node.name as string);
    if (isForeign) return false;
  }
  return true;
}
