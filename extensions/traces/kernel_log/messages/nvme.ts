/** Messages of the NVMe driver and of the block layer. @see rules/traces.md T.55 */
import type { LogEntryFacts } from "../log_facts.ts";
import { type MessageArea, type MessageRow, numberOf } from "./message.ts";

const ALL_ONES = 0xffffffff;
const GONE =
  "its registers read as all ones: the device was removed from the bus, or its link is down";
const GONE_NEXT =
  "look for link errors before it (AER, DPC, Link Down), for a slot that lost power, and for power saving: pcie_aspm=off, nvme_core.default_ps_max_latency_us=0";
const FAULT_NEXT =
  "look for an IOMMU fault of the same device in the seconds before: a command whose DMA was refused is never completed";

/** Names for what the driver does at a timeout, by the first words of the message. */
const TIMEOUT_ACTIONS: readonly (readonly [RegExp, string])[] = [
  [/^abort/i, "abort"],
  [/^completion polled/i, "polled"],
  [/^reset/i, "reset"],
  [/^disable/i, "disable"],
];

/**
 * The status code type of path-related errors, from the figure "Status Code Type Values" of the
 * NVMe base specification.
 */
const PATH_STATUS = 3;
/**
 * `HOST_PATH_ERROR`, `HOST_ABORTED`: status codes of the path-related type that the host sets
 * itself.
 */
const HOST_PATH_ERROR = 0x70;
const HOST_ABORTED = 0x71;
const DATA_TRANSFER_ERROR = 4;

const codeOf = (facts: LogEntryFacts) => {
  const status = numberOf(facts, "status");
  return { sct: (status >> 8) & 7, sc: status & 0xff };
};
const isHostStatus = ({ sc, sct }: { readonly sc: number; readonly sct: number }) =>
  sct === PATH_STATUS && (sc === HOST_PATH_ERROR || sc === HOST_ABORTED);

/** Generic status codes; `ABORT_LIMIT`: a command-specific one, with its type in the upper bits. */
const INVALID_FIELD = 2;
const ABORT_REQUESTED = 7;
const ABORT_LIMIT = 0x103;

const TIMEOUT: MessageRow = {
  kind: "nvme_timeout",
  forms: [
    "nvme {controller}: I/O tag {tag} ({cid=hex4}){? opcode {opcode} ({...})?} QID {qid} timeout, {action_text=rest}",
    "nvme {controller}: I/O {tag}{? ({cid=hex4})?}{? ({...})?}{? opcode {opcode} ({...})?} QID {qid} timeout, {action_text=rest}",
  ],
  derive: (facts) => {
    const { action_text, ...others } = facts;
    const text = String(action_text);
    const size = /\bsize:(\d+)/.exec(text)?.[1];
    return {
      ...others,
      action: TIMEOUT_ACTIONS.find(([words]) => words.test(text))?.[1] ?? "other",
      size_bytes: size === undefined ? null : Number(size),
    };
  },
  role: "consequence",
  follows: ["iommu_fault", "other_iommu_fault", "bridge_error", "pcie_error", "nvme_down"],
  means: ({ action }) =>
    action === "polled"
      ? "The command was completed, but its interrupt was lost"
      : "The controller did not complete the command in time",
  causes: [
    {
      id: "interrupt",
      when: ({ action }) => action === "polled",
      certainty: "proved",
      text: "the completion was in the queue: the interrupt did not come, or came to no CPU",
      next: [
        "look at interrupt remapping and MSI: faults with INTR-REMAP, /proc/interrupts of the queue, irqaffinity",
      ],
    },
    {
      id: "no_answer",
      certainty: "possible",
      text:
        "a blocked DMA access, firmware that hangs, a link that is down, or a storage backend that is slow",
      next: [FAULT_NEXT, GONE_NEXT],
    },
  ],
};

