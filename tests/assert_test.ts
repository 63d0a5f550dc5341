/**
 * Tests `assertEquals()`, which all tests here use, with differences that a fast comparison could
 * miss.
 */
import { assertEquals, assertThrows } from "@std/assert";

class Hidden {
  readonly #value: number;

  constructor(value: number) {
    this.#value = value;
  }

  get value(): number {
    return this.#value;
  }
}

function nested(levels: number, value: unknown): unknown {
  return levels === 0 ? value : { inside: nested(levels - 1, value) };
}

const UNEQUAL: Readonly<Record<string, readonly [unknown, unknown]>> = {
  "getters of private state": [new Hidden(1), new Hidden(2)],
  "getters of private state, inside": [{ all: [new Hidden(1)] }, { all: [new Hidden(2)] }],
  "maps of instances": [new Map([[1, new Hidden(1)]]), new Map([[1, new Hidden(2)]])],
  "a key without a value": [{ a: undefined }, {}],
  "a key that only one value has": [{ a: 1, b: undefined }, { a: 1, c: undefined }],
  "a property of an array": [Object.assign([1], { a: 1 }), Object.assign([1], { a: 2 })],
  "the end of a list": [[1, 2], [1, 2, undefined]],
  "a list and a record": [[1], { 0: 1 }],
  "a value in many levels": [nested(30, 1), nested(30, 2)],
  "a value of a long list": [Array(2000).fill(1), Array(2000).fill(1).with(1999, 2)],
  "a symbol's value": [{ [Symbol.iterator]: 1 }, { [Symbol.iterator]: 2 }],
  "a property that is not listed": [{ a: 1 }, Object.defineProperty({ b: 1 }, "a", { value: 1 })],
  "bytes": [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  "causes of errors": [new Error("e", { cause: 1 }), new Error("e", { cause: 2 })],
};

for (const [name, [a, b]] of Object.entries(UNEQUAL)) {
  Deno.test(`assertEquals sees a difference in ${name}`, () => {
    assertThrows(() => assertEquals(a, b));
  });
}

Deno.test("assertEquals takes equal values, also those that contain themselves", () => {
  const ring = (...values: unknown[]) => {
    const all = [...values];
    all.push(all, { all });
    return all;
  };
  assertEquals(ring(1), ring(1));
  assertEquals(ring(new Hidden(1)), ring(new Hidden(1)));
  assertEquals([0, -0, NaN], [-0, 0, NaN]);
});
