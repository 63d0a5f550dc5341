/**
 * What a line about DMA is about, for lines that no row of the table has: a channel, a mask, a
 * group. An object gives the meaning of the words, and what can be the reason where the words say that
 * something did not succeed.
 */
import { WC_STATUSES } from "../messages/completions.ts";
import type { MessageKind } from "../messages/kinds.ts";

/** Why something did not succeed, as far as object and verb imply it, and what to look at next. */
export interface Reason {
  readonly text: string;
  readonly next: string;
}

export interface LineObject {
  /** The value of the fact `object`. */
  readonly name: string;
  readonly words: RegExp;
  /** The object within a sentence. */
  readonly noun: string;
  /** The kind of entries of lines that say something is wrong. */
  readonly kind: MessageKind;
  /** A fact that holds for each line about the object. */
  readonly about?: string | ((text: string) => string);
  /** Reasons where the object could not be got, found or allocated. */
  readonly got?: Reason;
  /** The same reasons for a PCI function, which has no node. */
  readonly gotOfPci?: Reason;
  readonly used?: Reason;
  readonly silent?: Reason;
  readonly linked?: Reason;
  /** Whether a step with the object that failed most often is one to get it. */
  readonly isGot?: true;
  /** Reasons where the object did not end, stopped, or was refused at work. */
  readonly ended?: Reason;
  /** Reasons where a value is not valid, too large or not supported. */
  readonly valid?: Reason;
}

/** The status of a completion in words. */
function completionText(text: string): string {
  const status = /\b(?:error|status)[ =:]+(\d{1,2})\b/i.exec(text)?.[1];
  const words = status === undefined ? undefined : WC_STATUSES[Number(status)]?.[0];
  return words === undefined
    ? ""
    : `If its status is one of libibverbs (ibv_wc_status), ${status} is ${words}`;
}

/** What is free in a zone, beside its minimum. */
function zoneText(text: string): string {
  const [, free, least] = /\bfree:(\d+)kB\b.{0,40}?\bmin:(\d+)kB/.exec(text) ?? [];
  return free === undefined
    ? "Memory that devices of a narrow DMA mask reach is in DMA and DMA32; an empty zone is no error"
    : `Of the zone ${free} kB are free, ${
      Number(free) < Number(least) ? "below" : "not below"
    } its minimum of ${least} kB`;
}

const CACHES_OF_IOMMU = "look at the lines of the IOMMU at boot " +
  "(`dmesg | grep -i -e iommu -e smmu -e dmar`) and at /sys/kernel/iommu_groups";

/** `nents=0 orig_nents=2`: a list of which no entry is mapped. */
const UNMAPPED_LIST = /\bnents[ =:]+0\b.{0,40}?\borig_nents[ =:]+([1-9]\d*)\b/i;
const UNMAPPED_LIST_BACK = /\borig_nents[ =:]+([1-9]\d*)\b.{0,40}?(?<!orig_)\bnents[ =:]+0\b/i;

/** The number of entries of a list of which none is mapped, by the values of a line; null for another line. */
export function unmappedEntriesIn(text: string): number | null {
  const found = UNMAPPED_LIST.exec(text) ?? UNMAPPED_LIST_BACK.exec(text);
  return found === null ? null : Number(found[1]);
}

/** The numbers of entries in words. */
function entriesText(text: string): string {
  const entries = unmappedEntriesIn(text);
  return entries === null
    ? ""
    : `Its values: the list has ${
      entries === 1 ? "1 entry" : `${entries} entries`
    } (orig_nents), ` +
      "and none of them is mapped for a device (nents is 0)";
}

/** Why memory of a program or its guest is not taken. */
const GUEST_MEMORY: { readonly got: Reason; readonly valid: Reason } = {
  got: {
    text:
      "address or size of the region is no multiple of the pages that the program works with (2 MiB huge pages in SPDK and DPDK), the memory is not shared with the program, or overlaps with a region that it has",
    next:
      "compare the regions' addresses and sizes with the page size, and look how the guest's memory is backed (a file or memfd of huge pages, share=on)",
  },
  valid: {
    text:
      "address or size of the region is no multiple of the pages that the program works with (2 MiB huge pages in SPDK and DPDK)",
    next:
      "compare the regions' addresses and sizes with the page size, and look how the guest's memory is backed and how large it is",
  },
};

/** The object of memory of which nothing says that it is a guest's. */
const REGISTERED = "registered memory";

/** The object of a line about a map in an IOMMU. */
export const MAP_OF_IOMMU = "map of an IOMMU";

/** `memory larger than 4G`, `no pages below 32 bits`; not the firmware's setting "Above 4G decoding". */
const OVER_LIMIT =
  /\b(?:memory|mem|addr(?:ess)?(?:es)?|buffers?|bufs?|pages?|phys(?:ical)?|iovas?|dma)\b[^.;]{0,40}?\b(larger|greater|higher|bigger|more|above|beyond|over|exceed(?:s|ing)?|outside|under|below|within|lower)\b(?: than)?(?: the)?(?: (?:first|low|lower|limit of))? ?(\d{1,2} ?Gi?B?|(?:24|3\d|4\d) ?[- ]?bits?)\b(?! decod)/i;

/** The limit that a line names, and on which side of it the memory has to be. */
function limitText(text: string): string {
  const [, side, limit] = OVER_LIMIT.exec(text) ?? [];
  if (limit === undefined) return "";
  const bits = /bit/i.test(limit) ? ` of addresses of ${limit.replace(/[- ]+/, " ")}` : ` ${limit}`;
  return /^(?:under|below|within|lower)$/i.test(side!)
    ? `It wants memory below the limit${bits}`
    : `It names memory beyond the limit${bits}`;
}

