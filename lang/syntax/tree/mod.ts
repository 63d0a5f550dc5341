/** Other workspace members use these exports of `lang/syntax/tree`. */
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
export { innerBlocks, isDeclaration, statementExpressions } from "./nodes.ts";
export { expressionBlocks, someExpression } from "./walk.ts";
