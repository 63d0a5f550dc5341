/**
 * Words that users know from sysfs, debugfs and the kernel's command line, and the names under which dmalab explains
 * them. To add a word, add a row: `dmalab explain`, its search and the test of the names use this table.
 */
import type { Extension } from "../extension.ts";
import type { UserWord } from "./user_word.ts";

const QUEUE = "/sys/block/DISK/queue/";
const PCI = "/sys/bus/pci/devices/DEVICE/";
const COMMAND_LINE = "kernel parameter";
const KERNEL_OPTION = "option of the kernel's configuration";

const QUEUE_LIMITS: readonly UserWord[] = [
  {
    words: ["max_hw_sectors_kb"],
    place: QUEUE,
    doc:
      "The largest request that the disk's driver takes, in KiB; it cannot be written. For NVMe it is the least of MDTS, the driver's own limit and what one DMA mapping can have (dma_max_mapping_size).",
    see: ["limits.max_transfer", "nvme.mdts", "nvme.1.1", "block.1.1"],
  },
  {
    words: ["max_sectors_kb"],
    place: QUEUE,
    doc:
      "The size at which the block layer splits reads and writes, in KiB; it can be written, up to max_hw_sectors_kb.",
    see: ["limits.soft_limit", "nvme.soft_limit", "block.1.3", "block.1.1"],
  },
  {
    words: ["max_segments"],
    place: QUEUE,
    doc: "How many segments of memory a request may have.",
    see: ["limits.max_segments", "block.1.3", "nvme.1.1"],
  },
  {
    words: ["max_segment_size"],
    place: QUEUE,
    doc: "The largest segment of a request, in bytes.",
    see: ["limits.max_segment_size", "nvme.max_segment_size", "block.1.3"],
  },
  {
    words: ["virt_boundary_mask", "virt_boundary"],
    place: QUEUE,
    doc:
      "The boundary, less one, on which a segment must end and the next one must begin: 4095 for NVMe with PRPs. Memory that does not is split or copied.",
    see: ["limits.virt_boundary", "block.1.3", "block.1.8", "nvme.2.3"],
  },
  {
    words: ["seg_boundary_mask", "segment_boundary_mask"],
    place: "queue limit",
    doc: "A boundary, less one, that no segment may cross.",
    see: ["limits.segment_boundary", "nvme.segment_boundary", "block.1.3"],
  },
  {
    words: ["dma_alignment"],
    place: QUEUE,
    doc:
      "The alignment, less one, that addresses and lengths of direct I/O and passthrough commands need; memory without it is copied or refused.",
    see: ["block.1.8", "block.1.1"],
  },
  {
    words: ["logical_block_size", "physical_block_size"],
    place: QUEUE,
    doc:
      "The size of a block, in bytes: of the unit of addresses, and of what the disk writes at once.",
    see: ["nvme.block_size", "block.1.1"],
  },
  {
    words: ["max_integrity_segments"],
    place: QUEUE,
    doc: "How many segments of metadata a request may have.",
    see: ["block.1.2", "nvme.metadata_sgl"],
  },
  {
    words: ["nomerges"],
    place: QUEUE,
    doc: "1 or 2: adjacent requests are not merged.",
    see: ["nvme.nomerges", "block.1.5"],
  },
  {
    words: ["optimal_io_size", "minimum_io_size"],
    place: QUEUE,
    doc: "Sizes at which the disk works best; they limit nothing.",
    see: ["block.1.1"],
  },
  {
    words: ["io_timeout"],
    place: QUEUE,
    doc: "After so many milliseconds the driver cancels a request.",
    see: ["nvme.timeout"],
  },
  {
    words: ["queue/scheduler"],
    place: QUEUE,
    doc:
      "The I/O scheduler, or none: a scheduler merges and orders requests before they are mapped.",
    see: ["nvme.scheduler", "block.1.5"],
  },
];

