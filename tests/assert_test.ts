/** The assertion used in all tests here, in the cases where it uses the host's comparison. */
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

const UNEQUAL: Readonly<Record<string, readonly [unknown, unknown]>> = {
  "getters of private state": [new Hidden(1), new Hidden(2)],
  "getters of private state, inside": [{ all: [new Hidden(1)] }, { all: [new Hidden(2)] }],
  "maps of instances": [new Map([[1, new Hidden(1)]]), new Map([[1, new Hidden(2)]])],
  "a key without a value": [{ a: undefined }, {}],
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
