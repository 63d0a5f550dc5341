/** Oopses and stacks with functions of DMA mapping. @see rules/traces.md T.78 */
import type { LogEntryFacts } from "../log_facts.ts";
import { HUNG_TASK, lockupNamed } from "../general/crash_head.ts";
import {
  type Cause,
  type ContinuationRow,
  inOrder,
  type MessageRow,
  named,
  STACK_LINES,
} from "./message.ts";

/** Functions of the DMA API, of IOMMUs and of bounce buffers, and of drivers with DMA in their names. */
const OF_DMA =
  /dma(?!bench)|iommu|swiotlb|smmu|iova|dmar_|domain_(?:un)?map|sg_next|(?:inv|clean|flush)_(?:range|area|poc)|dcache_(?:clean|inval)|vfio|alloc_contig|contiguous/i;
/** Functions that have these letters by chance. */
const NOT_OF_DMA = /^(?:x?hc_dmahandler)$/;

const IN_CACHE =
  /cache|inv_|clean_(?:range|area|poc|dcache)|flush_(?:range|area|kern|dcache)|_area|dma_sync|sync_(?:single|sg)|(?:clean|flush)$/;
const IN_REGISTER = /_(?:write|read)_|writel|readl|_reg(?:_|s|$)|device_reset/;
const IN_TABLE =
  /^(?:iommu_(?!dma)|__iommu_(?!dma)|intel_iommu|amd_iommu|arm_|__arm_lpae|rk_|domain|dma_pte|smmu)/;
const IN_API =
  /^(?:_{0,2}dma_(?:map|unmap|sync|alloc|free|direct|pool|max|set)|iommu_dma|swiotlb|intel_(?:map|unmap|alloc)|nommu_|arm_dma|debug_dma|sg_next)/;

const isOfDriver = (facts: LogEntryFacts) =>
  !IN_CACHE.test(nameOf(facts)) && !IN_TABLE.test(nameOf(facts)) && !IN_API.test(nameOf(facts));
const nameOf = ({ function: name }: LogEntryFacts) => String(name);

/** Functions that stacks of DMA have most often. */
const FRAMES = [
  ...[
    "dma_map_sg_attrs",
    "__dma_map_sg_attrs",
    "dma_map_page_attrs",
    "dma_map_phys",
    "dma_map_sgtable",
  ],
  ...["dma_unmap_sg_attrs", "dma_unmap_page_attrs", "dma_alloc_attrs", "dma_free_attrs"],
  ...["dma_pool_alloc", "dma_pool_free", "dma_direct_map_sg", "dma_direct_map_page"],
  ...["dma_direct_alloc", "dma_direct_unmap_sg", "iommu_dma_map_sg", "iommu_dma_map_page"],
  ...["iommu_dma_unmap_sg", "iommu_dma_unmap_page", "iommu_dma_alloc", "iommu_dma_free"],
  ...[
    "iommu_map",
    "iommu_map_sg",
    "iommu_unmap",
    "__iommu_map",
    "__iommu_unmap",
    "iommu_iova_to_phys",
  ],
  ...[
    "iommu_attach_device",
    "iommu_detach_device",
    "alloc_iova",
    "alloc_iova_fast",
    "free_iova_fast",
  ],
  ...["intel_map_page", "intel_map_sg", "intel_unmap", "intel_iommu_map", "intel_iommu_unmap"],
  ...[
    "amd_iommu_map",
    "amd_iommu_unmap",
    "arm_smmu_map",
    "arm_smmu_unmap",
    "swiotlb_tbl_map_single",
  ],
  ...[
    "swiotlb_map",
    "swiotlb_bounce",
    "alloc_contig_range",
    "cma_alloc",
    "dma_alloc_from_contiguous",
  ],
  ...[
    "dma_alloc_coherent",
    "dmam_alloc_attrs",
    "vfio_iommu_type1_ioctl",
    "usb_hcd_map_urb_for_dma",
  ],
].join("|");

const OF_GROUPS: readonly (readonly [RegExp, string])[] = [
  [/iommu|smmu|iopf|iova|dmar/, "an IOMMU"],
  [/vfio/, "VFIO"],
  [/swiotlb/, "bounce buffers"],
  [/contig|cma/, "contiguous memory"],
  [/p2p/, "peer-to-peer DMA"],
  [/user_pages|umem/, "the pinning of a program's pages"],
  [/dma_buf/, "buffers that drivers share (dma-buf)"],
  [/dma(?!_buf)/, "DMA mapping"],
];

