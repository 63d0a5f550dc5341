import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseText, places, summaries } from "./testing.ts";

/** Checks the errors of texts, by code and location. */
function expectErrors(cases: readonly (readonly [text: string, ...errors: string[]])[]): void {
  for (const [text, ...errors] of cases) {
    assertEquals(places(parseText(text).diagnostics), errors, text);
  }
}

Deno.test("several mistakes give several errors", () => {
  expectErrors([
    ["let = 1\nlet x = 2\nlet = 3", "E0201 1:5", "E0201 3:5"],
    ["f(a b)\ng(c d)", "E0201 1:5", "E0201 2:5"],
    ["let x = 4K + 5MB", "E0104 1:10", "E0104 1:15"],
    ['test "a" {\n  let = 1\n}\ntest "b" {\n  wait\n}', "E0201 2:7", "E0202 5:7"],
    ["machine {\n  cpus: 2\n  seed: 3\n}", "E0201 2:7", "E0201 3:7"],
    ["match x {\n  1 | 2 => f()\n  3 => g()\n  4 5 => h()\n}", "E0222 2:5", "E0222 4:5"],
  ]);
});

Deno.test("brackets are missed where a reader would miss them", () => {
  expectErrors([
    ["f(a, b\nlet x = 1", "E0203 1:7"],
    ["let x = f(g(a, b)\nlet y = 1", "E0203 1:18"],
    ["f(a,\n  b\ng(c)\n}", "E0203 2:4", "E0204 4:1"],
    ["let x = [1, 2)\nf()", "E0203 1:14"],
    ['test "a" {\n  if x {\n    f()\n  g()\n}\ntest "b" { }', "E0203 3:8"],
    ['test "a" {\n  f()\ntest "b" {\n  g()\n}', "E0203 2:6"],
    ['test "a" {\n  f()\n}\n}\ntest "b" { }', "E0204 4:1"],
    ['test "a" {\n  if x {\n    f()\n  }\n  }\n  g()\n}', "E0204 5:3"],
    ['test "a" {\n  if x\n    f()\n  }\n}', "E0203 2:7"],
    ['test "a" { {\n  f()\n}', "E0204 1:12"],
    ["if f(a {\n  g()\n}", "E0203 1:7"],
    ['test "a" with { iommu.mode = lazy {\n  f()\n}\nf()', "E0203 1:34"],
    ["f({ a: 1 )\ng()", "E0203 1:9"],
    ["machine {\n  nvme ssd\n    queues = 2\n  }\n}\nf()", "E0203 2:11"],
  ]);
});

Deno.test("expressions that do nothing are no statements", () => {
  expectErrors([
    ["let x = a\n  + b", "E0207 2:3"],
    ["a == b", "E0207 1:1"],
    ["ssd.reset", "E0207 1:1"],
    ["try f()", "E0207 1:1"],
    ["f() as dma", "E0207 1:1"],
    ["x => x", "E0207 1:1"],
    ["{ a: 1 }", "E0206 1:1"],
    ["f(); trace { }; fork { } and { }; race { } and { }; compare { a = 1 } { }"],
    ["x fails EIO", "E0219 1:3"],
    ["x = f() fails EIO", "E0219 1:9"],
  ]);
});

Deno.test("comparisons and ranges do not chain, and `not` needs parentheses on the right", () => {
  expectErrors([
    ["assert a < b < c", "E0208 1:14"],
    ["assert a == b != c", "E0208 1:15"],
    ["assert (a < b) == c"],
    ["let r = 0..4..8", "E0208 1:13"],
    ["assert a == not b", "E0221 1:13"],
    ["assert a == (not b)"],
    ["let x = - not b", "E0221 1:11"],
  ]);
});

Deno.test("malformed lambdas and patterns say what they take", () => {
  expectErrors([
    ["let f = (a + 1) => a", "E0220 1:10"],
    ["let f = 4 => a", "E0220 1:9"],
    ["let f = 1 + x => x", "E0220 1:13"],
    ["let f = (a, b)", "E0201 1:9"],
    ["let f = ()", "E0202 1:9"],
    ["expect events [ (a, !b) ] in r", "E0217 1:21"],
    ["expect events [ !a+ ] in r", "E0217 1:17"],
    ["expect events [ !(a) ] in r", "E0217 1:17"],
    ["expect events [ ...* ] in r", "E0217 1:17"],
    ["expect events [ a{3,1} ] in r", "E0217 1:18"],
    ["expect events [ a{1.5} ] in r", "E0217 1:18"],
    ["expect events [ a.*.b ] in r", "E0217 1:19"],
    ["expect events [ a(4) ] in r", "E0217 1:19"],
    ["expect events [ a(n: b + c) ] in r", "E0217 1:22"],
    ["expect events [ a(n: (b + c), m: [1, 2]) ] in r"],
    ["expect events [ ] in r", "E0217 1:15"],
    ["match x { _..3 => f() }", "E0222 1:11"],
    ['match x { "{a}" => f() }', "E0222 1:11"],
  ]);
});

