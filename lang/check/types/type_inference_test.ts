import { assertEquals } from "@std/assert";
import { errorsOf, load } from "../../testing/test_support.ts";

const MACHINE = "machine { pci { root_port rp { nvme ssd { } } } }\nlet buf = alloc_pages(1)\n";
const hintOf = (text: string) => load(text).diagnostics[0]?.hint;

Deno.test("kinds: what the table of language.md allows is no error", () => {
  for (
    const text of [
      "print buf.phys + 4KiB",
      "print buf.phys + 0x1000",
      "print buf.phys - buf.phys + 4KiB",
      "print buf.phys % 4KiB + 1",
      "print 4KiB * 3 - 512B",
      "print 3 * 4KiB / 2",
      "print 4KiB / 512B + 1",
      "print 10us + 5ns",
      "print 10us / 2 == 5us",
      "print 4KiB == 4096",
      "print 1.5 * 2 < 4",
      "print 4KiB + (buf.phys as dma)",
      "print buf.phys == none",
      'print "a" + "b"',
      "print [1] + [2]",
    ]
  ) assertEquals(errorsOf(MACHINE + text), [], text);
});

Deno.test("an address of the wrong space is refused, with the cast to write", () => {
  assertEquals(errorsOf(`${MACHINE}ssd.dma_read(buf.phys, 512B)`), [
    "E0402 3:14 `dma_read` takes a device address (dma) or a mapping as `dma`, but this is a physical address (phys)",
  ]);
  assertEquals(
    hintOf(`${MACHINE}ssd.dma_read(buf.phys, 512B)`),
    "write `as dma` where it is meant",
  );
  assertEquals(errorsOf(`${MACHINE}ssd.dma_read(buf.phys as dma, 512B)`), []);
  assertEquals(errorsOf(`${MACHINE}ssd.dma_read(0x1000, 512)`), [], "a plain int is welcome");
  // Ints take the kind of the other operand, and a size is not an address.
  const sum = "0x10_0000 + 2 * 64KiB";
  assertEquals(
    hintOf(`${MACHINE}dma_map_phys(ssd, ${sum}, 4KiB, to_device)`),
    "`(…) as phys` makes an address of a size, as in `(0x10_0000 + 64KiB) as phys`",
  );
  assertEquals(errorsOf(`${MACHINE}dma_map_phys(ssd, (${sum}) as phys, 4KiB, to_device)`), []);
  assertEquals(
    hintOf(`${MACHINE}ssd.dma_read(${sum}, 512)`)?.split("; ")[0],
    "`(…) as dma` makes an address of a size, as in `(0x10_0000 + 64KiB) as dma`",
  );
});

Deno.test("values of some kinds are never equal", () => {
  assertEquals(errorsOf(`${MACHINE}print buf.phys == (0x1000 as dma)`), [
    "E0404 3:16 A physical address (phys) and a device address (dma) can never be equal",
  ]);
  assertEquals(errorsOf("print strict == 1"), ["E0404 1:14 A word and an int can never be equal"]);
  const mapped = `${MACHINE}print dma_map_phys(ssd, 0x1000, 4KiB, to_device) == 0xffff_f000`;
  assertEquals(errorsOf(mapped), ["E0404 3:50 A mapping and an int can never be equal"]);
  assertEquals(hintOf(mapped), "`.addr` is a mapping's address, `.size` its size");
  assertEquals(errorsOf('match 1 { "a" => print 1 }'), [
    "E0404 1:11 An int never matches a string",
  ]);
  assertEquals(errorsOf("match 4KiB { 1us..2us => print 1 }"), [
    "E0404 1:14 A size never matches a duration",
  ]);
});

Deno.test("conditions are true or false", () => {
  assertEquals(errorsOf("if 1 { }"), ["E0403 1:4 `if` takes true or false, but this is an int"]);
  assertEquals(errorsOf("assert 4KiB"), [
    "E0403 1:8 `assert` takes true or false, but this is a size",
  ]);
  assertEquals(errorsOf("print 1 and true"), [
    "E0403 1:7 `and` takes true or false, but this is an int",
  ]);
  assertEquals(errorsOf("print not 1"), [
    "E0403 1:11 `not` takes true or false, but this is an int",
  ]);
});

Deno.test("statements say what they take", () => {
  assertEquals(errorsOf("advance 4KiB"), [
    "E0405 1:9 `advance` takes a duration, but this is a size",
  ]);
  assertEquals(errorsOf("repeat 4KiB { }"), [
    "E0405 1:8 `repeat` takes an int, but this is a size",
  ]);
  assertEquals(errorsOf("for i in 3 { }"), [
    "E0405 1:10 `for` iterates over a range, a list or bytes, but this is an int",
  ]);
  assertEquals(errorsOf("wait 10ms"), ["E0405 1:6 Cannot wait for a duration"]);
  assertEquals(errorsOf("advance 10"), [
    "E0405 1:9 `advance` takes a duration, but this is an int",
  ]);
  assertEquals(errorsOf("advance 10us\nlet t = 3us\nadvance t * 2"), []);
  assertEquals(errorsOf(`${MACHINE}wait ssd.submit(read, lba: 0, into: buf)`), []);
});

Deno.test("casts: ints, sizes and addresses only, and to phys and dma only", () => {
  assertEquals(errorsOf(`${MACHINE}print buf as dma`), [
    "E0406 3:7 Cannot cast a buffer to a " +
    "device address (dma)",
  ]);
  assertEquals(errorsOf("print 1 as size"), ["E0406 1:12 There is no cast `as size`"]);
});

Deno.test("a variable has a kind when all that it is given has", () => {
  assertEquals(errorsOf("let a = 4KiB\na = a * 2\nprint a + 1us").length, 1);
  assertEquals(errorsOf("let a = 1\na = 1us\nprint a + 4KiB"), [], "known in the run only");
  assertEquals(errorsOf("let n = 0\nwhile n < 3 { n += 1 }\nprint n + strict").length, 1);
  assertEquals(errorsOf("let a = 4KiB\na += 1us"), ["E0401 2:1 Cannot add a duration to a size"]);
  assertEquals(errorsOf("for i in 0..3 { print i + strict }").length, 1);
});

Deno.test("a function has a kind when every return has the same one", () => {
  const text = `${MACHINE}fn size(n) { return n * 1 }\nfn start(b) { return b.phys }\n`;
  assertEquals(errorsOf(`${text}print size(1) + start(buf)`), []);
  assertEquals(errorsOf("fn f() { return 4KiB }\nprint f() + 1us").length, 1);
  assertEquals(errorsOf("fn f(x) { if x { return 4KiB }\n return 1us }\nprint f(true) + 1us"), []);
  assertEquals(errorsOf("fn f(n) { return f(n) }\nprint f(1) + 1us"), [], "round in a circle");
});

Deno.test("the condition of an `else if` is looked at as that of an `if`", () => {
  assertEquals(errorsOf("if true { print 1 } else if 3 { print 2 }"), [
    "E0403 1:29 `if` takes true or false, but this is an int",
  ]);
  assertEquals(errorsOf("if true { } else if true { } else if 4KiB + 1us == 3 { print 2 }"), [
    "E0401 1:43 A size and a duration cannot be combined by `+`",
  ]);
});
