/**
 * The tables of gaps in docs/rules/block.md, tested on whole machines: the gap bit of each layout
 * in each release (1.6), and whether each layout is mapped as one range in each environment (1.7).
 */
import { assertEquals } from "@std/assert";
import { buildLab, defaultLabConfig, type NvmeRequest } from "@dmalab/devices";
import {
  type EventName,
  HostBuffer,
  KIB,
  type MachineConfig,
  type PhysAddr,
  Plug,
} from "@dmalab/runtime";
import {
  type KernelProfile,
  KERNELS,
  type QuirkName,
  type QuirkSet,
} from "@dmalab/runtime/kernels";

/** `[physical address, bytes]` */
type Piece = readonly [number, number];

const DEFAULTS = defaultLabConfig();
type IommuSettings = Partial<MachineConfig["iommu"]>;

interface Release {
  readonly kernel: KernelProfile;
  readonly quirks: QuirkSet;
}

const INTENDED: Release = { kernel: "7.2.12", quirks: new Set() };

/** The result of reading some bios with a controller that supports SGLs. */
function read(bios: readonly (readonly Piece[])[], release: Release, iommu: IommuSettings = {}) {
  const lab = buildLab({
    ...DEFAULTS,
    ...release,
    iommu: { ...DEFAULTS.iommu, ...iommu },
    pci: [{
      kind: "root_port",
      name: "rp0",
      settings: {},
      children: [{
        kind: "nvme",
        name: "ssd",
        settings: { sgl: true, mdtsBytes: 128 * KIB },
        children: [],
      }],
    }],
  });
  const { machine } = lab;
  const { disk } = lab.device("ssd", "nvme");
  const counts = new Map<EventName, number>();
  machine.events.listen(
    ({ name }) => counts.set(name, (counts.get(name) ?? 0) + 1),
    ["call.dma_iova_link", "call.dma_map_phys"],
  );
  const plug = bios.length === 1 ? null : new Plug<NvmeRequest>();
  let lba = 0;
  const ios = bios.map((pieces) => {
    const segments = pieces.map(([phys, sizeBytes]) => ({ phys: phys as PhysAddr, sizeBytes }));
    const buffer = new HostBuffer(machine, segments);
    const io = disk.submit("read", { lba, buffer, ...plug === null ? {} : { plug } });
    lba += buffer.sizeBytes / 512;
    return io;
  });
  plug?.flush();
  while (machine.runNextActivity());
  const requests = [...new Set(ios.flatMap((io) => io.requests))];
  return {
    statuses: ios.map(({ status }) => status),
    gapBits: requests.map(({ gapBit }) => gapBit),
    links: counts.get("call.dma_iova_link") ?? 0,
    maps: counts.get("call.dma_map_phys") ?? 0,
  };
}

function pieces(count: number, sizeBytes: number, strideBytes: number): Piece[] {
  return Array.from(
    { length: count },
    (_, index) => [0x4000_0000 + index * strideBytes, sizeBytes],
  );
}

const LAYOUTS: readonly (readonly [about: string, gapBit: number, pieces: readonly Piece[]])[] = [
  ["one vector", 0, [[0x4000_0200, 8192]]],
  ["two scattered pages", 13, pieces(2, 4096, 8192)],
  ["512-byte pieces", 10, pieces(3, 512, 8192)],
  ["1 KiB pieces", 11, pieces(3, 1024, 8192)],
  // block.md, chapter 2, assertions 1 and 2.
  ["a first that ends on a page, a last that begins on one", 13, [
    [0x4001_0200, 0xe00],
    [0x4004_0000, 0x1000],
    [0x4007_7000, 0x400],
  ]],
  ["a middle that ends inside its page", 9, [
    [0x4001_0200, 0xe00],
    [0x4004_0000, 0xf00],
    [0x4007_7000, 0x500],
  ]],
  // block.md, chapter 1, assertion 3.
  ["an offset of 0x200 in the middle", 10, [
    [0x4000_0000, 0x1000],
    [0x4000_2000, 0x1000],
    [0x4000_4200, 0xe00],
    [0x4000_6000, 0x1000],
  ]],
  ["vectors of one bio that touch are not exempt", 10, [
    [0x4000_0000, 0x200],
    [0x4000_0200, 0xe00],
  ]],
  ["a vector of many pages ends at its own length", 17, [
    [0x4000_0000, 0x1_0000],
    [0x4002_0000, 0x1000],
  ]],
];

