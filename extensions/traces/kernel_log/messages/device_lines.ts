/**
 * Lines of well-known drivers that say that their device hangs, resets or refuses its work. They may
 * be the consequence of an access that was refused, and say nothing of a mapping by themselves.
 *
 * @see rules/traces.md T.59
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { busOf, type LoggedBus } from "./device_place.ts";
import { errnoIn, errnoText } from "./errno_words.ts";
import type { MessageKind } from "./kinds.ts";
import {
  inOrder,
  type MessageRow,
  type MessageText,
  named,
  numberOf,
  stateRows,
} from "./message.ts";

/** Messages after which a device can hang. */
const CAUSES_OF_HANGS: readonly MessageKind[] = [
  "iommu_fault",
  "other_iommu_fault",
  "memory_fault",
  "bridge_error",
  "pcie_error",
  "map_failed",
  "swiotlb_full",
];

const NO_MAPPING = "By itself it says nothing of a mapping";
const ALL_ONES = 0xffffffff;

interface Hang {
  readonly forms: readonly string[];
  readonly follows?: readonly MessageKind[];
  readonly means: MessageText;
  readonly next: readonly string[] | ((facts: LogEntryFacts) => readonly string[]);
  readonly derive?: MessageRow["derive"];
}

function hang({ derive, follows = CAUSES_OF_HANGS, forms, means, next }: Hang): MessageRow {
  return {
    kind: "device_error",
    forms,
    ...derive === undefined ? {} : { derive },
    role: "consequence",
    follows,
    means: (facts) => `${typeof means === "string" ? means : means(facts)}. ${NO_MAPPING}`,
    next,
  };
}

/** A GPU that answers no read on its bus. */
const OFF_THE_BUS =
  "The GPU no longer answers on its bus: its link is lost, or it is without power or hung. What it had in flight never completes";
const OFF_THE_BUS_NEXT = [
  "look for PCI Express errors before it (AER, link down), at power and temperature of the card, its riser and slot; pcie_aspm=off as a trial",
];

/** What can stop a device, and what else there is to look at, by its bus. */
const FIRST_ERRORS: Readonly<Record<LoggedBus, string>> = {
  pci:
    "look for the first error of the device before this line: a fault of an IOMMU, a PCI Express error (AER, link down), a failed map; with none the device or its firmware hung by itself: firmware, power saving (ASPM, runtime power management), a newer driver",
  platform:
    "look for the first error of the device before this line: a fault of its IOMMU, if it has one, a failed map; with none look at its clock, reset and power domain, its firmware, and at a newer driver",
  usb:
    "look for the first error of the device or of its USB host controller before this line (a reset, a disconnect, an error of a transfer); with none its firmware, its cable or port, and power saving",
  unknown:
    "look for the first error of the device before this line: a fault of an IOMMU, an error of its bus (for PCI Express AER, link down), a failed map; with none the device or its firmware hung by itself: firmware, power saving, a newer driver",
};
const firstError = (facts: LogEntryFacts): readonly string[] => [FIRST_ERRORS[busOf(facts)]];

/** The registers of a ring that Intel's drivers print below a hang, one a line. */
const TX_REGISTERS: readonly (readonly [string, string])[] = [
  ["Tx Queue", "queue_index=count"],
  ["TDH", "tdh"],
  ["TDT", "tdt"],
  ["TDH, TDT", "tdh"],
  ["next_to_use", "next_to_use"],
  ["next_to_clean", "next_to_clean"],
  ["time_stamp", "time_stamp"],
  ["next_to_watch", "next_to_watch"],
  ["jiffies", "jiffies"],
  ["next_to_watch.status", "descriptor_status"],
  ["desc.status", "descriptor_status"],
  ["MAC Status", "mac_status"],
  ["PHY Status", "phy_status"],
  ["PHY 1000BASE-T Status", "phy_1000t_status"],
  ["PHY Extended Status", "phy_extended_status"],
  ["PCI Status", "pci_status"],
];

/** The registers of a record that a page or a terminal shows as one line. */
function registersIn(line: string): LogEntryFacts {
  return Object.fromEntries(
    TX_REGISTERS.flatMap(([name, field]) => {
      const value = new RegExp(`(?<![\\w.])${name} +<([0-9a-f]+)>`).exec(line)?.[1];
      return value === undefined || field.includes("=") ? [] : [[field, Number(`0x${value}`)]];
    }),
  );
}

/** What the head and the tail of the ring say: the device writes the one, the driver the other. */
function ringText({ tdh, tdt }: LogEntryFacts): string {
  if (typeof tdh !== "number" || typeof tdt !== "number") return "";
  return tdh === tdt
    ? ". The device has fetched all descriptors (TDH equals TDT), and has not reported that they are done"
    : `. The device has not fetched all descriptors: its head (TDH) is at 0x${
      tdh.toString(16)
    }, the driver's tail (TDT) at 0x${tdt.toString(16)}`;
}

const TX_HANG: MessageRow = {
  kind: "device_error",
  forms: [
    "{driver} {device}{? {interface_name}?}: Detected {~Tx|Hardware} Unit Hang{...}",
    "{driver} {device}: {interface_name}: Detected {~Tx|Hardware} Unit Hang{...}",
  ],
  derive: (facts, line) => ({ ...facts, ...registersIn(line) }),
  more: [
    ...TX_REGISTERS.map(([name, field]) => ({ form: `${name} <{${field}}>` })),
    { form: "buffer_info[next_to_clean]", add: (_, facts) => facts },
  ],
  reachLines: 20,
  condition:
    "A packet is in the ring of the device for longer than the driver allows, and the link is not paused as far as the driver sees",
  role: "consequence",
  follows: CAUSES_OF_HANGS,
  means: (facts) =>
    `Packets that were given to the network device ${
      facts.interface_name ?? facts.device
    } were not reported as sent in time${ringText(facts)}. ${NO_MAPPING}`,
  next: (facts) => [
    ...firstError(facts),
    "try without offloads (`ethtool -K IF tso off gso off`) and without Energy Efficient Ethernet (`ethtool --set-eee IF eee off`), one at a time",
  ],
};

const capital = (text: string) => `${text[0]!.toUpperCase()}${text.slice(1)}`;

const NETWORK: readonly MessageRow[] = [
  TX_HANG,
  hang({
    forms: [
      "NETDEV WATCHDOG: {interface_name} ({driver}): transmit queue {queue_index=count} timed out{...}",
      "{driver} {device} {interface_name}: NETDEV WATCHDOG: CPU: {...}: transmit queue {queue_index=count} timed out{...}",
      "NETDEV WATCHDOG: CPU: {...}: transmit queue {queue_index=count} timed out{...}",
      "NETDEV WATCHDOG: {interface_name} ({driver}): transmit timed out",
      "{driver} {device}{? {interface_name}?}: {?{...} ?}{~TX timeout|Tx timeout|tx_timeout|transmit timed out|TX timed out}{...}",
      "{driver} {device}{? {interface_name}?}: Found a Tx that wasn't completed on time{...}",
      "{driver} {device}{? {interface_name}?}: TX q {queue_index=count} is paused for too long{...}",
      "{driver} {device}{? {interface_name}?}: {~Keep alive|Keepalive} watchdog timeout{...}",
      "{driver} {device}{? {interface_name}?}: initiating reset due to {~tx timeout|lost link with pending Tx work}",
    ],
    derive: (facts, line) => /\btx_timeout\s*[:=]\s*\d+\s*$/.test(line) ? null : facts,
    means: (facts) =>
      `Packets that were given to the network device ${
        facts.interface_name ?? facts.device ?? ""
      } were not completed in time: it no longer fetches or finishes its descriptors, its link is paused, or its interrupt was lost`
        .replace("device  were", "device were"),
    next: firstError,
  }),
  hang({
    forms: [
      "{driver} {device}{? {interface_name}?}: {?BUG! ?}{~tx ring full|Tx ring full|TX ring full|Tx Ring full when queue awake|Tx ring is full|tx ring is full}{...}",
    ],
    means: (facts) =>
      `The ring of descriptors for packets to send of ${
        facts.interface_name ?? facts.device
      } is full: the device did not take or finish packets as fast as they were given, or the driver does not see that it did`,
    next: (facts) => [
      "look whether packets still leave (`ip -s link`, the interrupts of the device in /proc/interrupts): with load alone it is no error; if nothing leaves any more, the ring or its completions hang",
      ...firstError(facts),
    ],
  }),
  hang({
    forms: [
      "{driver} {device}: {~TX driver issue detected|Malicious Driver Detection event}{...}",
      "{driver} {device}: {count} {~Tx|Rx|TX|RX} Malicious Driver Detection event{...}",
      "{...}{driver~i40en|ixgben|icen|ixl|ixlv|iavf}{...}: {~TX driver issue detected|Malicious Driver Detection event}{...}",
      "{driver} {device}{? {interface_name}?}: Malicious event detected{...}",
    ],
    means: (facts) =>
      `The network device${
        typeof facts.device === "string" ? ` of ${facts.device}` : ""
      } refused a descriptor and stopped its queue: the form of the descriptor is wrong for it (a length of 0, too many pieces, an offset out of bounds), or the memory of the ring was overwritten`,
    next: [
      "look which packets the host or guest sends (segment sizes, tunnels): switch off segmentation offload as a trial (`ethtool -K IF tso off gso off`); of a VF look at the guest's driver; update driver and firmware together",
    ],
  }),
];

