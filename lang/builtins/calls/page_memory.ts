/** Memory of a device with the CPU's caches on, and coherent memory as a list. */
import {
  allocNoncontiguous,
  allocPageMemory,
  freeNoncontiguous,
  freePageMemory,
  listOfPages,
} from "../../../runtime/dma/calls/page_memory.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import { KernelError } from "../../../runtime/errno.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { COHERENT_MEMORY } from "../things/dma/coherent_memory.ts";
import { PAGE_MEMORY } from "../things/dma/page_memory.ts";
import { SCATTERLIST } from "../things/dma/scatterlist.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";
import { ATOMIC, ATTRS, DEV, DIR, SIZE } from "./parameters.ts";

function refused(call: string, dev: DmaDevice, sizeBytes: number): KernelError {
  return new KernelError("ENOMEM", `${call}() cannot allocate ${sizeBytes} bytes for ${dev.name}`);
}

/** Whose memory it is, and that it is there. */
function checkOwner(dev: DmaDevice, owner: DmaDevice, isFreed: boolean): void {
  if (isFreed) throw new ScriptError("E0919", "The memory was freed before");
  if (owner === dev) return;
  throw new ScriptError("E0919", `The memory belongs to ${owner.name}, not to ${dev.name}`);
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
    run(run, [dev, sizeBytes, dir]) {
      const memory = allocPageMemory(run.lab.machine, dev, sizeBytes, dir);
      if (memory === null) throw refused("dma_alloc_pages", dev, sizeBytes);
      return { memory, freed: false };
    },
  }),
  builtin({
    name: "dma_free_pages",
    parameters: [
      DEV,
      SIZE,
      param.thing("mem", PAGE_MEMORY, "The result of dma_alloc_pages()."),
      DIR,
    ],
    result: "nothing",
    doc: "Unmaps and frees pages of dma_alloc_pages().",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_pages(ssd, 4KiB, to_device)\n` +
      `dma_free_pages(ssd, 4KiB, mem, to_device)\nassert iommu.translate(ssd, mem.addr) == none`,
    run(run, [dev, sizeBytes, target, dir]) {
      checkOwner(dev, target.memory.dev, target.freed);
      target.freed = true;
      freePageMemory(run.lab.machine, target.memory, sizeBytes, dir);
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
    run(run, [dev, sizeBytes, dir, attrs]) {
      const memory = allocNoncontiguous(run.lab.machine, dev, sizeBytes, dir, attrs);
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
      param.thing("sgt", SCATTERLIST, "The result of dma_alloc_noncontiguous()."),
      DIR,
    ],
    result: "nothing",
    doc: "Unmaps and frees memory of dma_alloc_noncontiguous().",
    example: `${TRANSLATED_MACHINE}let sgt = dma_alloc_noncontiguous(ssd, 8KiB, to_device)\n` +
      `dma_free_noncontiguous(ssd, 8KiB, sgt, to_device)\nassert iommu.live_mappings == 0`,
    run(run, [dev, _sizeBytes, target, dir]) {
      const { memory } = target;
      if (memory === undefined) {
        throw new ScriptError("E0919", "The list's memory is not of dma_alloc_noncontiguous()");
      }
      checkOwner(dev, memory?.dev ?? dev, memory === null);
      target.memory = null;
      freeNoncontiguous(run.lab.machine, memory!, dir);
    },
  }),
  builtin({
    name: "dma_get_sgtable",
    context: "sleeps",
    parameters: [
      DEV,
      param.thing("mem", COHERENT_MEMORY, "The result of dma_alloc_coherent()."),
    ],
    result: SCATTERLIST,
    doc:
      "The pages of coherent memory as a scatterlist, an entry for each run of neighbours: for " +
      "another device to map.",
    example: `${TRANSLATED_MACHINE}let mem = dma_alloc_coherent(ssd, 8KiB)\n` +
      `let sgt = dma_get_sgtable(ssd, mem)\nassert sgt.entries[0].phys == mem.phys\n` +
      `dma_free_coherent(ssd, mem)`,
    run(_run, [_dev, { freed, memory }]) {
      if (freed) throw new ScriptError("E0919", "The memory was freed before");
      const { pages, pageSizeBytes } = memory;
      return {
        list: listOfPages(pages, pageSizeBytes, pages.length * pageSizeBytes),
        device: null,
      };
    },
  }),
];
