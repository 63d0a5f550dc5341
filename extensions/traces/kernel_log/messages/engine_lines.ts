/**
 * Lines of DMA engines and of controllers with an engine of their own, decoded by the registers that
 * they print.
 *
 * @see rules/traces.md T.59
 */
import { shownText } from "../shown_text.ts";
import { actIn, actNamed } from "../general/line_acts.ts";
import type { LogEntryFacts } from "../log_facts.ts";
import { busOf } from "./device_place.ts";
import { errnoIn, errnoText } from "./errno_words.ts";
import { inOrder, type MessageRow, named, numberOf, stateRows } from "./message.ts";

const STATUS_BITS: readonly (readonly [number, string])[] = [
  [4, "DMAIntErr"],
  [5, "DMASlvErr"],
  [6, "DMADecErr"],
  [8, "SGIntErr"],
  [9, "SGSlvErr"],
  [10, "SGDecErr"],
];
const bitNames = (names: readonly (readonly [number, string])[], value: number) =>
  names.filter(([bit]) => Math.floor(value / 2 ** bit) % 2 === 1).map(([, name]) => name);
const joined = (errors: unknown) =>
  Array.isArray(errors) && errors.length > 0 ? errors.join(", ") : "a bit without a name here";
const hasBit = (facts: LogEntryFacts, ...bits: readonly number[]) =>
  bits.some((bit) => (Number(facts.status) >> bit) % 2 === 1);

/** States of ADMA in the error register. SD Host Controller specification, 2.2.26 */
const ADMA_STATES = [
  "stopped",
  "fetches a descriptor",
  "no state of the specification",
  "transfers data",
];

/** Lines of the register dump of SDHCI, below its error. */
export const SDHCI_DUMP: MessageRow = {
  kind: "register_dump",
  forms: [
    "{device}: {?sdhci: ?}ADMA {~Err|err}: {status} | ADMA {~Ptr|ptr}: {address}",
    "{device}: {?sdhci: ?}{at}: DMA {address}, LEN {value}, Attr={value2=value}",
  ],
  role: "state",
  means: ({ status }) =>
    typeof status === "number" && status !== 0
      ? `A line of the register dump: state of ADMA: ${ADMA_STATES[status & 3]}${
        (status & 4) !== 0
          ? "; the lengths of the descriptors are not that of the command (length mismatch)"
          : ""
      }`
      : "A line of the register dump: the error register of ADMA is 0 (below `ADMA error` this is the state `stopped`, with no wrong length), or a descriptor of its table",
};

/** Bits of the interrupt register of a host channel. DWC2, HCINTn */
const HCINT_BITS: readonly (readonly [number, string])[] = [
  [0, "transfer complete"],
  [1, "channel halted"],
  [2, "AHB error"],
  [3, "STALL"],
  [4, "NAK"],
  [5, "ACK"],
  [6, "NYET"],
  [7, "transaction error"],
  [8, "babble"],
  [9, "frame overrun"],
  [10, "data toggle error"],
];

/** Bits of the status register of a channel of XDMA that are no error. Xilinx PG195 */
const XDMA_BUSY = 1;
/** Groups of error bits of that register. */
const XDMA_ERRORS: readonly (readonly [first: number, last: number, name: string])[] = [
  [3, 3, "an address that is not aligned (ALIGN_MISMATCH)"],
  [4, 4, "a descriptor without its magic number (MAGIC_STOPPED)"],
  [5, 5, "a length that is not valid (INVALID_LENGTH)"],
  [9, 13, "a read that failed"],
  [14, 18, "a write that failed"],
  [19, 23, "the fetch of a descriptor that failed"],
];
const XDMA_MODULE = "{~xdma|libxdma|xdma_chr}";
const ALL_ONES = 0xffffffff;

function xdmaErrors(status: number): readonly string[] {
  if (status === ALL_ONES) return [];
  return XDMA_ERRORS.filter(([first, last]) =>
    Math.floor(status / 2 ** first) % 2 ** (last - first + 1) !== 0
  ).map(([, , name]) => name);
}

/** Registers of XDMA's dump that say how far a transfer came. */
const XDMA_REGISTERS: Readonly<Record<string, string>> = {
  id: "engine_id",
  status: "status",
  completed_desc_count: "completed_descriptors",
};

/** Whether a line is of another engine than the record: registers of several cards may follow each other. */
const isOtherEngine = (engine: unknown, { engine: own }: LogEntryFacts) =>
  typeof engine === "string" && typeof own === "string" && engine !== own;

const isSilent = ({ engine_id, status }: LogEntryFacts) =>
  engine_id === ALL_ONES || status === ALL_ONES;

