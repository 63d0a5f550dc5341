/** Messages of PCI Express error reporting and of ports. @see rules/traces.md T.70 */
import type { LogEntryFacts } from "../log_facts.ts";
import type { MessageArea, MessageRow } from "./message.ts";

/** Whether a severity, in AER's words, implies a lost transaction. */
function isUncorrected(severity: unknown): boolean {
  return typeof severity === "string" && !/^Correct/i.test(severity);
}

const SEVERITY =
  "{severity~Corrected|Correctable|Uncorrected (Non-Fatal)|Uncorrected (Fatal)|Uncorrectable (Non-Fatal)|Uncorrectable (Fatal)|Fatal|Non-Fatal}";
const DEVICE = "{device=pci_function}";
/** Names of errors, newer and older, except names that occur in other messages too. */
const ERROR_NAMES =
  "CmpltTO|MalfTLP|RxErr|BadTLP|BadDLLP|Rollover|NonFatalErr|CorrIntErr|CmpltAbrt|UnxCmplt|UnsupReq|ACSViol|" +
  "UncorrIntErr|BlockedTLP|AtomicOpBlocked|Receiver Error|Data Link Protocol|Completion Timeout|Completer Abort|" +
  "Unexpected Completion|Malformed TLP|Poisoned TLP|Unsupported Request|Replay Timer Timeout|Advisory Non-Fatal";

/** Bit 1 of the command register in configuration space. */
const MEMORY_DECODING = 2;

const has = ({ errors }: LogEntryFacts, ...names: readonly string[]) =>
  Array.isArray(errors) &&
  errors.some((error) => names.some((name) => String(error).toLowerCase().startsWith(name)));

/** The address of a memory request, from its TLP header; null for other requests. */
function tlpAddress({ tlp_header }: LogEntryFacts): bigint | null {
  if (typeof tlp_header !== "string") return null;
  const words = tlp_header.split(" ").map((word) => BigInt(`0x${word.replace(/^0x/i, "")}`));
  const [first, , third, fourth] = words;
  if (first === undefined || third === undefined || fourth === undefined) return null;
  const type = Number((first >> 24n) & 0x1fn);
  if (type > 1) return null;
  return ((first >> 29n) & 1n) === 1n ? (third << 32n) | (fourth & ~3n) : third & ~3n;
}

const ERROR: MessageRow = {
  kind: "pcie_error",
  forms: [
    `{driver} ${DEVICE}: {~AER: |}{~PCIe|CXL} Bus Error: severity=${SEVERITY}, type={layer}`,
    `{~PCIe|CXL} Bus Error: severity=${SEVERITY}, type={layer}`,
    `{driver} ${DEVICE}: {~AER: |}{~PCIe|CXL} Bus Error: severity=${SEVERITY} (Inaccessible)`,
  ],
  always: { event: "error", errors: [] },
  more: [
    {
      form: "device [{device_id=id_pair}] error status/mask={status}/{mask=code}",
    },
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
  means: ({ severity }) =>
    isUncorrected(severity)
      ? "A transaction was lost or malformed: the device's access did not complete"
      : "The link corrected an error",
  causes: [
    {
      id: "corrected",
      when: ({ severity }) => !isUncorrected(severity),
      certainty: "possible",
      finding: null,
      text: "many of them point at cabling, a slot or power saving",
      next: ["reseat the device or its riser, another slot, pcie_aspm=off"],
    },
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
      id: "unsupported_request",
      when: (facts) => has(facts, "unsupreq", "unsupported request"),
      certainty: "likely",
      text: (facts) =>
        `nobody answers the request: an address that no device or memory has${addressText(facts)}`,
      next: [
        "compare the address of the TLP header with BARs and memory: a DMA address that was never mapped goes here where no IOMMU translates",
      ],
    },
    {
      id: "completion_timeout",
      when: (facts) => has(facts, "cmplto", "completion timeout"),
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
  const address = tlpAddress(facts);
  return address === null ? "" : ` (0x${address.toString(16)})`;
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
      ],
      always: { event: "aer" },
      derive: (facts) => {
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
          : "A port received a message: the link corrected an error",
      causes: [
        {
          id: "corrected",
          when: ({ severity }) => !isUncorrected(severity),
          certainty: "possible",
          finding: null,
          text: "many of them point at cabling, a slot or power saving",
          next: ["reseat the device or its riser, another slot, pcie_aspm=off"],
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
        `${DEVICE}: {~AER: |}[{bit=aer_bit}] {error_name~${ERROR_NAMES}}`,
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