/** Drivers of MediaTek's wireless devices. */
const MT76 =
  "{driver~mt7601u|mt7603e|mt7615e|mt7622-wmac|mt7663e|mt7663s|mt7663u|mt76x0e|mt76x0u|mt76x2e|mt76x2u|mt7915e|mt7921e|mt7921s|mt7921u|mt7922e|mt7925e|mt7925u|mt798x-wmac|mt7996e}";
const RTW =
  "{driver~rtw_8723de|rtw_8821ce|rtw_8822be|rtw_8822ce|rtw_8821cu|rtw_8822bu|rtw89_8851be|rtw89_8852ae|rtw89_8852be|rtw89_8852ce|rtw89_8922ae}";
const wireless = (facts: LogEntryFacts) =>
  typeof facts.device === "string" ? `the wireless device ${facts.device}` : "a wireless device";

const WIRELESS: readonly MessageRow[] = [
  hang({
    forms: [
      "iwlwifi {device}: {~Microcode SW error detected|Hardware error detected}{...}",
      "{driver~ath10k_pci|ath11k_pci|ath12k_pci|ath10k_ahb|ath10k_sdio|ath10k_snoc|ath11k} {device}: firmware crashed!{...}",
      `${RTW} {device}: SER catches error{...}`,
      "{driver} {device}: mac specific condition occurred{...}",
    ],
    means: (facts) =>
      `The driver of ${wireless(facts)} reports an error of its firmware or of its hardware`,
    next: firstError,
  }),
  hang({
    forms: [
      "iwlwifi {device}: Error sending {...}: time out after {waited_ms=count}ms{...}",
      "iwlwifi {device}: Failed to wake NIC for hcmd{...}",
      `${MT76} {device}: {~driver own failed|Timeout for driver own|firmware own failed|Message {value} (seq {sequence=count}) timeout}`,
      `${MT76} {device}: Message {value} (seq {sequence=count}) timeout`,
      `${RTW} {device}: {~failed to poll offset|firmware failed to leave lps state|xtal si not ready}{...}`,
      "brcmfmac: {function}: {~Timeout on response for query command|timeout on response for query command}{...}",
    ],
    means: (facts) =>
      `${capital(wireless(facts))} or its firmware did not answer its driver in time`,
    next: firstError,
  }),
  hang({
    forms: [
      "iwlwifi {device}: Queue {queue_index=count} {~stuck for|is active on fifo}{...}",
      "iwlwifi {device}: fail to flush all tx fifo queues{...}",
      `${RTW} {device}: timed out to flush pci tx ring{...}`,
    ],
    means: (facts) => `Packets that were given to ${wireless(facts)} were not sent in time`,
    next: firstError,
  }),
  hang({
    forms: [
      "iwlwifi {device}: {~Failed to load firmware chunk|Failed to start RT ucode|Failed to run INIT ucode}{...}",
    ],
    derive: (facts, line) => ({ ...facts, errno: errnoIn(line) }),
    means: (facts) =>
      `The firmware of ${wireless(facts)} was not loaded or did not start${
        errnoText(facts.errno) === "" ? "" : ` (${errnoText(facts.errno)})`
      }`,
    next: firstError,
  }),
  hang({
    forms: [
      `${MT76} {device}: chip reset{...}`,
      "ieee80211 {device}: Hardware restart was requested{...}",
    ],
    means: (facts) =>
      `The driver resets ${wireless(facts)}: the reason is in the lines of its driver before it`,
    next: firstError,
  }),
  hang({
    forms: [
      "{driver~ath10k_pci|ath10k_ahb|ath10k_snoc} {device}: [{...}]: {...} {~4294967295 4294967295 4294967295 4294967295}",
    ],
    means: ({ device }) =>
      `The indices of a ring (copy engine) of ${device} read as all ones: the device is off the bus or does not answer`,
    next: [
      "look for link errors and for power states before it (AER, `Unable to change power state`); switch power saving off as a trial (pcie_aspm=off), and look at the slot and the supply of the card",
    ],
  }),
  hang({
    forms: [
      "iwlwifi {device}: Timeout waiting for hardware access (CSR_GP_CNTRL {value})",
      "iwlwifi {device}: MAC is in deep sleep{...}",
      "{driver} {device}: failed to {~wake target|wake up target|wakeup target|poke copy engine}{...}",
      "{driver} {device}: {~failed to|could not} {~init core|power up|wake up device}{...}",
      "{driver} {device}: {~driver|firmware} own failed{...}",
    ],
    // The line of MHI before it says more.
    derive: (facts, line) => /power up mhi/.test(line) ? null : facts,
    means: (facts) =>
      numberOf(facts, "value") === ALL_ONES
        ? `The registers of ${
          named(facts, "device")
        } read as all ones: the device is off the bus or does not answer`
        : `The driver of ${named(facts, "device")} could not wake or start its device`,
    next: [
      "look for link errors and for power states before it (AER, `Unable to change power state`); switch power saving off as a trial: pcie_aspm=off, the driver's power_save parameter, d3cold_allowed of the slot above",
    ],
  }),
];

/** What to try with the driver of a GPU. */
const GPU_TRIALS: readonly (readonly [driver: RegExp, text: string])[] = [
  [
    /^amdgpu$/,
    "the versions of Mesa and of the GPU's firmware, and amdgpu.runpm=0 and amdgpu.gpu_recovery=1 as trials",
  ],
  [/^radeon$/, "the version of Mesa, and radeon.runpm=0 and radeon.dpm=0 as trials"],
  [/^i915$/, "the version of Mesa, and i915.enable_dc=0 and i915.enable_psr=0 as trials"],
  [/^xe$/, "the versions of Mesa and of the GPU's firmware (GuC)"],
  [/^nouveau$/, "the version of Mesa, and nouveau.runpm=0 as a trial"],
];

/** What the name of an error of nouveau's pusher says. */
const PUSHER_ERRORS: Readonly<Record<string, string>> = {
  INVALID_CMD:
    ", a word that is no command: it read its commands, and they are not what it expects",
  INVALID_MTHD: ", a method that the engine does not have",
  MEM_FAULT: ", an address of the GPU's own that it could not read",
};

function gpuSteps(facts: LogEntryFacts): readonly string[] {
  const program = typeof facts.program === "string"
    ? `the program (${facts.program})`
    : "the program";
  const driver = String(facts.driver);
  const trial = GPU_TRIALS.find(([words]) => words.test(driver))?.[1] ??
    "the versions of its user-space driver and of its firmware";
  return [
    `look for a fault of an IOMMU or of the GPU's own MMU before it: with one the access is the cause, without one the job itself, the firmware or power saving: note ${program}, ${trial}`,
  ];
}