/** What the registers below a timeout say. */
function xdmaState(
  { completed_descriptors: done, errors, status, ...facts }: LogEntryFacts,
): string {
  if (isSilent({ status: status ?? null, ...facts })) {
    return ". Its registers read as all ones: the card does not answer on its bus";
  }
  const busy = typeof status !== "number"
    ? ""
    : Array.isArray(errors) && errors.length > 0
    ? `. The status of its engine names ${joined(errors)}`
    : (status & XDMA_BUSY) !== 0
    ? ". The status of its engine is busy, without a bit of an error"
    : ". The status of its engine is idle, without a bit of an error";
  return typeof done === "number" ? `${busy}; descriptors that it completed: ${done}` : busy;
}

/** A transfer of XDMA that did not end, with the registers that its driver prints below it. */
const XDMA_TIMEOUT: MessageRow = {
  kind: "driver_dma_error",
  forms: [
    `${XDMA_MODULE}:{function}: xfer {descriptor=address},{size_bytes}, s {state_code=code} timed out, ep {device_address=address}`,
  ],
  more: [
    {
      form:
        `${XDMA_MODULE}:engine_reg_dump: {engine=word_dash}: ioread32({at}) = {status} ({register=word_text})`,
      add: ({ engine, register, status }, facts) => {
        const name = XDMA_REGISTERS[String(register)];
        if (isOtherEngine(engine, facts)) return null;
        const errors = name === "status" ? { errors: xdmaErrors(Number(status)) } : {};
        return name === undefined
          ? facts
          : { ...facts, engine: engine!, [name]: status!, ...errors };
      },
    },
    {
      form:
        `${XDMA_MODULE}:engine_status_dump: SG engine {engine=word_dash} status: {status}: {status_bits=rest}`,
      add: ({ status, ...found }, facts) =>
        isOtherEngine(found.engine, facts) ? null : {
          ...facts,
          ...found,
          status: status!,
          errors: xdmaErrors(Number(status)),
        },
    },
    {
      form: `${XDMA_MODULE}:engine_reg_dump: engine->status {count}`,
      add: (_, facts) => facts,
    },
    {
      form: `${XDMA_MODULE}:engine_reg_dump: {engine=word_dash}: engine id missing, {...}`,
      add: (found, facts) => ({ ...facts, ...found }),
    },
    {
      form:
        `${XDMA_MODULE}:{...}: {~Failed to dump register|Failed to read engine status|Failed to stop engine}`,
      add: (_, facts) => facts,
    },
    {
      form:
        `${XDMA_MODULE}:transfer_abort: abort transfer {at}, desc {descriptors=count}, engine desc queued {count}.`,
      add: ({ descriptors }, facts) => ({ ...facts, descriptors: descriptors! }),
    },
  ],
  reachLines: 20,
  condition: "XDMA's driver waited for the end of a transfer until its timeout",
  role: "consequence",
  follows: ["iommu_fault", "other_iommu_fault", "pcie_error", "bridge_error"],
  means: (facts) =>
    `A transfer of ${facts.size_bytes} bytes${
      // A stream has no address.
      /-ST$/.test(String(facts.engine))
        ? ""
        : `, at the address ${facts.device_address} of the card,`} did not end in the time that the driver waits${
      xdmaState(facts)
    }`,
  causes: inOrder([
    {
      id: "silent",
      when: isSilent,
      certainty: "likely",
      text:
        "the card left the bus, or its logic was loaded anew or reset: no access of the CPU reaches it, and none of its own comes",
      next: [
        "look whether configuration space answers (`lspci -vv`: `rev ff` is no answer) and for PCI Express errors before it (AER, link down); load the design before the machine boots, or remove the function and scan the bus again (/sys/bus/pci/rescan) after it was loaded",
      ],
    },
    {
      id: "error_bits",
      when: ({ errors }) => Array.isArray(errors) && errors.length > 0,
      certainty: "possible",
      text: (facts) =>
        `the engine stopped at an error: ${
          joined(facts.errors)
        }. A read or a descriptor that failed is an access to memory of the host or to the card's own bus`,
      next: [
        "compare the address of the transfer with the card's address map, and look for a fault of an IOMMU or a PCI Express error in the same seconds",
      ],
    },
    {
      id: "timeout",
      certainty: "possible",
      text:
        "the card's engine waits for data that its logic does not give or take (a stream without its last word, an address without a slave), an interrupt was lost, or an access to memory was refused",
      next: ({ status }) => [
        typeof status === "number"
          ? "look for a fault of an IOMMU or a PCI Express error in the same seconds; without one in the card's logic at the address of the transfer, or at the stream (TVALID, TREADY, TLAST), with a logic analyzer (ILA)"
          : "look at the registers below it: the engine's status (busy, or an error of a descriptor, of a read or of a write) and its count of completed descriptors; and for a fault of an IOMMU or a PCI Express error in the same seconds",
      ],
    },
  ]),
};

