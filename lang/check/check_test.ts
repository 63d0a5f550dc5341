import { assert, assertEquals } from "@std/assert";
import { SourceFile } from "../source.ts";
import { parse } from "../syntax/parse.ts";
import { tokenEdits } from "../syntax/testing_edits.ts";
import { SAMPLES } from "../syntax/testing_samples.ts";
import { codesOf, errorsOf, load } from "../testing/test_support.ts";

const MACHINE = "machine { pci { root_port rp { nvme ssd { } } } }\n";
const hintOf = (text: string) => load(text).diagnostics[0]?.hint;

Deno.test("a name must be bound before it is used; the nearest one is suggested", () => {
  assertEquals(errorsOf("let blocks = 1\nprint bloks"), ["E0301 2:7 Nothing is called `bloks`"]);
  assertEquals(hintOf("let blocks = 1\nprint bloks"), "did you mean `blocks`?");
  assertEquals(errorsOf("x = 1"), ["E0301 1:1 Nothing is called `x`"]);
  assertEquals(hintOf("quux = 1"), "`let quux = …` binds it");
  assertEquals(errorsOf("if true { let a = 1 }\nprint a"), ["E0301 2:7 Nothing is called `a`"]);
  assertEquals(errorsOf("let f = f"), ["E0301 1:9 Nothing is called `f`"]);
});

Deno.test("functions and tests do not see a top-level let, and the error says why", () => {
  assertEquals(errorsOf('let n = 1\ntest "t" { assert n == 1 }'), [
    "E0301 2:19 Nothing is called `n`",
  ]);
  assertEquals(
    hintOf("let n = 1\nfn f() { return n }"),
    "functions and tests do not see a top-level `let`: write `const`, or pass it as an argument",
  );
  assertEquals(errorsOf("const n = 1\nfn f() { return n }\nlet x = f()"), []);
});

Deno.test("a name is bound once in a block, and may hide one of a block around it", () => {
  assertEquals(errorsOf("let a = 1\nlet a = 2"), ["E0302 2:5 `a` is already bound in this block"]);
  assertEquals(errorsOf("let a = 1\nif true { let a = 2 }"), []);
  assertEquals(errorsOf("fn f(a, a) { }"), ["E0302 1:9 `a` is already bound in this block"]);
  assertEquals(errorsOf("const a = 1\nfn a() { }"), ["E0302 2:4 `a` is already declared"]);
  assertEquals(errorsOf(`${MACHINE}const ssd = 1`), [
    "E0302 2:7 `ssd` is already the name of a part of the machine",
  ]);
});

Deno.test("words of the language stay usable as names", () => {
  assertEquals(errorsOf("let read = 3\nlet size = read + 1\nlet queue = size\nprint queue"), []);
  assertEquals(errorsOf("fn key(base) { return base }\nprint key(base: 1)"), []);
});

Deno.test("what is no function cannot be called, and functions are no values", () => {
  assertEquals(errorsOf("let n = 1\nlet m = n(2)"), ["E0303 2:9 Cannot call an int"]);
  assertEquals(errorsOf("let f = alloc_pages").map((line) => line.slice(0, 9)), ["E0307 1:9"]);
  assertEquals(errorsOf("let f = x => x\nprint f(y: 1)"), [
    "E0305 2:9 A lambda takes its arguments by position, not by name",
  ]);
});

Deno.test("only variables can be assigned to", () => {
  assertEquals(errorsOf("const n = 1\nn = 2"), ["E0308 2:1 Cannot assign to `n`: it is a `const`"]);
  assertEquals(errorsOf(`${MACHINE}ssd = 2`), [
    "E0308 2:1 Cannot assign to `ssd`: it is a part of the machine",
  ]);
  assertEquals(errorsOf("strict = 2"), ["E0308 1:1 Cannot assign to `strict`: it is a constant"]);
});

Deno.test("statements that stand where they cannot", () => {
  assertEquals(errorsOf("break"), ["E0309 1:1 This is not allowed here: `break` outside a loop"]);
  assertEquals(errorsOf("return 1"), [
    "E0309 1:1 This is not allowed here: `return` outside a function or a test",
  ]);
  assertEquals(errorsOf("while true { let t = trace { break } }").length, 1);
  assertEquals(errorsOf('test "t" { while true { break } }'), []);
});

Deno.test("consts may stand in any order, but none may need itself", () => {
  assertEquals(errorsOf("const a = f()\nfn f() { return b }\nconst b = 2\nprint a"), []);
  assertEquals(errorsOf("const a = b\nconst b = a"), [
    "E0314 1:7 `a` depends on itself, through `b`",
  ]);
  assertEquals(errorsOf("const a = f()\nfn f() { return a }"), [
    "E0314 1:7 `a` depends on itself, through `f`",
  ]);
});

