import { assertEquals } from "@std/assert";
import { DetailReader } from "./detail_lines.ts";
import { GrowingFunction } from "./growing_function.ts";
import type { ListedFunction } from "./listed_function.ts";

function read(...lines: readonly string[]): ListedFunction {
  const growing = new GrowingFunction({ domain: 0, bus: 0, device: 0, func: 0 }, 1);
  const reader = new DetailReader();
  for (const line of lines) reader.read(growing, line);
  growing.sight.closed = true;
  return growing.finish();
}

const CONTROL =
  "\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir- UpstreamFwd+ EgressCtrl- DirectTrans-";

Deno.test("a capability whose register is cut off is there, and what it does is unknown", () => {
  const cut = read("\tCapabilities: [110 v1] Access Control Services", "\tACSCtl:\tSrcValid+ Tr");
  assertEquals(cut.acs, { state: "present", capable: null, enabled: null });
});

Deno.test("BARs by -vvv have their numbers, and those by -v follow each other", () => {
  const bars = (listed: ListedFunction) =>
    listed.bars.map(({ index, space, bits, prefetchable, base, sizeBytes }) =>
      [index, space, bits, prefetchable, base, sizeBytes] as const
    );
  assertEquals(
    bars(read(
      "\tRegion 0: Memory at 383ffff00000 (64-bit, prefetchable) [size=64K]",
      "\tRegion 2: Memory at <unassigned> (64-bit, non-prefetchable) [disabled] [size=16G]",
      "\tRegion 4: I/O ports at e000 [disabled] [size=128]",
      "\tExpansion ROM at 92000000 [disabled] [size=512K]",
    )),
    [
      [0, "memory", 64, true, 0x383f_fff0_0000, 65536],
      [2, "memory", 64, false, null, 16 * 2 ** 30],
      [4, "io", 32, false, 0xe000, 128],
    ],
  );
  assertEquals(
    bars(read(
      "\tFlags: bus master, fast devsel, latency 0, IRQ 16, NUMA node 1, IOMMU group 7",
      "\tMemory at b8000000 (32-bit, non-prefetchable) [size=16M]",
      "\tMemory at 28000000000 (64-bit, prefetchable) [size=64G]",
      "\tI/O ports at 3000 [size=64]",
    )),
    [
      [0, "memory", 32, false, 0xb800_0000, 16 * 2 ** 20],
      [1, "memory", 64, true, 0x280_0000_0000, 64 * 2 ** 30],
      [3, "io", 32, false, 0x3000, 64],
    ],
  );
});

Deno.test("regions of virtual functions are no BARs of the function", () => {
  const listed = read(
    "\tRegion 0: Memory at 1000000 (64-bit, prefetchable) [size=32M]",
    "\tCapabilities: [180 v1] Single Root I/O Virtualization (SR-IOV)",
    "\t\tRegion 0: Memory at 0000000003000000 (64-bit, prefetchable)",
  );
  assertEquals(listed.bars.length, 1);
});

Deno.test("group and node are read from -vvv, from -v, and in other languages", () => {
  for (
    const lines of [
      ["\tNUMA node: 1", "\tIOMMU group: 12"],
      ["\tFlags: bus master, fast devsel, latency 0, NUMA node 1, IOMMU group 12"],
      ["\tNUMA-Knoten: 1", "\tIOMMU-Gruppe: 12"],
      ["Nœud NUMA : 1", "Groupe IOMMU : 12"],
    ]
  ) {
    const { iommuGroup, numaNode } = read(...lines);
    assertEquals([iommuGroup, numaNode], [12, 1]);
  }
});

Deno.test("each kind of port is recognised", () => {
  for (
    const [text, type] of [
      ["Express (v2) Root Port (Slot+), IntMsgNum 0", "root_port"],
      ["Express (v1) Root Port (Slot-), MSI 00", "root_port"],
      ["Express (v2) Upstream Port, MSI 00", "upstream_port"],
      ["Express (v2) Downstream Port (Slot+), MSI 00", "downstream_port"],
      ["Express (v2) Root Complex Integrated Endpoint, MSI 00", "integrated_endpoint"],
      ["Express (v2) Legacy Endpoint, MSI 00", "legacy_endpoint"],
      ["Express (v2) Endpoint, MSI 00", "endpoint"],
      ["Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00", "pcie_to_pci"],
    ] as const
  ) assertEquals(read(`\tCapabilities: [40] ${text}`).portType, type);
});

Deno.test("windows of bridges are read, those that are switched off are not", () => {
  const { windows, buses } = read(
    "\tBus: primary=3a, secondary=3b, subordinate=41, sec-latency=0",
    "\tI/O behind bridge: [disabled] [16-bit]",
    "\tMemory behind bridge: b8000000-b9ffffff [size=32M] [32-bit]",
    "\tPrefetchable memory behind bridge: 0000380000000000-0000380fffffffff [size=64G] [64-bit]",
  );
  assertEquals(buses, { primary: 0x3a, secondary: 0x3b, subordinate: 0x41 });
  assertEquals(windows, [
    { space: "memory", base: 0xb800_0000, limit: 0xb9ff_ffff },
    { space: "prefetchable", base: 0x3800_0000_0000, limit: 0x380f_ffff_ffff },
  ]);
});

/** Whether a line alone gives a known fact. */
function says(line: string): boolean {
  return new DetailReader().read(
    new GrowingFunction({ domain: 0, bus: 0, device: 0, func: 0 }, 1),
    line,
  );
}

