/**
 * For each class of the PCI Code and ID Assignment Specification, the name that its functions get, and whether they
 * count as peers.
 */
import { assertEquals } from "@std/assert";
import { importMachine, peersOf } from "./imported_machine.ts";
import { linkListing } from "./linked_listing.ts";
import { readListing } from "./read_listing.ts";

const ROOT = "00:00.0 0600: 8086:6f00\n\n";
const PORT = "00:01.0 0604: 8086:6f02\n" +
  "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n\n";

/** The name that a function of a class gets, and whether it is a peer. */
function become(classCode: number, at: string): { name: string; isPeer: boolean } {
  const digits = classCode.toString(16).padStart(4, "0");
  const machine = importMachine(
    linkListing(readListing(`${ROOT}${PORT}${at} ${digits}: 1234:5678\n\n`)),
  );
  const found = machine.functions.find(({ address }) => `${address}` === `0000:${at}`)!;
  return { name: found.name.replace(/\d+$/, ""), isPeer: peersOf(machine).includes(found) };
}

const FAMILIES: Readonly<Record<number, string>> = {
  0x00: "dev",
  0x01: "hba",
  0x02: "nic",
  0x03: "gpu",
  0x04: "snd",
  0x05: "mem",
  0x06: "chip",
  0x07: "dev",
  0x08: "sys",
  0x09: "dev",
  0x0b: "dev",
  0x0c: "dev",
  0x0d: "dev",
  0x10: "dev",
  0x11: "sys",
  0x12: "acc",
  0x13: "dev",
  0xff: "dev",
};
const ONES: Readonly<Record<number, string>> = {
  0x0108: "ssd",
  0x0207: "hca",
  0x0b40: "acc",
  0x0c03: "usb",
  0x0c06: "hca",
};

/** Sub-classes with special names, and the ones next to them. */
const SUBCLASSES = [0x00, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x3f, 0x40, 0x41, 0x80];
const isBridge = (classCode: number) => classCode === 0x0604;

Deno.test("a function is called by its class, or else by its base class", () => {
  for (const [base, family] of Object.entries(FAMILIES)) {
    for (const subclass of SUBCLASSES) {
      const classCode = Number(base) * 256 + subclass;
      const { name } = become(classCode, "01:00.0");
      assertEquals(name, ONES[classCode] ?? family, `class 0x${classCode.toString(16)}`);
    }
  }
});

Deno.test("behind a port all but bridges are peers; on a root bus storage, networks, displays, accelerators and CXL memory", () => {
  for (const base of Object.keys(FAMILIES).map(Number)) {
    for (const subclass of SUBCLASSES.filter((each) => !isBridge(base * 256 + each))) {
      const classCode = base * 256 + subclass;
      const says = `class 0x${classCode.toString(16)}`;
      assertEquals(become(classCode, "01:00.0").isPeer, base !== 0x06, says);
      const expected = [0x01, 0x02, 0x03, 0x12].includes(base) ||
        [0x0b40, 0x0502].includes(classCode);
      assertEquals(become(classCode, "00:05.0").isPeer, expected, says);
    }
  }
});

Deno.test("a function of which only the place is known is a peer behind a port, and none on a root bus", () => {
  const machine = importMachine(
    linkListing(readListing('00:01.0/01:00.0 "x" "y" "z"\n00:02.0 "x" "y" "z"\n')),
  );
  assertEquals(machine.functions.map(({ name }) => name), ["rp0", "dev1", "dev0"]);
  assertEquals(peersOf(machine).map(({ address }) => `${address}`), ["0000:01:00.0"]);
});

Deno.test("a bridge between PCI Express and PCI is one wherever it stands (PCIe 7.5.3.2)", () => {
  for (
    const [words, role] of [
      ["Root Port", "root_port"],
      ["PCI-Express to PCI/PCI-X Bridge", "pci_bridge"],
      ["PCI/PCI-X to PCI-Express Bridge", "pci_bridge"],
    ] as const
  ) {
    const machine = importMachine(
      linkListing(
        readListing(`${PORT.trimEnd()}\n\tCapabilities: [40] Express (v2) ${words}\n\n`),
      ),
    );
    assertEquals(machine.functions.map(({ role }) => role), [role], words);
  }
});