/** The status of an XDMA engine without the timeout above it. */
const XDMA_STATUS: MessageRow = {
  kind: "driver_dma_error",
  forms: [
    `${XDMA_MODULE}:engine_status_dump: SG engine {engine=word_dash} status: {status}: {status_bits=rest}`,
  ],
  derive: (facts) => ({ ...facts, errors: xdmaErrors(Number(facts.status)) }),
  condition: "XDMA's driver printed the status register of an engine, below an error",
  role: "report",
  means: (facts) =>
    `The status of the DMA engine ${facts.engine} of an XDMA card${
      xdmaState(facts)
    }. The line above it says what happened`,
  next: [
    "give the lines above it: most often a transfer that timed out; look for a fault of an IOMMU or a PCI Express error in the same seconds",
  ],
};

/** A register of XDMA's dump alone. */
const XDMA_REGISTER: MessageRow = {
  kind: "register_dump",
  forms: [
    `${XDMA_MODULE}:engine_reg_dump: {engine=word_dash}: ioread32({at}) = {value} ({register=word_text}){...}`,
  ],
  role: "state",
  means: ({ engine, register }) =>
    `A register of the DMA engine ${engine} of an XDMA card (${register}), below an error`,
};

/** Lines of DMA engines. */
export const ENGINE_LINES: readonly MessageRow[] = [
  XDMA_TIMEOUT,
  XDMA_STATUS,
  XDMA_REGISTER,
  {
    kind: "driver_dma_error",
    forms: [
      "Channel {channel_number=count}, DMA Mode -- ChHltd set, but reason for halting is unknown, hcint {status}, intsts {...}",
    ],
    derive: ({ channel_number: _, ...facts }) => ({
      ...facts,
      errors: bitNames(HCINT_BITS, Number(facts.status)),
    }),
    condition: "A channel of the USB host controller DWC2 stopped, with its interrupt register",
    role: "report",
    means: ({ errors }) =>
      `A channel of the USB host controller (DWC2) stopped. Its interrupt register: ${
        joined(errors)
      }`,
    causes: inOrder([
      {
        id: "bus_error",
        when: (facts) => hasBit(facts, 2),
        certainty: "likely",
        isOne: true,
        finding: "hardware_error",
        text: "AHB error: an access of the controller to memory was refused",
        next: ["compare its DMA address with the memory that it reaches (dma-ranges, dma_mask)"],
      },
      {
        id: "no_reason",
        certainty: "unknown",
        text: "no bit says that an access to memory was refused: no mapping is named",
        next: [
          "a newer kernel (driver dwc2 in place of dwc_otg), another USB device or hub, and the power supply of the board",
        ],
      },
    ]),
  },
  {
    kind: "driver_dma_error",
    forms: ["{device}: DMA IRQ:{what=text} DSP={address} DSA={...}"],
    derive: ({ what, ...facts }) => ({ ...facts, what: String(what).replace(/,$/, "") }),
    condition:
      "NetBSD: the script processor of a 53C8xx SCSI controller interrupted; the words are bits of its register DSTAT",
    role: "report",
    means: ({ device, what }) =>
      `The script processor of the SCSI controller ${
        device ?? ""
      } stopped at the address DSP: ${what}`,
    causes: inOrder([
      {
        id: "bus_fault",
        when: ({ what }) => /bus fault|parity/i.test(String(what)),
        certainty: "likely",
        finding: "hardware_error",
        text: "an access of the controller to memory was refused, or had wrong parity",
        next: ["compare the address of the script with the memory that the controller reaches"],
      },
      {
        id: "script",
        when: ({ what }) => /Illegal instruction/i.test(String(what)),
        certainty: "possible",
        text:
          "what the processor read at DSP is no instruction: the script in memory was not written back before the processor read it, was overwritten, or the target drove it to a place without one",
        next: [
          "note the SCSI target of the line, and whether another one works; check the sync of the script's memory",
        ],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the words name no refused access",
        next: ["look at the SCSI target of the line"],
      },
    ]),
  },
  {
    kind: "driver_dma_error",
    forms: [
      "dma_async_device_unregister called while {client_references=count} clients hold a reference",
    ],
    condition:
      "A driver of a DMA engine gave its device back while a client has one of its channels",
    role: "report",
    means:
      "The driver of a DMA engine was unbound or unloaded while a client holds a channel of it: a later call of the client can use memory that is gone",
    next: [
      "unload the client first (it calls dma_release_channel() at its remove), then the engine's driver",
    ],
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~xilinx-dma|xilinx-vdma|xilinx_dma} {device}: Channel {at} has errors {status}{~,|} cdr {current_descriptor=address} tdr {tail_descriptor=address}",
    ],
    derive: (facts) => {
      const status = Number(facts.status);
      const { at: _, ...shown } = facts; // The kernel's own pointer to the channel.
      return {
        ...shown,
        errors: STATUS_BITS.filter(([bit]) => (status >> bit) % 2 === 1).map(([, name]) => name),
      };
    },
    condition:
      "The status register of the channel has error bits (Xilinx PG021, DMASR): it has stopped",
    role: "report",
    finding: "hardware_error",
    means: ({ device, errors }) =>
      `A channel of the DMA engine ${device ?? ""} has stopped with an error: ${
        Array.isArray(errors) && errors.length > 0 ? errors.join(", ") : "a bit without a name here"
      }`,
    causes: inOrder([
      {
        id: "decode",
        when: (facts) => hasBit(facts, 6, 10),
        certainty: "likely",
        isOne: true,
        text: (facts) =>
          `the bus answered an access to ${
            hasBit(facts, 6)
              ? hasBit(facts, 10) ? "the data and to a descriptor" : "the data"
              : "a descriptor"
          } with a decode error: nothing has the address, or a firewall or an IOMMU on the way gave this answer`,
        next: [
          "compare the addresses that the driver gave to the engine with the DMA addresses of the maps and with what the bus of the engine reaches: an address of another view (a virtual one, one cut to 32 bits), memory above the width of the engine, a reserved region that is not behind its port",
        ],
      },
      {
        id: "slave",
        when: (facts) => hasBit(facts, 5, 9),
        certainty: "likely",
        isOne: true,
        text:
          "slave error: what has the address refused the access, or a firewall or an IOMMU on the way did",
        next: [
          "look what is at the address: a region that is protected, or a block without a clock",
        ],
      },
      {
        id: "internal",
        when: (facts) => hasBit(facts, 4),
        certainty: "likely",
        text:
          "internal error: a length of 0, or packets of the stream that are longer than the buffer; of a VDMA a frame of another size than its registers say",
        next: [
          "compare the lengths of the descriptors with the packets of the stream (of a VDMA the size and stride of the frames)",
        ],
      },
      {
        id: "stale_descriptor",
        when: (facts) => hasBit(facts, 8),
        certainty: "possible",
        text:
          "of an AXI DMA: the engine read a descriptor that is marked as completed already (it was used before, and not cleared or not seen by the engine). Of a VDMA the bit says that a line of the frame ended early",
        next: [
          "look which core the node describes (xlnx,axi-dma, xlnx,axi-vdma): of a DMA look at the status of the descriptors and at the barrier before they are given to the engine, of a VDMA compare the width of the frames with the stream",
        ],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the bits are not those of the AXI DMA: a VDMA has others for its frames",
        next: ["look up the status register in the manual of the core (PG020, PG021)"],
      },
    ]),
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~xilinx-dma|xilinx-vdma|xilinx_dma} {device}: {~Cannot start|Cannot stop} channel {at}: {status}",
    ],
    derive: ({ at: _, ...facts }) => ({
      ...facts,
      errors: bitNames(STATUS_BITS, Number(facts.status)),
      channel_state: hasBit(facts, 0) ? "halted" : hasBit(facts, 1) ? "idle" : "running",
    }),
    condition:
      "The engine did not reach the state that its driver waited for; the line has the channel's status register (Xilinx PG021, DMASR)",
    role: "report",
    means: ({ device, channel_state, errors }) =>
      `A channel of the DMA engine ${device} did not start or stop in time: its status says that it is ${channel_state}, ${
        Array.isArray(errors) && errors.length > 0
          ? `with the errors ${errors.join(", ")}`
          : "without a bit of an error"
      }`,
    causes: inOrder([
      {
        id: "error",
        when: ({ errors }) => Array.isArray(errors) && errors.length > 0,
        certainty: "likely",
        finding: "hardware_error",
        text: "the error in the status has halted the channel, or keeps it from the new state",
        next: [
          "look at the line `has errors` of the channel, and at the address of its descriptor",
        ],
      },
      {
        id: "waits",
        when: ({ channel_state }) => channel_state === "running",
        certainty: "possible",
        text:
          "a transfer does not end: the stream gives or takes no data (TLAST, TREADY, a frame that is longer or shorter), or memory does not answer",
        next: [
          "look at the stream of the core with a logic analyzer, and at its interrupt in /proc/interrupts; of a read from the stream, whether its source sends TLAST",
        ],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the core has no clock, or is in reset, or has halted for another reason",
        next: ["look at clock and reset of the core, and at the channel's lines before this one"],
      },
    ]),
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver} {device}: {~not enough|No free|no free} {~descriptors|descriptor} {~available|left|}",
    ],
    role: "report",
    means: ({ device }) =>
      `The DMA engine ${
        device ?? ""
      } had no descriptor free for a new transfer: its client starts no transfer and has to try again or fails. No mapping is concerned`,
    next: [
      "look at the client of the channel (the error after this line): how many transfers it has prepared and not yet completed, and how many pieces one has",
    ],
  },
];