Deno.test("fields and methods of known kinds are known before the run", () => {
  assertEquals(errorsOf("print iommu.live_maping"), [
    "E0315 1:13 An iommu has no field `live_maping`",
  ]);
  assertEquals(hintOf("print iommu.live_maping"), "did you mean `live_mappings`?");
  assertEquals(errorsOf("print [1].map"), ["E0315 1:11 `map` of a list is a method"]);
  assertEquals(errorsOf("print [1].length()"), ["E0315 1:11 `length` of a list is not a method"]);
  assertEquals(errorsOf("print true.x"), ["E0315 1:12 A bool has no field `x`"]);
  assertEquals(errorsOf("fn f(r) { return r.b }\nprint f({ a: 1 })"), [], "known in the run only");
});

Deno.test("`inject` names a point that there is, and an error that it can have", () => {
  assertEquals(errorsOf("inject dma_iova_link nth 3 with ENOMEM { print 1 }"), []);
  assertEquals(errorsOf("inject iova.alloc nth 1..=2 { print 1 }"), []);
  assertEquals(errorsOf("inject dma_iova_lnk { print 1 }"), [
    "E0320 1:8 No injection point is called `dma_iova_lnk`",
  ]);
  assertEquals(hintOf("inject dma_iova_lnk { print 1 }"), "did you mean `dma_iova_link`?");
  assertEquals(errorsOf("inject dma_map_phys with EIO { print 1 }"), [
    "E0321 1:26 `dma_map_phys` cannot fail with `EIO`",
  ]);
  assertEquals(errorsOf("inject device.read with not_present { print 1 }"), []);
  assertEquals(errorsOf("inject each nth 2 { print 1 }"), [
    "E0321 1:17 `inject each` takes neither `nth` nor `with`: it tries every injection point",
  ]);
  assertEquals(errorsOf("inject dma_map_phys nth 4KiB { print 1 }"), [
    "E0405 1:25 `nth` takes an int or a range, but this is a size",
  ]);
});

Deno.test("unused names and unreachable code are warnings", () => {
  assertEquals(codesOf("let a = 1"), ["W0301"]);
  assertEquals(codesOf("let _a = 1"), []);
  assertEquals(codesOf("const a = 1\nfn f() { }"), [], "what declares only is there for others");
  assertEquals(codesOf("const a = 1\nprint 1"), ["W0301"]);
  assertEquals(codesOf("for i in 0..3 { print 1 }"), [], "a loop may just count");
  assertEquals(codesOf("fn f() { return 1\n print 2 }\nprint f()"), ["W0302"]);
  assertEquals(codesOf("let n = 1\nlet f = x => x + n\nn = 2\nprint f(1)"), ["W0304"]);
  assertEquals(codesOf("let n = 1\nn = 2\nlet f = x => x + n\nprint f(1)"), []);
  assertEquals(codesOf('test "a" { }\ntest "a" { }'), ["W0305"]);
});

Deno.test("code behind a statement that cannot stand there is no code that is never reached", () => {
  assertEquals(load("continue\nprint 1").diagnostics.map(({ code }) => code), ["E0309"]);
});

Deno.test("hints name each name once, and no more names than can be read", () => {
  const mapped = `${MACHINE}test "a" { print iomu.mode }\ntest "b" { print counters.nosuch }`;
  const [first, second] = load(mapped).diagnostics;
  assertEquals(first!.hint, "did you mean `iommu`?");
  assertEquals(second!.hint!.split(", ").length, 16);
  assertEquals(second!.hint!.match(/ and \d+ more$/)?.length, 1);
  assertEquals(hintOf("print [1].nosuch(2)")!.match(/\bsum\b/g)?.length, 1);
  assertEquals(errorsOf("print counters.iotlb.sink"), [
    "E0315 1:22 Counters.iotlb has no field `sink`",
  ]);
});

Deno.test("of many names those are listed first that share a part with what was written", () => {
  const hint = hintOf("now() warns unmap_not_mapped")!;
  const names = hint.replace(/^there are | and \d+ more$/g, "").split(", ");
  assertEquals(names.length, 16);
  assertEquals(names.slice(0, 7).every((name) => /unmap|mapped/.test(name)), true, hint);
});

Deno.test("a statement's word that is called gets its hint, whatever files are used", () => {
  const { diagnostics } = load('use "lib.dma"\nprint (0..4).length', { "lib.dma": "" });
  assertEquals(diagnostics[0]?.hint, "`print` is a statement: write it without parentheses");
});

