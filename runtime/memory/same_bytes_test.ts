import { assertEquals } from "@std/assert";
import { sameBytes } from "./physical_memory.ts";

Deno.test("bytes are compared at any alignment and length, and only as many as asked for", () => {
  for (const [left, right] of [[0, 0], [8, 16], [4, 8], [1, 0], [2, 3]] as const) {
    for (let size = 0; size < 20; size++) {
      const one = new Uint8Array(40).subarray(left);
      const other = new Uint8Array(40).subarray(right);
      other[size] = 1;
      assertEquals(sameBytes(one, other, size), true, `${left} ${right} ${size}`);
      for (let at = 0; at < size; at++) {
        one[at] = 7;
        assertEquals(sameBytes(one, other, size), false, `${left} ${right} ${size} ${at}`);
        one[at] = 0;
      }
    }
  }
});