const OUT_OF_REACH: Reason = {
  text:
    "the device, its own MMU or its bus takes no addresses above the limit, and the memory that it was given or asked for is not below it: a buffer of a heap, an area or an exporter without that limit, on a machine with more memory than that, or too little free memory below it",
  next:
    "take the buffer from memory below the limit: a heap or a pool for 32-bit addresses (dma-heap, GFP_DMA32), an area of which the node or option names a place below it (alloc-ranges, cma=SIZE@PLACE), and the DMA mask of the device that really does the access; as a trial start with less memory (mem=3G): if the error is gone then, the place of the memory is the reason",
};

/** More specific objects come first: the first one whose words a line has is its object. */
const LINE_OBJECTS: readonly LineObject[] = [
  {
    name: "probe",
    words:
      /\bprobe of \S+ failed|\bfailed to probe\b|\bprobe failed|\bprobe\b.{0,30}\bwith error\b/i,
    noun: "the probe of a device by its driver",
    kind: "device_error",
  },
  {
    name: "flushed work request",
    words: /work request flushed|\bWR_FLUSH\w*|\bwr flush/i,
    noun: "a work request of RDMA that was flushed",
    kind: "driver_dma_error",
    about:
      "Requests are flushed when their queue pair is in the error state: it is a consequence. The first completion of the queue pair with another status, or the end of the connection, is the reason",
  },
  {
    name: "peer-to-peer DMA",
    words: /p2pdma|_p2p_|\bp2p\b|peer[- ]to[- ]peer|gpu ?direct/i,
    noun: "peer-to-peer DMA, by which a device reaches the memory of another one",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "the device or its driver does not give its memory to others (a model without it, another driver), or the path between the two devices is none that is allowed",
      next:
        "look at what the documentation of the driver says of the device, and at the path between the two (`lspci -tv`; `nvidia-smi topo -m` of NVIDIA)",
    },
    valid: {
      text:
        "the device or its driver does not give its memory to others (a model without it, another driver), or the range is none that it can give",
      next:
        "look at what the documentation of the driver says of the device, and compare the range with its buffers",
    },
  },
  {
    name: "RDMA completion",
    words:
      /\bgot completion\b.*\b(?:error|status)\b|\bcompletion (?:error|with error)\b|\bwc[._ ]?status\b/i,
    noun: "a completion of RDMA",
    kind: "driver_dma_error",
    about: completionText,
  },
  {
    name: "RDMA registration",
    words:
      /\bibv?_reg\w*mr|reg_(?:user_)?mr\b|\bregister_\w{0,24}_mr\b|(?:register|regist\w+).{0,30}\b(?:mr|memory region)\b.{0,40}\brdma|\bumem\b|\brdma\b.{0,60}?(?:register|regist\w+)|_mr_reg\w*|\breg(?:ister)? (?:user )?mr\b|\b(?:register|allocate|create|get)(?: \w+)? mrs?\b|\bregist\w* (?:mr|memory)\b(?! region)|memory regist\w+/i,
    noun: "the registration of memory for RDMA",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "the memory could not be pinned (limit of locked memory), is no memory that the device takes (memory of a GPU needs its module for peers, such as nvidia-peermem, or dma-buf), or the device has no entry left",
      next:
        "look at the limit of locked memory (ulimit -l), at the device's limits (ibv_devinfo -v), and at the kernel's log of the same second; of a GPU's memory whether the module for peers is loaded (lsmod | grep peermem)",
    },
    valid: {
      text:
        "the range is no memory that the device or this kernel registers (memory of a GPU without its module for peers, such as nvidia-peermem, or without dma-buf; a BAR, a file), or the length or the access rights are none that it takes",
      next:
        "register a buffer of the program's own memory with the same rights: if that works, the kind of the memory is the reason. Of a GPU's memory look whether the module for peers is loaded (lsmod | grep peermem), and at the kernel's log of the same second",
    },
  },
  {
    name: "pinned pages",
    words:
      /\bpin(?:ned|ning)?\b[^.]{0,30}?\bpages?\b|\bpages?\b[^.]{0,20}?\bpinn(?:ed|ing)\b|\b(?:get|pin)[_ ]user[_ ]pages\w*|\bget (?:the )?(?:pte|pages? (?:from|of|at|for) (?:the )?(?:virtual|virt|user|va|addr)\w*)\b/i,
    noun: "the pinning of a program's pages, which comes before they are mapped for a device",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "a part of the range is not in the program's memory, or is read only where the device writes, memory is short, or the limit of locked memory is reached",
      next:
        "compare address and length that the program gives with its memory (/proc/PID/maps), and look at free memory and at the limit of locked memory (`ulimit -l`)",
    },
  },
  {
    name: "guest memory",
    words:
      /\bguest[ _-]+(?:memory|physical|virtual|phys)|\b(?:host|guest) +virtual +addr|\bmmap (?:addr|size|align|off)\b|\bmem(?:ory)?[_ ]table\b/i,
    noun: "memory that a program registers or maps for devices, most often a guest's",
    kind: "memory_setup",
    isGot: true,
    got: GUEST_MEMORY.got,
    valid: GUEST_MEMORY.valid,
  },
  {
    name: REGISTERED,
    words:
      /vtophys|\bmem(?:ory)?_(?:un)?register|memory[_ ]region[_ ](?:add|del|remove|register|unregister|create|map)\w*|\bmemory region\b.{0,20}\b(?:un)?regist\w*|regist\w* memory region|(?<!free )\bmemory ?region\b|\w(?<=[a-z])MemoryRegion\b/i,
    noun: "memory that a program registers or maps for devices",
    kind: "memory_setup",
    isGot: true,
    got: GUEST_MEMORY.got,
    valid: GUEST_MEMORY.valid,
  },
  {
    name: "ACCESS_PLATFORM",
    words: /\bACCESS_PLATFORM\b|\biommu_platform\b|VIRTIO_F_IOMMU/,
    noun: "virtio's feature ACCESS_PLATFORM (iommu_platform)",
    kind: "driver_dma_error",
    about:
      "A device that offers it reaches memory through the platform: by an IOMMU, or in a guest of which memory is protected. It may refuse a driver that does not accept it",
  },
  {
    name: "memory zone",
    words:
      /^\s*(?:DMA(?:32)?|Normal|HighMem|Movable|Device)\s+(?:\[mem|empty)|\bDMA(?:32)? zone(?! (?:for|of|\w+ failed))|\bzone DMA|^\s*(?:Node \d+ )?DMA(?:32)? free:\d+kB/i,
    noun: "a zone of the page allocator",
    kind: "memory_setup",
    about: zoneText,
  },
  {
    name: "command of a disk",
    words:
      /\b[UMSP]?W?DMA\/\d{2,3}\b|\bmax UDMA|\bUDMA\d|FPDMA|\b(?:READ|WRITE)(?: LOG)? DMA (?:EXT|QUEUED)\b|\bcommand:? (?:READ|WRITE)(?: LOG)? DMA\b|\bncq dma/i,
    noun:
      "a command or a transfer mode of a disk (UDMA and the like are modes between controller and disk)",
    kind: "device_error",
    ended: {
      text:
        "the disk, its cable or its power: no mapping is concerned, unless an IOMMU reports a fault in the same seconds",
      next:
        "look at `exception Emask` and `SErr` beside it and at the disk (`smartctl -a`); try another cable or port",
    },
  },
  {
    name: "DMA buffer shared between drivers",
    words:
      /\bdma[-_ ]?bufs?\b|\bdmabuf|\bprime (?:import|export|fd)|\bimport(?:ing)? (?:the )?(?:buffer )?fd\b/i,
    noun: "a buffer that drivers share (dma-buf)",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "the exporter of the buffer could not map it for this device (out of its reach, no contiguous memory, peer-to-peer not possible), the file descriptor is no dma-buf, or the driver has no support for it",
      next:
        "look at who exports the buffer (/sys/kernel/debug/dma_buf/bufinfo), and at the line before it for a map or an allocation that failed",
    },
    valid: {
      text: "size, format or layout of the buffer do not fit the importing device",
      next:
        "compare size, pitch and offset of the exporter with what the importer takes; /sys/kernel/debug/dma_buf/bufinfo lists buffers and their devices",
    },
  },
  {
    name: "DMA mask",
    words:
      /(?:dma|coherent|addressing|\b(?:24|3[0-9]|4[0-9]|64)[- ]?bits?)\b.{0,40}?\bmask\b|\bmask\b.{0,40}?\b(?:dma|coherent)\b|dma_mask/i,
    noun: "a DMA mask, the width of the addresses that the device can send",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "the platform gives the device no addresses of that width (dma-ranges, a device without a dma_mask of its own), or no memory is within it",
      next:
        "compare the mask that the driver asks for with dma-ranges and with where memory is (`dmalab explain dma_set_mask`)",
    },
    valid: {
      text:
        "the platform gives the device no addresses of that width (dma-ranges, a device without a dma_mask of its own), or no memory is within it",
      next:
        "compare the mask that the driver asks for with dma-ranges and with where memory is (`dmalab explain dma_set_mask`)",
    },
  },
  {
    name: "reach of addresses",
    words: OVER_LIMIT,
    noun: "memory above or below a limit of addresses",
    kind: "driver_dma_error",
    about: limitText,
    isGot: true,
    got: OUT_OF_REACH,
    valid: OUT_OF_REACH,
  },
  {
    name: "DMA register",
    words:
      /\bdma\b.{0,24}?\b(?:regs?|registers?)\b(?! (?:mr|memory|buf))|\b(?:regs?|registers?) (?:of|for) (?:the )?dma\b/i,
    noun: "a register of a DMA engine or of a device's own DMA",
    kind: "driver_dma_error",
  },
  {
    name: "DMA channel",
    words:
      /(?<![a-z_])[a-z]{0,5}dma\b.{0,60}?\bchan(?:nel)?s?\b|\bchan(?:nel)?s?\b.{0,40}?\bdma\b|\bdma_?chan|\b[rt]x[ -_]chan|\b(?:[rt]x|slave)[-_ ]?dma\b.{0,20}(?:found|availab)|dma_request|dma request\b|\brequest(?:ing)? (?:[rt]x[ -])?dma\b(?! (?:mask|mem|buf|addr))|\bdma-names\b|slave channel/i,
    noun: "a channel of a DMA engine",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "the engine's driver is not built, not bound or not yet there (-517), the device's node names no channel (`dmas`, `dma-names`) or a wrong one, or all channels are taken. Many drivers go on without DMA",
      next:
        "look whether the engine is bound and who has its channels (/sys/class/dma, /sys/kernel/debug/dmaengine/summary), at `dmas` and `dma-names` of the device's node, and at whether the driver's later lines say that it goes on",
    },
    gotOfPci: {
      text:
        "no engine that the kernel knows gives a channel: its driver is not loaded or not bound (ioatdma, idxd, ptdma, dw-edma and others), or all channels are taken. Many drivers go on without DMA",
      next:
        "look which engines are there and who has their channels (/sys/class/dma, /sys/kernel/debug/dmaengine/summary), and at whether the driver's later lines say that it goes on",
    },
    ended: {
      text:
        "the transfer did not end: the device gives no request (no clock, not started), the completion interrupt of the channel did not come, or an access was refused or never answered",
      next:
        "look whether the channel's interrupt grows (/proc/interrupts), at clock and power of the device, and for a fault of an IOMMU in the same seconds",
    },
    valid: {
      text:
        "the channel's settings do not fit: a width, burst, address or direction that the engine does not take, or a wrong number of the request line",
      next:
        "compare what the client configures (address, width, burst, direction) with the engine, and the numbers in `dmas` with the manual of the chip",
    },
  },
  {
    name: "DMA descriptors",
    words:
      /\bdma\b.{0,40}?\b(?:des|desc|descs|descriptors?)\b|\bdesc(?:riptor)?s?\b.{0,30}?(?:dma|ring|pool|chain|list)|\b(?:no|no free|too many|[rt]x|free|hw) desc(?:riptor)?s?\b|\bLLIs?\b/i,
    noun: "descriptors, the entries in memory by which an engine finds its buffers",
    kind: "driver_dma_error",
    got: {
      text:
        "the memory for the descriptors was not allocated (coherent memory, a DMA pool), or all descriptors are in use because transfers do not end",
      next:
        "look at the lines before it for an allocation that failed (`page allocation failure`, cma, DMA pool), and whether transfers of the device end (its interrupt in /proc/interrupts)",
    },
    ended: {
      text:
        "the device did not take or complete its descriptors: it was not started, cannot read them (an address out of its reach, an access that was refused), or its writes to them are not seen by the CPU",
      next:
        "compare the ring's DMA address in the device's register with the one of its allocation, look for a fault of an IOMMU in the same seconds, and whether the ring is coherent memory",
    },
    valid: {
      text:
        "an entry that the device does not take (not yet written, overwritten, at another address), or more or longer entries than the driver or the device can do",
      next:
        "compare the number and the lengths of the entries with the device's manual and the driver's limits, and check the barrier (dma_wmb) before an entry is given to the device",
    },
  },
  {
    name: "DMA pool",
    words: /\bdma[-_ ]?pool|pci_pool|coherent[-_ ]pool|atomic pool/i,
    noun: "a pool of coherent memory",
    kind: "dma_pool_error",
    got: {
      text:
        "the pool is used up or could not grow: too many small allocations at a time, a leak of them, or memory of the zone that the mask allows is short",
      next:
        "look at the pools of the device (/sys/bus/pci/devices/*/pools, /sys/kernel/debug/dma_pools) and enlarge the atomic pool as a trial (coherent_pool=SIZE)",
    },
  },
  {
    name: "bounce buffers",
    words: /swiotlb|software io tlb|\bbounce[- ]?buffer|\bbouncing\b|\bbounced?\b.{0,20}dma/i,
    noun: "bounce buffers, memory within the reach of a device to which data are copied",
    kind: "memory_setup",
    got: {
      text:
        "the pool is not there, is full or in pieces, or the request is larger than a piece of it",
      next:
        "look for `software IO TLB` at boot and at /sys/kernel/debug/swiotlb, and which device needs bounces: its DMA mask, or memory encryption",
    },
  },
  {
    name: "contiguous memory",
    words: /\bcma\b|\bcma:|linux,\w*cma|\bfree_cma|\bcma(?:free|total)\b|contiguous/i,
    noun: "contiguous memory (CMA)",
    kind: "memory_setup",
    got: {
      text:
        "the area is too small, full, or in pieces with pages that cannot be moved, or the area was never set up",
      next:
        "look at CmaTotal and CmaFree in /proc/meminfo and at `cma: Reserved` at boot; enlarge the area (cma=SIZE, or its reserved-memory node)",
    },
    valid: {
      text: "the area's place, size or alignment is not what the system can reserve",
      next: "compare the area (cma=, its reserved-memory node) with the memory of the machine",
    },
  },
  {
    name: "reserved memory",
    words: /reserved[- ](?:mem|region)|memory-region|carve[- ]?out|\bno-map\b|\brmem\b/i,
    noun: "a reserved region of memory",
    kind: "memory_setup",
    got: {
      text:
        "the region is not described, overlaps with another one or with memory in use, or its driver was not there when it was needed",
      next:
        "compare `memory-region` of the device with the reserved-memory nodes, and the lines `Reserved memory` at boot with /proc/iomem",
    },
  },
  {
    name: "IOMMU group",
    words: /iommu[_ -]?groups?\b|\bgroup\b.{0,40}?(?:viable|iommu|vfio)|vfio group/i,
    noun: "an IOMMU group, the devices that only together can be given away",
    kind: "iommu_setup",
    isGot: true,
    got: {
      text:
        "the IOMMU is off (firmware, command line) or does not cover the device, another device of the group has a host driver, or the group's file is not there because no device of it is bound to vfio-pci",
      next:
        "look at /sys/kernel/iommu_groups and at ls -l /dev/vfio: whether the device has a group, and which drivers its other members have",
    },
    valid: {
      text: "a device of the group is bound to a driver of the host, or to none that VFIO accepts",
      next:
        "list the members (/sys/kernel/iommu_groups/N/devices) and bind all of them to vfio-pci",
    },
  },
  {
    name: "fault of a device's own MMU",
    words:
      /(?<![a-z])mmu[_ ]?(?:page[_ ]?)?(?:fault|error)|\bpage fault error: err_type|\bget_pte\b/i,
    noun: "a fault of a device's own MMU, most often a GPU's",
    kind: "gpu_fault",
    about:
      "It is an access to the device's own address space, before the platform's IOMMU, which reports its faults in lines of its own",
    ended: {
      text:
        "a buffer of a program that was freed or never bound in the device's address space, or a job that uses a wrong address",
      next:
        "look at the program that the lines name and at the versions of its libraries and of the driver; the first fault counts, the others follow",
    },
    valid: {
      text:
        "a buffer of a program that was freed or never bound in the device's address space, or a job that uses a wrong address",
      next:
        "look at the program that the lines name and at the versions of its libraries and of the driver; the first fault counts, the others follow",
    },
  },
  {
    name: "IOMMU fault",
    words:
      /(?:iommu|smmu|dmar|translation|context|io[_-]?page|iopf) ?[-_]?(?:page )?faults?\b|fault.{0,30}\b(?:iommu|smmu|iova)\b/i,
    noun: "an access that an IOMMU did not let through",
    kind: "iommu_error",
    ended: {
      text:
        "the address was never mapped, is no longer mapped, or is not mapped for this access or this device",
      next:
        "record the mappings (examples/traces/data/collect-trace.sh): `dmalab trace check` says whether the address was mapped, when it went, and by whom",
    },
  },
  {
    name: "virtual IOMMU",
    words:
      /^(?=.*(?:libvirt|virsh|virDomain|Requested operation is not valid|unsupported configuration)).*(?:\bviommu\b|\biommu (?:device|model|driver)\b|\bdomain\b.{0,30}\biommu\b)/i,
    noun: "the virtual IOMMU of a machine (for libvirt, a domain is a machine)",
    kind: "vfio_error",
    isGot: true,
    got: {
      text:
        "the definition of the machine has an IOMMU already, or its type of machine, its architecture or this QEMU has no such IOMMU: the line names which",
      next:
        "look at the <iommu> devices in the definition (`virsh dumpxml NAME`): a machine has at most one; compare its model with the type of the machine",
    },
  },
  {
    name: "IOMMU domain",
    words:
      /\b(?:iommu|smmu)\b.{0,40}?domain|domain.{0,30}?\b(?:iommu|attach)|identity domain|passthrough mode|default domain/i,
    noun: "a domain of an IOMMU, the address space of a device",
    kind: "iommu_setup",
    isGot: true,
    got: {
      text:
        "the IOMMU's driver has no such type of domain, the device is in use by the DMA API, the reserved regions of the device do not fit, or the IOMMU is not ready (-517)",
      next: CACHES_OF_IOMMU,
    },
  },
  {
    name: "IOVA mode of DPDK",
    words: /\biova\b.{0,20}\bmode\b|\biova as\b|\b(?:PA|VA)['"]? mode\b/i,
    noun: "DPDK's addresses for devices: 'PA' are physical ones, 'VA' virtual ones behind an IOMMU",
    kind: "iommu_setup",
    isGot: true,
    got: {
      text:
        "'PA' needs /proc/self/pagemap with physical addresses (root), and a CPU and a kernel that give them; 'VA' needs an IOMMU, and devices that are bound to vfio-pci",
      next:
        "look at the drivers of the devices (dpdk-devbind.py --status), whether there are IOMMU groups (/sys/kernel/iommu_groups), and choose with --iova-mode",
    },
    valid: {
      text: "the devices, their drivers or the bus do not agree on one of the two modes",
      next:
        "look at the drivers of the devices (dpdk-devbind.py --status), and choose with --iova-mode",
    },
  },
  {
    name: "IOVA",
    words: /\biovas?\b|\bdma address space\b|\bvaddr\b.{0,30}\biova|\btranslate g[pv]a\b/i,
    noun: "an IOVA, an address as the device sends it",
    kind: "iommu_setup",
    got: {
      text: "no free range is left within the device's mask, or the range is taken or reserved",
      next:
        "look for mappings that are not given back (`dmalab trace check` with the dma and iommu events), and at the reserved regions of the group (/sys/kernel/iommu_groups/N/reserved_regions)",
    },
    valid: {
      text:
        "the range is not aligned to the pages of the IOMMU, wider than its addresses, or in a reserved region",
      next:
        "compare the range with the page sizes and the width of the IOMMU and with /sys/kernel/iommu_groups/N/reserved_regions",
    },
  },
  {
    name: "scatterlist",
    about: entriesText,
    words: /scatter|\bsg[-_ ]?(?:list|table|len|ents?|count|num)\b|\bsgl?\b|\bnents\b/i,
    noun: "a scatterlist, the pieces of a buffer",
    kind: "driver_dma_error",
    got: {
      text:
        "the list was not allocated, or a piece of it could not be mapped (no bounce slot, no IOVA, out of the device's reach)",
      next: "look at the line before it: swiotlb, DMA-API or an allocation that failed",
    },
    valid: {
      text:
        "more pieces or longer pieces than the device takes, a length of 0, or an alignment that it does not take",
      next:
        "compare the list with the limits that the driver announces (max_segments, max_segment_size, dma_set_max_seg_size)",
    },
  },
  {
    name: "vfio-user",
    words: /\bvfio[-_]user|\blibvfio-user\b/i,
    noun: "vfio-user, by which a program emulates a device for another one, such as a guest's",
    kind: "vfio_error",
  },
  {
    name: "VFIO",
    words: /(?<![a-z])vfio|iommufd|\bhostdev\d*\b/i,
    noun: "VFIO, by which a program gets a device",
    kind: "vfio_error",
    isGot: true,
    got: {
      text:
        "the file is not there (a module of VFIO that is not loaded, a container without the file), the device is not bound to vfio-pci, the program may not open its group's file, another program has it, or the IOMMU is off",
      next:
        "look at what is in /dev/vfio and at its rights, at the modules (lsmod | grep vfio), at the driver of the device (lspci -nnk), and at the kernel's log of the same second",
    },
    ended: {
      text: "the device did not answer a reset or a request of the program",
      next: "look at the kernel's log of the same second for the device's function",
    },
    valid: {
      text:
        "the IOMMU is off (firmware, command line), or the program asks for what the device, its group or this kernel does not have: a type of IOMMU, a region, an interrupt, a reset",
      next:
        "look whether there are groups (/sys/kernel/iommu_groups), read the kernel's log of the same second, and compare the versions of program and kernel",
    },
  },
  {
    name: "passthrough",
    words:
      /\bpassthru\b|pci_passthru|\bpptdev|passthrough of (?:host )?pci|pci(?:e)? (?:device )?passthrough|gpu passthrough/i,
    noun: "passing a device of the machine to a guest",
    kind: "vfio_error",
    valid: {
      text:
        "the host has no IOMMU that it uses (off in the firmware, or not enabled by the host's system), or the hypervisor cannot pass this device",
      next:
        "look whether the firmware offers an IOMMU (a table DMAR, IVRS or IORT in ACPI) and whether the host's system switched it on: its own boot log says so",
    },
  },

  {
    name: "RDMA memory",
    words:
      /(?<![a-z])rdma|\bibv?_\w+|\bmlx[45]_ib|reg_(?:user_)?mr\b|\bumem\b|\b[lr]key\b|\bqueue pair\b|\bverbs\b|\binfiniband\b|\bcqe\b|\bNET\/IB\b|\bmlx[45]_\d|\bib_mlx|\bqp 0x|\bwqe\b|\bgdrdma\b/i,
    noun: "RDMA",
    kind: "driver_dma_error",
  },
  {
    name: "GPU page table",
    words: /(?<![a-z])(?:gart|g?gtt|ppgtt|ttm)(?![a-z])|vm fault|\buserptr\b/i,
    noun: "a GPU's own table for memory (GART, GTT)",
    kind: "device_error",
    got: {
      text:
        "no system memory or no room in the table is left, or pages of a program could not be pinned or mapped for the GPU",
      next:
        "look at the lines before it (an allocation or a map that failed), and at the memory in use by the GPU's clients (/sys/kernel/debug/dri)",
    },
  },
  {
    name: MAP_OF_IOMMU,
    words:
      /(?<![a-z])(?:iommu|smmu|dmar|iov_pfn|iova|domain)\b.{0,60}?\bmap(?:ping|ped)?\b.{0,80}?\b(?:fail\w*|error|refused)|\bfail\w* to map\b.{0,60}?\b(?:iommu|smmu|iova|domain)\b/i,
    noun: "a map in the table of an IOMMU",
    kind: "iommu_error",
    isGot: true,
    got: {
      text:
        "the range is taken or does not fit the IOMMU's pages or addresses, memory for the table is short, or the memory may not be given to the device (as by a hypervisor that protects it)",
      next:
        "look at the lines before it for the reason (an errno, a state, a range), and at what is mapped there already; `dmalab trace check` with the iommu events shows the maps",
    },
    valid: {
      text:
        "the range, its length or its rights are none that the IOMMU's driver takes, or it is mapped already",
      next:
        "compare address and length with the pages of the IOMMU, and look at what is mapped there already; `dmalab trace check` with the iommu events shows the maps",
    },
  },
  {
    name: "IOMMU",
    words:
      /(?<![a-z])(?:iommu|smmu|sysmmu|dmar|dart|amd-?vi|vt-?d)(?![a-z])|\biommuv2|\bintr?[-_ ]?remap|interrupt remapping|\bsystem mmu\b/i,
    noun: "an IOMMU",
    kind: "iommu_setup",
    isGot: true,
    got: {
      text:
        "the IOMMU is off in firmware or by the command line, its driver is missing or comes later (-517), or the firmware does not say that it covers the device",
      next:
        `${CACHES_OF_IOMMU}. Without groups switch it on: in the firmware's setup (VT-d, AMD-Vi or IOMMU), of Intel also with intel_iommu=on on the kernel's command line`,
    },
    ended: {
      text:
        "the IOMMU did not answer a command or a register access, or did not let an access through",
      next: `look for a fault of the IOMMU in the same seconds; ${CACHES_OF_IOMMU}`,
    },
    valid: {
      text: "the firmware's table or the command line asks for what this IOMMU does not have",
      next: CACHES_OF_IOMMU,
    },
  },
  {
    name: "DMA mapping",
    words:
      /\bbus_dmamap\w*|\b(?:dma|pci|iommu)[-_ ]?(?:un)?map|\bmap(?:ping|ped)?\b.{0,30}?\b(?:dma|skb|sgl?|bus address)\b|\bdma\b.{0,30}?\bmap(?:ping|ped)?\b|\b(?:fail\w*|unable|can(?:not|'t)|could(?: not|n't)) (?:to )?map (?:the )?(?:src|dst|source|dest\w*|key|iv|ctx|context|result|assoc\w*|input|output|hash|digest|descriptors?|[rt]x|skb|frag\w*)\b/i,
    noun: "a DMA mapping",
    kind: "driver_dma_error",
    isGot: true,
    got: {
      text:
        "no bounce slot, no IOVA, an address out of the device's reach, or memory that cannot be mapped",
      next:
        "look at the lines before it for the reason (swiotlb, DMA-API); without one look for leaks (`dmalab trace check` with the dma events)",
    },
    valid: {
      text: "the memory, its length or its alignment is none that the call or the IOMMU takes",
      next:
        "look at the buffer that is mapped: kmalloc memory or pages, not the stack or vmalloc; CONFIG_DMA_API_DEBUG names it",
    },
  },
  {
    name: "DMA buffer",
    words:
      /\bdma\b.{0,40}?\b(?:buf(?:fer)?s?|mem(?:ory)?|alloc\w*|pages?)\b|\b(?:buf(?:fer)?s?|mem(?:ory)?|alloc\w*)\b.{0,40}?\bdma\b|dma_alloc|\bbus_dma(?:mem|_tag)\w*|coherent (?:mem|alloc|buf)|consistent (?:mem|alloc)|dma[-_]?heap|\bCREATE_DUMB\b|\bdumb buffer/i,
    noun: "memory for DMA",
    kind: "driver_dma_error",
    got: {
      text:
        "no contiguous memory of that size within the device's mask: an area that is full or too small (CMA, a reserved region), or pages that are in pieces",
      next:
        "look at the lines before it (cma:, swiotlb, `page allocation failure` with its order), and allocate at probe: contiguous memory gets rare while the machine runs",
    },
    valid: {
      text:
        "the buffer's address, length, alignment or kind (such as dma-buf) is none that the driver or the device takes",
      next:
        "compare what is asked for (address, length, alignment, kind of the buffer) with what the driver and the device take",
    },
  },
  {
    name: "rings of HD audio",
    words: /\b(?:CORB|RIRB)(?:WP|RP)?\b/,
    noun:
      "the rings with commands and answers of an HD-audio controller (CORB, RIRB), which it reads and writes by DMA",
    kind: "driver_dma_error",
    ended: {
      text:
        "the controller did not do its accesses or its reset: it is in a power saving state, its link or its DSP hangs, or an access was refused or never answered",
      next:
        "look for a fault of an IOMMU and for errors of PCI Express in the same seconds; without one at the driver's lines before it, at power saving as a trial (snd_hda_intel.power_save=0, pcie_aspm=off), and whether it comes after a resume only",
    },
  },
  {
    name: "DMA transfer",
    words:
      /\b(?:dma|idma|edma|sdma|vdma|gdma|pdma|mdma|adma|cdma|xdma)\w*\b.{0,60}?\b(?:trans(?:fer|action|mit)?s?|xfer|operation|read|write|copy|request|job|command|complet\w+)\b|\b(?:trans(?:fer|action)s?|xfer|read|write|complet\w+)\b.{0,40}?\bdma\b/i,
    noun: "a transfer by DMA",
    kind: "driver_dma_error",
  },
  {
    name: "DMA engine",
    words:
      /dma[-_ ]?engine|dma[-_ ]?controller|\bdmac\b|\b(?:idma|edma|sdma|vdma|pdma|mdma|cdma|xdma|qdma|udma|pl330|ioat(?:dma)?|idxd)\d*(?:_v?\d\w*)?\b/i,
    noun: "a DMA engine",
    kind: "driver_dma_error",
    valid: {
      text:
        "a setting, an address, a length, a width or a burst that the engine does not take, or that its client did not set",
      next:
        "compare what the client configures (address, width, burst, length, direction) with what the engine can do",
    },
    isGot: true,
    got: {
      text:
        "the engine is not described or has no clock, reset, interrupt or firmware, or its driver is not built or comes later (-517)",
      next:
        "look at the engine's node (clocks, resets, interrupts, firmware file), at what waits (/sys/kernel/debug/devices_deferred), and at /sys/class/dma",
    },
    gotOfPci: {
      text:
        "the engine of the function has no memory, interrupt (MSI), BAR or firmware that it needs, it is of a model that the driver does not know, or another driver has it",
      next:
        "look at the function (`lspci -vvnnk -s FUNCTION` as root: its driver, BARs, MSI), at the lines of the driver before this one, and at /sys/class/dma",
    },
  },
  {
    name: "NVMe",
    words:
      /(?<![a-z])(?:nvmet?|nvmf)(?:\d+)?(?![a-z0-9])|\bnvme[a-z]\w+|\b(?:IO|Apple)NVMe(?:[A-Z]\w*)?\b/i,
    noun: "an NVMe controller or target",
    kind: "nvme_state",
    isGot: true,
    got: {
      text:
        "the controller, subsystem or address is not there, does not answer, or refuses the connection: no mapping is named",
      next:
        "look at the controller's state (/sys/class/nvme/*/state, `nvme list -v`) and, over a network, at the target's address, port and name",
    },
    ended: {
      text:
        "the controller did not answer in time: a power state or firmware of the device, its link, or an access that was refused",
      next:
        "look for PCI Express errors and a fault of an IOMMU in the same seconds, and at the controller's own record (`nvme error-log`, `nvme smart-log`)",
    },
    valid: {
      text: "a setting or a property that the controller or this kernel does not take",
      next: "compare what the controller announces (`nvme id-ctrl`) with the setting",
    },
  },
  {
    name: "NVMe disk",
    words: /\bnvme\d+(?:c\d+)?n\d+(?:p\d+)?\b/i,
    noun: "a disk of NVMe",
    kind: "device_error",
  },
  {
    name: "huge pages",
    words: /huge[- ]?pages?|hugetlb\w*/i,
    noun: "huge pages",
    kind: "memory_setup",
    about: "Programs such as DPDK keep the memory of their DMA in them",
    isGot: true,
    got: {
      text:
        "of the size that the line names, none are reserved, or all are in use. That does no harm if pages of another size are there and the program goes on",
      next:
        "look whether the program goes on: if it stops for want of memory, look at the free pages of each size (/sys/kernel/mm/hugepages/*/free_hugepages), and reserve some (vm.nr_hugepages)",
    },
  },
  {
    name: "DMA",
    words: /\bdma\b|\w_dma\b|\bdma_\w|_dma_|\b[a-z]{0,5}dma\d*\b|\bDMA\w*|bus[- ]?master/i,
    noun: "DMA",
    kind: "driver_dma_error",
  },
];

