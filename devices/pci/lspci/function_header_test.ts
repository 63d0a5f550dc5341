import { assertEquals } from "@std/assert";
import { readHeader } from "./function_header.ts";

const EPYC_PORT = {
  address: { domain: 0, bus: 0x40, device: 1, func: 1 },
  classCode: 0x0604,
  vendor: 0x1022,
  device: 0x1483,
  gone: false,
  above: [],
};

Deno.test("a header by -nn has words and numbers", () => {
  assertEquals(
    readHeader(
      "40:01.1 PCI bridge [0604]: Advanced Micro Devices, Inc. [AMD] GPP Bridge [1022:1483] (rev 01)",
    ),
    {
      ...EPYC_PORT,
      className: "PCI bridge",
      name: "Advanced Micro Devices, Inc. [AMD] GPP Bridge",
    },
  );
});

Deno.test("a header by -PP has the bridges above in front", () => {
  const header = readHeader("0000:00:01.0/01:00.0/02:08.0 PCI bridge: PLX PEX 8747");
  assertEquals(header?.address, { domain: 0, bus: 2, device: 8, func: 0 });
  assertEquals(header?.above, [
    { domain: 0, bus: 0, device: 1, func: 0 },
    { domain: 0, bus: 1, device: 0, func: 0 },
  ]);
});

Deno.test("a header by -n has numbers, and the class gets its name", () => {
  assertEquals(readHeader("0000:40:01.1 0604: 1022:1483 (rev 01)"), {
    ...EPYC_PORT,
    className: "PCI bridge",
    name: null,
  });
});

Deno.test("a header without numbers gets its class by name", () => {
  const header = readHeader("10000:81:00.0 Non-Volatile memory controller: Intel NVMe [3DNAND]");
  assertEquals(header?.address, { domain: 0x10000, bus: 0x81, device: 0, func: 0 });
  assertEquals(header?.classCode, 0x0108);
  assertEquals(header?.name, "Intel NVMe [3DNAND]");
});

Deno.test("a header by -mm has its texts in quotes", () => {
  const header = readHeader(
    '3b:00.0 "PCI bridge [0604]" "PLX Technology, Inc. [10b5]" "PEX 8747 [8747]" -rca "" ""',
  );
  assertEquals([header?.classCode, header?.vendor, header?.device], [0x0604, 0x10b5, 0x8747]);
  assertEquals(header?.name, "PLX Technology, Inc. PEX 8747");
});

Deno.test("words of a class may be of any language where its number stands beside them", () => {
  const header = readHeader("00:06.0 Мост PCI [0604]: Intel Corporation Device [8086:9a09]");
  assertEquals([header?.classCode, header?.device], [0x0604, 0x9a09]);
});

Deno.test("(rev ff) is a function that does not answer", () => {
  assertEquals(readHeader("01:00.0 3D controller [0302]: X [10de:1234] (rev ff)")?.gone, true);
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