const ABORT: MessageRow = {
  kind: "nvme_abort_status",
  forms: ["nvme {controller}: Abort status: {status}"],
  role: "consequence",
  follows: ["nvme_timeout"],
  means: "The result of the abort that the driver sent after a timeout",
  causes: [
    {
      id: "done",
      when: ({ status }) => status === 0,
      certainty: "proved",
      text: "the controller completed the abort command",
    },
    {
      id: "host",
      when: (facts) => isHostStatus(codeOf(facts)),
      certainty: "proved",
      text: (facts) =>
        codeOf(facts).sc === HOST_ABORTED
          ? "NVME_SC_HOST_ABORTED_CMD: the host cancelled the abort itself, in its reset of the controller. The controller never answered"
          : "NVME_SC_HOST_PATH_ERROR: the host ended the abort itself, without an answer of the controller",
      next: ["the controller is silent: " + FAULT_NEXT, GONE_NEXT],
    },
    {
      id: "limit",
      when: (facts) => (numberOf(facts, "status") & 0x7ff) === ABORT_LIMIT,
      certainty: "proved",
      text: "the controller's limit of aborts was exceeded: it answers, and has not aborted",
    },
    {
      id: "aborted",
      when: (facts) => (numberOf(facts, "status") & 0x7ff) === ABORT_REQUESTED,
      certainty: "proved",
      text: "the abort command itself was aborted, by a delete of its queue or a reset",
    },
    {
      id: "controller",
      certainty: "proved",
      text: (facts) => {
        const { sc, sct } = codeOf(facts);
        return `the controller's status for the abort: status code type ${sct}, status code 0x${
          sc.toString(16)
        }${sct === 0 && sc === INVALID_FIELD ? " (invalid field)" : ""}`;
      },
    },
  ],
};