/** What lines of a driver or an engine of DMA are about, if not about DMA itself. */
const SIDE_OBJECTS: readonly LineObject[] = [
  {
    name: "interrupt",
    words: /\birqs?\b|interrupt|\bmsi(?:-?x)?\b|\bgsi\b|\bint [a-d]\b/i,
    noun: "an interrupt of the device",
    kind: "device_error",
    got: {
      text:
        "the firmware's tables or the device's node give no interrupt (or a wrong one), or the interrupt controller has none left",
      next:
        "look at /proc/interrupts, at `interrupts` of the node or the firmware's version, and at the lines of the interrupt controller at boot",
    },
    ended: {
      text: "the interrupt did not come: it is wrong, masked, lost, or the device raised none",
      next: "look whether its count in /proc/interrupts grows",
    },
  },
  {
    name: "firmware",
    words: /firmware|\bmicrocode\b|\bfw\b|\bucode\b/i,
    noun: "the firmware of the device",
    kind: "device_error",
    got: {
      text:
        "the file is missing, cannot be read at this time of the boot, or does not fit the device",
      next:
        "look for the file (/lib/firmware) and the errno, and whether the initial file system has it",
    },
    ended: {
      text: "the firmware did not start or stopped answering",
      next: "look for the first error of the device before this line, and take a newer firmware",
    },
  },
  {
    name: "clock or reset",
    words: /\bclo?c?ks?\b|\breset control|\bpm_runtime|\bregulator\b|\bpower domain/i,
    noun: "a clock, reset or power domain of the device",
    kind: "device_error",
    got: {
      text: "it is not described, or its driver is not there yet (-517)",
      next: "compare the node with its binding, and look at /sys/kernel/debug/devices_deferred",
    },
  },
  {
    name: "registers",
    words:
      /\bbar ?\d?\b|\bioremap\b|\bmmio\b|\bregisters\b|\bregister (?:space|access|at|0x)|\bmem(?:ory)? resource|\bresou?rces?\b/i,
    noun: "registers or resources of the device",
    kind: "device_error",
    got: {
      text: "the region is not described, another driver has it, or the bus gives it no address",
      next: "look who has the region (/proc/iomem), and at the node or the BARs (`lspci -vv`)",
    },
    ended: {
      text: "the device did not answer the access: no clock, no power, or it is gone",
      next: "look at clock and power of the device, and whether `lspci` still shows it",
    },
  },
  {
    name: "link",
    words: /\blink\b|\bpcie?\b/i,
    noun: "the link or the bus of the device",
    kind: "device_error",
    ended: {
      text: "the link is down, slower than it could be, or lost: nothing of a mapping",
      next: "look at the link's state (`lspci -vv`: LnkSta) and for PCI Express errors before it",
    },
  },
];