/** Bits of the fault type register of a channel. CoreLink DMA-330, FTRn */
const PL330_FAULTS: readonly (readonly [number, string])[] = [
  [0, "undefined instruction"],
  [1, "invalid operand"],
  [5, "event without permission"],
  [6, "peripheral without permission"],
  [7, "access without permission"],
  [12, "the data FIFO is too small"],
  [13, "a store without data"],
  [16, "no access to the program of the channel"],
  [17, "bus error at a write"],
  [18, "bus error at a read"],
  [31, "lockup"],
];
/** Bits of the error register of a channel. Intel I/OAT, CHANERR */
const IOAT_ERRORS: readonly (readonly [number, string])[] = [
  [0, "source address"],
  [1, "destination address"],
  [2, "address of the next descriptor"],
  [3, "descriptor"],
  [4, "address of the chain"],
  [5, "command"],
  [6, "data integrity of the chipset"],
  [7, "data integrity of the engine"],
  [8, "read of data"],
  [9, "write of data"],
  [10, "control word of a descriptor"],
  [11, "length of a descriptor"],
  [12, "address of the completion"],
  [13, "interrupt setup"],
];
const ENGINE_ADDRESSES =
  "compare the addresses in the engine's descriptors with the DMA addresses of the maps (`dmalab trace check` with the dma events), and with the memory that the engine may reach; look for a fault of an IOMMU in the same seconds";

