import { assert, assertEquals } from "@std/assert";
import { readBytes, readNumber, readString } from "./literals.ts";

function value(image: string): string {
  const number = readNumber(image);
  return number.kind === "problem" ? number.problem.code : `${number.kind} ${number.value}`;
}

function hint(image: string): string {
  const number = readNumber(image);
  return number.kind === "problem" ? number.problem.hint ?? "" : "";
}

Deno.test("readNumber() reads decimal, hexadecimal and binary integers", () => {
  assertEquals(value("0"), "Integer 0");
  assertEquals(value("1_000_000"), "Integer 1000000");
  assertEquals(value("0xffff_f000"), "Integer 4294963200");
  assertEquals(value("0XFF"), "Integer 255");
  assertEquals(value("0b1010"), "Integer 10");
  // B and the digits d and e are hexadecimal digits, so that this is no size.
  assertEquals(value("0x40B"), "Integer 1035");
});

Deno.test("readNumber() is exact up to 2^53 - 1 and refuses 2^53", () => {
  assertEquals(value("2147483648"), "Integer 2147483648");
  assertEquals(value("4294967296"), "Integer 4294967296");
  assertEquals(value("9007199254740991"), "Integer 9007199254740991");
  assertEquals(value("0x1f_ffff_ffff_ffff"), "Integer 9007199254740991");
  assertEquals(value("9007199254740992"), "E0106");
  assertEquals(value("9007199254740993"), "E0106");
  assertEquals(value("0xffff_ffff_ffff_ffff"), "E0106");
  assertEquals(value("0xffff_ffff_ffff_f000"), "Address 9007199254736896");
  assertEquals(value("0xfffe_ffff_ffff_f000"), "E0106");
  assertEquals(value("18446744073709547520"), "E0106");
  assertEquals(value("8192TiB"), "E0106");
  assertEquals(value("8191TiB"), "Size 9006099743113216");
});

Deno.test("readNumber() reads sizes and durations in their units", () => {
  assertEquals(
    ["512B", "4KiB", "1MiB", "8GiB", "1TiB"].map(value),
    ["Size 512", "Size 4096", "Size 1048576", "Size 8589934592", "Size 1099511627776"],
  );
  assertEquals(
    ["10ns", "5us", "10ms", "1s", "1_0s"].map(value),
    [
      "Duration 10",
      "Duration 5000",
      "Duration 10000000",
      "Duration 1000000000",
      "Duration 10000000000",
    ],
  );
  assertEquals(value("1.5"), "Ratio 1.5");
  assertEquals(value("0.25"), "Ratio 0.25");
});

Deno.test("readNumber() refuses other units with the right spelling", () => {
  for (const image of ["4K", "4k", "4KB", "4kb", "4Kib"]) {
    assertEquals(value(image), "E0104", image);
    assert(hint(image).startsWith("write `4KiB`"), hint(image));
  }
  assertEquals(hint("4KB"), "write `4KiB` (KiB is 1024 bytes; KB would be 1000)");
  assertEquals(hint("10G"), "write `10GiB` (GiB is 1073741824 bytes)");
  assertEquals(hint("10\u00b5s"), "write `10us`");
  assertEquals(hint("10usec"), "write `10us`");
  assertEquals(hint("5sec"), "write `5s`");
  assertEquals(hint("3b"), "write `3B`");
  assertEquals(value("3cats"), "E0104");
});

Deno.test("readNumber() says what is wrong with a malformed number", () => {
  for (const image of ["1__0", "1_", "4_KiB", "0x_1", "0xZZ", "0b12", "0o17", "1e6", "1.5KiB"]) {
    assertEquals(value(image), "E0103", image);
  }
  assertEquals(hint("4_KiB"), "write `4KiB`");
  assertEquals(hint("1__0"), "write `1_0`");
  assertEquals(hint("1e6"), "write `1_000_000`");
  assertEquals(hint("1.5KiB"), "write `1536B`");
  assertEquals(hint("1.5GiB"), "write `1536MiB`");
  assertEquals(value("0755"), "E0107");
  assertEquals(
    hint("0755"),
    "write `755`, or `0x1ed` if octal was meant; there are no octal numbers",
  );
  assertEquals(value("007"), "E0107");
  assertEquals(value("0x40KiB"), "E0105");
  assertEquals(hint("0x40KiB"), "write `64KiB`");
  assertEquals(hint("0x10ms"), "write `16ms`");
  assertEquals(value("9".repeat(5000)), "E0103");
});

Deno.test("readString() resolves escapes and finds the places of {expr}", () => {
  assertEquals(readString('""'), { parts: [], problems: [] });
  assertEquals(readString('"plain"').parts, [{ text: "plain" }]);
  assertEquals(readString(String.raw`"a\n\t\\\"\{\}\x41\u{1f600}"`).parts, [
    { text: 'a\n\t\\"{}A\u{1f600}' },
  ]);
  assertEquals(readString('"a{x}b{f({ a: 1 })}"').parts, [
    { text: "a" },
    { start: 3, end: 4 },
    { text: "b" },
    { start: 7, end: 18 },
  ]);
  assertEquals(readString('"lonely }"').parts, [{ text: "lonely }" }]);
});

Deno.test("readString() reports escapes and braces that mean nothing", () => {
  const codes = (image: string) =>
    readString(image).problems.map(({ code, start }) => `${code} ${start}`);
  assertEquals(codes(String.raw`"a\q"`), ["E0108 2"]);
  assertEquals(codes(String.raw`"\u{110000}"`), ["E0108 1"]);
  assertEquals(codes(String.raw`"\u12"`), ["E0108 1"]);
  assertEquals(codes('"a {x"'), ["E0109 3"]);
  assertEquals(codes('"{}"'), ["E0109 1"]);
  assertEquals(codes(String.raw`"{f(\"a\")}"`), ["E0109 1"]);
  assertEquals(codes('"{a # b}"'), ["E0109 1"]);
});

Deno.test("readBytes() reads pairs of hexadecimal digits", () => {
  assertEquals(readBytes('bytes"de ad be ef"'), new Uint8Array([0xde, 0xad, 0xbe, 0xef]));
  assertEquals(readBytes('bytes"DEADbeef"'), new Uint8Array([0xde, 0xad, 0xbe, 0xef]));
  assertEquals(readBytes('bytes""'), new Uint8Array([]));
  for (const image of ['bytes"d"', 'bytes"de a"', 'bytes"xy"']) {
    const result = readBytes(image);
    assert(!(result instanceof Uint8Array), image);
    assertEquals(result.code, "E0110");
  }
});
