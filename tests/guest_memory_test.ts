/** The example of a virtual machine's memory. */
import { assertEquals } from "@std/assert";
import { Type1Container } from "@dmalab/devices/vfio_container";
import { layoutOf, mapGuest, VALID_RANGES } from "../examples/typescript/guest_memory.ts";
import { TestProcess } from "../examples/typescript/memory_registration.ts";

const GIB = 2 ** 30;
const AT = 0x7000_0000_0000;
const LOW_BYTES = 3 * GIB;

function mapped(model: "vtd" | "amd", sizeBytes: number, isAmd: boolean, memlockBytes = sizeBytes) {
  const process = new TestProcess(memlockBytes);
  const container = new Type1Container(process, {
    kernel: "7.2",
    validRanges: VALID_RANGES[model],
  });
  const error = mapGuest(container, AT, layoutOf(sizeBytes, { isAmd, lowBytes: LOW_BYTES }));
  const areas = [...container.areas].map((
    { pages, startPage },
  ) => [startPage * 4096, pages * 4096]);
  return { error, areas, lockedBytes: process.lockedPages * 4096 };
}

Deno.test("memory below 4 GiB and above it is two areas, and all of it is locked", () => {
  const sizeBytes = 64 * GIB;
  assertEquals(mapped("amd", sizeBytes, true), {
    error: 0,
    areas: [[0, LOW_BYTES], [4 * GIB, sizeBytes - LOW_BYTES]],
    lockedBytes: sizeBytes,
  });
  assertEquals(mapped("vtd", 2 * GIB, false).areas, [[0, 2 * GIB]]);
});

Deno.test("memory that would reach AMD's hole begins at 1 TiB, and is refused below it", () => {
  const fits = 1024 * GIB - 12 * GIB - 1 * GIB;
  assertEquals(mapped("amd", fits, true).areas[1]![0], 4 * GIB);
  assertEquals(mapped("amd", fits + GIB, true).areas[1]![0], 1024 * GIB);
  // As older monitors do: it works on Intel alone.
  assertEquals(mapped("amd", fits + GIB, false), { error: -22, areas: [], lockedBytes: 0 });
  assertEquals(mapped("vtd", fits + GIB, false).error, 0);
});

Deno.test("a limit that the guest does not fit in leaves nothing mapped", () => {
  assertEquals(mapped("vtd", 8 * GIB, false, 7 * GIB), { error: -12, areas: [], lockedBytes: 0 });
});