/** Drivers of DMA engines. */
const ENGINES = [
  ...["dma-pl330", "pl330", "imx-sdma", "imx-dma", "fsl-edma", "fsl-dma", "mxs-dma", "dw_dmac"],
  ...["dw_dmac_pci", "dw-axi-dmac", "dw-edma", "idma64", "ioatdma", "idxd", "hisi_dma", "ptdma"],
  ...["tegra-gpcdma", "tegra-apbdma", "tegra-adma", "ti-udma", "ti-bcdma", "ti-pktdma"],
  ...[
    "ti-edma",
    "edma",
    "edma-dma-engine",
    "omap-dma-engine",
    "davinci-cpdma",
    "cppi41-dma-engine",
  ],
  ...["dw_axi_dmac_platform", "bcm2708-dmaengine", "bcm2708_dma", "mv_xor_v2", "ppc4xx-adma"],
  ...["bcm2835-dma", "bcm-sba-raid", "sun6i-dma", "sun4i-dma", "at_hdmac", "at_xdmac", "stm32-dma"],
  ...["stm32-mdma", "stm32-dmamux", "rcar-dmac", "sh-dma-engine", "usb-dmac", "rz-dmac", "mv_xor"],
  ...["mv_xor_v2", "mtk-uart-apdma", "mediatek-hsdma", "bam-dma-engine", "gpi", "qcom-gpi-dma"],
  ...[
    "axi_dmac",
    "dma-axi-dmac",
    "xilinx-vdma",
    "xilinx_dma",
    "xilinx-dma",
    "zynqmp-dma",
    "xilinx-zynqmp-dma",
  ],
  ...[
    "apple-admac",
    "jz4780-dma",
    "owl-dma",
    "sprd-dma",
    "k3dma",
    "ste_dma40",
    "dma40",
    "loongson2-apb-dma",
  ],
  ...[
    "xdma",
    "qdma",
    "qdma-pf",
    "switchtec_dma",
    "plx_dma",
    "sf-pdma",
    "mpc512x_dma",
    "altera-msgdma",
  ],
].join("|");
/** Causes by the words of the line of an engine's driver. */
interface EngineTrouble {
  readonly id: string;
  readonly words: RegExp;
  readonly text: string;
  readonly next: readonly string[];
  /** The same for an engine that is a PCI function: it has no node, request lines or peripherals. */
  readonly ofPci?: { readonly text: string; readonly next: readonly string[] };
}

const PCI_ENGINE_NEXT =
  "look at the lines of the driver before it, at the function (`lspci -vv`: its state, UESta), and for a fault of an IOMMU or a PCI Express error in the same seconds; of a transfer at its client (/sys/kernel/debug/dmaengine/summary)";

