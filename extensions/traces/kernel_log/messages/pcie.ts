/** Messages of PCI Express error reporting and of ports. @see rules/traces.md T.70 */
import type { LogEntryFacts } from "../log_facts.ts";
import type { Cause, MessageArea, MessageRow } from "./message.ts";

/** Whether a severity, in AER's words, implies a lost transaction. */
function isUncorrected(severity: unknown): boolean {
  return typeof severity === "string" && !/^Correct/i.test(severity);
}

const SEVERITY =
  "{severity~Corrected|Correctable|Uncorrected (Non-Fatal)|Uncorrected (Fatal)|Uncorrectable (Non-Fatal)|Uncorrectable (Fatal)|Fatal|Non-Fatal}";
const DEVICE = "{device=pci_function}";
/** Names of correctable errors, newer and older, except names that occur in other messages too. */
const CORRECTABLE_NAMES =
  "RxErr|BadTLP|BadDLLP|Rollover|NonFatalErr|CorrIntErr|HeaderOF|Receiver Error|Replay Timer Timeout|Advisory Non-Fatal";

/** Bit 1 of the command register in configuration space. */
const MEMORY_DECODING = 2;

const has = ({ errors }: LogEntryFacts, ...names: readonly string[]) =>
  Array.isArray(errors) &&
  errors.some((error) => names.some((name) => String(error).toLowerCase().startsWith(name)));

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

/** A packet of the transaction layer, by the header that the register logged. */
interface Packet {
  readonly name: string;
  /** The address of a memory request; null for packets that have none. */
  readonly address: bigint | null;
  readonly isMessage: boolean;
}

/**
 * Decodes a TLP header by format and type, the top byte of its first word: only requests for memory
 * have an address in memory. Null if the header is missing, or is a prefix.
 */
