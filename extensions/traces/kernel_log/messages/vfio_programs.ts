/**
 * Messages of programs that map memory for devices: QEMU, cloud-hypervisor, kata, DPDK, SPDK, libvfn.
 * They print the errno of a call; which of its causes is left follows from the numbers in the line.
 *
 * @see rules/traces.md T.76
 */
import { ERRNO } from "@dmalab/runtime";
import type { LogEntryFacts } from "../log_facts.ts";
import { addressOf, type Cause, inOrder, type MessageRow, numberOf, stateRows } from "./message.ts";

export const MEMLOCK = [
  "raise the limit for the process that maps: `ulimit -l` in its shell, LimitMEMLOCK= in its unit, memtune hard_limit in libvirt; it needs the guest's whole memory and some more for each device",
  "huge pages for the guest's memory, where the program counts them once; or an IOMMU interface that counts per user (iommufd)",
];

/** Numbers of errnos: those of the kernel's side of the lab, and three that only programs print. */
const ERRNOS = { ...ERRNO, ESRCH: 3, EINTR: 4, EDEADLK: 35 };
const isErrno = (name: keyof typeof ERRNOS, words: RegExp) => (facts: LogEntryFacts) =>
  numberOf(facts, "errno") === -ERRNOS[name] || words.test(String(facts.errno_text)) ||
  new RegExp(`\\b${name}\\b`).test(String(facts.errno_text));

const isInvalid = isErrno("EINVAL", /Invalid argument/i);
const isOverflow = isErrno("EOVERFLOW", /Value too large/i);

