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
  // In a hexadecimal number, B is a digit (and so are D and E), so this is not a size.
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
