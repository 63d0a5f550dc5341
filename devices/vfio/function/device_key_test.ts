import { assertEquals } from "@std/assert";
import { DeviceKey } from "./migration_function.ts";

Deno.test("a key keeps each part of its entries where it belongs, and counts to the last one", () => {
  const key = new DeviceKey(4, 4096, 4 * 4096);
  key.take(0, Int32Array.of(0x1000, 0, 0x2000, 1));
  assertEquals(key.fetched, 2);
  key.take(2, Int32Array.of(-0x1000, 2));
  assertEquals(key.fetched, 3);
  // If entries are fetched again, the number of fetched entries does not go down.
  key.take(0, Int32Array.of(0x5000, 0));
  const addresses = [0, 1, 2, 3].map((entry) => key.addressAt(entry));
  assertEquals(addresses, [0x5000, 0x1_0000_2000, 0x2_ffff_f000, 0]);
  assertEquals(key.fetched, 3);
});
