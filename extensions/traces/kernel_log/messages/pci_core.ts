/**
 * Lines of the PCI core about BARs, resets, power states and quirks, that stand beside problems of
 * DMA.
 *
 * @see rules/traces.md T.70
 */
import type { MessageRow } from "./message.ts";

const DEVICE = "{device=pci_function}";
const BAR_NAMES = `{~BAR|VF BAR|ROM|bridge window|expansion}{?{...}?}`;

const NO_DMA = "The function cannot be used until then, and no mapping is concerned";
const WINDOW_NEXT =
  "look at the windows of the bridges above (`lspci -vv`) and at large BARs: `Above 4G Decoding` and resizable BARs in the firmware's setup, pci=realloc, or another slot";
const CONFIG_NEXT =
  "look whether configuration space answers (`lspci -vv -s FUNCTION`: `rev ff` is no answer), for link errors before it (AER, DPC, Link Down), and at power saving: pcie_aspm=off, pcie_port_pm=off";

const BARS: readonly MessageRow[] = [
  {
    kind: "state",
    forms: [
      `${DEVICE}: VF(n) BAR{bar_number=count} space: [mem {...}] (contains BAR{...} for {count} VFs)`,
      `${DEVICE}: VF BAR {bar_number=count} [mem {...}]: contains BAR {...} for {count} VFs`,
    ],
    role: "state",
    means:
      "The address space for one BAR of all virtual functions that the device can have (SR-IOV); it need not be in use. No error, and no mapping is concerned",
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: ${BAR_NAMES} [{...}]: {bar_state~not assigned|not claimed}; can't enable device`,
      `${DEVICE}: can't enable device: ${BAR_NAMES} [{...}] {bar_state~not assigned|not claimed}`,
    ],
    condition: "A driver enables the function, and a BAR of it has no usable address",
    role: "report",
    means: ({ bar_state, device }) =>
      `${device} could not be switched on: ${
        bar_state === "not assigned"
          ? "one of its BARs has no address"
          : "the address of one of its BARs overlaps another region, or lies outside of the windows above"
      }. Its driver's probe fails, so it does no DMA`,
    next: [
      "look at the boot for the reason of this BAR: `can't claim`, `can't assign; no space`, `failed to assign`",
      WINDOW_NEXT,
    ],
  },
  {
    kind: "state",
    forms: [
      `${DEVICE}: ${BAR_NAMES} [{...}]: can't claim; {claim_problem~no compatible bridge window|no address assigned|no initial claim|address conflict}`,
      `${DEVICE}: can't claim ${BAR_NAMES} [{...}]: {claim_problem~no compatible bridge window|no address assigned|no initial claim|address conflict}`,
    ],
    condition: "At boot, the address that the firmware gave to a BAR is not usable",
    role: "state",
    means: ({ claim_problem }) =>
      `The firmware's address for a BAR was not usable (${claim_problem}): the kernel normally gives it a new one, with a line \`assigned\``,
  },
  {
    kind: "state",
    forms: [
      `${DEVICE}: ${BAR_NAMES} [io {...}]: {~can't assign; no space|failed to assign}`,
      `${DEVICE}: BAR {bar_number=count}: {~no space for|failed to assign} [io {...}]`,
    ],
    condition: "No window of the bridges above has room for I/O ports",
    role: "state",
    means:
      "I/O ports for a device or a bridge were not found: there are few, and most devices of PCI Express work without them. No DMA uses them",
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: ${BAR_NAMES} [{...}]: can't assign; no space`,
      `${DEVICE}: ${BAR_NAMES} [{...}]: can't assign; bogus alignment`,
      `${DEVICE}: BAR {bar_number=count}: no space for [{...}]`,
    ],
    condition:
      "No window of the bridges above has room for the BAR; the firmware's address is tried next",
    role: "consequence",
    means: ({ device }) =>
      `A BAR or a window of ${device} found no room. Only a line \`failed to assign\` after it says that it got no address at last; a window of a bridge without devices needs none`,
    next: [WINDOW_NEXT],
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: ${BAR_NAMES} [{...}]: failed to assign`,
      `${DEVICE}: BAR {bar_number=count}: failed to assign [{...}]`,
    ],
    condition: "A BAR or a window got no address, and the firmware's own one was not usable",
    role: "report",
    means: ({ device }) =>
      `A BAR or a window of ${device} got no address at this try. A line \`assigned\` of it after this one says that it has one again, as a BAR that could not be made larger; without one, what needs it does not work, such as the driver's registers. I/O ports and windows of bridges without devices are most often not needed`,
    next: [WINDOW_NEXT],
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: {?BAR {bar_number=count}: ?}can't reserve [{~mem|io} {...}`,
    ],
    condition: "A driver asked for the region of a BAR, and another owner has it (EBUSY)",
    role: "report",
    means: ({ device }) =>
      `Another driver, or a region of the firmware, owns a BAR of ${device}: its driver cannot use it. ${NO_DMA}`,
    next: [
      "look who has the region: `cat /proc/iomem` as root; of a GPU in a guest the host's console (video=efifb:off, or the simple framebuffer)",
    ],
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: BAR {bar_number=count}: error updating (`,
      `${DEVICE}: BAR {bar_number=count} [{...}]: error updating (`,
    ],
    condition: "A new address was written to a BAR, and it read back otherwise",
    role: "report",
    means: ({ device }) => `A BAR of ${device} does not hold the address that the kernel wrote`,
    next: [
      "look at the second of the two numbers: ffffffff is a function that does not answer on its bus (`lspci -vv`: `rev ff`); any other value is a BAR that is fixed in the hardware, or has fewer address bits",
    ],
  },
];

/** What a function comes back from: `resume`, `FLR`, `bus reset`, `PM D3hot->D0`. */
function afterText(after: unknown): string {
  return after === "resume" ? "a resume" : `its reset (${after})`;
}

const RESETS: readonly MessageRow[] = [
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: not ready {waited_ms=count}ms after {after=text}; giving up`,
      `${DEVICE}: not ready {waited_ms=count}ms after {after=text}, giving up`,
    ],
    condition:
      "After a reset, or when it woke up, the function answered with retry or all ones up to the limit",
    role: "report",
    means: ({ after, device, waited_ms }) =>
      `${device} did not come back within ${waited_ms} ms after ${
        afterText(after)
      }: what it had in flight never completes`,
    next: [CONFIG_NEXT],
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: not ready {waited_ms=count}ms after {after=text}; waiting`,
      `${DEVICE}: not ready {waited_ms=count}ms after {after=text}, waiting`,
    ],
    condition:
      "After a reset, or when it woke up, the function has not answered for more than a second",
    role: "report",
    means: ({ after, device, waited_ms }) =>
      `${device} has not answered ${waited_ms} ms after ${
        afterText(after)
      }: the kernel waits on. A line with \`ready\` would say that it came back, one with \`giving up\` that it did not`,
    next: [
      CONFIG_NEXT,
      "if it is only after a resume, keep it awake as a trial: `d3cold_allowed` of the function and of the port above it (0), `disable_idle_d3=1` of vfio-pci, pcie_aspm=off",
    ],
  },
  {
    kind: "state",
    forms: [`${DEVICE}: ready {waited_ms=count}ms after {after=rest}`],
    condition: "The function has answered after more than a second",
    role: "state",
    means: ({ after, device, waited_ms }) =>
      `${device} came back ${waited_ms} ms after ${afterText(after)}`,
  },
  {
    kind: "device_error",
    forms: [
      `${DEVICE}: timed out waiting for pending transaction; performing {...}reset anyway`,
    ],
    condition: "Before a reset, the status bit of pending transactions stayed set",
    role: "report",
    means: ({ device }) =>
      `${device} still waited for completions when it was reset: a read of its own (a DMA read, too) was not answered, or it does not clear the bit`,
    next: [
      "look for a fault of an IOMMU or a completion timeout (AER, CmpltTO) of the function before it; without one it is most often a defect of the device",
    ],
  },
  {
    kind: "device_error",
    forms: [`${DEVICE}: {~Refused|refused} to change power state{...}`],
    condition:
      "The power register of the function shows another state than was written; older releases print it for a read of all ones, too",
    role: "report",
    means: ({ device }) =>
      `${device} was to change its power state, and by its register it did not: it stayed where it was, or it does not answer at all (all ones, which older releases do not tell apart). While it is not in D0 its registers do not answer, and it does no DMA`,
    next: [
      "look whether it answers (`lspci -vv -s FUNCTION`: `rev ff` is no answer); if it does, switch power saving off as a trial: /sys/bus/pci/devices/DEVICE/power/control to `on`, pcie_port_pm=off, disable_idle_d3=1 of vfio-pci",
    ],
  },
  {
    kind: "pcie_error",
    forms: [`${DEVICE}: Device config space inaccessible`],
    always: { event: "inaccessible" },
    condition: "Command and status of the function read as all ones, before a save or a reset",
    role: "report",
    means: ({ device }) =>
      `${device} does not answer on its bus: it was removed, lost power, or its link is down. Its requests in flight never complete`,
    next: [CONFIG_NEXT],
  },
  {
    kind: "device_error",
    forms: [`{driver} ${DEVICE}{? {interface_name}?}: PCIe link lost{...}`],
    role: "report",
    means: ({ device }) =>
      `The driver of ${device} read all ones: the function does not answer on its bus. Its requests in flight never complete`,
    next: [CONFIG_NEXT],
  },
];

