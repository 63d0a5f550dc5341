/** Statements after which nothing in their block is reached. */
import type { Block, Statement } from "../syntax/tree/ast.ts";

/**
 * Why what follows a statement in its block is never reached, as the end of a sentence.
 *
 * @returns Null when it may be reached.
 */
export function wayOut(statement: Statement): string | null {
  switch (statement.kind) {
    case "Return":
    case "Break":
    case "Continue":
      return `\`${statement.kind.toLowerCase()}\` leaves the block before it`;
    case "If":
      return leavesIf(statement) ? "both ways through the `if` before it leave the block" : null;
    case "Match": {
      const takesAll = statement.arms.some(({ pattern }) => pattern === null);
      return takesAll && statement.arms.every(({ body }) => leaves(body))
        ? "every arm of the `match` before it leaves the block"
        : null;
    }
    case "While": {
      const { body, condition } = statement;
      const endless = condition.kind === "Boolean" && condition.value && !breaksOut(body);
      return endless ? "the loop before it has no end" : null;
    }
    case "OnCpu":
      return leaves(statement.body) ? "the block of `on cpu` before it leaves this one" : null;
    default:
      return null;
  }
}

function leaves({ statements }: Block): boolean {
  return statements.some((statement) => wayOut(statement) !== null);
}

function leavesIf({ otherwise, then }: Extract<Statement, { kind: "If" }>): boolean {
  if (otherwise === null || !leaves(then)) return false;
  return "kind" in otherwise ? wayOut(otherwise) !== null : leaves(otherwise);
}

/** True when a `break` in a loop's block ends that loop. */
function breaksOut({ statements }: Block): boolean {
  return statements.some((statement) => {
    switch (statement.kind) {
      case "Break":
        return true;
      case "If":
        return breaksOut(statement.then) || statement.otherwise !== null &&
            breaksOut("kind" in statement.otherwise ? asBlock(statement) : statement.otherwise);
      case "Match":
        return statement.arms.some(({ body }) => breaksOut(body));
      case "OnCpu":
      case "ExpectOutcome":
      case "Fail":
        return breaksOut(statement.body);
      default:
        return false;
    }
  });
}

/** `else if` as a block of its own. */
function asBlock({ otherwise, span }: Extract<Statement, { kind: "If" }>): Block {
  return { statements: [otherwise as Statement], span };
}