/** The driver of a line of the graphics layer that names none in front. */
const OF_DRM = /\[drm:\w+ \[(\w+)\]\]|\b(amdgpu|radeon|i915|nouveau|msm|panfrost|etnaviv)\b/;
const withGpuDriver = (facts: LogEntryFacts, line: string): LogEntryFacts => {
  const found = OF_DRM.exec(line);
  const driver = facts.driver ?? found?.[1] ?? found?.[2] ?? null;
  return { ...facts, driver, ...line.includes("soft recovered") ? { recovered: true } : {} };
};
const gpuOf = ({ device }: LogEntryFacts) =>
  typeof device === "string" ? `the GPU ${device}` : "a GPU";
/** Rings and engines of a GPU with DMA in their name. */
const ownDma = ({ ring }: LogEntryFacts) =>
  /dma/i.test(String(ring)) ? `. "${ring}" is an engine of the GPU itself` : "";

const GPUS: readonly MessageRow[] = [
  ...stateRows([[
    "The reset of a GPU, or of one of its rings, succeeded: what was in flight is lost, and it works again",
    "{driver} {device}: {...}GPU reset({...}) succeeded{...}",
    "{driver} {device}: {...}GPU reset succeeded{...}",
    "{driver} {device}: {...}Ring {ring=ring} reset succeeded{...}",
    "Ring {ring=ring} reset succeeded{...}",
    "{...}device wedged, but recovered through reset{...}",
  ]]),
  hang({
    forms: [
      "{driver} {device}: {...}ring {ring=name}{...} timeout, signaled seq={...}",
      "ring {ring=name} timeout, signaled seq={...}",
      "{driver} {device}: {...}ring {ring=ring}{...} timeout, but soft recovered",
      "ring {ring=ring} timeout, but soft recovered",
      "{driver} {device}: {...}ring {ring=ring} stalled for more than{...}",
      "*ERROR* Waiting for fences timed out{...}",
      "{driver} {device}: {...}GPU {~HANG|hang}{...}",
      "[drm] GPU HANG: ecode {...}",
      "[drm] stuck on {ring=ring} ring",
      "{driver} {device}: {...}gpu fault ring {ring=ring} fence {...} status {...} rb {...}",
      "{driver} {device}: {...}{~GPU lockup|hangcheck|gpu hang|job timeout|GPU timeout|gpu sched timeout}{...}",
    ],
    derive: withGpuDriver,
    follows: ["gpu_fault", ...CAUSES_OF_HANGS],
    means: (facts) =>
      `A job of ${gpuOf(facts)} did not end in time${
        facts.recovered === true ? ", and the driver ended it without a reset" : ""
      }${ownDma(facts)}`,
    next: gpuSteps,
  }),
  hang({
    forms: [
      "{driver} {device}: {...}ring {ring=ring} test failed{...}",
      "ring {ring=ring} test failed ({errno})",
      "{driver} {device}: {...}{~IB test failed on|failed testing IB on} {...}",
      "{~IB test failed on|failed testing IB on} {...}",
      "{driver} {device}: {...}{~sw_init|hw_init|resume|suspend|hw_fini} of IP block <{block=word_text}> failed {errno}",
      "{~sw_init|hw_init|resume|suspend|hw_fini} of IP block <{block=word_text}> failed {errno}",
    ],
    derive: withGpuDriver,
    means: (facts) =>
      `A step of the driver failed when it started, tested, stopped or resumed ${gpuOf(facts)}${
        errnoText(facts.errno) === "" ? "" : ` (${errnoText(facts.errno)})`
      }${ownDma(facts)}`,
    next: gpuSteps,
  }),
  hang({
    forms: [
      "{driver} {device}: {...}Fence fallback timer expired on ring {ring=ring}{...}",
      "Fence fallback timer expired on ring {ring=ring}{...}",
    ],
    derive: withGpuDriver,
    means: (facts) =>
      `A timer of the driver found that a job of ${
        gpuOf(facts)
      } was done, and its interrupt had not come${ownDma(facts)}`,
    next: [
      "look at the interrupt of the GPU in /proc/interrupts, and for lines about interrupt remapping or MSI at boot",
    ],
  }),
  hang({
    forms: [
      "{driver} {device}: {...}GPU reset{~ begin!|(|ting| failed| end}{...}",
      "{driver} {device}: {...}GPU recovery disabled{...}",
      "{driver} {device}: {...}Starting {ring=ring} ring reset",
      "Starting {ring=ring} ring reset",
      "{driver} {device}: {...}Ring {ring=ring} reset failed{...}",
      "Ring {ring=ring} reset failed{...}",
      "drm/i915: Resetting chip after gpu hang",
      "{driver~i915|xe|radeon|amdgpu} {device}: {...}Resetting {~chip|rcs0|bcs0|vcs0|vecs0|ccs0|GPU}{...}",
    ],
    derive: withGpuDriver,
    means: (facts) =>
      `${
        capital(gpuOf(facts))
      } is reset, or its reset ended or is switched off: a job did not end, or the driver found an error; the lines before it say which`,
    next: gpuSteps,
  }),
  hang({
    forms: ["{driver} {device}: {...}GPU fault detected{...}"],
    derive: withGpuDriver,
    means: (facts) =>
      `The own MMU of ${
        gpuOf(facts)
      } refused an access of a job: the registers below it have the address in the GPU's own space`,
    next: gpuSteps,
  }),
  hang({
    forms: [
      "NVRM: Xid (PCI:{device=pci_function}): {xid~79}{...}",
      "NVRM: Xid (PCI:{bus=bridge}): {xid~79}{...}",
      "NVRM: {...} GPU has fallen off the bus{...}",
      "NVRM: fallen off the bus{...}",
    ],
    means: OFF_THE_BUS,
    next: OFF_THE_BUS_NEXT,
  }),
  {
    ...hang({
      forms: ["NVRM: The NVIDIA GPU {device=pci_function}{?{...}?}"],
      means: ({ device, what }) =>
        what === "off the bus"
          ? `The driver says at its start that ${device} has fallen off the bus. ${OFF_THE_BUS}`
          : what === "not supported"
          ? `The driver of NVIDIA does not take ${device}: its lines say that this release does not support it, or that another one is needed`
          : `The driver of NVIDIA says something of ${device}; the rest of its text is in the lines below`,
      next: ({ what }) =>
        what === "off the bus" ? OFF_THE_BUS_NEXT : [
          "look at the text of NVRM below it, and at which release and kind of the driver the card needs",
        ],
    }),
    more: [
      {
        form: "NVRM: {...}fallen off the bus{...}",
        add: (_, facts) => ({ ...facts, what: "off the bus" }),
      },
      { form: "NVRM: (PCI ID: {...})", add: (_, facts) => facts },
      {
        form: "NVRM: {...}{~is not supported by|requires use of}{...}",
        add: (_, facts) => ({ ...facts, what: "not supported" }),
      },
      { form: "NVRM: {...}installed in this{...}", add: (_, facts) => facts },
    ],
    reachLines: 4,
  },
  hang({
    forms: [
      "NVRM: GPU {device=pci_function}: {~RmInitAdapter failed|rm_init_adapter failed}{...}",
      "NVRM: {...}{~RmInitAdapter failed|rm_init_adapter failed}{...}",
      "NVRM: {~failed to copy vbios|Can't find an IRQ|request_irq() failed|failed to allocate}{...}",
    ],
    means:
      "The driver of the GPU could not start it: firmware, memory, interrupts or the card itself; the numbers in the line are the driver's own",
    next: [
      "look at the first NVRM line of the same start, and for a fault of an IOMMU or a BAR without an address before it",
    ],
  }),
  hang({
    forms: ["NVRM: The NVIDIA probe routine failed for {count} device(s).{?{...}?}"],
    means:
      "The driver of NVIDIA started none of these GPUs. It is a consequence: its lines before this one have the reason",
    next: [
      "look at the NVRM lines before this one: the first line of trouble of the same start is the reason",
    ],
  }),
  hang({
    forms: [
      "NVRM: Xid (PCI:{device=pci_function}): {xid=error_code}{...}",
      "NVRM: Xid (PCI:{bus=bridge}): {xid=error_code}{...}",
    ],
    means: ({ xid }) =>
      `The driver of the GPU reports its error number ${xid} (Xid): a job, the memory or an engine of the GPU`,
    next: [
      "look the number up in NVIDIA's list of Xid errors; for a fault of an IOMMU or of PCI Express in the same seconds",
    ],
  }),
  {
    kind: "device_error",
    forms: [
      "{driver~aacraid|AAC0|AAC1}: {?aac_fib_send: ?}first asynchronous command timed out{...}",
    ],
    more: [
      {
        form: "{~Usually a result of|usually a result of} a{?n?} {suspected=rest}",
        add: (found, facts) => ({
          ...facts,
          suspected: String(found.suspected).replace(/[.;,]+$/, ""),
        }),
      },
    ],
    condition: "The driver's first command to the controller was not completed in its time",
    role: "consequence",
    follows: CAUSES_OF_HANGS,
    means: ({ suspected }) =>
      `The controller did not complete the first command of its driver in time: it is not started${
        typeof suspected === "string" ? `. The driver names the usual reason: ${suspected}` : ""
      }. ${NO_MAPPING}`,
    causes: inOrder([
      {
        id: "interrupt",
        when: ({ suspected }) => /interrupt/i.test(String(suspected)),
        certainty: "possible",
        text:
          "by the driver's own words the interrupt does not arrive: the firmware's tables route it wrongly, or interrupt remapping refuses it",
        next: [
          "look whether the controller's count in /proc/interrupts rises, and for lines with INTR-REMAP; test with another kind of interrupt (`modinfo aacraid` has its parameter; pci=nomsi, intremap=off), and bring the board's firmware to its newest version",
        ],
      },
      {
        id: "silent",
        certainty: "possible",
        text:
          "the interrupt does not arrive, the controller cannot read its commands (a fault of an IOMMU), or its firmware hangs",
        next: [
          "look whether the controller's count in /proc/interrupts rises, for a fault of an IOMMU in the same seconds, and at the controller's firmware",
        ],
      },
    ]),
  },
  hang({
    forms: [
      "{driver~nouveau} {device}: fifo: DMA_PUSHER - ch {channel=error_code} [{program=pushing_program}]{...}(err: {error_name=word_text}){...}",
      "{driver~nouveau} {device}: fifo: DMA_PUSHER - ch {channel=error_code} {...}",
      "{driver~nouveau} {device}: {~fifo|gr|tmr|bus|pmu|disp|sched|sec2|acr}: {...}{~timeout|TRAP|FAULT|SCHED_ERROR|ILLEGAL|ERROR|failed}{...}",
      "{driver~nouveau} {device}: {...}{~fifo|gsp}: {...}{~errored|killed|timeout|timed out}{...}",
    ],
    means: (facts) =>
      facts.channel === null || facts.channel === undefined
        ? `An engine of the GPU ${facts.device} reports an error; the words behind the engine's name say which`
        : `The part of the GPU ${facts.device} that reads the commands of a program (DMA_PUSHER, a part of the GPU itself) stopped at them${
          typeof facts.error_name === "string"
            ? ` with ${facts.error_name}${PUSHER_ERRORS[facts.error_name] ?? ""}`
            : "; the words at the line's end say why"
        }${typeof facts.program === "string" ? `. The program is ${facts.program}` : ""}`,
    next: gpuSteps,
  }),
  {
    kind: "device_error",
    forms: [
      "[drm{...}] {...}Not enough memory for command submission{...}",
      "[drm{...}] {...}Failed to allocate NVKMS {?video ?}memory for GEM object{...}",
      "NVRM: {...}Out of memory [NV_ERR_NO_MEMORY] {...}",
      "[TTM] {~Failed to allocate|Out of|Unable to allocate}{...}",
      "{driver} {device}: {...}{~Failed to allocate BO|failed to allocate BO|Out of vram|VRAM is full}{...}",
    ],
    role: "report",
    means:
      "The memory manager of a GPU had no memory of the kind that a program asked for: its own memory (VRAM), or pages of the host. No mapping is concerned",
    next: [
      "look at what uses the GPU's memory (`nvidia-smi`, `amdgpu_top`, /sys/kernel/debug/dri) and at the host's free memory; a count that only grows is a leak of a program or of the driver",
    ],
  },
  {
    kind: "gpu_fault",
    forms: [
      "nvgpu: {device} {...}[MMU FAULT] mmu engine id: {engine=word_text}, ch id: {channel=word_text}, fault addr: {address}, fault addr aperture: {...}, fault type: {reason=comma_text}, access type: {access_text=comma_text}{?,{...}?}",
    ],
    always: { driver: "nvgpu" },
    role: "report",
    means: ({ access_text, channel, device, reason }) =>
      `A fault of the own MMU of the GPU ${device}: the channel ${channel} made an access (${access_text}) to an address of the GPU's own space that has no valid entry (${reason}). No mapping of the DMA API is concerned`,
    next: [
      "look at the program that owns the channel (its name stands in the status lines below): a buffer that was freed or never bound in the GPU's address space, or an address of 0 that was never set",
    ],
  },
  {
    kind: "device_error",
    forms: [
      "nvgpu: {device} {...}page fault error: err_type = {...}, fault_status = {fault_status}",
      "nvgpu: {device} {...}mmu fault id={...}",
      "nvgpu: {device} {...}TSG {...} generated a mmu fault{...}",
      "nvgpu: {device} {...}error notifier set to {...} for ch {channel=word_text}{...}",
    ],
    always: { driver: "nvgpu" },
    role: "consequence",
    follows: ["gpu_fault"],
    means: ({ device }) =>
      `A step of the driver after a fault of the own MMU of the GPU ${device}: the fault itself is the line with \`[MMU FAULT]\` and the address`,
    next: [
      "look at the line with `[MMU FAULT]` and `fault addr`, and at the program of its channel",
    ],
  },
  {
    kind: "gpu_fault",
    forms: [
      "{driver} {device}: MMU error from client {client_name=word_text} ({...}) at {address}{...}",
      "{driver} {device}: MMU fault status {fault_status}",
      "{driver} {device}: MMU {mmu_number=count} fault addr {address}",
      "{driver} {device}: mmu page fault at {address} from bus id {bus_id=count} of type {access}{...}",
      "gpu fault ttbr0={...} iova={address} dir={access} type={reason=word_text} source={...}",
      "gpu fault: iova= {address}, flags={flags}{...}",
    ],
    role: "report",
    means: (facts) =>
      `A fault of the own address space of ${
        facts.device === null || facts.device === undefined ? "a GPU" : `the GPU ${facts.device}`
      }: a job or a plane of the display used a GPU address that has no page there. No mapping of the DMA API is concerned`,
    next: [
      "look in the driver of the GPU and in the program: a buffer that was freed or never bound in the GPU's address space; a fault of the DMA API would be a line of the platform's IOMMU for another stream",
    ],
  },
];

