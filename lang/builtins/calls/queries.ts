/** A driver's queries about mapping for its device, and memory shared with the device. */
import {
  alignUp,
  bitsOfLastAddress,
  isPowerOfTwo,
  KernelError,
  PAGE_SIZE_BYTES,
} from "@dmalab/runtime";
import {
  allocNoncontiguous,
  allocPageMemory,
  type DmaDevice,
  DmaPool,
  freeNoncontiguous,
  freePageMemory,
  listOfPages,
} from "@dmalab/runtime/dma";
import { raiseErrno } from "../arguments.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { COHERENT_MEMORY, PAGE_MEMORY } from "../types/dma/coherent_memory.ts";
import { DMA_POOL } from "../types/dma/dma_pool.ts";
import { SCATTERLIST } from "../types/dma/scatterlist.ts";
import { facts, kernelCall, mappingCall } from "./kernel_call.ts";
import { ATOMIC, ATTRS, DEV, DIR, SIZE } from "./parameters.ts";
import { builtin } from "../describe/builtin.ts";
import { named, param } from "../describe/parameters.ts";
import { DIRECT_MACHINE, TRANSLATED_MACHINE } from "./example_machines.ts";

export const QUERY_CALLS: readonly FunctionSpec[] = [
  kernelCall("dma_mapping_error", {
    pure: true,
    result: "bool",
    doc:
      "True for DMA_MAPPING_ERROR. A failed map raises ENOMEM in a script, as if the driver had " +
      "checked; with `unchecked: true` it raises nothing, and the script must call this.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let m = dma_map_phys(ssd, buf, 4KiB, to_device)\n` +
      `assert not dma_mapping_error(ssd, m)\ndma_unmap_phys(ssd, m, 4KiB, to_device)`,
    run: (context, args) => context.lab.machine.dma.dmaMappingError(...args) !== 0,
  }),
  mappingCall("dma_need_unmap", {
    pure: true,
    doc:
      "True if an unmap has an effect. Call it after mapping: the device's first bounce changes " +
      "the result from false to true.",
    example: `${TRANSLATED_MACHINE}assert dma_need_unmap(ssd)`,
  }),
  mappingCall("dma_max_mapping_size", {
    pure: true,
    doc: "The largest single mapping: what a bounce buffer holds where one is needed.",
    example: `${DIRECT_MACHINE}assert dma_max_mapping_size(ssd) > 1GiB`,
  }),
  mappingCall("dma_opt_mapping_size", {
    pure: true,
    doc:
      "The largest mapping without extra cost: with an IOMMU, the largest range that the rcaches " +
      "hold.",
    example: `${TRANSLATED_MACHINE}assert dma_opt_mapping_size(ssd) == 128KiB`,
  }),
  kernelCall("dma_get_required_mask", {
    pure: true,
    result: "int",
    doc:
      "The address bits needed to reach all memory: the top bit of the last RAM address on the " +
      "device's bus, 64 where no range of the bus (`ranges`) holds it; 32 behind an IOMMU.",
    example: `machine {
  ram { size = 6GiB }
  pci { root_port rp0 { nvme ssd { queues = 1 } } }
}
assert dma_get_required_mask(ssd) == 33`,
    run: (context, [dev]) => bitsOfLastAddress(context.lab.machine.dma.dmaGetRequiredMask(dev)),
  }),
  mappingCall("dma_addressing_limited", {
    pure: true,
    doc: "True if the device's mask does not reach all memory, so that some buffers must bounce.",
    example: `machine {
  ram { size = 8GiB }
  pci { root_port rp0 { nvme ssd { dma_mask_bits = 32 } } }
}
assert dma_addressing_limited(ssd)`,
  }),
  mappingCall("dma_get_merge_boundary", {
    pure: true,
    doc:
      "Mask of the boundary at which segments can be merged into one DMA range; 0 if they cannot.",
    example: `${TRANSLATED_MACHINE}assert dma_get_merge_boundary(ssd) == 4095B`,
  }),
  kernelCall("dma_set_mask", {
    doc:
      "Sets how many address bits the driver says that the device can drive: what it is given has no " +
      "more. What the hardware drives (`address_bits`) does not change.",
    example: `${DIRECT_MACHINE}dma_set_mask(ssd, 32)\nassert ssd.dma_mask_bits == 32\n` +
      `dma_set_mask(ssd, 16) fails EIO`,
    raises: ["EIO"],
    run(context, [dev, count]) {
      raiseErrno(
        context.lab.machine.dma.dmaSetMask(dev, count),
        `${dev.name} cannot work with a mask of ${count} bits`,
      );
    },
  }),
  kernelCall("dma_set_coherent_mask", {
    doc: "Sets the mask of coherent allocations, in address bits.",
    example: `${DIRECT_MACHINE}dma_set_coherent_mask(ssd, 32)\n` +
      `let mem = dma_alloc_coherent(ssd, 4KiB)\nassert mem.addr < 4GiB as dma\n` +
      `dma_free_coherent(ssd, mem)`,
    raises: ["EIO"],
    run(context, [dev, count]) {
      raiseErrno(
        context.lab.machine.dma.dmaSetCoherentMask(dev, count),
        `${dev.name} cannot work with a coherent mask of ${count} bits`,
      );
    },
  }),
  kernelCall("dma_alloc_coherent", {
    more: [{ ...ATTRS, named: true }],
    result: COHERENT_MEMORY,
    doc: "Allocates zeroed coherent memory, which CPU and device share without syncs. Behind an " +
      "IOMMU it is made of pages that need not be contiguous, unless `atomic` or " +
      "`attrs: force_contiguous` asks for one block, of 4 MiB at most. Without an IOMMU it is " +
      "always one block; for a device that is not coherent, `atomic` takes it from the atomic pool.",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_coherent(ssd, 4KiB)\n` +
      `poke(mem.phys, bytes"2a")\nassert ssd.dma_read(mem.addr, 1B) == bytes"2a"\n` +
      `dma_free_coherent(ssd, mem)`,
    raises: ["ENOMEM"],
    run(context, [dev, sizeBytes, atomic, attrs]) {
      const { dma } = context.lab.machine;
      const memory = sizeBytes === 0
        ? null
        : dma.dmaAllocCoherent(dev, sizeBytes, { atomic, attrs });
      if (memory === null) {
        throw new KernelError(
          "ENOMEM",
          `dma_alloc_coherent() cannot allocate ${sizeBytes} bytes for ${dev.name}`,
        );
      }
      return { memory, device: dev.name, freed: false };
    },
  }),
  builtin({
    ...facts("dma_free_coherent"),
    parameters: [
      DEV,
      param.handle("mem", COHERENT_MEMORY, "The result of dma_alloc_coherent()."),
      named(
        param.handle(
          "cpu",
          COHERENT_MEMORY,
          "Pass the CPU address of this memory instead, like a driver that confuses two " +
            "allocations: its pages are freed.",
        ),
      ),
    ],
    doc: "Frees coherent memory.",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_coherent(ssd, 4KiB)\n` +
      `dma_free_coherent(ssd, mem)\nassert iommu.translate(ssd, mem.addr) == none`,
    run(context, [dev, target, cpu]) {
      if (target.freed || target.device !== dev.name) {
        throw new ValueError(
          target.freed
            ? "The memory was freed before"
            : `The memory belongs to ${target.device}, not to ${dev.name}`,
        );
      }
      target.freed = true;
      context.lab.machine.dma.dmaFreeCoherent(dev, target.memory, cpu?.memory);
    },
  }),
  builtin({
    name: "dma_pool",
    parameters: [
      DEV,
      { ...SIZE, doc: "Bytes per block, at most a page." },
      param.size("align", "Alignment of a block, a power of two."),
    ],
    result: DMA_POOL,
    doc: "Makes a pool of blocks that CPU and device share; it allocates its first page when the " +
      "first block is allocated.",
    example: `${TRANSLATED_MACHINE}let pool = dma_pool(ssd, size: 200B, align: 256B)\n` +
      `assert pool.block_size == 256B and pool.size == 0B`,
    context: "sleeps",
    run(context, [dev, sizeBytes, alignBytes]) {
      if (!isPowerOfTwo(alignBytes) || alignUp(sizeBytes, alignBytes) > PAGE_SIZE_BYTES) {
        throw new ValueError(
          `Cannot make blocks of ${sizeBytes} bytes aligned to ${alignBytes}`,
          "the alignment is a power of two, and a block is no longer than a page",
        );
      }
      if (sizeBytes === 0) throw new ValueError("Cannot make blocks of 0 bytes");
      const { machine } = context.lab;
      const pool = new DmaPool(machine, dev, "pool", sizeBytes, alignBytes);
      return { pool, dev, destroyed: 0 };
    },
  }),
];

