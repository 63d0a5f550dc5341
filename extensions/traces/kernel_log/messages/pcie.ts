/** Messages of PCI Express error reporting and of ports. @see rules/traces.md T.70 */
import type { LogEntryFacts } from "../log_facts.ts";
import {
  type Cause,
  type ContinuationRow,
  functionName,
  inOrder,
  type MessageArea,
  type MessageRow,
  STACK_LINES,
} from "./message.ts";
import { PCI_CORE } from "./pci_core.ts";

/** Whether a severity, in AER's words, implies a lost transaction. */
function isUncorrected(severity: unknown): boolean {
  return typeof severity === "string" && !/^Correct/i.test(severity);
}

const SEVERITY =
  "{severity~Corrected|Correctable|Uncorrected (Non-Fatal)|Uncorrected (Fatal)|Uncorrectable (Non-Fatal)|Uncorrectable (Fatal)|Fatal|Non-Fatal}";
const DEVICE = "{device=pci_function}";
/** The severity of an AER message that is cut behind it. */
const CUT_SEVERITY =
  "{severity~Corrected|Correctable|Uncorrected (Non-Fatal)|Uncorrected (Fatal)|Uncorrectable (Non-Fatal)|Uncorrectable (Fatal)}";

/** Bit 1 of the command register in configuration space. */
const MEMORY_DECODING = 2;

const has = ({ errors }: LogEntryFacts, ...names: readonly string[]) =>
  Array.isArray(errors) &&
  errors.some((error) => names.some((name) => isNamed(String(error).toLowerCase(), name)));
/** Short names are abbreviations, which begin other names, too. */
const isNamed = (error: string, name: string) =>
  name.length <= 4 ? error === name : error.startsWith(name);

/** Codes of messages, from the table "Message Codes" of the PCI Express base specification. */
const MESSAGE_CODES: Readonly<Record<number, string>> = {
  0x10: "LTR",
  0x12: "OBFF",
  0x14: "PM_Active_State_Nak",
  0x18: "PM_PME",
  0x30: "ERR_COR",
  0x31: "ERR_NONFATAL",
  0x33: "ERR_FATAL",
  0x50: "Set_Slot_Power_Limit",
  0x52: "PTM request",
  0x53: "PTM response",
  0x7e: "vendor-defined",
  0x7f: "vendor-defined",
};

/** Further codes of messages that are defined: interrupts, ATS and PRI, power, hot-plug. */
const OTHER_CODES: ReadonlySet<number> = new Set([
  ...[0x00, 0x01, 0x02, 0x04, 0x05, 0x19, 0x1b, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27],
  ...[0x40, 0x41, 0x43, 0x44, 0x45, 0x47, 0x48],
]);

/** Whether each word of a header reads as all ones. */
function isOfOnes({ tlp_header }: LogEntryFacts): boolean {
  return /^(?:0x)?f{8}(?:\s+(?:0x)?f{8}){3}\s*$/i.test(String(tlp_header));
}

/** Whether a header is one of no packet that is defined: its format, its type or the code of a message. */
function isNoPacket({ tlp_header }: LogEntryFacts): boolean {
  if (typeof tlp_header !== "string") return false;
  const [first = 0, second = 0] = tlp_header.trim().split(/\s+/).map((word) =>
    Number.parseInt(word.replace(/^0x/i, ""), 16)
  );
  if (first === 0 && second === 0) return false;
  const [format, type] = [first >>> 29, (first >>> 24) & 0x1f];
  // Format 4 is a prefix, of which the packet comes behind.
  if (format === 4) return false;
  if (format > 4) return true;
  if (type >= 0x10 && type <= 0x17) {
    const code = second & 0xff;
    return (format & 1) === 0 || MESSAGE_CODES[code] === undefined && !OTHER_CODES.has(code);
  }
  return type >= 0x06 && type <= 0x09 || type === 0x0f || type >= 0x18 && type !== 0x1b;
}

/** A packet of the transaction layer, by the header that the register logged. */
interface Packet {
  readonly name: string;
  /** The address of a memory request; null for packets that have none. */
  readonly address: bigint | null;
  readonly isMessage: boolean;
  /** The function that sent a request, or the one to which a completion goes: bus, device, function. */
  readonly requester: string;
  readonly tag: number;
  /** The function that a configuration request is for, or that completes a request. */
  readonly target: string | null;
}

/** Bits of a tag above the lower eight, in the first word. PCI Express Base Specification 4.0, 2.2.6.2 */
const TAG_BITS: readonly (readonly [bit: number, value: number])[] = [[19, 256], [23, 512]];

const functionOf = (id: number) => functionName(id).slice("0000:".length);

/**
 * Decodes a TLP header by format and type, the top byte of its first word: only requests for memory
 * have an address in memory. Null if the header is missing, or is a prefix.
 */
function packetOf({ tlp_header }: LogEntryFacts): Packet | null {
  if (typeof tlp_header !== "string" || isNoPacket({ tlp_header })) return null;
  const words = tlp_header.trim().split(/\s+/).map((word) =>
    Number.parseInt(word.replace(/^0x/i, ""), 16)
  );
  const [first = 0, second = 0, third, fourth] = words;
  const [format, type] = [first >>> 29, (first >>> 24) & 0x1f];
  if (format > 3 || first === 0 && second === 0) return null;
  const hasData = format >= 2;
  const high = TAG_BITS.reduce(
    (sum, [bit, value]) => sum + (((first >>> bit) & 1) === 1 ? value : 0),
    0,
  );
  const sender = { requester: functionOf(second >>> 16), tag: high + ((second >>> 8) & 0xff) };
  const packet = (name: string, other: Partial<Packet> = {}): Packet => ({
    name,
    address: null,
    isMessage: false,
    target: null,
    ...sender,
    ...other,
  });
  const access = hasData ? "write" : "read";
  if (type <= 1 || type === 0x1b || type >= 0x0c && type <= 0x0e) {
    const isWide = (format & 1) === 1;
    const low = isWide ? fourth : third;
    const address = low === undefined || third === undefined
      ? null
      : ((isWide ? BigInt(third) << 32n : 0n) | BigInt(low)) & ~3n;
    return packet(nameOfRequest(type, access), { address });
  }
  if (type === 0x02) return packet(`I/O ${access}; its address is a port`);
  if (type === 0x04 || type === 0x05) {
    return packet(`configuration ${access}`, {
      target: third === undefined ? null : functionOf(third >>> 16),
    });
  }
  if (type === 0x0a || type === 0x0b) {
    return third === undefined ? null : packet("completion", {
      requester: functionOf(third >>> 16),
      tag: high + ((third >>> 8) & 0xff),
      target: sender.requester,
    });
  }
  if (type < 0x10 || type > 0x17) return null;
  const code = second & 0xff;
  const name = MESSAGE_CODES[code];
  return packet(
    `message${name === undefined ? "" : ` (${name})`} of code 0x${code.toString(16)}`,
    { isMessage: true },
  );
}

/** A TLP header with what it says: the kind of packet, who sent it, its address and its tag. */
function withPacket(found: LogEntryFacts, facts: LogEntryFacts = {}): LogEntryFacts | null {
  // One error has one header: a second one is of another error.
  if (facts.tlp_header !== undefined) return null;
  const packet = packetOf(found);
  if (packet === null) return { ...facts, ...found };
  const { address, name, requester, tag, target } = packet;
  return {
    ...facts,
    ...found,
    packet: name,
    requester,
    ...target === null ? {} : { [name === "completion" ? "completer" : "target"]: target },
    ...address === null ? {} : { packet_address: `0x${address.toString(16)}` },
    tag: `0x${tag.toString(16)}`,
  };
}

