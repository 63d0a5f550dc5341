/** Streaming mappings, and what a driver asks about them. @see rules/c-api.md 3, 6 */
import type { DmaAddr, PhysAddr } from "@dmalab/runtime";
import { DMA_ATTR, type DmaDevice, type DmaDirection } from "@dmalab/runtime/dma";
import type { Kernel } from "@dmalab/runtime/kernels";
import type { CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { kernelEntry } from "../kernel_entry.ts";

/** Calls that came with the two-step API. */
export const since72 = (kernel: Kernel): boolean => !kernel.no_two_step;

/** What C has for "could not be mapped": all ones. */
const ERROR = -1;

/** How C says 64 bits where there is no limit. */
const ALL_BITS = 64;

/** What a call that maps is given. */
type Mapping = readonly [DmaDevice, PhysAddr, sizeBytes: number, DmaDirection, attrs: number];

/** Notes a mapping that was made, and gives its address to C. */
function mapped(kernel: CKernel, dma: DmaAddr, mapping: Mapping): number {
  const [device, phys, sizeBytes, dir, attrs] = mapping;
  kernel.usesMask(device);
  if (dma < 0) return ERROR;
  kernel.lent.add(device, dma, phys, sizeBytes, dir, attrs);
  return dma;
}

/** The calls that map memory by its address differ in which way of the runtime's they go. */
const mapWith = (map: "dmaMapSingle" | "dmaMapPhys") =>
(
  kernel: CKernel,
  mapping: Mapping,
): number => {
  const [device, phys, sizeBytes, dir, attrs] = mapping;
  kernel.exact(phys + sizeBytes, "address");
  const dma = kernel.machine.dma[map](device, phys, sizeBytes, dir, attrs);
  return mapped(kernel, dma, mapping);
};

/** The calls that unmap take the same. */
const unmapWith =
  (unmap: "dmaUnmapSingle" | "dmaUnmapPage" | "dmaUnmapPhys" | "dmaUnmapResource") =>
  (
    kernel: CKernel,
    [device, dma, sizeBytes, dir, attrs]: readonly [
      DmaDevice,
      DmaAddr,
      number,
      DmaDirection,
      number,
    ],
  ): void => {
    kernel.lent.end(device, dma);
    kernel.machine.dma[unmap](device, dma, sizeBytes, dir, attrs);
  };

/** How many bits a mask has; it must be ones from the lowest up. */
function maskBits(kernel: CKernel, mask: number): number {
  if (mask >= 2 ** 63) return ALL_BITS;
  const bits = Math.round(Math.log2(mask + 1));
  if (mask > 0 && 2 ** bits - 1 === mask || bits >= 53) return bits;
  throw kernel.crash(`${hex(mask)} is no mask`);
}

type Mask = "streaming" | "coherent";
const BOTH_MASKS: readonly Mask[] = ["streaming", "coherent"];

/** Devices whose two masks are one. */
class SharedMasks {
  readonly of = new Set<DmaDevice>();
}

function setMasks(
  kernel: CKernel,
  device: DmaDevice,
  mask: number,
  which: readonly Mask[],
): number {
  const bits = maskBits(kernel, mask);
  const { dma } = kernel.machine;
  for (const each of kernel.part(SharedMasks).of.has(device) ? BOTH_MASKS : which) {
    const error = each === "streaming"
      ? dma.dmaSetMask(device, bits)
      : dma.dmaSetCoherentMask(device, bits);
    kernel.maskSet(device, error !== 0);
    if (error !== 0) return error;
  }
  return 0;
}

/** What drivers ask of a device alone, by what answers. */
const QUESTIONS = {
  dma_need_unmap: "dmaNeedUnmap",
  dma_get_required_mask: "dmaGetRequiredMask",
  dma_addressing_limited: "dmaAddressingLimited",
  dma_max_mapping_size: "dmaMaxMappingSize",
  dma_opt_mapping_size: "dmaOptMappingSize",
  dma_get_merge_boundary: "dmaGetMergeBoundary",
} as const;

export const MAPPING_CALLS: readonly CCallEntry[] = [
  ...(Object.keys(QUESTIONS) as (keyof typeof QUESTIONS)[]).map((name) =>
    kernelEntry(name, ({ machine }, [device]) => {
      const answer = Number(machine.dma[QUESTIONS[name]](device));
      // C has all ones where there is no limit.
      return answer === Number.MAX_SAFE_INTEGER ? ERROR : answer;
    })
  ),
  kernelEntry("dma_mapping_error", ({ machine }, args) => machine.dma.dmaMappingError(...args)),
  kernelEntry("dma_map_single", mapWith("dmaMapSingle")),
  kernelEntry("dma_unmap_single", unmapWith("dmaUnmapSingle")),
  kernelEntry("dma_map_page", (kernel, [device, first, offset, size, dir, attrs]) => {
    kernel.exact(offset + size, "size");
    const dma = kernel.machine.dma.dmaMapPage(device, first, offset, size, dir, attrs);
    return mapped(kernel, dma, [device, first + offset as PhysAddr, size, dir, attrs]);
  }),
  kernelEntry("dma_unmap_page", unmapWith("dmaUnmapPage")),
  kernelEntry("dma_map_phys", mapWith("dmaMapPhys")),
  kernelEntry("dma_unmap_phys", unmapWith("dmaUnmapPhys")),
  kernelEntry("dma_map_resource", (kernel, [device, phys, size, dir, attrs]) => {
    kernel.exact(phys + size, "address");
    const dma = kernel.machine.dma.dmaMapResource(device, phys, size, dir, attrs);
    return mapped(kernel, dma, [device, phys, size, dir, DMA_ATTR.MMIO]);
  }),
  kernelEntry("dma_unmap_resource", unmapWith("dmaUnmapResource")),
  ...([["cpu", "Cpu"], ["device", "Device"]] as const).map(([owner, Owner]) =>
    kernelEntry(`dma_sync_single_for_${owner}`, (kernel, [device, dma, size, dir]) => {
      kernel.machine.dma[`dmaSyncSingleFor${Owner}`](device, dma, size, dir);
      kernel.lent.hand(device, dma, size, owner === "cpu");
    })
  ),
  {
    c: "bool dma_need_sync(struct device *dev, dma_addr_t addr)",
    run: (kernel, [dev, addr]) =>
      Number(kernel.machine.dma.dmaNeedSync(kernel.device(dev), kernel.dma(addr))),
  },
  ...([["dma_set_mask", "streaming"], ["dma_set_coherent_mask", "coherent"]] as const).map(
    ([name, which]) =>
      kernelEntry(name, (kernel, [device, mask]) => setMasks(kernel, device, mask, [which])),
  ),
  {
    c: "int dma_set_mask_and_coherent(struct device *dev, u64 mask)",
    run(kernel, [dev, mask]) {
      kernel.maySleep();
      return setMasks(kernel, kernel.device(dev), mask, BOTH_MASKS);
    },
  },
  {
    c: "int dma_coerce_mask_and_coherent(struct device *dev, u64 mask)",
    run(kernel, [dev, mask]) {
      kernel.maySleep();
      const device = kernel.device(dev);
      kernel.part(SharedMasks).of.add(device);
      return setMasks(kernel, device, mask, BOTH_MASKS);
    },
  },
  {
    c: "u64 dma_get_mask(struct device *dev)",
    run: (kernel, [dev]) => kernel.device(dev).lastAddress,
  },
  {
    c: "bool dma_pci_p2pdma_supported(struct device *dev)",
    run: (kernel, [dev]) => kernel.device(dev).ownOps ? 0 : 1,
  },
];