/** Checks the only error of a text: its location, its message, and notes at other locations. */
function expectOne(cases: readonly (readonly [text: string, said: string, ...notes: string[]])[]) {
  for (const [text, said, ...notes] of cases) {
    const { diagnostics } = parseText(text);
    assertEquals(summaries(diagnostics), [said], text);
    const related = (diagnostics[0]?.related ?? []).map(({ span, message }) => {
      const { line, column } = span.source.position(span.start);
      return `${line}:${column} ${message}`;
    });
    assertEquals(related, notes, text);
  }
}

Deno.test("options without their word are one error, at the block behind them", () => {
  const wanted = "Expected end of line, found `{`";
  expectOne([
    ['test "a" {\n  iommu.mode = lazy\n  cpus = 2\n} {\n  f()\n}', `E0205 4:3 ${wanted}`],
    ['test "a" { } {\n  f()\n}', `E0205 1:14 ${wanted}`],
    ['test "a" { f() } { g() }', `E0205 1:18 ${wanted}`],
  ]);
  const [lists] = parseText('test "a" { seed = [1, 2] } { f() }').diagnostics;
  assertEquals(
    lists?.hint,
    "a second block needs a keyword: write the options of a test after `with` or `matrix`",
  );
});

/**
 * A function with the given lines as its body. No line of the body contains a brace of the
 * function.
 */
const body = (...lines: string[]) => `fn f() {\n${lines.join("\n")}\n}\n`;

Deno.test("a bracket is missed where it is needed at the latest, with the place of its partner", () => {
  const call = "Expected `)` to close the call, found";
  expectOne([
    [
      body("  expect events [ [", "    a,", "    b,", "  ] in r", "  g()"),
      "E0204 2:19 This `[` repeats the one before it",
    ],
    [body("  g( (a)"), "E0203 2:9 Expected `)` to close the call, found end of line"],
    [
      body("  let x = [[1, 2],", "    [3, 4],", "    [5, 6]", "  let y = 1"),
      "E0203 4:11 Expected `]` to close the list, found end of line",
      "2:11 `[` opened here",
    ],
    [
      body("  assert g( == [", "    1,", "    2,", "  ]"),
      `E0203 5:4 ${call} end of line`,
      "2:11 `(` opened here",
    ],
    [
      body("  return g(a +", "    g(b) +", "    g(c)"),
      `E0203 4:9 ${call} end of line`,
      "2:11 `(` opened here",
    ],
    [
      "machine {\n  root_port rp {\n    nvme a {\n  }\n  cpus = 2\n}",
      "E0203 4:4 Expected `}` to close the block, found end of line",
      "2:16 `{` opened here",
    ],
    [
      body("  if a {", "  }", "  if b {", "    g()", "    h()"),
      "E0203 6:8 Expected `}` to close the block, found end of line",
      "4:8 `{` opened here",
    ],
    [
      body("  return", "    a: 1,", "    b: 2,", "  }"),
      "E0204 5:3 `}` closes nothing",
      "3:5 the statement begins here",
    ],
    [
      body("  assert x ==", "    1, 2,", "    3,", "  ]"),
      "E0204 5:3 `]` closes nothing",
      "2:3 the statement begins here",
    ],
  ]);
});

Deno.test("a bracket that lacks its partner lines above is missed there", () => {
  expectErrors([
    ["let x =\n  1,\n  2,\n]", "E0203 1:8"],
    ["f(a)\nlet y = a.map\n  x => x,\n)", "E0203 2:14"],
    ["let x = [\n  [1],\n  2],\n  [3],\n]", "E0204 3:4"],
    ["let x = [\n  f(1)),\n  2,\n]", "E0204 2:7"],
    ["let x = f((\n  1,\n  2,\n)\nlet y = 1", "E0204 1:11"],
  ]);
});