/** A line with words about DMA only in the name of its driver or device. */
const OWN_DEVICE: LineObject = {
  name: "its device",
  words: /(?:)/,
  noun: "DMA, an IOMMU or NVMe only in a name",
  kind: "device_error",
};

/** A line of a port's driver, or of another part of PCI, whose words name nothing. */
const OF_PCI: LineObject = {
  name: "PCI device",
  words: /(?:)/,
  noun: "PCI only in a name",
  kind: "device_error",
};

/** A line of an engine's driver whose words name no part of it. */
const OF_ENGINE: LineObject = {
  name: "DMA engine (by its driver)",
  words: /(?:)/,
  noun: "a DMA engine, by its name",
  kind: "driver_dma_error",
};

/** Objects that a line is about where its driver or device has their name. */
const OF_NAMES: ReadonlySet<string> = new Set([
  ...["NVMe", "NVMe disk", "IOMMU", "VFIO", "DMA engine", "RDMA memory"],
  "DMA buffer shared between drivers",
]);

/** `qcom-bam-dma 7884000.dma: `: a driver and a device with DMA in their names are an engine. */
const IS_ENGINE = /^[\w-]*dma[\w-]* [\w.:-]*dma[\w-]*: /i;

const OF_RDMA = /(?<![a-z])rdma|\bibv_|\bmlx[45]_/i;

