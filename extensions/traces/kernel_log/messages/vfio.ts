/** Messages of VFIO, and of programs that use VFIO to map memory. @see rules/traces.md T.76 */
import type { LogEntryFacts } from "../log_facts.ts";
import { bytesText, inOrder, type MessageArea, numberOf } from "./message.ts";

const MEMLOCK = [
  "raise the limit for the process that maps: `ulimit -l` in its shell, LimitMEMLOCK= in its unit, memtune hard_limit in libvirt; it needs the guest's whole memory and some more for each device",
  "huge pages for the guest's memory, where the program counts them once; or an IOMMU interface that counts per user (iommufd)",
];
const ERRNOS = {
  EPERM: -1,
  ENOENT: -2,
  EIO: -5,
  ENOMEM: -12,
  EACCES: -13,
  EFAULT: -14,
  EBUSY: -16,
  EEXIST: -17,
  ENODEV: -19,
  EINVAL: -22,
  ENOSPC: -28,
};
const isErrno = (name: keyof typeof ERRNOS, words: RegExp) => (facts: LogEntryFacts) =>
  numberOf(facts, "errno") === ERRNOS[name] || words.test(String(facts.errno_text));

/** What a program could not do, and the text of its errno. */
const OPERATION = /(?:failed to|error|Could not) ([^:]+)(?:: ([A-Z][\w/ ]+))?/;

function operationFacts(facts: LogEntryFacts, line: string): LogEntryFacts {
  const [, operation = null, errnoText = null] = OPERATION.exec(line) ?? [];
  return { ...facts, operation, errno_text: errnoText };
}

const ERRNO_NEXT =
  "read the kernel's log of the same second, and look the errno up in the documentation of the call (VFIO_IOMMU_MAP_DMA, IOMMU_IOAS_MAP)";

