/** Output of the kernel's format extensions. */
import { assertEquals } from "@std/assert";
import type { CMemory } from "../c_memory.ts";
import { formatMessage } from "../print_format.ts";

/** Memory from which formats read texts, words and bytes. */
function memoryOf(bytes: Uint8Array<ArrayBuffer>): CMemory {
  const view = new DataView(bytes.buffer);
  const memory: Pick<CMemory, "bytes" | "view" | "isOpen" | "textAt" | "wordAt"> = {
    bytes,
    view,
    isOpen: (at, sizeBytes) => at >= 0 && at + sizeBytes <= bytes.length,
    textAt: (at) => new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at))),
    wordAt: (at) => Number(view.getBigUint64(at, true)),
  };
  return memory as CMemory;
}

Deno.test("%pM is an address of Ethernet, and %pV another format with its arguments", () => {
  const bytes = new Uint8Array(512);
  const view = new DataView(bytes.buffer);
  const text = (at: number, written: string) => bytes.set(new TextEncoder().encode(written), at);
  const word = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);
  text(0, "%s: %pV, %pM");
  text(64, "port %d");
  text(96, "nic");
  bytes.set([2, 0, 0, 0x1a, 0, 0xff], 104);
  // A `struct va_format` at 128: the address of the format, and that of its arguments.
  word(128, 64);
  word(136, 144);
  word(144, 152);
  view.setInt32(152, 3, true);
  [96, 128, 104].forEach((value, index) => word(256 + 8 * index, value));
  assertEquals(formatMessage(memoryOf(bytes), 0, 256), "nic: port 3, 02:00:00:1a:00:ff");
  // A format that contains itself does not recurse for ever.
  text(64, "%pV\0");
  word(152, 128);
  assertEquals(formatMessage(memoryOf(bytes), 0, 256), "nic: (?), 02:00:00:1a:00:ff");
});

/** Formats of one number with `#` or a width, and their output. */
const NUMBERS: readonly (readonly [format: string, value: number, text: string])[] = [
  ["%#010x", 0, "0x00000000"],
  ["%#010x", 0x10_00ed, "0x001000ed"],
  ["%#10x|", 0xed, "      0xed|"],
  ["%-#10x|", 0xed, "0xed      |"],
  ["%#x", 0x64, "0x64"],
  ["%08x", 0xed, "000000ed"],
  ["%5u", 12, "   12"],
];

Deno.test("zeros of a width come behind 0x, blanks before it", () => {
  for (const [format, value, text] of NUMBERS) {
    const bytes = new Uint8Array(128);
    bytes.set(new TextEncoder().encode(format));
    new DataView(bytes.buffer).setUint32(64, value, true);
    assertEquals(formatMessage(memoryOf(bytes), 0, 64), text, format);
  }
});

/** Formats of a pointer to 0x1000_0040 at 80, and their output. */
const POINTERS: readonly (readonly [format: string, text: string])[] = [
  ["%p.", "0000000000000050."],
  ["%px.", "50."],
  ["%pap.", "0x0000000010000040."],
  ["%pa.", "0x0000000010000040."],
  ["%pad, %%", "0x0000000010000040, %"],
  ["%pR.", "[mem 0x10000040-0x1000007f]."],
  ["%pOFn.", "0000000000000050."],
];

Deno.test("a pointer has 16 digits, and its extension is every letter that follows it", () => {
  for (const [format, text] of POINTERS) {
    const bytes = new Uint8Array(128);
    bytes.set(new TextEncoder().encode(format));
    const view = new DataView(bytes.buffer);
    view.setBigUint64(64, 80n, true);
    view.setBigUint64(80, 0x1000_0040n, true);
    view.setBigUint64(88, 0x1000_007fn, true);
    view.setBigUint64(104, 0x200n, true);
    assertEquals(formatMessage(memoryOf(bytes), 0, 64), text, format);
  }
});
