import { assertEquals, assertStringIncludes } from "@std/assert";
import { onlyOutcome } from "../testing/test_support.ts";

const DISK = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
`;

/** The text below the source line of a failed assertion, without the values in it. */
function below(text: string): readonly string[] {
  const lines = onlyOutcome(text).failure?.lines ?? ["it passed"];
  return lines.filter((line) => line.startsWith("   ") && !/^ *\|/.test(line) && !/-->/.test(line))
    .map((line) => line.slice(3));
}

Deno.test("buffers that differ are shown as rows of bytes, with marks below those that differ", () => {
  const text = `let a = buffer(size: 8KiB, fill: counting)
let b = buffer(size: 8KiB, fill: counting)
poke(b.phys + 20B, bytes"de ad")
poke(b.phys + 4KiB, bytes"ff")
assert a == b`;
  assertEquals(below(text), [
    "3 bytes of 8_192 differ",
    "  0x0010  left   10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f",
    "          right  10 11 12 13 de ad 16 17 18 19 1a 1b 1c 1d 1e 1f",
    "                             ^^ ^^",
    "  0x1000  left   00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f",
    "          right  ff 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f",
    "                 ^^",
  ]);
});

Deno.test("bytes are compared with literals, of other lengths too, and many rows are counted", () => {
  assertEquals(below('let a = bytes"01 02 03"\nassert a == bytes"01 02"'), [
    "1 byte of 3 differs (3 bytes on the left, 2 on the right)",
    "  0x0000  left   01 02 03",
    "          right  01 02",
    "                       ^^",
  ]);
  const text = "let a = buffer(size: 4KiB, fill: 0)\nlet b = buffer(size: 4KiB, fill: 1)\n";
  const lines = below(`${text}assert a.bytes == b`);
  assertEquals([lines[0], lines.at(-1)], [
    "4_096 bytes of 4_096 differ",
    "  and in 252 more rows",
  ]);
});

Deno.test("lists and records are compared place by place", () => {
  const text = `let a = { name: "x", sizes: [4KiB, 8KiB], old: 1 }
assert a == { name: "x", sizes: [4KiB, 12KiB, 1B], new: 2 }`;
  assertEquals(below(text), [
    "they differ at",
    "  .sizes[1]: 8KiB is not 12KiB",
    "  .sizes.length: 2 is not 3",
    "  .old: only on the left",
    "  .new: only on the right",
  ]);
  const many = "let a = [1, 2, 3, 4, 5, 6, 7, 8, 9]\nassert a == a.map(x => -x)";
  assertEquals(below(many).at(-1), "  and 3 more places");
});

Deno.test("long texts are shown around their first difference", () => {
  const long = "a text that goes on and on until it is too long for anyone to read";
  assertEquals(below(`let a = "${long}: x"\nassert a == "${long}: y"`), [
    "they differ from character 68 on",
    '  left   …"ong for anyone to read: x"',
    '  right  …"ong for anyone to read: y"',
  ]);
  assertEquals(below('let a = "x"\nassert a == "y"'), []);
});

Deno.test("of several comparisons the one that does not hold is explained", () => {
  const text = "let a = [1, 2]\nlet b = [1, 3]\nassert a == [1, 2] and b == [1, 2] and a == b";
  assertEquals(below(text), ["they differ at", "  [1]: 3 is not 2"]);
  assertEquals(below("let a = 1\nassert a == 2"), []);
});

Deno.test("an outcome that was expected in vain is reported with the last events of the device", () => {
  const text = `${DISK}test "t" { expect error EIO { ssd.read(lba: 0, into: alloc_pages(1)) } }`;
  const lines = onlyOutcome(text).failure!.lines.join("\n");
  assertStringIncludes(lines, "expected EIO, but the block completed");
  assertStringIncludes(lines, "last events of ssd:");
  assertStringIncludes(lines, "nvme.doorbell");
});

Deno.test("outcomes that differ are shown by what they are compared by", () => {
  const text = `${DISK}let m = dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)
let f = fork { dma_unmap_phys(ssd, m, 4KiB, to_device) } and { poke(0x20_0000, bytes"ff") }
assert f.first == f.second`;
  assertEquals(below(text), [
    "they differ in",
    "  live mappings: 0 is not 1",
    "  what ssd sees",
    "  what memory holds",
  ]);
  const direct = `machine { pci { root_port rp0 { endpoint nic { } } } }
let f = fork { dma_map_phys(nic, 0x10_0000, 4KiB, to_device) } and { now() }
assert f.first == f.second`;
  assertEquals(below(direct), ["they differ in", "  live mappings: 1 is not 0"]);
  const ends = `${DISK}let f = fork { iommu.set_mode(ssd, off) } and { now() }
assert f.first == f.second`;
  assertEquals(below(ends), ["they differ in", "  the end: EINVAL is not ok"]);
});
