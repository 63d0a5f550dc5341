import { assertEquals } from "@std/assert";
import { readHeader } from "./function_header.ts";

Deno.test("a header by -PP has the bridges above in front", () => {
  const header = readHeader("0000:00:01.0/01:00.0/02:08.0 PCI bridge: PLX PEX 8747");
  assertEquals([header?.domain, header?.path], [0, [
    { bus: 0, device: 1, func: 0 },
    { bus: 1, device: 0, func: 0 },
    { bus: 2, device: 8, func: 0 },
  ]]);
});

Deno.test("a header by -P has the bus of the first bridge alone", () => {
  const header = readHeader("10000:e0:01.1/00.0/1f.7 0108: 144d:a80a (rev 02)");
  assertEquals([header?.domain, header?.path, header?.device], [0x1_0000, [
    { bus: 0xe0, device: 1, func: 1 },
    { bus: null, device: 0, func: 0 },
    { bus: null, device: 0x1f, func: 7 },
  ], 0xa80a]);
  for (const line of ["00.0 Host bridge: x", "00:02.0/00.8 Host bridge: x", "00:02.0/ Bridge: x"]) {
    assertEquals(readHeader(line), null, line);
  }
});

Deno.test("words of a class may be of any language where its number stands beside them", () => {
  const header = readHeader("00:06.0 Мост PCI [0604]: Intel Corporation Device [8086:9a09]");
  assertEquals([header?.classCode, header?.device], [0x0604, 0x9a09]);
});

Deno.test("times of day and other numbers are no headers", () => {
  for (
    const line of [
      "11:00.3 Lunch: with the people of the switch",
      "10:15",
      "00: 86 80 30 20",
      "00:20.0 Host bridge: there is no device 32",
      "0000:00:00.8 Host bridge: there is no function 8",
    ]
  ) assertEquals(readHeader(line), null, line);
});

/**
 * For each base class, the numbers of its sub-classes in the PCI Code and ID Assignment
 * Specification, by their names in the PCI ID database.
 */
const CLASSES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  0x01: {
    "SCSI storage controller": 0x00,
    "IDE interface": 0x01,
    "RAID bus controller": 0x04,
    "SATA controller": 0x06,
    "Serial Attached SCSI controller": 0x07,
    "Non-Volatile memory controller": 0x08,
    "Mass storage controller": 0x80,
  },
  0x02: { "Ethernet controller": 0x00, "Infiniband controller": 0x07, "Network controller": 0x80 },
  0x03: { "VGA compatible controller": 0x00, "3D controller": 0x02, "Display controller": 0x80 },
  0x04: { "Multimedia audio controller": 0x01, "Audio device": 0x03 },
  0x05: { "RAM memory": 0x00, "CXL": 0x02, "Memory controller": 0x80 },
  0x06: {
    "Host bridge": 0x00,
    "ISA bridge": 0x01,
    "PCI bridge": 0x04,
    "CardBus bridge": 0x07,
    "Bridge": 0x80,
  },
  0x07: { "Serial controller": 0x00, "Communication controller": 0x80 },
  0x08: { "PIC": 0x00, "IOMMU": 0x06, "System peripheral": 0x80 },
  0x0b: { "Co-processor": 0x40 },
  0x0c: {
    "FireWire (IEEE 1394)": 0x00,
    "USB controller": 0x03,
    "Fibre Channel": 0x04,
    "SMBus": 0x05,
    "InfiniBand": 0x06,
    "Serial bus controller": 0x80,
  },
  0x10: { "Encryption controller": 0x80 },
  0x11: { "Performance counters": 0x01, "Signal processing controller": 0x80 },
  0x12: { "Processing accelerators": 0x00 },
  0xff: { "Unassigned class": 0x00 },
};

Deno.test("a class is known by its name and by its number, in every form of header", () => {
  for (const [base, names] of Object.entries(CLASSES)) {
    for (const [name, sub] of Object.entries(names)) {
      const code = Number(base) * 256 + sub;
      const digits = code.toString(16).padStart(4, "0");
      const forms = [
        `02:00.0 ${name}: Maker Model`,
        `02:00.0 "${name}" "Maker" "Model"`,
        `02:00.0 "${name} [${digits}]" "Maker [8086]" "Model [1533]" -rca "" ""`,
        `02:00.0 ${name} [${digits}]: Maker Model [8086:1533]`,
      ];
      for (const form of forms) {
        const header = readHeader(form);
        assertEquals([header?.classCode, header?.className], [code, name], form);
        assertEquals(header?.name, "Maker Model", form);
        const ids = form.includes("8086") ? [0x8086, 0x1533] : [null, null];
        assertEquals([header?.vendor, header?.device], ids, form);
      }
      assertEquals(readHeader(`02:00.0 ${digits}: 8086:1533 (rev 01)`), {
        domain: 0,
        path: [{ bus: 2, device: 0, func: 0 }],
        classCode: code,
        className: name,
        vendor: 0x8086,
        device: 0x1533,
        name: null,
        gone: false,
      });
      assertEquals(readHeader(`02:00.0 Class ${digits}: 8086:1533 (rev 01)`)?.className, name);
    }
  }
  // A class number without a known name is still a class. An unknown class name without a number is
  // no class.
  for (const digits of ["010a", "0c0f", "1302", "060f"]) {
    const header = readHeader(`02:00.0 ${digits}: 8086:1533`);
    assertEquals([header?.classCode, header?.className], [parseInt(digits, 16), null]);
  }
  assertEquals(readHeader("02:00.0 Strange thing: Maker Model"), null);
});

Deno.test("what stands behind a device's name is no part of it", () => {
  const name = (rest: string) => readHeader(`02:00.0 Ethernet controller: ${rest}`)?.name;
  assertEquals(name("Maker Model (rev 1f)"), "Maker Model");
  assertEquals(name("Maker Model (prog-if 02 [NVM Express])"), "Maker Model");
  assertEquals(name("Maker Model (rev 01) (prog-if 00 [Normal decode])"), "Maker Model");
  assertEquals(name("Maker [M] Model (A) (rev 01)"), "Maker [M] Model (A)");
  assertEquals(name("Maker Model [8086:1533]"), "Maker Model");
  assertEquals(name("[8086:1533]"), null);
  const both = readHeader("02:00.0 Ethernet controller [0200]: Maker [8086:1533] (rev 01)");
  assertEquals([both?.name, both?.vendor, both?.device], ["Maker", 0x8086, 0x1533]);
});

Deno.test("a class without words gets its name by its number", () => {
  const header = readHeader("02:00.0 [0604]: Maker Model [8086:1533]");
  assertEquals([header?.classCode, header?.className, header?.name], [
    0x0604,
    "PCI bridge",
    "Maker Model",
  ]);
  assertEquals(readHeader("02:00.0 [060f]: Maker Model")?.className, null);
});
