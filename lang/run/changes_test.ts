/** Lists and records that change in place, and where a change is visible. */
import { assertEquals } from "@std/assert";
import { failureOf, memoryLoader, printed, run } from "../testing/test_support.ts";
import { Session } from "../session.ts";
import { DEFAULT_LIMITS } from "../values/limits.ts";

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
  // Each iteration leaves a copy of the list as garbage. The limit of work stops the loop.
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