/** A frame alone in its line, with its module; not a register, and not the place of a warning. */
const FRAME =
  /^(?:.*\]\s)?\s*(?:\? )?([A-Za-z_][\w.]*)\+0x[0-9a-f]+\/0x[0-9a-f]+(?: \[([\w-]+)\])?\s*$/;
/** Functions in which a task waits, by what it waits for. */
const WAITS_FOR_END = /^(?:__)?wait_for_(?:completion|common)/;
const WAITS_FOR_LOCK =
  /^(?:__)?(?:mutex_lock|down_(?:read|write|killable)|rwsem_down|ww_mutex_lock)(?:_|$)/;
/** The probe of a driver; a bus's own function that calls it has the name of the bus. */
const PROBE =
  /^(?!(?:really|driver|device|bus|platform|platform_drv|amba|pci_device|local_pci|pci|usb|usb_probe|i2c|i2c_device|spi|spi_drv|virtio|virtio_dev|auxiliary|auxiliary_bus|of|acpi|sdio|sdio_bus|mdio|mmc_bus|call_driver|__driver|__device|deferred)_)\w+_probe(?:\.\w+)*$/;

/** Takes the frames below a message: where it waits, and the first function that is surely a driver's. */
const FRAMES_BELOW: readonly ContinuationRow[] = [{
  form: "{frame=function}+0x{frame_at=hex_count}/0x{...}",
  add: (_, facts, line) => {
    const [, name, module] = FRAME.exec(line) ?? [];
    if (name === undefined) return null;
    const isWait = facts.waits_in === undefined &&
      (WAITS_FOR_END.test(name) || WAITS_FOR_LOCK.test(name));
    const isOfDriver = facts.driver_function === undefined &&
      (module !== undefined || PROBE.test(name));
    return {
      ...facts,
      ...isWait ? { waits_in: name } : {},
      ...isOfDriver ? { driver_function: name } : {},
      ...isOfDriver && module !== undefined ? { module } : {},
    };
  },
}];

/** The same for a stack without its head: the next stack is another one. */
const FRAMES_OF_STACK: readonly ContinuationRow[] = [{
  form: "Call {~trace|Trace}:",
  add: (_, facts) => ({ ...facts, driver_function: facts.driver_function ?? null }),
}, {
  form: "{frame=function}+0x{frame_at=hex_count}/0x{...}",
  add: (_, facts, line) => {
    const read = FRAMES_BELOW[0]!.add!({}, facts, line);
    return read === null ? null : { ...read, waits_in: null };
  },
}];

/** The driver's function in a stack, in words; empty without one. */
function driverFrameText({ driver_function, module }: LogEntryFacts): string {
  return typeof driver_function === "string"
    ? `. The first function of a driver in the stack is ${driver_function}()${
      typeof module === "string" ? ` of the module ${module}` : ""
    }`
    : "";
}

/** Functions of DMA in a stack of which the text has no head. */
export const FRAMES_ALONE: MessageRow = {
  kind: "dma_stack",
  forms: [],
  role: "report",
  means: ({ functions, head }) => {
    const names = Array.isArray(functions) ? functions.map(String) : [];
    const groups = OF_GROUPS.filter(([words]) => names.some((name) => words.test(name)));
    const about = groups.map(([, words]) => words).join(" and of ");
    return `A stack goes through functions of ${about}. A stack says who called whom, and not that a call is wrong. ${
      typeof head === "string"
        ? `What happened is in the head of the oops: ${head}`
        : "No line that was read says what happened"
    }`;
  },
  next: ({ head }) => [
    typeof head === "string"
      ? "look at the function that stopped (RIP, pc, epc) and at the first function of a driver in the stack: the driver gave it what it stopped at, such as an object that was freed or never set up"
      : "give the log from the line `cut here`, `BUG:`, `Unable to handle` or `blocked for more than` on: it says what happened, and the caller of these functions is the driver",
  ],
};

/** The step for a lockup. */
export const LOCKUP_NEXT =
  "look at the stack below it: the function in which it waits, and the first function of a driver; and at the first line of trouble before it";

