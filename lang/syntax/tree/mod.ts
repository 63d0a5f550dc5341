/** What other members use of `lang/syntax/tree`. */
export type {
  AssertStatement,
  AssignStatement,
  CallExpression,
  Expression,
  FileNode,
  LetStatement,
  Name,
  Statement,
} from "./ast.ts";
export { readNumber } from "./literals.ts";
export { isDeclaration } from "./statement_kinds.ts";
export { someExpression } from "./walk.ts";
