/** Forms of the language in docs/language/, each run once. */
import { assertEquals } from "@std/assert";
import { errorsOf, printed, run } from "../testing/test_support.ts";

const STRICT = `machine {
  cpus = 2
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 2 } } }
}
`;

/** The output of a script on a machine with a disk. */
function strict(text: string): readonly string[] {
  return printed(STRICT + text);
}

Deno.test("literals of every kind, and what they print as (docs/language/text.md)", () => {
  assertEquals(printed("print [4096, 1_000_000, 0xffff_f000, 0b1010]"), [
    "[4096, 1000000, 4294963200, 10]",
  ]);
  assertEquals(printed("print [512B, 4KiB, 1MiB, 8GiB, 1TiB]\nprint [10ns, 5us, 10ms, 1s]"), [
    "[512B, 4KiB, 1MiB, 8GiB, 1TiB]",
    "[10ns, 5us, 10ms, 1s]",
  ]);
  assertEquals(printed('print [0..3, 0..=3]\nprint "a\\tb{1 + 1}\\{x\\}"\nprint bytes"de ad"'), [
    "[0..3, 0..4]",
    "a\tb2{x}",
    'bytes"de ad"',
  ]);
  assertEquals(printed("print [DMA_TO_DEVICE, BLK_STS_INVAL, OK, RESOURCE]"), [
    "[to_device, INVAL, OK, RESOURCE]",
  ]);
  assertEquals(errorsOf("print 9_007_199_254_740_992")[0]?.slice(0, 5), "E0106");
});

Deno.test("operators by their order, and kinds by their algebra (docs/language/text.md)", () => {
  assertEquals(printed("print [1 | 2, 6 & 3, 1 << 4, 256 >> 4, 7 / 2, 7 % 3, -5, 2 + 3 * 4]"), [
    "[3, 2, 16, 16, 3, 1, -5, 14]",
  ]);
  assertEquals(printed("print [not true or true and false, 1 < 2 and 2 <= 2, (3 > 2) == true]"), [
    "[false, true, true]",
  ]);
  assertEquals(printed("let p = 0x10_0000 as phys\nprint [p + 4KiB, (p + 8KiB) - p, p % 4KiB]"), [
    "[0x10_1000, 8KiB, 0]",
  ]);
  assertEquals(printed("print [4KiB + 512B, 4KiB * 2, 4KiB / 2, 4KiB / 512B, 4100B % 4KiB]"), [
    "[4608B, 8KiB, 2KiB, 8, 4B]",
  ]);
  assertEquals(printed("print [10us + 5us, 10us / 2, 10us / 5us, 11us % 5us, 4KiB + 10]"), [
    "[15us, 5us, 2, 1us, 4106B]",
  ]);
});

Deno.test("lambdas, records and functions hold each other (docs/language/text.md)", () => {
  const text = `let f = (a, b) => a + b
let g = x => x * 2
let r = { go: x => x + 1, nested: { list: [1, { x: 2 }] } }
let add = x => y => x + y
print [f(1, 2), g(4), (() => 5)(), r.go(4), add(1)(2), r.nested.list[1].x]`;
  assertEquals(printed(text), ["[3, 8, 5, 5, 3, 2]"]);
  assertEquals(printed("fn f(n) { if n == 0 { return }\nreturn n }\nprint [f(0), f(1)]"), [
    "[none, 1]",
  ]);
});

Deno.test("`+=` adds to whatever can be added to (docs/language/statements.md)", () => {
  const sums = `let x = 1; x += 2
let s = "a"; s += "b"
let l = [1]; l += [2]
let z = 4KiB; z += 512B
print [x, s, l, z]`;
  assertEquals(printed(sums), ['[3, "ab", [1, 2], 4608B]']);
});

Deno.test("`match` takes literals, constants, consts, ranges and `_` (docs/language/statements.md)", () => {
  const text = `const four = 4
match 3 { 1 => print "one"
  2..=4 => { print "few" }
  _ => print "many" }
match to_device { to_device => print "to", _ => print "other" }
match "x" { "y" => print 1; "x" => print 2 }
match 4 { four => print "four"; _ => print "no" }
match 4KiB { 4096 => print "4k"; _ => print "no" }
match none { none => print "none"; _ => print "no" }
match true { false => print "f"; true => print "t" }
match 5 { 1..=3 => print "low"; 4..6 => print "mid" }
match 9 { 1 => print 1 }`;
  assertEquals(printed(text), ["few", "to", "2", "four", "4k", "none", "t", "mid"]);
});

Deno.test("events by name, group, choice, number and field (docs/language/statements.md)", () => {
  const text = `let io = ssd.submit(read, lba: 0, into: alloc_pages(3, contiguous: false))
wait io
expect events [ iova.alloc, iommu.map{3}, iommu.sync_map ] in io
expect events [ iova.alloc, (iommu.map){1,5}, ... ] in io
expect events [ iova.*+ ] in io
expect events [ iova.alloc | iova.free, iova.free ] in io
expect events [ iommu.map(size_bytes: 4KiB)+, !iommu.fault ] in io.requests[0]
expect events [ dma_iova_try_alloc, dma_iova_link{3}, dma_iova_sync, ... ] in io
expect events [ ret.dma_iova_link(result: 0){3} ] in ssd
let t = trace { ssd.read(lba: 0, into: alloc_pages(1)) }
expect events [ iommu.map ] in t
print [t.count("iommu.map"), t.count(iommu.map), t.filter(e => e.name == "iova.free").length]`;
  assertEquals(strict(text), ["[1, 1, 1]"]);
});

Deno.test("`with`, `matrix` and `forall` go together in any order (docs/language/declarations.md)", () => {
  const text = `${STRICT}
test "t" with { iommu.mode = lazy } matrix { ssd.queues = [1, 2] } with { cpus = 4 } {
  print [iommu.mode, ssd.queues]
}
skip test "left out" { assert false }
skip property "left out, too" forall n in 0..3 { assert n < 0 }
property "p" matrix { cpus = [1, 2] } forall n in 0..3, word in [read, write] {
  assert n < 3 and word != flush
}`;
  const { lines, report } = run(text);
  assertEquals(lines, ["[lazy, 1]", "[lazy, 2]"]);
  assertEquals(report.outcomes.map(({ outcome }) => outcome), [
    "passed",
    "passed",
    "skipped",
    "skipped",
    "passed",
    "passed",
  ]);
  assertEquals(report.outcomes.map(({ cases }) => cases), [1, 1, 0, 0, 6, 6]);
});
