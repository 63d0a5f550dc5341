/**
 * Disks that do not see the CPU's caches or the guest's memory, or that see memory at other
 * addresses.
 */
import {
  allocateBuffer,
  type BufferRequest,
  dmaAddr,
  GIB,
  type IommuMode,
  KIB,
  type PhysAddr,
  physAddr,
  swiotlbConfig,
} from "@dmalab/runtime";
import { assertEquals } from "@std/assert";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { buildLab, type Lab } from "./lab.ts";
import { type BlockSettings, defaultLabConfig, type LabConfig } from "./lab_config.ts";

function labOf(
  mode: IommuMode,
  settings: BlockSettings<"nvme">,
  more: Partial<LabConfig> = {},
): Lab {
  const base = defaultLabConfig();
  const ssd = { kind: "nvme", name: "ssd", settings, children: [] } as const;
  return buildLab({
    ...base,
    quirks: new Set(),
    ...more,
    iommu: { ...base.iommu, mode },
    pci: [{ kind: "root_port", name: "rp0", settings: {}, children: [ssd] }],
  });
}

const LAYOUTS: readonly BufferRequest[] = [
  { sizeBytes: 512 },
  { sizeBytes: 4 * KIB },
  { sizeBytes: 4 * KIB, offsetBytes: 512, pieces: 2, pieceBytes: 2 * KIB },
  { sizeBytes: 128 * KIB, pieces: 32 },
  { sizeBytes: 1536, offsetBytes: 256 },
];

/** Writes and reads back with each layout. @returns The reports, and how much stays mapped. */
function roundTrips(lab: Lab): { reports: string[]; left: number } {
  const { machine } = lab;
  const { disk, dma } = lab.device("ssd", "nvme");
  const reports: string[] = [];
  machine.events.listen(
    ({ fields }) => reports.push(fields.class),
    ["dma.report"],
  );
  for (const layout of LAYOUTS) {
    const source = allocateBuffer(machine, { ...layout, fill: "random" });
    const target = allocateBuffer(machine, { ...layout, fill: 0xaa });
    disk.submit("write", { lba: 64, buffer: source });
    while (machine.runNextActivity());
    disk.submit("read", { lba: 64, buffer: target });
    while (machine.runNextActivity());
    assertEquals(target.differences(source), [], `${layout.sizeBytes} bytes`);
  }
  machine.advance(20_000_000);
  // Without an IOMMU, mappings that need no unmap are never unmapped.
  const mappings = machine.dma.dmaNeedUnmap(dma) ? dma.mappings : 0;
  return { reports, left: mappings + machine.swiotlb.usedSlots };
}

const MODES: readonly IommuMode[] = ["off", "passthrough", "strict", "lazy"];
const KERNELS: readonly KernelProfile[] = ["6.12.117", "7.2.12"];

for (const kernel of KERNELS) {
  for (const mode of MODES) {
    for (const sgl of [false, true]) {
      Deno.test(`a disk that sees no caches reads and writes what it should: ${kernel}, ${mode}, SGLs ${sgl}`, () => {
        const lab = labOf(mode, { sgl, coherent: false }, { kernel });
        assertEquals(roundTrips(lab), { reports: [], left: 0 });
      });
    }
  }
}

Deno.test("an untrusted disk that sees no caches, and one out of reach of memory, bounce what they should", () => {
  const untrusted = labOf("strict", { coherent: false, untrusted: true, sgl: true });
  assertEquals(roundTrips(untrusted), { reports: [], left: 0 });
  const narrow = labOf("off", { coherent: false, dmaMaskBits: 30 }, {
    swiotlb: swiotlbConfig({ sizeBytes: 4 * 2 ** 20, basePhys: 0x1000_0000 as PhysAddr }),
  });
  assertEquals(roundTrips(narrow), { reports: [], left: 0 });
});

for (const coherent of [true, false]) {
  Deno.test(`a disk of a confidential guest reads and writes what it should: coherent ${coherent}`, () => {
    const lab = labOf("off", { coherent }, { memoryEncryption: true });
    assertEquals(roundTrips(lab), { reports: [], left: 0 });
    assertEquals(lab.machine.swiotlb.highWaterSlots > 0, true);
  });
}

Deno.test("a disk whose bus has memory elsewhere reads and writes what it should (dma.md 1.1)", () => {
  const ranges = [{ cpuPhys: physAddr(0), dma: dmaAddr(0x20_0000_0000), sizeBytes: 2 * GIB }];
  for (const mode of MODES) {
    const lab = labOf(mode, { ranges }, { ramSizeBytes: 2 * GIB });
    assertEquals(roundTrips(lab), { reports: [], left: 0 }, mode);
  }
});

Deno.test("discards and writes of metadata reach a disk that sees no caches", () => {
  const lab = labOf("off", { coherent: false, metadataBytes: 8 });
  const { machine } = lab;
  const disk = lab.device("ssd", "nvme").disk;
  const page = allocateBuffer(machine, { sizeBytes: 4 * KIB, fill: "counting" });
  const write = disk.submit("write", { lba: 0, buffer: page });
  while (machine.runNextActivity());
  const discard = disk.submit("discard", { lba: 0, sizeBytes: 4 * KIB });
  while (machine.runNextActivity());
  const back = allocateBuffer(machine, { sizeBytes: 4 * KIB, fill: 0xaa });
  const read = disk.submit("read", { lba: 0, buffer: back });
  while (machine.runNextActivity());
  assertEquals([write.status, discard.status, read.status], ["OK", "OK", "OK"]);
  assertEquals(back.readAll().every((byte) => byte === 0), true);
});
