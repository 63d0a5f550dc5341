import { assertEquals } from "@std/assert";
import { decodeConfigSpace } from "./config_space.ts";
import { GrowingFunction } from "./growing_function.ts";

/** Decodes registers given as [offset, bytes…]; all others are 0. */
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
/** A PCI Express capability at 0x40: version 2, a root port. */
const ROOT_PORT = [[0x34, 0x40], [0x40, 0x10, 0x00, 0x42, 0x00]];

/** Decodes the registers of a PCI Express endpoint. */
const decodeEndpoint = (shownBytes: number, ...registers: readonly (readonly number[])[]) =>
  decode(shownBytes, IDS, HAS_CAPABILITIES, [0x34, 0x40], [0x40, 0x10, 0, 2, 0], ...registers);

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

Deno.test("BARs of 64 bits take two registers, and I/O BARs are recognised", () => {
  const { bars } = decode(
    64,
    IDS,
    [0x10, 0x0c, 0, 0, 0, 0x00, 0x38, 0, 0],
    // The two lowest bits are not part of the address.
    [0x18, 0x03, 0xe0, 0, 0],
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
  const shown = (bytes: number, at: number) =>
    decodeEndpoint(
      bytes,
      [0x10, 0x0c, 0, 0, 0, 0x00, 0x38, 0, 0],
      // A list entry that leads to the capability. The two lowest bits of the entry's pointer have
      // no meaning.
      [0x100, 0x01, 0x00, 0x01 + (((at + 3) % 16) << 4), (at + 3) >> 4],
      [at, 0x15, 0x00, 0x01, 0x00],
      // One BAR: its number is 0, and its size is 2^14 MiB.
      [at + 8, 0x20, 0x0e, 0x00, 0x00],
    ).bars[0]!.sizeBytes;
  for (const at of [0x200, 0x224, 0x7f4]) assertEquals(shown(4096, at), 16 * 2 ** 30);
  // Two dumps: in the first, the first entry of the capability is just complete; in the second, the
  // entry lacks one byte.
  assertEquals([shown(0x20c, 0x200), shown(0x20b, 0x200)], [16 * 2 ** 30, null]);
});

Deno.test("a dump that ends before extended space leaves access control unknown, not off", () => {
  const registers = [IDS, BRIDGE, HAS_CAPABILITIES, ...ROOT_PORT];
  assertEquals(decode(64, ...registers).acs.state, "unknown");
  assertEquals(decode(256, ...registers).acs.state, "unknown");
  assertEquals(decode(4096, ...registers).acs.state, "absent");
  // Conventional PCI has no access control services, and 256 bytes suffice to show that a function
  // is conventional.
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

Deno.test("the kind of port is the number in bits 7 to 4 of the capability's register (PCIe 7.5.3.2)", () => {
  const kinds = Array.from(
    { length: 16 },
    (_, kind) => decodeEndpoint(256, [0x40, 0x10, 0x00, 0x02 + 16 * kind, 0x01]).portType,
  );
  assertEquals(kinds, [
    "endpoint",
    "legacy_endpoint",
    null,
    null,
    "root_port",
    "upstream_port",
    "downstream_port",
    "pcie_to_pci",
    "pci_to_pcie",
    "integrated_endpoint",
    "event_collector",
    ...new Array(5).fill(null),
  ]);
});

Deno.test("a function has six BARs, a bridge two; the last cannot be one of 64 bits (PCIe 7.5.1.2.1)", () => {
  const at = (index: number, ...bytes: number[]) => [0x10 + 4 * index, ...bytes];
  const barsOf = (...registers: readonly (readonly number[])[]) =>
    decode(64, IDS, ...registers).bars.map(({ base, bits, index }) => [index, bits, base]);
  const all = Array.from({ length: 6 }, (_, index) => at(index, 0, 0, 0, 0xa0 + index));
  assertEquals(barsOf(...all), all.map((_, index) => [index, 32, (0xa0 + index) * 2 ** 24]));
  assertEquals(barsOf(BRIDGE, ...all).map(([index]) => index), [0, 1]);
  assertEquals(barsOf(at(4, 4, 0, 0, 0xb0, 1)), [[4, 64, 0x1_b000_0000]]);
  assertEquals(barsOf(at(5, 4, 0, 0, 0xb0)), [[5, 32, 0xb000_0000]]);
  assertEquals(barsOf(BRIDGE, at(1, 4, 0, 0, 0xb0)), [[1, 32, 0xb000_0000]]);
  // A BAR of the reserved type has 32 bits. A BAR without an address has not been assigned an
  // address yet.
  assertEquals(barsOf(at(0, 2, 0, 0, 0xb0)), [[0, 32, 0xb000_0000]]);
  assertEquals(barsOf(at(0, 1)), [[0, 32, null]]);
  assertEquals(barsOf(at(0, 0x0c)), [[0, 64, null]]);
  // A number represents addresses below 2^53 exactly. Any other address becomes null.
  assertEquals(barsOf(at(0, 4, 0, 0, 0, 0, 0, 0x10, 0)), [[0, 64, 2 ** 52]]);
  assertEquals(barsOf(at(0, 4, 0, 0, 0, 0, 0, 0x20, 0)), [[0, 64, null]]);
});

Deno.test("windows of a bridge end with the last byte of their unit: 4 KiB of I/O, 1 MiB of memory (PCIe 7.5.1.3)", () => {
  const windows = (...registers: readonly (readonly number[])[]) =>
    decode(64, IDS, BRIDGE, ...registers).windows
      .filter(({ space }) => space !== "prefetchable" || registers.some(([at]) => at === 0x24))
      .map(({ base, limit, space }) => [space, base, limit]);
  const off = [[0x1c, 0x10, 0x00], [0x20, 0x10, 0x00, 0x00, 0x00]];
  assertEquals(windows(...off, [0x24, 0x10, 0x00, 0x00, 0x00]), []);
  // With equal base and limit, the window has one unit.
  assertEquals(windows([0x1c, 0x10, 0x10], off[1]!), [["io", 0x1000, 0x1fff]]);
  assertEquals(windows(off[0]!, [0x20, 0x10, 0x00, 0x10, 0x00]), [[
    "memory",
    0x10_0000,
    0x1f_ffff,
  ]]);
  assertEquals(windows(...off, [0x24, 0x10, 0x00, 0x10, 0x00]), [
    ["prefetchable", 0x10_0000, 0x1f_ffff],
  ]);
  // The registers for the upper halves of base and limit are used only if the registers for the
  // lower halves say so.
  const halves = [0x28, 1, 0, 0, 0, 2, 0, 0, 0];
  assertEquals(windows(...off, [0x24, 0x10, 0x00, 0x10, 0x00], halves), [
    ["prefetchable", 0x10_0000, 0x1f_ffff],
  ]);
  assertEquals(windows(...off, [0x24, 0x11, 0x00, 0x11, 0x00], halves), [
    ["prefetchable", 0x1_0010_0000, 0x2_001f_ffff],
  ]);
});

Deno.test("headers of other kinds have no BARs here, and a header that is not all shown tells nothing", () => {
  const bar = [0x10, 0, 0, 0, 0xa0];
  assertEquals(decode(64, IDS, bar).bars.length, 1);
  assertEquals(decode(63, IDS, bar).bars.length, 0);
  assertEquals(decode(63, IDS, bar).vendor, null);
  assertEquals(decode(64, IDS, bar, [0x0e, 0x80]).bars.length, 1);
  for (const kind of [0x02, 0x82, 0x7f]) {
    const other = decode(64, IDS, bar, [0x0e, kind]);
    assertEquals([other.bars.length, other.buses, other.vendor], [0, null, 0x8086]);
  }
  assertEquals(decode(64, IDS, [0x0a, 0x04, 0x06]).classCode, 0x0604);
});

/** An endpoint with Access Control Services at an offset in extended space. */
function guarded(shownBytes: number, at: number, capable: number, enabled: number) {
  return decodeEndpoint(
    shownBytes,
    [0x100, 0x01, 0x00, 0x01 + ((at % 16) << 4), at >> 4],
    [at, 0x0d, 0x00, 0x01, 0x00, capable, 0x00, enabled, 0x00],
  ).acs;
}

Deno.test("each service has its bit in both registers, and the eighth means something else (PCIe 7.7.11)", () => {
  const services = [
    "source_validation",
    "translation_blocking",
    "request_redirect",
    "completion_redirect",
    "upstream_forwarding",
    "egress_control",
    "direct_translated",
  ];
  for (const [bit, service] of services.entries()) {
    const one = guarded(4096, 0x148, 2 ** bit, 0);
    assertEquals([[...one.capable!], [...one.enabled!]] as unknown, [[service], []]);
    const other = guarded(4096, 0x148, 0, 2 ** bit);
    assertEquals([[...other.capable!], [...other.enabled!]] as unknown, [[], [service]]);
  }
  const eighth = guarded(4096, 0x148, 0xff, 0x80);
  assertEquals([eighth.state, eighth.capable!.size, eighth.enabled!.size], ["present", 7, 0]);
});

Deno.test("a capability whose registers were not all shown is not known", () => {
  assertEquals(guarded(0x150, 0x148, 0x1f, 0x1d).state, "present");
  assertEquals(guarded(0x14f, 0x148, 0x1f, 0x1d).state, "unknown");
  // In the list of conventional space, the first word of an entry must be shown.
  const express = (shown: number) =>
    decode(shown, IDS, HAS_CAPABILITIES, [0x34, 0x80], [0x80, 0x10, 0x00, 0x42, 0x00]).portType;
  assertEquals([express(0x83), express(0x84)], [null, "root_port"]);
  // Without the bit in the status register the function has no list, whatever its registers
  // contain.
  assertEquals(decode(256, IDS, ...ROOT_PORT).portType, null);
  // The header occupies the first 64 bytes, so no capability can begin below offset 64.
  assertEquals(
    decode(256, IDS, HAS_CAPABILITIES, [0x34, 0x3c], [0x3c, 0x10, 0x00, 0x42, 0x00]).portType,
    null,
  );
});

Deno.test("Resizable BAR has an entry for each of up to six BARs, with number and size (PCIe 7.8.6)", () => {
  const sizes = (...entries: readonly (readonly [control: number, size: number])[]) =>
    decodeEndpoint(
      4096,
      [0x10, 0, 0, 0, 0xa0],
      [0x14, 0, 0, 0, 0xa1],
      [0x18, 0x01, 0xe0, 0, 0],
      [0x1c, 0x04, 0, 0, 0xa2, 1],
      [0x100, 0x15, 0x00, 0x01, 0x00],
      ...entries.map(([control, size], index) => [0x108 + 8 * index, control, size, 0, 0]),
    ).bars.map(({ index, sizeBytes }) => [index, sizeBytes]);
  const none = [[0, null], [1, null], [2, null], [3, null]];
  const MIB = 2 ** 20;
  assertEquals(sizes([0x00, 5]), none);
  assertEquals(sizes([0x20, 0]), [[0, MIB], ...none.slice(1)]);
  assertEquals(sizes([0x21, 1]), [[0, null], [1, 2 * MIB], [2, null], [3, null]]);
  assertEquals(sizes([0x23, 31]), [...none.slice(0, 3), [3, 2 ** 51]]);
  assertEquals(sizes([0x23, 32]), [...none.slice(0, 3), [3, 2 ** 52]]);
  // A size above the limit of addresses is ignored. A size for an I/O BAR is ignored, too.
  assertEquals(sizes([0x23, 33]), none);
  assertEquals(sizes([0x22, 3]), none);
  assertEquals(sizes([0x40, 0], [0x01, 3]), [[0, MIB], [1, 8 * MIB], [2, null], [3, null]]);
  // Only the first entry contains the number of entries. A size that is already known is kept.
  assertEquals(sizes([0x20, 0], [0x01, 3]), [[0, MIB], ...none.slice(1)]);
  assertEquals(sizes([0x40, 0], [0x00, 3]), [[0, MIB], ...none.slice(1)]);
  const seven = Array.from({ length: 7 }, (_, at): [number, number] => [at === 6 ? 1 : 5, 1]);
  seven[0] = [0xe5, 1];
  assertEquals(sizes(...seven), none);
});

Deno.test("pointers of both lists lead to multiples of four: their two lowest bits mean nothing (PCIe 7.5.3.1, 7.6.3)", () => {
  for (let at = 0x40; at <= 0xfc; at += 4) {
    for (let low = 0; low < 4; low++) {
      const express = [at, 0x10, 0x00, 0x42, 0x00];
      const first = decode(256, IDS, HAS_CAPABILITIES, [0x34, at + low], express);
      assertEquals(first.portType, "root_port", `first at ${at + low}`);
      if (at < 0x44) continue;
      const next = decode(256, IDS, HAS_CAPABILITIES, [0x34, 0x40], [0x40, 5, at + low], express);
      assertEquals(next.portType, "root_port", `next at ${at + low}`);
    }
  }
});

Deno.test("bit 4 of the status register alone says that there are capabilities (PCIe 7.5.1.1.4)", () => {
  for (let bit = 0; bit < 16; bit++) {
    const status = [0x06, bit < 8 ? 1 << bit : 0, bit < 8 ? 0 : 1 << (bit - 8)];
    const expected = bit === 4 ? "root_port" : null;
    assertEquals(decode(256, IDS, status, ...ROOT_PORT).portType, expected, `bit ${bit}`);
  }
});

Deno.test("extended space that is not there reads as all ones, and one without capabilities as zeroes (PCIe 7.6.3)", () => {
  const state = (...header: readonly number[]) =>
    decode(4096, IDS, BRIDGE, HAS_CAPABILITIES, ...ROOT_PORT, [0x100, ...header]).acs.state;
  assertEquals(state(0xff, 0xff, 0xff, 0xff), "absent");
  assertEquals(state(0, 0, 0, 0), "absent");
});

Deno.test("Resizable BAR tells the size of the sixth BAR too, and of entries that are shown whole (PCIe 7.8.6.3)", () => {
  const bars = Array.from({ length: 6 }, (_, index) => [0x10 + 4 * index, 0, 0, 0, 0xa0 + index]);
  const entries = bars.map((_, index) => [0x108 + 8 * index, index + 6 * 32, 2 * index]);
  const sizes = (shown: number, ...more: readonly (readonly number[])[]) =>
    decodeEndpoint(shown, ...bars, [0x100, 0x15, 0x00, 0x01, 0x00], ...more)
      .bars.map(({ sizeBytes }) => sizeBytes);
  const all = bars.map((_, index) => 2 ** 20 * 4 ** index);
  assertEquals(sizes(4096, ...entries), all);
  // The last entry ends at 0x134.
  assertEquals(sizes(0x134, ...entries), all);
  assertEquals(sizes(0x133, ...entries), [...all.slice(0, 5), null]);
  // The bits above the six bits of the size are reserved.
  assertEquals(sizes(4096, [0x108, 0x20, 0xc5])[0], 32 * 2 ** 20);
});

Deno.test("a capability that begins with the last bytes of extended space has no registers", () => {
  const { acs, bars } = decodeEndpoint(
    4096,
    [0x10, 0, 0, 0, 0xa0],
    [0x100, 0x01, 0x00, 0x81, 0xff],
    [0xff8, 0x15, 0x00, 0x01, 0x00],
  );
  assertEquals([bars[0]!.sizeBytes, acs.state], [null, "absent"]);
});