/** A processor or a task that does not go on. It is no oops: the kernel runs, and says who waits. */
export const LOCKUPS: readonly MessageRow[] = [
  {
    kind: "lockup",
    forms: [
      "BUG: soft lockup - CPU#{cpu=count} stuck for {waited_seconds=count}s!{? [{task}:{pid}]?}",
      "Watchdog detected hard LOCKUP on cpu {cpu=count}",
      "INFO: task {task}:{pid} blocked for more than {waited_seconds=count} seconds.",
      "INFO: task {task=worker}:{pid} blocked for more than {waited_seconds=count} seconds.",
    ],
    derive: (facts, line) => ({ what: lockupNamed(line), ...facts }),
    more: FRAMES_BELOW,
    reachLines: STACK_LINES,
    condition:
      "A CPU did not switch tasks for more than twice the threshold (soft), took no interrupt (hard), or a task slept without an interrupt for longer than hung_task_timeout_secs",
    role: "consequence",
    follows: [
      ...["invalidation_error", "iommu_error", "iommu_fault", "other_iommu_fault"] as const,
      ...["nvme_failed", "nvme_down", "nvme_timeout", "pcie_error", "bridge_error"] as const,
    ],
    means: (facts) => {
      const { cpu, task, waited_seconds, waits_in, what } = facts;
      const time = typeof waited_seconds === "number" ? ` for ${waited_seconds} s` : "";
      return what === HUNG_TASK
        ? `The task ${task} has been waiting${time} for something that did not end${
          typeof waits_in === "string" ? `, in ${waits_in}()` : ""
        }. The kernel runs, and nothing crashed${driverFrameText(facts)}`
        : what === "soft lockup"
        ? `CPU ${cpu} ran code of the kernel${time} without a break: it waits in a loop, or for a lock. The kernel runs, and nothing crashed`
        : `CPU ${cpu} takes no interrupts any more: it waits in a loop or for a lock with interrupts off`;
    },
    causes: [{
      id: "waits",
      certainty: "possible",
      text: ({ waits_in, what }) =>
        what === HUNG_TASK && WAITS_FOR_END.test(String(waits_in))
          ? "the work that it waits for did not end: a transfer or a command of a device, or the work of another task, which may hang itself; it is no lock that it waits for"
          : what === HUNG_TASK && WAITS_FOR_LOCK.test(String(waits_in))
          ? "a lock that another task holds, which may itself wait for a device"
          : what === HUNG_TASK
          ? "a request to a disk or a device that is not completed, or a lock that another task holds"
          : "a loop or a lock of a driver or of the kernel; beside commands that an IOMMU does not complete, the wait for them",
      next: [LOCKUP_NEXT],
    }],
  },
];

/** Whether the registers are of a check (WARN, BUG) of which the head is not in the log. */
const isCheck = ({ head, trap }: LogEntryFacts) => trap === true && head === undefined;

