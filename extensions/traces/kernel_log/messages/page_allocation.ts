/** Messages of the page allocator, with the DMA API's call in their stack. @see rules/traces.md T.75 */
import type { LogEntryFacts } from "../log_facts.ts";
import {
  bytesText,
  type ContinuationRow,
  inOrder,
  type MessageRow,
  numberOf,
  STACK_LINES,
} from "./message.ts";

const PAGE_BYTES = 4096;

/** Functions that allocate memory for DMA, in a stack or a register. */
const DMA_FUNCTIONS = [
  "dma_alloc_attrs",
  "dma_alloc_coherent",
  "dma_alloc_pages",
  "dma_alloc_noncontiguous",
  "dma_direct_alloc",
  "dma_direct_alloc_pages",
  "__dma_direct_alloc_pages",
  "dma_generic_alloc_coherent",
  "iommu_dma_alloc",
  "iommu_dma_alloc_remap",
  "intel_alloc_coherent",
  "amd_iommu_alloc_coherent",
  "gart_alloc_coherent",
  "swiotlb_alloc_coherent",
  "x86_swiotlb_alloc_coherent",
  "xen_swiotlb_alloc_coherent",
  "arm_dma_alloc",
  "s390_dma_alloc",
  "dmam_alloc_attrs",
  "dma_pool_alloc",
  "dma_pool_create",
  "pci_alloc_consistent",
  "arm_coherent_dma_alloc",
  "__dma_alloc",
  "dma_alloc_noncoherent",
].join("|");

const firstFunction: ContinuationRow["add"] = (found, facts) =>
  facts.dma_function === undefined ? { ...facts, ...found } : facts;
const DMA_CALLER: readonly ContinuationRow[] = [
  { form: `{dma_function=function~${DMA_FUNCTIONS}}{~.|+}`, add: firstFunction },
  // Old frames of 32-bit Arm: `[<address>] (function+offset) from [<address>] (caller+offset)`.
  { form: `({dma_function=function~${DMA_FUNCTIONS}}+`, add: firstFunction },
];

/** The task in which the kernel starts: its own set-up, and the probes of built-in drivers. */
const OF_START = /\bswapper(?:\/0)?: page allocation failure/;
const isOfKernel = ({ task }: LogEntryFacts) => task === "swapper/0";

/** Whether a single page was asked for: it cannot be had in smaller pieces. */
const isOnePage = ({ order }: LogEntryFacts) => order === 0;

