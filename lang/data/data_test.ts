import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { diagnosticLines, load } from "../testing/test_support.ts";
import { DATA_DEPTH } from "../values/limits.ts";
import { Quantity, Ratio, RecordValue, type Value } from "../values/value.ts";
import { ListValue } from "../values/value.ts";
import { readCsv } from "./read_csv.ts";
import { readJson } from "./read_json.ts";
import { readLines } from "../builtins/calls/data_files.ts";

/** A value in the form of JSON, for comparison with `JSON.parse`. */
function plain(value: Value): unknown {
  if (value instanceof ListValue) return value.items.map(plain);
  if (value instanceof RecordValue) {
    return Object.fromEntries([...value.entries].map(([name, each]) => [name, plain(each)]));
  }
  if (value instanceof Quantity) return `${value.value} ${value.kind}`;
  return value instanceof Ratio ? value.value : value;
}

function problemOf(
  read: { readonly value: Value } | { readonly message: string; readonly start: number },
) {
  return "value" in read ? null : [read.message, read.start] as const;
}

const SAFE_JSON = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "binary" }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string().filter((name) => name !== "__proto__"), tie("value"), { maxKeys: 4 }),
  ),
})).value;

Deno.test("read_json reads what JSON.parse reads, however it is laid out", () => {
  fc.assert(
    fc.property(SAFE_JSON, fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      const read = readJson(text);
      assert("value" in read, text);
      assertEquals(JSON.stringify(plain(read.value)), JSON.stringify(JSON.parse(text)));
    }),
    { numRuns: 300 },
  );
});

Deno.test("read_json says what is wrong and where", () => {
  for (
    const [text, message, start] of [
      ["", "A value is missing here: the file ends", 0],
      ["[1,]", "A value is missing here", 3],
      ["[1 2]", "`,` or `]` is missing here", 3],
      ['{"a" 1}', "`:` is missing here", 5],
      ["{a: 1}", 'A name such as "size" is missing here', 1],
      ['{"a": 1, "a": 2}', "There are two entries of this name", 9],
      ['["a', "A value is missing here: this text is not closed or not JSON", 1],
      ["[9007199254740993]", "This number is not exact: integers are, up to 2^53", 1],
      ["[1e999]", "This number is not exact: integers are, up to 2^53", 1],
      ["[01]", "`,` or `]` is missing here", 2],
      ["[1] 2", "Nothing can follow the value", 4],
      ["// no\n[]", "A value is missing here", 0],
      [
        "[".repeat(DATA_DEPTH + 2),
        `More than ${DATA_DEPTH} lists and records in each other`,
        DATA_DEPTH + 1,
      ],
    ] as const
  ) {
    assertEquals(problemOf(readJson(text)), [message, start], text);
  }
});

Deno.test("read_csv makes records of rows, and values of cells", () => {
  const read = readCsv(
    '\ufeffname, size,after,note\r\na,4KiB,10us,"x, ""y""\r\nz"\r\n\r\n b ,-1,1.5,\r\n0x10,true,1KB,0b101\n',
  );
  assert("value" in read);
  assertEquals(plain(read.value), [
    { name: "a", size: "4096 size", after: "10000 duration", note: 'x, "y"\r\nz' },
    { name: " b ", size: -1, after: 1.5, note: null },
    { name: 16, size: true, after: "1KB", note: 5 },
  ]);
});

Deno.test("read_lines gives the lines without their ends", () => {
  for (
    const [text, lines] of [
      ["", []],
      ["a", ["a"]],
      ["a\n", ["a"]],
      ["a\r\n\nb\rc\n", ["a", "", "b", "c"]],
    ] as const
  ) {
    const read = readLines(text);
    assert("value" in read);
    assertEquals(plain(read.value), [...lines]);
  }
});

Deno.test("what is wrong with a call or a file is said before the run, in the file of data too", () => {
  const errors = (text: string, files: Readonly<Record<string, string>> = {}) =>
    diagnosticLines(load(text, files).diagnostics.filter(({ severity }) => severity === "error"));
  assertEquals(errors('print read_json("none.json")'), [
    'E0701 1:17 There is no file "none.json"',
  ]);
  assertEquals(errors('print read_json("/etc/passwd")'), [
    'E0702 1:17 Cannot use "/etc/passwd": the path must be relative to this file',
  ]);
  assertEquals(errors('let n = "a"\nprint read_json("{n}.json")'), [
    "E0707 2:17 The file name must be a string literal here: data files are read before the run",
  ]);
  assertEquals(errors("print read_json(1)"), [
    "E0402 1:17 `read_json` takes a string as `path`, but this is an int",
  ]);
  assertEquals(errors("print read_json()").length, 1);
  const bad = { "bad.json": '{\n  "a": 1,\n  "b": oops\n}' };
  const { diagnostics } = load('print read_json("bad.json")\nprint read_json("bad.json")', bad);
  assertEquals(diagnosticLines(diagnostics), ["E0708 3:8 A value is missing here"]);
  const [{ related, span }] = diagnostics as [typeof diagnostics[number]];
  assertEquals([span.source.name, related?.[0]?.span.start], ["bad.json", 6]);
  assertEquals(errors('print read_lines("long.txt")', { "long.txt": "x".repeat(2 ** 24 + 1) }), [
    'E0706 1:18 Cannot read "long.txt": it has 16777217 bytes, the limit is 16777216',
  ]);
});
