import { assertEquals } from "@std/assert";
import { decodeConfigSpace } from "./config_space.ts";
import { GrowingFunction } from "./growing_function.ts";

/** Registers as [offset, bytes…]; all others are 0. */
function decode(shownBytes: number, ...registers: readonly (readonly number[])[]) {
  const growing = new GrowingFunction({ domain: 0, bus: 0, device: 0, func: 0 }, 1);
  growing.registers = new Uint8Array(4096);
  growing.registerBytes = shownBytes;
  for (const [offset, ...bytes] of registers) growing.registers.set(bytes, offset);
  decodeConfigSpace(growing);
  return growing.finish();
}

const IDS = [0x00, 0x86, 0x80, 0x30, 0x20];
const HAS_CAPABILITIES = [0x06, 0x10, 0x00];
const BRIDGE = [0x0e, 0x81];
/** PCI Express at 0x40: version 2, a root port. */
const ROOT_PORT = [[0x34, 0x40], [0x40, 0x10, 0x00, 0x42, 0x00]];

Deno.test("a bridge's registers give its bus numbers and windows", () => {
  const bridge = decode(
    256,
    IDS,
    BRIDGE,
    [0x18, 0x3a, 0x3b, 0x41],
    // I/O 0x2000 to 0x3fff, memory 0xb800_0000 to 0xb9ff_ffff, prefetchable above 4 GiB.
    [0x1c, 0x21, 0x31],
    [0x20, 0x00, 0xb8, 0xf0, 0xb9],
    [0x24, 0x01, 0x00, 0xf1, 0x0f, 0x00, 0x38, 0, 0, 0x00, 0x38, 0, 0],
  );
  assertEquals([bridge.vendor, bridge.device], [0x8086, 0x2030]);
  assertEquals(bridge.buses, { primary: 0x3a, secondary: 0x3b, subordinate: 0x41 });
  assertEquals(bridge.windows, [
    { space: "io", base: 0x2000, limit: 0x3fff },
    { space: "memory", base: 0xb800_0000, limit: 0xb9ff_ffff },
    { space: "prefetchable", base: 0x3800_0000_0000, limit: 0x3800_0fff_ffff },
  ]);
});

Deno.test("a window whose limit is below its base is switched off", () => {
  const { windows } = decode(
    64,
    IDS,
    BRIDGE,
    [0x1c, 0xf0, 0x00],
    [0x20, 0xf0, 0xff, 0x00, 0x00],
    [0x24, 0xf0, 0xff, 0x00, 0x00],
  );
  assertEquals(windows, []);
});

Deno.test("BARs of 64 bits take two registers, and I/O ones are told apart", () => {
  const { bars } = decode(
    64,
    IDS,
    [0x10, 0x0c, 0, 0, 0, 0x00, 0x38, 0, 0],
    [0x18, 0x01, 0xe0, 0, 0],
    [0x1c, 0x00, 0x00, 0x10, 0xb8],
  );
  assertEquals(bars.map(({ index, space, bits, base }) => [index, space, bits, base]), [
    [0, "memory", 64, 0x3800_0000_0000],
    [2, "io", 32, 0xe000],
    [3, "memory", 32, 0xb810_0000],
  ]);
  assertEquals(bars[0]!.sizeBytes, null);
  assertEquals(bars.map(({ prefetchable }) => prefetchable), [true, false, false]);
  const low = decode(64, IDS, [0x10, 0x04, 0, 0, 0xf0], [0x18, 0x08, 0, 0x20, 0xf0]);
  assertEquals(low.bars.map(({ prefetchable }) => prefetchable), [false, true]);
});

Deno.test("a window of I/O beyond 64 KiB has its upper halves in registers of their own", () => {
  const { windows } = decode(
    64,
    IDS,
    BRIDGE,
    [0x1c, 0x21, 0x31],
    [0x30, 0x34, 0x12, 0x56, 0x34],
  );
  assertEquals(windows[0], { space: "io", base: 0x1234_2000, limit: 0x3456_3fff });
  const narrow = decode(64, IDS, BRIDGE, [0x1c, 0x20, 0x30], [0x30, 0x34, 0x12, 0x56, 0x34]);
  assertEquals(narrow.windows[0], { space: "io", base: 0x2000, limit: 0x3fff });
});

