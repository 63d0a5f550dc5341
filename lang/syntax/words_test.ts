import { assertEquals } from "@std/assert";
import { HARD_WORDS, SOFT_WORDS } from "./language_words.ts";
import { expressionOf, parseText, places, sexpr, statementsOf } from "./testing.ts";

const kinds = (text: string) => statementsOf(text).map(({ kind }) => kind);

Deno.test("soft words stay usable as names of variables, parameters, fields and arguments", () => {
  for (const word of SOFT_WORDS) {
    assertEquals(
      kinds(
        `let ${word} = 1; ${word} = 2; ${word} += 3; ${word}.x(); let y = [${word}, ${word}.${word}]`,
      ),
      ["Let", "Assign", "Assign", "Expression", "Let"],
      word,
    );
    assertEquals(kinds(`fn ${word}(${word}) { return ${word} }`), ["Function"], word);
    assertEquals(kinds(`f(a, ${word}: ${word})`).length, 1, word);
    assertEquals(sexpr(expressionOf(`{ ${word}: [${word}] }`)), `{${word}:[${word}]}`, word);
    assertEquals(kinds(`for ${word} in 0..3 { f(${word}) }`), ["For"], word);
  }
});

Deno.test("hard words are names after `.` and before `:` only", () => {
  for (const word of HARD_WORDS) {
    assertEquals(kinds(`x.${word}(${word}: 1)`), ["Expression"], word);
    assertEquals(sexpr(expressionOf(`{ ${word}: 1 }.${word}`)), `(. {${word}:1} ${word})`, word);
    assertEquals(places(parseText(`let ${word} = 1`).diagnostics), ["E0211 1:5"], word);
  }
});

Deno.test("kernel names and machine keys are plain names", () => {
  for (const word of ["read", "size", "queue", "base", "key", "dma_map_sg", "EINVAL", "nvme"]) {
    assertEquals(kinds(`let ${word} = 1`), ["Let"], word);
  }
});

Deno.test("statement words open a statement only where one begins", () => {
  assertEquals(kinds("step"), ["Step"]);
  assertEquals(kinds("step 4; step until x.done; step -n"), ["Step", "Step", "Step"]);
  assertEquals(kinds("let x = step; let y = step.x"), ["Let", "Let"]);
  assertEquals(kinds("if x { break } else { continue }"), ["If"]);
  assertEquals(kinds("match x { 1 => print 2, 3 => step }"), ["Match"]);
  // After a lambda's arrow a word is a name.
  assertEquals(sexpr(expressionOf("x => step")), "(=> (x) step)");
});

Deno.test("trace, fork, race and compare open an expression before `{` only", () => {
  assertEquals(sexpr(expressionOf("trace")), "trace");
  assertEquals(sexpr(expressionOf("trace.count(1)")), "(call (. trace count) 1)");
  assertEquals(sexpr(expressionOf("trace { f() }.events")), "(. (trace {f()}) events)");
  assertEquals(kinds("race { f() } and { g() }"), ["Expression"]);
});

Deno.test("try opens an expression before anything that can begin one", () => {
  assertEquals(sexpr(expressionOf("try f()")), "(try (call f))");
  assertEquals(sexpr(expressionOf("try (x)")), "(try x)");
  assertEquals(sexpr(expressionOf("[try, try.ok]")), "[try (. try ok)]");
  assertEquals(kinds("try = 4"), ["Assign"]);
});

Deno.test("as is infix between a value and a name, and a name elsewhere", () => {
  assertEquals(sexpr(expressionOf("as as as")), "(as as as)");
  assertEquals(sexpr(expressionOf("as + x as dma")), "(+ as (as x dma))");
});

Deno.test("print (x) is explained, unless the file has a function of that name", () => {
  assertEquals(places(parseText("print(x)").diagnostics), ["E0212 1:1"]);
  assertEquals(places(parseText("print (x) + 1").diagnostics), ["E0212 1:1"]);
  assertEquals(places(parseText("wait(io)\nstep(4)\nf()").diagnostics), ["E0212 1:1", "E0212 2:1"]);
  assertEquals(kinds("fn print(x) { }\nprint(4)"), ["Function", "Expression"]);
  // The used file may declare a function `print`: the checker decides.
  assertEquals(kinds('use "lib.dma"\nprint(4)'), ["Use", "Expression"]);
  assertEquals(places(parseText("repeat (3) { f() }").diagnostics), ["E0212 1:8"]);
});
