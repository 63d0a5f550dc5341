import { assertEquals } from "@std/assert";
import { hex } from "./listed_function.ts";
import { TreeReader } from "./tree_lines.ts";

/** Each function as `bus:device.func` and, of a bridge, `>secondary-subordinate`. */
function functionsOf(lines: readonly string[]): string[] {
  const reader = new TreeReader();
  return lines.flatMap((line) => reader.read(line)?.functions ?? []).map(({ address, buses }) => {
    const below = buses === null ? "" : `>${hex(buses.secondary, 2)}-${hex(buses.subordinate, 2)}`;
    return `${hex(address.bus, 2)}:${hex(address.device, 2)}.${address.func}${below}`;
  });
}

Deno.test("a tree's lines go on in the columns of its forks", () => {
  const lines = [
    "-[0000:00]-+-00.0",
    "           +-01.0-[01-05]----00.0-[02-05]--+-08.0-[03]----00.0",
    "           |                               \\-10.0-[04]--+-00.0",
    "           |                                            \\-00.1",
    "           +-02.0-[06]--",
    "           \\-1f.0",
  ];
  assertEquals(functionsOf(lines), [
    "00:00.0",
    "00:01.0>01-05",
    "01:00.0>02-05",
    "02:08.0>03-03",
    "03:00.0",
    "02:10.0>04-04",
    "04:00.0",
    "04:00.1",
    "00:02.0>06-06",
    "00:1f.0",
  ]);
});

Deno.test("a tree may be indented as a whole, as code in a page is", () => {
  const lines = [
    "    -+-[0000:80]-+-00.0",
    "     |           \\-01.0-[81]----00.0",
    "     \\-[0000:00]---02.0",
  ];
  assertEquals(functionsOf(lines), ["80:00.0", "80:01.0>81-81", "81:00.0", "00:02.0"]);
});

Deno.test("several root buses hang on one line of their own", () => {
  const reader = new TreeReader();
  const roots = ["-+-[10000:80]---02.0-[81]----00.0", " \\-[0000:00]-+-00.0"]
    .flatMap((line) => reader.read(line)?.roots ?? []);
  assertEquals(roots, [{ domain: 0x10000, bus: 0x80 }, { domain: 0, bus: 0 }]);
});

Deno.test("names behind functions are read, and end the line", () => {
  const line = new TreeReader().read("-[0000:00]---02.0-[01]----00.0  Corp. [X] - a-[b] +-00.1");
  assertEquals(line?.functions.at(-1)?.name, "Corp. [X] - a-[b] +-00.1");
});

Deno.test("a line that goes on from no fork is no part of a tree", () => {
  assertEquals(new TreeReader().read("           +-01.0"), null);
  assertEquals(new TreeReader().read("+-01.0"), null);
});

Deno.test("a fork ends with its tree, and with the branch that it is on", () => {
  const fork = "-[0000:00]-+-00.0";
  const branch = "           \\-1f.0";
  assertEquals(functionsOf([fork, branch]), ["00:00.0", "00:1f.0"]);
  assertEquals(functionsOf([fork, "-[0000:01]---00.0", branch]), ["00:00.0", "01:00.0"]);
  const reader = new TreeReader();
  reader.read(fork);
  reader.reset();
  assertEquals(reader.read(branch), null);
  const deep = "           |               \\-10.0";
  const [first, next] = ["           +-01.0-[1a-2f]--+-08.0", "           +-02.0"];
  assertEquals(functionsOf([fork, first!, deep]), [
    "00:00.0",
    "00:01.0>1a-2f",
    "1a:08.0",
    "1a:10.0",
  ]);
  assertEquals(functionsOf([fork, first!, next!, deep]), [
    "00:00.0",
    "00:01.0>1a-2f",
    "1a:08.0",
    "00:02.0",
  ]);
});

Deno.test("a root bus may have no functions, and a bus behind no bridge is a root bus", () => {
  const bus = (number: number) => ({ domain: 0, bus: number });
  const read = (line: string) => new TreeReader().read(line);
  assertEquals(read("-[0000:3a]-"), { roots: [bus(0x3a)], functions: [] });
  assertEquals(read("-[0000:3a]-[3b]-"), { roots: [bus(0x3a), bus(0x3b)], functions: [] });
  assertEquals(read("-[here]-"), null);
});

Deno.test("as many buses as there are may lie below each other", () => {
  const nested = Array.from({ length: 255 }, (_, bus) => `00.0-[${hex(bus + 1, 2)}]--`).join("--");
  const functions = functionsOf([`-[0000:00]---${nested}--00.0`]);
  assertEquals(functions.length, 256);
  assertEquals(functions.slice(-2), ["fe:00.0>ff-ff", "ff:00.0"]);
});

Deno.test("what one line says ends where no machine has so many parts", () => {
  const roots = (parts: number) => new TreeReader().read("-[0000:00]".repeat(parts))!.roots.length;
  assertEquals([roots(599), roots(600), roots(601), roots(50_000)], [599, 600, 600, 600]);
});
