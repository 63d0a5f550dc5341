/** Streaming mappings, and what a driver asks about them. @see behaviour/c-api.md 3, 6 */
import type { DmaAddr, PhysAddr } from "../../runtime/address.ts";
import { DMA_ATTR, type DmaDirection } from "../../runtime/dma/attributes.ts";
import type { DmaDevice } from "../../runtime/dma/device/device.ts";
import type { KernelStrategies } from "../../runtime/kernels/kernels.ts";
import type { CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";

/** Calls that came with the two-step API. */
export const since72 = ({ dma }: KernelStrategies): boolean => dma.hasTwoStep;

/** What C has for "could not be mapped": all ones. */
const ERROR = -1;
const { MMIO, SKIP_CPU_SYNC } = DMA_ATTR;

/** How C says 64 bits where there is no limit. */
const ALL_BITS = 64;

/** One call that maps, after what its own arguments mean. */
interface Mapping {
  readonly device: DmaDevice;
  readonly phys: PhysAddr;
  readonly sizeBytes: number;
  readonly dir: DmaDirection;
  readonly attrs: number;
}

/** Notes a mapping that was made, and gives its address to C. */
function mapped(
  kernel: CKernel,
  dma: DmaAddr,
  { attrs, device, dir, phys, sizeBytes }: Mapping,
): number {
  kernel.usesMask(device);
  if (dma < 0) return ERROR;
  if ((attrs & (MMIO | SKIP_CPU_SYNC)) === 0) kernel.lent.add(device, dma, phys, sizeBytes, dir);
  return dma;
}

/** The calls that unmap take the same, and differ in which way of the runtime's they go. */
const unmapWith = (unmap: Unmap): CCallEntry["run"] => (kernel, [dev, addr, size, dir, attrs]) => {
  const device = kernel.device(dev);
  const dma = kernel.dma(addr);
  kernel.lent.end(device, dma);
  kernel.exact(size, "size");
  kernel.machine.dma[unmap](device, dma, size, kernel.direction(dir), attrs);
};

type Unmap = "dmaUnmapSingle" | "dmaUnmapPage" | "dmaUnmapPhys" | "dmaUnmapResource";

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

function setMasks(kernel: CKernel, dev: number, mask: number, which: readonly Mask[]): number {
  kernel.maySleep();
  const device = kernel.device(dev);
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

export const MAPPING_CALLS: readonly CCallEntry[] = [
  {
    c: "dma_addr_t dma_map_single_attrs(struct device *dev, const void *ptr, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    run(kernel, [dev, ptr, size, dir, attrs]) {
      const device = kernel.device(dev);
      const phys = kernel.phys(ptr);
      kernel.exact(size, "size");
      const direction = kernel.direction(dir);
      const dma = kernel.machine.dma.dmaMapSingle(device, phys, size, direction, attrs);
      return mapped(kernel, dma, { device, phys, sizeBytes: size, dir: direction, attrs });
    },
  },
  {
    c: "void dma_unmap_single_attrs(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    run: unmapWith("dmaUnmapSingle"),
  },
  {
    c: "dma_addr_t dma_map_page_attrs(struct device *dev, struct page *page, size_t offset, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    run(kernel, [dev, page, offset, size, dir, attrs]) {
      const device = kernel.device(dev);
      const first = kernel.pagePhys(page);
      kernel.exact(offset + size, "size");
      const direction = kernel.direction(dir);
      const dma = kernel.machine.dma.dmaMapPage(device, first, offset, size, direction, attrs);
      const phys = first + offset as PhysAddr;
      return mapped(kernel, dma, { device, phys, sizeBytes: size, dir: direction, attrs });
    },
  },
  {
    c: "void dma_unmap_page_attrs(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    run: unmapWith("dmaUnmapPage"),
  },
  {
    c: "dma_addr_t dma_map_phys(struct device *dev, phys_addr_t phys, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    isIn: since72,
    run(kernel, [dev, at, size, dir, attrs]) {
      const device = kernel.device(dev);
      kernel.exact(at + size, "address");
      const phys = at as PhysAddr;
      const direction = kernel.direction(dir);
      const dma = kernel.machine.dma.dmaMapPhys(device, phys, size, direction, attrs);
      return mapped(kernel, dma, { device, phys, sizeBytes: size, dir: direction, attrs });
    },
  },
  {
    c: "void dma_unmap_phys(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    isIn: since72,
    run: unmapWith("dmaUnmapPhys"),
  },
  {
    c: "dma_addr_t dma_map_resource(struct device *dev, phys_addr_t phys, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    run(kernel, [dev, at, size, dir, attrs]) {
      const device = kernel.device(dev);
      kernel.exact(at + size, "address");
      const direction = kernel.direction(dir);
      const dma = kernel.machine.dma.dmaMapResource(
        device,
        at as PhysAddr,
        size,
        direction,
        attrs,
      );
      return dma < 0 ? ERROR : dma;
    },
  },
  {
    c: "void dma_unmap_resource(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir, unsigned long attrs)",
    run: unmapWith("dmaUnmapResource"),
  },
  {
    c: "int dma_mapping_error(struct device *dev, dma_addr_t addr)",
    run: (kernel, [dev, addr]) =>
      kernel.machine.dma.dmaMappingError(kernel.device(dev), kernel.dma(addr)),
  },
  {
    c: "void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)",
    run(kernel, [dev, addr, size, dir]) {
      const device = kernel.device(dev);
      const dma = kernel.dma(addr);
      kernel.exact(size, "size");
      kernel.machine.dma.dmaSyncSingleForCpu(device, dma, size, kernel.direction(dir));
      kernel.lent.hand(device, dma, size, true);
    },
  },
  {
    c: "void dma_sync_single_for_device(struct device *dev, dma_addr_t addr, size_t size, enum dma_data_direction dir)",
    run(kernel, [dev, addr, size, dir]) {
      const device = kernel.device(dev);
      const dma = kernel.dma(addr);
      kernel.exact(size, "size");
      kernel.machine.dma.dmaSyncSingleForDevice(device, dma, size, kernel.direction(dir));
      kernel.lent.hand(device, dma, size, false);
    },
  },
  {
    c: "bool dma_need_sync(struct device *dev, dma_addr_t addr)",
    run: (kernel, [dev, addr]) =>
      Number(kernel.machine.dma.dmaNeedSync(kernel.device(dev), kernel.dma(addr))),
  },
  {
    c: "bool dma_need_unmap(struct device *dev)",
    isIn: since72,
    run: (kernel, [dev]) => Number(kernel.machine.dma.dmaNeedUnmap(kernel.device(dev))),
  },
  {
    c: "int dma_set_mask(struct device *dev, u64 mask)",
    run: (kernel, [dev, mask]) => setMasks(kernel, dev, mask, ["streaming"]),
  },
  {
    c: "int dma_set_coherent_mask(struct device *dev, u64 mask)",
    run: (kernel, [dev, mask]) => setMasks(kernel, dev, mask, ["coherent"]),
  },
  {
    c: "int dma_set_mask_and_coherent(struct device *dev, u64 mask)",
    run: (kernel, [dev, mask]) => setMasks(kernel, dev, mask, BOTH_MASKS),
  },
  {
    c: "int dma_coerce_mask_and_coherent(struct device *dev, u64 mask)",
    run(kernel, [dev, mask]) {
      kernel.part(SharedMasks).of.add(kernel.device(dev));
      return setMasks(kernel, dev, mask, BOTH_MASKS);
    },
  },
  {
    c: "u64 dma_get_mask(struct device *dev)",
    run: (kernel, [dev]) => kernel.device(dev).lastAddress,
  },
  {
    c: "u64 dma_get_required_mask(struct device *dev)",
    run: (kernel, [dev]) => kernel.machine.dma.dmaGetRequiredMask(kernel.device(dev)),
  },
  {
    c: "bool dma_addressing_limited(struct device *dev)",
    run: (kernel, [dev]) => Number(kernel.machine.dma.dmaAddressingLimited(kernel.device(dev))),
  },
  {
    c: "size_t dma_max_mapping_size(struct device *dev)",
    run(kernel, [dev]) {
      const bytes = kernel.machine.dma.dmaMaxMappingSize(kernel.device(dev));
      return bytes === Number.MAX_SAFE_INTEGER ? ERROR : bytes;
    },
  },
  {
    c: "size_t dma_opt_mapping_size(struct device *dev)",
    run(kernel, [dev]) {
      const bytes = kernel.machine.dma.dmaOptMappingSize(kernel.device(dev));
      return bytes === Number.MAX_SAFE_INTEGER ? ERROR : bytes;
    },
  },
  {
    c: "unsigned long dma_get_merge_boundary(struct device *dev)",
    run: (kernel, [dev]) => kernel.machine.dma.dmaGetMergeBoundary(kernel.device(dev)),
  },
  {
    c: "bool dma_pci_p2pdma_supported(struct device *dev)",
    // Devices with operations of their own cannot: there are none here.
    run(kernel, [dev]) {
      kernel.device(dev);
      return 1;
    },
  },
];