for (const [about, gapBit, layout] of LAYOUTS) {
  Deno.test(`${about}: gap bit ${gapBit}, none in 6.12 (block.md 1.6)`, () => {
    assertEquals(read([layout], INTENDED).gapBits, [gapBit]);
    const whole = { kernel: "6.12.117", quirks: new Set<QuirkName>() } as const;
    const gapBits = new Set(read([layout], whole).gapBits);
    assertEquals([...gapBits], [0]);
  });
}

Deno.test("a cut: the front has the gap, or the rest, or the next piece's, by release (block.md 1.6)", () => {
  const cut = pieces(40, 512, 8192);
  const touching: Piece[] = [...pieces(32, 4096, 8192), [0x4010_0200, 512]];
  const bits = (kernel: KernelProfile, layout: readonly Piece[]) =>
    read([layout], { kernel, quirks: KERNELS[kernel].quirks }).gapBits;
  assertEquals(bits("7.2.6", cut), [0, 10]);
  assertEquals(bits("7.2.12", cut), [10, 10]);
  // The first 32 pieces are whole pages. The last piece, which no longer fits, begins inside a
  // page.
  assertEquals(bits("7.2.6", touching), [0, 10]);
  assertEquals(bits("7.2.12", touching), [10, 0]);
  assertEquals(read([touching], INTENDED).gapBits, [13, 0]);
});

Deno.test("bios that are joined: the lowest of both and of their join, which counts unless they touch (block.md 1.6)", () => {
  const join = (...bios: Piece[][]) => read(bios, INTENDED).gapBits;
  assertEquals(join([[0x4000_0000, 4096]], [[0x4000_1000, 4096]]), [0]);
  assertEquals(join([[0x4000_0000, 4096]], [[0x4000_4000, 4096]]), [13]);
  assertEquals(join([[0x4000_0000, 512]], [[0x4000_4000, 512]]), [10]);
  assertEquals(join(pieces(2, 1024, 8192), [[0x4001_0000, 4096]]), [11]);
  assertEquals(
    join([[0x4000_0000, 4096]], pieces(2, 512, 8192).map(([at, n]) => [at + 0x1_0000, n])),
    [
      10,
    ],
  );
});

type Way = "direct" | "one range" | "each by itself";

const GRANULE_64K = { model: "smmu", granuleBytes: 64 * KIB, pageSizesBytes: [64 * KIB] } as const;

/** The rows and columns of the table in 1.7. */
const ENVIRONMENTS: readonly (readonly [string, IommuSettings, readonly [Way, Way, Way, Way]])[] = [
  ["direct", { mode: "off" }, ["direct", "direct", "direct", "direct"]],
  ["identity", { mode: "passthrough" }, ["direct", "direct", "direct", "direct"]],
  ["IOMMU, granule 4096", { mode: "strict" }, [
    "one range",
    "one range",
    "one range",
    "each by itself",
  ]],
  ["IOMMU, granule 4096, lazy", { mode: "lazy" }, [
    "one range",
    "one range",
    "one range",
    "each by itself",
  ]],
  ["IOMMU, granule 65536", { mode: "strict", ...GRANULE_64K }, [
    "one range",
    "one range",
    "each by itself",
    "each by itself",
  ]],
];

/**
 * Layouts without a gap, and with gaps at 64 KiB, at pages, and inside pages. Each layout has several
 * pieces, so that more than one piece is mapped.
 */
const GAPS: readonly (readonly [string, number, readonly (readonly Piece[])[]])[] = [
  ["no gap", 0, [[[0x4000_0000, 4096]], [[0x4000_1000, 4096]]]],
  ["gap bit 17", 17, [pieces(2, 0x1_0000, 0x2_0000)]],
  ["gap bit 13", 13, [pieces(3, 4096, 8192)]],
  ["gap bit 10", 10, [pieces(3, 512, 8192)]],
];

for (const [environment, iommu, ways] of ENVIRONMENTS) {
  Deno.test(`${environment}: ${ways.join(", ")} for no gap, bits 17, 13 and 10 (block.md 1.7)`, () => {
    for (const [index, [about, gapBit, bios]] of GAPS.entries()) {
      const { gapBits, links, maps, statuses } = read(bios, INTENDED, iommu);
      assertEquals(gapBits, [gapBit], about);
      assertEquals(new Set<string | null>(statuses), new Set(["OK"]), about);
      const translated = iommu.mode === "strict" || iommu.mode === "lazy";
      const way: Way = !translated ? "direct" : links > 0 ? "one range" : "each by itself";
      assertEquals(way, ways[index], about);
      assertEquals(links === 0, maps > 0, about);
    }
  });
}