/**
 * The object of a line by its words; null if it has none.
 * @param said The line without the names in front of it.
 */
export function objectIn(said: string, line = said): LineObject | null {
  const has = ({ words }: LineObject, text: string) => words.test(text);
  const own = LINE_OBJECTS.find((object) => has(object, said));
  // A library of RDMA registers memory with its device.
  if (own?.name === REGISTERED && OF_RDMA.test(line)) return objectNamed("RDMA registration");
  if (own !== undefined) return own;
  const named = LINE_OBJECTS.find((object) => has(object, line));
  if (named === undefined) return null;
  if (named.name === "RDMA memory") return named;
  const side = sideObjectIn(said, named);
  if (side === OWN_DEVICE && (named.name === "DMA engine" || IS_ENGINE.test(line))) {
    return OF_ENGINE;
  }
  return side === OWN_DEVICE && OF_NAMES.has(named.name) ? named : side;
}

/** The object of a line of which only the part of the kernel is known, by the names in front of it. */
export function areaObjectIn(said: string, line: string): LineObject {
  const side = sideObjectIn(said);
  return side === OWN_DEVICE && NAMES_PCI.test(line) ? OF_PCI : side;
}

const NAMES_PCI = /(?<![a-z])(?:pcie?(?![a-z])|pcieport|AER|EEH)/i;