/** A plane of the display that could not read its picture. */
const PIPE_FAULT: MessageRow = {
  kind: "gpu_fault",
  forms: [
    "Fault errors on pipe {pipe=word_text}{?: {fault_status}?}",
    "{driver} {device}: {...}Fault errors on pipe {pipe=word_text}{?: {fault_status}?}",
  ],
  role: "report",
  means: ({ pipe }) =>
    `A plane of the display (pipe ${pipe}) of a GPU could not read its picture. The line does not say where it failed: in the GPU's own table, or at the platform's IOMMU, which reports its faults in lines of its own`,
  causes: [{
    id: "read_refused",
    certainty: "possible",
    text:
      "the buffer of the picture was freed or never bound in the GPU's own address space; or the IOMMU refused the read, as of memory of the firmware (stolen memory) that nothing maps, or of a GPU that was taken from its driver",
    next: [
      "look for a fault of the IOMMU for the same function in the same seconds (DMAR, VT-d, `xl dmesg` of Xen): with one the address of that line counts, without one the GPU's driver and the program that draws",
    ],
  }],
};

/** Bits of the error mask of libata. */
const EMASK: readonly (readonly [number, string])[] = [
  [0x1, "error of the device"],
  [0x2, "states that do not fit (HSM violation)"],
  [0x4, "timeout"],
  [0x8, "medium error"],
  [0x10, "error of the ATA bus"],
  [0x20, "host bus error"],
  [0x40, "system error"],
  [0x80, "invalid argument"],
  [0x100, "unknown error"],
  [0x400, "error of one queued command (NCQ)"],
];
const HOST_BUS = 0x20;
const SYSTEM_ERROR = 0x40;
/** Bit 17 of the interrupt status of a UFS host controller (UFSHCI, IS.SBFES). */
const UFS_BUS_FATAL = 0x2_0000;

