import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  addressDigits,
  alignDown,
  alignUp,
  bitsOfLastAddress,
  dmaAddr,
  foldedHigh,
  hexAddress,
  lastAddressOfBits,
  leavesWindow,
  lowBitsOf,
  type Pfn,
  pfnToPhys,
  physAddr,
  realHigh,
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

Deno.test("the end of a space of 53 to 64 bits has numbers, in the order of the addresses", () => {
  let before = 2 ** 52;
  for (let bits = 53; bits <= 64; bits++) {
    const last = lastAddressOfBits(bits);
    assertEquals(bitsOfLastAddress(last), bits);
    assertEquals(BigInt(`0x${addressDigits(last)}`), 2n ** BigInt(bits) - 1n);
    const first = last - 2 ** 48 + 1;
    assertEquals(BigInt(`0x${addressDigits(first)}`), 2n ** BigInt(bits) - 2n ** 48n);
    assert(first > before, `${bits}`);
    before = last;
    for (const number of [first, first + 2 ** 32, last]) {
      const high = realHigh(Math.floor(number / 2 ** 32));
      assertEquals(BigInt(high), BigInt(`0x${addressDigits(number)}`) >> 32n);
      assertEquals(foldedHigh(high), Math.floor(number / 2 ** 32));
    }
    assertEquals([leavesWindow(first, 2 ** 48), leavesWindow(first + 1, 2 ** 48)], [false, true]);
  }
  assertEquals(before, 2 ** 53 - 1);
  for (const bits of [32, 39, 48, 52]) {
    const last = lastAddressOfBits(bits);
    assertEquals([last, bitsOfLastAddress(last)], [2 ** bits - 1, bits]);
    assertEquals(addressDigits(last), last.toString(16));
  }
});

Deno.test("64 bits that no number stands for keep their upper half, beyond what a number has", () => {
  for (const high of [0x14_0000, 0x1e_ffff, 0x20_0000, 0x8000_0000, 0xfffe_ffff]) {
    const folded = foldedHigh(high);
    assert(folded >= 2 ** 21);
    assertEquals(folded % 2 ** 32, high);
  }
});

Deno.test("the low bits of an address are what fewer address lines carry, also of a wide one", () => {
  const rows: readonly (readonly [digits: string, bits: number, low: string])[] = [
    ["123456000", 32, "23456000"],
    ["23456000", 32, "23456000"],
    ["fffff000", 30, "3ffff000"],
    ["ffffffffffff", 48, "ffffffffffff"],
    ["1ffffffffffff", 48, "ffffffffffff"],
    ["fffffffffffff000", 64, "fffffffffffff000"],
    ["fffffffffffff000", 57, "1fffffffffff000"],
    ["fffffffffffff000", 52, "ffffffffff000"],
    ["ffffffffabcde123", 48, "ffffabcde123"],
    ["ffffffffabcde123", 32, "abcde123"],
    ["ffffffffabcde123", 12, "123"],
  ];
  for (const [digits, bits, low] of rows) {
    assertEquals(addressDigits(lowBitsOf(numberOfDigits(digits), bits)), low, `${digits} ${bits}`);
  }
});

/** The number that represents an address given in hexadecimal. */
function numberOfDigits(digits: string): number {
  const padded = digits.padStart(16, "0");
  return foldedHigh(parseInt(padded.slice(0, 8), 16)) * 2 ** 32 + parseInt(padded.slice(8), 16);
}

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

Deno.test("an address is printed in groups of four digits, and DMA_MAPPING_ERROR by its name", () => {
  assertEquals(hexAddress(0), "0x0");
  assertEquals(hexAddress(0xfff0), "0xfff0");
  assertEquals(hexAddress(0x1_0000), "0x1_0000");
  assertEquals(hexAddress(0x12_3456_789a), "0x12_3456_789a");
  assertEquals(hexAddress(-1), "DMA_MAPPING_ERROR");
});
