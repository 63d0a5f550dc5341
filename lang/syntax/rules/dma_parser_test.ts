import { assert, assertEquals } from "@std/assert";
import type { ConsumeMethodOpts, IToken, TokenType } from "chevrotain";
import { SourceFile } from "../../source.ts";
import { checkTokens } from "../lexical.ts";
import { joinLines } from "../line_joining.ts";
import { parse } from "../parse.ts";
import { balanceBrackets } from "../recovery/brackets.ts";
import { DiagnosticReporter } from "../report.ts";
import { parseText, places } from "../testing.ts";
import { tokenize } from "../tokens.ts";
import { BuildContext } from "../tree/build_context.ts";
import { classifyWords } from "../words.ts";
import { DmaParser } from "./dma_parser.ts";

/** The scripts in a folder of the repository, at any depth. */
function* scripts(folder: string): Generator<string> {
  for (const { isDirectory, name } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* scripts(`${folder}/${name}`);
    else if (name.endsWith(".dma")) yield `${folder}/${name}`;
  }
}

/** Counts the tokens that Chevrotain consumes when the rules are run. */
class CountingParser extends DmaParser {
  taken = 0;

  protected override CONSUME(...of: [TokenType, ConsumeMethodOpts?]): IToken {
    this.taken++;
    return super.CONSUME(...of);
  }

  protected override CONSUME2(...of: [TokenType, ConsumeMethodOpts?]): IToken {
    this.taken++;
    return super.CONSUME2(...of);
  }

  protected override CONSUME3(...of: [TokenType, ConsumeMethodOpts?]): IToken {
    this.taken++;
    return super.CONSUME3(...of);
  }
}

function tokensOf(source: SourceFile, found: DiagnosticReporter): IToken[] {
  const balanced = balanceBrackets(checkTokens(tokenize(source.text), found), found, "file");
  return classifyWords(joinLines(balanced, found), found);
}

Deno.test("a parser that has learned its grammar has no method of the recording left", () => {
  const parser = new DmaParser();
  assertEquals(Object.getPrototypeOf(parser), DmaParser.prototype);
  assertEquals(parser.RECORDING_PHASE, false);
  const names = Object.keys(parser).filter((name) => /^(?:CONSUME|SUBRULE|OR|LA)\d?$/.test(name));
  assertEquals(names, []);
});

Deno.test("Chevrotain reads every token of every example, into the tree that parse() gives", () => {
  const parser = new CountingParser();
  let files = 0;
  let trees = 0;
  for (const path of scripts("examples")) {
    const source = new SourceFile(path, Deno.readTextFileSync(path));
    const found = new DiagnosticReporter(source);
    const tokens = tokensOf(source, found);
    parser.taken = 0;
    parser.begin(new BuildContext(source, found, "file"), tokens);
    const items = parser.file();
    assertEquals([parser.errors, found.diagnostics], [[], []], path);
    assertEquals(parser.taken, tokens.length, path);
    const { diagnostics, file } = parse(source);
    assertEquals(places(diagnostics), [], path);
    // Skips texts with expressions in strings: parse() parses these separately, after the text.
    const strings = source.text.match(/"(?:[^"\\\n]|\\.)*"/g) ?? [];
    if (!strings.some((text) => text.includes("{"))) {
      assertEquals(file.items, items, path);
      trees++;
    }
    files++;
  }
  assert(files > 50, `only ${files} examples`);
  assert(trees > 20, `only ${trees} trees`);
});

Deno.test("what has a mistake in it keeps its name, and what it has read by then", () => {
  const kept = (text: string) => {
    const { diagnostics, file } = parseText(text);
    assert(diagnostics.length > 0, text);
    return file.items.map((item) => {
      const name = "name" in item ? item.name : "";
      return `${item.kind} ${typeof name === "string" ? name : name.text}`.trim();
    });
  };
  assertEquals(kept('test "x" wiht { a = 1 } { f() }'), ["Test x"]);
  assertEquals(kept('test "x" with a { f() }\ntest "y" { }'), ["Test x", "Test y"]);
  assertEquals(kept('test "x" {\n  let = 5\n  f(\n}\nlet a = 1'), ["Test x", "Let a"]);
  assertEquals(kept('property "p" forall n on 0..8 { f(n) }'), ["Property p"]);
  assertEquals(kept("fn f(a b { }\nfn g(a, ) -> x { }"), ["Function f", "Function g"]);
  assertEquals(kept("let a = 1 +\n\nconst b ="), ["Let a", "Const b"]);
  assertEquals(kept("for x in \n"), ["For x"]);
  assertEquals(kept("driver d = c"), ["ErrorStatement"]);
  assertEquals(kept("test { f() }"), ["ErrorStatement"]);
});
