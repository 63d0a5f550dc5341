import { assertEquals } from "@std/assert";
import { LANGUAGE_WORDS } from "../language_words.ts";
import { statementsOf } from "../testing.ts";
import type { Statement } from "./ast.ts";
import { exitKind, innerBlocks, STATEMENT_KINDS } from "./nodes.ts";
import { expressionBlocks } from "./walk.ts";

function* everyStatement(statements: readonly Statement[]): Generator<Statement> {
  for (const statement of statements) {
    yield statement;
    for (const blocks of [innerBlocks(statement), expressionBlocks(statement)]) {
      for (const block of blocks) yield* everyStatement(block.statements);
    }
  }
}

Deno.test("each kind of statement stands in the example of a word, which a test runs", () => {
  const shown = new Set<string>();
  for (const { example } of Object.values(LANGUAGE_WORDS)) {
    for (const { kind } of everyStatement(statementsOf(example ?? ""))) shown.add(kind);
  }
  // `use` needs another file, and a driver in C needs a compiler.
  const left = STATEMENT_KINDS.filter((kind) => !shown.has(kind));
  assertEquals(left, ["Use", "CDriver", "ErrorStatement"]);
});

Deno.test("exitKind() says why nothing behind a statement is reached, and of all others nothing", () => {
  const ways: [string, boolean][] = [
    ["fn f() { return }", true],
    ["fn f(x) { if x { return } else if not x { return } }", false],
    ["fn f(x) { if x { return } else if not x { return } else { return } }", true],
    ["fn f(x) { match x { 1 => return 2, _ => return 3 } }", true],
    ["fn f() { while true { if f() { break } } }", false],
    ["fn f() { while true { for n in 0..2 { break } } }", true],
    ["fn f() { on cpu 0 { return } }", true],
  ];
  for (const [text, leaves] of ways) {
    const [block] = innerBlocks(statementsOf(text)[0]!);
    assertEquals(exitKind(block!.statements[0]!) !== null, leaves, text);
  }
});
