/** The results of a script's functions. */
import type {
  Block,
  Expression,
  FunctionDeclaration,
  ReturnStatement,
  Statement,
} from "../../syntax/tree/ast.ts";
import { remembered } from "../../values/remembered.ts";
import { innerBlocks } from "../../syntax/tree/statement_kinds.ts";

/** The result of a function, as far as its text shows it. */
export interface FunctionResult {
  /** The values behind its `return`s; null for a bare one. */
  readonly values: readonly (Expression | null)[];
  /** True when it returns nothing, whichever way it ends. */
  readonly isNone: boolean;
  /** True when one of its `return`s says `none`, which is a value. */
  readonly saysNone: boolean;
  /** Its last bare `return`. */
  readonly bare: ReturnStatement | null;
  /** True when its last statement is a `return`: a bare one there has lost its value. */
  readonly endsInReturn: boolean;
  /** Its last statement. */
  readonly last: Statement | null;
}

/** Looks through each function once. */
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