Deno.test("Resizable BAR tells the size that is set", () => {
  const { bars } = decode(
    4096,
    IDS,
    HAS_CAPABILITIES,
    [0x10, 0x0c, 0, 0, 0, 0x00, 0x38, 0, 0],
    [0x34, 0x40],
    [0x40, 0x10, 0x00, 0x02, 0x00],
    [0x100, 0x15, 0x00, 0x01, 0x00],
    // One BAR, number 0, of 2^14 MiB.
    [0x108, 0x20, 0x0e, 0x00, 0x00],
  );
  assertEquals(bars[0]!.sizeBytes, 16 * 2 ** 30);
  const shown = (bytes: number, at: number) =>
    decode(
      bytes,
      IDS,
      HAS_CAPABILITIES,
      [0x10, 0x0c, 0, 0, 0, 0x00, 0x38, 0, 0],
      [0x34, 0x40],
      [0x40, 0x10, 0x00, 0x02, 0x00],
      // The list leads on to where the capability is; the low two bits of the way mean nothing.
      [0x100, 0x01, 0x00, 0x01 + (((at + 3) % 16) << 4), (at + 3) >> 4],
      [at, 0x15, 0x00, 0x01, 0x00],
      [at + 8, 0x20, 0x0e, 0x00, 0x00],
    ).bars[0]!.sizeBytes;
  assertEquals([shown(4096, 0x200), shown(4096, 0x224), shown(4096, 0x7f4)], [
    16 * 2 ** 30,
    16 * 2 ** 30,
    16 * 2 ** 30,
  ]);
  // Its first entry is shown just so, or just not.
  assertEquals([shown(0x20c, 0x200), shown(0x20b, 0x200)], [16 * 2 ** 30, null]);
});

Deno.test("Access Control Services stand in extended space, capability 0x000d", () => {
  const port = decode(
    4096,
    IDS,
    BRIDGE,
    HAS_CAPABILITIES,
    ...ROOT_PORT,
    // Advanced Error Reporting first, and the next at 0x148.
    [0x100, 0x01, 0x00, 0x82, 0x14],
    [0x148, 0x0d, 0x00, 0x01, 0x00, 0x1f, 0x00, 0x1d, 0x00],
  );
  assertEquals(port.portType, "root_port");
  assertEquals(port.acs.state, "present");
  assertEquals([...port.acs.enabled!], [
    "source_validation",
    "request_redirect",
    "completion_redirect",
    "upstream_forwarding",
  ]);
  assertEquals(port.acs.capable!.size, 5);
});

Deno.test("a dump that ends before extended space leaves access control unknown, not off", () => {
  const registers = [IDS, BRIDGE, HAS_CAPABILITIES, ...ROOT_PORT];
  assertEquals(decode(64, ...registers).acs.state, "unknown");
  assertEquals(decode(256, ...registers).acs.state, "unknown");
  assertEquals(decode(4096, ...registers).acs.state, "absent");
});

Deno.test("conventional PCI has no such services, and 256 bytes show it", () => {
  assertEquals(decode(256, IDS).acs.state, "absent");
  assertEquals(decode(64, IDS).acs.state, "unknown");
});

Deno.test("lists of capabilities that run in a circle end", () => {
  const looped = decode(
    4096,
    IDS,
    HAS_CAPABILITIES,
    [0x34, 0x40],
    [0x40, 0x10, 0x50, 0x42, 0x00],
    [0x50, 0x05, 0x40],
    [0x100, 0x01, 0x00, 0x01, 0x10],
  );
  assertEquals(looped.portType, "root_port");
  assertEquals(looped.acs.state, "absent");
});

Deno.test("all ones are a function that does not answer", () => {
  assertEquals(decode(64, [0x00, 0xff, 0xff, 0xff, 0xff]).gone, true);
});