/** The function that a line below the first one of an error names: lines of several errors may be mixed. */
const OF_LINE = "{?{line_device=pci_function}: {~AER: |}?}";

const shortName = (device: unknown) => String(device).toLowerCase().replace(/^0000:/, "");

/** Whether a line is of another function than the error. */
function isOther(device: unknown, { device: own }: LogEntryFacts): boolean {
  return typeof device === "string" && typeof own === "string" &&
    shortName(device) !== shortName(own);
}

/** The line with the header of the packet, below the first line of an error. */
const headerLine = (begin = ""): ContinuationRow => ({
  form: `${begin}TLP Header: {tlp_header=hex_words}`,
  add: ({ line_device, ...found }, facts) =>
    isOther(line_device, facts) ? null : withPacket(found, facts),
});

/** Types of atomic operations; 0x1b is a write that may be deferred. */
const ATOMICS: Readonly<Record<number, string>> = {
  0x0c: "atomic fetch and add",
  0x0d: "atomic swap",
  0x0e: "atomic compare and swap",
};

function nameOfRequest(type: number, access: string): string {
  const atomic = ATOMICS[type];
  return atomic === undefined ? `memory ${type <= 1 ? access : "write"}` : `memory ${atomic}`;
}

/** Bits of the correctable status register, from the PCI Express base specification. */
const ADVISORY = 1 << 13;
const INTERNAL = 1 << 14;
const HEADER_OVERFLOW = 1 << 15;
const LINK_BITS = 1 << 0 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 12;
const BITS: Readonly<Record<string, number>> = {
  rxerr: 1,
  "receiver error": 1,
  badtlp: 1 << 6,
  "bad tlp": 1 << 6,
  baddllp: 1 << 7,
  "bad dllp": 1 << 7,
  rollover: 1 << 8,
  timeout: 1 << 12,
  "replay timer timeout": 1 << 12,
  nonfatalerr: ADVISORY,
  "advisory non-fatal": ADVISORY,
  corrinterr: INTERNAL,
  headerof: HEADER_OVERFLOW,
};

/** The bits that a correctable error's lines name, else those of its status register. */
function correctableBits({ errors, mask, status }: LogEntryFacts): number {
  const named = Array.isArray(errors)
    ? errors.reduce((bits: number, name) => bits | (BITS[String(name).toLowerCase()] ?? 0), 0)
    : 0;
  if (named !== 0) return named;
  return Number(status ?? 0) & ~(typeof mask === "number" ? mask : 0);
}

const isCorrected = ({ severity }: LogEntryFacts) => !isUncorrected(severity);
const corrects = (bits: number) => (facts: LogEntryFacts) =>
  isCorrected(facts) && (correctableBits(facts) & bits) !== 0;

/** Bits of the status register of correctable errors. PCI Express Base Specification, 7.8.4.5 */
const CORRECTED_BITS: readonly (readonly [number, string])[] = [
  [0, "receiver error"],
  [6, "bad packet (TLP)"],
  [7, "bad packet of the link (DLLP)"],
  [8, "the replay counter rolled over"],
  [12, "the replay timer ran out"],
  [13, "an uncorrected error that is only advisory"],
  [14, "corrected within the device"],
  [15, "a header log overflowed"],
];

/** The bits of a status whose lines with names the log does not have. */
function bitsText({ errors, status }: LogEntryFacts): string {
  if (typeof status !== "number" || Array.isArray(errors) && errors.length > 0) return "";
  const names = CORRECTED_BITS.filter(([bit]) => Math.floor(status / 2 ** bit) % 2 === 1)
    .map(([, name]) => name);
  return names.length === 0 ? "" : `; by its status: ${names.join(", ")}`;
}

function correctedText(facts: LogEntryFacts): string {
  const bits = correctableBits(facts);
  const parts = [
    ...(bits & LINK_BITS) !== 0 ? ["The link corrected an error"] : [],
    ...bits === 0
      ? [
        typeof facts.status === "number"
          ? "An error that was corrected, and no bit of its status is set that is not masked: the lines beside it say which error, if they have one"
          : "An error that was corrected; the line with its status is missing",
      ]
      : [],
    ...(bits & ADVISORY) !== 0
      ? [
        "An uncorrected error of the transaction layer was reported as an advisory one: the link did not correct it",
      ]
      : [],
    ...(bits & INTERNAL) !== 0
      ? ["An internal error was corrected; it says nothing about the link"]
      : [],
    ...(bits & HEADER_OVERFLOW) !== 0
      ? [
        "The header log overflowed: the header of an error was not kept, and no packet was lost by that",
      ]
      : [],
  ];
  return parts.join(". ");
}

const LINK_NEXT = "reseat the device or its riser, another slot, pcie_aspm=off";

const CORRECTED_CAUSES: readonly Cause[] = inOrder([
  {
    id: "advisory",
    when: corrects(ADVISORY),
    certainty: "likely",
    text: (facts) =>
      "a request failed for its requester (unsupported, aborted, poisoned, a completion that was not expected or did not come), and the function that saw it leaves the report to another one" +
      ((correctableBits(facts) & LINK_BITS) === 0
        ? ""
        : ". The other bits are errors that the link corrected"),
    next: [
      "read the uncorrectable status and the header log of the function, which this report sets, too: `lspci -vvv -s FUNCTION` as root (UESta, HeaderLog); the header has the request and its address",
      "if it is a memory request, compare its address with the DMA addresses of the maps (`dmalab trace check` with the dma events) and with the BARs",
    ],
  },
  {
    id: "corrected",
    when: corrects(LINK_BITS),
    certainty: "possible",
    finding: null,
    text: "many of them point at cabling, a slot or power saving",
    next: [LINK_NEXT],
  },
  {
    id: "internal",
    when: corrects(INTERNAL),
    certainty: "possible",
    finding: null,
    text: "an error inside the function, which it corrected or worked around",
    next: ["look at the device's firmware and its own error log"],
  },
  {
    id: "header_overflow",
    when: corrects(HEADER_OVERFLOW),
    certainty: "likely",
    isOne: true,
    finding: null,
    text:
      "more errors came than the log of headers holds: read the other errors of the same function",
    next: [
      "look for the other errors of the function: `lspci -vvv -s FUNCTION` as root (UESta, CESta, HeaderLog)",
    ],
  },
  {
    id: "corrected",
    when: isCorrected,
    certainty: "possible",
    finding: null,
    text: "many of them point at cabling, a slot or power saving",
    next: [LINK_NEXT],
  },
]).map((cause) => ({ ...cause, when: (facts) => isCorrected(facts) && cause.when!(facts) }));

const UNCORRECTABLE_NAMES =
  "CmpltTO|MalfTLP|Data Link Protocol|CmpltAbrt|UnxCmplt|UnsupReq|ACSViol|UncorrIntErr|BlockedTLP|AtomicOpBlocked|Completion Timeout|Completer Abort|Unexpected Completion|Malformed TLP|Poisoned TLP|Unsupported Request|Surprise Down|Flow Control|Receiver Overflow|ECRC|DLP|SDES|FCP|RxOF";

/** Errors of the uncorrectable status register: names in lower case, and what the error is. */
interface UncorrectedError {
  readonly id: string;
  readonly names: readonly string[];
  readonly text: string;
  readonly next: string;
  /** Whether the header that was logged is the packet of the error. */
  readonly hasPacket?: true;
}

const LINK_ERROR_NEXT =
  "look at the link: cabling, slot, riser, power, `lspci -vvv` of both ends (LnkSta), pcie_aspm=off as a trial";