const CAUSES_OF_OOPSES: readonly Cause[] = [
  {
    id: "cache",
    when: (facts) => IN_CACHE.test(nameOf(facts)),
    certainty: "possible",
    text:
      "the CPU's caches were cleaned or invalidated for an address that has no memory behind it: a buffer that is not of the linear map, a list or a DMA address that was never mapped, or a length that is too long",
    next: [
      "look at the caller in the stack: the buffer, the list or the DMA address that it gave, and whether the map before it succeeded",
    ],
  },
  {
    id: "register",
    when: (facts) => IN_REGISTER.test(nameOf(facts)),
    certainty: "possible",
    text:
      "a register of the IOMMU or the engine did not answer (the head of the oops is then an external abort): its clock or power domain is off, the register or its number is not there, or a hypervisor or the secure side keeps it",
    next: [
      "compare the registers and streams in the node of the IOMMU and of its clients with what the chip and its firmware leave to this system, and its clocks and power domains",
    ],
  },
  {
    id: "table",
    when: (facts) =>
      !IN_CACHE.test(nameOf(facts)) && !IN_REGISTER.test(nameOf(facts)) &&
      IN_TABLE.test(nameOf(facts)),
    certainty: "possible",
    text:
      "the domain, the group or the tables are not there: the IOMMU's driver was not ready, the device was removed or has no domain, or the tables were freed while they are in use",
    next: [
      "look at the caller in the stack: whether it unmaps or frees after the device was removed or unbound; and at the IOMMU's lines at boot: whether the device has a group and a domain (/sys/kernel/iommu_groups)",
    ],
  },
  {
    id: "argument",
    when: (facts) =>
      !IN_CACHE.test(nameOf(facts)) && !IN_TABLE.test(nameOf(facts)) &&
      IN_API.test(nameOf(facts)),
    certainty: "possible",
    text:
      "an argument of the call is wrong: a struct device that is NULL, freed, or without dma_ops, a list whose entries have no page, or memory that was overwritten",
    next: [
      "look at the caller in the stack and at the faulting address: a small one is a field of a NULL pointer; compare the struct device that the driver gives with the one of its probe",
    ],
  },
  {
    id: "null_pointer",
    when: (facts) => isOfDriver(facts) && /NULL pointer|paging request/.test(String(facts.head)),
    certainty: "possible",
    text:
      "a driver's own function used a pointer that is NULL or wrong (the address is in the head). At a probe or an insmod it most often is something that the driver looked for and did not check: a node, a property, platform data, a channel. Later it often is a request that was freed before its transfer ended",
    next: [
      "look at the function in the driver's source for the pointer that the address belongs to (a small address is a field of a NULL pointer), and at the driver's lines before the oops",
    ],
  },
  {
    id: "driver",
    when: (facts) =>
      !/NULL pointer|paging request/.test(String(facts.head)) &&
      !IN_CACHE.test(nameOf(facts)) && !IN_TABLE.test(nameOf(facts)) &&
      !IN_API.test(nameOf(facts)),
    certainty: "possible",
    text:
      "a driver's own function. Below `kernel BUG at` the code stopped itself at a state that it does not expect, and no address was wrong. Below an address that could not be accessed, it is often a transfer that ended after its request was given up or freed: a small address is a field of a NULL pointer",
    next: [
      "look at the head of the oops and at the function in the driver's source: the condition of a BUG, or the pointer that the address belongs to; and at a timeout or an abort of the same device before it",
    ],
  },
];