const ENGINE_TROUBLES: readonly EngineTrouble[] = [
  {
    id: "firmware",
    words: /firmware|\bscripts?\b/i,
    text:
      "the engine's program (its firmware) was not loaded: the file is missing, is not in the initial file system or in the kernel image when the driver is built in, or does not fit the chip",
    next: [
      "look for the firmware's file (/lib/firmware) and the driver's line that loads it (`dmesg | grep -i firmware`); with a driver that is built in, add the file to the initial file system or to CONFIG_EXTRA_FIRMWARE",
    ],
  },
  {
    id: "interrupt",
    words:
      /(?:fail\w*|unable|can(?:no|'|)t|could ?n|no|missing|invalid)\b.{0,40}\b(?:irq|interrupt)|\b(?:irq|interrupt)s?\b.{0,20}\b(?:fail\w*|not found|missing|invalid)/i,
    text:
      "an interrupt of a channel is not described or could not be taken: the engine leaves this channel out, or its ends are never seen",
    next: [
      "compare `interrupts` and the channel mask (dma-channel-mask) of the engine's node with the manual of the chip: a channel that firmware keeps for itself has none",
    ],
  },
  {
    id: "alignment",
    words: /align|\bwidth|\bburst|length|\blen\b|too (?:long|large|short)|mismatch/i,
    text:
      "the client's transfer does not fit the engine: an address or a length that is no multiple of what it moves at once, or a width, burst or length that it cannot do",
    next: [
      "compare address, length, width and burst of the client's transfer with the engine (its driver's copy_align and widths), and give it buffers that fit",
    ],
  },
  {
    id: "not_ended",
    words:
      /terminat|time[d -]*out|stuck|(?:fail\w*|unable|could ?n|can(?:not|'t)|did ?n|not)\b.{0,30}\b(?:stop|paus|suspend|idle|halt|abort|drain)|drain/i,
    text:
      "a channel did not stop or finish: its peripheral gives no request (without clock, as of a codec that is the clock's master, or not started), or an access was refused or never answered",
    next: [
      "look whether the peripheral has its clock and was started, and whether its interrupts grow; then for a fault of an IOMMU in the same seconds, and compare the addresses of the transfer with the maps",
    ],
    ofPci: {
      text:
        "the engine did not stop or finish: it hangs, an interrupt was lost, or an access was refused or never answered",
      next: [PCI_ENGINE_NEXT],
    },
  },
  {
    id: "no_slot",
    words:
      /slot|no free|no available|exhaust|are no |busy|in use|\breserved\b|request(?:ing)? (?:of )?chan|alloc\w* .*chan/i,
    text:
      "the engine has no channel or slot left that it may use: other clients hold them, or they are reserved for firmware or another core",
    next: [
      "look who holds the channels (/sys/kernel/debug/dmaengine/summary, /sys/class/dma) and at what the engine's node reserves (dma-channel-mask, reserved slots)",
    ],
  },
];
const troubleOf = ({ trouble }: LogEntryFacts) => trouble;

/** A line that a mailer has broken before a value. */
const IS_CUT = /[=:,(]\s*$/;

/** Lines of DMA engines in the words of their drivers. */
export const ENGINE_WORD_LINES: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~dma-pl330|pl330} {device}: Reset Channel-{channel=count} CS-{state_bits} FTC-{fault_type}",
    ],
    derive: (facts) => ({
      ...facts,
      errors: bitNames(PL330_FAULTS, numberOf(facts, "fault_type")),
    }),
    condition: "A channel of the engine faulted; the line has its status and fault type registers",
    role: "report",
    finding: "hardware_error",
    means: ({ channel, device, errors }) =>
      `Channel ${channel} of the DMA engine ${device} stopped with a fault and was reset: ${
        joined(errors)
      }`,
    causes: inOrder([
      {
        id: "bus",
        when: (facts) =>
          [16, 17, 18].some((bit) => (numberOf(facts, "fault_type") >> bit) % 2 === 1),
        certainty: "possible",
        text:
          "the bus refused the address: memory that is not there, is protected (secure memory) or has no clock, an IOMMU that refused it, or a peripheral's register of the wrong view",
        next: [ENGINE_ADDRESSES],
      },
      {
        id: "program",
        certainty: "possible",
        text:
          "the channel's program does not fit the engine or the peripheral: a burst that is too long, a request line or a permission (secure, non-secure) that is wrong",
        next: [
          "compare `dmas` of the device's node and its burst sizes with the manual of the chip, and look whether firmware gives the channel to the non-secure side",
        ],
      },
    ]),
  },
  {
    kind: "driver_dma_error",
    forms: [
      "ioatdma {device}: {?{function}: ?}Channel halted{...}chanerr{...}{status}",
      "ioatdma {device}: {?{function}: ?}CHANERR{~:| =} {status}",
    ],
    derive: (facts) => ({ ...facts, errors: bitNames(IOAT_ERRORS, numberOf(facts, "status")) }),
    condition: "A channel of the engine halted; the line has its error register",
    role: "report",
    finding: "hardware_error",
    means: ({ device, errors }) =>
      `A channel of the DMA engine ${device} halted with an error: ${joined(errors)}`,
    causes: [{
      id: "access_refused",
      certainty: "possible",
      text:
        "an address that an IOMMU or the bus refused (a mapping that is missing or went too early, poisoned memory), or a descriptor that is wrong",
      next: [ENGINE_ADDRESSES],
    }],
  },
  {
    kind: "state",
    forms: ["{driver~imx-sdma} {device}: external firmware not found, using ROM firmware{...}"],
    role: "state",
    means:
      "The engine runs with the program in its ROM, because the file with a newer one is not there. Most clients work with it; some need the file (in /lib/firmware/imx/sdma). No error by itself",
  },
  {
    isGeneral: true,
    kind: "driver_dma_error",
    forms: [`{driver~${ENGINES}} {device}: {text=rest}`],
    derive: ({ text, ...facts }, line) =>
      actIn(String(text), line).groups !== null && !IS_CUT.test(line)
        ? {
          ...facts,
          text: shownText(String(text)),
          what: "DMA engine",
          says: actIn(String(text), line).name,
          trouble: ENGINE_TROUBLES.find(({ words }) => words.test(String(text)))?.id ?? null,
          errno: errnoIn(line),
        }
        : null,
    role: "report",
    means: (facts) =>
      `The driver of the DMA engine ${named(facts, "device")} reports trouble: ${
        actNamed(facts.says)?.text || "its line is marked as an error"
      }. No mapping is named${errnoText(facts.errno) === "" ? "" : `; ${errnoText(facts.errno)}`}`,
    causes: inOrder([
      ...ENGINE_TROUBLES.map(({ id, next, ofPci, text }) => ({
        id,
        when: (facts: LogEntryFacts) => troubleOf(facts) === id,
        certainty: "possible" as const,
        text: (facts: LogEntryFacts) =>
          ofPci !== undefined && busOf(facts) === "pci" ? ofPci.text : text,
        next: (facts: LogEntryFacts) =>
          ofPci !== undefined && busOf(facts) === "pci" ? ofPci.next : next,
      })),
      {
        id: "engine",
        when: (facts) => busOf(facts) === "pci",
        certainty: "possible",
        text:
          "a setting, a feature or an interrupt that the engine or the platform does not have, a request that the engine cannot do, or an access that was refused",
        next: [PCI_ENGINE_NEXT],
      },
      {
        id: "engine",
        certainty: "possible",
        text:
          "the engine was not set up (clock, reset, firmware, property), the client of the channel gave it something that it cannot do, or an access was refused on its bus",
        next: [
          "at boot: look at the engine's node (clocks, resets, firmware file) and at what waits for it (/sys/kernel/debug/devices_deferred); later: look at the client of the channel (/sys/kernel/debug/dmaengine/summary), and for a fault of an IOMMU in the same seconds",
          ENGINE_ADDRESSES,
        ],
      },
    ]),
  },
  {
    isGeneral: true,
    kind: "state",
    forms: [`{driver~${ENGINES}} {device}: {text=details}`],
    derive: ({ text: _, ...facts }, line) => IS_CUT.test(line) ? null : facts,
    role: "state",
    means:
      "A line of the driver of a DMA engine without a word of an error: a setting or a progress",
  },
  {
    kind: "driver_dma_error",
    forms: [
      "of_dma_request_slave_channel: dma-names property of node '{device}' missing or empty",
    ],
    always: { what: "no channel" },
    condition: "A driver asked for a channel, and the node of its device has no `dma-names`",
    role: "report",
    means: ({ device }) =>
      `The driver of ${device} asked for a channel of a DMA engine, and its node names none: the driver goes on without DMA, and most do so on purpose. No mapping is concerned`,
    next: [
      "add `dmas` and `dma-names` to the node if the device should use DMA; without them the line is harmless, so look elsewhere for what does not work",
    ],
  },
  {
    kind: "driver_dma_error",
    forms: ["this driver doesn't support generic slave capabilities reporting"],
    always: { what: "DMA engine" },
    role: "report",
    means:
      "The driver of a DMA engine tells its clients nothing of the widths and directions that it can do: clients that ask (sound, serial lines) go on with assumptions. No mapping is concerned",
    next: ["take a newer driver of the engine: it sets the widths and directions at registration"],
  },
  ...stateRows([
    [
      "The width of the addresses that the engine of a card controller takes",
      "{driver} {device}: IDMAC supports {bits=count}-bit address mode",
    ],
    [
      "A driver got a channel of a DMA engine",
      "allocated dma channel {channel=count} ({at}), initial state {value}",
    ],
    [
      "The place of a region by which the bus of the device reaches memory",
      "{device}: PCI coherence region base: {address}{...}",
    ],
    [
      "The driver that shares contiguous memory with the firmware of a Raspberry Pi (vc-cma) starts",
      "vc-cma: {~Videocore CMA driver|vc_cma_base|vc_cma_size|vc_cma_initial}{...}",
    ],
    [
      "A quirk of an old PCI chipset that the kernel set at boot",
      "{device}: {~Activating ISA DMA hang workarounds|Limiting direct PCI/PCI transfers}",
    ],
  ]),
  {
    kind: "state",
    forms: [
      "[drm] PCIE GART of {mib}M enabled{...}",
      "[drm] {?{driver}: ?}{mib}M of GTT memory ready",
      "[drm] GART: num cpu pages {pages}, num gpu pages {count}",
      "[drm] {?{driver}: ?}{mib}M of VRAM memory ready",
    ],
    role: "state",
    means:
      "The size of a GPU's own table for system memory (GART, GTT), or of its memory: its own MMU translates by it, and the addresses in it are the DMA addresses of maps",
  },
  {
    kind: "memory_setup",
    forms: [
      "{~remoteproc|imx-rproc|rproc-virtio} {device}: {~bad phdr da|Translation failed: da =|Failed to process resources|failed to handle resource|failed to allocate mem|failed to load segment|bad da}{...}",
      "{~remoteproc|rproc} {device}: {~Failed to declare memory|Failed to associate buffer|failed to parse memory|unable to acquire memory-region|failed to get reserved memory}{...}",
    ],
    derive: (facts, line) => ({ ...facts, errno: errnoIn(line) }),
    role: "report",
    means: ({ device, errno }) =>
      `The memory of the remote processor ${device} was not set up: an address of its firmware (da) is in none of its regions, or a carveout got no memory${
        errnoText(errno) === "" ? "" : `; ${errnoText(errno)}`
      }`,
    next: [
      "compare the addresses of the firmware's segments and of its resource table (`readelf -lS`) with `memory-region` of the node and its reserved-memory nodes: names, sizes, no-map, and an IOMMU's map of them",
    ],
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver} {device}: {~frame processing timed out|Frame processing timed out|CODA PIC_RUN timeout|h264 decode timeout|JPEG decode timeout}{...}",
    ],
    always: { what: "codec timeout" },
    role: "report",
    means: ({ device }) =>
      `The codec or image processor ${device} did not finish a frame in time. It is no message of the DMA API or of an IOMMU`,
    causes: [{
      id: "not_finished",
      certainty: "possible",
      text:
        "an access that its IOMMU refused or never answered, a clock or power domain that is off, or data that it cannot decode",
      next: [
        "look for a fault of its IOMMU in the same second (rk_iommu, arm-smmu, mtk-iommu): with one compare the address with the buffers' sizes, without one look at clock and power domain, and at the stream",
      ],
    }],
  },
  {
    kind: "coherent_failed",
    forms: [
      "failed to allocate buffer {~with|of} size {size_bytes}",
      "ION_IOC_ALLOC error",
      "{driver} {device}: {~Unable|unable} to allocate memory for the {~Tx|Rx|tx|rx} descriptor ring, size={size_bytes}",
      "unable to allocate {~receive|send} buffer of size {size_bytes}",
    ],
    role: "report",
    finding: "coherent_failed",
    means: ({ size_bytes }) =>
      `A driver got no buffer${
        typeof size_bytes === "number" ? ` of ${size_bytes} bytes` : ""
      } that its device can use. The text is the driver's own`,
    next: [
      "look at the lines before it: a contiguous area that is full (cma:), `page allocation failure` with its order; enlarge the area (cma=SIZE, or the reserved-memory node), or use fewer or smaller buffers",
    ],
  },
];