const UNCORRECTED: readonly UncorrectedError[] = [
  {
    id: "completion_timeout",
    names: ["cmpltto", "completion timeout"],
    text:
      "a read got no completion in time: of an endpoint, a read of memory or of a peer; of a root port, a read of the CPU. The target hangs, is in a low-power state, was removed, or an IOMMU dropped the request",
    next:
      "look for a fault of an IOMMU and for a reset or a power state of the target in the same second; the kernel logs no header for this error",
  },
  {
    id: "completer_abort",
    names: ["cmpltabrt", "completer abort"],
    text:
      "the function answered a request with Completer Abort: it knows the address and refuses the access",
    next:
      "look in the driver of the function for what the access is not allowed to: size, order, a block that is off",
    hasPacket: true,
  },
  {
    id: "unexpected_completion",
    names: ["unxcmplt", "unexpected completion"],
    text:
      "a completion came that answers no request: misrouted, or late after a timeout or a reset. It has no address",
    next: "look for a timeout or a reset of the function before it",
    hasPacket: true,
  },
  {
    id: "malformed",
    names: ["malftlp", "malformed tlp"],
    text:
      "a packet breaks the rules of its format: a payload above Max_Payload_Size, a byte count across 4 KiB, an atomic operation where none is routed, or a defect of the sender",
    next:
      "compare MaxPayload and AtomicOpsCap of the ports on the path and of the device (`lspci -vvv`); pci=pcie_bus_safe as a trial",
    hasPacket: true,
  },
  {
    id: "poisoned",
    names: ["poisoned tlp", "tlp"],
    text: "the data of a packet was marked as bad by its sender, such as memory with an error",
    next: "look for memory errors (MCE, EDAC, GHES) before it, and at the sender of the packet",
    hasPacket: true,
  },
  {
    id: "link_protocol",
    names: ["data link protocol", "dlp"],
    text: "the link's own protocol was broken: no packet of a driver is the cause",
    next: LINK_ERROR_NEXT,
  },
  {
    id: "surprise_down",
    names: ["surprise down", "sdes"],
    text:
      "the link went down without notice: the device was removed, lost power, or its link failed",
    next: LINK_ERROR_NEXT,
  },
  {
    id: "flow_control",
    names: ["flow control", "fcp", "receiver overflow", "rxof"],
    text:
      "the flow control of the link was broken, or a receiver overflowed: a defect of the hardware or of the link",
    next: LINK_ERROR_NEXT,
  },
  {
    id: "ecrc",
    names: ["ecrc"],
    text: "the end-to-end checksum of a packet was wrong",
    next: LINK_ERROR_NEXT,
    hasPacket: true,
  },
  {
    id: "internal_error",
    names: ["uncorrinterr", "uncorrectable internal", "uncorr. internal"],
    text: "the function reports an internal error that it could not correct",
    next: "look at the device's firmware and its own error log",
  },
  {
    id: "blocked",
    names: [
      "blockedtlp",
      "mc blocked",
      "atomicopblocked",
      "atomicop egress",
      "tlpblockederr",
      "tlp prefix",
      "poisontlpblocked",
      "dmwrreqblocked",
      "tlpxlatblocked",
    ],
    text: "a port did not let a packet of this kind pass",
    next:
      "look at what the ports on the path allow (`lspci -vvv`: AtomicOpsCtl EgressBlck, ACS translation blocking), and at who sends such packets",
    hasPacket: true,
  },
];

function uncorrectedCause({ hasPacket, id, names, next, text }: UncorrectedError): Cause {
  return {
    id,
    when: (facts) => !isCorrected(facts) && has(facts, ...names),
    certainty: "likely",
    isOne: true,
    text: (facts) => {
      const packet = hasPacket === true ? packetOf(facts) : null;
      return packet === null ? text : `${text}. The packet: ${packetText(packet)}`;
    },
    // Each error of the status has a step of its own.
    next: (facts) => [
      next,
      ...UNCORRECTED.filter((other) => other.id !== id && has(facts, ...other.names)).map((other) =>
        other.next
      ),
    ],
  };
}

/** A packet in words: its kind, its address if it has one, and who sent it or gets it. */
function packetText({ address, name, requester, tag, target }: Packet): string {
  const where = address === null ? "" : ` of address 0x${address.toString(16)}`;
  const ends = name === "completion"
    ? ` of ${target} for ${requester}`
    : `${target === null ? "" : ` for ${target}`}, from ${requester}`;
  return `a ${name}${where}${ends}, tag 0x${tag.toString(16)}`;
}
const CORRECTABLE_BITS = LINK_BITS | ADVISORY | INTERNAL | HEADER_OVERFLOW;
const CORRECTABLE = /^(?:RxErr|BadTLP|BadDLLP|Rollover|Timeout|NonFatalErr|CorrIntErr|HeaderOF)$/i;