export const OOPSES: readonly MessageRow[] = [
  {
    kind: "dma_oops",
    isBelowWarnings: true,
    forms: [
      "RIP: 0010:{function}+0x{offset=address}",
      "RIP: 0010:[<{at}>] {?[<{at2=at}>] ?}{function}+0x{offset=address}",
      "PC is at {function}+0x{offset=address}",
      "EIP is at {function}+0x{offset=address}",
      "pc : {function}+0x{offset=address}",
      "IP: [<{at}>] {function}+0x{offset=address}",
      "NIP [{at}] {function}+0x{offset=address}",
      "epc : {at} {function}+0x{offset=address}",
      "epc : {function}+0x{offset=address}",
    ],
    derive: ({ at: _, at2: _again, offset: _offset, ...facts }) =>
      OF_DMA.test(nameOf(facts)) && !NOT_OF_DMA.test(nameOf(facts)) ? facts : null,
    more: [
      // The instruction of WARN and BUG: ud2 of x86, brk of arm64.
      { form: "Code: {...}{~<0f> 0b|(d4210000)}", add: (_, facts) => ({ ...facts, trap: true }) },
    ],
    role: "report",
    finding: "dma_oops",
    means: (facts) =>
      isCheck(facts)
        ? `The registers are of ${
          nameOf(facts)
        }(), and the code there is a check of its own that failed: a warning (WARN), after which the kernel goes on, or a BUG. The line that says which, with its place in the source, is above the text. A stack below it, if the log has one, names its caller`
        : `The registers below an oops or a lockup are of ${nameOf(facts)}(), ${
          IN_API.test(nameOf(facts)) || IN_TABLE.test(nameOf(facts))
            ? "a function of DMA mapping or of an IOMMU"
            : "a function of a driver with DMA in its name, or of DMA mapping"
        }. A stack below it, if the log has one, names its caller`,
    causes: [
      {
        id: "unmap_check",
        when: (facts) => isCheck(facts) && /unmap/.test(nameOf(facts)),
        certainty: "likely",
        finding: "unmap_unknown",
        text:
          "an unmap of what is not mapped: a second unmap, a wrong device, or an address or a length that the map did not return",
        next: [
          "look at the caller in the stack: which address it unmaps, and whether it was mapped, and only once; `dmalab trace check` with the dma and iommu events, or CONFIG_DMA_API_DEBUG, names it",
          "give the line above these registers, `WARNING: …` or `kernel BUG at …`: it has the place in the source",
        ],
      },
      {
        id: "check",
        when: (facts) => isCheck(facts) && !/unmap/.test(nameOf(facts)),
        certainty: "unknown",
        text: "the condition of the check, which is at the place in the source",
        next: [
          "give the line above these registers, `WARNING: …` or `kernel BUG at …`, and look at the caller in the stack: what it gave to the function",
        ],
      },
      ...CAUSES_OF_OOPSES.map((cause): Cause => ({
        ...cause,
        when: (facts) => !isCheck(facts) && (cause.when?.(facts) ?? true),
      })),
    ],
  },
  {
    kind: "cache_abort",
    forms: ["CM = 1, WnR = {~0|1}"],
    role: "report",
    means:
      "What faulted is no load or store but an instruction that cleans or invalidates the CPU's caches, or that asks for a translation (CM = 1): the address of the oops has no mapping that allows it",
    causes: [{
      id: "cache",
      certainty: "likely",
      text:
        "the kernel maps or synchronizes memory for a device that is not coherent: the buffer is not of the linear map, was given back, or its length is too long",
      next: [
        "look for dma_map_* or dma_sync_* in the stack below, and at the caller: the buffer and the length that it gave; CONFIG_DMA_API_DEBUG names a buffer of the stack or of vmalloc",
      ],
    }],
  },
  {
    kind: "dma_stack",
    isBelowWarnings: true,
    forms: [
      "LR is at {function}+0x{offset=address}",
      "lr : {function}+0x{offset=address}",
      "ra : {at} {function}+0x{offset=address}",
      "ra : {function}+0x{offset=address}",
    ],
    derive: ({ at: _at, offset: _, ...facts }) =>
      OF_DMA.test(nameOf(facts)) && !NOT_OF_DMA.test(nameOf(facts)) ? facts : null,
    role: "report",
    means: (facts) =>
      `The registers below an oops or a lockup name ${
        nameOf(facts)
      }(), a function of DMA mapping, of an IOMMU or of a DMA engine's driver, in the link register: it most often is the caller of the function that stopped`,
    causes: inOrder([
      {
        id: "bounce",
        when: (facts) => nameOf(facts) === "swiotlb_bounce",
        certainty: "possible",
        text:
          "the copy between a driver's buffer and its slot in the bounce pool met an address without memory: a buffer outside the memory of this system or in a region that firmware keeps (an external abort), or a slot that was given back",
        next: [
          "look at the head of the oops, and compare the two addresses of the copy (x0, x1) with the memory of the system (/proc/iomem) and its reserved regions (reserved-memory with no-map)",
        ],
      },
      {
        id: "caller",
        certainty: "unknown",
        text: "the function that stopped (PC) and the head of the oops say what happened",
        next: [
          "look at the head of the oops, and at what this function gave to the one that stopped (PC)",
        ],
      },
    ]),
  },
  {
    kind: "dma_stack",
    isBelowWarnings: true,
    forms: [
      `{function~${FRAMES}}+0x{offset=address}`,
      `({function~${FRAMES}}+0x{offset=address}`,
      `Function entered at [<{at}>]{...}from [<{at2=at}>] {function~${FRAMES}|__dma_alloc|__dma_free}`,
    ],
    derive: ({ at: _at, at2: _at2, offset: _, ...facts }, line) =>
      line.includes("WARNING: ") ? null : facts,
    more: FRAMES_OF_STACK,
    reachLines: STACK_LINES,
    role: "report",
    means: (facts) =>
      `A stack goes through ${
        named(facts, "function")
      }(). A stack says who called whom, and not that the call is wrong: the message above it says what happened${
        driverFrameText(facts)
      }`,
    next: (facts) => [
      `give the message above the stack too: it says what happened, and ${
        typeof facts.driver_function === "string"
          ? `${facts.driver_function}() of a driver made the call`
          : "the caller of these functions is the driver"
      }`,
    ],
  },
];