const OF_DEVICES: readonly UserWord[] = [
  {
    words: ["iommu_group", "iommu_groups"],
    place: PCI,
    doc:
      "The group of functions that the IOMMU cannot keep apart. All of them have one domain, and go to one guest.",
    see: ["dma.9.1", "dma.9.4", "dma.9.8"],
  },
  {
    words: ["iommu_group/type", "iommu_groups/type", "dma-fq", "identity domain", "domain type"],
    place: "/sys/kernel/iommu_groups/GROUP/type",
    doc:
      "How the group's addresses are translated: DMA (strict: each unmap is flushed at once), DMA-FQ (lazy: flushed later, many at once), identity (passthrough), auto.",
    see: ["iommu.mode", "dma.9.9", "dma.1.3", "dma.5.3"],
  },
  {
    words: ["reserved_regions"],
    place: "/sys/kernel/iommu_groups/GROUP/",
    doc: "Ranges that are no addresses of the group's mappings: MSI doorbells, firmware's memory.",
    see: ["iommu.reserved", "dma.4.6", "dma.9.11"],
  },
  {
    words: ["dma_mask_bits", "consistent_dma_mask_bits"],
    place: PCI,
    doc:
      "How many address bits the driver has said that the device drives: for mappings, and for coherent memory.",
    see: ["endpoint.dma_mask_bits", "dma_set_mask", "dma_set_coherent_mask", "dma.1.2"],
  },
  {
    words: ["dma-ranges", "dma_ranges", "bus_dma_limit"],
    place: "device tree, firmware",
    doc: "The memory that the bus above the device reaches. A mask cannot make it more.",
    see: ["endpoint.bus_limit_bits", "endpoint.ranges", "dma.1.2"],
  },
  {
    words: ["dma-coherent", "dma_coherent"],
    place: "device tree, firmware",
    doc:
      "The device sees what CPU caches hold; without it mappings clean and invalidate the caches.",
    see: ["endpoint.coherent", "dma.1.2"],
  },
  {
    words: ["numa_node"],
    place: PCI,
    doc: "The memory node that the device is nearest to.",
    see: ["nvme.nodes"],
  },
  {
    words: ["p2pmem", "p2pmem/published", "p2pmem/available", "p2pmem/allocate"],
    place: PCI,
    doc:
      "Memory of the device's BAR that its driver offers to peers: size, what is free, whether it is published.",
    see: ["endpoint.p2pmem", "p2p.9.7", "p2p.9.3"],
  },
  {
    words: ["untrusted", "external-facing", "external_facing"],
    place: PCI,
    doc:
      "A device on an external port: its group is strict, and parts of pages that are mapped for it are bounced.",
    see: ["endpoint.untrusted", "root_port.external", "dma.9.2"],
  },
  {
    words: ["io_tlb_used", "io_tlb_nslabs", "io_tlb_used_hiwater"],
    place: "/sys/kernel/debug/swiotlb/",
    doc:
      "Slots of 2 KiB of the bounce pool: in use now, all, and the most that were ever used. A number in use that only grows is a leak.",
    see: ["swiotlb.size", "dma.6.1", "dma.6.2"],
  },
  {
    words: ["dma-api/error_count", "dma-api/num_free_entries", "nr_total_entries", "debug_dma"],
    place: "/sys/kernel/debug/dma-api/",
    doc:
      "The checker of DMA calls (CONFIG_DMA_API_DEBUG): errors that it found, and entries that it has left.",
    see: ["dma_debug", "dma.8.1", "dma.8.2"],
  },
];