function packetOf({ tlp_header }: LogEntryFacts): Packet | null {
  if (typeof tlp_header !== "string") return null;
  const words = tlp_header.trim().split(/\s+/).map((word) =>
    Number.parseInt(word.replace(/^0x/i, ""), 16)
  );
  const [first = 0, second = 0, third, fourth] = words;
  const [format, type] = [first >>> 29, (first >>> 24) & 0x1f];
  if (format > 3 || first === 0 && second === 0) return null;
  const hasData = format >= 2;
  const packet = (name: string, isMessage = false): Packet => ({ name, address: null, isMessage });
  const access = hasData ? "write" : "read";
  if (type <= 1 || type === 0x1b || type >= 0x0c && type <= 0x0e) {
    const isWide = (format & 1) === 1;
    const low = isWide ? fourth : third;
    const address = low === undefined || third === undefined
      ? null
      : ((isWide ? BigInt(third) << 32n : 0n) | BigInt(low)) & ~3n;
    return { name: type <= 1 ? `memory ${access}` : "memory write", address, isMessage: false };
  }
  if (type === 0x02) return packet(`I/O ${access}; its address is a port`);
  if (type === 0x04 || type === 0x05) return packet(`configuration ${access}`);
  if (type === 0x0a || type === 0x0b) return packet("completion");
  if (type < 0x10 || type > 0x17) return null;
  const code = second & 0xff;
  const name = MESSAGE_CODES[code];
  return packet(
    `message${name === undefined ? "" : ` (${name})`} of code 0x${code.toString(16)}`,
    true,
  );
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

function correctedText(facts: LogEntryFacts): string {
  const bits = correctableBits(facts);
  const parts = [
    ...(bits & LINK_BITS) !== 0 || bits === 0 ? ["The link corrected an error"] : [],
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

const CORRECTED_CAUSES: readonly Cause[] = [
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
    certainty: "proved",
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
];

const UNCORRECTABLE_NAMES =
  "CmpltTO|MalfTLP|Data Link Protocol|CmpltAbrt|UnxCmplt|UnsupReq|ACSViol|UncorrIntErr|BlockedTLP|AtomicOpBlocked|Completion Timeout|Completer Abort|Unexpected Completion|Malformed TLP|Poisoned TLP|Unsupported Request";
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
    {
      form: "device [{device_id=id_pair}] error status/mask={status}/{mask=code}",
    },
    { form: "device [{device_id=id_pair}] error status/mask={status}" },
    {
      form: "[{bit=aer_bit}] {error_name=aer_name}",
      add: ({ error_name }, facts) => ({
        ...facts,
        errors: [...facts.errors as readonly string[], String(error_name).trim()],
      }),
    },
    { form: "TLP Header: {tlp_header=hex_words}" },
  ],
  role: "report",
  finding: "hardware_error",
  means: (facts) =>
    isUncorrected(facts.severity)
      ? "A transaction was lost or malformed: the access did not complete"
      : correctedText(facts),
  causes: [
    ...CORRECTED_CAUSES,
    {
      id: "acs_violation",
      when: (facts) => has(facts, "acsviol"),
      certainty: "likely",
      text: (facts) =>
        "a port refused a request by its access control (ACS): one with a wrong requester id, or for an " +
        `address of a peer that it blocks${addressText(facts)}`,
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
          !packet.name.startsWith("memory");
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
      when: (facts) => has(facts, "unsupreq", "unsupported request"),
      certainty: "likely",
      text: (facts) =>
        `nobody answers the request: an address that no device or memory has${addressText(facts)}` +
        (packetOf(facts) === null ? ". Without a TLP header the kind of packet is not known" : ""),
      next: [
        "compare the address of the TLP header with BARs and memory: a DMA address that was never mapped goes here where no IOMMU translates",
      ],
    },
    {
      id: "completion_timeout",
      when: (facts) => has(facts, "cmpltto", "completion timeout"),
      certainty: "likely",
      text:
        "a request of the device got no completion: the target hangs, is in a low-power state or was removed",
    },
    {
      id: "uncorrected",
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

const lost: Pick<MessageRow, "role" | "means"> = {
  role: "report",
  means: "The device was reset or lost: what it had in flight never completes",
};

export const PCIE: MessageArea = {
  name: "PCI Express",
  page: "PCI Express specification 6.2; rules/traces.md T.70",
  words: ["AER", "DPC", "pcieport"],
  rows: [
    ERROR,
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: AER: {?{multiple~Multiple} ?}${SEVERITY} error {~message |}received{~ from |: }{source}`,
        `${DEVICE}: AER: {?{multiple~Multiple} ?}{severity~Corrected|Correctable|Uncorrected (Non-Fatal)|Uncorrected (Fatal)|Uncorrectable (Non-Fatal)|Uncorrectable (Fatal)} err{cut_text=cut_word}`,
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
      role: "report",
      finding: "hardware_error",
      means: ({ severity }) =>
        isUncorrected(severity)
          ? "A port received a message: a transaction was lost or malformed"
          : "A port received a message of a correctable error",
      causes: [
        {
          id: "corrected",
          when: ({ severity }) => !isUncorrected(severity),
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
          certainty: "unknown",
          text: "the line `PCIe Bus Error` of the source has the transaction",
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
        { form: "TLP Header: {tlp_header=hex_words}" },
      ],
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
      more: [{ form: "TLP Header: {tlp_header=hex_words}" }],
      role: "report",
      finding: "hardware_error",
      means:
        "A bit of an uncorrected error: a transaction was lost or malformed. The first line of the error (`PCIe Bus Error: severity=…`) is cut or missing",
      causes: ERROR.causes!,
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: AER: device recovery {recovery~successful|failed}`,
      ],
      always: { event: "recovery" },
      ...lost,
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: AER: can't recover ({reason=paren_text})`],
      always: { event: "recovery", recovery: "failed" },
      ...lost,
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: {~AER: |}can't find device of ID{source_id}`],
      always: { event: "aer" },
      role: "report",
      means:
        "An error message names a requester id that no device has: it was removed, or the id is wrong",
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: {~AER: |}{~Root|Downstream} Port link has been reset`,
      ],
      always: { event: "link_reset" },
      ...lost,
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: DPC: containment event, status:{status}{?{~, | |,}source:{source_id}?}{?: {dpc_reason=rest}?}`,
        `${DEVICE}: DPC: containment event, status:{status}, {dpc_reason=rest}`,
      ],
      always: { event: "dpc" },
      role: "report",
      finding: "hardware_error",
      means:
        "The port cut off the device behind it: its mappings stay, its accesses and completions end",
    },
    {
      kind: "pcie_error",
      forms: [`${DEVICE}: DPC: {reason=text}{~detected|error|ERR_FATAL|ERR_NONFATAL}`],
      always: { event: "dpc" },
      role: "report",
      finding: "hardware_error",
      means: "The port cut off the device behind it, for this reason",
    },
    {
      kind: "pcie_error",
      forms: ["{device=port_service}: {...}Slot({slot}{...}): Link Down"],
      always: { event: "link_down" },
      derive: (facts) => ({ ...facts, device: String(facts.device).replace(/:\w+$/, "") }),
      ...lost,
    },
    {
      kind: "pcie_error",
      forms: [
        `${DEVICE}: {~can't|Unable to|unable to} change power state from {from_state=word_text} to {to_state=word_text} (config space inaccessible)`,
        `${DEVICE}: {~can't|Unable to|unable to} change power state from {from_state=word_text} to {to_state=word_text}, device inaccessible`,
      ],
      always: { event: "inaccessible" },
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
      role: "consequence",
      follows: ["pcie_error"],
      means: "Errors of PCI Express were lost: they came faster than they were handled",
    },
    {
      kind: "state",
      forms: [
        `${DEVICE}: {~AER: |}device [{device_id=id_pair}] error status/mask={status}/{mask=code}`,
        `${DEVICE}: {~AER: |}[{bit=aer_bit}] {error_name~${CORRECTABLE_NAMES}}`,
        `${DEVICE}: {~AER: |}TLP Header: {tlp_header=hex_words}`,
        `${DEVICE}: {~AER: |}Error of this Agent is reported first`,
      ],
      role: "state",
      means:
        "A line below the first one of a PCI Express error, `PCIe Bus Error: severity=…`, which says whether it was corrected",
    },
    {
      kind: "state",
      forms: ["PME: Signaling with IRQ {count}", "{~AER|DPC}: enabled with IRQ {count}"],
      role: "state",
      means: "A port reports errors and power events by this interrupt",
    },
    {
      kind: "state",
      forms: [`${DEVICE}: enabling device ({command_before=code} -> {command_after=code})`],
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
      kind: "iommu_setup",
      forms: ["RP PIO log size {count} is invalid"],
      role: "report",
      means: "A port's error log has no valid size: the headers of lost requests are not printed",
    },
  ],
};
