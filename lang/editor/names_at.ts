/**
 * The names that are visible at a location of a text, with the facts that are known about their
 * values.
 */
import type { NameBinding, Variable } from "../check/names/bindings.ts";
import type { StructuralType } from "../check/types/shape.ts";
import { SourceFile, type Span } from "../source.ts";
import { parse } from "../syntax/parse.ts";
import type {
  BenchDeclaration,
  Block,
  Expression,
  FileNode,
  ForStatement,
  FunctionDeclaration,
  LambdaExpression,
  NameExpression,
  PropertyDeclaration,
  Statement,
  TestDeclaration,
} from "../syntax/tree/ast.ts";
import { typeText } from "../values/value_types.ts";
import type { Type } from "../values/spec.ts";
import type { Analysis } from "./analysis.ts";
import type { KnownNames } from "./describe_name.ts";
import { everyNode, pathAt, type TreeNode } from "./tree_path.ts";

/** The names that are known at an offset. */
export class NamesAt implements KnownNames {
  /** Inner variables hide outer ones. */
  readonly #variables: ReadonlyMap<string, Variable>;

  constructor(private readonly analysis: Analysis, offset: number) {
    this.#variables = variablesAt(analysis, offset);
  }

  summary(): ReturnType<KnownNames["summary"]> {
    const { scope } = this.analysis.checked;
    return {
      variables: [...this.#variables.keys()].map((name) => ({
        name,
        kind: typeText(this.kindOf(name) ?? "any"),
        text: "",
      })),
      declared: [...scope.declared.keys()],
      machineNames: [...scope.machineKinds.keys()],
    };
  }

  kindOf(expression: string): Type | undefined {
    return this.shapeOf(expression)?.type;
  }

  entriesOf(expression: string): readonly string[] {
    return [...this.shapeOf(expression)?.entries?.keys() ?? []];
  }

  /** The shape of an expression at the location; undefined for other text. */
  shapeOf(text: string): StructuralType | undefined {
    const source = new SourceFile("expression", text);
    const { diagnostics, file: { items: [item] } } = parse(source, { mode: "repl" });
    if (diagnostics.length > 0 || item?.kind !== "Expression") return undefined;
    const names = this.#bind(item.expression);
    const { kinds, resolution } = this.analysis.checked;
    const isName = item.expression.kind === "Name";
    const shape = isName && names.length === 0 ? undefined : kinds.shapeOf(item.expression);
    // Remove the temporary names: they do not occur in the text.
    for (const name of names) resolution.names.delete(name);
    return shape;
  }

  /** Resolves the names of an expression. @returns The names that were resolved. */
  #bind(expression: Expression): readonly NameExpression[] {
    const { resolution, scope } = this.analysis.checked;
    const bound: NameExpression[] = [];
    for (const node of everyNode(expression)) {
      if (node.kind !== "Name") continue;
      const name = node as NameExpression;
      const binding = this.#variables.get(name.name) ?? scope.find(name.name, false);
      if (binding === null) continue;
      resolution.names.set(name, binding);
      bound.push(name);
    }
    return bound;
  }
}

/** The kind of a binding's value. */
export function kindOfBinding({ checked }: Analysis, binding: NameBinding, span: Span): Type {
  const name: NameExpression = { kind: "Name", name: "", span };
  checked.resolution.names.set(name, binding);
  const type = checked.kinds.kindOf(name);
  checked.resolution.names.delete(name);
  return type;
}

/** The variables that are visible at an offset. */
function variablesAt(analysis: Analysis, offset: number): ReadonlyMap<string, Variable> {
  const { checked: { resolution, scope }, file } = analysis;
  const found = new Map<string, Variable>();
  const see = (variable: Variable | undefined) => {
    if (variable !== undefined) found.set(variable.name, variable);
  };
  for (const variable of scope.machine?.variables.values() ?? []) see(variable);
  for (const node of pathAt(file, offset)) {
    if (OWN_CODE.has(node.kind)) {
      for (const [name, { role }] of found) if (role !== "machine") found.delete(name);
    }
    for (const name of boundBy(node)) see(resolution.variables.get(name));
    for (const statement of statementsOf(node)) {
      if (statement.span.end > offset) break;
      if (statement.kind === "Let") see(resolution.variables.get(statement));
    }
  }
  return found;
}

/** Functions and tests do not see variables of the statements around them. */
const OWN_CODE: ReadonlySet<string | undefined> = new Set([
  "Function",
  "Test",
  "Property",
  "Bench",
  "Register",
]);

function statementsOf(node: TreeNode): readonly Statement[] {
  if (node.kind === "File") return (node as FileNode).items;
  // The loop of a bench sees the variables of its setup.
  if (node.kind === "Bench") return (node as BenchDeclaration).setup?.statements ?? [];
  return "statements" in node ? (node as Block).statements : [];
}

function axisNames({ table }: TestDeclaration | PropertyDeclaration | BenchDeclaration) {
  return table?.axes.map(({ name }) => name) ?? [];
}

/** The parts of a node that bind names which are visible inside the node. */
function boundBy(node: TreeNode) {
  switch (node.kind) {
    case "Function":
      return (node as FunctionDeclaration).parameters;
    case "Lambda":
      return (node as LambdaExpression).parameters;
    case "For":
      return [node as ForStatement];
    case "Test":
    case "Bench":
      return axisNames(node as TestDeclaration | BenchDeclaration);
    case "Property": {
      const property = node as PropertyDeclaration;
      return [...axisNames(property), ...property.forall.map(({ name }) => name)];
    }
    default:
      return [];
  }
}