const PARAMETERS: readonly UserWord[] = [
  {
    words: ["iommu=pt", "iommu.passthrough=1"],
    place: COMMAND_LINE,
    doc:
      "Passthrough: DMA addresses of trusted devices are physical addresses, with no translation and no fault for a wrong one. A device that does not reach all memory then uses bounce buffers.",
    see: ["iommu.mode", "dma.1.3", "dma.9.2", "dma.2.1"],
  },
  {
    words: ["iommu=nopt", "iommu.passthrough=0"],
    place: COMMAND_LINE,
    doc: "No passthrough: devices have translated addresses.",
    see: ["iommu.mode", "dma.1.3"],
  },
  {
    words: ["iommu.strict=1", "intel_iommu=strict", "amd_iommu=fullflush"],
    place: COMMAND_LINE,
    doc:
      "Strict: each unmap invalidates the IOMMU's cache before it returns. A device that still writes faults.",
    see: ["iommu.mode", "dma.5.3", "dma.1.3"],
  },
  {
    words: ["iommu.strict=0"],
    place: COMMAND_LINE,
    doc:
      "Lazy: unmapped addresses are invalidated later, many at once, and are reused after that. For up to 10 ms a device can still reach memory that was unmapped.",
    see: ["iommu.mode", "dma.5.3", "dma.1.3", "iommu.flush_queue"],
  },
  {
    words: ["iommu.strict="],
    place: COMMAND_LINE,
    doc: "1: strict, each unmap is flushed at once; 0: lazy, many are flushed together.",
    see: ["iommu.mode", "dma.5.3"],
  },
  {
    words: ["iommu.passthrough="],
    place: COMMAND_LINE,
    doc: "1: DMA addresses of trusted devices are physical addresses; 0: they are translated.",
    see: ["iommu.mode", "dma.1.3"],
  },
  {
    words: ["iommu.forcedac=", "iommu.forcedac", "intel_iommu=forcedac"],
    place: COMMAND_LINE,
    doc: "Addresses below 4 GiB are not looked for first.",
    see: ["iommu.forcedac", "dma.4.2"],
  },
  {
    words: ["iommu=off", "intel_iommu=off", "amd_iommu=off"],
    place: COMMAND_LINE,
    doc:
      "The IOMMU is not used: DMA addresses are physical addresses, and nothing stops a wrong one. A device that does not reach all memory uses bounce buffers.",
    see: ["iommu.mode", "dma.2.1", "swiotlb.size"],
  },
  {
    words: ["iommu=soft"],
    place: COMMAND_LINE,
    doc: "x86: bounce buffers in place of an IOMMU of hardware.",
    see: ["swiotlb.size", "dma.6.2"],
  },
  {
    words: ["iommu=force"],
    place: COMMAND_LINE,
    doc: "x86: the IOMMU is used even where the machine needs none.",
    see: ["iommu.mode"],
  },
  {
    words: ["intel_iommu=on", "intel_iommu="],
    place: COMMAND_LINE,
    doc:
      "VT-d translates DMA. Which tables and how is chosen by other words: `sm_on` and `sm_off` (scalable mode), `igfx_off` (not for graphics), `iommu=pt` and `iommu.strict` for the type of domains.",
    see: ["iommu.mode", "iommu.model", "dma.1.3"],
  },
  {
    words: [
      "intel_iommu=sm_on",
      "intel_iommu=sm_off",
      "intel_iommu=sp_off",
      "intel_iommu=igfx_off",
    ],
    place: COMMAND_LINE,
    doc: "Scalable mode of VT-d on or off; no superpages; no translation for integrated graphics.",
    see: ["iommu.model", "iommu.page_sizes", "dma.1.3", "dma.5.1"],
  },
  {
    words: ["amd_iommu=", "amd_iommu=force_isolation", "amd_iommu=pgtbl_v2"],
    place: COMMAND_LINE,
    doc:
      "Settings of AMD's IOMMU: `off`, `force_isolation` (no passthrough), `pgtbl_v1` and `pgtbl_v2` (which tables).",
    see: ["iommu.mode", "iommu.model", "dma.1.3"],
  },
  {
    words: ["swiotlb=force"],
    place: COMMAND_LINE,
    doc: "Every mapping that is not translated by an IOMMU goes through a bounce buffer.",
    see: ["swiotlb.force", "dma.2.1", "dma.6.2"],
  },
  {
    words: ["swiotlb=noforce"],
    place: COMMAND_LINE,
    doc: "No bounce pool: a mapping that needs one fails.",
    see: ["swiotlb.size", "dma.2.1"],
  },
  {
    words: ["swiotlb=", "io_tlb_nslabs="],
    place: COMMAND_LINE,
    doc:
      "Slots of the bounce pool, of 2 KiB each (65536 for 128 MiB); behind a comma the number of areas.",
    see: ["swiotlb.size", "swiotlb.areas", "dma.6.1"],
  },
  {
    words: ["cma=", "cma_pernuma="],
    place: COMMAND_LINE,
    doc:
      "Memory that is kept for large contiguous allocations, such as coherent memory of devices without an IOMMU.",
    see: ["dma.1.9", "dma_alloc_coherent"],
  },
  {
    words: ["pci=disable_acs_redir", "pci=disable_acs_redir=", "pci=config_acs="],
    place: COMMAND_LINE,
    doc:
      "Switches ACS redirection off in the functions that are named, so that peers below one switch reach each other directly; their groups become one. `dmalab topology` prints the value.",
    see: ["p2p.9.4", "root_port.acs", "dma.9.1"],
  },
  {
    words: ["pcie_acs_override=", "pcie_acs_override"],
    place: "parameter of a patch, in no mainline kernel",
    doc:
      "The kernel takes functions for isolated that are not: groups become smaller, and the hardware stays as it is.",
    see: ["dma.9.1"],
  },
  {
    words: ["pci=noats", "pci=pcie_bus_perf"],
    place: COMMAND_LINE,
    doc: "Settings of PCI: no address translation services; larger payloads.",
    see: ["endpoint.ats"],
  },
  {
    words: ["dma_debug=off", "dma_debug=", "dma_debug_entries=", "dma_debug_driver="],
    place: COMMAND_LINE,
    doc: "The checker of DMA calls: off, with so many entries, for one driver alone.",
    see: ["dma_debug", "dma.8.1"],
  },
  {
    words: ["iommu.debug_pagealloc=", "iommu.debug_pagealloc"],
    place: COMMAND_LINE,
    doc: "The kernel checks that no page is freed while an IOMMU maps it.",
    see: ["iommu.debug_pagealloc", "dma.8.4"],
  },
  {
    words: ["arm-smmu.disable_bypass=", "arm-smmu-v3.disable_bypass="],
    place: COMMAND_LINE,
    doc: "1: a device that has no domain faults; 0: its addresses are not translated.",
    see: ["iommu.model", "dma.9.2"],
  },
  {
    words: ["nvme.sgl_threshold="],
    place: "parameter of the module nvme",
    doc: "The mean segment size from which a request gets SGLs in place of PRPs; 0: never.",
    see: ["nvme.sgl_threshold", "nvme.2.1"],
  },
  {
    words: ["nvme.io_queue_depth="],
    place: "parameter of the module nvme",
    doc: "Commands that a queue has at most.",
    see: ["nvme.depth", "nvme.4.1"],
  },
  {
    words: ["nvme.poll_queues=", "nvme.write_queues="],
    place: "parameter of the module nvme",
    doc: "Queues that are polled, or for writes.",
    see: ["nvme.poll_queues"],
  },
  {
    words: ["nvme.use_cmb_sqes="],
    place: "parameter of the module nvme",
    doc: "Submission queues in the controller's own memory.",
    see: ["nvme.cmb_queues", "nvme.5.4"],
  },
  {
    words: ["nvme.max_host_mem_size_mb="],
    place: "parameter of the module nvme",
    doc: "Memory of the host that a controller may have for itself, in MiB.",
    see: ["nvme.hmb", "nvme.5.3"],
  },
  {
    words: ["nvme_core.io_timeout=", "nvme_core.admin_timeout="],
    place: "parameter of the module nvme_core",
    doc: "After so many seconds the driver cancels a command.",
    see: ["nvme.timeout"],
  },
  {
    words: ["vfio_iommu_type1.dma_entry_limit=", "rlimit_memlock", "ulimit -l"],
    place: "module parameter, resource limit",
    doc: "How many mappings, and how many bytes of pinned memory, a user of VFIO may have.",
    see: ["hmm-rdma-vfio.7", "VFIO_IOMMU_MAP_DMA", "vfio_container", "mm.set_memlock"],
  },
  {
    words: ["vfio_iommu_type1.allow_unsafe_interrupts=", "allow_unsafe_interrupts"],
    place: "parameter of the module vfio_iommu_type1",
    doc:
      "1: a device is given to a guest without interrupt remapping too, and may then send any interrupt to the host.",
    see: ["vfio_container", "hmm-rdma-vfio.7"],
  },
  {
    words: ["coherent_pool="],
    place: COMMAND_LINE,
    doc:
      "Size of the atomic pool: coherent memory for calls that may not sleep, for devices that are not coherent and guests with encrypted memory.",
    see: ["dma.1.9", "dma_alloc_coherent"],
  },
  {
    words: ["pcie_aspm=", "pcie_aspm=off", "pcie_port_pm=off"],
    place: COMMAND_LINE,
    doc:
      "Power saving of PCI Express links: off where a link does not come back, as of a disk whose registers read as all ones. It changes no mapping.",
    see: ["nvme.timeout"],
  },
  {
    words: ["nvme_core.default_ps_max_latency_us="],
    place: "parameter of the module nvme_core",
    doc: "0: the controller enters no power state of its own (APST). It changes no mapping.",
    see: ["nvme.timeout"],
  },
  {
    words: ["nvme.use_threaded_interrupts="],
    place: "parameter of the module nvme",
    doc: "1: completions are handled in a thread, where an unmap may take longer.",
    see: ["nvme.4.1"],
  },
];