/** The errno of a line: a program in Rust or DPDK prints the number without its sign, others within a text. */
function withErrno({ error_number, ...facts }: LogEntryFacts): LogEntryFacts {
  if (typeof error_number === "number") return { ...facts, errno: -Math.abs(error_number) };
  const [, number, words] = /^(-\d+)(?![\w.])\s*(?:[(:]\s*(.*))?/.exec(String(facts.errno_text)) ??
    [];
  return number === undefined
    ? facts
    : { ...facts, errno: Number(number), errno_text: words || null };
}

/** The errno of a line, and the region that QEMU names before its call. */
function withRegion(facts: LogEntryFacts, line: string): LogEntryFacts {
  const region = /\bRegion ([^,()]{1,80}): ?vfio\w*_dma_map ?\(/.exec(line)?.[1];
  return region === undefined ? withErrno(facts) : { region, ...withErrno(facts) };
}

/** The range that a line gives; null for a line without one. */
function rangeOf(facts: LogEntryFacts): { start: bigint; size: bigint } | null {
  const [start, size] = [addressOf(facts, "iova"), addressOf(facts, "size")];
  return start === null || size === null ? null : { start, size };
}

const PAGE = 4096n;
const END = 1n << 64n;
const isEmpty = (facts: LogEntryFacts) => rangeOf(facts)?.size === 0n;
const isUnaligned = (facts: LogEntryFacts) => {
  const range = rangeOf(facts);
  if (range === null) return false;
  const vaddr = addressOf(facts, "vaddr") ?? 0n;
  return [range.start, range.size, vaddr].some((each) => each % PAGE !== 0n);
};
const wraps = (facts: LogEntryFacts) => {
  const range = rangeOf(facts);
  return range !== null && range.start + range.size > END;
};
/** Whether the range of a line touches the addresses from `from` to `to`. */
const touches = (from: bigint, to: bigint) => (facts: LogEntryFacts) => {
  const range = rangeOf(facts);
  return range !== null && range.start < to && range.start + range.size > from;
};
/** The address bits that the end of the range needs. */
function bitsOf(facts: LogEntryFacts): number {
  const range = rangeOf(facts);
  return range === null ? 0 : (range.start + range.size - 1n).toString(2).length;
}
/** The width of the narrowest IOMMUs: two-level tables of VT-d, and QEMU's virtual VT-d. */
const NARROW_BITS = 39;

/** Whether QEMU names the region, and it is no BAR of a device. */
const isRam = ({ region }: LogEntryFacts) =>
  typeof region === "string" && !/BAR|mmaps/.test(region);

const TOO_HIGH = "look in the program at the address and the size: their sum is above 64 bits";

/** An errno of VFIO since Linux 6.18, in a line without the numbers. */
const OVERFLOW: Cause = {
  id: "may_wrap",
  when: (facts) => isOverflow(facts) && rangeOf(facts) === null,
  certainty: "likely",
  text: "EOVERFLOW: the range goes on behind the last address of 64 bits",
  next: [TOO_HIGH],
};

/** What the numbers of a refused map or unmap prove, in the order of the kernel's checks. */
const BY_NUMBERS: readonly Cause[] = [
  {
    id: "no_bytes",
    when: (facts) => isInvalid(facts) && isEmpty(facts),
    certainty: "likely",
    isOne: true,
    text: "EINVAL: the size is 0",
    next: ["look in the program at the size that it gives: a region of no bytes is not mapped"],
  },
  {
    id: "unaligned",
    when: (facts) => isInvalid(facts) && isUnaligned(facts),
    certainty: "likely",
    isOne: true,
    text:
      "EINVAL: the address, the size or the memory is no multiple of 4 KiB, and the IOMMU's smallest page is not smaller",
    next: [
      "look at the region in the program: a BAR that is smaller than a page, or one that begins within a page, cannot be mapped; the kernel can align small BARs (pci=resource_alignment=)",
    ],
  },
  {
    id: "wraps",
    when: (facts) => (isInvalid(facts) || isOverflow(facts)) && wraps(facts),
    certainty: "likely",
    isOne: true,
    text: (facts) =>
      isInvalid(facts)
        ? "EINVAL: the range goes on behind the last address of 64 bits (VFIO up to Linux 6.17)"
        : "EOVERFLOW: the range goes on behind the last address of 64 bits",
    next: [TOO_HIGH],
  },
];

const MAP_CAUSES: readonly Cause[] = inOrder([
  {
    id: "mapped_already",
    when: (facts) => facts.outcome === "ignored" && isErrno("EEXIST", /File exists/)(facts),
    certainty: "likely",
    finding: null,
    text:
      "EEXIST, which the program ignores: it maps a range that is mapped already, most often the same memory for a second device",
    next: [
      "nothing to do while the program works; if a device's data are wrong, the old mapping is of other memory: unmap it with exactly its address and size before the new map",
    ],
  },
  {
    id: "memlock",
    when: isErrno("ENOMEM", /Cannot allocate memory/),
    certainty: "likely",
    text:
      "ENOMEM: the limit on locked memory (RLIMIT_MEMLOCK), for which the kernel has a line in most cases; or no memory for the mapping itself or the IOMMU's page table",
    next: MEMLOCK,
  },
  {
    id: "no_entries",
    when: isErrno("ENOSPC", /No space left/),
    certainty: "likely",
    isOne: true,
    text:
      "ENOSPC: the container has as many mappings as it may (dma_entry_limit, 65535 unless it was set)",
    next: [
      "map larger pieces, or raise dma_entry_limit of the module vfio_iommu_type1 before the container is opened",
    ],
  },
  ...BY_NUMBERS,
  OVERFLOW,
  {
    id: "msi_window",
    when: (facts) => isInvalid(facts) && touches(0xfee00000n, 0xfef00000n)(facts),
    certainty: "likely",
    text:
      "EINVAL: the range touches 0xfee00000 to 0xfeefffff, where x86 has its interrupts: a reserved region of each device",
    next: [
      "leave these addresses out of the guest's memory: the program's map of its memory has a hole there",
    ],
  },
  {
    id: "hypertransport",
    when: (facts) => isInvalid(facts) && touches(0xfd00000000n, 0x10000000000n)(facts),
    certainty: "possible",
    text: (facts) =>
      `EINVAL: on AMD, the range touches the 12 GiB below 1 TiB, which its IOMMU reserves (HyperTransport); elsewhere the range needs ${
        bitsOf(facts)
      } address bits, and the IOMMU may translate fewer`,
    next: [
      "on AMD, move the memory above 1 TiB (newer QEMU does), or give the guest less memory; reserved_regions of the group lists 0xfd00000000",
    ],
  },
  {
    id: "too_wide",
    when: (facts) => isInvalid(facts) && bitsOf(facts) > NARROW_BITS,
    certainty: "likely",
    text: (facts) =>
      `EINVAL: the range needs ${
        bitsOf(facts)
      } address bits, and the IOMMU may translate fewer (39 or 48); or it touches a reserved region of the device`,
    next: [
      "compare with VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE or, on the host, `DMAR: Host address width` and reserved_regions of the group. Of a guest, place the BARs lower: phys-bits=39 (host-phys-bits-limit=39) of the CPU; a virtual IOMMU takes aw-bits=48 where the host has them",
    ],
  },
  {
    id: "reserved",
    when: isInvalid,
    certainty: "possible",
    text: (facts) =>
      rangeOf(facts) === null
        ? "EINVAL: the range is not aligned to the IOMMU's page, lies in a reserved region of the device, or has more address bits than the IOMMU translates; or the container has no type yet (VFIO_SET_IOMMU comes after the first group)"
        : "EINVAL: the range lies in a reserved region of a device of the container, the IOMMU's page is larger than 4 KiB, or the container has no type yet (VFIO_SET_IOMMU comes after the first group)",
    next: [
      "compare the range with reserved_regions of the device's group and with VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE; a virtual IOMMU translates 39 bits unless it is told otherwise (aw-bits=48)",
    ],
  },
  {
    id: "ram_not_backed",
    when: (facts) => isErrno("EFAULT", /Bad address/)(facts) && isRam(facts),
    certainty: "likely",
    text: ({ region }) =>
      `EFAULT: a page of ${region}, which is memory of the guest and no BAR, cannot be faulted in or pinned: the file behind it is shorter than the region, its huge pages have run out (a cgroup's limit of them, too), or it is of a kind that cannot be pinned (secret memory, enclave pages)`,
    next: [
      "look at the program's memory backend: the size of its file, HugePages_Free of /proc/meminfo and of each node, hugetlb.*.failcnt of its cgroup; `prealloc=on` of QEMU finds missing pages before the map",
    ],
  },
  {
    id: "not_pinnable",
    when: isErrno("EFAULT", /Bad address/),
    certainty: "possible",
    text:
      "EFAULT: a page cannot be pinned: it is no memory of the process, only readable, secret memory, a page that the file or the huge pages behind it do not have, or a BAR whose memory is switched off",
    next: [
      "look what the address is, in the program's memory map (/proc/PID/maps) or in the region's name beside it: of a guest's memory (pc.ram) the size of the file and the free huge pages behind it, of a BAR whether its memory decoding is on",
    ],
  },
  {
    id: "overlap",
    when: isErrno("EEXIST", /File exists/),
    certainty: "likely",
    text: "EEXIST: the range overlaps one that the container has",
    next: [
      "unmap the old range first, with exactly its address and size; two devices of one container need addresses of their own (BARs that the program has put at one place)",
    ],
  },
  {
    id: "long_term",
    when: isErrno("EOPNOTSUPP", /Operation not supported/),
    certainty: "likely",
    text: "EOPNOTSUPP: the memory may not be pinned for long: a file on a file system with DAX",
    next: [
      "take memory of another kind for the guest: anonymous, hugetlbfs, memfd, or a DAX device",
    ],
  },
  {
    id: "owner",
    when: (facts) =>
      isErrno("ENODEV", /No such device/)(facts) || isErrno("ESRCH", /No such process/)(facts) ||
      isErrno("EINTR", /Interrupted/)(facts),
    certainty: "likely",
    text: "ENODEV, ESRCH or EINTR: the process whose memory it is has ended, or was being killed",
    next: ["look why the process ended: its own log, and the kernel's (out of memory, a crash)"],
  },
  {
    id: "errno_lost",
    when: isErrno("ENOENT", /No such file/),
    certainty: "possible",
    text:
      "ENOENT: type 1 gives this errno only where an area gets an address again (flag VADDR). If a line `VFIO_MAP_DMA failed: …` stands before it, that line has the call's own, and QEMU took another one afterwards; with iommufd the address space does not exist",
    next: ["go by the line `VFIO_MAP_DMA failed: …` of the same map"],
  },
  {
    id: "other",
    certainty: "unknown",
    text: ({ errno, errno_text }) =>
      errno === null && errno_text === null
        ? "the line does not have the errno"
        : "the call's own checks do not give this errno: it comes from the IOMMU's driver, a filter of system calls, or the program itself",
    next: ({ errno, errno_text }) => [
      errno === null && errno_text === null
        ? "look at the program's line before it, which most often has the errno, and at the kernel's log of the same second"
        : "read the kernel's log of the same second, and look the errno up in the documentation of the call (VFIO_IOMMU_MAP_DMA, IOMMU_IOAS_MAP)",
    ],
  },
]);

const UNMAP_NEXT =
  "unmap with exactly the address and the size of the map; compare with the maps that the program made (its trace: `-trace vfio_*`, or strace)";

const UNMAP_CAUSES: readonly Cause[] = inOrder([
  ...BY_NUMBERS,
  OVERFLOW,
  {
    id: "part",
    when: isInvalid,
    certainty: "likely",
    text:
      "EINVAL: the range begins or ends within a mapping: type 1 (v2) unmaps mappings only as a whole. Without the numbers also a size of 0, or a range that is not aligned or wraps",
    next: [UNMAP_NEXT],
  },
  {
    id: "not_mapped",
    when: isErrno("ENOENT", /No such file/),
    certainty: "likely",
    text:
      "ENOENT: nothing is mapped in the range, or an area is cut by it: by its documentation iommufd unmaps areas only as a whole. The container of type 1 gives no error for a range without mappings",
    next: [UNMAP_NEXT],
  },
  {
    id: "in_use",
    when: isErrno("EBUSY", /resource busy/),
    certainty: "possible",
    text:
      "EBUSY: another thread maps or unmaps the same area (iommufd, by its documentation), or addresses are being updated while a mediated device is attached (type 1)",
    next: ["look for a second thread of the program that maps at the same time"],
  },
  {
    id: "driver_holds",
    when: isErrno("EDEADLK", /deadlock/i),
    certainty: "likely",
    isOne: true,
    text: "EDEADLK: the driver of a mediated device did not let the pages go",
    next: [
      "look at the warning in the kernel's log (iopt_unmap_iova_range): it is a defect of that driver",
    ],
  },
  {
    id: "other",
    certainty: "unknown",
    text: "the errno is the reason",
    next: [UNMAP_NEXT],
  },
]);

const IOAS_CAUSES: readonly Cause[] = inOrder([
  {
    id: "not_pinnable",
    when: isErrno("EFAULT", /Bad address/),
    certainty: "likely",
    text:
      "EFAULT: iommufd pins the pages of a map, and these cannot be pinned: memory of a BAR (VM_PFNMAP), which it refuses always, whether its decoding is on or not; or an address that is no memory of the process",
    next: [
      "look at the region of the address in the program's memory map (/proc/PID/maps): a BAR of an assigned device needs iommufd's map of a dma-buf (Linux 6.19, with a program that uses it), or the VFIO type1 container in place of iommufd; without peer-to-peer DMA the program may leave the BAR out",
    ],
  },
  {
    id: "overlap",
    when: isErrno("EEXIST", /File exists/),
    certainty: "likely",
    isOne: true,
    text: "EEXIST: the range overlaps one that is mapped in the address space",
    next: ["unmap the old range first"],
  },
  ...BY_NUMBERS,
  {
    id: "reserved",
    when: isInvalid,
    certainty: "possible",
    text:
      "EINVAL: address or length are not aligned to the pages of the IOMMU, or the range touches a reserved region of a device",
    next: ["compare the range with IOMMU_IOAS_IOVA_RANGES of the address space"],
  },
  {
    id: "memlock",
    when: isErrno("ENOMEM", /Cannot allocate memory/),
    certainty: "likely",
    text:
      "ENOMEM: the limit on locked memory, which iommufd counts for the user and not for the process and of which the kernel prints no line, or no memory for the page table",
    next: MEMLOCK,
  },
  {
    id: "no_hole",
    when: isErrno("ENOSPC", /No space left/),
    certainty: "likely",
    isOne: true,
    text:
      "ENOSPC: the program asked for any address, and no hole of the allowed ranges has the length",
    next: ["look at the ranges that the address space allows: IOMMU_IOAS_IOVA_RANGES"],
  },
  {
    id: "too_large",
    when: isErrno("EOVERFLOW", /Value too large/),
    certainty: "likely",
    isOne: true,
    text: "EOVERFLOW: the address plus the length lie above the number space",
    next: ["look in the program at the address and the length"],
  },
  {
    id: "long_term",
    when: isErrno("EOPNOTSUPP", /Operation not supported/),
    certainty: "possible",
    text:
      "EOPNOTSUPP: a flag that this kernel does not know, or memory that may not be pinned for long: a file on a file system with DAX",
    next: ["take memory of another kind for the guest: anonymous, hugetlbfs, memfd"],
  },
  {
    id: "other",
    certainty: "unknown",
    text: "the errno is the reason",
    next: [
      "read the kernel's log of the same second, and look the errno up in the documentation of the call (IOMMU_IOAS_MAP)",
    ],
  },
]);

/** No kernel that was captured has iommufd: docs/rules/hmm-rdma-vfio.md, chapter 8. */
const NOT_CAPTURED =
  "what iommufd's errnos mean is from its documentation, not from a captured kernel";

/** The range of QEMU's line about a map; the first number is an address within QEMU. */
const MAPPED_RANGE = "({at}, {iova=address}, {size}, {vaddr=address}{?, {...}?})";
const UNMAPPED_RANGE = "({at}, {iova=address}, {size})";
const WITH_NUMBERS =
  `vfio{~|_container}_dma_map{~| }${MAPPED_RANGE} = {errno} ({errno_text=paren_text})`;

/** The second line of an error of a device, which says what to check. */
const VERIFY_GROUP = "Verify all devices in group {group} are bound to vfio-{...}";

const CALLS: readonly MessageRow[] = [
  {
    kind: "vfio_error",
    forms: [
      "IOMMU_IOAS_MAP{~|_FILE} failed: {errno_text=errno_words}",
      "IOMMU_IOAS_MAP{~:|} {errno}",
      "{~Failed|failed} to map an IOVA range to the IOAS: {errno_text=errno_words}",
    ],
    // QEMU's own line about the same call.
    more: [{ form: WITH_NUMBERS }],
    condition: "A program prints the errno of IOMMU_IOAS_MAP",
    role: "report",
    finding: "map_failed",
    means: `A program's map for a device failed, by the interface of iommufd (${NOT_CAPTURED})`,
    causes: IOAS_CAUSES,
  },
  {
    kind: "vfio_error",
    forms: [
      WITH_NUMBERS,
      "{~IommuDmaMap|MapDma|VfioDmaMap}(Error({error_number=count}))",
      "{~Cannot|cannot|Can't} set up DMA {~remapping|mapping}, error {error_number=count} ({errno_text=paren_text})",
      "{~Cannot|cannot|Can't} set up DMA {~remapping|mapping}, error {error_number=count}{?, {outcome~ignored}?}",
      "{~Cannot|cannot} update DMA mapping, error {error_number=count}",
      "DMA remapping failed, error {error_number=count} ({errno_text=paren_text})",
      "DMA remapping failed, error {error_number=count}",
      "{~Failed|failed|FAILED} to {~MAP DMA memory|map DMA memory|map DMA|DMA map}: {errno_text=errno_words}",
      "{~VFIO|vfio}{...}{~dma map|DMA map|map dma} failed: {errno_text=errno_words}",
      "vfio{~|_container}_dma_map{~| }({...}) = {errno} ({errno_text=paren_text})",
      "{~VFIO_MAP_DMA|VFIO_IOMMU_MAP_DMA} failed: {errno_text=errno_words}",
      "{~VFIO_MAP_DMA|VFIO_IOMMU_MAP_DMA}{~:|):} {errno_text=errno_words}",
      "VFIO_MAP_DMA {errno}",
      "VFIO_IOMMU_MAP_DMA{...}) = -1 {errno_text=errno_words}",
      "{~Couldn't|Could not|Failed to|failed to} map {~IOVA|iova} {...}: {errno_text=errno_words}",
      "vfio{...}_dma_map {...}failed to map memory ({errno_text=paren_text})",
      "vfio map memory region failed: {errno_text=errno_words}",
    ],
    // QEMU prints two lines about one call: one with the numbers, and one without.
    more: [
      {
        form: WITH_NUMBERS,
        add: (found, facts, line) =>
          typeof facts.at !== "string" && facts.errno_text === found.errno_text
            ? withRegion({ ...facts, ...found }, line)
            : null,
      },
      {
        form: "VFIO_MAP_DMA failed: {errno_text=errno_words}",
        add: (found, facts) =>
          typeof facts.at === "string" && facts.call === undefined &&
            facts.errno_text === found.errno_text
            ? { ...facts, call: "VFIO_MAP_DMA" }
            : null,
      },
    ],
    reachLines: 1,
    derive: withRegion,
    condition: "A program prints the errno of VFIO_IOMMU_MAP_DMA",
    role: "report",
    finding: "map_failed",
    means: "A program's map for a device failed",
    causes: MAP_CAUSES,
  },
  {
    kind: "vfio_error",
    forms: ["can't map guest IOVA region {iova=address}..{end}"],
    condition:
      "No window of addresses that the container has holds the whole region: QEMU made no call to map it",
    role: "report",
    finding: "map_failed",
    means: ({ end, iova }) =>
      `A region of the guest from ${iova} to ${end} was not mapped for the device: no window of addresses that the container has holds it, and the program did not try the call`,
    causes: [{
      id: "no_window",
      certainty: "possible",
      text:
        "the container has no window there, or none at all: what gives the device (the IOMMU's driver, or the server of vfio-user) announced other windows or none, or page sizes that do not fit",
      next: [
        "compare the region with the windows that the container reports (VFIO_IOMMU_GET_INFO: the ranges of IOVAs and the page sizes); of a device of a vfio-user server, look at what the server answers to it",
      ],
    }],
  },
  {
    kind: "vfio_error",
    forms: ["vfio: DMA mapping failed, unable to continue"],
    condition: "QEMU ended: a map for a device failed after the device was set up",
    role: "report",
    finding: "map_failed",
    means:
      "QEMU ended because a map for a device failed. The line before it says which map, and why",
    next: [
      "look at the line of the program before it: it names the region, and has the errno if a call was made",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      `vfio{~|_container}_dma_unmap${UNMAPPED_RANGE} = {errno} ({errno_text=paren_text})`,
      "vfio{~|_container}_dma_unmap({...}) = {errno} ({errno_text=paren_text})",
      "{~VFIO_UNMAP_DMA|VFIO_IOMMU_UNMAP_DMA|IOMMU_IOAS_UNMAP} failed: {errno_text=errno_words}",
      "{~VFIO_UNMAP_DMA|VFIO_IOMMU_UNMAP_DMA|IOMMU_IOAS_UNMAP}{~:|):} {errno_text=errno_words}",
      "{~IommuDmaUnmap|UnmapDma}(Error({error_number=count}))",
      "{~Cannot|cannot|Can't} clear DMA {~remapping|mapping}, error {error_number=count} ({errno_text=paren_text})",
      "{~Cannot|cannot|Can't} clear DMA {~remapping|mapping}, error {error_number=count}",
      "{~Cannot|cannot} unmap DMA memory, error {error_number=count} ({errno_text=paren_text})",
      "{~Cannot|cannot} unmap DMA memory, error {error_number=count}",
    ],
    more: [{
      form: `vfio{~|_container}_dma_unmap${UNMAPPED_RANGE} = {errno} ({errno_text=paren_text})`,
    }],
    derive: withErrno,
    condition: "A program prints the errno of VFIO_IOMMU_UNMAP_DMA or IOMMU_IOAS_UNMAP",
    role: "report",
    means:
      "A program's unmap for a device failed: what is mapped in the range, if anything is, may stay mapped for the device",
    causes: UNMAP_CAUSES,
  },
  {
    kind: "vfio_error",
    forms: [
      "Unexpected size {size_bytes} of DMA {~remapping|mapping} cleared instead of {asked_bytes=count}",
    ],
    condition: "The kernel unmapped another number of bytes than the program asked for",
    role: "report",
    means: ({ asked_bytes, size_bytes }) =>
      `An unmap of ${asked_bytes} bytes removed ${size_bytes}` +
      (size_bytes === 0
        ? ": nothing was mapped there, or (old interface) the range does not begin at a mapping"
        : ": the rest was not mapped, or a larger mapping was removed as a whole"),
    next: [UNMAP_NEXT],
  },
  {
    kind: "vfio_error",
    forms: [
      "error attach {device=pci_function} ({...}) to id={object_id=count}: {errno_text=errno_words}",
      "error attach {device=pci_function} ({...}){...}: {errno_text=errno_words}",
    ],
    condition:
      "A program prints the errno of the attach of a device to an address space of iommufd",
    role: "report",
    means: ({ device }) =>
      `${device} was not attached to an address space of iommufd (${NOT_CAPTURED})`,
    causes: inOrder([
      {
        id: "does_not_fit",
        when: isErrno("EADDRINUSE", /Address already in use/),
        certainty: "likely",
        isOne: true,
        text:
          "EADDRINUSE: what is mapped in the address space lies in a reserved region of the device, outside of what its IOMMU translates, or is not aligned to its larger page",
        next: [
          "compare reserved_regions of the device's group with the guest's memory; attach the device before memory is mapped, so that the program can leave the region out",
        ],
      },
      {
        id: "other_domain",
        when: isInvalid,
        certainty: "possible",
        text:
          "EINVAL: the page table that was tried does not fit the device's IOMMU: programs then make another one, and the line does no harm; or the device has a region of the firmware that must stay mapped",
        next: [
          "look whether the device works: then nothing is to do. Else read the kernel's log of the same second (`Firmware has requested this device have a 1:1 IOMMU mapping`)",
        ],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the errno is the reason",
        next: ["read the kernel's log of the same second"],
      },
    ]),
  },
  {
    kind: "vfio_error",
    forms: [
      "vfio {device}: error bind device fd={device_fd=count} to iommufd={iommufd=count}: {errno_text=errno_words}",
    ],
    condition: "A program prints the errno of the bind of a device to iommufd",
    role: "report",
    means: ({ device }) =>
      `${device} was not bound to iommufd: nothing was mapped for it (${NOT_CAPTURED})`,
    causes: inOrder([
      {
        id: "not_allowed",
        when: (facts) =>
          isErrno("EPERM", /not permitted/)(facts) || isErrno("EBUSY", /resource busy/)(facts),
        certainty: "likely",
        text:
          "EPERM or EBUSY: the interrupts of the device are not isolated and allow_unsafe_interrupts of iommufd is off (no line of the kernel says so), or another owner or a driver of the kernel has a device of the group",
        next: [
          "look whether interrupt remapping is on (`dmesg | grep -e DMAR-IR -e AMD-Vi`), and bind every device of the group to vfio-pci or to no driver",
        ],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the errno is the reason",
        next: ["read the kernel's log of the same second"],
      },
    ]),
  },
  {
    kind: "vfio_error",
    forms: ["{...}passthru requires guest memory to be wired{...}"],
    condition: "bhyve was given a device to pass, and no option to wire the guest's memory",
    role: "report",
    means:
      "bhyve does not start the machine: a device that is passed to it reaches the guest's memory by DMA, which therefore has to stay where it is (wired). Nothing was mapped",
    next: [
      "start bhyve with -S (the tools for it have an option for that), on a host with so much free memory",
    ],
  },
  {
    kind: "vfio_error",
    forms: ["{...}nknown PCI header type '{header_type=count}' for device '{device}'{...}"],
    condition:
      "libvirt read a header type that PCI does not have from the function's configuration space",
    role: "report",
    means: ({ device, header_type }) =>
      header_type === 127
        ? `Configuration space of ${device} reads as all ones: the function does not answer. Nothing was mapped`
        : `The header type of ${device} is none that PCI has (${header_type}): the function does not answer as it should. Nothing was mapped`,
    causes: [{
      id: "silent",
      certainty: "possible",
      text:
        "it did not come back from a reset or from D3cold (as after an earlier run of a guest), hangs, is without power, or has left the bus",
      next: [
        "look at `lspci -vvs FUNCTION` (`rev ff` is no answer) and at the kernel's log for vfio-pci and the port above it (`not ready`, `Unable to change power state`); a remove and rescan of the function, or a cold start, brings many back; as trials d3cold_allowed of the port and disable_idle_d3=1 of vfio-pci",
      ],
    }],
  },
  {
    kind: "memory_setup",
    forms: [
      "EAL: {...}get_seg_fd(): open failed: {errno_text=errno_words}",
      "EAL: Couldn't get fd on hugepage file",
    ],
    condition: "DPDK opens a file of the file system of huge pages for its memory",
    role: "report",
    means:
      "A program that uses DPDK could not open a file for its memory of huge pages. No map was tried",
    causes: [{
      id: "not_writable",
      certainty: "possible",
      text:
        "the program may not write to the file system of huge pages (its owner, a container), none is mounted for this page size, or files of another program with the same prefix are there",
      next: [
        "look at `mount | grep huge` and the rights of the folder, and choose with --huge-dir, --in-memory or another --file-prefix",
      ],
    }],
  },
  {
    kind: "xen_device_error",
    forms: ["{...}he kernel doesn't support reset from sysfs for PCI device {device}"],
    condition: "libxl found no file `reset` of the function in sysfs of dom0",
    role: "report",
    means: ({ device }) =>
      `${device} has no reset of its own that the kernel of dom0 can do: if the guest gets it, then in the state in which the last user left it. By itself it is no error, and no mapping is concerned; whether the guest got it, the lines below it say`,
    next: [
      "look at the lines of libxl below it: if the device was added, and does not work at the second start of the guest, start the machine anew, or give all functions of its slot to one guest, so that the bus behind the port can be reset",
    ],
  },
  {
    kind: "xen_device_error",
    forms: [
      "libxl{...}qemu refused to add device: {device=pci_function}{...}",
      "libxl{...}libxl_device_pci_add failed{...}",
    ],
    condition: "libxl could not give a function to a domain",
    role: "report",
    derive: ({ device = null }, line) => {
      const [, named] = /failed for PCI device ([0-9a-f:.]{7,16})/.exec(line) ?? [];
      // The number is one of libxl's own, and no errno.
      const [, code] = /failed(?:: | for .{1,40}?\(rc )(-\d{1,3})\b/.exec(line) ?? [];
      return {
        device: device ?? named ?? null,
        ...code === undefined ? {} : { libxl_code: Number(code) },
        ...line.includes("qemu refused") ? { refused_by: "QEMU" } : {},
      };
    },
    means: ({ device, refused_by }) =>
      `${typeof device === "string" ? device : "A PCI function"} was not given to the guest${
        refused_by === undefined ? "" : ": its device model (QEMU) refused it"
      }. The line does not say why`,
    next: [
      "look at the log of the device model (/var/log/xen/qemu-dm-NAME.log), whether it started at all (`Device Model not ready` in the lines before), and at `xl dmesg` for what Xen says of the function; `xl pci-assignable-list` has to name it before the guest starts",
    ],
  },
  {
    kind: "vfio_error",
    forms: ["vfio_err_notifier_handler({device}) Unrecoverable error detected{...}"],
    condition:
      "The kernel reported an error of PCI Express of the device that was not corrected, and QEMU stopped the guest",
    role: "consequence",
    follows: ["pcie_error", "bridge_error"],
    means: ({ device }) =>
      `QEMU stopped the guest: the host's kernel reported an uncorrected error of PCI Express of ${device}, which the guest uses. The line does not say which error`,
    next: [
      "read the host's kernel log of the same second for the function (`PCIe Bus Error`, AER, DPC, Link Down): it names the error",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "{~pciback|xen-pciback} {device}: Driver tried to write to a read-only configuration space field at offset {offset=code}, size {count}{...}",
    ],
    condition:
      "The driver in a guest of Xen wrote to a register of configuration space that the backend keeps read-only",
    role: "report",
    means: ({ device, offset }) =>
      `Xen's backend did not let the guest write to configuration space of ${device}, at 0x${
        Number(offset).toString(16)
      }. No mapping and no DMA are concerned`,
    next: [
      "nothing to do if the device works in the guest; else allow such writes for this device only (permissive, in the configuration of the guest or in /sys/bus/pci/drivers/pciback/permissive), for guests that you trust",
    ],
  },
  {
    kind: "vfio_error",
    forms: ["{...}ailed to hotplug device &{ID:{...} BDF:{device=pci_function} {...}"],
    condition:
      "A runtime of containers (kata) gave a device to its running guest, and the program of the guest refused",
    role: "consequence",
    follows: ["vfio_error"],
    means: ({ device }) =>
      `A runtime of containers could not give ${device} to its running guest. The reason is in the error that the program of the guest returned, behind this text or in the lines below it`,
    next: [
      "look at the end of the same error and at the line of the program of the guest (QEMU, cloud-hypervisor): it names the step that failed, and its errno",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "possibly running out of DMA mappings{...}Maximum possible DMA mappings: {max_mappings=count}",
    ],
    condition:
      "QEMU compares the blocks of virtio-mem, which it maps one by one, with the limit of the container",
    role: "report",
    means: ({ max_mappings }) =>
      `The guest's virtio-mem has so many blocks that the container's limit of ${max_mappings} mappings may not be enough: a later map then fails with ENOSPC. No map has failed so far`,
    next: [
      "larger blocks (block-size of the virtio-mem device), or a larger dma_entry_limit of vfio_iommu_type1",
    ],
  },
  {
    kind: "vfio_error",
    forms: ["vfio_listener_region_{~add|del} received unaligned region{?{...}?}"],
    condition:
      "QEMU was to map a region whose place in the guest and in memory differ within a page",
    role: "report",
    means:
      "QEMU did not map a region for the devices: its address and its memory are not aligned alike. Devices cannot reach it (peer-to-peer DMA of a BAR below a page)",
    next: [
      "most often harmless: a BAR smaller than a page of another device. If devices must reach it, align it (pci=resource_alignment= on the host)",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "Unable to set RLIMIT_MEMLOCK: {errno_text=errno_words}",
      "cannot limit locked memory of process {pid} to {limit}: {errno_text=errno_words}",
    ],
    condition:
      "libvirt was not allowed to raise the limit of locked memory for the guest's process",
    role: "report",
    means:
      "libvirt could not raise the limit of locked memory: the guest with a passed-through device does not start, or its maps fail with ENOMEM",
    next: [
      "run libvirtd as root with CAP_SYS_RESOURCE (in a container, give it that capability), or raise the limit of the user before (`ulimit -l`)",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "wrong dma mask size {bits=width} (Max: {max_bits=count})",
      "IOVA {address} exceeding limits of dma mask {bits=width}",
      "IOVA exceeding limits of current DMA mask",
      "{~memory|Memory} device is not DMA capable",
    ],
    condition:
      "DPDK compares the addresses of its memory with the width of the devices or the IOMMU",
    role: "report",
    means:
      "Memory of a DPDK program lies at addresses that a device or the IOMMU does not reach: it is not used for it",
    next: [
      "with addresses of the process (IOVA as VA) choose a lower base (--base-virtaddr), or run with --iova-mode=pa as root; a virtual IOMMU translates 39 bits unless aw-bits=48 is set",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "EAL: Expecting '{mode~VA|PA}' IOVA mode but current mode is '{other_mode~PA|VA}', not initializing",
      "EAL: Cannot use IOVA as 'PA' since physical addresses are not available",
    ],
    condition:
      "A driver of DPDK needs the other kind of DMA addresses, or physical ones cannot be read",
    role: "report",
    means:
      "A DPDK program did not start a device: its DMA addresses are of the other kind (of the process, VA, or physical, PA)",
    next: [
      "bind the device to vfio-pci with an IOMMU for VA; for PA run as root (physical addresses come from /proc/self/pagemap), and give --iova-mode= explicitly",
    ],
  },
  {
    kind: "memory_setup",
    forms: [
      "EAL: {?FATAL: ?}Cannot get hugepage information{?.?}",
      "EAL: {?FATAL: ?}Cannot init memory{?.?}",
    ],
    condition: "DPDK looked for huge pages for its memory when it started, and could not go on",
    role: "report",
    means:
      "A program that uses DPDK (SPDK, too) found no memory of huge pages that it can use, and did not start. No map was tried",
    causes: [{
      id: "no_pages",
      certainty: "possible",
      text:
        "no huge page is free: none is reserved (they are gone after a boot), or other programs have them; or no file system of huge pages is mounted, or the program may not write to it",
      next: [
        "look at HugePages_Total and HugePages_Free in /proc/meminfo and at `mount | grep huge`; reserve some (vm.nr_hugepages, for SPDK `scripts/setup.sh`, again after each boot), and in a container see whether it gets them",
      ],
    }],
  },
  {
    kind: "vfio_error",
    forms: [
      "EAL: Requested device {device=pci_function} cannot be used",
      "EAL: Driver cannot attach the device ({device=pci_function})",
    ],
    condition: "The probe of a device that was asked for failed in DPDK",
    role: "report",
    means: ({ device }) =>
      `DPDK does not use ${device}: its probe failed, or no driver of DPDK took it`,
    next: [
      "look at the lines of DPDK before it for this device: they have the reason, such as a group that is not viable, a file of VFIO that is not there, or an address mode (IOVA)",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "{~net_mlx5|mlx5_net|mlx5_pci|mlx5_common}: probe of PCI device {device=pci_function} aborted after encountering an error: {words=errno_words}",
    ],
    condition: "DPDK's driver for Mellanox adapters did not take the device",
    role: "report",
    means: ({ device, words }) =>
      `DPDK's driver for Mellanox adapters did not take ${device} (${words}). It works beside the kernel's mlx5_core, by libibverbs, and not by VFIO`,
    next: [
      "look whether the kernel's driver has the device (mlx5_core, not vfio-pci), whether /dev/infiniband/uverbs* is there and may be opened (in a container, too: the devices, the name space of the network, CAP_NET_RAW), and whether `ibv_devinfo` shows it",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "{...}host doesn't support {~passthrough of host PCI devices|legacy PCI passthrough|VFIO PCI passthrough}{...}",
    ],
    condition:
      "libvirt looked for IOMMU groups and for VFIO on the host, before it gave a device to a machine",
    role: "report",
    means:
      "libvirt refused to give a device of the host to a machine: it found no IOMMU group on the host, or no VFIO. Nothing was mapped",
    causes: [{
      id: "no_iommu",
      certainty: "likely",
      text:
        "the IOMMU is off (in the firmware's setup, or on the kernel's command line), or the module vfio-pci is not there",
      next: [
        "look whether there are groups (/sys/kernel/iommu_groups) and /dev/vfio/vfio: switch VT-d or AMD-Vi on in the firmware's setup, with Intel give intel_iommu=on, and load vfio-pci; `virt-host-validate qemu` checks it",
      ],
    }],
  },
  {
    kind: "vfio_error",
    forms: [
      "EAL: {~Maximum number of user mem maps reached|Couldn't merge DMA maps! Too many user mem maps|Couldn't find previously mapped region|Trying to map a region that is already mapped}",
      "spdk_mem_register{...}{~failed|could not register memory}{...}",
      "vtophys_{...}: *ERROR*: {~could not get phys addr for|invalid parameters}{...}",
      "*ERROR*: vtophys failed{...}",
    ],
    derive: (facts, line) => ({
      ...facts,
      errno_text: /-?\bE(?!RROR\b)[A-Z]{3,}\b|-\d+$/.exec(line)?.[0] ?? null,
    }),
    condition:
      "A program's own table of what it has registered refused an address, before the kernel was asked",
    role: "report",
    means:
      "A program that uses DPDK or SPDK refused to register memory, or to give a device memory that was not registered. The kernel was not asked",
    next: [
      "register each piece once, aligned to 2 MiB with SPDK (EINVAL: not aligned; EBUSY: registered already), and before a device uses it; look in the program at who registers the address a second time",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "{~Failed to register memory|vfio_dma_map|memlock limit}{...}{~ulimit -l|memlock}{...}",
    ],
    condition: "A program found its limit of locked memory too low for what it maps",
    role: "report",
    finding: "pin_limit",
    means:
      "A program says that its limit of locked memory is too low for the memory that it maps for a device",
    next: MEMLOCK,
  },
];

/** A warning of Open MPI has its numbers in the lines below it. */
const MPI_LINES = 24;

/** What programs of MPI say of their memory for RDMA. */
const REGISTERED: readonly MessageRow[] = [
  {
    kind: "memory_setup",
    forms: [
      "WARNING: It appears that your OpenFabrics subsystem is configured to only allow registering part of your physical memory.{...}",
    ],
    more: [
      { form: "Registerable memory: {registerable_mib=count} MiB" },
      { form: "Total memory: {total_mib=count} MiB" },
      { form: "Local host: {host=word_dash}" },
    ],
    reachLines: MPI_LINES,
    always: { program: "Open MPI" },
    condition:
      "Open MPI found that the adapter's driver can register less memory than the machine has",
    role: "report",
    means: ({ registerable_mib, total_mib }) =>
      `Open MPI says that the adapter's driver can register only a part of the machine's memory for RDMA${
        typeof registerable_mib === "number" && typeof total_mib === "number"
          ? `: ${registerable_mib} of ${total_mib} MiB`
          : ""
      }. It is a warning: no registration has failed yet, and the job goes on`,
    causes: [{
      id: "table_of_adapter",
      certainty: "possible",
      text:
        "the driver's table for addresses of registered memory is too small by its parameters; of mlx4_core, log_num_mtt and log_mtts_per_seg give its size (2^log_num_mtt × 2^log_mtts_per_seg × the size of a page)",
      next: [
        "look at the parameters of the adapter's module (/sys/module/mlx4_core/parameters, `modinfo`), set them in /etc/modprobe.d so that the product is at least the machine's memory, better twice that, and load the module anew",
        "look at the limit of locked memory (`ulimit -l`), too, in a shell that the job's starter opens: it limits the same registrations",
      ],
    }],
  },
];

const GROUPS_OF_BOOT =
  "look at `ls /sys/kernel/iommu_groups` and at what the kernel says at boot (`dmesg | grep -i -e DMAR -e AMD-Vi -e smmu`)";

/** Options of the kernel's command line that leave the IOMMU off. */
const IS_OFF = /\b(?:intel_iommu|amd_iommu|iommu)=(?:\S*,)?off\b/;
const IS_ASKED = /\b(?:intel_iommu|amd_iommu|iommu)=(?:\S*,)?(?:on|force)\b/;
const optionsOf = ({ iommu_options }: LogEntryFacts) =>
  typeof iommu_options === "string" ? iommu_options : null;

/** Why a device has no group, by the kernel's command line, if the log has it. */
const NO_GROUP: readonly Cause[] = inOrder([
  {
    id: "option_off",
    when: (facts) => IS_OFF.test(optionsOf(facts) ?? ""),
    certainty: "likely",
    text: (facts) =>
      `the kernel's command line leaves the IOMMU off (${
        optionsOf(facts)
      }), if the option is the one of this machine's maker`,
    next: [
      "take the option away, or set intel_iommu=on on a machine of Intel, boot again, and look at `ls /sys/kernel/iommu_groups`",
    ],
  },
  {
    id: "asked_for",
    when: (facts) => IS_ASKED.test(optionsOf(facts) ?? ""),
    certainty: "possible",
    text: (facts) =>
      `the command line has ${
        optionsOf(facts)
      }, so that the option is not what is missing, if it is the one of this machine's maker: VT-d or AMD's IOMMU is off in the firmware's setup, the processor, the board or the outer hypervisor has none, the kernel has no driver for it, or its table does not cover this device`,
    next: [
      "look for `DMAR: IOMMU enabled` or `AMD-Vi` in the kernel's log: without a line about the table (`ACPI: DMAR`, `ACPI: IVRS`) the firmware gives none, and its setup has the switch (VT-d, IOMMU)",
      "look at `ls /sys/kernel/iommu_groups`: groups without this device mean that the IOMMU is on, and does not cover it",
    ],
  },
  {
    id: "not_asked_for",
    when: (facts) => optionsOf(facts) !== null,
    certainty: "possible",
    text:
      "the command line of this log has no option that switches an IOMMU on (iommu=pt does not): many kernels leave VT-d off without intel_iommu=on (AMD's IOMMU needs none); or the IOMMU is off in the firmware's setup, or the machine has none",
    next: [
      "on a machine of Intel boot with intel_iommu=on; on each look for the switch in the firmware's setup (VT-d, AMD-Vi, IOMMU)",
      GROUPS_OF_BOOT,
    ],
  },
  {
    id: "no_translation",
    certainty: "possible",
    text:
      "the IOMMU is off in the firmware's setup or by the kernel's command line (VT-d is, in many kernels, without intel_iommu=on), the processor, the board or the outer hypervisor has none, the kernel has no driver for it, or its table does not cover this device",
    next: [
      GROUPS_OF_BOOT,
      "switch the IOMMU on in the firmware's setup (VT-d, AMD-Vi, IOMMU), and on a machine of Intel with intel_iommu=on; /proc/cmdline has what the kernel was booted with",
    ],
  },
]);

const SETUP: readonly MessageRow[] = [
  {
    kind: "vfio_error",
    forms: [
      "vfio {device}: no iommu_group found: {errno_text~No such file or directory}",
      "vfio error: {device}: no iommu_group found: {errno_text~No such file or directory}",
      "vfio: error no iommu_group for device",
    ],
    always: { iommu_options: null },
    condition: "QEMU looked for the link to the device's group in sysfs, and there is none",
    role: "report",
    means: ({ device }) =>
      `The kernel has no IOMMU group for ${
        device ?? "the device"
      }: no IOMMU that the running kernel uses translates for it, and VFIO needs one. The device is there; its driver and the modules of VFIO are not the reason. Nothing was mapped`,
    causes: NO_GROUP,
  },
  {
    kind: "vfio_error",
    forms: [
      "{~Cannot|cannot} open VFIO container, error {error_number=count} ({errno_text=paren_text})",
      "{~Cannot|cannot} open VFIO container: {errno_text=errno_words}",
      "{~Cannot open|cannot open|Failed to open|failed to open|error opening} /dev/vfio/{group}: {errno_text=errno_words}",
      "failed to open /dev/vfio/vfio: {errno_text=errno_words}",
      "{~Cannot|cannot|failed to} open /dev/vfio/noiommu-{group}: {errno_text=errno_words}",
      "{~Failed|failed} to open VFIO group {group}",
      "failed to setup container for group {group}: {?{step=text}: ?}{errno_text=errno_words}",
      "{~VFIO_GROUP_SET_CONTAINER|VFIO_SET_IOMMU}{~ failed|}: {errno_text=errno_words}",
      "{~failed|Failed} to set iommu for container: {errno_text=errno_words}",
      "VFIO support could not be initialized",
      "no supported IOMMU extensions found",
      "{~VFIO_GROUP_GET_DEVICE_FD|VFIO_GROUP_GET_STATUS|VFIO_GET_API_VERSION|VFIO_CHECK_EXTENSION}{~ failed|}: {errno_text=errno_words}",
      "VfioCreate({...}code: {error_number=count},",
      "EAL: {~Cannot get VFIO group fd|Cannot get group fd|Cannot open VFIO group}{...}",
      "EAL: {...}IOMMU type {iommu_type=count} ({...}) is not supported",
      "EAL: VFIO: {function}(): Couldn't find device",
      "/dev/iommu opening failed: {errno_text=errno_words}",
      "vfio {device}: couldn't open directory {...}/vfio-dev: {errno_text=errno_words}",
    ],
    derive: ({ error_number, ...facts }, line) => {
      const mediated = /\/mdev\/(?:devices\/)?([\da-f]{8}-[\da-f-]{27})\b/i.exec(line)?.[1];
      return {
        ...mediated === undefined ? {} : { mediated_device: mediated },
        ...typeof error_number === "number" ? { ...facts, errno: -error_number } : facts,
      };
    },
    condition: "A program could not open a group or a container of VFIO, or join the two",
    role: "report",
    means: "A program could not set up VFIO for a device: nothing was mapped",
    causes: inOrder([
      {
        id: "in_use",
        when: isErrno("EBUSY", /resource busy/),
        certainty: "likely",
        text: "EBUSY: another process, or another part of this one, has the group open",
        next: [
          "look who has it: `fuser -v /dev/vfio/*`; all devices of one group go to one process, which opens the group once",
        ],
      },
      {
        id: "no_file_of_mediated",
        when: (facts) =>
          facts.mediated_device !== undefined && facts.mediated_device !== null &&
          isErrno("ENOENT", /No such file/)(facts),
        certainty: "possible",
        text:
          "ENOENT, of a mediated device (mdev): the file of its group is not there. The module that binds mediated devices to VFIO is not loaded (vfio_mdev in older kernels), the device is gone, or the program runs where the file is not (a container, a chroot)",
        next: [
          "look whether the device is there and has a group (`ls -l /sys/bus/mdev/devices/*/iommu_group`) and at ls -l /dev/vfio; load vfio_mdev, where the kernel has it, and vfio_iommu_type1",
        ],
      },
      {
        id: "no_file",
        when: (facts) =>
          isErrno("ENOENT", /No such file/)(facts) || isErrno("ENODEV", /No such device/)(facts),
        certainty: "likely",
        text:
          "ENOENT or ENODEV: the module of VFIO is not loaded, no device of the group is bound to it, or no IOMMU translates for the device",
        next: [
          "`modprobe vfio-pci`, bind the device to it, and look whether the IOMMU is on: ls /sys/kernel/iommu_groups. A program that works without VFIO goes on",
        ],
      },
      {
        id: "no_right",
        when: isErrno("EACCES", /Permission denied/),
        certainty: "likely",
        text:
          "EACCES: the process has no right to the file: its owner and group, or the rules of its container or of a security module",
        next: [
          "look at ls -l /dev/vfio (the owner of the group's file, by a rule of udev or by libvirt), at the device rules of the container, and for AppArmor or SELinux in the log of the same second",
        ],
      },
      {
        id: "not_allowed",
        when: isErrno("EPERM", /not permitted/),
        certainty: "possible",
        text:
          "EPERM: the rules of the process's container do not give it the file, the interrupts of the group are not isolated, or the firmware keeps a region of the device (RMRR): for the last two the kernel has a line",
        next: [
          "look in the kernel's log of the same second for `No interrupt remapping` and for `ineligible for IOMMU domain attach`; then at the device rules of the container",
        ],
      },
      {
        id: "refused",
        when: (facts) =>
          isErrno("EINVAL", /Invalid argument/i)(facts) || isErrno("EIO", /Input\/output/)(facts),
        certainty: "possible",
        text:
          "EINVAL or EIO: the kernel refused to join group and container: a device of the group is bound to another driver, the group is in a container already, no type of IOMMU fits, or the IOMMU's driver could not attach the device",
        next: [
          "bind every device of the group to vfio-pci or to no driver (ls /sys/kernel/iommu_groups/N/devices), and read the kernel's log of the same second",
        ],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the lines of the program before it, or the errno, say why",
        next: ["read the lines before it, and the kernel's log of the same second"],
      },
    ]),
  },
  {
    kind: "vfio_error",
    forms: ["Couldn't map new region for DMA", "VFIO support not initialized"],
    role: "report",
    means:
      "A program that uses DPDK mapped a region for devices, and DPDK could not pass it on to VFIO",
    causes: [{
      id: "no_device",
      certainty: "possible",
      text:
        "no device of the program uses VFIO, so that its container has no type: then nothing has to be mapped, and the line does no harm",
      next: [
        "look for the line `Using IOMMU type`: without it no device of this program uses VFIO; bind one to vfio-pci if it should",
      ],
    }],
  },
];

const DEVICES: readonly MessageRow[] = [
  {
    kind: "vfio_error",
    forms: [
      "Failed to set up TRIGGER eventfd signaling for interrupt {interrupt=word_text}-{vector=count}: {...}: {errno_text=errno_words}",
      "vfio: Error: Failed to setup {interrupt=word_text} fd: {errno_text=errno_words}",
    ],
    condition: "QEMU could not take over an interrupt of the device",
    role: "report",
    means: ({ interrupt }) =>
      `A program got no interrupt of the device (${interrupt}). No map is concerned`,
    next: [
      "EBUSY of INTx: another device of the host shares the line; bind the other device to vfio-pci too, use MSI, or nointxmask=1 of vfio-pci for a device whose INTx cannot be masked",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "vfio_region_{~read|write}({device=pci_function}:region{...}) failed: {errno_text=errno_words}",
      "vfio_region_{~read|write}({...}) failed: {errno_text=errno_words}",
    ],
    condition: "A read or a write of a register of the device through VFIO failed",
    role: "report",
    means:
      "A program could not reach a register of the device through VFIO: its memory is switched off, the device is off its bus, or another user owns the region. It is an access of the CPU, and no DMA",
    next: [
      "EBUSY: another driver owns the BAR (`cat /proc/iomem`; of a GPU the host's console: video=efifb:off); EIO: look whether the device answers (`lspci -vv`), and for resets and power states before it",
    ],
  },
  {
    kind: "vfio_error",
    forms: [
      "vfio: Unable to power on device, stuck in D3",
      "vfio-pci: Cannot read device rom at {device=pci_function}",
      "vfio {device}: hardware reports invalid configuration, {rest}",
    ],
    condition: "QEMU found the device in a state that it cannot give to a guest",
    role: "report",
    means: ({ rest }) =>
      typeof rest === "string"
        ? "The device's configuration space makes no sense to QEMU: the device is not given to the guest. Most often it reads as all ones, or is in a state after a failed reset"
        : "The device does not answer as a program expects: it stays in D3, or its ROM cannot be read. No map is concerned",
    next: [
      "look whether the device answers: `lspci -vv -s FUNCTION` (`rev ff` is no answer), and at resets and power states before it (disable_idle_d3=1 of vfio-pci); a ROM can be given as a file (romfile=)",
    ],
  },
  ...stateRows([
    [
      "QEMU did not map a BAR for the guest, which reaches it more slowly: each access goes through QEMU",
      "Failed to mmap {device=pci_function} BAR {bar_number=count}. Performance may be slow",
    ],
    [
      "The interface of VFIO that DPDK uses (type 1 is the usual one; 8 is without an IOMMU)",
      "EAL: Using IOMMU type {iommu_type=count} ({...})",
      "EAL: IOMMU type set to {iommu_type=count} ({...})",
    ],
    [
      "DPDK leaves a device alone that is not bound to vfio-pci",
      "EAL: {...}{device=pci_function} not managed by VFIO driver, skipping",
    ],
  ]),
  {
    kind: "register_dump",
    forms: [VERIFY_GROUP],
    role: "state",
    means:
      "The second line of an error above it: the program could not get a device of this group. It says what to check, and not that this is what is wrong",
  },
  {
    kind: "vfio_error",
    forms: ["qemu unexpectedly closed the monitor: {...}@{...}:vfio_{...}"],
    condition: "libvirt: QEMU ended, and the rest is the end of what QEMU printed",
    role: "report",
    means:
      "QEMU ended while libvirt waited for it. What follows in the line is the last that QEMU printed, which need not be the reason",
    next: [
      "look at the end of QEMU's own log (/var/log/libvirt/qemu/NAME.log), of both sides in a migration, and at the kernel's log of the same second (segfault, oom-kill, vfio)",
    ],
  },
  {
    kind: "driver_dma_error",
    forms: ["{...}gpa_to_vva({address}) == NULL", "{...}gpa_to_vva({address}) returned NULL{...}"],
    always: { program: "SPDK" },
    condition: "SPDK found no memory region of the guest for the address of a descriptor",
    role: "report",
    means: ({ address }) =>
      `SPDK's target for guests (vhost) read a descriptor with the guest's address ${address}, and no memory region that the guest's VMM shared has it: the request fails`,
    causes: [{
      id: "no_region",
      certainty: "possible",
      text:
        "the address lies beyond the guest's memory, or in memory that was not shared; or it is an address of the guest's IOMMU, which is not translated here; or the ring was read at a wrong place (after a restart of the target)",
      next: [
        "compare the address with the memory regions that the target prints at the start (`guest physical addr`, `guest memory region size`); look at iommu_platform of the device and at intel_iommu in the guest, and whether the target was restarted",
      ],
    }],
  },
  {
    kind: "state",
    forms: [
      "rdma.c:{...}: *NOTICE*: {...}",
      "[rdma] rdma.c:{...}:{...}:{...}",
    ],
    condition: "A line of SPDK's RDMA transport without an error",
    role: "state",
    means:
      "A step of SPDK's target for NVMe over RDMA: a device or a listener that it opened, or the depths of queues that the two sides agree on. No error",
  },
  {
    kind: "state",
    forms: [
      "{~vfio_listener_region_add_skip SKIPPING region_add|vfio_listener_region_del_skip SKIPPING region_del|SKIPPING region_add|SKIPPING region_del} {start=address} - {end=address}",
    ],
    condition: "A trace event of QEMU: a region of the guest's addresses that is not mapped",
    role: "state",
    means:
      "QEMU leaves this region of the guest's addresses out: it is no memory that it maps for devices, such as registers of emulated devices. No error",
  },
  {
    kind: "state",
    forms: [
      "vfio_{~listener_region_add_ram|dma_map|legacy_dma_map|iommu_map_notify|region_mmap|listener_region_del|get_dirty_bitmap|load_state|load_state_device_data|load_device_config_state|save_setup|save_block|save_buffer|save_pending|save_cleanup|save_complete_precopy|save_device_config_state|state_pending|update_pending|migration_probe|migration_set_state|vmstate_change|msi_enable|msi_interrupt|msi_disable|msix_enable|msix_disable|msix_vector_do_use|msix_vector_release|msix_pba_enable|msix_pba_disable|intx_enable|intx_disable|intx_eoi|intx_interrupt|realize|region_setup|region_write|region_read|pci_read_config|pci_write_config|pci_reset|get_device}{~ |:|(}{...}",
    ],
    condition: "A trace event of QEMU about a device of VFIO",
    role: "state",
    means:
      "A step that QEMU traces, and no error: `listener_region` and `dma_map` are memory that it maps for the device, `dirty_bitmap` is a question which pages the device has written, `load` and `save` belong to a migration, `msi` and `intx` to interrupts. The error of a failed step has a line of its own, in the log of the other side too",
  },
  {
    kind: "vfio_error",
    forms: ["Invalid zero-sized VFIO {?migration ?}region {region_number=count}"],
    condition: "QEMU found a region of the device with a size of 0",
    role: "report",
    means: ({ region_number }) =>
      `The device announces its region ${region_number} with a size of 0: its driver, or its server with vfio-user, does not define it, so that the device cannot be migrated. No map is concerned`,
    next: [
      "define the region in the device's driver or server, or give the device to the guest without migration (x-enable-migration=off, enable-migration=off)",
    ],
  },
  {
    kind: "vfio_error",
    forms: ["{~vfio|bind|iommu}{...}echo: write error: {errno_text=errno_words}"],
    condition: "A shell's write into a file, most often of sysfs (bind, unbind, driver_override)",
    derive: withErrno,
    role: "report",
    means: ({ errno_text }) =>
      `The kernel refused what a shell wrote into a file (${errno_text}). The line does not say which file; of a script that binds devices it is one of sysfs`,
    causes: inOrder([
      {
        id: "no_device",
        when: isErrno("ENODEV", /No such device/i),
        certainty: "likely",
        text:
          "ENODEV: the driver does not take this device (no ID of its table and no driver_override), the device is not there, or it is not bound to the driver from which it is taken",
        next: [
          "write the driver's name into driver_override of the device first, then its address into drivers_probe; look at its driver with `lspci -nnk`",
        ],
      },
      {
        id: "busy",
        when: isErrno("EBUSY", /resource busy/i),
        certainty: "likely",
        text: "EBUSY: the device is bound to a driver, or in use",
        next: ["take it from its driver first (driver/unbind), and look who uses it"],
      },
      {
        id: "other",
        certainty: "unknown",
        text:
          "the reason is in the kernel's log of the same second: a driver's probe that failed gives its errno to the write",
        next: [
          "run the script with `sh -x` to see the file, and `dmesg | tail` after the write: probe of the driver, group and IOMMU of the device",
        ],
      },
    ]),
  },
  {
    kind: "vfio_error",
    forms: ["aw-bits {bits=width} is incompatible with host aw-bits {host_bits=count}"],
    condition: "QEMU's virtual VT-d was asked for more address bits than the host's IOMMU has",
    role: "report",
    means: ({ bits, host_bits }) =>
      `The guest's virtual IOMMU was to have ${bits} address bits, and the host's has ${host_bits}: the device cannot be given to this guest`,
    next: ["set aw-bits of the virtual IOMMU to what the host has"],
  },
];

/** Rows for programs, the calls first. */
export const VFIO_PROGRAMS: readonly MessageRow[] = [
  ...CALLS,
  ...SETUP,
  ...DEVICES,
  ...REGISTERED,
];

/** What a program could not do, and the text of its errno. */
const OPERATION = /.*(?:failed to|error|Could not) ([^:]+)(?:: ([A-Z][\w/ ]+))?/;

function operationFacts(facts: LogEntryFacts, line: string): LogEntryFacts {
  const [, operation = null, errnoText = null] = OPERATION.exec(line) ?? [];
  return { ...facts, operation, errno_text: errnoText };
}

/** A row for what a program could not do. @param own The cause without an errno that says more. */
function notUsed(forms: readonly string[], own: Pick<Cause, "text" | "next">): MessageRow {
  return {
    kind: "vfio_error",
    forms,
    derive: operationFacts,
    more: [{
      form: VERIFY_GROUP,
      add: ({ group }, facts) => String(facts.operation).endsWith(` group ${group}`) ? facts : null,
    }],
    role: "report",
    means: ({ device, operation }) =>
      `A program that gives a device to a guest could not ${
        typeof operation === "string" ? `go on (${operation})` : "use it"
      }${typeof device === "string" ? `: ${device}` : ""}`,
    causes: inOrder([
      {
        id: "no_access",
        when: isErrno("EFAULT", /Bad address/),
        certainty: "possible",
        text:
          "EFAULT: a read or a write of the device's region failed in the driver that offers it (a mediated device: its own driver or manager), most often because the device was not started",
        next: [
          "read the lines of the device's own driver or manager in the same second: they have the first error",
        ],
      },
      {
        id: "not_ready",
        when: isErrno("EIO", /Input\/output/),
        certainty: "possible",
        text:
          "EIO: the driver that offers the device (VFIO, or a mediated device's own) refused to open it",
        next: [
          "read the kernel's log and the lines of the device's manager in the same second: they have the first error",
        ],
      },
      { id: "other", certainty: "unknown", ...own },
    ]),
  };
}

const LOOK_AT_GROUP =
  "look at ls -l /dev/vfio (whether the file of the group is there, and whether this user may open it), at the group of the device (/sys/kernel/iommu_groups), and at the kernel's log of the same second";

/** Rows for the words that programs have in common, tried after all others of VFIO. */
export const VFIO_GENERAL: readonly MessageRow[] = [
  {
    kind: "state",
    forms: [
      "failed getting region info for VGA region index 8: {errno_text=rest}",
      "Could not get region #8 info",
    ],
    // By the interface of VFIO, 0 to 7 are BARs, the ROM and configuration space.
    role: "state",
    means:
      "The program asked for the region of VGA (number 8) of a device. Only a graphics device has it, and only where vfio-pci gives VGA: the others answer so, and the program goes on without it",
  },
  {
    kind: "vfio_error",
    forms: [
      "region {access~read|write} with invalid parameter, add: {offset=count}, size: {size=count}",
    ],
    role: "report",
    means: ({ access }) =>
      `A ${access} of the guest was not carried out: its place is outside of the device's region. No mapping is concerned`,
    next: [
      "compare the BARs that the guest sees (`lspci -vv` in it) with those of the device on the host: a place of all ones is one that the guest never set",
    ],
  },
  {
    kind: "state",
    forms: ["IGD device {device=pci_function} failed to enable VGA access, legacy mode disabled"],
    role: "state",
    means: ({ device }) =>
      `The guest gets the graphics device ${device} without the old addresses of VGA (legacy mode): firmware and screens of the guest that need them stay dark. No mapping is concerned`,
  },
  notUsed(
    [
      "vfio {device}: {~failed to|error} {...}: {...}",
      "vfio error: {device}: {...}: {...}",
      "VFIO: Could not {...}",
    ],
    {
      text: "the device, its group or the container could not be used",
      next: [LOOK_AT_GROUP],
    },
  ),
  notUsed(["No 'PCI' bus found for device 'vfio-pci'"], {
    text: "the machine of the guest has no PCI bus for the device",
    next: ["look at the machine type of the guest: it needs a PCI or PCI Express bus"],
  }),
  notUsed(["file=/dev/vfio/{...}: Could not {...}: {...}"], {
    text: "a file of VFIO was given as a disk (file=), and is none; or this user may not open it",
    next: ["give the device with -device vfio-pci,host=BDF, not as a disk"],
  }),
];