export const PAGE_ALLOCATIONS: readonly MessageRow[] = [
  {
    kind: "page_allocation",
    forms: [
      "vmalloc: allocation failure: {wanted_bytes=count} bytes",
      "vmalloc: allocation failure, allocated {...}of {wanted_bytes=count} bytes",
      "vmalloc error: size {wanted_bytes=count}, {...}",
      "vmap allocation for size {wanted_bytes=count} failed{...}",
    ],
    more: [{ form: "page allocation failure: order:{...}, mode:{gfp}" }],
    role: "report",
    condition: "vmalloc() or vmap() could not serve the size of the line",
    means: (facts) =>
      `vmalloc() could not give ${
        bytesText(numberOf(facts, "wanted_bytes"))
      }. It takes single pages and a range of the kernel's own addresses: by itself this is no lack of contiguous memory, and no mapping is concerned${
        facts.gfp === undefined ? "" : `. The line "page allocation failure" below it belongs to it`
      }`,
    causes: [{
      id: "vmalloc",
      certainty: "possible",
      text:
        "the size is more than the memory or the range for vmalloc (a few hundred MiB of 32-bit kernels), or was computed wrongly",
      next: [
        "compare the size with what the caller in the stack needs (a size of a video frame that the device or a program gave), and with VmallocTotal in /proc/meminfo",
      ],
    }],
  },
  {
    kind: "page_allocation",
    forms: [
      "page allocation failure: order:{order}, mode:{gfp}",
      // A reporter cuts the line.
      "page allocation failure: order:{order}",
    ],
    more: DMA_CALLER,
    reachLines: STACK_LINES,
    derive: (facts, line) => ({
      ...facts,
      ...OF_START.test(line) ? { task: "swapper/0" } : {},
      gfp: typeof facts.gfp === "string" ? facts.gfp.replace(/,\s*nodemask=.*$/, "") : null,
      wanted_bytes: PAGE_BYTES * 2 ** numberOf(facts, "order"),
    }),
    condition:
      "The page allocator gave up with these flags, and the caller asked for a warning (one line in 10 s for the whole machine)",
    role: "report",
    means: (facts) =>
      `The page allocator had no ${
        isOnePage(facts) ? "free page" : `${2 ** numberOf(facts, "order")} free pages in a row`
      } (${
        bytesText(numberOf(facts, "wanted_bytes"))
      } with pages of 4 KiB) in the zones that the flags allow. A stack below it, if the log has one, names the caller`,
    causes: inOrder([
      {
        id: "no_pages",
        when: ({ dma_function }) => typeof dma_function === "string",
        certainty: "likely",
        finding: "contiguous_full",
        text: ({ dma_function }) =>
          `the caller is the DMA API: ${dma_function}() is in the stack. It may have got memory of another zone after this line; a driver's line about a failed allocation decides`,
        next: (facts) => [
          isOnePage(facts)
            ? "not even one page was free there: look at the zones that the report lists below it (`DMA free:`, `DMA32 free:`, `Normal free:`). With GFP_DMA or GFP_DMA32 in the flags only memory below the limit counts, and a board may have little or none of it there, or have given it to a reserved area"
            : "allocate at probe, in smaller pieces, from CMA (cma=SIZE), or behind an IOMMU, which needs no pages in a row",
          "with GFP_DMA or GFP_DMA32 in the flags: a wider DMA mask lets the allocation use all memory",
        ],
      },
      {
        id: "dma_zone",
        when: ({ gfp }) => /GFP_DMA/.test(String(gfp)),
        certainty: "likely",
        finding: "contiguous_full",
        text: (facts) =>
          `the flags ask for memory of the zones DMA or DMA32 alone (below 16 MiB, 1 GiB or 4 GiB)${
            isOfKernel(facts)
              ? ", and the task is the kernel's own at its start: there the pools of the DMA API for atomic allocations are filled (`DMA: preallocated … pool`), and drivers are probed. A zone may be empty, as in a kernel for a crash (kdump), which has little memory or none there"
              : ", which only devices with a narrow DMA mask need"
          }`,
        next: (facts) => [
          isOfKernel(facts)
            ? "look for the caller in the stack. With dma_atomic_pool_init a pool of this zone is missing or smaller, which harms only a device with a narrow mask whose driver allocates where it may not sleep; in a kernel for a crash, reserve memory below the limit (crashkernel=SIZE,low). With a driver's probe, that driver needs this memory"
            : "look for the caller in the stack; a wider DMA mask lets an allocation for a device use all memory",
        ],
      },
      {
        id: "other_caller",
        certainty: "unknown",
        finding: null,
        text:
          "no known function of the DMA API is in the stack, or the log has no stack: most such allocations are for other uses, such as network buffers",
        next: [
          "look for the caller in the whole stack of the log: this is an allocation for DMA only with a function such as dma_alloc_attrs in it",
        ],
      },
    ]),
  },
  {
    kind: "page_allocation",
    forms: [
      "WARNING: {...}mm/page_alloc.c:{source_line} {function~__alloc_pages_nodemask|__alloc_pages_noprof|__alloc_pages_slowpath|__alloc_pages|__alloc_frozen_pages_noprof|get_page_from_freelist}{~.|+}",
      "WARNING: {...}mm/page_alloc.c:{source_line}",
    ],
    more: DMA_CALLER,
    reachLines: STACK_LINES,
    role: "report",
    means:
      "The kernel warned in its page allocator: most often of a request for more pages in a row than it ever gives. A stack below it, if the log has one, names the caller",
    causes: inOrder([
      {
        id: "too_large",
        when: ({ dma_function }) => typeof dma_function === "string",
        certainty: "likely",
        finding: "contiguous_full",
        text: ({ dma_function }) =>
          `the caller is the DMA API: ${dma_function}() asked for more contiguous memory than the page allocator gives (order 10 is the largest of most machines: 4 MiB with pages of 4 KiB), and no contiguous area (CMA) gave it`,
        next: [
          "allocate less at once, or let a contiguous area serve it: cma=SIZE with CONFIG_DMA_CMA, or a reserved-memory node of the device; behind an IOMMU no pages in a row are needed",
        ],
      },
      {
        id: "unknown_caller",
        certainty: "unknown",
        text:
          "no known function of the DMA API is in the stack, or the log has no stack. Directly below a contiguous area (cma:) that gave nothing, it most often is the same allocation, which went on to the page allocator",
        next: [
          "look for the caller in the whole stack of the log: this is an allocation for DMA only with a function such as dma_alloc_attrs in it",
        ],
      },
    ]),
  },
];