/** Lines of the xHCI driver with the word DMA, or about its accesses to memory. */
export const XHCI_LINES: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "{driver} {device}: WARNING: Host System Error",
      "{driver} {device}: USBSTS: {...}HSE",
    ],
    condition:
      "The bit HSE of the controller's status: an access of the controller to the host ended with an error (xHCI 5.4.2)",
    role: "report",
    finding: "hardware_error",
    means: ({ device }) =>
      `An access of the USB host controller ${
        device ?? ""
      } to memory, or to its bus, ended with an error: the controller stops`,
    causes: [{
      id: "access_refused",
      certainty: "possible",
      text:
        "an address that an IOMMU or the bus refused, a DMA address above what the controller reaches, or a link or power state that was lost",
      next: [
        "look for a fault of an IOMMU and for PCI Express errors in the same second; without one compare the DMA mask of the controller with where its buffers lie, and switch its runtime power saving off as a trial (power/control)",
      ],
    }],
  },
  {
    kind: "driver_dma_error",
    forms: ["{driver} {device}: ERROR Transfer event TRB DMA ptr not part of current TD{...}"],
    more: [{ form: "Looking for event-dma {address} trb-start {...}", add: (_, facts) => facts }],
    role: "report",
    means: ({ device }) =>
      `The USB host controller ${
        device ?? ""
      } reported the end of a transfer that its driver does not wait for. "DMA ptr" is the place of the entry in the ring: no mapping is concerned`,
    causes: [{
      id: "out_of_step",
      certainty: "possible",
      text:
        "controller and driver are out of step: a transfer that was given up completes later, a quirk of the controller, or of its emulation in a guest",
      next: [
        "try a newer kernel, and note the controller (`lspci -nn`) and the USB device of the lines before it: isochronous transfers of sound and video are the usual ones",
      ],
    }],
  },
];

/** xHCI's buffer for a piece of a transfer that fills no packet. */
export const XHCI_BOUNCE: MessageRow = {
  kind: "driver_dma_error",
  forms: [
    "{driver} {device}: WARN Wrong bounce buffer {access~write|read} length: {copied=count} != {compared=count}",
  ],
  always: { what: "bounce buffer" },
  role: "report",
  means: (facts) =>
    `The USB host controller's driver copied ${facts.copied} bytes to or from a buffer of its own, for a piece of a transfer that fills no packet, and compared with ${facts.compared}. It is not swiotlb, and no mapping is concerned`,
  causes: [{
    id: "compared_early",
    certainty: "likely",
    text:
      "a false alarm: releases of 2019 compare with the length of an earlier transfer (0 at first, then numbers of earlier lines), and the data are right",
    next: [
      "try a newer kernel, in which the comparison was corrected; only if data are wrong look at the transfer's length and list",
    ],
  }],
};
