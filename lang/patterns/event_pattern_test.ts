import { assertEquals } from "@std/assert";
import { matchesAlways } from "./always_matches.ts";
import { compilePattern } from "./event_automaton.ts";
import { SourceFile, type Span } from "../source.ts";
import type { EventPattern, PatternEvent } from "../syntax/tree/ast.ts";
import { matchEvents } from "./event_pattern.ts";

const SPAN: Span = { source: new SourceFile("p", "p"), start: 0, end: 1 };
const event = (name: string): PatternEvent => ({
  kind: "Event",
  span: SPAN,
  name,
  nameSpan: SPAN,
  fields: [],
});
const sequence = (...items: EventPattern[]): EventPattern => ({
  kind: "Sequence",
  span: SPAN,
  items,
});
const either = (...choices: EventPattern[]): EventPattern => ({
  kind: "Alternatives",
  span: SPAN,
  choices,
});
const times = (item: EventPattern, min: number, max: number): EventPattern => ({
  kind: "Repeat",
  span: SPAN,
  item,
  times: { min, max },
});
const gap: EventPattern = { kind: "Gap", span: SPAN };

function matches(pattern: EventPattern, text: string): boolean {
  const compiled = compilePattern(pattern, (name) => [name])!;
  const events = [...text].map((name) => ({ name }));
  return matchEvents(compiled.matcher, events, () => true) === null;
}

Deno.test("a pattern that makes a backtracking matcher explode takes one pass", () => {
  const evil = sequence(times(times(either(event("a"), event("a")), 0, Infinity), 1, Infinity));
  assertEquals(matches(sequence(evil, event("b")), "a".repeat(20_000)), false);
  assertEquals(matches(sequence(evil, event("b")), "a".repeat(20_000) + "b"), true);
});

Deno.test("`...` takes any number of events that the pattern looks at", () => {
  const pattern = sequence(event("a"), gap, event("b"));
  assertEquals(matches(pattern, "ab"), true);
  assertEquals(matches(pattern, "aabab"), true);
  assertEquals(matches(pattern, "acb"), true, "c is not looked at");
  assertEquals(matches(pattern, "ba"), false);
});

Deno.test("a mismatch at the end says so", () => {
  const { matcher } = compilePattern(sequence(event("a"), event("b")), (name) => [name])!;
  const mismatch = matchEvents(matcher, [{ name: "a" }], () => true);
  assertEquals(mismatch?.event, null);
  assertEquals(mismatch?.matched, 1);
});

Deno.test("an event that must not occur fails the pattern wherever it stands", () => {
  const pattern = sequence({ kind: "Absent", span: SPAN, event: event("c") }, event("a"));
  assertEquals(matches(pattern, "a"), true);
  assertEquals(matches(pattern, "ac"), false);
  assertEquals(matches(pattern, "ca"), false);
});

Deno.test("a pattern whose repetitions write out too long is refused", () => {
  assertEquals(compilePattern(times(event("a"), 20_000, 20_000), (name) => [name]), null);
});

Deno.test("a pattern that matches whatever happens is found, and no other", () => {
  const [a, b] = [event("a"), event("b")];
  const any = (item: EventPattern) => times(item, 0, Infinity);
  const name = { kind: "Identifier", span: SPAN, text: "n" } as const;
  const value = { kind: "None", span: SPAN } as const;
  const withField: PatternEvent = { ...a, fields: [{ span: SPAN, name, value }] };
  const cases: readonly (readonly [EventPattern, boolean])[] = [
    [gap, true],
    [any(a), true],
    [sequence(any(a), any(a)), true],
    [any(either(a, b)), true],
    [sequence(gap, any(a), gap), true],
    [sequence(times(a, 0, 3), gap), true],
    [sequence(any(sequence(a, a)), times(a, 0, 1)), true],
    [sequence(any(a), any(b)), false],
    [times(a, 0, 1), false],
    [times(a, 1, Infinity), false],
    [any(withField), false],
    [sequence(gap, a, gap), false],
    [sequence(any(a), { kind: "Absent", span: SPAN, event: b }), false],
    [any(sequence(a, a)), false],
  ];
  for (const [index, [pattern, wanted]] of cases.entries()) {
    assertEquals(matchesAlways(pattern, (name) => [name]), wanted, `case ${index}`);
  }
});

Deno.test("the search for a pattern that always matches ends", () => {
  // The automaton of this pattern has 2^20 sets of states.
  const any = times(either(event("a"), event("b")), 0, Infinity);
  const tail = times(either(event("a"), event("b")), 20, 20);
  const pattern = times(sequence(any, event("a"), tail), 0, 1);
  assertEquals(matchesAlways(pattern, (name) => [name]), false);
});
