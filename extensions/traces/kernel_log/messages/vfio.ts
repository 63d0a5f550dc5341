/** Messages of VFIO, and of programs that use VFIO to map memory. @see rules/traces.md T.76 */
import { bytesText, type MessageArea, numberOf, stateRows } from "./message.ts";
import { MEMLOCK, VFIO_GENERAL, VFIO_PROGRAMS } from "./vfio_programs.ts";

export const VFIO: MessageArea = {
  name: "VFIO",
  page: "rules/traces.md T.76",
  words: ["vfio", "VFIO", "RLIMIT_MEMLOCK", "iommufd"],
  rows: [
    ...VFIO_PROGRAMS,
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
        "{?gvt: ?}{?vgpu {vgpu=count}: ?}vfio_pin_pages failed for gfn {gfn=address}, ret {errno}",
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
      forms: ["notifier failed for iova={iova=address} vaddr={vaddr=address} size={size}"],
      role: "report",
      finding: "map_failed",
      means: ({ iova, size }) =>
        `A map of ${size} bytes at the IOVA ${iova} failed: the driver of the device, which is told of each map (a notifier), did not take it`,
      causes: [{
        id: "refused",
        certainty: "possible",
        text:
          "the driver of the mediated device could not pin or use the range, such as memory that is no RAM, a limit on locked memory, or a range that overlaps one that it has; the line has no errno",
        next: [
          "look at the lines of the device's driver in the same second, and at what the program maps there (its trace: `-trace vfio_*`)",
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
        "vfio error: {device=pci_function}: group {group} is not viable",
        "vfio {device=pci_function}: group {group} is not viable",
        "vfio: error, group {group} is not viable",
        "group {group} is not viable",
        "{device=pci_function} VFIO group is not viable!{...}",
      ],
      always: { members: null },
      condition:
        "A device of the group is bound to a driver that is not one of VFIO (a line of QEMU)",
      role: "report",
      means: ({ group, members }) =>
        `${
          typeof group === "number" ? `Group ${group}` : "The group of the device"
        } cannot be given to a program: a device of it is bound to a driver that is not VFIO's${
          Array.isArray(members) ? `. By the list in the text its members are those above` : ""
        }`,
      next: ({ group, members }) => [
        `bind every device of the group to vfio-pci, or to no driver (${
          Array.isArray(members)
            ? members.filter((each) => !/PCI bridge/.test(String(each))).map((each) =>
              String(each).split(" ")[0]
            ).join(", ")
            : `ls /sys/kernel/iommu_groups/${group ?? "N"}/devices`
        }); a PCI bridge may keep pcieport`,
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
        "vfio-pci {device}: Relaying device request to user (#{request_number=count})",
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
        "Programs that use /dev/vfio/vfio get iommufd's own container: by its documentation errnos differ from type1's (an unmap of a part gives ENOENT, and there is no limit of entries)",
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
      forms: ["vfio {device}: Could not enable error recovery for the device"],
      role: "state",
      means: "A program gives a device to a guest without passing on its errors of PCI Express",
    },
    {
      kind: "state",
      forms: ["VFIO: {~Constructing VFIO PCI device|Detected VFIO Api Version}{...}"],
      role: "state",
      means: "A step of a program that gives a device to a guest. No error",
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
      forms: [
        "vfio-pci {device}: {~AMD_NAVI|AMD_VEGA|AMD_POLARIS}{...}: reset result = {result=count}",
      ],
      derive: (facts) => facts.result === 0 ? null : facts,
      role: "report",
      means: ({ device, result }) =>
        `The reset of the GPU ${device} between two users failed (${result}). No mapping is concerned`,
      next: ["look at the lines of the module that resets it (vendor-reset) before it"],
    },
    ...stateRows([
      [
        "A step of the module vendor-reset, which resets a GPU of AMD",
        "vfio-pci {device}: {~AMD_NAVI|AMD_VEGA|AMD_POLARIS}{...}",
      ],
      ["VFIO was loaded", "VFIO - User Level meta-driver{...}"],
      ["DPDK looks whether it can use VFIO", "EAL: Probing VFIO support{...}"],
      ["DPDK can use VFIO", "EAL: VFIO support initialized{...}"],
      [
        "DPDK probes a device with one of its drivers",
        "EAL: Probe PCI driver: {...}",
        "EAL: probe driver: {...}",
      ],
      [
        "A step of a script that binds devices to vfio-pci",
        "Device {...} at {device=pci_function} bound to vfio-pci",
        "Vendor:Device {...} found at {device=pci_function}",
        "Loading config from {...}vfio-pci.cfg",
        "BIND={...}{~vfio|\\|}{...}",
        "IOMMU group members (sans bridges):",
        "/sys/bus/pci/devices/{...}/iommu_group/devices/{device=pci_function}",
      ],
    ]),
    {
      kind: "state",
      forms: [
        "{driver} {device}: vfio_ecap_init: hiding ecap {value}@{value2=value}",
        "vfio_ecap_init: {...}hiding ecap {value}@{value2=value}",
        "vfio_cap_init: {...}hiding cap {value}@{value2=value}",
      ],
      role: "state",
      means: "What VFIO hides from the user of a device",
    },
    ...stateRows([
      [
        "An id that vfio-pci takes: devices with it are bound to it (the parameter `ids`)",
        "vfio_pci: add [{...}] class {...}",
      ],
      [
        "The ROM of the device has no image, or none that its header describes: some devices have none, and a guest may need a file (romfile=)",
        "vfio-pci {device}: {~No more image in the PCI ROM|Invalid PCI ROM data signature}{...}",
      ],
      [
        "vfio-pci, or the PCI core for it, switches the device on",
        "vfio-pci {device}: enabling device{...}",
      ],
      ["The device is reset between two users", "vfio-pci {device}: {~resetting|reset done}{...}"],
      [
        "Which device has the addresses of VGA",
        "vfio-pci {device}: vgaarb:{...}",
      ],
    ]),
    ...VFIO_GENERAL,
  ],
};
