/** Lists and records that change in place: who sees a change, and who does not. */
import { assertEquals } from "@std/assert";
import { failureOf, memoryLoader, printed, run } from "../testing/test_support.ts";
import { Session } from "../session.ts";
import { DEFAULT_LIMITS } from "../values/limits.ts";

const STRICT = `machine {
  cpus = 2
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } } }
}
`;

Deno.test("a list or record is one thing, however many names and hands it has", () => {
  const text = `fn put(ring, x) { ring.slots[ring.head % 2] = x; ring.head += 1 }
let ring = { head: 0, slots: [0, 0] }
let same = ring
let grow = n => same.slots.push(n)
for n in 1..=3 { put(ring, n) }
grow(9)
on cpu 0 { same.head += 10 }
print [ring, ring == same, ring == { head: 13, slots: [3, 2, 9] }]`;
  assertEquals(printed(text), ["[{ head: 13, slots: [3, 2, 9] }, true, true]"]);
});

Deno.test("a copy is another thing; what both hold is the same", () => {
  const text = `let a = { n: 1, log: [] }
let b = a with { n: 2 }
let c = a.copy()
c.n = 3
b.log.push("x")
let l = [1, 2]
let m = l + [3]
l += [4]
m[0] = 7
print [a, b, c, l, m]`;
  assertEquals(printed(text), [
    '[{ n: 1, log: ["x"] }, { n: 2, log: ["x"] }, { n: 3, log: ["x"] }, [1, 2, 4], [7, 2, 3]]',
  ]);
});

Deno.test("who walks a list walks what it was when the walk began", () => {
  const text = `let l = [1, 2, 3]
let seen = []
for x in l { l.pop(); seen.push(x) }
let more = [5, 6].copy()
let doubled = more.map(x => add(more, x))
print [l, seen, doubled, more]
fn add(list, x) { list.push(x); return 2 * x }`;
  assertEquals(printed(text), ["[[], [1, 2, 3], [10, 12], [5, 6, 5, 6]]"]);
});

Deno.test("fork, compare, race as a value and `inject each` leave this run's values as they are", () => {
  const text = `${STRICT}let ring = { head: 0 }
let page = alloc_pages(1)
let both = fork { ring.head = 1; assert ring.head == 1 } and { assert ring.head == 0 }
let table = compare { cpus = [1, 2], seed = [1, 2] } { ring.head += 1; assert ring.head == 1 }
let orders = race { ring.head += 1 } and { assert ring.head < 2; ring.head += 1 }
let runs = []
inject each {
  runs.push(1)
  assert runs.length == 1
  let m = try dma_map_phys(ssd, page.phys, 4KiB, to_device)
  if m.ok { dma_unmap_phys(ssd, m.value, 4KiB, to_device) }
}
print [ring.head, runs, both.first == both.second, table.length, orders.failures.length]`;
  assertEquals(printed(text), ["[0, [1], true, 4, 0]"]);
});

Deno.test("a race as a statement goes on with what its first order has made", () => {
  const text = `let log = []
race { log.push("a") } and { log.push("b") }
assert log.length == 2
print log`;
  assertEquals(printed(text), ['["a", "b"]']);
  const lost = `let n = { seen: 0 }
race { let m = n.seen; n.seen = m + 1 } and { let m = n.seen; n.seen = m + 1 }
assert n.seen == 2`;
  assertEquals(failureOf(lost)?.slice(0, 5), "E0901");
});

Deno.test("each case of a property begins with consts as they are written", () => {
  const text = `const start = { slots: [0, 0] }
property "one" forall n in 0..4 {
  let mine = { slots: start.slots.copy() }
  mine.slots[0] = n
  mine.slots.push(n)
  assert start.slots == [0, 0] and mine.slots == [n, 0, n]
}`;
  assertEquals(run(text).report.outcomes.map(({ failure }) => failure), [null]);
});

Deno.test("going back in a session undoes changes", () => {
  const session = new Session({ loader: memoryLoader() });
  session.feed("let ring = { head: 0, log: [] }");
  session.feed("ring.head = 3; ring.log.push(1)");
  session.feed("ring.log.push(2)");
  assertEquals(session.feed("ring").values[0]?.text, "{ head: 3, log: [1, 2] }");
  session.back(2);
  assertEquals(session.feed("ring").values[0]?.text, "{ head: 3, log: [1] }");
  session.back(2);
  assertEquals(session.feed("ring").values[0]?.text, "{ head: 0, log: [] }");
});

Deno.test("what a list or record grows by is charged; what is dropped is credited", () => {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: 100_000 };
  const grow = "let l = []\nwhile true { l.push(1) }";
  assertEquals(failureOf(grow, { limits })?.slice(0, 5), "E0802");
  const walked = "let l = [1]\nwhile true { for x in l { l[0] = x } }";
  // Each walk leaves a copy of the list behind, which is garbage: the limit of work ends it.
  assertEquals(failureOf(walked, { limits: { ...limits, steps: 1e6 } })?.slice(0, 5), "E0801");
  const named = 'let r = {}\nlet n = 0\nwhile true { n += 1; r.set("{n}", n) }';
  assertEquals(failureOf(named, { limits })?.slice(0, 5), "E0802");
});

Deno.test("kinds that a change may alter are not guessed", () => {
  const text = `let r = { at: none, list: [1] }
r.at = 4KiB
r.list[0] = "one"
r.list.push(2us)
print [r.at + 4KiB, r.list[0].length, r.list[1] + 1us]`;
  assertEquals(printed(text), ["[8KiB, 3, 3us]"]);
});
