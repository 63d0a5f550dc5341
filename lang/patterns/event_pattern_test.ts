import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
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

/** The pattern as a regular expression over the letters a, b, c. */
function regex(pattern: EventPattern, watched: string): string {
  switch (pattern.kind) {
    case "Event":
      return pattern.name;
    case "Gap":
      return watched === "" ? "" : `[${watched}]*`;
    case "Sequence":
      return pattern.items.map((item) => `(?:${regex(item, watched)})`).join("");
    case "Alternatives":
      return pattern.choices.map((item) => `(?:${regex(item, watched)})`).join("|");
    case "Repeat": {
      const { max, min } = pattern.times;
      return `(?:${regex(pattern.item, watched)}){${min},${max === Infinity ? "" : max}}`;
    }
    case "Absent":
      return "";
  }
}

function names(pattern: EventPattern): string {
  const inner = regex(pattern, "").match(/[abc]/g) ?? [];
  return [...new Set(inner)].sort().join("");
}

function matches(pattern: EventPattern, text: string): boolean {
  const compiled = compilePattern(pattern, (name) => [name])!;
  const events = [...text].map((name) => ({ name }));
  return matchEvents(compiled.matcher, events, () => true) === null;
}

const patterns = fc.letrec<{ pattern: EventPattern }>((tie) => ({
  pattern: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("a", "b", "c").map((name) => event(name)),
    fc.constant(gap),
    fc.array(tie("pattern"), { minLength: 1, maxLength: 3 }).map((items) => sequence(...items)),
    fc.array(tie("pattern"), { minLength: 2, maxLength: 3 }).map((items) => either(...items)),
    fc.tuple(tie("pattern"), fc.nat(2), fc.nat(2), fc.boolean()).map(
      ([item, min, more, open]) => times(item, min, open ? Infinity : min + more),
    ),
  ),
})).pattern;

Deno.test("a pattern matches exactly what the regular expression of the same shape matches", () => {
  const texts = fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 8 });
  fc.assert(
    fc.property(patterns, texts, (pattern, letters) => {
      const watched = names(pattern);
      // Events whose names do not occur in the pattern are not looked at.
      const looked = letters.filter((letter) => watched.includes(letter)).join("");
      const expected = new RegExp(`^(?:${regex(pattern, watched)})$`).test(looked);
      assertEquals(matches(pattern, letters.join("")), expected);
    }),
    { numRuns: 3000, seed: 1 },
  );
});

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

Deno.test("a mismatch names the first event that fits nowhere and what was wanted there", () => {
  const pattern = sequence(event("a"), times(event("b"), 1, Infinity), event("c"));
  const { matcher } = compilePattern(pattern, (name) => [name])!;
  const mismatch = matchEvents(matcher, [..."abba"].map((name) => ({ name })), () => true);
  assert(mismatch !== null);
  assertEquals(mismatch.matched, 3);
  assertEquals(mismatch.event?.name, "a");
  assertEquals(mismatch.path.map((step) => step.event.name).join(""), "abb");
  assertEquals(mismatch.expected.map((item) => [...item.names!][0]), ["b", "c"]);
  assertEquals(mismatch.mayEnd, false);
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
