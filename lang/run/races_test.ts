import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS } from "../values/limits.ts";
import { Session } from "../session.ts";
import {
  errorsOf,
  failureOf,
  memoryLoader,
  onlyOutcome,
  printed,
  run,
} from "../testing/test_support.ts";

const STRICT = `machine {
  cpus = 2
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

/** The text of the only outcome's failure. */
function failureText(text: string): string {
  return onlyOutcome(text).failure?.lines.join("\n") ?? "it passed";
}

Deno.test("two blocks of six statements run in all 924 orders, each from the very same state", () => {
  const text = `let n = 0
let orders = 0
race {
  n += 1; n += 1; n += 1; n += 1; n += 1; n += 1
} and {
  n += 1; n += 1; n += 1; n += 1; n += 1; n += 1
}
assert n == 12`;
  const { report } = run(text);
  assertEquals(report.outcomes[0]!.failure, null);
  // Each assertion runs once in every order, and once in the run that continues with the first
  // order.
  assertEquals(report.counts.assertions, 925);
});

Deno.test("outcomes of a race are distinguished by how they end", () => {
  const text = `${STRICT}
let r = race {
  dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
} and {
  if iommu.live_mappings == 0 { dma_map_phys(ssd, 0x20_0000, 4KiB, to_device) }
}
print r.outcomes.map(o => [o.order, o.orders, o.outcome.live_mappings])`;
  assertEquals(printed(text), ['[["AB", 1, 1], ["BAB", 2, 2]]']);
});

Deno.test("conditions, turns of loops and statements in blocks are places where the other goes on", () => {
  const count = (first: string, second: string) =>
    printed(`let x = 0
let y = 0
let r = race { ${first} } and { ${second} }
print [r.runs, x, y]`)[0];
  assertEquals(count("x = 1", "y = 1"), "[2, 0, 0]");
  assertEquals(count("if y == 0 { x = 1 }", "y = 1"), "[3, 0, 0]");
  assertEquals(count("repeat 2 { x += 1 }", "y = 1"), "[4, 0, 0]");
  // Two iterations, and the condition that ends the loop: the first block has five statements, so
  // the statement of the other block has six places.
  assertEquals(count("while x < 2 { x += 1 }", "y = 1"), "[6, 0, 0]");
  // A block without statements leaves one order, which fails the test (E0928).
  assertThrows(() => count("x = 1", ""), Error, "only one order");
  assertEquals(count("x = [1, 2].map(n => n + y).sum()", "y = 1; y = 2"), "[3, 0, 0]");
});

Deno.test("a function that a block calls is one statement of it", () => {
  const text = `fn twice(x) {
  let y = x + 1
  return y + 1
}
let r = race { let a = twice(1); assert a == 3 } and { let b = twice(2); assert b == 4 }
print r.runs`;
  assertEquals(printed(text), ["6"]);
});

Deno.test("only the first order speaks, and the run goes on with it", () => {
  const text = `let log = []
race { print "a"; log += ["a"] } and { print "b"; log += ["b"] }
print log`;
  assertEquals(printed(text), ["a", "b", '["a", "b"]']);
});

Deno.test("an invariant holds in every order of a race, or the order is shown", () => {
  const text = `${STRICT}
invariant "one at a time" { iommu.live_mappings <= 1 }
race {
  let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
  dma_unmap_phys(ssd, m, 4KiB, to_device)
} and {
  let n = dma_map_phys(ssd, 0x20_0000, 4KiB, to_device)
  dma_unmap_phys(ssd, n, 4KiB, to_device)
}`;
  const said = failureText(text);
  assertStringIncludes(said, 'invariant "one at a time" does not hold');
  assertStringIncludes(said, "orders fail");
});

const LAZY_RACE = `
  let m = dma_map_phys(ssd, 0x10_0000, 4KiB, from_device)
  ssd.dma_write(m.addr, bytes"00")
  race {
    ssd.dma_write(m.addr, bytes"01")
  } and {
    dma_unmap_phys(ssd, m, 4KiB, from_device)
  }