const QUIRKS: readonly MessageRow[] = [
  {
    kind: "state",
    forms: [`${DEVICE}: disabling ATS{...}`],
    condition: "At enumeration, the device is in the list of those with broken ATS",
    role: "state",
    means: "ATS of the device stays off: the IOMMU translates each of its accesses",
  },
  {
    kind: "state",
    forms: [
      `${DEVICE}: Disable Relaxed Ordering Attributes to avoid PCIe Completion erratum`,
    ],
    condition: "At enumeration of a root port in the kernel's list",
    role: "state",
    means: "Drivers of devices below this port should not set relaxed ordering; no fault",
  },
  {
    kind: "state",
    forms: [
      `${DEVICE}: Intel {?SPT ?}PCH root port ACS workaround enabled`,
      `${DEVICE}: Intel SPT PCH root port workaround: disabled ACS redirect`,
      `${DEVICE}: Configured ACS to {value}`,
      `${DEVICE}: {~disabled|cannot disable} ACS redirect{...}`,
    ],
    condition: "A quirk, or pci=disable_acs_redir= and config_acs= on the command line",
    role: "state",
    means:
      "How this port separates its devices (ACS), which decides their IOMMU groups and whether peer-to-peer requests go up to the root",
  },
  {
    kind: "state",
    forms: [
      `${DEVICE}: Setting PI7C9X2Gxxx store-forward mode to avoid ACS erratum`,
      `${DEVICE}: Overriding RP PIO Log Size to {count}`,
    ],
    role: "state",
    means: "A quirk of a port or a switch; no fault",
  },
  {
    kind: "state",
    forms: [`${DEVICE}: Setting {~Switchtec|PLX NTB} proxy ID aliases`],
    condition: "At enumeration of a non-transparent bridge",
    role: "state",
    means:
      "Requests of this device may carry other requester ids: a fault of an IOMMU can name one of these",
  },
];

