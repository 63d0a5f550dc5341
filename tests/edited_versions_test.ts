/**
 * Successive versions of a text in an editor. Reusing parts of the previous version's analysis must
 * give the same result as a new analysis.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import fc from "fast-check";
import {
  analyse,
  type Analysis,
  everyNode,
  FileVersions,
  foldsOf,
  outlineOf,
  semanticTokens,
} from "@dmalab/lang/editor";
import { memoryFiles } from "@dmalab/lang/syntax";
import { SourceFile } from "@dmalab/lang";
import { scenariosBelow } from "./examples.ts";
import { ROOT } from "./source_text.ts";

const TEXTS = scenariosBelow("examples").map((path) => Deno.readTextFileSync(join(ROOT, path)));

/** Pieces that break a text, repair it, or change the meaning of names. */
const PIECES = [
  ...[" ", "\n", "x", "1", "(", ")", "{", "}", "[", "]", '"', "#", ".", ",", "=", "+", "/*", "*/"],
  ...["else ", "with ", "and ", "let ", "  let y = 1\n", "  assert x == 2\n", "print(x)\n"],
  'test "a" {\n  let q = foo(1)\n}\n',
  "fn foo(a) { return a }\n",
  "fn foo(a) { return none }\n",
  "fn foo(a) { return foo(a) + 1 }\n",
  ...["  foo(2)\n", "  let w = foo(3) + 1\n", "const A = 4KiB\n", "const A = foo(1)\n"],
  ...["  print A + 1\n", "  list.push(1)\n", "  r.size = 4\n", 'use "other.dma"\n'],
  "  let r = { size: 4KiB }\n  print r.siz\n",
];

/** A change of a text; `undo` returns to the previous version. */
interface Edit {
  readonly kind: "insert" | "line" | "delete" | "word" | "undo";
  /**
   * `at`: the place of the change, as a fraction of the text's length. `from`: the position of the
   * copied word, as a fraction of the number of words.
   */
  readonly at: number;
  readonly from: number;
  readonly piece: string;
  readonly count: number;
}

const EDIT: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom("insert", "line", "line", "delete", "word", "word", "undo"),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  piece: fc.constantFrom(...PIECES),
  count: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 200 })),
});

function edited(text: string, { at, count, from, kind, piece }: Edit, before: string): string {
  const offset = Math.floor(at * text.length);
  switch (kind) {
    case "undo":
      return before;
    case "insert":
      return text.slice(0, offset) + piece + text.slice(offset);
    case "line": {
      const start = text.indexOf("\n", offset) + 1;
      return text.slice(0, start) + piece + text.slice(start);
    }
    case "delete":
      return text.slice(0, offset) + text.slice(offset + count);
    case "word": {
      const words = [...text.matchAll(/[a-z_]\w*/g)];
      const place = words[Math.floor(at * words.length)];
      const other = words[Math.floor(from * words.length)];
      if (place === undefined || other === undefined) return text;
      const [old] = place;
      return text.slice(0, place.index) + other[0] + text.slice(place.index + old.length);
    }
  }
}

/** All results of an analysis that an editor can get, as JSON. */
function toldOf(analysis: Analysis): string {
  const { checked, diagnostics, file, occurrences, source } = analysis;
  const kinds: unknown[] = [];
  for (const node of everyNode(file)) {
    const isExpression = ["Name", "Call", "Field", "Binary", "List", "Record"].includes(
      node.kind ?? "",
    );
    if (!isExpression) continue;
    const kind = checked.kinds.kindOf(node as Parameters<typeof checked.kinds.kindOf>[0]);
    kinds.push([node.span.start, kind]);
  }
  const textOf = (value: unknown) =>
    JSON.stringify(value, (_key, part) => {
      if (part === source) return "this text";
      if (part instanceof SourceFile) return "another text";
      return typeof part === "bigint" ? `${part}n` : part;
    });
  // Many occurrences share a declaration, which may be a long function.
  const texts = new Map<unknown, string>();
  const textOnce = (declaration: unknown) => {
    const text = texts.get(declaration) ?? textOf(declaration);
    texts.set(declaration, text);
    return text;
  };
  return textOf({
    diagnostics,
    file,
    kinds,
    consts: checked.consts.map(({ declaration, reads }) => [declaration.name.text, reads]),
    occurrences: occurrences.map(({ isDeclaration, span, symbol }) => {
      return [span, symbol.name, symbol.binding.kind, textOnce(symbol.declaration), isDeclaration];
    }),
    tokens: semanticTokens(analysis),
    outline: outlineOf(analysis),
    folds: foldsOf(analysis),
  });
}

/**
 * Analyses texts as successive versions.
 * @returns How many of the versions reused a node of the version before.
 */
function checkVersions(texts: readonly string[]): number {
  const versions = new FileVersions();
  let items: ReadonlySet<unknown> = new Set();
  let kept = 0;
  for (const text of texts) {
    const version = analyse(new SourceFile("main.dma", text), memoryFiles(), versions);
    if (version.file.items.some((item) => items.has(item))) kept++;
    items = new Set(version.file.items);
    const fresh = analyse(new SourceFile("main.dma", text), memoryFiles());
    const [told, expected] = [toldOf(version), toldOf(fresh)];
    if (told !== expected) assertEquals(JSON.parse(told), JSON.parse(expected));
  }
  return kept;
}

