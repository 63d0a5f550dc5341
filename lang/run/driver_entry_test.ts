import { assert, assertEquals } from "@std/assert";
import { errorsOf, program } from "../testing/test_support.ts";
import { DRIVER_KEYS, type DriverEntry } from "./driver_entry.ts";

const HEAD = `machine { pci { root_port rp0 { endpoint nic { } } } }
fn m(buf) { return dma_map_phys(nic, buf.phys, buf.size, to_device) }
fn u(buf, handle) { dma_unmap_phys(nic, handle, buf.size, to_device) }
fn both(buf, dir) { return dma_map_phys(nic, buf.phys, buf.size, dir) }
`;

const driverOf = (keys: string, head = HEAD): DriverEntry =>
  program(`${head}driver "d" { ${keys} }`).drivers[0]!;
const errorOf = (keys: string, head = HEAD): string =>
  errorsOf(`${head}driver "d" { ${keys} }`).map((line) => line.replace(/ \d+:\d+/, "")).join("\n");

Deno.test("a driver's keys have defaults: the one device, up to four pages, and to the device", () => {
  const { device, dirs, map, name, offsetsBytes, pieces, sizesBytes, takes, unmap } = driverOf(
    "map = m, unmap = u",
  );
  assertEquals([name, device, map.name, unmap.name, takes], ["d", "nic", "m", "u", null]);
  assertEquals([pieces.first, pieces.last, sizesBytes, offsetsBytes], [1, 4, [4096], [0]]);
  assertEquals([dirs, map.takesDirection], [["to_device"], false]);
});

Deno.test("a driver whose map takes a direction is given each, or those that are named", () => {
  assertEquals(driverOf("map = both, unmap = u").dirs.length, 3);
  assertEquals(driverOf("map = both, unmap = u, dirs = DMA_FROM_DEVICE").dirs, ["from_device"]);
  const { offsetsBytes, pieces, sizesBytes } = driverOf(
    "map = both, unmap = u, device = nic, pieces = 2..5, sizes = [512B, 8KiB, 512B], offsets = 64",
  );
  assertEquals([pieces.first, pieces.last], [2, 4]);
  assertEquals([sizesBytes, offsetsBytes], [[512, 8192], [64]]);
});

Deno.test("what is wrong with a driver is an error of its own, before anything is run", () => {
  assertEquals(errorOf("map = m"), 'E0324 The driver "d" has no `unmap`');
  assertEquals(
    errorOf("map = 3, unmap = u"),
    "E0324 `map` takes the name of a function, as in map(buf)",
  );
  assertEquals(
    errorOf("map = m, unmap = m"),
    "E0324 `m` takes 1 argument, but is called as unmap(buf, handle) or unmap(buf, handle, dir)",
  );
  assertEquals(errorOf("map = m, unmap = u, peaces = 3"), "E0324 A driver has no key `peaces`");
  const values: readonly (readonly [setting: string, error: string])[] = [
    ["pieces = 0", 'E0503 Cannot use 0 as pieces of driver "d": it is too small'],
    ["pieces = 1..=65", 'E0503 Cannot use 65 as pieces of driver "d": it is too large'],
    ["pieces = 4..4", "E0324 `pieces` takes an int or a range"],
    ["pieces = [2]", 'E0502 Cannot use a list ([2]) as pieces of driver "d"'],
    ["sizes = 0B", 'E0503 Cannot use 0B as sizes of driver "d": it is too small'],
    ["sizes = []", "E0324 `sizes` takes a list of sizes"],
    ["offsets = 4KiB", 'E0503 Cannot use 4KiB as offsets of driver "d": it is too large'],
    ["dirs = [read]", 'E0508 Cannot use read as dirs of driver "d"'],
  ];
  for (const [setting, error] of values) {
    assertEquals(errorOf(`map = m, unmap = u, ${setting}`), error);
  }
  assertEquals(
    errorOf("map = m, unmap = u, dirs = [to_device, from_device]"),
    "E0324 There are several directions, but `map` takes no direction",
  );
  assertEquals(
    errorOf("map = m, unmap = u, device = rp0"),
    "E0324 `device` takes a device of the machine",
  );
  const two = HEAD.replace("endpoint nic { }", "endpoint nic { } endpoint gpu { }");
  assertEquals(
    errorOf("map = m, unmap = u", two),
    'E0324 The driver "d" does not name its device',
  );
  assertEquals(driverOf("map = m, unmap = u, device = gpu", two).device, "gpu");
});

Deno.test("docs/hunt.md has a row for every key of a driver, with what it takes", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/hunt.md", import.meta.url));
  for (const [key, takes] of Object.entries(DRIVER_KEYS)) {
    assert(page.includes(`| \`${key}\` | ${takes} |`), key);
  }
});
