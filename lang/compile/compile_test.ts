import { assert, assertEquals } from "@std/assert";
import { program } from "../testing/test_support.ts";
import { TestMachine } from "../run/test_machine.ts";
import { DEFAULT_LIMITS } from "../values/limits.ts";

/** Number of instructions in a script's top-level statements. */
function instructions(text: string): number {
  const compiled = program(text);
  const machine = new TestMachine(compiled, compiled.machine.config, {
    record: false,
    limits: DEFAULT_LIMITS,
    output: { write: () => {} },
  });
  machine.vm.start(compiled.main!);
  let count = 1;
  while (machine.vm.resume(1) === "paused") count++;
  assertEquals(machine.vm.failure, null);
  return count;
}

const perTurn = (loop: (turns: number) => string) =>
  (instructions(loop(110)) - instructions(loop(10))) / 100;

Deno.test("loops take few instructions a turn: comparisons jump, counters count in place", () => {
  assertEquals(perTurn((n) => `let i = 0\nwhile i < ${n} { i += 1 }`), 5);
  assertEquals(perTurn((n) => `let s = 0\nfor i in 0..${n} { s += i }`), 6);
  assertEquals(perTurn((n) => `let s = 0\nrepeat ${n} { s = s + 3 }`), 3);
  assertEquals(perTurn((n) => `const k = 7\nlet s = 0\nfor i in 0..${n} { s = i * k }`), 6);
});

Deno.test("blocks that end release their slots", () => {
  const wide = program("if true { let a = 1\n print a }\nif true { let b = 2\n print b }");
  assertEquals(wide.code.functions[wide.main!]!.slots, 1);
  const nested = program("for i in 0..2 { for j in 0..2 { let k = i + j\n print k } }");
  assertEquals(nested.code.functions[nested.main!]!.slots, 7, "two slots and a name for each loop");
});

Deno.test("a function knows how many operands it needs at most", () => {
  const { code, main } = program("print 1 + 2 * 3 == [1, 2, 3, 4].length");
  assertEquals(code.functions[main!]!.operands, 5);
});

Deno.test("literal consts stand in the code, others are worked out once", () => {
  assertEquals(program("const a = 4KiB\nprint a").consts.length, 1);
  const inLine = instructions("const a = 4\nprint a");
  assertEquals(inLine, instructions("print 4"));
});

Deno.test("every instruction knows its place in the source", () => {
  const { code } = program('fn f(a) { return a * 2 }\nlet x = f(1) + 2\nassert x == 4, "four"');
  const end = code.functions.reduce((last, { entry }) => Math.max(last, entry), 0);
  for (let place = 0; place < end; place++) {
    const span = code.spans[code.spanIndexes[place]!];
    assert(span !== undefined && span.end > span.start);
  }
});