Deno.test("a line with known content is recognised, any other is not", () => {
  for (
    const line of [
      "\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl+ DirectTrans+",
      CONTROL,
      "\tACSCtl:\tSrcValid+ Tr",
      "\tCapabilities: [40] Express (v2) Root Port",
      "\tCapabilities: [110 v1] Access Control Services",
      "\tCapabilities: <access denied>",
      "\tCapabilities:",
      "\tBus: primary=3a, secondary=3b, subordinate=41, sec-latency=0",
      "\t!!! Unknown header type 7f",
      "\tControl: I/O- Mem+ BusMaster+",
      "\tFlags: bus master, fast devsel, latency 0",
      "\tKernel driver in use: nvme",
      "\tKernel modules: nvme",
      "\tIOMMU group: 12",
      "\tNUMA node: 1",
      "\tMemory behind bridge: b8000000-b9ffffff [size=32M] [32-bit]",
      "\tMemory behind bridge: fff00000-000fffff [disabled]",
      "\tRegion 0: Memory at b8000000 (32-bit, non-prefetchable) [size=16M]",
      "\tMemory at b8000000 (32-bit, non-prefetchable) [size=16M]",
    ]
  ) assertEquals(says(line), true, line);
  for (
    const line of [
      "",
      "Model [8086:1533]",
      "\tLatency: 0, Cache Line Size: 64 bytes",
      "\tInterrupt: pin A routed to IRQ 16",
      "\tExpansion ROM at 92000000 [disabled] [size=512K]",
      // Without a number, only English words mark a region.
      "\tSpeicher at b8000000 (32-bit, non-prefetchable) [size=16M]",
      "UpstreamFwd+ EgressCtrl- DirectTrans-",
    ]
  ) assertEquals(says(line), false, line);
});

Deno.test("a register that goes on does so in the next line, and in no line of the next function", () => {
  const cut = "ACSCtl: SrcValid+ ReqRedir+";
  const rest = "CmpltRedir- EgressCtrl+";
  const wrapped = read(cut, rest).acs.enabled!;
  assertEquals([...wrapped], ["source_validation", "request_redirect", "egress_control"]);
  assertEquals(read(cut, "Kernel modules: igb", rest).acs.enabled, null);
  const reader = new DetailReader();
  const functions = [1, 2].map((line) =>
    new GrowingFunction({ domain: 0, bus: line, device: 0, func: 0 }, line)
  );
  reader.read(functions[0]!, cut);
  reader.reset();
  assertEquals(reader.read(functions[1]!, rest), false);
  assertEquals(functions[1]!.acsEnabled, null);
});

Deno.test("either register shows that there is access control, and so does the capability's name", () => {
  const capable = "ACSCap: SrcValid+ TransBlk- ReqRedir+ CmpltRedir+ EgressCtrl- DirectTrans-";
  assertEquals(read(CONTROL).acs.state, "present");
  const { acs } = read(capable);
  assertEquals([acs.state, [...acs.capable!], acs.enabled], [
    "present",
    ["source_validation", "request_redirect", "completion_redirect"],
    null,
  ]);
  assertEquals(read("Capabilities: [110 v1] Access Control Services").acs, {
    state: "present",
    capable: null,
    enabled: null,
  });
});

Deno.test("a function that does not answer and the driver in use are read", () => {
  assertEquals(read("\t!!! Unknown header type 7f").gone, true);
  assertEquals(read("\t!!! Unknown header type 7e").gone, false);
  assertEquals(read("\tKernel driver in use: vfio-pci").driver, "vfio-pci");
  assertEquals(read("\tKernel modules: nvme").driver, null);
});

Deno.test("a bridge has three windows, each with a last byte behind its first and below 2^53", () => {
  const windows = (...lines: readonly string[]) =>
    read(...lines).windows.map(({ space, base, limit }) => [space, base, limit]);
  const memory = (span: string) => `\tMemory behind bridge: ${span}`;
  assertEquals(windows("\tI/O behind bridge: 2000-3fff [size=8K]"), [["io", 0x2000, 0x3fff]]);
  // Disabled windows, as `lspci` printed them before it had a word for them.
  assertEquals(windows(memory("fff00000-000fffff")), []);
  assertEquals(windows(memory("00100000-00100000")), []);
  assertEquals(windows(memory("00100000-00100001")), [["memory", 0x10_0000, 0x10_0001]]);
  assertEquals(windows(memory("0000000000000000-001fffffffffffff")), [["memory", 0, 2 ** 53 - 1]]);
  assertEquals(windows(memory("0000000000000000-0020000000000000")), []);
  const four = [1, 2, 3, 4].map((megabyte) => memory(`00${megabyte}00000-00${megabyte}fffff`));
  assertEquals(windows(...four).map(([, base]) => base), [0x10_0000, 0x20_0000, 0x30_0000]);
  const growing = new GrowingFunction({ domain: 0, bus: 0, device: 0, func: 0 }, 1);
  const reader = new DetailReader();
  assertEquals(four.map((line) => reader.read(growing, line)), [true, true, true, true]);
});

Deno.test("a region's size has its unit behind it, and an address of 2^53 or more is none", () => {
  const bar = (address: string, size: string) =>
    read(`\tRegion 0: Memory at ${address} (64-bit, prefetchable) [size=${size}]`).bars[0]!;
  const sizes = ["16", "4K", "32M", "2G", "1T"].map((size) => bar("1000", size).sizeBytes);
  assertEquals(sizes, [16, 4 * 2 ** 10, 32 * 2 ** 20, 2 * 2 ** 30, 2 ** 40]);
  const bases = ["001ffffffffff000", "0020000000000000", "<unassigned>"]
    .map((address) => bar(address, "4K").base);
  assertEquals(bases, [2 ** 53 - 4096, null, null]);
});