Deno.test("a version that keeps declarations of the one before equals a fresh analysis", () => {
  let kept = 0;
  const edits = fc.array(EDIT, { minLength: 1, maxLength: 6 });
  const property = fc.property(fc.constantFrom(...TEXTS), edits, (start, all) => {
    const texts = [start];
    for (const edit of all) texts.push(edited(texts.at(-1)!, edit, texts.at(-2) ?? start));
    kept += checkVersions(texts);
  });
  fc.assert(property, { numRuns: 25 });
  assertEquals(kept > 5, true, `Only ${kept} versions kept a declaration`);
});

const NAME = fc.constantFrom("foo", "bar", "baz");
const CONST = fc.constantFrom("A", "B");

/** A value, which mostly depends on other declarations. */
const VALUE: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("1", '"text"', "4KiB", "none", "OK", "(1)", "[1, 2]", "{ size: 4KiB }", "ssd"),
  fc.constantFrom("unknown", "count", "table[0]", "table.size", "table.siz", "ssd.name"),
  CONST,
  fc.tuple(NAME, fc.constantFrom("1", "A", "B", "size: 1", "1, 2")).map(([f, a]) => `${f}(${a})`),
  fc.tuple(NAME, CONST).map(([f, c]) => `${f}(1) + ${c}`),
  fc.tuple(NAME, NAME).map(([f, g]) => `${f}(${g}(2))`),
);

const STATEMENT: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(fc.constantFrom("x", "y", "A", "foo", "table"), VALUE).map(([n, v]) =>
    `let ${n} = ${v}`
  ),
  fc.tuple(fc.constantFrom("x", "y", "count"), VALUE).map(([name, v]) => `${name} = ${v}`),
  fc.tuple(VALUE, VALUE).map(([one, other]) => `assert ${one} == ${other}`),
  VALUE.map((value) => `if ${value} { print x }`),
  VALUE.map((value) => `print ${value}`),
  NAME.map((name) => `${name}(3)`),
  fc.constantFrom("table.size = 4", "table[0] = 1", "table.push(1)", "let f = a => x", "return"),
);

const BODY = fc.array(STATEMENT, { maxLength: 4 }).map((lines) =>
  lines.map((line) => `  ${line}\n`).join("")
);

const ITEM: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(NAME, fc.constantFrom("a", "size", "a, b"), BODY, VALUE)
    .map(([name, names, body, v]) => `fn ${name}(${names}) {\n${body}  return ${v}\n}\n`),
  fc.tuple(NAME, BODY).map(([name, body]) => `fn ${name}(a) {\n${body}}\n`),
  fc.tuple(CONST, VALUE).map(([name, value]) => `const ${name} = ${value}\n`),
  fc.tuple(fc.constantFrom("one", "two", "three"), BODY)
    .map(([name, body]) => `test "${name}" {\n${body}}\n`),
  fc.tuple(VALUE, BODY)
    .map(([values, body]) => `test "row {x}" for x in [${values}] {\n${body}}\n`),
  STATEMENT.map((line) => `${line}\n`),
  fc.constantFrom(
    "machine {\n  let count = A\n  pci { root_port rp0 { nvme ssd { } } }\n}\n",
    "machine { pci { root_port rp0 { nvme foo { } } } }\n",
    "# a comment\n",
  ),
);

/**
 * Replaces a declaration, adds one, or removes one: the declaration's index, the number of removed
 * declarations, and the new declaration.
 */
const CHANGE = fc.tuple(fc.nat(20), fc.constantFrom(0, 1, 1, 1, 2), fc.option(ITEM));

Deno.test("a change of one declaration reaches all that depend on it", () => {
  let kept = 0;
  const items = fc.array(ITEM, { minLength: 4, maxLength: 9 });
  const changes = fc.array(CHANGE, { minLength: 2, maxLength: 8 });
  const property = fc.property(items, changes, (first, all) => {
    const versions = [first];
    for (const [at, count, item] of all) {
      const next = [...versions.at(-1)!];
      next.splice(at % (next.length + 1), count, ...item === null ? [] : [item]);
      versions.push(next);
    }
    kept += checkVersions(versions.map((version) => version.join("")));
  });
  fc.assert(property, { numRuns: 150 });
  assertEquals(kept > 100, true, `Only ${kept} versions kept a declaration`);
});

Deno.test("an entry that nothing changes any more has its kind back in other tests", () => {
  const test = 'test "one" {\n  let r = { size: 4KiB }\n  assert r.size == "text"\n}\n';
  const change = 'test "two" {\n  let r = { size: 1 }\n  r.size = 2\n  print r\n}\n';
  checkVersions([
    test + change,
    `${test}${change}\n`,
    test + change.replace("r.size = 2", "print r"),
  ]);
});

Deno.test("a long chain of functions has the kinds of a check from its first one", () => {
  const chain = (name: string, count: number, next: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => `fn ${name}${at}() { return ${next(at)} }\n`).join("");
  const kept = chain("g", 20, (at) => at < 19 ? `g${at + 1}()` : "1");
  const before = chain("h", 90, () => "1");
  checkVersions([before + kept, chain("h", 90, (at) => at < 89 ? `h${at + 1}()` : "g0()") + kept]);
});