const INTERRUPTS: readonly MessageRow[] = [{
  kind: "state",
  forms: [
    "{device=pci_function}: can't derive routing for PCI INT {pin=word_text}",
    "{device=pci_function}: PCI INT {pin=word_text}: {~not connected|no GSI}{...}",
  ],
  condition: "The firmware's tables name no line for the legacy interrupt (INTx) of a function",
  role: "state",
  means: ({ device }) =>
    `The firmware gives ${device} no legacy interrupt (INTx). A device that uses messages (MSI, MSI-X) needs none`,
}];

const WINDOWS: readonly MessageRow[] = [{
  kind: "state",
  forms: [
    "IB MEM {start}..{end} -> {address}",
    "PCI: OF: {...}dma-ranges{...}",
  ],
  condition:
    "At the probe of a host bridge of a device tree: one line for each entry of dma-ranges",
  role: "state",
  means: ({ address, end, start }) =>
    typeof start === "string"
      ? `The window through which devices behind this bridge reach memory: ${start} to ${end} of the CPU is at ${address} of the bus. Memory outside of all windows is bounced or out of reach`
      : "The windows through which devices behind this bridge reach memory",
}];

/** Rows of the PCI core. */
export const PCI_CORE: readonly MessageRow[] = [
  ...BARS,
  ...RESETS,
  ...QUIRKS,
  ...INTERRUPTS,
  ...WINDOWS,
];