const CONTROLLER: MessageRow[] = [
  TIMEOUT,
  ABORT,
  {
    kind: "nvme_down",
    forms: [
      "nvme {controller}: controller is down; will reset: CSTS={csts}, PCI_STATUS{~=| read failed }{?{pci_status}?}",
    ],
    // CSTS reads as all ones if the device does not answer: it has left the bus.
    derive: (facts, line) => ({
      ...facts,
      pci_status: /PCI_STATUS=/.test(line) ? facts.pci_status! : null,
      gone: facts.csts === ALL_ONES,
    }),
    role: "consequence",
    follows: ["pcie_error", "bridge_error", "iommu_fault"],
    means: "The controller is down: the driver resets it, and cancels what is in flight",
    causes: [
      {
        id: "gone",
        when: ({ gone }) => gone === true,
        certainty: "proved",
        text: GONE,
        next: [GONE_NEXT],
      },
      {
        id: "fatal",
        when: (facts) => (numberOf(facts, "csts") & 2) !== 0,
        certainty: "proved",
        text: "CSTS.CFS is set: the controller reports a fatal error of its own",
        next: [FAULT_NEXT, "the controller's firmware: its error log (nvme error-log)"],
      },
      {
        id: "not_ready",
        when: (facts) => (numberOf(facts, "csts") & 1) === 0,
        certainty: "proved",
        text: "CSTS.RDY is clear: the controller was reset from elsewhere, or lost power",
        next: [GONE_NEXT],
      },
      {
        id: "elsewhere",
        certainty: "unknown",
        text: "the controller reports no fatal error: something else asked for the reset",
      },
    ],
  },
  {
    kind: "nvme_failed",
    forms: [
      "nvme {controller}: Device not ready; aborting {step}, CSTS={csts}",
      "nvme {controller}: Device not ready; aborting {step}",
    ],
    derive: (facts) => ({ ...facts, step: String(facts.step).replace(/,$/, "") }),
    role: "consequence",
    follows: ["iommu_fault", "pcie_error", "nvme_down", "nvme_timeout"],
    means: "The controller did not come up in the time that it asks for (CAP.TO)",
    causes: [
      {
        id: "gone",
        when: ({ csts }) => csts === ALL_ONES,
        certainty: "proved",
        text: GONE,
        next: [GONE_NEXT],
      },
      {
        id: "fatal",
        when: (facts) => (numberOf(facts, "csts") & 2) !== 0,
        certainty: "proved",
        text: "CSTS.CFS is set: the controller reports a fatal error of its own",
        next: [FAULT_NEXT],
      },
      {
        id: "silent",
        certainty: "unknown",
        text: "the controller's firmware hangs, or it cannot read its queues in memory",
        next: [FAULT_NEXT, GONE_NEXT],
      },
    ],
  },
  {
    kind: "nvme_failed",
    forms: [
      "nvme {controller}: Device shutdown incomplete; abort {step~shutdown}",
      "nvme {controller}: {~Removing after} {step~probe} failure status: {errno}",
      "nvme {controller}: Disabling device after {step~reset} failure: {errno}",
      "nvme {controller}: Failed {step~status}: {csts}, reset controller",
      "nvme {controller}: {step~frozen|failure} state error detected",
      "nvme {controller}: {step~Identify} Controller failed ({status=errno})",
      "nvme {controller}: {step~Fw activation} timeout, reset controller",
      "nvme {controller}: resetting controller due to {step~persistent internal error}",
    ],
    derive: (facts) => ({
      ...facts,
      step: String(facts.step).toLowerCase().replaceAll(" ", "_"),
      // Normalised to a negative errno: releases differ in the sign.
      ...typeof facts.errno === "number" ? { errno: -Math.abs(facts.errno) } : {},
    }),
    role: "consequence",
    follows: ["iommu_fault", "pcie_error", "nvme_down", "nvme_timeout"],
    means: "The controller was given up or is reset: requests in flight are cancelled and unmapped",
    causes: [
      {
        id: "gone",
        when: ({ csts }) => csts === ALL_ONES,
        certainty: "proved",
        text: GONE,
        next: [GONE_NEXT],
      },
      {
        id: "removed",
        when: ({ errno }) => errno === -19,
        certainty: "likely",
        text: "-19 is ENODEV: the controller did not come up after its reset, or is gone",
        next: [GONE_NEXT, FAULT_NEXT],
      },
      {
        id: "earlier",
        certainty: "unknown",
        text: "the lines before it have the cause",
        next: [FAULT_NEXT, GONE_NEXT],
      },
    ],
  },
  {
    kind: "nvme_error",
    forms: [
      "{disk=nvme_disk}: {opcode_text=text} ({opcode}) @ LBA {lba}, {blocks} blocks, {status_text=text} (sct {sct} / sc {sc}){?{flags_text=rest}?}",
      "{disk=nvme_disk}: {opcode_text=text}({opcode}) @ LBA {lba}, {blocks} blocks, {status_text=text} (sct {sct} / sc {sc}){?{flags_text=rest}?}",
    ],
    derive: ({ disk, opcode, lba, blocks, sct, sc }, line) => {
      const flags = line.slice(line.lastIndexOf("/ sc"));
      return {
        disk: disk!,
        opcode: opcode!,
        lba: lba!,
        blocks: blocks!,
        sct: sct!,
        sc: sc!,
        dnr: /\bDNR\b/.test(flags),
        more: /\bMORE\b/.test(flags),
      };
    },
    role: "consequence",
    follows: ["iommu_fault", "other_iommu_fault", "nvme_timeout"],
    means: "A command failed, with this status code type and status code",
    causes: [
      {
        id: "data_transfer",
        when: ({ sc, sct }) => sct === 0 && sc === DATA_TRANSFER_ERROR,
        certainty: "proved",
        text:
          "Data Transfer Error: the controller could not move the data: its access to memory failed",
        next: [FAULT_NEXT],
      },
      {
        id: "host",
        when: (facts) => isHostStatus({ sct: numberOf(facts, "sct"), sc: numberOf(facts, "sc") }),
        certainty: "proved",
        text:
          "The host cancelled the command, as after a timeout; this is not a status of the controller",
        next: [FAULT_NEXT],
      },
      {
        id: "media",
        when: ({ sct }) => sct === 2,
        certainty: "proved",
        text:
          "a media or data integrity error: the controller reports the medium, not the transfer",
      },
      { id: "controller", certainty: "proved", text: "the controller's own status" },
    ],
  },
  {
    kind: "nvme_bad_request",
    forms: [
      "{device}: Incorrectly formed request for payload:{size_bytes} nents:{segments}",
      "{?nvme {controller}: ?}Invalid SGL for payload:{size_bytes} nents:{segments}",
    ],
    derive: ({ controller = null, device = null, ...facts }) => ({ ...facts, controller, device }),
    role: "report",
    means: "The segments of the request break the rules of PRP lists, so it was not sent",
    next: [
      "a segment that is not the first begins at an offset in its page, or one that is not the last does not end at a page: look at the virtual boundary of the queue, and at what built the bio",
    ],
  },
  {
    kind: "nvme_state",
    forms: [
      "unable to allocate dma for dbbuf",
      "invalid id {count} completed on queue {qid}",
      "nvme {controller}: missing or invalid SUBNQN field",
      "nvme {controller}: reading non-mdts-limits failed: {errno}",
      "nvme {controller}: Get FW SLOT INFO log error",
      "nvme {controller}: async event result {value}",
      "nvme {controller}: ctrl state {state} is not RESETTING",
      "{disk}: ignoring unaligned IO boundary:{count}",
      "AWUPF ignored, only NAWUPF accepted",
      "FDP invalid config descriptor at index {count}",
      "invalid LBA data size {count}, skipping namespace",
    ],
    role: "report",
    means:
      "The NVMe driver did not accept something that the controller reports; no mapping is concerned",
  },
  {
    kind: "state",
    forms: [
      'nvme {controller}: Try "nvme_core.default_ps_max_latency_us=0{...}',
      "nvme {controller}: Does your device have a faulty power saving mode enabled?",
      "nvme {controller}: {count}/{max}/{order} default/read/poll queues",
      "nvme {controller}: controller reset completed after pcie flr",
      "nvme {controller}: restart after slot reset",
      "nvme {controller}: pci function {device}",
    ],
    role: "state",
    means: "What the NVMe driver did or proposes",
  },
];