function emaskFacts(facts: LogEntryFacts): LogEntryFacts {
  const mask = numberOf(facts, "emask");
  return { ...facts, errors: EMASK.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name) };
}

const refusedNext = (facts: LogEntryFacts) =>
  busOf(facts) === "platform" ? REFUSED_ON_CHIP : REFUSED_NEXT;
const REFUSED_ON_CHIP =
  "look for a fault of an IOMMU of the controller in the same seconds; without one compare its DMA mask and the dma-ranges above its node with where memory lies, and look at its clocks, resets and power domain";
const REFUSED_NEXT =
  "look for a fault of an IOMMU and for PCI Express errors in the same seconds: the controller got an error for an access to memory; without one compare its DMA mask (64-bit or not) with where memory lies";
const HOST_BUS_NEXT = [
  `${REFUSED_NEXT}, and try the other setting (libata.force, a quirk for 32 bits)`,
];

/** The causes of an access of a host controller that ended with an error. */
const ACCESS_REFUSED = {
  id: "access_refused",
  certainty: "possible",
  text:
    "an address that an IOMMU or the bus refused, a DMA address above what the controller reaches, or a link or power state that was lost",
} as const;

const DISKS: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "{disk}: irq_stat {status}, host bus error{...}",
      "{?res {...} ?}Emask {emask} (host bus error)",
      "{disk}: cmd {...} res {...} Emask {emask} (host bus error)",
    ],
    always: { what: "host bus error" },
    condition:
      "The controller's status has a host bus error (AHCI 1.3.1, HBDS, HBFS), or libata's mask has its bit",
    role: "report",
    finding: "hardware_error",
    means: ({ disk }) =>
      `An access of the disk controller of ${disk ?? "a port"} to memory ended with an error`,
    causes: [{ ...ACCESS_REFUSED, next: HOST_BUS_NEXT }],
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~ufshcd|ufshcd-qcom|ufshcd-pltfrm|ufshcd-pci|ufshcd-mtk|ufshcd-hisi|exynos-ufshc|ufs-exynos|cdns-ufshcd|ufs-hisi|tc-dwc-g210-pltfm|sprd-ufs|ufs-renesas|ufs-rockchip} {device}: {...}System Bus Fatal Error{...}",
    ],
    always: { what: "system bus fatal error" },
    condition: "The controller's interrupt status has SBFES (UFSHCI 3.0, IS bit 17)",
    role: "report",
    finding: "hardware_error",
    means: ({ device }) =>
      `An access of the UFS controller ${device} to memory ended with an error on its bus`,
    causes: [{ ...ACCESS_REFUSED, next: [REFUSED_ON_CHIP] }],
  },
  {
    kind: "driver_dma_error",
    forms: ["mhi {device}: MHI did not load image over {~BHIe|BHI}{?, ret: {errno}?}"],
    condition:
      "The host gave the device the DMA address of its first program, and the device did not report that it has it",
    role: "report",
    means: ({ device, errno }) =>
      `${device} (MHI: a modem or a Wi-Fi card) did not read its program from the host's memory, or refused it${
        typeof errno === "number" ? ` (${errno})` : ""
      }`,
    causes: [{
      id: "not_read",
      certainty: "possible",
      text:
        "the device cannot read the memory of the image: an address out of its reach, an access that an IOMMU or the host bridge refused, or memory that the bridge's windows leave out (dma-ranges); or the file is none for this device, or is damaged; or the device hangs",
      next: [
        "look for a fault of an IOMMU and for PCI Express errors in the same seconds, and compare the device's DMA mask and dma-ranges of the host bridge with where memory lies: as a trial boot with less memory (mem=3G)",
        "compare the firmware's files with those for this device and its revision (checksums), and take a newer one",
      ],
    }],
  },
  hang({
    forms: [
      "{driver} {device}: ufshcd_check_errors: saved_err {saved_error=code} saved_uic_err {...}",
      "{driver} {device}: ufshcd_err_handler started; HBA state {...}saved_err = {saved_error=code}{...}",
    ],
    means: (facts) =>
      `The driver of the UFS controller ${named(facts, "device")} handles an error${
        (numberOf(facts, "saved_error") & UFS_BUS_FATAL) !== 0
          ? ": the bits that it saved have `system bus fatal error`, an access of the controller to memory"
          : numberOf(facts, "saved_error") === 0
          ? ""
          : ", without `system bus fatal error` among the bits that it saved"
      }`,
    next: [
      "look at the lines of the driver before and below it (`ufshcd_…`: the bits by name, the registers), and for a fault of an IOMMU in the same seconds; an error of the link is power, clocks or lanes",
    ],
  }),
  hang({
    forms: ["{disk}: exception Emask {emask} SAct {value} SErr {status} action {flags}{...}"],
    derive: emaskFacts,
    means: ({ disk, emask, errors }) =>
      `The disk of ${disk} reported an error${
        Array.isArray(errors) && errors.length > 0
          ? `: ${errors.join(", ")}`
          : Number(emask) === 0
          ? ": the mask says no more, the result of the commands below does"
          : ""
      }`,
    next: ({ emask }) =>
      (Number(emask) & HOST_BUS) !== 0 ? HOST_BUS_NEXT : [
        "look at the Emask of the result lines (`res`): timeout and ATA bus error are cable, power, link power saving or the disk; only a host bus error is an access to memory. Before a first timeout look for a fault of an IOMMU for the controller",
      ],
  }),
  hang({
    forms: ["{disk}: edma_err_cause={value=code} pp_flags={flags=code}{?, {errors_text=rest}?}"],
    means: ({ disk, errors_text }) =>
      `The error register of the DMA engine (EDMA) of the SATA port of ${disk}. Its number is not read${
        typeof errors_text === "string"
          ? `; the driver names its bits: ${errors_text}. "dev error" is the disk's own error, and "EDMA self-disable" what follows from it`
          : ""
      }`,
    next: [
      "look at the result below it (`res`, Emask), and at the disk's own log (`smartctl -x`): timeout and ATA bus error are cable, power or the disk; a parity or PCI error among the names would be an access to memory",
    ],
  }),
  hang({
    forms: ["{disk}: failed command: {command=rest}"],
    means: ({ command, disk }) =>
      `The command ${command} of the disk ${disk} failed; "DMA" or "FPDMA" is a part of its name in ATA`,
    next: [
      "look at the result below it (`res`, Emask): timeout and ATA bus error are cable, power, link power saving or the disk; only a host bus error is an access to memory",
    ],
  }),
  hang({
    forms: [
      "{disk}: cmd {...}dma {size_bytes} {~in|out} res {...} Emask {emask} ({...}",
      "res {...} Emask {emask} (internal error)",
    ],
    derive: emaskFacts,
    means: ({ disk, errors }) =>
      `The result of a command of ${disk ?? "a disk"}, by its mask: ${
        Array.isArray(errors) && errors.length > 0 ? errors.join(", ") : "no error"
      }`,
    next: ({ emask }) => [
      (Number(emask) & SYSTEM_ERROR) !== 0
        ? "the kernel itself could not carry the command out, and neither disk nor link is named: look for a map or an allocation that failed in the same second (bounce buffers full, an IOMMU without space), and for the controller's other lines"
        : "look at the disk's own log (`smartctl -x`): timeout and error of the ATA bus are cable, power, link power saving or the disk; before a first timeout look for a fault of an IOMMU for the controller",
    ],
  }),
  {
    kind: "state",
    forms: [
      "{disk}: cmd {...} tag {tag} {...}dma {size_bytes} {~in|out}",
    ],
    derive: (facts, line) => /Emask 0x[1-9a-f]/.test(line) ? null : facts,
    role: "state",
    means:
      "A command or a mode of a disk: DMA is a part of its name in ATA, and no line about a mapping",
  },
];

/** Drivers of storage controllers whose lines have words that drivers of other devices use, too. */
const STORAGE =
  "{driver~megaraid_sas|megaraid|mpt2sas|mpt3sas|mpi3mr|hpsa|aacraid|smartpqi|arcmsr|3w-sas|3w-9xxx|3w-xxxx|ips|pmcraid|ipr|hptiop|mvsas|pm80xx|isci|aic7xxx|aic79xx|aic94xx|cciss|lpfc|qla2xxx|qla4xxx|bfa|be2iscsi|megasas}";
const storage = (facts: LogEntryFacts) =>
  typeof facts.device === "string"
    ? `the storage controller ${facts.device}`
    : "a storage controller";

const CONTROLLERS: readonly MessageRow[] = [
  hang({
    forms: [
      "{device}: fault_state({value})!",
      "{driver} {device}: {~Found FW in FAULT state|FW detected to be in fault state|FW in FAULT state}{...}",
      "{device}: SAS host is non-operational{...}",
      "{driver} {device}: {~controller is locked up|controller lockup detected|Controller lockup detected|ADAPTER IS DEAD|adapter is dead}{...}",
    ],
    means: (facts) =>
      `The driver of ${
        storage(facts)
      } found that its firmware stopped with a fault or no longer works`,
    next: firstError,
  }),
  {
    kind: "state",
    forms: [
      "{device}: {~sending message unit reset|message unit reset: SUCCESS|diag reset: SUCCESS}{...}",
    ],
    role: "state",
    means:
      "A reset of a storage controller, or that it succeeded: the driver does it when it starts the controller, and in a recovery. By itself it is no error",
  },
  hang({
    forms: [
      "{device}: {~sending diag reset !!|diag reset: FAILED|message unit reset: FAILED}{...}",
      `${STORAGE} {device}: {~Resetting controller|Adapter reset|resetting adapter|waiting for controller reset to finish}{...}`,
    ],
    means: (facts) =>
      `The driver resets ${
        storage(facts)
      }, or its reset failed: commands that were in flight are given back. It does so, too, when it starts a controller that is not ready; later the reason is in the lines before it`,
    next: firstError,
  }),
  hang({
    forms: [
      "{device}: {?{function}: ?}mpt3sas_scsih_issue_tm: timeout{...}",
      "aacraid: Host {~adapter abort request|bus reset request}{...}",
      "{...}megasas: RESET cmd={opcode=word_text} retries={retries=count}",
    ],
    means: (facts) =>
      `A command of a disk below ${
        storage(facts)
      } did not end in time, and it is aborted or its bus is reset`,
    next: firstError,
  }),
  hang({
    forms: [
      "{driver~hv_storvsc} {device}: tag#{tag} cmd {opcode} status: scsi {sc} srb {sct} hv {status}",
    ],
    means: (facts) =>
      `The hypervisor (Hyper-V) ended a command of a virtual disk with an error: the status of SCSI is 0x${
        Number(facts.sc).toString(16)
      }${Number(facts.sc) === 2 ? " (CHECK CONDITION: the sense data have the reason)" : ""}`,
    next: [
      "look for the sense data and the line of the disk in the same second; repeated ones are a matter of the host's storage",
    ],
  }),
  {
    kind: "state",
    forms: [
      "{device}: {width=count} BIT PCI BUS DMA ADDRESSING SUPPORTED, total mem ({kib} kB)",
    ],
    role: "state",
    means: ({ width }) => `The driver set a DMA mask of ${width} bits`,
  },
  hang({
    forms: [
      "{driver} {device}: {~xHCI host not responding to stop endpoint command|xHCI host controller not responding, assume dead|HC died; cleaning up}{...}",
      "{driver} {device}: Abort failed to stop command ring: {errno}",
    ],
    means: (facts) =>
      `The USB host controller ${
        facts.device ?? ""
      } no longer answers: its driver stops it and all devices below it are lost`,
    next: firstError,
  }),
  hang({
    forms: [
      "{driver~xhci_hcd|xhci-hcd|xhci-mtk|tegra-xusb|xhci-pci-renesas|usb} {device}: {~ERROR mismatched completion|Timeout while waiting for setup device command|Error while assigning device slot ID}{...}",
    ],
    means: (facts) =>
      `A command that the USB driver gave to its host controller ended with an error or not in time (${
        facts.device ?? "no name"
      }): a device on the bus was not set up`,
    next: firstError,
  }),
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~ehci-pci|ehci_hcd|ehci-platform|ohci-pci|uhci_hcd} {device}: {~fatal error|host system error, PCI problems}",
    ],
    always: { what: "host system error" },
    condition: "The controller's status has Host System Error (EHCI 2.3.2, UHCI 2.1.2)",
    role: "report",
    finding: "hardware_error",
    means: ({ device }) =>
      `An access of the USB host controller ${device} to memory ended with an error: the controller stops`,
    causes: [{ ...ACCESS_REFUSED, next: (facts) => [refusedNext(facts)] }],
  },
  hang({
    forms: [
      "{driver} {device}: xHCI HW not ready after 5 sec (HC bug?) status = {status}",
      "{driver~xhci_hcd} {device}: Host halt failed, {errno}",
      "{driver~ixgbe|i40e|igb|igc|ice|fm10k} {device}{? {interface_name}?}: Adapter removed",
      "{driver} {device}: {...}{~HC died; cleaning up|xHCI host controller not responding, assume dead}",
    ],
    means: (facts) =>
      `${named(facts, "device")} did not answer its driver${
        facts.status === ALL_ONES ? ": its registers read as all ones" : ""
      }: it is off its bus, without power, in a reset, or hung. What it had in flight never completes`,
    next: [
      "look whether configuration space answers (`lspci -vv -s FUNCTION`: `rev ff` is no answer), for PCI Express errors and resets before it, and at power saving (runtime power management, pcie_aspm=off)",
    ],
  }),
  hang({
    forms: [
      "{driver} {device}: Host {~not halted after|halt failed after} {timeout_us=count} microseconds{...}",
      "{driver} {device}: Host {~halt failed|not halted}, {errno}",
    ],
    means: (facts) =>
      `The USB host controller ${
        named(facts, "device")
      } was to stop, and its status did not say that it stopped. It was left running by what ran before (a boot loader, a kernel before kexec), hangs, or its registers do not answer`,
    next: (facts) => [
      `look what used the controller before this kernel (USB of the boot loader or firmware switched off as a trial), and whether its registers answer${
        busOf(facts) === "pci" ? " (`lspci -vv`: Mem+, D0; `rev ff` is no answer)" : ""
      }`,
    ],
  }),
  hang({
    forms: [
      "{driver~xhci_hcd|xhci-hcd} {device}: {~can't|Can't} setup: {errno}",
      "{driver~xhci_hcd|xhci-hcd|ehci-pci|ehci_hcd|ehci-platform|ohci-pci|ohci_hcd|ohci-platform|uhci_hcd|dwc2|dwc_otg} {device}: startup error {errno}",
    ],
    means: (facts) =>
      `The USB host controller ${named(facts, "device")} was not set up${
        errnoText(facts.errno) === "" ? "" : ` (${errnoText(facts.errno)})`
      }`,
    next: [
      "look at the lines of the driver before it: memory for its rings (a coherent allocation), a reset that did not end, or an interrupt",
    ],
  }),
  hang({
    forms: [
      "{driver~ohci-pci|ohci_hcd|ohci-platform} {device}: OHCI Unrecoverable Error, disabled",
    ],
    means: ({ device }) =>
      `The USB host controller ${device} reports an error of the system and not of USB, such as an access to memory or its bus that failed, or reads as all ones: its driver stops it`,
    next: (facts) => [refusedNext(facts)],
  }),
  hang({
    forms: [
      "{driver~ahci} {device}: AHCI controller unavailable!",
    ],
    means: (facts) =>
      `The registers of the disk controller ${
        named(facts, "device")
      } read as all ones: it does not answer on its bus (its link is lost, or it is off). What it had in flight never completes`,
    next: [
      "look for PCI Express errors before it (AER, link down) and at the power and the slot of the card; pcie_aspm=off as a trial",
    ],
  }),
  {
    kind: "state",
    forms: ["{driver} {device}: flags: {~64bit}{...}"],
    role: "state",
    means:
      "Features of a disk controller. `64bit`: it can address memory above 4 GiB for DMA (the driver can ask for a mask of 64 bits)",
  },
  {
    kind: "state",
    forms: ["{driver} {device}: flags: {~ncq|stag|sntf|pm|led|only|clo|ilck}{...}"],
    role: "state",
    means:
      "Features of a disk controller. Without the word `64bit` it addresses memory below 4 GiB only: pages above it go through the bounce buffers, or an IOMMU",
  },
  {
    kind: "device_error",
    forms: [
      "{driver}{?[{...}]?}: mpeg risc op code error",
      "{driver}{?[{...}]?}: {...}video risc op code error",
    ],
    condition: "The capture card's engine met a word in its program that is no instruction",
    role: "report",
    means: ({ driver }) =>
      `The engine of ${
        driver ?? "the card"
      } read something that is no instruction where its program for DMA should be: the program in memory was overwritten, given back or not written yet, or the engine read another address`,
    next: [
      "look for a fault of an IOMMU in the same seconds, and compare the addresses of the dump below it (`init risc lo`) with the DMA addresses that the driver got (`dmalab trace check` with the dma events)",
      "with cx23885, as a trial: its module's parameter dma_reset_workaround=2, which lets the driver reset the engine",
    ],
  },
  {
    kind: "state",
    forms: ["{driver} {device}: no DMA platform data"],
    role: "state",
    means:
      "The driver got no channel of a DMA engine from the port's node (`dmas`), and its board gives none: the port works with interrupts. No error",
  },
  {
    kind: "state",
    forms: ["pnp {...}: [dma {...} disabled]"],
    role: "state",
    means:
      "The firmware's table gives the device an ISA DMA channel that is switched off. No error",
  },
  {
    kind: "register_dump",
    forms: [
      "iq {...}: {...} [ arg #{...} ]",
      "risc{...}: {...} [ {...} ]",
    ],
    role: "state",
    means:
      "A line of a driver's dump of a DMA channel: its registers, or the program that its engine runs. An error, if there is one, is in a line before it",
  },
  hang({
    forms: [
      "{device}: Timeout waiting for hardware {~interrupt|cmd interrupt}{...}",
      "{disk}: error -110 {~sending status command|transferring data|requesting status|sending stop command}{...}",
      "{device}: cqhci: timeout for tag {tag}{...}",
      "{device}: running CQE recovery",
    ],
    means: (facts) =>
      `The controller of a card or an eMMC did not end a command in time (${
        facts.device ?? facts.disk ?? "no name"
      }): the card did not answer, its clock, voltage or lines do not fit, or an interrupt was lost. Registers below it with an ADMA error would say that a descriptor or an address was refused`,
    next: [
      "look for `ADMA Err` in the registers below it and for a fault of an IOMMU before it; without them it is the card or its lines: a slower mode, another card, its voltage regulators",
    ],
  }),
  {
    kind: "device_error",
    forms: [
      "Failed to write to /dev/nvme-fabrics: {words=errno_words}",
      "could not add new controller: {words=errno_words}",
    ],
    condition: "nvme-cli asked the kernel to connect to a target, and the kernel refused",
    role: "report",
    means: ({ words }) =>
      `The kernel did not connect to a target of NVMe over fabrics (${words}). The program's line has no reason; no mapping is concerned`,
    next: [
      "look at the kernel's log of the same second (`nvme nvmeN: Connect …`, `rdma connection establishment failed`), which has the reason: an option, the name of the host or the subsystem, a second connection, or the network",
    ],
  },
  {
    kind: "device_error",
    forms: ["{disk}: Can't open blockdev"],
    role: "report",
    means: ({ disk }) =>
      `A mount could not open the block device ${disk}: it is not there, not there yet, or in use. No mapping is concerned`,
    next: [
      "look for errors of the disk or its controller before it; with none, who uses it: `lsblk -f`, `findmnt`, `fuser -v`",
    ],
  },
  {
    kind: "state",
    forms: [
      "[TTM] Zone {...}: Available graphics memory: {kib} kiB",
      "ioatdma: Intel(R) QuickData Technology Driver {...}",
      "KMD version: {...}, IOMMU: {~enabled|disabled}",
      "sysmem {...}to IOVA {address}",
    ],
    role: "state",
    means:
      "A line of a driver or of its program at its start: memory that the device can use, and how. No error",
  },
  {
    kind: "state",
    forms: [
      "snd_hda_intel {device}: IRQ timing workaround is activated for card {...}",
      "{disk}: SATA max {~UDMA|PIO}{...}",
    ],
    role: "state",
    means:
      "A setting of a disk or sound controller: the mode of a disk, or when its position in the buffer is read. No line about a mapping",
  },
  {
    kind: "device_error",
    forms: [
      "NVRM: This PCI I/O region assigned to your NVIDIA device is invalid{...}",
      "NVRM: BAR{bar_number=count} is {...}M @ {bar_address=address} (PCI:{device=pci_function})",
    ],
    more: [{
      form:
        "NVRM: BAR{bar_number=count} is {...}M @ {bar_address=address} (PCI:{device=pci_function})",
    }],
    role: "report",
    means:
      "A BAR of the GPU has no address, or one of no use: its driver does not take it. No mapping is concerned",
    next: [
      "look at the boot for `failed to assign` or `no space` of the function: `Above 4G Decoding` in the firmware's setup, pci=realloc, or another slot",
    ],
  },
  hang({
    forms: [
      "{driver} {device}: {~BUG: |invalid position: }{...}, pos = {position=count}, buffer size = {buffer_frames=count}, period size = {period_frames=count}",
      "{~BUG: |invalid position: }{...}, pos = {position=count}, buffer size = {buffer_frames=count}, period size = {period_frames=count}",
    ],
    means: (facts) =>
      `The position that the driver of ${
        named(facts, "device")
      } gave, frame ${facts.position}, lies beyond the ring of ${facts.buffer_frames} frames: a register of the position that was read wrongly, or at a wrong time`,
    next: [
      "look at the driver's options for the position (for snd_hda_intel `position_fix`), and compare with a newer kernel; a fault of an IOMMU beside it would be an access beyond the ring, this line alone is not",
    ],
  }),
  hang({
    forms: [
      "snd_hda_intel {device}: azx_get_response timeout, switching to {...}",
      "{~hda_intel|hda-intel}: {~azx_get_response timeout|No response from codec|spurious response}{...}",
      "snd_hda_intel {device}: {~No response from codec|spurious response|CORB reset timeout}{...}",
    ],
    means: (facts) =>
      `The answer of a codec did not reach the driver of the sound controller ${
        typeof facts.device === "string" ? facts.device : ""
      }: the controller writes answers into a ring in memory (RIRB) and raises an interrupt; the codec was silent, the write was refused, or the interrupt was lost`
        .replace("controller :", "controller:"),
    next: [
      "look for a fault of an IOMMU of the controller in the same seconds; without one at its interrupt (/proc/interrupts; snd_hda_intel.enable_msi=0 as a trial) and at a GPU that is off (its HDMI sound is silent then)",
    ],
  }),
  {
    kind: "device_error",
    forms: [
      "mlx5_core {device}: {function}:{...}: {command=function}({opcode}) {...}failed, status {status_text=text}({status}), syndrome ({syndrome}){?, err({errno})?}",
    ],
    role: "report",
    means: ({ command, status_text, syndrome }) =>
      `The firmware of the adapter refused the command ${command}: ${
        String(status_text).trim()
      } (its syndrome 0x${
        Number(syndrome).toString(16)
      } says where in the firmware). By itself it says nothing of a mapping`,
    next: [
      "look at what asked for the command: the lines of the driver or of the program in the same second; compare the versions of driver and firmware (`ethtool -i`), and give the syndrome to the vendor",
    ],
  },
  hang({
    forms: [
      "mlx5_core {device}: {...}{~timeout. Will cause a leak of a command resource|device's health compromised|handling bad device here|Fatal error}{...}",
      "mlx5_core {device}: mlx5_cmd_{...}: {command=function}({opcode}) op_mod({value}) failed, status {...}",
      "mlx5_core {device}: {...}assert_var[{...}",
      "bnxt_en {device}{? {interface_name}?}: {~Error (timeout:|hwrm req_type|Firmware not responding|TX timeout}{...}",
      "{driver} {device}: Device is HALTED{...}",
    ],
    means: (facts) =>
      `The firmware of ${
        named(facts, "device")
      } refused a command, did not answer it in time, or reports an error`,
    next: firstError,
  }),
];

