/** For any text: nothing throws, nothing hangs, and one typing mistake gives one error. */
import { assert, assertEquals } from "@std/assert";
import { renderDiagnostics } from "../diagnostics/render.ts";
import { SourceFile } from "../source.ts";
import { MAX_BRACKET_DEPTH, MAX_TEXT_LENGTH, MAX_TREE_DEPTH, parse } from "./parse.ts";
import { parseText, places } from "./testing.ts";
import { tokenEdits } from "./testing_edits.ts";
import { SAMPLES } from "./testing_samples.ts";

/** A small seeded generator, so that tests are reproducible. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

function parseBoth(text: string): void {
  for (const mode of ["file", "repl"] as const) {
    const { diagnostics } = parse(new SourceFile("x.dma", text), { mode });
    renderDiagnostics(diagnostics.slice(0, 20));
    for (const { span } of diagnostics) {
      assert(span.start >= 0 && span.start <= span.end && span.end <= text.length, text);
    }
  }
}

Deno.test("every token left out, doubled or swapped: few errors, and the first at the place", () => {
  const counts = { broken: 0, far: 0, many: 0, single: 0 };
  for (const sample of SAMPLES) {
    assertEquals(places(parse(sample).diagnostics), [], sample.name);
    for (const edit of tokenEdits(sample)) {
      const source = new SourceFile("x.dma", edit.text);
      const { diagnostics } = parse(source);
      const [first] = diagnostics;
      if (first === undefined) continue;
      counts.broken++;
      const { line } = source.position(first.span.start);
      if (line < edit.firstLine - 1 || line > edit.lastLine + 1) counts.far++;
      if (diagnostics.length > 3) counts.many++;
      if (diagnostics.length === 1) counts.single++;
    }
  }
  assert(counts.broken > 2000, `only ${counts.broken} broken variants`);
  const share = (count: number) => count / counts.broken;
  // The goal is 95 %. The grammar does better than that; this stricter limit finds a change for the
  // worse.
  assert(share(counts.far) < 0.001, `${counts.far} of ${counts.broken} too far away`);
  assert(share(counts.many) < 0.001, `${counts.many} of ${counts.broken} with more than 3 errors`);
  assert(share(counts.single) > 0.9, `only ${counts.single} of ${counts.broken} with one error`);
});

Deno.test("every prefix of a script parses without a throw", () => {
  for (const { text } of SAMPLES) {
    for (let end = 0; end < text.length; end += 3) parseBoth(text.slice(0, end));
  }
});

Deno.test("random characters parse without a throw", () => {
  const random = generator(1);
  for (let round = 0; round < 300; round++) {
    const range = round % 3 === 0 ? 65536 : 256;
    let text = "";
    for (let left = random(200); left > 0; left--) text += String.fromCharCode(random(range));
    parseBoth(text);
  }
});

Deno.test("random rows of the language's own words parse without a throw", () => {
  const random = generator(2);
  const words = [
    ...new Set(SAMPLES.flatMap(({ text }) => text.match(/\w+|[^\s\w]+/g) ?? [])),
    ...'\n \n { } ( ) [ ] " #'.split(" "),
  ];
  for (let round = 0; round < 300; round++) {
    let text = "";
    for (let left = random(150); left > 0; left--) text += `${words[random(words.length)]} `;
    parseBoth(text);
  }
});

Deno.test("depth is bounded by a diagnostic, not by the stack", () => {
  const nested: [string, string, string][] = [
    ["(", "1", ")"],
    ["[", "1", "]"],
    ["f(", "1", ")"],
    ["a[", "1", "]"],
    ["{ a: ", "1", " }"],
    ["x => ", "1", ""],
    ["(x => ", "1", ")"],
    ["not ", "1", ""],
    ["- ", "1", ""],
    ["try ", "f()", ""],
    ["1 + ", "1", ""],
    ["a.", "b", ""],
    ["a and ", "b", ""],
    ["trace { ", "f()", " }"],
  ];
  for (const [open, inside, close] of nested) {
    const text = (depth: number) => `let x = ${open.repeat(depth)}${inside}${close.repeat(depth)}`;
    assertEquals(places(parseText(text(40)).diagnostics), [], open);
    for (const depth of [MAX_BRACKET_DEPTH - 1, MAX_TREE_DEPTH - 1]) parseBoth(text(depth));
    const { diagnostics } = parseText(text(50_000));
    assertEquals(diagnostics.map(({ code }) => code), ["E0214"], open);
    parseBoth(`let x = ${open.repeat(50_000)}`);
    parseBoth(close.repeat(50_000));
  }
  parseBoth("if x { } ".repeat(1) + "else if y { } ".repeat(5000));
  parseBoth("if x {\n".repeat(5000));
  parseBoth("match x { 1 => ".repeat(5000));
});

Deno.test("a long flat script is not deep", () => {
  const list = Array.from({ length: 5000 }, (_, index) => `f(${index} + 1)`);
  assertEquals(places(parseText(`let x = [${list.join(", ")}]`).diagnostics), []);
  assertEquals(places(parseText(list.join("\n")).diagnostics), []);
  const branches = "if x { f() } " + "else if y { f(a.b.c) } ".repeat(100);
  assertEquals(places(parseText(branches).diagnostics), []);
});

Deno.test("texts that are one endless token are read in a breath", () => {
  const length = 1_000_000;
  const runs = ['"', "\\n", "/*", "/** ", "1", "1_", "a", "'", "é", "--", "{", "}", "(", "x }\n"];
  for (const run of runs) {
    parse(new SourceFile("x.dma", run.repeat(length / run.length / 10)));
    parse(new SourceFile("x.dma", `"${run.repeat(length / run.length / 10)}`));
  }
  const { diagnostics } = parseText("#".repeat(MAX_TEXT_LENGTH + 1));
  assertEquals(places(diagnostics), ["E0115 1:1"]);
});

Deno.test("line ends of every kind, a missing one and a first line `#!` are all the same", () => {
  for (const { text, name } of SAMPLES) {
    for (const end of ["\r\n", "\r"]) {
      assertEquals(places(parseText(text.replaceAll("\n", end)).diagnostics), [], name);
    }
    assertEquals(places(parseText(text.trimEnd()).diagnostics), [], name);
    assertEquals(places(parseText(`#!/usr/bin/env deno\n${text}`).diagnostics), [], name);
  }
  assertEquals(places(parseText("f()\r\n\r\ng(\r\n").diagnostics), ["E0203 3:3"]);
});