function refused(call: string, dev: DmaDevice, sizeBytes: number): KernelError {
  return new KernelError("ENOMEM", `${call}() cannot allocate ${sizeBytes} bytes for ${dev.name}`);
}

/** Checks that memory was not freed and belongs to the device. */
function checkOwner(dev: DmaDevice, owner: DmaDevice, isFreed: boolean): void {
  if (isFreed) throw new ValueError("The memory was freed before");
  if (owner === dev) return;
  throw new ValueError(`The memory belongs to ${owner.name}, not to ${dev.name}`);
}

export const PAGE_MEMORY_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "dma_alloc_pages",
    context: "gfp",
    parameters: [DEV, SIZE, DIR, ATOMIC],
    result: PAGE_MEMORY,
    doc: "Allocates one zeroed block of pages and maps it. The CPU's caches stay on: " +
      "dma_sync_single_for_cpu() and dma_sync_single_for_device() hand it over.",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_pages(ssd, 8KiB, from_device)\n` +
      `ssd.dma_write(mem.addr, bytes"2a")\ndma_sync_single_for_cpu(ssd, mem.addr, 1B, from_device)\n` +
      `assert peek(mem.phys, 1B) == bytes"2a"\ndma_free_pages(ssd, 8KiB, mem, from_device)`,
    raises: ["ENOMEM"],
    run(context, [dev, sizeBytes, dir]) {
      const memory = allocPageMemory(context.lab.machine, dev, sizeBytes, dir);
      if (memory === null) throw refused("dma_alloc_pages", dev, sizeBytes);
      return { memory, freed: false };
    },
  }),
  builtin({
    name: "dma_free_pages",
    parameters: [
      DEV,
      SIZE,
      param.handle("mem", PAGE_MEMORY, "The result of dma_alloc_pages()."),
      DIR,
    ],
    doc: "Unmaps and frees pages of dma_alloc_pages().",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_pages(ssd, 4KiB, to_device)\n` +
      `dma_free_pages(ssd, 4KiB, mem, to_device)\nassert iommu.translate(ssd, mem.addr) == none`,
    run(context, [dev, sizeBytes, target, dir]) {
      checkOwner(dev, target.memory.dev, target.freed);
      target.freed = true;
      freePageMemory(context.lab.machine, target.memory, sizeBytes, dir);
    },
  }),
  builtin({
    name: "dma_alloc_noncontiguous",
    context: "gfp",
    parameters: [DEV, SIZE, DIR, ATTRS],
    result: SCATTERLIST,
    doc: "Allocates pages that need not be contiguous and maps them as one DMA range. Without an " +
      "IOMMU they are one block. The only attribute is alloc_single_pages. The CPU's caches stay " +
      "on: dma_sync_sg_for_cpu() and dma_sync_sg_for_device() hand the list over.",
    example: `${TRANSLATED_MACHINE}let sgt = dma_alloc_noncontiguous(ssd, 64KiB, from_device)\n` +
      `assert sgt.mapped.length == 1 and sgt.mapped[0].size == 64KiB\n` +
      `ssd.dma_write(sgt.mapped[0].addr, bytes"2a")\ndma_sync_sg_for_cpu(ssd, sgt, from_device)\n` +
      `assert peek(sgt.entries[0].phys, 1B) == bytes"2a"\n` +
      `dma_free_noncontiguous(ssd, 64KiB, sgt, from_device)`,
    raises: ["ENOMEM"],
    run(context, [dev, sizeBytes, dir, attrs]) {
      const memory = allocNoncontiguous(context.lab.machine, dev, sizeBytes, dir, attrs);
      if (memory === null) throw refused("dma_alloc_noncontiguous", dev, sizeBytes);
      return { list: memory.list, device: dev, memory };
    },
  }),
  builtin({
    name: "dma_free_noncontiguous",
    context: "sleeps",
    parameters: [
      DEV,
      SIZE,
      param.handle("sgt", SCATTERLIST, "The result of dma_alloc_noncontiguous()."),
      DIR,
    ],
    doc: "Unmaps and frees memory of dma_alloc_noncontiguous().",
    example: `${TRANSLATED_MACHINE}let sgt = dma_alloc_noncontiguous(ssd, 8KiB, to_device)\n` +
      `dma_free_noncontiguous(ssd, 8KiB, sgt, to_device)\nassert iommu.live_mappings == 0`,
    run(context, [dev, sizeBytes, target, dir]) {
      const { memory } = target;
      if (memory === undefined) {
        throw new ValueError("The list's memory is not of dma_alloc_noncontiguous()");
      }
      checkOwner(dev, memory?.dev ?? dev, memory === null);
      target.memory = null;
      freeNoncontiguous(context.lab.machine, memory!, sizeBytes, dir);
    },
  }),
  builtin({
    name: "dma_get_sgtable",
    context: "sleeps",
    parameters: [
      DEV,
      param.handle("mem", COHERENT_MEMORY, "The result of dma_alloc_coherent()."),
    ],
    result: SCATTERLIST,
    doc:
      "The pages of coherent memory as a scatterlist, an entry for each run of neighbours: for " +
      "another device to map.",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_coherent(ssd, 8KiB)\n` +
      `let sgt = dma_get_sgtable(ssd, mem)\nassert sgt.entries[0].phys == mem.phys\n` +
      `dma_free_coherent(ssd, mem)`,
    run(_run, [_dev, { freed, memory }]) {
      if (freed) throw new ValueError("The memory was freed before");
      const { pages, pageSizeBytes } = memory;
      return {
        list: listOfPages(pages, pageSizeBytes),
        device: null,
      };
    },
  }),
];