Deno.test("words cannot be called, and patterns bind no names: the hint says what can be done", () => {
  assertEquals(errorsOf("for i in range(3) { print i }"), [
    "E0303 1:10 There is no function `range`",
  ]);
  assertEquals(hintOf("for i in range(3) { print i }"), "a range is written `0..n`");
  assertEquals(
    hintOf("match 3 { 1 => now(), whatever => now() }"),
    "a pattern binds no name; `_` matches the rest",
  );
  const word = "match 3 { 1 => now(), other => now() }";
  assertEquals(errorsOf(word), ["E0404 1:23 An int never matches a word"]);
  assertEquals(hintOf(word), "a pattern binds no name; `_` matches the rest");
  assertEquals(hintOf("match 3 { strikt => now() }"), "did you mean `strict`?");
});

Deno.test("a name that every object of the host has is as unknown as any other", () => {
  for (const name of ["constructor", "toString", "__proto__"]) {
    const [first] = load(`print ${name}`).diagnostics;
    assertEquals([first?.code, first?.hint], ["E0301", undefined], name);
  }
});

Deno.test("a syntax error hides no name error that is none of its own making", () => {
  assertEquals(
    errorsOf(`${MACHINE}test "a" {
  let x = 4KiB 5
  alloc_page(x)
  print y
}
test "b" {
  print mising
  print alloc_pages(1).phyz
  wait ssd.submit(read, lba: 0, into: bufer)
  now() fails ENOMEN
}`),
    [
      "E0205 3:16 Expected end of line, found number `5`",
      "E0303 4:3 There is no function `alloc_page`",
      "E0301 5:9 Nothing is called `y`",
      "E0301 8:9 Nothing is called `mising`",
      "E0315 9:24 A buffer has no field `phyz`",
      "E0301 10:39 Nothing is called `bufer`",
      "E0313 11:15 No error is called `ENOMEN`",
    ],
  );
});

Deno.test("what a syntax error may have bound is not missed elsewhere", () => {
  const torn: readonly (readonly [string, string])[] = [
    ["let x: int = 4\nprint x", "E0201"],
    ["def half(n) { return n / 2 }\nprint half(4)", "E0206"],
    ["fn f(a, 4) { print a + b }\nprint f(1)", "E0201"],
    ["fn f(x) { if x { return 1 }\nreturn } }\nlet y = f(1)\nprint y + 4KiB", "E0204"],
    ["machine { pci { root_port rp nvme ssd { } } }\nprint ssd.name", "E0201"],
    ['for (i = 0; i < 4; i += 1) {\n  print i\n}\nprint "{i}"', "E0201"],
    ['use "lib.dma\nprint of_lib', "E0102"],
  ];
  for (const [text, code] of torn) assertEquals([...new Set(codesOf(text))], [code], text);
  const used = codesOf('use "lib.dma"\nprint of_lib()', {
    "lib.dma": "fn of_lib() { return 1 2 }",
  });
  assertEquals(used, ["E0205"]);
});

/** @param share Every `share`-th edit of the script is checked if it breaks the text. */
function assertNoNameErrors(share: number): void {
  const [sample] = SAMPLES;
  const files = { "lib/patterns.dma": "" };
  const edits = [...tokenEdits(sample!)].filter(({ kind }) => kind !== "swap");
  const wrong = edits.filter(({ text }, index) =>
    index % share === 0 && parse(new SourceFile("t.dma", text)).diagnostics.length > 0
  );
  assert(wrong.length > 600 / share, `${wrong.length} broken texts`);
  for (const { text } of wrong) {
    const about = load(text, files).diagnostics.filter(({ code }) => !/^E0[12]/.test(code));
    assertEquals(about.map(({ message }) => message), [], text);
  }
}

Deno.test("a slip of a hand in a right script draws no error about a name", () => {
  assertNoNameErrors(16);
});

Deno.test("no slip of a hand in a right script draws an error about a name (long)", () => {
  assertNoNameErrors(1);
});

