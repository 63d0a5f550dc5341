/** The checker must never report anything about the NVMe driver's normal operation. */
import {
  allocateBuffer,
  type BufferRequest,
  type EventFields,
  GIB,
  type IommuConfig,
  type IommuMode,
  KIB,
  MIB,
  swiotlbConfig,
} from "@dmalab/runtime";
import { assert, assertEquals } from "@std/assert";
import type { KernelProfile } from "@dmalab/runtime/kernels";
import { buildLab, type Lab } from "./lab.ts";
import {
  type BlockSettings,
  defaultLabConfig,
  type LabConfig,
  type PciNodeConfig,
} from "./lab_config.ts";
import { DriverRig } from "./nvme/_driver_rig.ts";
import type { Io } from "./nvme/io.ts";

type Report = EventFields<"dma.report">;

interface Variant {
  readonly settings?: BlockSettings<"nvme">;
  readonly machine?: Partial<Omit<LabConfig, "iommu">>;
  readonly iommu?: Partial<IommuConfig>;
}

const nvme = (name: string, settings: BlockSettings<"nvme">): PciNodeConfig => ({
  kind: "nvme",
  name,
  settings,
  children: [],
});

function labOf(kernel: KernelProfile, mode: IommuMode, variant: Variant): Lab {
  const base = defaultLabConfig();
  const settings = { mdtsBytes: 2 * MIB, capacityBytes: 64 * MIB, ...variant.settings };
  return buildLab({
    ...base,
    kernel,
    quirks: new Set(),
    ...variant.machine,
    iommu: { ...base.iommu, mode, ...variant.iommu },
    pci: [{
      kind: "root_port",
      name: "rp0",
      settings: {},
      children: [{
        kind: "switch",
        name: "sw0",
        settings: {},
        children: [
          nvme("ssd", settings),
          nvme("cmb", { capacityBytes: 64 * MIB, p2pmemBytes: 16 * MIB }),
        ],
      }],
    }],
  });
}

const LAYOUTS: readonly BufferRequest[] = [
  { sizeBytes: 512 },
  { sizeBytes: 4 * KIB },
  { sizeBytes: 4 * KIB, offsetBytes: 512, pieces: 2, pieceBytes: 2 * KIB },
  { sizeBytes: 12 * KIB + 512, offsetBytes: 3584, pieces: 4 },
  { sizeBytes: 20 * KIB, pieces: 20, pieceBytes: KIB, strideBytes: 8 * KIB },
  { sizeBytes: 128 * KIB, pieces: 32 },
  { sizeBytes: 132 * KIB - 512, offsetBytes: 512, pieces: 33 },
  { sizeBytes: MIB },
  { sizeBytes: 3 * MIB, pieces: 768 },
];

/**
 * Runs reads, writes and all other operations, alone and many at a time; returns the checker's
 * reports.
 */
function operate(lab: Lab): Report[] {
  const reports: Report[] = [];
  const { machine } = lab;
  machine.events.listen((event) => reports.push(event.fields as unknown as Report), ["dma.report"]);
  const { disk } = lab.device("ssd", "nvme");
  const run = () => {
    while (machine.runNextActivity());
  };
  const finished = (io: Io) => {
    run();
    assert(io.done);
    return io;
  };
  const buffers = LAYOUTS.map((layout) => allocateBuffer(machine, layout));
  for (const buffer of buffers) {
    finished(disk.submit("write", { lba: 64, buffer }));
    finished(disk.submit("read", { lba: 64, buffer }));
  }
  const together = buffers.map((buffer, index) =>
    disk.submit(index % 2 === 0 ? "read" : "write", { lba: 8192 * index, buffer })
  );
  run();
  assert(together.every((io) => io.done));
  finished(disk.submit("flush"));
  finished(disk.submit("discard", { lba: 0, sizeBytes: 4 * KIB }));
  finished(disk.submit("write_zeroes", { lba: 0, sizeBytes: 4 * KIB }));
  const { metadataBytes } = disk.namespace;
  const own = metadataBytes === 0
    ? {}
    : { metadata: allocateBuffer(machine, { sizeBytes: metadataBytes }) };
  finished(disk.passthrough({ opcode: 2, buffer: buffers[0]!, dwords: { 10: 8, 12: 0 }, ...own }));
  machine.advance(20_000_000);
  assertEquals(machine.checker!.leftSince(0).length, 0, "mappings are left");
  return reports;
}

const BIG = { ramSizeBytes: 8 * GIB };
const VARIANTS: Readonly<Record<string, Variant>> = {
  "as it is": {},
  "with SGLs": { settings: { sgl: true } },
  "with a threshold of 0": { settings: { sgl: true, sglThresholdBytes: 0 } },
  "with DMA debugging": { machine: { dmaDebug: true } },
  "that is not coherent": { settings: { coherent: false } },
  "that is not coherent, without a pool": {
    settings: { coherent: false, sgl: true },
    machine: { swiotlb: swiotlbConfig({ sizeBytes: 0 }) },
  },
  "that is not trusted": { settings: { untrusted: true } },
  "that is not trusted, with SGLs": { settings: { untrusted: true, sgl: true } },
  "with a mask of 32 bits": { settings: { dmaMaskBits: 32, sgl: true }, machine: BIG },
  "with bouncing forced": {
    settings: { sgl: true },
    machine: { swiotlb: swiotlbConfig({ force: true }) },
  },
  "with metadata": { settings: { sgl: true, metadataBytes: 8 } },
  "with metadata SGLs": { settings: { sgl: true, metadataBytes: 8, metadataSgl: true } },
  "behind an Arm IOMMU": {
    settings: { sgl: true },
    iommu: { model: "smmu" },
    machine: { swiotlb: swiotlbConfig({ sizeBytes: 0 }) },
  },
  "behind an AMD IOMMU": { iommu: { model: "amd" } },
  "behind an IOMMU in caching mode": { iommu: { cachingMode: true } },
};

function testNoMistakes(name: string, kernel: KernelProfile, mode: IommuMode): void {
  Deno.test(name, async (t) => {
    for (const [disk, variant] of Object.entries(VARIANTS)) {
      await t.step(`a disk ${disk}`, () => {
        assertEquals(operate(labOf(kernel, mode, variant)).map((report) => report.text), []);
      });
    }
  });
}

for (const mode of ["off", "passthrough", "strict", "lazy"] as const) {
  for (const kernel of ["7.2.12", "6.12.117", "7.2.6"] as const) {
    // 6.12.117 maps scatterlists in each mode, 7.2.6 by the calls of 7.2.12, and without an IOMMU and in
    // passthrough the same code runs.
    const isLong = kernel === "7.2.6" || mode === "passthrough" ||
      kernel === "6.12.117" && mode !== "strict";
    const name = `the driver of ${kernel} makes no mistakes: iommu ${mode}`;
    testNoMistakes(isLong ? `${name} (long)` : name, kernel, mode);
  }
}

Deno.test("bringing a disk up draws no report", () => {
  for (const kernel of ["7.2.12", "6.12.117"] as const) {
    for (const mode of ["off", "strict", "lazy"] as const) {
      for (const untrusted of [false, true]) {
        let texts: readonly string[] = ["nothing was looked at"];
        const options = { machine: { kernel }, iommu: { mode }, device: { untrusted } };
        new DriverRig(options, (events) => {
          assert(events.length > 20);
          texts = events.filter(({ name }) => name === "dma.report")
            .map(({ fields }) => (fields as unknown as Report).text);
        });
        assertEquals(texts, []);
      }
    }
  }
});
