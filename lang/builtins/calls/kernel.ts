/** Services of the kernel for drivers, apart from mapping: its allocators, and its locks. */
import {
  type HostBuffer,
  INJECTION,
  type InjectionPoint,
  KernelError,
  kmalloc,
  vmalloc,
} from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { refusing } from "../arguments.ts";
import { BUFFER } from "../types/buffer.ts";
import { builtin } from "../describe/builtin.ts";
import { param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";
import { ATOMIC } from "./parameters.ts";

/** The host memory that is charged for each page of a buffer. */
const PAGE_COST_BYTES = 64;

const LENGTH = param.size("size", "How many bytes.");

/** Allocates memory, unless an injected failure stops it. */
function take(
  context: ExecutionContext,
  call: string,
  point: InjectionPoint,
  sizeBytes: number,
  from: typeof kmalloc,
): HostBuffer {
  const { machine } = context.lab;
  context.chargeMemory(PAGE_COST_BYTES * Math.ceil(sizeBytes / machine.pages.pageSizeBytes));
  if (machine.faults !== null && machine.faults.errnoAt(point) !== 0) {
    throw new KernelError("ENOMEM", `${call}() cannot allocate ${sizeBytes} bytes`);
  }
  return refusing(() => from(machine, sizeBytes));
}

/** Allocates contiguous memory if possible, otherwise single pages. */
function takeEither(context: ExecutionContext, sizeBytes: number): HostBuffer {
  try {
    return take(context, "kvmalloc", INJECTION.alloc_pages, sizeBytes, kmalloc);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return take(context, "kvmalloc", INJECTION.kvmalloc, sizeBytes, vmalloc);
  }
}

export const KERNEL_CALLS_OF_DRIVERS: readonly FunctionSpec[] = [
  builtin({
    name: "kmalloc",
    parameters: [LENGTH, ATOMIC],
    result: BUFFER,
    doc: "Allocates physically contiguous memory. `.free()` frees it.",
    example: `${TRANSLATED_MACHINE}let mem = kmalloc(16KiB)
assert mem.segments.length == 1
let m = dma_map_single(ssd, mem, mem.size, to_device)
dma_unmap_single(ssd, m, mem.size, to_device)`,
    raises: ["ENOMEM"],
    context: "gfp",
    run: (context, [sizeBytes]) =>
      take(context, "kmalloc", INJECTION.alloc_pages, sizeBytes, kmalloc),
  }),
  builtin({
    name: "vmalloc",
    parameters: [LENGTH],
    result: BUFFER,
    doc: "Allocates memory that is contiguous for the CPU only: its pages need not be physically " +
      "contiguous. A device needs each page mapped separately; mapping it as one buffer fails.",
    example: `${TRANSLATED_MACHINE}let mem = vmalloc(8KiB)
assert mem.segments.length == 2
expect warning map_vmalloc {
  dma_map_single(ssd, mem, mem.size, to_device) fails ENOMEM
}
let m = dma_map_page(ssd, mem.pages[1], 0, 4KiB, to_device)
dma_unmap_page(ssd, m, 4KiB, to_device)`,
    raises: ["ENOMEM"],
    context: "sleeps",
    run: (context, [sizeBytes]) => take(context, "vmalloc", INJECTION.kvmalloc, sizeBytes, vmalloc),
  }),
  builtin({
    name: "kvmalloc",
    parameters: [LENGTH],
    result: BUFFER,
    doc:
      "Allocates physically contiguous memory if possible, else vmalloc memory: do not map it as " +
      "one buffer.",
    example: `${TRANSLATED_MACHINE}assert kvmalloc(16KiB).segments.length == 1
inject alloc_pages { assert kvmalloc(16KiB).segments.length == 4 }`,
    raises: ["ENOMEM"],
    context: "sleeps",
    run: (context, [sizeBytes]) => takeEither(context, sizeBytes),
  }),
  builtin({
    name: "spin_lock",
    doc: "Takes a spin lock: until it is released, a call that may sleep is an error, which " +
      "the checker reports.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)
spin_lock()
let m = dma_map_phys(ssd, buf, 4KiB, to_device)
expect warning sleep_in_atomic {
  dma_free_coherent(ssd, dma_alloc_coherent(ssd, 4KiB))
}
dma_free_coherent(ssd, dma_alloc_coherent(ssd, 4KiB, atomic: true))
spin_unlock()
dma_unmap_phys(ssd, m, 4KiB, to_device)`,
    run: (context) => context.lab.machine.context.lock(),
  }),
  builtin({
    name: "spin_unlock",
    doc: "Releases the spin lock taken last.",
    example:
      `${TRANSLATED_MACHINE}spin_lock()\nspin_unlock()\ndma_free_coherent(ssd, dma_alloc_coherent(ssd, 4KiB))`,
    run(run) {
      const { context } = run.lab.machine;
      if (!context.isAtomic) throw new ValueError("No spin lock is held");
      context.unlock();
    },
  }),
];
