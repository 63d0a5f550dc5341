/** The results of a script's functions. */
import type {
  Block,
  Expression,
  FunctionDeclaration,
  ReturnStatement,
  Statement,
} from "../../syntax/tree/ast.ts";
import { remembered } from "../../values/remembered.ts";
import { innerBlocks } from "../../syntax/tree/nodes.ts";

/** The result of a function, as far as it can be seen from its text. */
export interface FunctionResult {
  /** The values of its `return`s; null for a `return` without a value. */
  readonly values: readonly (Expression | null)[];
  /** True when the function returns no value on any path. */
  readonly isNone: boolean;
  /** True when the function contains `return none`: then `none` is intended as a value. */
  readonly saysNone: boolean;
  /** The function's last `return` without a value; null without one. */
  readonly bare: ReturnStatement | null;
  /**
   * True when the function's last statement is a `return`. If that `return` has no value, the value
   * was probably forgotten.
   */
  readonly endsInReturn: boolean;
  /** Its last statement. */
  readonly last: Statement | null;
}

/** Analyses each function once. */
export class FunctionResults {
  readonly #known = new Map<FunctionDeclaration, FunctionResult>();

  of(declaration: FunctionDeclaration): FunctionResult {
    return remembered(this.#known, declaration, resultOf);
  }
}

function resultOf({ body }: FunctionDeclaration): FunctionResult {
  const found = [...returns(body)];
  const last = body.statements.at(-1) ?? null;
  return {
    values: found.map(({ value }) => value),
    isNone: found.every(({ value }) => value === null),
    saysNone: found.some(({ value }) => value?.kind === "None"),
    bare: found.findLast(({ value }) => value === null) ?? null,
    endsInReturn: last?.kind === "Return",
    last,
  };
}

function* returns({ statements }: Block): Generator<ReturnStatement> {
  for (const statement of statements) {
    if (statement.kind === "Return") yield statement;
    for (const inner of innerBlocks(statement)) yield* returns(inner);
  }
}
