import { assertEquals } from "@std/assert";
import { hexAddress } from "./hex_address.ts";

Deno.test("an address is printed in groups of four digits, and DMA_MAPPING_ERROR by its name", () => {
  assertEquals(hexAddress(0), "0x0");
  assertEquals(hexAddress(0xfff0), "0xfff0");
  assertEquals(hexAddress(0x1_0000), "0x1_0000");
  assertEquals(hexAddress(0x12_3456_789a), "0x12_3456_789a");
  assertEquals(hexAddress(-1), "DMA_MAPPING_ERROR");
});
