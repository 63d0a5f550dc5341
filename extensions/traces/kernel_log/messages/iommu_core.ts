/** Messages of the kernel's IOMMU layer, whichever IOMMU the machine has. @see rules/traces.md T.73 */
import type { LogEntryFacts } from "../log_facts.ts";
import { addressOf, inOrder, type MessageArea, type MessageRow, named } from "./message.ts";

const FAULT_WORDS = /fault|page_request|event|int_thread|evtq|priq|mc_irq/i;
const MAP_WORDS = /swiotlb|dma_map|iommu_map|map_sg|dma_alloc/i;
const PAGE_WORDS = /warn_alloc/i;

/**
 * Whether the lines that a rate limit suppressed were faults, judged by the name of the function
 * that printed them.
 */
const isOfFaults = ({ function: name }: LogEntryFacts) => FAULT_WORDS.test(String(name));

const SUPPRESSED: MessageRow = {
  kind: "suppressed",
  forms: ["{function}: {count} callbacks suppressed", "{function}: {count} messages suppressed"],
  condition:
    "The rate limit of a function held back messages; printed when it lets one through again",
  role: "consequence",
  follows: ["iommu_fault", "other_iommu_fault", "swiotlb_full"],
  means: ({ count }) => `${count} messages of this function were not printed`,
  causes: inOrder([
    {
      id: "faults",
      when: isOfFaults,
      certainty: "likely",
      text:
        "they are faults like those printed beside it: a device that goes on faulting, many times a second",
      next: ["look at the faults that were printed: the rest are most often of the same device"],
    },
    {
      id: "pages",
      when: ({ function: name }) => PAGE_WORDS.test(String(name)),
      certainty: "likely",
      text:
        "they are page allocations that failed, like those printed beside it, for whatever use: at most one is printed in 10 s",
      next: ["look at the page allocation that was printed: its order, its flags and its stack"],
    },
    {
      id: "maps",
      when: ({ function: name }) => MAP_WORDS.test(String(name)),
      certainty: "likely",
      text: "they are failed maps like those printed beside it",
      next: [
        "look at the failed maps that were printed: the rest are most often of the same device",
      ],
    },
    {
      id: "other",
      certainty: "unknown",
      text: "the kernel prints at most so many in 5 s",
      next: ["look at the lines of this function that were printed"],
    },
  ]),
};