`;

Deno.test("a report that comes in some orders only fails the test, and with `checker = report` is printed with them", () => {
  const lazy = STRICT.replace("strict", "lazy");
  const test = `test "t" {${LAZY_RACE}}`;
  const { report } = run(lazy.replace("cpus = 2", "cpus = 2, checker = report") + test);
  const [outcome] = report.outcomes;
  assertEquals(outcome!.failure, null);
  assertEquals(outcome!.incidents.map(({ name }) => name), ["stale_iotlb_access"]);
  assertStringIncludes(outcome!.incidents[0]!.lines.join("\n"), "1 of 2 of the race, such as BA");
  assertEquals(report.counts.reports, 1);
  const said = failureText(lazy + test);
  assertStringIncludes(said, "unexpected report stale_iotlb_access");
  assertStringIncludes(said, "the only one of 2 orders that fails");
});

Deno.test("races one after the other run in all combinations of their orders", () => {
  const text = `let x = 0
race { x += 1 } and { x += 10 }
race { x += 100 } and { x += 1000 }
assert x == 1111`;
  // Each run of the first race tries both orders of the second and continues with one.
  assertEquals(run(text).report.counts.assertions, 2 * 3 + 3);
});

Deno.test("a race in a branch of `fork` is run there in every order", () => {
  const text = `let x = 0
let both = fork { race { x += 1 } and { x += 1 }; assert x == 2 } and { x = 5 }
print [both.first == both.second, x]`;
  assertEquals(printed(text), ["[true, 0]"]);
  const wrong = text.replace("x == 2", "x == 3");
  assertStringIncludes(failureText(wrong), "2 of 2 orders fail");
});

Deno.test("more orders than the limits allow end the run, and what failed before is shown", () => {
  const long = (check: string) =>
    `let x = 0
race { repeat 20 { x += 1 } } and { repeat 20 { x += 1 } }
assert x == ${check}`;
  const limits = { ...DEFAULT_LIMITS, steps: 5_000_000 };
  const failure = failureOf(long("40"), { limits });
  assert(
    /^E0801 .*; \d+ orders of the race were tried, and there are more$/.test(failure!),
    failure!,
  );
  const wrong = onlyOutcome(long("41"), { limits }).failure!;
  assertEquals(wrong.code, "E0901");
  assert(/\d+ of the \d+ orders tried fail/.test(wrong.lines.join("\n")));
});

Deno.test("a race whose blocks never end is stopped by the limits of a script", () => {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 10_000_000 };
  const text = "race { while true { advance 1us } } and { while true { advance 1us } }";
  assertEquals(failureOf(text, { limits })?.slice(0, 5), "E0802");
});

Deno.test("blocks of a race are only left at their end, are four at most, and not for a bench", () => {
  assertEquals(errorsOf('test "t" { race { return } and { } }'), [
    "E0309 1:19 This is not allowed here: the block of `race` cannot be left before its end",
  ]);
  assertEquals(errorsOf("race { } and { } and { } and { } and { }"), [
    "E0322 1:1 `race` has 5 blocks, the maximum is 4",
  ]);
});

Deno.test("a session shows a race's value, and goes on as if it had not been", () => {
  const session = new Session({ loader: memoryLoader() });
  session.feed("let x = 0");
  const { failure, values } = session.feed("race { x += 1 } and { x = x * 2 }");
  assertEquals(failure, null);
  assertStringIncludes(values[0]!.text, "runs: 2");
  assertEquals(session.feed("x").values[0]!.text, "0");
  session.back(1);
  assertEquals(session.feed("x").values[0]!.text, "0");
});

Deno.test("a race inside `inject each` is run in all orders, once as it is and once for each place", () => {
  const work = `fn work() {
  let m = try dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
  if m.ok { dma_unmap_phys(ssd, m.value, 4KiB, to_device) }
}
`;
  const text = `${STRICT}${work}inject each { race { work() } and { work() } }
assert iommu.live_mappings == 0`;
  assertEquals(failureText(text), "it passed");
});

Deno.test("`inject each` finds what leaks in one order of a race only", () => {
  const said = failureText(`${STRICT}inject each {
  let done = false
  let m = none
  race { m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) } and { done = m != none }
  if done { dma_unmap_phys(ssd, m, 4KiB, to_device) }
}`);
  assertStringIncludes(said, "error[E0921]: the block leaks without an injected failure");
  assertStringIncludes(said, "the only one of 2 orders that fails");
});