/** Common first attempts, each with a part of the expected hint. */
const FIRST_HOUR: readonly (readonly [string, string])[] = [
  ["machine { ram = 16GiB }", "write `ram { size = 16GiB }`"],
  ["machine { iommu.mode = strict }", "write `iommu { mode = strict }`"],
  ["machine { latencies { iommu.mapp = 5ns } }", "did you mean `iommu.map`?"],
  ["machine { iommu = strict }", "write `iommu { mode = strict }`"],
  ["machine { swiotlb = force }", "write `swiotlb { force = true }`"],
  ["machine { nvme = 2 }", "write `nvme NAME { queues = 2 }`, in pci, host_bridge"],
  ["machine { pci = 2 }", "write `pci { host_bridge NAME { … } }`"],
  ["machine { cpus { } }", "write `cpus = …`"],
  ["machine { iommu { passthrough = true } }", "write `mode = passthrough`"],
  ['machine { iommu { mode = "strict" } }', "write `strict` without quotes"],
  ["machine { kernel = 7.2 }", 'write one of "6.1.192", "6.12.117"'],
  ["machine { pci { nvme ssd { dma_mask = 32 } } }", "similar names: `dma_mask_bits`"],
  ['test "x" forall n in 0..4 { }', "`forall` belongs to a property: "],
  ['test "x" for each n in [1] { }', "leave `each` out: `for n in …`"],
  ['test "x" with kernel = "7.3" { }', "write `with { kernel = … }`"],
  ['test "x" with { iommu { mode = strict } } { }', "write the path of the key: `iommu.KEY = …`"],
  ['property "x" for n in 0..4 { }', "a property is tried with values, `forall n in 0..8`"],
  ['property "x" { }', "without them write `test`"],
  ["loop 100 { }", "write `repeat 100 { … }`"],
  ['bench "x" { repeat 100 { now() } }', "a bench has one `loop` to measure"],
  ["let f = now() faults y", "`expect fault y { x = CALL }`"],
  ["let f = now() warns unmap_size", "`expect warning unmap_size { x = CALL }`"],
  ["let f = now() fails EIO", "write `CALL fails EIO` without `let`"],
  ["now() faults", "as in `CALL faults not_present`"],
  ["now() warns", "as in `CALL warns unmap_size`"],
  ["expect fault { now() }", "as in `expect fault not_present { … }`"],
  ["expect now() == 1", "to check a condition write `assert`"],
  ["assert now() throws EIO", "write `CALL fails EIO`, on a line of its own"],
  ["fn f(x: int) { }", "a parameter is a name, without kind and default value: `fn f(x)`"],
  ["fn f(x = 1) { }", "a parameter is a name, without kind and default value: `fn f(x)`"],
  ['print f"{1}"', 'strings take values without a prefix: `"{1}"`'],
  ["let x: u64 = 5", "names have no declared kind: `x = …`"],
  ["let a, b = [1, 2]", "one `let` binds one name"],
  ["let (a, b) = [1, 2]", "one `let` binds one name"],
  ["let f = |x| x * 2", "a function without a name is written `x => …`"],
  ["let f = lambda x: x * 2", "a function without a name is written `x => …`"],
  ['let r = { "a": 1 }', "write the key without quotes: `a: …`"],
  ["for i, x in [1] { }", "`for` binds one name"],
  ["while true:\n  now()", "a block stands in braces: `{ … }`"],
  ["assert_eq!(1, 1)", "there are no macros: write `assert a == b`"],
  ["try { now() } catch (e) { }", "write `let result = try CALL`"],
  ["raise EIO", "a script raises no errors"],
  ["await now()", "write `wait …`"],
  ["wait until true", "write `step until …`"],
  ["sleep(10ms)", "`advance 10ms`"],
  ["sleep 10ms", "write `advance 10ms`"],
  ["udelay(10)", "`advance 10ms`"],
  ["step 10ms", "write `advance 10us`"],
  ["wait 10", "to let time pass, write `advance 10us`, with a unit"],
  ["on cpu0 { }", "write `on cpu 0 { … }`"],
  ["let t = trace now()", "`trace` takes a block: `trace { … }`"],
  ["expect events [ iommu.map ]", "say whose events: `in` an io, a request, a device"],
  ["expect events iommu.map in 1", "write the events in brackets"],
  ["let xs = [1]\nxs.append(2)", "write `.push(x)`"],
  ["print [1].size", "write `.length`"],
  ["print alloc_pages(GFP_KERNEL)", "leave it out: `alloc_pages(count)`"],
  [
    `${MACHINE}assert ssd.iommu.live_mappings == 0`,
    "the machine has one IOMMU: `iommu.live_mappings`",
  ],
  [`${MACHINE}ssd.dma_write(0, "abc")`, 'bytes are written `bytes"de ad be ef"`'],
  [`${MACHINE}print ssd.flush().status == 0`, "a status, a direction and the like is a word"],
];

Deno.test("what people write in their first hour leads to what is meant", () => {
  for (const [text, hint] of FIRST_HOUR) {
    const found = hintOf(text) ?? "";
    assertEquals(found.includes(hint), true, `${text}\n${found}`);
  }
});