/** Registers of DMA, whose dump shows a device that is gone. */
const DMA_REGISTERS = "pci target|rd ptr|wr ptr|cdt current|status|csts|int_stat|dma";

/** Firmware of wireless devices that asks the host for memory. */
const FIRMWARE_MEMORY: readonly MessageRow[] = [
  {
    kind: "device_error",
    forms: [
      "{driver~ath11k|ath12k|ath11k_pci|ath12k_pci|ath10k_snoc|icnss} {device}: {?failed to wait ?}qmi {?failed ?}{~memory request|to respond fw mem req}{...}",
    ],
    derive: (facts, line) => ({ ...facts, errno: errnoIn(line) }),
    role: "report",
    means: ({ device, errno }) =>
      `The firmware of ${device} asked the host for memory, and the exchange did not end${
        errnoText(errno) === "" ? "" : `; ${errnoText(errno)}`
      }. No mapping is concerned`,
    next: [
      "look at the memory that the node of the device gives (reserved-memory, memory-region, qcom,… sizes) and at the firmware's own message: an address of 0 is a region that the host did not have; a firmware of another memory profile asks for more",
    ],
  },
  {
    kind: "coherent_failed",
    forms: [
      "{driver} {device}: qmi dma allocation failed ({size_bytes} B type {value}), will try later with small size",
    ],
    role: "report",
    means: ({ device, size_bytes }) =>
      `The driver of ${device} got no contiguous ${size_bytes} bytes for its firmware, and asks again for smaller pieces: harmless if no further line says that this failed`,
    next: [
      "look whether the device works (a later `fw_version` line, or a failed qmi exchange); for one piece enlarge the contiguous area (cma=SIZE) or give the device reserved memory",
    ],
  },
];