/** Options of a kernel's configuration. */
const CONFIGURATION: readonly UserWord[] = [
  {
    words: ["CONFIG_DMA_API_DEBUG", "CONFIG_DMA_API_DEBUG_SG"],
    place: KERNEL_OPTION,
    doc: "The checker of DMA calls; with SG it checks the segments of lists too.",
    see: ["dma_debug", "dma.8.1", "dma.8.2"],
  },
  {
    words: ["CONFIG_DMA_CMA", "CONFIG_CMA", "CONFIG_CMA_SIZE_MBYTES"],
    place: KERNEL_OPTION,
    doc: "Contiguous memory for coherent allocations of devices without an IOMMU, and its size.",
    see: ["dma.1.9", "dma_alloc_coherent"],
  },
  {
    words: ["CONFIG_SWIOTLB", "CONFIG_SWIOTLB_DYNAMIC", "CONFIG_DMA_RESTRICTED_POOL"],
    place: KERNEL_OPTION,
    doc:
      "Bounce buffers: their pool, a pool that grows, and a pool of one device in reserved memory.",
    see: ["swiotlb.size", "dma.6.1"],
  },
  {
    words: [
      "CONFIG_IOMMU_DEFAULT_PASSTHROUGH",
      "CONFIG_IOMMU_DEFAULT_DMA_STRICT",
      "CONFIG_IOMMU_DEFAULT_DMA_LAZY",
    ],
    place: KERNEL_OPTION,
    doc: "How devices are translated if the command line does not say it.",
    see: ["iommu.mode", "dma.9.2"],
  },
  {
    words: ["CONFIG_IOMMU_DEBUG_PAGEALLOC"],
    place: KERNEL_OPTION,
    doc: "The kernel can check that no page is freed while an IOMMU maps it.",
    see: ["iommu.debug_pagealloc", "dma.8.4"],
  },
  {
    words: ["CONFIG_PCI_P2PDMA"],
    place: KERNEL_OPTION,
    doc: "DMA between devices: without it no memory of a device is offered to peers.",
    see: ["p2p.9.4", "dma.9.1"],
  },
  {
    words: ["CONFIG_VMAP_STACK"],
    place: KERNEL_OPTION,
    doc:
      "Stacks are vmalloc memory: a buffer on the stack is not contiguous, and its map is refused.",
    see: ["map_vmalloc", "map_stack"],
  },
  {
    words: ["CONFIG_ZONE_DMA", "CONFIG_ZONE_DMA32", "GFP_DMA", "GFP_DMA32"],
    place: KERNEL_OPTION,
    doc:
      "Memory that devices with a narrow mask reach: coherent allocations come from there. Streaming mappings bounce instead.",
    see: ["dma.1.9", "dma_alloc_coherent"],
  },
];