export const VFIO: MessageArea = {
  name: "VFIO",
  page: "rules/traces.md T.76",
  words: ["vfio", "VFIO", "RLIMIT_MEMLOCK", "iommufd"],
  rows: [
    {
      kind: "pin_limit",
      forms: ["{function}: Task {task} ({pid}) RLIMIT_MEMLOCK ({limit}) exceeded"],
      condition:
        "The driver of a mediated device pinned a page of the guest, and the accounting was over the limit of the process that had mapped the range",
      role: "report",
      finding: "pin_limit",
      means: ({ limit, task }) =>
        `A page of ${task} could not be pinned for a mediated device: the process may lock ${
          bytesText(Number(limit))
        } for all that it locks together. The map itself had succeeded before: maps for such devices pin nothing`,
      next: MEMLOCK,
    },
    {
      kind: "pin_limit",
      forms: ["{function}: RLIMIT_MEMLOCK ({limit}) exceeded"],
      condition:
        "One more page would take the locked memory of the process over its limit, and the caller has no CAP_IPC_LOCK",
      role: "report",
      finding: "pin_limit",
      means: (facts) =>
        `VFIO could not pin memory: the process may lock ${
          bytesText(numberOf(facts, "limit"))
        } for all of its maps, mlock() and other devices together, and one more page is above it. The map failed`,
      next: MEMLOCK,
    },
    {
      kind: "vfio_error",
      forms: [
        "IOMMU_IOAS_MAP failed: {errno_text=rest}",
        "IOMMU_IOAS_MAP{~:|} {errno}",
      ],
      // QEMU's own line about the same call.
      more: [{ form: "vfio{~|_container}_dma_map({...}) = {errno} ({errno_text=paren_text})" }],
      condition: "A program prints the errno of IOMMU_IOAS_MAP",
      role: "report",
      finding: "map_failed",
      means: "A program's map for a device failed, by the interface of iommufd",
      causes: inOrder([
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
        {
          id: "reserved",
          when: isErrno("EINVAL", /Invalid argument/),
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
        { id: "other", certainty: "unknown", text: "the errno is the reason", next: [ERRNO_NEXT] },
      ]),
    },
    {
      kind: "vfio_error",
      forms: [
        "IommuDmaMap(Error({error_number=count}))",
        "{~Cannot|cannot|Can't} set up DMA {~remapping|mapping}, error {error_number=count} ({errno_text=paren_text})",
        "{~Cannot|cannot|Can't} set up DMA {~remapping|mapping}, error {error_number=count}{?, {outcome~ignored}?}",
        "{~Cannot|cannot} update DMA mapping, error {error_number=count}",
        "{~Failed|failed|FAILED} to {~MAP DMA memory|map DMA memory|map DMA|DMA map}: {errno_text=rest}",
        "{~VFIO|vfio}{...}{~dma map|DMA map|map dma} failed: {errno_text=rest}",
        "vfio_dma_map({...}) = {errno} ({errno_text=paren_text})",
        "vfio_container_dma_map({...}) = {errno} ({errno_text=paren_text})",
        "VFIO_MAP_DMA failed: {errno_text=rest}",
        "VFIO_MAP_DMA{~:|} {errno}",
        "VFIO_MAP_DMA failed: {errno}",
      ],
      // A program in Rust prints the number without its sign.
      derive: ({ error_number, ...facts }) => {
        if (typeof error_number === "number") return { ...facts, errno: -error_number };
        const [, number, words] =
          /^(-\d+)(?![\w.])\s*(?:[(:]\s*(.*))?/.exec(String(facts.errno_text)) ?? [];
        return number === undefined
          ? facts
          : { ...facts, errno: Number(number), errno_text: words || null };
      },
      condition: "A program prints the errno of VFIO_IOMMU_MAP_DMA",
      role: "report",
      finding: "map_failed",
      means: "A program's map for a device failed",
      causes: inOrder([
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
            "ENOMEM: the limit on locked memory (RLIMIT_MEMLOCK), or no memory for the IOMMU's page table. The kernel's log has a line for the first",
          next: MEMLOCK,
        },
        {
          id: "no_entries",
          when: isErrno("ENOSPC", /No space left/),
          certainty: "likely",
          isOne: true,
          text: "ENOSPC: the container has as many mappings as it may (dma_entry_limit, 65535)",
          next: [
            "map larger pieces, or raise dma_entry_limit of the module vfio_iommu_type1",
          ],
        },
        {
          id: "reserved",
          when: isErrno("EINVAL", /Invalid argument/),
          certainty: "possible",
          text:
            "EINVAL: the range is not aligned to the IOMMU's page, lies in a reserved region of the device, or has more address bits than the IOMMU translates; or the container has no type yet (VFIO_SET_IOMMU comes after the first group)",
          next: [
            "compare the range with reserved_regions of the device's group and with VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE; a virtual IOMMU translates 39 bits unless it is told otherwise (aw-bits=48)",
          ],
        },
        {
          id: "not_pinnable",
          when: isErrno("EFAULT", /Bad address/),
          certainty: "possible",
          text:
            "EFAULT: the memory cannot be pinned: it is no memory of the process, or a BAR whose memory is switched off",
          next: [
            "look at the region of the address in the program's memory map: a BAR needs its memory decoding on",
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
        { id: "other", certainty: "unknown", text: "the errno is the reason", next: [ERRNO_NEXT] },
      ]),
    },
    {
      kind: "vfio_error",
      forms: [
        "{driver} {device}: Firmware has requested this device have a 1:1 IOMMU mapping",
        "Firmware has requested this device have a 1:1 IOMMU mapping",
      ],
      condition:
        "A program or the kernel wants the device without the region that the firmware keeps mapped one to one",
      role: "report",
      finding: "iommu_error",
      means:
        "The firmware keeps a region of this device mapped one to one (Intel: RMRR, AMD: IVMD, Arm: RMR): it cannot be given to a guest",
      next: [
        "read which region it is: /sys/kernel/iommu_groups/GROUP/reserved_regions, type direct",
        "look in the firmware's setup for what uses the device and switch it off: management, USB legacy, `Pre-boot DMA Protection`; or look for a newer firmware",
      ],
    },
    {
      kind: "vfio_error",
      forms: [
        "{?gvt: ?}{?vgpu {count}: ?}vfio_pin_pages failed for gfn {gfn=address}, ret {errno}",
        "vfio_pin_pages failed {...}ret {errno}",
      ],
      condition: "A driver of a mediated device could not pin a page of the guest",
      role: "consequence",
      follows: ["pin_limit"],
      means: "A page of a guest could not be pinned for a device",
      next: MEMLOCK,
    },
    {
      kind: "vfio_error",
      forms: [
        "{?{driver} {device}: ?}VF token {token_problem~required to access device}",
        "{?{driver} {device}: ?}{token_problem~Incorrect} VF token provided for device",
        "{?{driver} {device}: ?}VF token {token_problem~incorrectly provided}",
      ],
      condition:
        "A virtual function was opened without the token of its physical function (required), with another one (incorrect), or with one where none is wanted (incorrectly provided)",
      role: "report",
      means: ({ token_problem }) =>
        "VFIO refused to give a function to a program: " +
        (token_problem === "Incorrect"
          ? "its token is not that of the physical function's user"
          : token_problem === "incorrectly provided"
          ? "it shows a token, and this device wants none"
          : "the program must show the token of the physical function's user"),
      next: ["give the program the same vf_token= as the user of the physical function"],
    },
    {
      kind: "vfio_error",
      forms: [
        "No interrupt remapping{...} Use the module param",
        "vfio_iommu_type1_attach_group: No interrupt remapping",
      ],
      condition:
        "The interrupts of the group are not isolated by the platform, and the option is off",
      role: "report",
      means:
        "VFIO refused to give the device to a program: without interrupt remapping the device could send any interrupt to the host",
      next: [
        "switch interrupt remapping on: in the firmware's setup, and intremap=on; `dmesg | grep -e DMAR-IR -e AMD-Vi` says whether it is",
        "only where every guest is trusted: vfio_iommu_type1.allow_unsafe_interrupts=1",
      ],
    },
    {
      kind: "vfio_error",
      forms: [
        "{~Cannot|cannot} open VFIO container, error {error_number=count} ({errno_text=paren_text})",
        "{~Cannot|cannot} open VFIO container: {errno_text=rest}",
        "{~Cannot open|cannot open|Failed to open|failed to open|error opening} /dev/vfio/{group}: {errno_text=rest}",
        "failed to open /dev/vfio/vfio: {errno_text=rest}",
        "{~Failed|failed} to open VFIO group {group}",
        "failed to setup container for group {group}: {?{step=text}: ?}{errno_text=rest}",
        "{~VFIO_GROUP_SET_CONTAINER|VFIO_SET_IOMMU}{~ failed|}: {errno_text=rest}",
        "VFIO support could not be initialized",
        "vfio {device}: no iommu_group found: {errno_text~No such file or directory}",
        "no supported IOMMU extensions found",
      ],
      derive: ({ error_number, ...facts }) =>
        typeof error_number === "number" ? { ...facts, errno: -error_number } : facts,
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
          id: "not_allowed",
          when: (facts) =>
            isErrno("EPERM", /not permitted/)(facts) ||
            isErrno("EACCES", /Permission denied/)(facts),
          certainty: "possible",
          text:
            "EPERM or EACCES: the process has no right to the file (its owner, or the device rules of its container), or the interrupts of the group are not isolated, for which the kernel has a line",
          next: [
            "look at ls -l /dev/vfio and at the device rules of the container; then in the kernel's log of the same second for `No interrupt remapping`",
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
    {
      kind: "vfio_error",
      forms: ["Failed to get DMA logging report, iova: {address}{...}"],
      role: "report",
      means:
        "The list of pages that a device has written could not be read: a live migration fails. No mapping is wrong",
      next: [
        "look at the error of the migration, and whether the device's driver can log its writes (VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT)",
      ],
    },
    {
      kind: "vfio_error",
      forms: [
        "vfio: error, group {group} is not viable",
        "group {group} is not viable",
        "{device=pci_function} VFIO group is not viable!{...}",
      ],
      condition:
        "A device of the group is bound to a driver that is not one of VFIO (a line of QEMU)",
      role: "report",
      means: ({ group }) =>
        `${
          typeof group === "number" ? `Group ${group}` : "The group of the device"
        } cannot be given to a program: a device of it is bound to a driver that is not VFIO's`,
      next: [
        "bind every device of the group to vfio-pci, or to no driver: ls /sys/kernel/iommu_groups/N/devices; bridges may keep pcieport",
        "`dmalab topology` on the machine's lspci output shows the groups, and which bridge lacks ACS",
      ],
    },
    {
      kind: "vfio_error",
      forms: [
        "vfio-pci: probe of {device} failed with error {errno}",
        "vfio-pci {device}: probe with driver vfio-pci failed with error {errno}",
      ],
      condition: "The probe of vfio-pci returned the errno",
      role: "report",
      means: ({ device, errno }) =>
        `vfio-pci did not take ${device}: ` +
        (errno === -22
          ? "-22 is EINVAL: a device without an IOMMU group (no IOMMU translates for it), a bridge, or a device of the denylist, which has its own line before"
          : errno === -16
          ? "-16 is EBUSY: it has virtual functions (SR-IOV is on), which has its own line before"
          : errno === -12
          ? "-12 is ENOMEM: no memory for it"
          : "the errno is the reason"),
      next: [
        "check that the IOMMU is on: intel_iommu=on or the firmware's setup, and /sys/kernel/iommu_groups",
      ],
    },
    {
      kind: "vfio_error",
      forms: [
        "vfio {device}: {~failed to|error} {...}: {...}",
        "vfio error: {device}: {...}: {...}",
        "VFIO: Could not {...}",
        "No 'PCI' bus found for device 'vfio-pci'",
        "file=/dev/vfio/{...}: Could not {...}: {...}",
      ],
      derive: operationFacts,
      role: "report",
      means: ({ device, operation }) =>
        `A program that gives a device to a guest could not ${
          typeof operation === "string" ? `go on (${operation})` : "use it"
        }${typeof device === "string" ? `: ${device}` : ""}. Nothing was mapped for it`,
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
        {
          id: "other",
          certainty: "unknown",
          text:
            "the group or the container could not be used, the machine's bus does not fit the device, or the file is no disk",
          next: [
            "look at ls -l /dev/vfio and the group of the device (/sys/kernel/iommu_groups), at the machine type of the guest, and at the kernel's log of the same second",
          ],
        },
      ]),
    },
    {
      kind: "state",
      forms: ["MSI interrupts are not secure, they cannot be isolated by the platform{...}"],
      condition:
        "iommufd took a device whose interrupts the platform does not isolate, because allow_unsafe_interrupts is on. With the option off, the bind fails (EPERM) without a line",
      role: "state",
      means:
        "The device was given to a program although it could send any interrupt to the host: the user allowed it",
    },
    {
      kind: "vfio_error",
      forms: [
        "vfio-pci {device}: Cannot bind to PF with SR-IOV enabled",
        "vfio-pci {device}: {id_pair} exists in vfio-pci device denylist, driver probing disallowed",
      ],
      condition:
        "A bind of a function that has virtual functions, or that is in vfio-pci's denylist",
      role: "report",
      means: ({ device, id_pair }) =>
        `vfio-pci did not take ${device}: ` +
        (typeof id_pair === "string"
          ? `${id_pair} is in its denylist`
          : "it has virtual functions, which are to be removed first"),
      next: [
        "virtual functions: write 0 to sriov_numvfs, bind, and make them again; the denylist: disable_denylist=1 of vfio-pci, if every user of the device is trusted",
      ],
    },
    {
      kind: "state",
      forms: [
        "vfio-pci {device}: Relaying device request to user (#{count})",
        "vfio-pci {device}: No device request channel registered, blocked until released by user",
        '{driver} {device}: Device is currently in use, task "{task}" ({pid}) blocked until device is released',
        'Device is currently in use, task "{task}" ({pid}) blocked until device is released',
      ],
      condition:
        "Somebody unbinds or removes a device that a program holds. The task in the line is the one that removes it, not the holder",
      role: "state",
      means:
        "A removal of the device waits until the program that holds it lets it go: `fuser -v /dev/vfio/*` names that program",
    },
    {
      kind: "vfio_error",
      forms: ["vfio-pci {device}: vfio: runtime resume failed {errno}"],
      condition: "A call of the program needed the device on, and it did not come back to D0",
      role: "report",
      means: ({ device, errno }) =>
        `${device} did not wake up (${errno}): the program got EIO, and no map is concerned`,
      next: [
        "look for `Unable to change power state` beside it; disable_idle_d3=1 of vfio-pci keeps the device in D0",
      ],
    },
    {
      kind: "state",
      forms: ["{~iommufd: |}IOMMUFD is providing /dev/vfio/vfio, not VFIO"],
      role: "state",
      means:
        "Programs that use /dev/vfio/vfio get iommufd's own container: errnos differ from type1's (an unmap of a part gives ENOENT, and there is no limit of entries)",
    },
    {
      kind: "state",
      forms: ["{driver} {device}: vfio_bar_restore: reset recovery - restoring BARs"],
      condition:
        "The program wrote the command register, and the device's BARs were not those that VFIO had saved",
      role: "state",
      means:
        "The device had been reset behind VFIO's back, and its BARs were lost: VFIO wrote them again. Look at the guest's or the host's reset before it",
    },
    {
      kind: "state",
      forms: [
        "vfio {device}: Could not enable error recovery for the device",
        "VFIO: {~Constructing VFIO PCI device|Detected VFIO Api Version}{...}",
      ],
      role: "state",
      means:
        "A step of a program that gives a device to a guest; errors of PCI Express may not be passed on to the guest",
    },
    {
      kind: "vfio_error",
      forms: [
        "vfio: Cannot reset device {device}, {details~no available reset mechanism}",
        "vfio: Cannot reset device {device}, {details~depends on group} {group} which is not owned",
      ],
      condition: "QEMU wants a reset of the device, and found no way to do it for this user",
      role: "report",
      means: ({ details, device, group }) =>
        `A program could not reset ${device} (${details}${
          typeof group === "number" ? ` ${group}, which it does not own` : ""
        }): the guest gets it in the state in which the last user left it. No mapping is concerned`,
      next: [
        "look at /sys/bus/pci/devices/DEVICE/reset_method: empty means that the device has no reset of its own, and a reset of its bus needs all functions and devices of the bus in the same guest, bound to vfio-pci",
        "give the guest every function of the device, or leave this one (most often the sound function) out; some GPUs have a kernel module with their own reset",
      ],
    },
    {
      kind: "device_error",
      forms: [
        "vfio-pci {device}: SMU error {value}",
        "vfio-pci {device}: Failed to send message {value}: return {value2=value}",
        "vfio-pci {device}: {~AMD_NAVI|AMD_VEGA|AMD_POLARIS}{...}: {~failed|Failed|timed out|Timed out|error}{...}",
      ],
      role: "report",
      means: ({ device }) =>
        `The reset of the GPU ${device} between two users went wrong: its power controller did not answer as the module that resets it (vendor-reset) expects. No mapping is concerned`,
      next: [
        "take the card through a full power cycle (off, or suspend of the host) and look whether the first start works: then the reset is at fault, so try another version of the module or of the kernel; leave the host's own driver away from the card",
      ],
    },
    {
      kind: "device_error",
      forms: ["vfio-pci {device}: {~AMD_NAVI|AMD_VEGA|AMD_POLARIS}{...}: reset result = {count}"],
      derive: (facts) => facts.count === 0 ? null : facts,
      role: "report",
      means: ({ count, device }) =>
        `The reset of the GPU ${device} between two users failed (${count}). No mapping is concerned`,
      next: ["look at the lines of the module that resets it (vendor-reset) before it"],
    },
    {
      kind: "state",
      forms: [
        "vfio-pci {device}: {~AMD_NAVI|AMD_VEGA|AMD_POLARIS}{...}",
        "VFIO - User Level meta-driver{...}",
        "vfio_mdev {device}: MDEV: {...}",
        "EAL: {~Probing VFIO support|VFIO support initialized}",
        "Device {...} at {device=pci_function} bound to vfio-pci",
        "Vendor:Device {...} found at {device=pci_function}",
        "Loading config from {...}vfio-pci.cfg",
        "BIND={...}{~vfio|\\|}{...}",
        "IOMMU group members (sans bridges):",
        "/sys/bus/pci/devices/{...}/iommu_group/devices/{device=pci_function}",
      ],
      role: "state",
      means:
        "A step of VFIO, of a module that resets a GPU, or of a script that binds devices to vfio-pci",
    },
    {
      kind: "state",
      forms: [
        "{driver} {device}: vfio_ecap_init: hiding ecap {value}@{value2=value}",
        "vfio_ecap_init: {...}hiding ecap {value}@{value2=value}",
        "vfio-pci {device}: {~enabling device|resetting|reset done|vgaarb:}{...}",
      ],
      role: "state",
      means: "What VFIO hides from the user of a device, or restores",
    },
  ],
};