const NVIDIA: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "NVRM: {...}: {address}-{end} is not addressable by GPU {...}[{low=address}-{high=address}]",
    ],
    condition:
      "The DMA address that the kernel gave for a page is outside of what the GPU can address",
    role: "report",
    means: ({ address, high }) =>
      `The kernel gave the DMA address ${address} for a page, and the GPU addresses memory up to ${high} only: the driver cannot use the page`,
    causes: [{
      id: "reach",
      certainty: "possible",
      text:
        "the driver's DMA mask is wider than what the GPU reaches, or the platform places its window for 64-bit DMA high (POWER: bit 59), and the driver does not expect it",
      next: [
        "compare the mask that the driver sets (dma_mask_bits in /sys/bus/pci/devices/DEVICE) with the range in the line; try a setting that keeps DMA addresses low: the other IOMMU mode (iommu=, disable_ddw on POWER), or a mask of the GPU's width",
      ],
    }],
  },
  {
    kind: "device_error",
    forms: [
      "NVRM {function}: {...}{~ummap failed|unmap failed|map failed|mapping failed|Map failed}{...}",
      "NVRM: {...}can't alloc VA space for mapping",
      "NVRM: {...}{~ummap failed|unmap failed|map failed|mapping failed|Failed to map|failed to map}{...}",
    ],
    role: "report",
    means:
      "The GPU driver's resource manager refused a map or an unmap in the GPU's own address space: the object is not there, or its memory ran out. No mapping of the DMA API is named",
    next: [
      "look at the first NVRM or Xid line before it, and at the program that used the GPU then; without a fault of an IOMMU in the same seconds no mapping of the kernel is known to be wrong",
    ],
  },
  {
    kind: "device_error",
    forms: [
      `{driver}: {name}: {...}{~${DMA_REGISTERS}}{...}: 0xffffffff`,
      `{driver} {device}: {...}{~${DMA_REGISTERS}}{...}: 0xffffffff`,
    ],
    derive: ({ name: _, ...facts }, line) => /: 0xffffffff\s*$/.test(line) ? facts : null,
    role: "consequence",
    follows: CAUSES_OF_HANGS,
    means: ({ device, driver }) =>
      `A register of ${
        device ?? `a device of ${driver}`
      } reads as all ones: the device does not answer on its bus (off, in reset, or its link is lost), and its engine does nothing. ${NO_MAPPING}`,
    next: [
      "look whether configuration space answers (`lspci -vv`: `rev ff` is no answer) and for PCI Express errors before it; then at power saving (pcie_aspm=off) and the slot",
    ],
  },
];

