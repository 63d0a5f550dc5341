/**
 * What two releases differ in, one thing at a time: defects that one has and the other has not, and
 * things that they do in other ways. Each can be given to the other release alone.
 */
import type { Kernel, KernelStrategies } from "./kernels.ts";
import { type QuirkName, QUIRKS } from "./quirks.ts";

/** `dma.destroysAtOnce`. */
type StrategyName = {
  [G in keyof KernelStrategies]: `${G}.${Extract<keyof KernelStrategies[G], string>}`;
}[keyof KernelStrategies];

/** What each strategy decides, and the rule that says so. */
const STRATEGIES: Readonly<Record<StrategyName, { readonly rule: string; readonly doc: string }>> =
  {
    "block.softCapSectors": {
      rule: "block.1.1",
      doc: "The default soft limit of a request: 1280 KiB, or 4 MiB in newer releases.",
    },
    "block.takesFixedVectors": {
      rule: "block.1.8",
      doc: "A passthrough command may use a fixed buffer by several vectors.",
    },
    "block.joinsInsideBio": {
      rule: "block.2.1",
      doc: "Vectors of one bio that touch become one segment.",
    },
    "block.keepsGapBit": {
      rule: "block.1.6",
      doc: "Bios and requests record the gap bit of their segments.",
    },
    "dma.bouncesPeerMemory": {
      rule: "p2p.9.6",
      doc: "A peer's memory that cannot be reached is copied through a bounce buffer.",
    },
    "dma.debug": { rule: "dma.8.2", doc: "Which mistakes DMA API debugging reports." },
    "dma.hasTwoStep": {
      rule: "hmm-rdma-vfio.6.9",
      doc: "The two-step API exists: IOVA ranges are allocated first and linked later.",
    },
    "dma.destroysAtOnce": {
      rule: "v7.3.1.1",
      doc: "dma_iova_destroy flushes and frees synchronously, in lazy mode too.",
    },
    "dma.destroyFrees": {
      rule: "v7.3.1.4",
      doc: "dma_iova_destroy frees the whole reservation, whatever length is passed.",
    },
    "dma.translatesMmio": {
      rule: "v7.3.3.1",
      doc: "MMIO on a directly mapped device goes through the device's range map, as memory does.",
    },
    "dma.refusesUnalignedMmio": {
      rule: "dma.1.6",
      doc: "Unaligned MMIO cannot be mapped for a device that is not trusted.",
    },
    "dma.refusesSharedCoherent": {
      rule: "v7.3.3.9",
      doc: "Coherent memory of an encrypted guest cannot be allocated behind an IOMMU.",
    },
    "dma.mapsSharedAsAny": {
      rule: "v7.3.3.3",
      doc: "The attribute for shared memory means nothing where no memory is encrypted.",
    },
    "dma.warnsOverflowPerCall": {
      rule: "dma.2.1",
      doc: "Single buffers and lists that are out of reach warn once each, not once in all.",
    },
    "dma.logsPciSegment": {
      rule: "dma.1.6",
      doc: "A fault line of VT-d names the PCI segment of the device.",
    },
    "dma.countsMappedPages": {
      rule: "dma.8.4",
      doc: "Freeing a page that an IOMMU maps warns, with `iommu.debug_pagealloc`.",
    },
    "nvme.mapsDataWith": {
      rule: "nvme.2.1",
      doc:
        "A request is mapped segment by segment as an iterator walks it, not as one scatterlist.",
    },
    "nvme.keepsVirtBoundaryWithSgl": {
      rule: "nvme.1.1",
      doc: "The virtual boundary of a page applies although the controller supports SGLs.",
    },
    "nvme.allocatesHostMemoryWhole": {
      rule: "nvme.6",
      doc: "A host memory buffer behind an IOMMU is one allocation, not pieces of 4 MiB.",
    },
    "nvme.warnsOfUncheckedBuffer": {
      rule: "block.1.8",
      doc: "The first passthrough command with data for a controller without SGLs warns.",
    },
    "vfio.keepsScatterlist": {
      rule: "hmm-rdma-vfio.3.2",
      doc: "A migration buffer's pages are one scatterlist, mapped as a whole.",
    },
    "rdma.mapsPagesBy": {
      rule: "hmm-rdma-vfio.6",
      doc: "Pages on demand share one IOVA range, instead of a mapping for each.",
    },
    "rdma.timesEachTry": {
      rule: "v7.3.5.6",
      doc: "Each retry of a page fault has the full timeout.",
    },
    "mm.tellsFaultError": {
      rule: "v7.3.5.4",
      doc: "A failed page fault returns its own errno, not EFAULT.",
    },
    "peers.listsNvidiaBridges": {
      rule: "v7.3.5.3",
      doc: "Four host bridges of NVIDIA may carry traffic between peers.",
    },
    "peers.lendsWithoutPages": {
      rule: "p2p.9.9",
      doc: "A BAR can be peer memory without struct pages.",
    },
  };

/** One thing that two releases differ in. */
export interface ReleaseDifference {
  /** The switch of a defect, or the field of the release's record. */
  readonly name: QuirkName | StrategyName;
  /** What `dmalab explain` tells more about. */
  readonly rule: string;
  /** A sentence. */
  readonly doc: string;
  /** What the newer release changed: it has a defect, has fixed one, or behaves differently. */
  readonly change: "defect" | "mended" | "other way";
  /** One release, with this thing as the other has it. */
  readonly give: (kernel: Kernel, from: Kernel) => Kernel;
}

/** All that a newer release does unlike an older one. */
export function differencesOf(older: Kernel, newer: Kernel): readonly ReleaseDifference[] {
  return [...quirkDifferences(older, newer), ...strategyDifferences(older, newer)];
}

function quirkDifferences(older: Kernel, newer: Kernel): ReleaseDifference[] {
  return [...older.quirks.symmetricDifference(newer.quirks)].map((name) => ({
    name,
    rule: name,
    doc: QUIRKS[name],
    change: newer.quirks.has(name) ? "defect" : "mended",
    give(kernel, from) {
      const quirks = new Set(kernel.quirks);
      if (from.quirks.has(name)) quirks.add(name);
      else quirks.delete(name);
      return { ...kernel, quirks };
    },
  }));
}

function strategyDifferences(older: Kernel, newer: Kernel): ReleaseDifference[] {
  const names = Object.keys(STRATEGIES) as StrategyName[];
  return names.filter((name) => valueOf(older, name) !== valueOf(newer, name)).map((name) => ({
    name,
    ...STRATEGIES[name],
    change: "other way",
    give(kernel, from) {
      const [group, field] = partsOf(name);
      const changed = { ...kernel.strategies[group], [field]: valueOf(from, name) };
      return { ...kernel, strategies: { ...kernel.strategies, [group]: changed } };
    },
  }));
}

function partsOf(name: StrategyName): readonly [group: keyof KernelStrategies, field: string] {
  const [group, field] = name.split(".") as [keyof KernelStrategies, string];
  return [group, field];
}

function valueOf({ strategies }: Kernel, name: StrategyName): unknown {
  const [group, field] = partsOf(name);
  return Reflect.get(strategies[group], field);
}
