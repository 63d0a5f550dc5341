/**
 * Streaming mappings, by the one-step and the two-step API, and queries about them.
 *
 * @see rules/c-api.md 3, 4, 6
 */
import type { PhysAddr } from "@dmalab/runtime";
import { DMA_ATTR, type DmaDevice, type DmaDirection } from "@dmalab/runtime/dma";
import type { Kernel } from "@dmalab/runtime/kernels";
import { callEntries, type CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { kernelEntry, mappingEntry } from "../kernel_entry.ts";
import { showState } from "../c_iova_state.ts";

/** Whether the kernel has the calls that were added together with the two-step API. */
export const since72 = (kernel: Kernel): boolean => !kernel.no_two_step;

/** Number of bits of a mask in C if there is no limit. */
const ALL_BITS = 64;

/** Records a successful mapping: the device now owns the memory. */
function lend(
  kernel: CKernel,
  dma: number,
  ...[device, ...mapping]: readonly [DmaDevice, PhysAddr, size: number, DmaDirection, attrs: number]
): void {
  kernel.usesMask(device);
  if (dma >= 0) kernel.lent.add(device, dma, ...mapping);
}

/**
 * A call that maps memory by its address.
 * @param adds Attributes that are added to those of the caller.
 */
function mapEntry(name: `dma_map_${"single" | "phys" | "resource"}`, adds = 0): CCallEntry {
  return mappingEntry(name, {
    before: (kernel, [, phys, size]) => void kernel.exact(phys + size, "address"),
    after: (kernel, [device, phys, size, dir, attrs], dma) =>
      lend(kernel, dma, device, phys, size, dir, attrs | adds),
  });
}

/** Number of bits of a mask, which must consist of ones from the lowest bit up. */
function maskBits(kernel: CKernel, mask: number): number {
  if (mask >= 2 ** 63) return ALL_BITS;
  const bits = Math.round(Math.log2(mask + 1));
  if (mask > 0 && 2 ** bits - 1 === mask || bits >= 53) return bits;
  throw kernel.crash(`${hex(mask)} is no mask`);
}

type Mask = "streaming" | "coherent";
const BOTH_MASKS: readonly Mask[] = ["streaming", "coherent"];

/** Devices with one mask for both streaming and coherent mappings. */
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

/** Queries that only return a value to C. */
const QUESTIONS = [
  "dma_mapping_error",
  "dma_need_unmap",
  "dma_get_required_mask",
  "dma_addressing_limited",
  "dma_max_mapping_size",
  "dma_opt_mapping_size",
  "dma_get_merge_boundary",
] as const;

const UNMAPS = [
  "dma_unmap_single",
  "dma_unmap_page",
  "dma_unmap_phys",
  "dma_unmap_resource",
] as const;

export const MAPPING_CALLS: readonly CCallEntry[] = [
  ...QUESTIONS.map((name) => mappingEntry(name)),
  mapEntry("dma_map_single"),
  mapEntry("dma_map_phys"),
  mapEntry("dma_map_resource", DMA_ATTR.MMIO),
  mappingEntry("dma_map_page", {
    before: (kernel, [, , offset, size]) => void kernel.exact(offset + size, "size"),
    after: (kernel, [device, first, offset, ...part], dma) =>
      lend(kernel, dma, device, first + offset as PhysAddr, ...part),
  }),
  ...UNMAPS.map((name) =>
    mappingEntry(name, { before: (kernel, [device, dma]) => kernel.lent.end(device, dma) })
  ),
  ...([["cpu", "Cpu"], ["device", "Device"]] as const).map(([owner, Owner]) =>
    kernelEntry(`dma_sync_single_for_${owner}`, (kernel, [device, dma, size, dir]) => {
      // A range merged from several mappings is synced part by part.
      const parts = device.merged?.partsOf(dma, size) ?? [{ dma, sizeBytes: size }];
      for (const part of parts) {
        kernel.machine.dma[`dmaSyncSingleFor${Owner}`](device, part.dma, part.sizeBytes, dir);
        kernel.lent.hand(device, part.dma, part.sizeBytes, owner === "cpu");
      }
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
  ...callEntries({
    "int dma_set_mask_and_coherent(struct device *dev, u64 mask)"(kernel, [dev, mask]) {
      kernel.maySleep();
      return setMasks(kernel, kernel.device(dev), mask, BOTH_MASKS);
    },
    "int dma_coerce_mask_and_coherent(struct device *dev, u64 mask)"(kernel, [dev, mask]) {
      kernel.maySleep();
      const device = kernel.device(dev);
      kernel.part(SharedMasks).of.add(device);
      return setMasks(kernel, device, mask, BOTH_MASKS);
    },
    "u64 dma_get_mask(struct device *dev)": (kernel, [dev]) => kernel.device(dev).lastAddress,
    "bool dma_pci_p2pdma_supported(struct device *dev)": (kernel, [dev]) =>
      kernel.device(dev).ownOps ? 0 : 1,
  }),
];

/** @see rules/c-api.md 4 */
export const TWO_STEP_CALLS: readonly CCallEntry[] = [
  kernelEntry("dma_iova_try_alloc", (kernel, [device, at, phys, size]) => {
    // The state is cleared first, whatever C's memory contains there.
    if (!kernel.memory.isOpen(at, 16)) throw kernel.crash("There is no dma_iova_state");
    kernel.usesMask(device);
    const state = kernel.state(at);
    kernel.exact(phys + size, "address");
    const taken = kernel.machine.dma.dmaIovaTryAlloc(device, state, phys, size);
    showState(kernel, at, state);
    return Number(taken);
  }),
  mappingEntry("dma_iova_link", {
    before: (kernel, [, , phys, offset, size]) =>
      void kernel.exact(phys + offset + size, "address"),
    after(kernel, [device, { addr }, phys, offset, ...part], error) {
      if (error === 0) kernel.lent.add(device, addr + offset, phys, ...part);
    },
  }),
  mappingEntry("dma_iova_sync"),
  mappingEntry("dma_iova_unlink", {
    before: (kernel, [device, { addr }, offset, size]) =>
      kernel.lent.endWithin(device, addr + offset, size),
  }),
  mappingEntry("dma_iova_destroy", {
    before: (kernel, [device, { addr }, mappedBytes]) =>
      kernel.lent.endWithin(device, addr, mappedBytes),
  }),
  mappingEntry("dma_iova_free"),
];