const SPI_NEXT = [
  "look for an error of the DMA engine or of its channel in the same second, and whether the interrupts of the controller and of the engine grow (/proc/interrupts); then at the clock and the chip select of the bus, and as a trial without DMA (no `dmas` in the controller's node, or shorter transfers)",
];

/** Transfers on an SPI bus: by the controller's own FIFO or by DMA, which the lines do not say. */
const SPI: readonly MessageRow[] = [
  hang({
    forms: [
      "{driver} {device}: SPI transfer timed out{...}",
      "{~spi_master|spi_controller} {device}: spi transfer timeout{...}",
    ],
    means: ({ device }) =>
      `A transfer on the SPI bus did not end in time (${device}): its completion did not come. The line does not say whether it went by DMA or by the controller's FIFO`,
    next: SPI_NEXT,
  }),
  hang({
    forms: [
      "{driver} {device}: SPI transfer failed: {errno}",
      "{~spi_master|spi_controller} {device}: failed to transfer one message from queue{...}",
    ],
    means: ({ device, errno }) =>
      `A transfer on the SPI bus failed (${device})${
        errnoText(errno) === "" ? "" : `; ${errnoText(errno)}`
      }: a line of the controller's driver before it has the reason`,
    next: SPI_NEXT,
  }),
];

/** An Edge TPU, which has a page table of its own. */
const EDGE_TPU: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~apex|gasket} {device}: get user pages failed for addr={address}, offset={...} [ret={errno}]",
    ],
    role: "report",
    means: ({ address, errno }) =>
      `The driver could not pin the program's page at ${address}, which comes before a map${
        errnoText(errno) === "" ? "" : `; ${errnoText(errno)}`
      }`,
    causes: [
      {
        id: "no_page",
        when: ({ errno }) => errno === -14,
        certainty: "possible",
        text:
          "nothing is mapped in the program there, the program may not write it, or it is memory of a device that cannot be pinned",
        next: [
          "look at what the program has at the address (/proc/PID/maps) and whether another part of it freed the buffer; compare the versions of driver and runtime library",
        ],
      },
      {
        id: "pinning",
        when: ({ errno }) => errno !== -14,
        certainty: "possible",
        text: "the limit of locked memory, or no memory was left",
        next: ["look at the limit of locked memory (ulimit -l) and at the memory that is free"],
      },
    ],
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~apex|gasket} {device}: gasket_perform_mapping {errno}",
      "{driver~apex|gasket} {device}: page table slots {count} (@ {address}) to {...} are not available",
    ],
    role: "consequence",
    follows: ["driver_dma_error", "dma_overflow", "swiotlb_full"],
    means:
      "A map in the device's own page table failed: a page could not be pinned or mapped, or its place in the table is used or beyond the end",
    next: [
      "look at the lines of the driver before it: a page that could not be pinned, an address out of reach, or a program that maps the same place twice",
    ],
  },
  hang({
    forms: ["{driver~apex|gasket} {device}: Fault VA: {address}"],
    means: ({ address, device }) =>
      `The address of the device's own address space (${address}) at which ${device} reports a fault. It is none of the DMA API`,
    next: [
      "look for a map that failed before it (address out of reach, pages that could not be pinned), and at the interrupts of the device (MSI-X)",
    ],
  }),
];

/** Rows of device errors, the more exact ones first. */
export const DEVICE_LINES: readonly MessageRow[] = [
  ...NETWORK,
  ...WIRELESS,
  PIPE_FAULT,
  ...DISKS,
  ...CONTROLLERS,
  ...GPUS,
  ...FIRMWARE_MEMORY,
  ...NVIDIA,
  ...SPI,
  ...EDGE_TPU,
];
