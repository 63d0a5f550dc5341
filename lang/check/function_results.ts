/** What the functions of a script give back. */
import type { Block, FunctionDeclaration, ReturnStatement, Statement } from "../syntax/ast.ts";
import { innerBlocks } from "./syntax_walk.ts";

/** The `return`s of functions; each function is looked through once. */
export class FunctionResults {
  readonly #known = new Map<FunctionDeclaration, readonly ReturnStatement[]>();

  /** All `return`s of a function, in the order of the text. */
  of(declaration: FunctionDeclaration): readonly ReturnStatement[] {
    let found = this.#known.get(declaration);
    if (found === undefined) {
      found = [...returns(declaration.body)];
      this.#known.set(declaration, found);
    }
    return found;
  }

  /** True for a function that gives nothing back, whichever way it ends. */
  isNone(declaration: FunctionDeclaration): boolean {
    return this.of(declaration).every(({ value }) => value === null);
  }

  /**
   * The statement that most likely lost a value: a bare `return`, or else the last one of a
   * function that gives nothing back. Null when no way out has lost any.
   */
  loss(declaration: FunctionDeclaration): Statement | null {
    const bare = this.of(declaration).findLast(({ value }) => value === null);
    const isNone = this.isNone(declaration);
    return bare ?? (isNone ? declaration.body.statements.at(-1) : undefined) ?? null;
  }
}

/** True when a function's last statement is a `return`: a bare one there has lost its value. */
export function endsInReturn({ body }: FunctionDeclaration): boolean {
  return body.statements.at(-1)?.kind === "Return";
}

function* returns({ statements }: Block): Generator<ReturnStatement> {
  for (const statement of statements) {
    if (statement.kind === "Return") yield statement;
    for (const inner of innerBlocks(statement)) yield* returns(inner);
  }
}