/** Words of this program and of the extensions. */
export function userWords(extensions: readonly Extension[] = []): readonly UserWord[] {
  return [
    ...QUEUE_LIMITS,
    ...OF_DEVICES,
    ...PARAMETERS,
    ...CONFIGURATION,
    ...extensions.flatMap(({ words = [] }) => words),
  ];
}

/**
 * Finds users' words in a question: a path of sysfs, a name with or without a value, or several parameters of
 * a kernel command line.
 *
 * @returns An empty list if one of several words is unknown.
 */
export function userWordsIn(
  question: string,
  extensions: readonly Extension[] = [],
): readonly UserWord[] {
  const byWord = new Map(
    userWords(extensions).flatMap((entry) =>
      entry.words.map((word) => [word.toLowerCase(), entry] as const)
    ),
  );
  const text = question.trim().replace(/^["'`]+|["'`]+$/g, "").toLowerCase();
  const whole = byWord.get(text) ??
    (/^\S+:\s+\S+$/.test(text) ? userWord(text, byWord) : null);
  if (whole !== null) return [whole];
  const found = text.split(/\s+/).map((word) => userWord(word, byWord));
  return found.every((each) => each !== null) ? [...new Set(found)] : [];
}

function userWord(text: string, byWord: ReadonlyMap<string, UserWord>): UserWord | null {
  const [name = "", value] = text.split(/\s*=\s*|:\s+/, 2);
  const path = name.split("/").filter((part) => part !== "");
  const forms = [
    text,
    ...value === undefined ? [] : [`${name}=${value}`, ...valuesIn(name, value), `${name}=`],
    // In `iommu_groups/7/type` the number is left out.
    ...path.length > 2 ? [`${path.at(-3)}/${path.at(-1)}`] : [],
    ...path.length > 1 ? [path.slice(-2).join("/"), path.at(-1)!] : [],
    name,
    `${name}=`,
  ];
  for (const form of forms) {
    const found = byWord.get(form);
    if (found !== undefined) return found;
  }
  return null;
}

/**
 * The words for the values in `intel_iommu=on,sm_on` and `pci=noats,disable_acs_redir=…`, one for
 * each value.
 */
function valuesIn(name: string, value: string): string[] {
  return value.split(",").map((each) => `${name}=${each.split("=")[0]}`);
}

/**
 * The explanation of a word as Markdown, with the names that the user can look up next.
 * @param titleOf Returns one line about a name.
 */
export function userWordLines(
  { doc, place, see, words }: UserWord,
  titleOf: (name: string) => string | null,
): string[] {
  return [
    `## ${words[0]}`,
    "",
    `${place}${place.endsWith("/") ? words[0] : ""}: ${doc}`,
    "",
    ...words.length === 1
      ? []
      : [`Also: ${words.slice(1).map((word) => `\`${word}\``).join(", ")}.`, ""],
    ...see.map((name) => {
      const title = titleOf(name);
      return title === null ? `- \`${name}\`` : `- \`${name}\`: ${title}`;
    }),
    "",
  ];
}
