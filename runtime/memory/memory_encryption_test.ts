import { assertEquals, assertNotEquals } from "@std/assert";
import { GIB, type PhysAddr } from "../address.ts";
import { layOutMemory } from "./layout.ts";
import { MemoryEncryption } from "./memory_encryption.ts";
import { PhysicalMemory } from "./physical_memory.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

function encrypted(): MemoryEncryption {
  return new MemoryEncryption(
    new PhysicalMemory(layOutMemory({
      ramSizeBytes: 1 * GIB,
      windows: [{ name: "bar", basePhys: at(0x8000_0000), sizeBytes: 0x1000 }],
      regions: [],
    })),
  );
}

Deno.test("private bytes are stored as others, each by its place, and come back", () => {
  const encryption = encrypted();
  const bytes = new Uint8Array(0x2000);
  encryption.apply(at(0x10_0800), bytes, 0, 0x2000);
  assertEquals(bytes.every((byte) => byte !== 0), true);
  assertNotEquals(bytes.slice(0, 64), bytes.slice(64, 128));
  encryption.apply(at(0x10_0800), bytes, 0, 0x2000);
  assertEquals(bytes.every((byte) => byte === 0), true);
});

Deno.test("pages that are shared are stored plain, until they are encrypted again (dma.md 1.5)", () => {
  const encryption = encrypted();
  const plain = () => {
    const bytes = new Uint8Array(0x2000);
    encryption.apply(at(0x10_0000), bytes, 0, 0x2000);
    return [bytes[0] === 0, bytes[0xfff] === 0, bytes[0x1000] === 0];
  };
  encryption.share(at(0x10_0800), 1);
  assertEquals(plain(), [true, true, false]);
  assertEquals(encryption.anyPrivate(at(0x10_0000), 0x1000), false);
  assertEquals(encryption.anyPrivate(at(0x10_0000), 0x1001), true);
  encryption.share(at(0x10_1000), 0x1000);
  encryption.unshare(at(0x10_0000), 0x1000);
  assertEquals(plain(), [false, false, true]);
});

Deno.test("windows of devices are no memory of the guest's", () => {
  assertEquals(encrypted().isPrivate(0x8000_0000), false);
});