/** Words that are about DMA in a line whose driver or device has DMA in its name. */
const WEAK_WORDS: readonly (readonly [words: RegExp, object: string])[] = [
  [/\bdesc(?:r\w*|s)?\b/i, "DMA descriptors"],
  [/\bchan(?:nel)?s?\b/i, "DMA channel"],
  [/\btrans(?:fer|action)s?\b|\bxfer/i, "DMA transfer"],
  [/\bbuf(?:fer)?s?\b/i, "DMA buffer"],
];

/** The object of a line that is about DMA by the names in front of it only. */
export function sideObjectIn(said: string, named: LineObject | null = null): LineObject {
  const weak = named?.name.startsWith("DMA") !== true
    ? undefined
    : WEAK_WORDS.find(([words]) => words.test(said))?.[1];
  return weak === undefined
    ? SIDE_OBJECTS.find(({ words }) => words.test(said)) ?? OWN_DEVICE
    : objectNamed(weak)!;
}

const BY_NAME = new Map(
  [...LINE_OBJECTS, ...SIDE_OBJECTS, OWN_DEVICE, OF_ENGINE, OF_PCI].map((
    object,
  ) => [object.name, object]),
);

/** The object with a name. */
export function objectNamed(name: unknown): LineObject | null {
  return BY_NAME.get(String(name)) ?? null;
}

/** From the beginning of a word, so that a long word is searched once. */
const FILE = /(?<!\S)\S+\.(?:bit|bin|dtbo?|ko|elf|so|sh|hex|json|ya?ml|xclbin)\b/g;

/** A line without names of files, which may have words about DMA. */
export function withoutFiles(text: string): string {
  return text.replace(FILE, "a file");
}
