/** The kinds inferred so far. */
import type { Expression, FunctionDeclaration } from "../../syntax/tree/ast.ts";
import type { Variable } from "../names/bindings.ts";
import type { StructuralType } from "./shape.ts";

type KindKey = Expression | Variable | FunctionDeclaration;

/**
 * From this length on, the kind of a chain of declarations may depend on the order of inference.
 * The reason is that the limit of a chain may be reached or not, depending on which of its kinds
 * are already known.
 */
const LONG_CHAIN = 25;

export class KnownKinds {
  readonly #shapes = new Map<Expression, StructuralType>();
  readonly #variables = new Map<Variable, StructuralType>();
  readonly #functions = new Map<FunctionDeclaration, StructuralType>();
  #late: KindKey[] = [];
  /** Records the nodes that get a kind; null if there is no editor. */
  log: KindKey[] | null = null;
  /** True if a kind depends on the order in which kinds were inferred. */
  dependsOnOrder = false;

  shape(expression: Expression): StructuralType | undefined {
    return this.#shapes.get(expression);
  }

  setShape(expression: Expression, shape: StructuralType): void {
    this.#shapes.set(expression, shape);
    this.log?.push(expression);
  }

  variable(variable: Variable): StructuralType | undefined {
    return this.#variables.get(variable);
  }

  setVariable(variable: Variable, shape: StructuralType): void {
    this.#variables.set(variable, shape);
    this.log?.push(variable);
  }

  function(declaration: FunctionDeclaration): StructuralType | undefined {
    return this.#functions.get(declaration);
  }

  setFunction(declaration: FunctionDeclaration, shape: StructuralType): void {
    this.#functions.set(declaration, shape);
    this.log?.push(declaration);
  }

  noteChain(length: number): void {
    if (length >= LONG_CHAIN) this.dependsOnOrder = true;
  }

  /**
   * From now on, until the next version of the program, records the kinds that are inferred on
   * demand.
   */
  finish(): void {
    this.log = this.#late;
  }

  forgetLate(): void {
    this.forget(this.#late);
  }

  forget(keys: KindKey[]): void {
    for (const key of keys) {
      // Each node is in only one of the three maps.
      this.#shapes.delete(key as Expression);
      this.#variables.delete(key as Variable);
      this.#functions.delete(key as FunctionDeclaration);
    }
    keys.length = 0;
  }
}