const BLOCK: MessageRow[] = [
  {
    kind: "block_error",
    forms: [
      "{status_words~blk_update_request: I/O|blk_update_request: critical target|blk_update_request: critical medium|blk_update_request: critical nexus|blk_update_request: critical space allocation|blk_update_request: operation not supported|blk_update_request: timeout|blk_update_request: recoverable transport|blk_update_request: protection|print_req_error: I/O|I/O|critical target|critical medium|operation not supported|timeout|recoverable transport|protection|end_request: I/O|device resource|invalid|zone active resource} error, dev {disk}, sector {sector}{? op {op}:{...})?}{? flags {flags}?}{? phys_seg {segments}?}",
    ],
    derive: ({ disk, sector, op, flags, segments, status_words }) => ({
      disk: disk!,
      sector: sector!,
      op: op!,
      flags: flags!,
      segments: segments!,
      status: String(status_words).replace(/^.*: /, ""),
    }),
    role: "consequence",
    follows: [
      "iommu_fault",
      "other_iommu_fault",
      "swiotlb_full",
      "dma_overflow",
      "nvme_timeout",
      "nvme_down",
      "nvme_error",
    ],
    means: "A request failed; the driver's lines before this one have the cause",
    next: [
      "look above it: a full bounce pool or an address out of reach makes a map fail, a timeout or a reset cancels requests",
    ],
  },
  {
    kind: "block_error",
    forms: [
      "{function}: over max size limit. ({count} > {max})",
      "{function}: over max segments limit. ({count} > {max})",
      "{function}: over max integrity segments limit. ({count} > {max})",
    ],
    always: { status: "over_limit" },
    role: "report",
    finding: "over_limit",
    means: ({ count, max }) =>
      `A cloned request was refused: it has ${count}, and the queue below allows ${max}`,
    next: [
      "the limits of a stacked device (dm, multipath) must be those of its paths: look at max_sectors_kb and max_segments in /sys/block/NAME/queue of both",
    ],
  },
  {
    kind: "block_error",
    forms: [
      "{task}: attempt to access beyond end of device{...}: rw={count}, {?sector={sector}, ?}{...}",
    ],
    always: { status: "beyond_end" },
    role: "report",
    means: "A request lies beyond the end of its disk; no mapping is concerned",
  },
  {
    kind: "block_error",
    forms: [
      "invalid PI settings.",
      "pi_offset ({count}) + pi_tuple_size ({size_bytes}) exceeds metadata_size ({max})",
      "invalid interval_exp {count}",
      "Invalid {~logical|physical} block size ({size_bytes})",
      "blk-mq: failed to allocate request map",
    ],
    always: { status: "settings" },
    role: "report",
    means: "A driver gave the block layer limits that it refused",
  },
];

export const NVME: MessageArea = {
  name: "NVMe",
  page: "rules/traces.md T.55",
  words: ["nvme", "Invalid SGL"],
  rows: CONTROLLER,
};

export const BLOCK_LAYER: MessageArea = {
  name: "block layer",
  page: "rules/traces.md T.55",
  words: ["blk_update_request", "blk-mq"],
  rows: BLOCK,
};