Deno.test("brackets of each declaration are put right by themselves", () => {
  const returned = body("  return", "    a: 1,", "    b: 2,", "  }");
  expectErrors([
    [`${returned}let = 4\n${body("  g(a")}`, "E0204 5:3", "E0201 7:5", "E0203 9:6"],
    [body("  g[(", "    1,", "    2,", "  ])"), "E0203 4:7", "E0204 5:4"],
    [body("  g([", "    1,", "    2,", "  ]])"), "E0203 5:4", "E0204 5:5"],
  ]);
});

Deno.test("messages name what is expected, what is found, and the way out", () => {
  const said = (text: string) => {
    const [diagnostic] = parseText(text).diagnostics;
    return `${diagnostic?.message}; ${diagnostic?.hint ?? "-"}`;
  };
  assertEquals(said("f(a b)"), "Expected `,` or `)`, found name `b`; is a comma missing?");
  assertEquals(
    said("driver foo { }"),
    'Expected `=`, found `{`; a driver in the script: `driver "foo" { map = …, unmap = … }`; ' +
      'in C: `driver foo = c "FILE.c"`',
  );
  const twice = (word: string) => `\`${word}\` is here twice`;
  assertEquals(said("x. .f()"), `Expected a field's name, found \`.\`; ${twice(".")}`);
  assertEquals(
    said("f(a, b b)"),
    `Expected \`,\` or \`)\`, found name \`b\`; ${twice("b")}, or a comma is missing`,
  );
  assertEquals(
    said("let a = b b = a + 1"),
    `Expected end of line, found name \`b\`; ${
      twice("b")
    }, or \`;\` is missing between two statements`,
  );
  const TWO = "a call has one outcome here; for two write `expect warning A { CALL warns B }`";
  for (
    const text of [
      "f() warns x, y",
      "f() warns x and y",
      "f() warns x faults y",
      "f() warns [x, y]",
      "expect warning x, y { f() }",
    ]
  ) assertStringIncludes(said(text), TWO);
  assertEquals(
    said("let let x = 4"),
    `\`let\` is a reserved word and cannot be a name; ${twice("let")}`,
  );
  assertEquals(
    said('"first" { f() }'),
    'Expected end of line, found `{`; write `test "first" { … }`',
  );
  assertEquals(
    said("first(a) { f() }"),
    "Expected end of line, found `{`; " +
      "declare a function with `fn name(…) { … }`; a call has no block",
  );
  assertEquals(said("let x =\n"), "Expected a value after `=`, found end of file; -");
  assertEquals(said("let x = 1 +\nlet y = 2"), "Expected a value after `+`, found end of line; -");
  assertEquals(
    said("let test = 4"),
    "`test` is a reserved word and cannot be a name; choose another name; reserved words are allowed only after `.` and before `:`",
  );
  assertEquals(said('tset "a" { }'), "No statement begins with `tset`; did you mean `test`?");
  assertEquals(
    said("let t = trac { f() }"),
    "Expected end of line, found `{`; did you mean `trace { … }`?",
  );
  assertEquals(
    said("f() 4"),
    "Expected end of line, found number `4`; put it on its own line, or write `;` between the two",
  );
  assertEquals(said("breka"), "A value alone is not a statement; did you mean `break`?");
  assertEquals(
    said("let x = a\n| b"),
    "Line that begins with `|`; a statement ends at the end of its line: put the operator on the line before",
  );
});

Deno.test("what goes on with a line that is complete is the mistake, not the line's end", () => {
  expectErrors([
    ["f() warns x\n# why\n.g(1) warns y", "E0205 3:1"],
    ["f(1) fails EIO .x", "E0205 1:16"],
    ["let a = {\n  # why\n  : 4,\n}", "E0201 3:3"],
    ["machine {\n  # why\n  { cpus = 1 }\n}", "E0201 3:3"],
  ]);
});

Deno.test("an operator that took the next statement's first word for its value has lost its own", () => {
  expectErrors([
    ["assert a ==\n\n# why\nf(1) fails EIO", "E0202 1:12"],
    ["let x = 1 +\n  # more\n  2 3", "E0202 1:12"],
    // Without a comment line or an empty line between two lines, both lines may be one expression.
    ["let x = 1 +\n  2 3", "E0205 2:5"],
    ["let x = 1 +\n  # more\n  2"],
  ]);
});