/** The severity of a line that is cut within it. */
function cutSeverity(text: string): string {
  if (/^Corr/i.test(text)) return "Corrected";
  return /\(N/i.test(text)
    ? "Uncorrected (Non-Fatal)"
    : /\(F/i.test(text)
    ? "Uncorrected (Fatal)"
    : "Uncorrected";
}

const ERROR: MessageRow = {
  kind: "pcie_error",
  forms: [
    `{driver} ${DEVICE}: {~AER: |}{~PCIe|CXL} Bus Error: severity=${SEVERITY}, type={layer}`,
    `{driver} ${DEVICE}: {~AER: |}{~PCIe|CXL} Bus Error: ${SEVERITY}, type={layer}`,
    `{~PCIe|CXL} Bus Error: severity=${SEVERITY}, type={layer}`,
    `{driver} ${DEVICE}: {~AER: |}{~PCIe|CXL} Bus Error: severity=${SEVERITY} (Inaccessible)`,
    // A terminal or a serial console cuts the line.
    `{driver} ${DEVICE}: {~AER: |}{~PCIe|CXL} Bus Error: severity={cut_text=cut_severity}`,
  ],
  always: { event: "error", errors: [] },
  derive: ({ cut_text, ...facts }) =>
    typeof cut_text === "string"
      ? { ...facts, severity: cutSeverity(cut_text), is_cut: true }
      : facts,
  more: [
    ...["/{mask=code}", ""].map((mask): ContinuationRow => ({
      form: `${OF_LINE}device [{device_id=id_pair}] error status/mask={status}${mask}`,
      add: ({ line_device, ...found }, facts) =>
        isOther(line_device, facts) ? null : { ...facts, ...found },
    })),
    {
      form: `${OF_LINE}{named_bits=aer_named_bits}`,
      add: ({ line_device, named_bits }, facts) =>
        isOther(line_device, facts) ? null : {
          ...facts,
          errors: [
            ...facts.errors as readonly string[],
            ...String(named_bits).matchAll(/\] (\w+)/g).map(([, name]) => name!),
          ],
        },
    },
    {
      form: `${OF_LINE}[{bit=aer_bit}] {error_name=aer_name}`,
      add: ({ error_name, line_device }, facts) =>
        isOther(line_device, facts) ? null : {
          ...facts,
          errors: [...facts.errors as readonly string[], String(error_name).trim()],
        },
    },
    headerLine(OF_LINE),
  ],
  condition:
    "A device that was found as a source of an error message has a status bit that is not masked; the severity is that of the message",
  role: "report",
  finding: "hardware_error",
  means: (facts) =>
    isUncorrected(facts.severity)
      ? "An error that the link did not correct: `why` says which, and whether a transaction was lost"
      : `${correctedText(facts)}${bitsText(facts)}`,
  causes: [
    ...CORRECTED_CAUSES,
    {
      id: "not_read",
      when: ({ layer }) => layer === "Inaccessible",
      certainty: "likely",
      isOne: true,
      text:
        "the kernel did not read the registers: a fatal error of a device whose link may be down. Which error it was is not known",
      next: [
        "look for the lines of the port above it, and for DPC and Link Down in the same second",
      ],
    },
    {
      id: "header_of_ones",
      when: (facts) => !isCorrected(facts) && isOfOnes(facts),
      certainty: "possible",
      text:
        "the header reads as all ones, which is no packet: the function did not answer when its registers were read, as one whose link is lost, that is without power or hangs, or that was being reset",
      next: [
        "look for the link of the port above it in the same seconds (Link Down, DPC, `lspci -vv`: LnkSta), at power saving (pcie_aspm=off, the device's own), and at the cable or slot",
      ],
    },
    {
      id: "no_packet",
      when: (facts) => !isCorrected(facts) && isNoPacket(facts) && !isOfOnes(facts),
      certainty: "likely",
      text:
        "the header is one of no packet that PCI Express defines (its format, its type, or the code of a message): the sender put garbage on the link, as a device does whose logic or firmware is loaded anew, reset or hangs; which request it was to be is not known",
      next: [
        "look what happened to the device below the port in the same second: a reload of its logic or firmware, a reset, a removal; take it off the bus before (/sys/bus/pci/devices/FUNCTION/remove) and scan again after it, and look at its link (LnkSta)",
      ],
    },
    ...UNCORRECTED.map(uncorrectedCause),
    {
      id: "acs_violation",
      when: (facts) => has(facts, "acsviol"),
      certainty: "likely",
      text: (facts) => {
        const packet = packetOf(facts);
        return packet?.isMessage === true
          ? `a port refused a packet by its access control (ACS): ${
            packetText(packet)
          }. A message has no address, so that no memory of a peer is concerned: its requester id is the one thing that ACS can refuse`
          : "a port refused a request by its access control (ACS): one with a wrong requester id, or for an " +
            `address of a peer that it blocks${addressText(facts)}`;
      },
      next: [
        "look at ACS of the ports (`dmalab topology`), and at devices that use requester ids of others (DMA alias)",
      ],
    },
    {
      id: "unsupported_message",
      when: (facts) =>
        has(facts, "unsupreq", "unsupported request") && packetOf(facts)?.isMessage === true,
      certainty: "likely",
      text: (facts) =>
        `the packet is a ${
          packetOf(facts)!.name
        }, which the receiver does not support. A message has no address: no mapping and no memory is concerned`,
      next: [
        "look at what sends the message: a feature of the device that its port does not have or has switched off (PTM, LTR, OBFF: `lspci -vvv` of both), set up by the driver or the firmware",
      ],
    },
    {
      id: "unsupported_packet",
      when: (facts) => {
        const packet = packetOf(facts);
        return has(facts, "unsupreq", "unsupported request") && packet !== null &&
          !packet.isMessage && !packet.name.startsWith("memory");
      },
      certainty: "likely",
      text: (facts) =>
        `the packet is a ${
          packetOf(facts)!.name
        }, which the receiver does not accept. It has no address in memory: no mapping is concerned`,
      next: [
        "look at the function that the packet is for: a function that is absent, off or in reset refuses it",
      ],
    },
    {
      id: "unsupported_request",
      when: (facts) =>
        has(facts, "unsupreq", "unsupported request") && !isNoPacket(facts) &&
        (packetOf(facts)?.name.startsWith("memory") ?? true),
      certainty: "likely",
      text: (facts) =>
        `the function received a request that it does not accept${
          addressText(facts)
        }: at a port, a request of a device for an address that nobody has; at an endpoint, an access for a BAR that it does not decode (memory off, D3)` +
        (packetOf(facts) === null ? ". Without a TLP header the kind of packet is not known" : ""),
      next: [
        "compare the address of the TLP header with BARs and memory: a DMA address that was never mapped goes here where no IOMMU translates",
      ],
    },
    {
      id: "uncorrected",
      when: (facts) =>
        !isCorrected(facts) && facts.layer !== "Inaccessible" &&
        (!Array.isArray(facts.errors) || facts.errors.length === 0),
      certainty: "unknown",
      text: "the names of the errors and the TLP header say which transaction it was",
    },
  ],
};

function addressText(facts: LogEntryFacts): string {
  const packet = packetOf(facts);
  if (packet === null || packet.address === null) return "";
  return ` (${packet.name} of 0x${packet.address.toString(16)})`;
}

/** Bits of the status register of uncorrectable errors. PCI Express Base Specification, 7.8.4.2 */
const UNCORRECTED_BITS: readonly (readonly [number, string])[] = [
  [4, "DLP"],
  [5, "SDES"],
  [12, "TLP"],
  [13, "FCP"],
  [14, "CmpltTO"],
  [15, "CmpltAbrt"],
  [16, "UnxCmplt"],
  [17, "RxOF"],
  [18, "MalfTLP"],
  [19, "ECRC"],
  [20, "UnsupReq"],
  [21, "ACSViol"],
  [22, "UncorrIntErr"],
  [23, "BlockedTLP"],
  [24, "AtomicOpBlocked"],
  [25, "TLPBlockedErr"],
  [26, "PoisonTLPBlocked"],
  [27, "DMWrReqBlocked"],
  [31, "TLPXlatBlocked"],
];

const CPER_LINE = "[Hardware Error]: ";

/** A section about PCI Express of a record that the firmware hands over. */
const CPER: MessageRow = {
  kind: "pcie_error",
  forms: [`${CPER_LINE}section_type: PCIe error`],
  always: { event: "error", errors: [], firmware_first: true, record_severity: null },
  more: [
    { form: `${CPER_LINE}device_id: {device=pci_function}` },
    {
      form:
        `${CPER_LINE}aer_uncor_status: {uncor_status=value}, aer_uncor_mask: {uncor_mask=value}`,
      add: ({ uncor_mask, uncor_status }, facts) => {
        const bits = Number(uncor_status) & ~Number(uncor_mask);
        return {
          ...facts,
          uncor_status: uncor_status!,
          uncor_mask: uncor_mask!,
          errors: facts.record_severity === "corrected"
            ? []
            : UNCORRECTED_BITS.filter(([bit]) => ((bits >>> bit) & 1) === 1).map(([, name]) =>
              name
            ),
        };
      },
    },
    {
      form: `${CPER_LINE}aer_cor_status: {status}, aer_cor_mask: {mask=code}`,
      add: (found, facts) => facts.record_severity === "corrected" ? { ...facts, ...found } : facts,
    },
    headerLine(CPER_LINE),
    {
      form:
        `${CPER_LINE}{~port_type|version|command|slot|secondary_bus|vendor_id|class_code|serial number|bridge|aer_uncor_severity}:`,
      add: (_, facts) => facts,
    },
  ],
  reachLines: 16,
  condition:
    "Firmware handles the errors, and gave the kernel a record (at most 2 in 5 s, equal ones once). The registers are printed for corrected errors, too, and may hold an older error",
  role: "report",
  finding: "hardware_error",
  derive: (facts) => ({ ...facts, severity: null }),
  means: (facts) =>
    facts.record_severity === "corrected"
      ? `Firmware reports a corrected error of PCI Express${
        typeof facts.device === "string" ? ` at ${facts.device}` : ""
      }`
      : `Firmware reports an error of PCI Express${
        typeof facts.device === "string" ? ` at ${facts.device}` : ""
      }${
        typeof facts.record_severity === "string"
          ? `, of severity ${facts.record_severity}`
          : "; the line `event severity` above it is missing"
      }`,
  causes: ERROR.causes!,
};

/** Names of the bits of an error that was corrected, in lower case: what newer and older kernels print. */
const CORRECTED_NAMES: readonly (readonly [bit: number, names: readonly string[]])[] = [
  [14, ["corrinterr", "corrected internal error"]],
  [0, ["rxerr", "receiver error"]],
  [6, ["badtlp", "bad tlp"]],
  [7, ["baddllp", "bad dllp"]],
  [8, ["rollover", "relay_num rollover", "replay_num rollover"]],
  [12, ["timeout", "replay timer timeout"]],
  [13, ["nonfatalerr", "advisory non-fatal error", "advisory non-fatal"]],
  [15, ["headerof", "header log overflow"]],
];
const CORRECTED_NAME = CORRECTED_NAMES.flatMap(([, names]) => names).join("|");
/** Bits that only one of the two status registers of AER has. */
const ONLY_CORRECTED = 1 << 0 | 1 << 6 | 1 << 7 | 1 << 8;
const ONLY_UNCORRECTED = ~(ONLY_CORRECTED | 0xf << 12);

const bitText = (bit: unknown) => CORRECTED_BITS.find(([each]) => each === bit)?.[1] ?? "";

const isCorrectedName = (name: unknown) =>
  CORRECTED_NAMES.some(([, names]) => names.includes(String(name).trim().toLowerCase()));

const namesOfBits = (names: readonly (readonly [number, string])[], status: number) =>
  names.filter(([bit]) => ((status >>> bit) & 1) === 1).map(([, name]) => name).join(", ");

/** What a status says whose first line is missing: its bits or the names below it tell the two registers apart. */
function headlessText({ severity, status }: LogEntryFacts): string {
  const corrected = namesOfBits(CORRECTED_BITS, Number(status));
  const uncorrected = namesOfBits(UNCORRECTED_BITS, Number(status));
  if (severity === "Corrected") return `It is the status of corrected errors: ${corrected}`;
  if (severity === "Uncorrected") return `It is the status of uncorrected errors: ${uncorrected}`;
  return `If it is the status of corrected errors: ${corrected || "no bit"}; of uncorrected ones: ${
    uncorrected || "no bit"
  }`;
}

/** Lines of a PCI Express error whose first line is not in the log. */
const HEADLESS: readonly MessageRow[] = [
  {
    kind: "pcie_detail",
    forms: [
      `{driver} ${DEVICE}: {~AER: |}device [{device_id=id_pair}] error status/mask={status}/{mask=code}`,
      `${DEVICE}: {~AER: |}device [{device_id=id_pair}] error status/mask={status}/{mask=code}`,
    ],
    always: { event: "error", errors: [], severity: null },
    derive: (facts) => {
      const status = Number(facts.status);
      return (status & ONLY_CORRECTED) !== 0
        ? { ...facts, severity: "Corrected" }
        : (status & ONLY_UNCORRECTED) !== 0
        ? { ...facts, severity: "Uncorrected" }
        : facts;
    },
    more: [{
      form: `${OF_LINE}[{bit=aer_bit}] {error_name=aer_name}`,
      add: ({ error_name, line_device }, facts) =>
        isOther(line_device, facts) ? null : {
          ...facts,
          errors: [...facts.errors as readonly string[], String(error_name).trim()],
          severity: isCorrectedName(error_name) ? "Corrected" : "Uncorrected",
        },
    }, headerLine(OF_LINE)],
    condition: "A device that was found as a source of an error message has a status bit",
    role: "report",
    finding: "hardware_error",
    means: (facts) =>
      `The status of a PCI Express error; its first line (\`PCIe Bus Error: severity=…\`) is cut or missing. ${
        headlessText(facts)
      }`,
    causes: [
      {
        id: "not_known",
        when: ({ severity }) => severity === null,
        certainty: "unknown",
        finding: null,
        text: "whether it was corrected is in the first line of the error",
        next: [
          "give the log from an earlier line on; `lspci -vvv -s FUNCTION` as root has the same registers (CESta, UESta)",
        ],
      },
      ...ERROR.causes!.map((cause): Cause => ({
        ...cause,
        when: (facts) => facts.severity !== null && (cause.when?.(facts) ?? true),
      })),
    ],
  },
  {
    kind: "pcie_detail",
    forms: [
      `{driver} ${DEVICE}: {~AER: |}[{bit=aer_bit}] {error_name~${CORRECTED_NAME}}`,
      `${DEVICE}: {~AER: |}[{bit=aer_bit}] {error_name~${CORRECTED_NAME}}`,
    ],
    derive: (facts) => {
      const name = String(facts.error_name).trim().toLowerCase();
      const isKnown = CORRECTED_NAMES.some(([bit, names]) =>
        bit === facts.bit && names.includes(name)
      );
      return isKnown ? { ...facts, severity: "Corrected" } : null;
    },
    condition: "One line for each bit of the status that is set and not masked",
    role: "report",
    means: ({ bit }) =>
      `A bit of the status of corrected errors: ${
        bitText(bit)
      }. The first line of the error (\`PCIe Bus Error: severity=…\`) is cut or missing`,
    next: [
      "read the status of the function: `lspci -vvv -s FUNCTION` as root (CESta; UESta for an advisory one)",
    ],
  },
];

/** Names of lspci and of the kernel for bits and counters of AER. */
const AER_COUNTERS = [
  ...["RxErr", "BadTLP", "BadDLLP", "Rollover", "Timeout", "NonFatalErr", "CorrIntErr"],
  ...["HeaderOF", "Undefined", "DLP", "SDES", "TLP", "FCP", "CmpltTO", "CmpltAbrt", "UnxCmplt"],
  ...["RxOF", "MalfTLP", "ECRC", "UnsupReq", "ACSViol", "UncorrIntErr", "BlockedTLP"],
  ...["AtomicOpBlocked", "TLPBlockedErr", "PoisonTLPBlocked", "DMWrReqBlocked"],
  ...["TOTAL_ERR_COR", "TOTAL_ERR_FATAL", "TOTAL_ERR_NONFATAL"],
];
const COUNTER = `{counter~${AER_COUNTERS.toSorted((a, b) => b.length - a.length).join("|")}}`;
/** A counter alone in its line, or in a row of a table: its name, then a number for each function. */
const COUNTS = /^[\s|]*([A-Za-z_]+)[\s|]+(\d+(?:[\s|]+\d+)*)[\s|]*$/;

/** The counter of a line; null for a line that is none. @param isSet Whether a number has to be above 0. */
function countsIn(line: string, isSet: boolean): LogEntryFacts | null {
  const [, counter, numbers] = COUNTS.exec(line) ?? [];
  if (counter === undefined || !AER_COUNTERS.includes(counter)) return null;
  const counts = numbers!.split(/[\s|]+/).map(Number);
  if (counts.some((count) => count > 0) !== isSet) return null;
  return isSet ? { counter, counts: counts.map(String) } : { counter };
}

const REGISTERS: Readonly<Record<string, string>> = {
  UESta: "uncorrectable errors that happened (UESta)",
  UEMsk: "uncorrectable errors that are not reported (UEMsk)",
  UESvrt: "uncorrectable errors that count as fatal (UESvrt)",
  CESta: "corrected errors that happened (CESta)",
  CEMsk: "corrected errors that are not reported (CEMsk)",
};

/** A register of AER as lspci prints it: each bit has `+` where it is set. */
function bitsIn(
  { bits, register }: LogEntryFacts,
  line: string,
  isSet: boolean,
): LogEntryFacts | null {
  const set = String(bits).split(/\s+/).filter((bit) => bit.endsWith("+"))
    .map((bit) => bit.slice(0, -1));
  const name = Object.keys(REGISTERS).find((each) =>
    each.toLowerCase() === String(register).toLowerCase()
  )!;
  const happened = name.endsWith("Sta") && set.length > 0;
  if (happened !== isSet) return null;
  const change = line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : null;
  return { register: name, set, ...change === null ? {} : { diff: change } };
}

const registerText = ({ register, set }: LogEntryFacts) =>
  Array.isArray(set) && set.length > 0
    ? `Set in the register of ${REGISTERS[String(register)]}: ${set.join(", ")}`
    : `No bit is set in the register of ${REGISTERS[String(register)]}`;

const STICKY =
  "read it again after a boot, and while the device works: a bit that comes back is of now";

/** What tools print of AER: registers of lspci, counters of sysfs. */
const TOOLS: readonly MessageRow[] = [
  {
    kind: "pcie_detail",
    forms: ["{register~UESta|CESta}: {bits=aer_bits}"],
    derive: (facts, line) => bitsIn(facts, line, true),
    condition: "lspci read a status register of AER, in which a bit stays set until it is cleared",
    role: "report",
    means: (facts) =>
      `${
        registerText(facts)
      }. A bit stays set until software clears it: the error happened at some time since then, and the line does not say when or how often`,
    causes: inOrder([
      {
        id: "corrected",
        when: ({ register }) => register === "CESta",
        certainty: "unknown",
        text:
          "errors that the link repeated or corrected. By themselves they change no data and no mapping; `NonFatalErr` says that an uncorrectable error was advisory: UESta has it",
        next: [
          "look whether they come back (`aer_dev_correctable` in /sys/bus/pci/devices/FUNCTION counts them); of RxErr, BadTLP, BadDLLP, Rollover and Timeout look at the link: slot, cable, riser, speed, ASPM",
        ],
      },
      {
        id: "uncorrected",
        certainty: "unknown",
        text:
          "an uncorrectable error. UnsupReq alone often comes from the search for devices at boot; the others are of a transaction that failed, whose header is in HeaderLog",
        next: [
          `${STICKY}; HeaderLog of the same function has the transaction`,
        ],
      },
    ]),
  },
  {
    kind: "register_dump",
    forms: [
      "{register~UESta|CESta}: {bits=aer_clear_bits}",
      "{register~UEMsk|UESvrt|CEMsk}: {bits=aer_bits}",
    ],
    derive: (facts, line) => bitsIn(facts, line, false),
    role: "state",
    means: registerText,
  },
  {
    kind: "pcie_detail",
    forms: [`${COUNTER} {counts=aer_counts}`],
    derive: (_, line) => countsIn(line, true),
    condition: "A counter of AER in sysfs, or a table of a program of them, is above 0",
    role: "report",
    means: ({ counter, counts }) =>
      `Errors of PCI Express that were counted as ${counter}${
        String(counter).startsWith("TOTAL_") ? " (the sum of a kind)" : ""
      }${
        Array.isArray(counts) && counts.length > 1
          ? ` (one number for each function: ${counts.join(", ")})`
          : ""
      } since the function was found. The line does not say when they happened`,
    next: [
      "read the counters again while the device works: those that grow are of now; then `dmesg | grep AER` and `lspci -vvv -s FUNCTION` as root (UESta, CESta, HeaderLog)",
    ],
  },
  {
    kind: "register_dump",
    forms: [`${COUNTER} {counts=aer_zeros}`],
    derive: (_, line) => countsIn(line, false),
    role: "state",
    means: "A counter of AER that is 0: no such error of PCI Express was counted",
  },
];

export const PCIE: MessageArea = {
  name: "PCI Express",
  page: "PCI Express specification 6.2; rules/traces.md T.70",
  words: ["AER", "DPC", "pcieport"],
  rows: [
    ERROR,
    CPER,
    {
      kind: "bus_error",
      forms: ["NMI: PCI system error (SERR) for reason {nmi_reason} on CPU {cpu=count}"],
      condition:
        "The chipset raised an interrupt (NMI) because a device signalled a system error (SERR#)",
      role: "consequence",
      follows: ["iommu_fault", "other_iommu_fault", "pcie_error", "bridge_error"],
      means:
        "A device or a bridge signalled a system error on the PCI bus (SERR). The line does not name it",
      causes: [{
        id: "serr",
        certainty: "possible",
        text:
          "a parity error, or a request that was aborted, such as one that an IOMMU refused in the same moment: it may then be of the same transaction",
        next: [
          "look which function signalled it: `lspci -vv` as root (Status: <SERR+, >SERR+, <PERR+, <TAbort+, <MAbort+), for bridges also their secondary status",
        ],
      }],
    },
    {
      kind: "bus_error",
      forms: ["SError Interrupt on CPU{cpu=count}, code {code=value} -- {...}"],
      more: [
        {
          form: "lr : {function}+0x",
          add: (found, facts) => facts.function == null ? { ...facts, ...found } : facts,
        },
      ],
      reachLines: STACK_LINES,
      condition:
        "An Arm processor took an SError: an access ended with an error after the instruction was done",
      role: "report",
      means: ({ function: name }) =>
        `An access of the processor, or a write that a device or memory did not take, ended with an error that came late (SError): the registers below say where the processor was then, not which access it was${
          typeof name === "string" ? `; the link register names ${name}()` : ""
        }`,
      causes: [{
        id: "silent",
        certainty: "possible",
        text:
          "a register of a device was accessed that does not answer: its clock, reset or power domain is off, its PCI Express link is down or was lost, or the address is not of a device",
        next: [
          "look at the lines before it: a link that went down, a device that timed out or went to sleep, a bridge's own report of a refused access",
          "look at the stack below it: the driver whose device was accessed last; of a PCI Express device, test with `pcie_aspm=off`, and without its sleep (power/control `on`)",
        ],
      }, {
        id: "memory",
        certainty: "possible",
        text:
          "memory with an error that cannot be corrected, or memory that firmware or the secure side keeps for itself",
        next: [
          "look for lines of EDAC, RAS or the firmware, and compare the reserved memory of the device tree with what the firmware keeps",
        ],
      }],
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: AER: {?{multiple~Multiple} ?}${SEVERITY} error {~message |}received{~ from |: }{source}`,
        // Some logs have no degree.
        `${DEVICE}: AER: {?{multiple~Multiple} ?}{severity~Uncorrected|Uncorrectable} error {~message |}received{~ from |: }{source}`,
        `${DEVICE}: AER: {?{multiple~Multiple} ?}${CUT_SEVERITY} err{cut_text=cut_word}`,
        `${DEVICE}: AER: {?{multiple~Multiple} ?}${CUT_SEVERITY} error{cut_text=cut_received}`,
      ],
      always: { event: "aer" },
      derive: ({ cut_text, ...facts }) => {
        if (typeof cut_text === "string") return { ...facts, source_id: null, is_cut: true };
        const id = /^id=([0-9a-f]+)/i.exec(String(facts.source))?.[1];
        return id === undefined ? { ...facts, source_id: null } : {
          ...facts,
          source: null,
          source_id: Number.parseInt(id, 16),
        };
      },
      condition:
        "A port received an error message, or made one itself; the source is the id of the first message",
      role: "report",
      finding: "hardware_error",
      means: ({ severity }) =>
        isUncorrected(severity)
          ? "A port received the message of an uncorrected error"
          : "A port received a message of a correctable error",
      causes: [
        {
          id: "corrected",
          when: isCorrected,
          certainty: "possible",
          finding: null,
          text:
            "the line `PCIe Bus Error` of the source says which: an error that the link corrected, an uncorrected one that is advisory (NonFatalErr), or a header log that overflowed",
          next: [
            "read the lines of the source: `lspci -vvv -s FUNCTION` as root has the same registers (CESta, UESta)",
          ],
        },
        {
          id: "uncorrected",
          when: ({ severity }) => isUncorrected(severity),
          certainty: "unknown",
          text: "the line `PCIe Bus Error` of the source says which error it was",
          next: [
            "read the lines of the source: `lspci -vvv -s FUNCTION` as root has the same registers (UESta, HeaderLog)",
          ],
        },
      ],
    },
    {
      kind: "pcie_error",
      // Printed where the firmware handles the errors and passes their registers on.
      forms: [
        `{driver} ${DEVICE}: {~AER: |}aer_status: {status}, aer_mask: {mask=code}`,
        `${DEVICE}: {~AER: |}aer_status: {status}, aer_mask: {mask=code}`,
      ],
      always: { event: "error", errors: [], firmware_first: true },
      derive: (facts) => ({
        ...facts,
        severity: (Number(facts.status) & ~CORRECTABLE_BITS) === 0 ? "Corrected" : "Uncorrected",
      }),
      more: [
        {
          form: "[{bit=aer_bit}] {error_name=aer_name}",
          add: ({ error_name }, facts) => ({
            ...facts,
            errors: [...facts.errors as readonly string[], String(error_name).trim()],
            severity: CORRECTABLE.test(String(error_name).trim()) ? "Corrected" : "Uncorrected",
          }),
        },
        { form: "aer_layer={layer}, aer_agent={agent=rest}" },
        {
          form: "aer_uncor_severity: {value}",
          add: (found, facts) => ({ ...facts, ...found, severity: "Uncorrected" }),
        },
        headerLine(),
      ],
      condition:
        "Firmware handles the errors, and gave the kernel a record with the registers of a function",
      role: "report",
      finding: "hardware_error",
      means: ERROR.means,
      causes: ERROR.causes!,
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: {~AER: |}[{bit=aer_bit}] {error_name~${UNCORRECTABLE_NAMES}}`,
      ],
      always: { event: "error", severity: "Uncorrected" },
      derive: (facts) => ({ ...facts, errors: [String(facts.error_name)] }),
      more: [headerLine()],
      condition: "One line for each bit of the status that is set and not masked",
      role: "report",
      finding: "hardware_error",
      means:
        "A bit of an uncorrected error. The first line of the error (`PCIe Bus Error: severity=…`) is cut or missing",
      causes: ERROR.causes!,
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: AER: device recovery {recovery~successful|failed}`,
      ],
      always: { event: "recovery" },
      role: "report",
      condition:
        "The recovery of a non-fatal or fatal error ended. The function is the port, and not the one with the error",
      means: ({ recovery }) =>
        recovery === "failed"
          ? "The recovery of the devices below this port failed: what they had in flight does not complete"
          : "The devices below this port recovered from an error. After a non-fatal one without a reset their requests may have gone on",
      next: [
        "look for the lines `PCIe Bus Error` before it: they name the function with the error",
      ],
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: AER: can't recover ({reason=paren_text})`],
      always: { event: "recovery", recovery: "failed" },
      role: "report",
      condition:
        "Recovery of an error below a port, and this function has no driver, or none with a handler for errors",
      means:
        "A device below the port cannot be recovered by its driver. It need not be the one with the error",
      next: [
        "look for the lines `PCIe Bus Error` before it: they name the function with the error",
      ],
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: {~AER: |}can't find device of ID{source_id}`,
        `${DEVICE}: AER: found no error details for {source}`,
        "AER: no pci_dev for {device}",
      ],
      always: { event: "aer" },
      role: "report",
      means:
        "The kernel could not say which device sent an error message: it was removed, has no error reporting, firmware has cleared its status, or the id is wrong",
      next: [
        "read the registers of the functions below the port: `lspci -vvv` as root (UESta, CESta)",
      ],
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: {~AER: |}{~Root|Downstream} Port link has been reset{? ({errno})?}`,
      ],
      always: { event: "link_reset" },
      role: "report",
      condition:
        "Recovery of a fatal error reset the bus behind the port; the number is 0, or an errno",
      means: ({ errno }) =>
        typeof errno === "number" && errno !== 0
          ? `A reset of the bus behind the port was tried and failed (${errno}): the state of its link is not known`
          : "The bus behind the port was reset: what its devices had in flight never completes",
      next: [
        "look for the lines `PCIe Bus Error` before it: they name the function with the error",
      ],
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: {~AER: |}subordinate device reset failed`],
      always: { event: "recovery", recovery: "failed" },
      condition: "Recovery of a fatal error: the reset of the bus behind the port did not succeed",
      role: "report",
      means:
        "The reset of the devices below this port failed: what they had in flight does not complete",
      next: [
        "look for the lines `PCIe Bus Error` before it: they name the function with the error; then at `not ready …; giving up`",
      ],
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: AER: {outcome~not reset|has been reset}{? (no FLR support: {errno})?}`],
      always: { event: "link_reset" },
      condition: "A fatal error of an integrated endpoint: its own reset (FLR) was tried",
      role: "report",
      means: ({ device, outcome }) =>
        outcome === "not reset"
          ? `${device} has no reset of its own, and was not reset after its fatal error`
          : `${device} was reset after its fatal error: what it had in flight never completes`,
      next: [
        "look for the lines `PCIe Bus Error` before it: they name the error",
      ],
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: DPC: [{bit=aer_bit}] {pio_kind~Configuration|I/O|Memory} Request {pio_error~received UR Completion|received CA Completion|Completion Timeout}{...}`,
      ],
      always: { event: "rp_pio" },
      condition:
        "One line for each bit of the RP PIO status: a request of the CPU through the root port failed so",
      role: "report",
      finding: "hardware_error",
      means: ({ pio_error, pio_kind }) =>
        `A request of the CPU for the device below this port failed (${pio_kind}: ${pio_error}). It is no DMA of the device`,
      next: [
        "look why the device did not answer its registers: a low-power state, a reset, a lost link, or a BAR that it does not decode",
      ],
    },
    {
      kind: "pcie_detail",
      forms: [
        `${DEVICE}: DPC: rp_pio_status: {status}, rp_pio_mask: {mask=code}`,
        `${DEVICE}: DPC: RP PIO severity={value}, syserror={value2=value}, exception={value3=value}`,
        `${DEVICE}: DPC: {~TLP Header|RP PIO ImpSpec Log|TLP Prefix Header}{...}`,
      ],
      role: "state",
      means:
        "A register of an RP PIO error: it is about a request of the CPU through this port, and no DMA",
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: DPC: Data Link Layer Link Active not cleared in {waited_ms=count} msec`],
      always: { event: "dpc" },
      condition: "The link showed as active a second after DPC had triggered",
      role: "report",
      means:
        "After a containment (DPC) the port still showed its link as active: its state is not known",
      next: ["look for the lines `DPC: containment event` and `PCIe Bus Error` before it"],
    },
    {
      kind: "state",
      forms: ["RP PIO log size {log_size=count} is invalid"],
      condition: "At enumeration, the size of the log is not 4 to 9",
      role: "state",
      means:
        "A port's error log has no valid size: the headers of lost requests of the CPU are not printed. It does no harm",
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: DPC: containment event, status:{status}{?{~, | |,}source:{source_id}?}{?: {dpc_reason=rest}?}`,
        `${DEVICE}: DPC: containment event, status:{status}, {dpc_reason=rest}`,
      ],
      always: { event: "dpc" },
      condition: "DPC triggered: the port disabled its link in hardware",
      role: "report",
      finding: "hardware_error",
      means:
        "The port cut off the device behind it: its mappings stay, its accesses and completions end",
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: DPC: {reason=text}{~detected|error|ERR_FATAL|ERR_NONFATAL}`],
      always: { event: "dpc" },
      condition: "DPC triggered: the port disabled its link in hardware",
      role: "report",
      finding: "hardware_error",
      means: "The port cut off the device behind it, for this reason",
    },
    {
      kind: "pcie_error",
      forms: ["{device=port_service}: {...}Slot({slot}{...}): Card not present"],
      always: { event: "removed" },
      derive: (facts) => ({ ...facts, device: String(facts.device).replace(/:\w+$/, "") }),
      role: "report",
      condition: "The presence of a card in the slot changed while the slot was on",
      means:
        "The slot shows no card, and the kernel removes its device: what it had in flight never completes",
      next: [
        "was it pulled out, or is the dock switched off? Else look at power and link: the lines after it (`Card present`: it came back), DPC, AER and a power fault before it",
      ],
    },
    {
      kind: "pcie_error",
      forms: [
        "{device=port_service}: {?pciehp: ?}Timeout on hotplug command {value} (issued {waited_ms=count} msec ago)",
        "{device=port_service}: {...}Device {other_device=pci_function} already exists at {...}, {~skipping|cannot} hot-add",
        "{device=port_service}: {...}Cannot add device at {...}",
        "{device=port_service}: {...}Slot({slot}{...}): {~Power fault|Cannot train link|Link training error|Failed to|No link|Cannot add device|Attention button}{...}",
      ],
      always: { event: "hotplug" },
      derive: (facts) => ({ ...facts, device: String(facts.device).replace(/:\w+$/, "") }),
      role: "report",
      means:
        "The hotplug driver of a port could not do a step for its slot. It says nothing of a mapping; a device that comes back has none of its earlier ones",
      next: [
        "look at the state of the slot and its device (`lspci -vv`, Link Up or Down before it); after a resume a quirk of the port or pcie_ports=compat, pciehp.pciehp_poll_mode=1 as a trial",
      ],
    },
    {
      kind: "state",
      forms: [
        "{device=port_service}: {...}Slot({slot}{...}): {~Card present|Link Up|Button|Already|Powering|Enabling}{...}",
        "{driver~pcieport} {device=port_service}: {~setting latency timer to|irq|enabling device|PCI bridge to|  bridge window|bridge window|Runtime PM usage count underflow|PTM}{...}",
      ],
      role: "state",
      means: "A state of a port or its slot, without an error of a transfer",
    },
    {
      kind: "pcie_error",
      forms: [
        "{device}: {...}Link is not up, try count: {attempt}{...}",
        "{device}: {...}{~Phy link|link} never came up{...}",
        "{device}: {...}link training failed{...}",
        "{device}: {...}PCIe link {~down|is down}",
        "{driver~brcm-pcie|rockchip-pcie|imx6q-pcie|dw-pcie|mtk-pcie-gen3|tegra194-pcie|layerscape-pcie} {device}: {~link down|PCIe link training gen1 timeout!|failed to bring link up}",
        "pcieport {device}: {~pciehp: Failed to check link status|Data Link Layer Link Active not set in}{...}",
      ],
      always: { event: "link_down" },
      role: "report",
      means: ({ device }) =>
        `The PCI Express link of ${device} did not come up: no device is found behind it, and none does DMA`,
      next: [
        "without a card in the slot this is usual; else look at power, reset (PERST#), reference clock and PHY of the slot in the device tree, and try a lower speed (max-link-speed)",
      ],
    },
    {
      kind: "state",
      forms: ["{device=port_service}: {...}Slot({slot}{...}): Link Down/Up ignored{...}"],
      condition: "The link of the slot changed because of a containment (DPC) that recovered",
      role: "state",
      means:
        "The link of the slot went down and came back by a containment (DPC), and the kernel keeps the device: the lines of DPC have the error",
    },
    {
      kind: "pcie_error",
      forms: ["{device=port_service}: {...}Slot({slot}{...}): Link Down"],
      always: { event: "link_down" },
      derive: (facts) => ({ ...facts, device: String(facts.device).replace(/:\w+$/, "") }),
      role: "report",
      condition: "The link state or the presence of a slot changed while it was on",
      means:
        "The link of the slot went down, and the kernel removes its device: what it had in flight never completes. The card may still be there",
      next: [
        "look at the lines after it (`Card present`, `Link Up`: it came back), and for DPC, AER and a power fault before it",
      ],
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: {~can't|Unable to|unable to} change power state from {from_state=word_text} to {to_state=word_text} (config space inaccessible)`,
        `${DEVICE}: {~can't|Unable to|unable to} change power state from {from_state=word_text} to {to_state=word_text}, device inaccessible`,
      ],
      always: { event: "inaccessible" },
      condition: "The power register of the function read as all ones",
      role: "report",
      means: ({ device }) =>
        `${device} does not answer on its bus: it was removed, lost power, or its link is down. Its requests in flight never complete`,
      next: [
        "look for link errors before it (AER, DPC, Link Down), and for power saving: pcie_aspm=off, pcie_port_pm=off",
      ],
    },
    {
      kind: "pcie_error",
      forms: ["AER: buffer overflow in recovery for {device}"],
      always: { event: "errors_lost" },
      condition: "Firmware handles the errors, and the ring of 16 records was full",
      role: "consequence",
      follows: ["pcie_error"],
      means: "Errors of PCI Express were lost: they came faster than they were handled",
      next: [
        "look at the errors that were printed: their device reports faster than they are handled",
      ],
    },
    ...HEADLESS,
    {
      kind: "pcie_detail",
      forms: [`${DEVICE}: {~AER: |}TLP Header: {tlp_header=hex_words}`],
      derive: (facts) => withPacket(facts),
      role: "state",
      means: (facts) => {
        const packet = packetOf(facts);
        const begin =
          "The header of the packet of a PCI Express error, whose first line, `PCIe Bus Error: severity=…`, says which";
        return packet === null
          ? `${begin}. No packet was kept, or its header has another form`
          : `${begin}: ${packetText(packet)}`;
      },
    },
    {
      kind: "pcie_detail",
      forms: [`${DEVICE}: {~AER: |}Error of this Agent is reported first`],
      role: "state",
      means: ({ device }) =>
        `Where several devices have an error of PCI Express, the message of ${device} came first. Its line \`PCIe Bus Error: severity=…\` says which error, and whether it was corrected`,
    },
    {
      kind: "state",
      forms: [
        "PME: Signaling with IRQ {count}",
        "PME: Spurious native interrupt!",
        "{~AER|DPC}: enabled with IRQ {count}",
      ],
      role: "state",
      means: "A port reports errors and power events by this interrupt",
    },
    {
      kind: "state",
      forms: [`${DEVICE}: enabling device ({command_before=code} -> {command_after=code})`],
      condition: "A driver enabled the function, and decoding of memory or I/O was off",
      role: "state",
      means: ({ command_after, command_before }) =>
        (Number(command_before) & MEMORY_DECODING) === 0 &&
          (Number(command_after) & MEMORY_DECODING) !== 0
          ? "Memory decoding of the function was off (bit 1 of its command register), and the PCI core switched it on: until this line its registers did not answer"
          : "The PCI core switched a device on; no mapping is concerned",
    },
    {
      kind: "state",
      forms: [
        `${DEVICE}: Invalid PCI ROM header signature: expecting {...}`,
      ],
      role: "state",
      means: "The PCI core found no ROM in a device; no mapping is concerned",
    },
    {
      kind: "pcie_detail",
      forms: [
        `${DEVICE}: {~AER: |}aer_layer={layer}, aer_agent={agent=rest}`,
        `${DEVICE}: {~AER: |}aer_uncor_severity: {value}`,
        "BERT: Error records from previous boot:",
        "[Hardware Error]: Hardware error from APEI Generic Hardware Error Source: {source_number=count}",
        "[Hardware Error]: event severity: {severity=word_text}",
      ],
      role: "state",
      means:
        "A line of a record that the firmware handed over: its section says what kind of error it is, and whether PCI Express is concerned",
    },
    ...TOOLS,
    ...PCI_CORE,
  ],
};
