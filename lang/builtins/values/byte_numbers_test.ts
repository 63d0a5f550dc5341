/** Numbers in bytes: each width and byte order compared with `DataView`, and values that do not fit. */
import { assertEquals } from "@std/assert";
import { failureOf } from "../../testing/test_support.ts";
import { runScript } from "../../testing/run_script.ts";

const VALUES = [0, 1, 0x80, 0xff, 0x1234, 0xdead, 0xbeef_cafe, 0x1234_5678_9abc, 2 ** 53 - 1];

/** The bytes of a number from `DataView`, in the syntax of a script. */
function written(value: number, bits: number, littleEndian: boolean): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, BigInt(value), littleEndian);
  const all = [...new Uint8Array(view.buffer)];
  const own = littleEndian ? all.slice(0, bits / 8) : all.slice(8 - bits / 8);
  return own.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

Deno.test("a number of each width and order is the bytes of DataView, and read back the same", () => {
  for (
    const [order, widths] of [["le", [16, 24, 32, 48, 64]], ["be", [16, 24, 32, 48, 64]]] as const
  ) {
    for (const bits of widths) {
      const name = `${order}${bits}`;
      for (const value of VALUES.filter((each) => each < 2 ** bits)) {
        const bytes = written(value, bits, order === "le");
        assertEquals(
          runScript(
            `assert ${name}(${value}) == bytes"${bytes}"\n` +
              `assert bytes"ff ${bytes} ff".${name}(1) == ${value}\n` +
              `assert (bytes"ff" + ${name}(${value})).unpack({ first: u8, n: ${name} }).n == ${value}`,
          ).problems,
          [],
          `${name}(${value})`,
        );
      }
    }
  }
});

Deno.test("an address of a device is packed as a descriptor has it, and 64 bits that no int holds stay bytes", () => {
  const { problems } = runScript(
    'machine { kernel = "7.2.12"; pci { root_port rp0 { nvme ssd { } } } }\n' +
      "let m = dma_map_single(ssd, alloc_pages(1), 4KiB, to_device)\n" +
      "assert le64(m.addr).unpack({ addr: le64 }).addr as dma == m.addr\n" +
      "dma_unmap_single(ssd, m, 4KiB, to_device)\n" +
      'assert bytes"ff ff ff ff ff ff ff ff".le64(0) == bytes"ff ff ff ff ff ff ff ff"\n',
  );
  assertEquals(problems, []);
});

Deno.test("what does not fit is refused with its width, and what lies outside with its bytes", () => {
  assertEquals(
    failureOf("le16(0x1_0000)"),
    "E0919 the int 65536 does not fit le16: it has 16 bits",
  );
  assertEquals(
    failureOf('bytes"01 02 03".be32(0)'),
    "E0919 be32 at 0 takes bytes 0..4, and there are 3",
  );
  assertEquals(
    failureOf('bytes"01".unpack({ a: u8, b: le16 })'),
    "E0919 le16 at 1 takes bytes 1..3, and there are 1",
  );
});
