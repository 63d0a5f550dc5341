import { assertEquals, assertThrows } from "@std/assert";
import {
  AddressLimitError,
  alignDown,
  alignUp,
  dmaAddr,
  isPowerOfTwo,
  type Pfn,
  pfnToPhys,
  physAddr,
  roundUpPowerOfTwo,
} from "./address.ts";

Deno.test("addresses are whole numbers from 0 to 2^53 - 1, of either kind", () => {
  for (const value of [0, 1, 4096, 2 ** 52, 2 ** 53 - 1]) {
    assertEquals<number[]>([physAddr(value), dmaAddr(value)], [value, value]);
  }
  for (const value of [-1, 0.5, 2 ** 53, NaN, Infinity]) {
    const error = (make: () => unknown) => assertThrows(make, RangeError).message;
    const why = "it must be an integer from 0 to 2^53 - 1";
    assertEquals(error(() => physAddr(value)), `Cannot use ${value} as a physical address: ${why}`);
    assertEquals(error(() => dmaAddr(value)), `Cannot use ${value} as a DMA address: ${why}`);
  }
});

Deno.test("the error for an address that would be no exact number names the limit", () => {
  const error = new AddressLimitError("The next free IOVA is", 2 ** 53);
  assertEquals(
    error.message,
    "The next free IOVA is 0x20000000000000: dmalab counts exactly below 2^53",
  );
});

Deno.test("numbers are aligned downwards and upwards, exactly up to 2^53", () => {
  for (const unit of [1, 512, 4096, 2 ** 21, 3]) {
    for (const base of [0, unit, 5 * unit, alignDown(2 ** 52, unit)]) {
      for (const more of [0, 1, unit - 1]) {
        const value = base + (more % unit);
        assertEquals(alignDown(value, unit), base);
        assertEquals(alignUp(value, unit), value === base ? base : base + unit);
      }
    }
  }
  assertEquals<number>(pfnToPhys(0x12_3456 as Pfn), 0x1_2345_6000);
});

Deno.test("powers of two are known as such, and reached from below", () => {
  for (let bits = 0; bits < 53; bits++) {
    const power = 2 ** bits;
    assertEquals([isPowerOfTwo(power), roundUpPowerOfTwo(power)], [true, power]);
    if (bits > 1) {
      assertEquals([isPowerOfTwo(power + 1), isPowerOfTwo(power - 1)], [false, false]);
      assertEquals(roundUpPowerOfTwo(power - 1), power);
    }
    assertEquals(roundUpPowerOfTwo(power + 1), power * 2);
  }
  assertEquals([0, -1, -2, 0.5, 1.5, 3].map(isPowerOfTwo), [
    false,
    false,
    false,
    true,
    false,
    false,
  ]);
  assertEquals([0, 1, 2, 3].map(roundUpPowerOfTwo), [1, 1, 2, 4]);
});