export const IOMMU_CORE: MessageArea = {
  name: "IOMMU layer",
  page: "rules/dma.md 4",
  words: ["iommu", "IOMMU", "IOVA", "callbacks suppressed", "iopf"],
  rows: [
    {
      kind: "iommu_error",
      forms: [
        "*** STOP: {...} ({first_parameter=address},{...}DRIVER_VERIFIER_DMA_VIOLATION{...}",
        "{...}DRIVER_VERIFIER_DMA_VIOLATION{?{...} ({first_parameter=address},{...}?}",
      ],
      always: { system: "Windows" },
      derive: (facts) => ({ ...facts, by_iommu: addressOf(facts, "first_parameter") === 0x26n }),
      condition: "Windows stopped (bug check 0xE6), and its first parameter says at what",
      role: "report",
      finding: "iommu_error",
      means: ({ by_iommu }) =>
        by_iommu === true
          ? "Windows stopped (bug check 0xE6): an IOMMU refused an access of a device (first parameter 0x26)"
          : "Windows stopped (bug check 0xE6): Driver Verifier found a driver that breaks the rules of DMA; the first parameter says which",
      next: [
        "look at the second parameter, the device, with a debugger (`!analyze -v`), and at the driver of that device: a newer one, or without it as a trial; at a device that the firmware left running after a start from a dock or an external port",
      ],
    },
    SUPPRESSED,
    {
      kind: "map_unaligned",
      forms: [
        "iommu: unaligned: iova {address} pa {phys} size {size} min_pagesz {min_page}",
        "iommu: unaligned: iova {address} size {size} min_pagesz {min_page}",
      ],
      condition:
        "A map or an unmap of the IOMMU API whose address, memory or length is no multiple of the smallest page: EINVAL, or 0 bytes of an unmap. The DMA API aligns by itself",
      role: "report",
      finding: "map_unaligned",
      means:
        "A map or an unmap was refused: address, memory or length is no multiple of the IOMMU's smallest page",
      next: [
        "of drivers that use the IOMMU API (iommu_map) align to the smallest page of the domain (pgsize_bitmap); a kernel with pages smaller than the IOMMU's cannot map single pages",
      ],
    },
    {
      kind: "state",
      forms: [
        "iommu: Default domain type: {rest}",
        "iommu: DMA domain TLB invalidation policy: {rest}",
        "iommu: Memory encryption detected - Disabling default IOMMU Passthrough",
      ],
      condition: "At each boot of a kernel with IOMMU support, before any IOMMU is known",
      role: "state",
      means:
        "What the kernel wants for the translation of devices: the type of domain, or the policy of invalidation. The line does not prove that there is an IOMMU, and a device can have another type (/sys/kernel/iommu_groups/N/type)",
    },
    {
      kind: "state",
      forms: ["IOMMU Group {group=count}{~:|} {device=pci_function} {...}"],
      role: "state",
      means:
        "A line of a listing of the IOMMU groups: devices of one group are given to a guest together",
    },
    {
      kind: "state",
      forms: [
        "{device=uuid}: Adding to iommu group {group}",
        "{device=uuid}: Removing from iommu group {group}",
        "iommu: Adding device {device=uuid} to group {group}",
        "iommu: Removing device {device=uuid} from group {group}",
        "{device=uuid}: MDEV: {...}",
      ],
      condition: "A mediated device (mdev) is made or removed",
      role: "state",
      means:
        "The group of a mediated device: its parent's driver makes it, and no IOMMU's driver owns it. The parent's driver pins the pages that the guest's driver gives to the device",
    },
    {
      kind: "state",
      forms: [
        "Adding to iommu group {group}",
        "iommu: Adding device {device} to group {group}",
        "Removing from iommu group {group}",
        "iommu: Removing device {device} from group {group}",
      ],
      condition: "A device is behind an IOMMU whose driver took it, or leaves it",
      role: "state",
      means:
        "The group of a device that an IOMMU's driver owns. Whether it is translated is in /sys/kernel/iommu_groups/N/type",
    },
    {
      kind: "iommu_setup",
      forms: [
        "{driver} {device}: Using {bits=width}-bit DMA addresses",
        "Using {bits=width}-bit DMA addresses",
      ],
      condition:
        "A PCI device with a mask above 32 bits found no free IOVA below 4 GiB for a request; once for each device",
      role: "report",
      means: ({ bits, device }) =>
        `The IOVAs of ${
          device ?? "a device"
        } below 4 GiB are used up, or none of the wanted length is free: from this line on ` +
        `it gets DMA addresses of up to ${bits} bits. It is no error, and no map failed`,
      causes: [{
        id: "low_addresses_used_up",
        certainty: "possible",
        text:
          "many live mappings, large ones, or mappings that are never unmapped. Faults and wrong data that begin after this line point to a device, or to a mask, that does not carry so many bits",
        next: [
          "look at how many mappings of the device are live, and whether they only grow: `dmalab trace check` with the dma and iommu events",
          "if faults begin after this line, look at their addresses: the device may drop the bits above 32 (a smaller mask, dma_set_mask_and_coherent)",
        ],
      }],
    },
    {
      kind: "map_failed",
      forms: [
        "{driver~NVRM}: {?GPU ?}{device=pci_function}: Failed to {~create a DMA mapping|DMA map}",
        "{driver} {device}{? {interface_name}?}{~: | (unnamed net_device): }{?{function}: ?}{~TX|RX|Tx|Rx|rx|tx}{~ |-| skb | frag | buffer }{~DMA map failed|DMA mapping failed|DMA memory map failed|dma map failed|dma mapping failed|DMA mapping error}",
        "{driver} {device}{? {interface_name}?}{~: | (unnamed net_device): }{?{function}: ?}{~DMA mapping error|dma mapping error|DMA mapping failed|dma mapping failed|DMA-mapping failed|PCI map failed|dma_map_single failed|dma_map_page failed|dma_map_sg failed|dma_map_phys failed|scsi_dma_map failed|pci_map_single failed|pci_map_sg failed|Failed to map TX DMA|Failed to map RX DMA|DMA map failed|dma map failed}",
        "{driver} {device}{? {interface_name}?}{~: | (unnamed net_device): }{?{function}: ?}{~Failed|failed|Unable|unable} to {~DMA map|DMA-map|dma map|dma-map|map DMA|map dma|map TX|map RX|map rx|map tx|map scatterlist|map sg|map buffer|create a DMA mapping}",
        "{~dma_map_single|dma_map_page|dma_map_sg|dma_map_phys|scsi_dma_map|pci_map_single|pci_map_sg|DMA map|DMA mapping|Tx DMA map|TX DMA map|Rx DMA map} failed",
        "Failed to create a DMA mapping",
      ],
      role: "consequence",
      follows: ["swiotlb_full", "dma_overflow", "iova_full", "dma_debug"],
      means: (facts) => `The driver of ${named(facts, "device")} reports that a map failed`,
      next: [
        "look at the lines before it for the reason: a full bounce pool, an address out of reach, no address left; without one look for leaks (`dmalab trace check`)",
      ],
    },
    {
      kind: "iova_full",
      forms: [
        "Allocating {pages}-page iova for {device} failed",
        "Allocating {pages}-page iova failed",
      ],
      role: "report",
      finding: "iova_full",
      means: (facts) =>
        `The IOMMU's driver found no ${facts.pages} free pages of IOVA for ${
          named(facts, "device")
        }: the map failed`,
      causes: [{
        id: "full",
        certainty: "likely",
        text:
          "the device's address space has no such piece free: mappings that are never unmapped, or a mask that leaves little room",
        next: [
          "look for mappings that are never unmapped: `dmalab trace check` with the dma and iommu events",
          "a wider DMA mask gives the device more address space",
        ],
      }],
    },
    {
      kind: "iommu_setup",
      forms: ["Failed to reserve IOVA [{start}-{end}]"],
      condition: "The DMA windows of a host bridge overlap or are out of order",
      role: "report",
      means:
        "The DMA windows of a host bridge overlap, or are out of order: a device below it may get no translated DMA",
      next: [
        "look at the bridge's dma-ranges (device tree) or _DMA (ACPI): the windows must not overlap",
      ],
    },
    {
      kind: "iommu_setup",
      forms: [
        "{driver} {device}: IOMMU driver was not able to establish FW requested direct mapping",
        "IOMMU driver was not able to establish FW requested direct mapping",
      ],
      condition:
        "The map of a region of the firmware failed; printed once in a boot, and the attach goes on",
      role: "report",
      means:
        "A region that the firmware wants mapped one to one (RMRR, IVMD, RMR) was not mapped: what the firmware does there may fault. The line names the IOMMU, not the device",
      next: [
        "look for faults of the device in that region; a firmware update may have a better table",
      ],
    },
    {
      kind: "iommu_setup",
      forms: [
        "DMA-aliased sibling may be prematurely unblocked",
        "{device}: Failed to add to iommu group {group}: {errno}",
      ],
      role: "report",
      means: "A device is not translated as its driver expects",
      next: [
        "look in /sys/kernel/iommu_groups for the device: without a group it uses physical addresses",
      ],
    },
    {
      kind: "iommu_setup",
      forms: [
        "Failed to allocate default IOMMU domain of type {domain_type=count} for group {group} - Falling back to",
      ],
      condition:
        "The driver of the IOMMU refused the wanted type of domain (identity or lazy), and plain translation worked",
      role: "report",
      means: ({ group }) =>
        `The devices of group ${group} are translated, and each unmap is flushed at once: the wanted type of domain was refused`,
      next: [
        "nothing to do for the devices; only the speed of unmaps, or pass-through, is not as asked for",
      ],
    },
    {
      kind: "iommu_setup",
      forms: ["Failed to set up IOMMU for device {device}; retaining platform DMA ops"],
      condition:
        "The device has a translated domain, and the set-up of its IOVAs failed: it goes on with direct mapping",
      role: "report",
      means: ({ device }) =>
        `The IOMMU translates ${device}, but its maps give physical addresses: its DMA probably faults`,
      next: [
        "look at the lines before it: a DMA range outside the IOMMU's reach, or windows of the host bridge that overlap (Failed to reserve IOVA)",
      ],
    },
    {
      kind: "iommu_setup",
      forms: [
        "{driver} {device}: {~specified DMA range outside IOMMU capability|Incompatible range for DMA domain}",
        "specified DMA range outside IOMMU capability",
        "Incompatible range for DMA domain",
      ],
      condition:
        "The DMA range that the firmware gives for a device, and what the IOMMU translates, have nothing in common; or a device joins a domain of another range",
      role: "report",
      means: ({ device }) =>
        `${
          device ?? "A device"
        } got no IOVAs: its DMA range does not fit what the IOMMU translates`,
      next: [
        "compare dma-ranges above the device (device tree), or _DMA and IORT (ACPI), with the width of the IOMMU; a later line `retaining platform DMA ops` says that the device goes on with physical addresses",
      ],
    },
    {
      kind: "iommu_setup",
      forms: [
        "{driver} {device}: IOMMU driver error, requesting conflicting def_domain_type, {wanted_type=count} and {other_type=count}, for devices in group {group}",
      ],
      condition: "Two devices of one group need different types of domain: identity wins",
      role: "report",
      means: ({ device, group }) =>
        `Two devices of group ${group} need different types of domain, one of them ${device}: the whole group gets identity, and is not translated`,
      next: [
        "look at the types in /sys/kernel/iommu_groups/N/type and at which device of the group asks for identity (a quirk of the IOMMU's driver)",
      ],
    },
    {
      kind: "iommu_setup",
      forms: [
        "{driver} {device}: Device is not trusted, but driver is overriding group {group} to",
      ],
      condition:
        "An external (untrusted) PCI device, and the IOMMU's driver needs another type than a translated domain",
      role: "report",
      means: ({ device }) =>
        `${device} is external and must be translated, and the driver of the IOMMU asks for another type: the device gets no domain, and its driver is not bound`,
      next: [
        "look which quirk or option asks for identity (iommu=pt, a quirk of the device); a device in an internal slot that counts as external is a property of the firmware (ExternalFacingPort)",
      ],
    },
    {
      kind: "map_unaligned",
      forms: [
        "{driver} {device}: Unsupported alignment constraint",
        "Unsupported alignment constraint",
      ],
      condition:
        "The minimum alignment of the device (min_align_mask) is larger than the granule of the IOMMU (once per boot; each such map fails)",
      role: "report",
      finding: "map_unaligned",
      means: ({ device }) =>
        `A map of ${
          device ?? "a device"
        } failed, and each later one fails without a line: the device wants offsets kept (min_align_mask) over more than a page of the IOMMU`,
      next: ["look at dma_set_min_align_mask() in the driver, and at the IOMMU's smallest page"],
    },
    {
      kind: "iommu_setup",
      forms: ["iova flush queue initialization failed"],
      condition: "No memory for the queues of lazy invalidation: the domain stays strict",
      role: "report",
      means: "A domain flushes at each unmap, and not lazily: its queue could not be allocated",
      next: ["nothing to do for correctness: only unmaps are slower"],
    },
    {
      kind: "iommu_setup",
      forms: [
        "Failed to create {size_bytes}-byte IOMMU mapping for device {device}",
        "Failed to attach{~ed|} device {device} to {~IOMMU_mapping|IOMMU mapping}",
      ],
      condition: "32-bit Arm: a device behind an IOMMU got no translated mapping",
      role: "report",
      means: ({ device }) => `${device} uses physical addresses: it got no translated mapping`,
      next: ["look at the errors of the IOMMU's driver before this line"],
    },
    {
      kind: "state",
      forms: [
        "disabling DAC on VIA PCI bridge",
      ],
      condition: "A VIA bridge, without iommu=usedac",
      role: "state",
      means:
        "Devices below this bridge get no address above 4 GiB: a bus limit of ffffffff in later lines comes from here",
    },
    {
      kind: "state",
      forms: ["{~forcesac|allowdac|nodac} option ignored"],
      condition: "An old word of iommu= on the command line",
      role: "state",
      means: "An old word of iommu= on the command line, which has no effect",
    },
    {
      kind: "iommu_setup",
      forms: [
        "treating non-direct mapping [{address}] -> [{start}-{end}] as reservation",
        "Cannot reserve IOVA region of 0 size",
      ],
      condition:
        "`iommu-addresses` of a reserved region is not equal to its `reg`, or has no length",
      role: "report",
      means: "A region of the device tree was not mapped: it was only reserved, or ignored",
      next: [
        "compare `iommu-addresses` with `reg` of the reserved region: only equal ones are mapped one to one",
      ],
    },
    {
      kind: "iommu_setup",
      forms: ["DMA bounce buffers are inactive, unable to map unaligned transaction"],
      condition:
        "A buffer that starts or ends inside an IOMMU page has to be bounced, and there is no pool; printed once in a boot for all devices",
      role: "report",
      finding: "swiotlb_full",
      means:
        "A map failed: a buffer that does not fill its pages must be bounced (the device is untrusted, or the buffer is too small for it), and the kernel has no bounce pool. The line is printed once; later maps fail without it",
      next: [
        "let the kernel make a pool: no swiotlb=noforce, and swiotlb=force where none is made (swiotlb=SLOTS alone makes none where the kernel has found that the devices reach all memory); or mark the port as internal if the device is trusted",
      ],
    },
    {
      kind: "coherent_failed",
      forms: [
        "{driver} {device}: No usable DMA configuration, aborting",
        "{driver} {device}: {~No|no} {~suitable|usable} DMA {~available|addressing method found|mask available|configuration}",
        "{?{driver} {device}: ?}{~Failed|failed|Unable|unable} to set {~DMA mask|dma mask|dma_mask}: {errno}",
        "{driver} {device}: {~32-bit DMA enable failed|Unable to set DMA mask|unable to set DMA mask|set DMA mask failed|Failed to set 32-bit DMA mask|Failed to set 64-bit DMA mask}",
        "Failed to set dma_mask",
      ],
      always: { cause: "mask_refused" },
      role: "report",
      means: (facts) =>
        `The driver of ${
          named(facts, "device")
        } could not set a DMA mask, and gave up: dma_set_mask() failed`,
      next: [
        "the mask that the driver asks for reaches no memory, or less than the bus or the platform needs: compare it with dma-ranges and with where memory is (`dmalab explain dma_set_mask`)",
      ],
    },
    {
      kind: "iommu_error",
      forms: ["iopf with pasid {pasid} aborted"],
      condition:
        "A page request whose handler refused it, or whose group found no memory (limited in rate)",
      role: "report",
      means:
        "A page request of a device was answered with a failure: its handler refused it, or no memory was left",
      next: [
        "look whether the process that the PASID belongs to had ended, and at faults of the device in the same seconds",
      ],
    },
    {
      kind: "iommu_error",
      forms: ["Cannot accommodate DMA translation for IOMMU page tables"],
      condition:
        "A page of the page table was DMA-mapped (its walker is not coherent), and the bus address is not the physical one",
      role: "report",
      finding: "iommu_error",
      means:
        "A page of the IOMMU's own tables was bounced, or has a bus address other than its physical one: the table walker cannot use it",
      next: [
        "look at the reach of the IOMMU itself: its DMA mask (failed to set DMA mask for table walker) and dma-ranges above it",
      ],
    },
    {
      kind: "iommu_error",
      forms: ["Unmap of a partial large IOPTE is not allowed"],
      role: "report",
      finding: "unlink_splits_leaf",
      means: "An unmap began or ended within a large page of the page table: it was refused",
      next: ["unmap the range that was mapped, with its whole length"],
    },
    {
      kind: "iommu_error",
      forms: [
        "{driver} {device}: Failed to attach device to VA mapping",
        "failed to create ARM IOMMU mapping",
        "Failed to attach device to VA mapping",
        "Can't create IOMMU mapping - DMA-OPS will not work",
      ],
      role: "report",
      means: "The device has no translated DMA: maps for it fail or use physical addresses",
      next: ["look at the error before this line: why the IOMMU's driver refused the device"],
    },
  ],
};
