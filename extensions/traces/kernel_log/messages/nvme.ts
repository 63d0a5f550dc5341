/** Messages of the NVMe driver and of the block layer. @see rules/traces.md T.55 */
import { STATUS_CODES } from "@dmalab/devices/nvme_status";
import type { LogEntryFacts } from "../log_facts.ts";
import {
  type Cause,
  inOrder,
  type MessageArea,
  type MessageRow,
  numberOf,
  stateRows,
} from "./message.ts";

const ALL_ONES = 0xffffffff;
/** CSTS.NSSRO, from the figure "Controller Status" of the NVMe base specification. */
const SUBSYSTEM_RESET = 1 << 4;
const CONFIG_GONE = 0xffff;
const GONE_NEXT =
  "look for link errors before it (AER, DPC, Link Down), for a slot that lost power, and for power saving: pcie_aspm=off, nvme_core.default_ps_max_latency_us=0";
const BAR_NEXT =
  "read the function's state: `lspci -vv -s FUNCTION` (Mem+ or Mem-, the power state D0 to D3), and look for a line `enabling device` of it, which says that memory decoding was off; try without power saving: nvme_core.default_ps_max_latency_us=0 pcie_aspm=off pcie_port_pm=off";
const FAULT_NEXT =
  "look for an IOMMU fault of the same device in the seconds before: a controller that cannot read its queues or write its completions does not answer; one that is refused only the data ends the command with an error (Data Transfer Error), or hangs";

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
/** Status code type of media and data integrity errors, and one of its codes. */
const MEDIA_ERROR = 2;
const ACCESS_DENIED = 0x86;

const codeOf = (facts: LogEntryFacts) => {
  const status = numberOf(facts, "status");
  return { sct: (status >> 8) & 7, sc: status & 0xff };
};
/** Generic command status of the NVMe base specification: an opcode or a field that is not supported. */
const INVALID_OPCODE = 0x01;
const INVALID_FIELD = 0x02;

const isHostStatus = ({ sc, sct }: { readonly sc: number; readonly sct: number }) =>
  sct === PATH_STATUS && (sc === HOST_PATH_ERROR || sc === HOST_ABORTED);

/** Generic status codes; `ABORT_LIMIT`: a command-specific one, with its type in the upper bits. */
/** Names of generic and command-specific statuses, as the NVMe base specification has them. */
const STATUS_NAMES: ReadonlyMap<number, string> = new Map(
  Object.values(STATUS_CODES).map(([code, name]) => [code, name]),
);

/** A status in words, in brackets; empty for one without a name. */
function statusName(code: number): string {
  const name = STATUS_NAMES.get(code);
  return name === undefined ? "" : ` (${name})`;
}
const ABORT_REQUESTED = 7;
const ABORT_LIMIT = 0x103;

/** A shutdown that did not end in time: no data moves, so no mapping is concerned. */
const SLOW_SHUTDOWN: Pick<Cause, "certainty" | "text" | "next"> = {
  certainty: "possible",
  text:
    "the controller saves more than it has time for, or hangs: before a suspend or a power-off its drive counts an unsafe shutdown. No command with data is in flight",
  next: [
    "look at `nvme smart-log` (unsafe_shutdowns) and for a newer firmware; nvme_core.shutdown_timeout= gives more time",
  ],
};

/** Bits of CSTS that NVMe defines: the others are reserved, and read as 0. NVMe base specification, 3.1.4.6 */
const STATUS_BITS: readonly (readonly [bit: number, name: string])[] = [
  [0, "RDY"],
  [1, "CFS"],
  [4, "NSSRO"],
  [5, "PP"],
  [6, "ST"],
];
const DEFINED_BITS = 7;

function statusBits(csts: number): string {
  const names = STATUS_BITS.filter(([bit]) => ((csts >>> bit) & 1) === 1).map(([, name]) => name);
  return names.length === 0 ? "" : ` (of the others ${names.join(", ")})`;
}

/** Whether a CSTS has reserved bits, and is not all ones. */
function isOddStatus({ csts }: LogEntryFacts): boolean {
  return typeof csts === "number" && csts !== ALL_ONES && csts >>> DEFINED_BITS !== 0;
}

/**
 * Causes of a CSTS that reads as all ones. The same line has PCI_STATUS, read from configuration
 * space. All ones there: the function is not on its bus. Any other value: only its memory does not
 * answer.
 */
const SILENT_REGISTERS: readonly Cause[] = inOrder([
  {
    id: "no_status",
    when: (facts) => isOddStatus(facts),
    certainty: "likely",
    text: ({ csts }) =>
      `CSTS=0x${
        Number(csts).toString(16)
      } has bits that are reserved (31 to 7), which read as 0 in a working controller${
        statusBits(Number(csts))
      }: what was read is most likely no status of the controller, but a BAR that answers with something else after a reset or a lost link, or hardware in no defined state`,
    next: [BAR_NEXT, GONE_NEXT],
  },
  {
    id: "memory_silent",
    when: (facts) => facts.csts === ALL_ONES && numberOf(facts, "pci_status") < CONFIG_GONE,
    certainty: "likely",
    text: ({ pci_status }) =>
      `PCI_STATUS=0x${
        Number(pci_status).toString(16)
      } was read from configuration space, where a function that is gone reads 0xffff: it is on ` +
      "its bus, and its link is up. Its memory alone does not answer (CSTS is all ones): a low-power state, " +
      "memory decoding that is off, or a BAR that was lost in a reset",
    next: [BAR_NEXT],
  },
  {
    id: "gone",
    when: (facts) => facts.csts === ALL_ONES && numberOf(facts, "pci_status") === CONFIG_GONE,
    certainty: "likely",
    text:
      "configuration space and registers read as all ones: the function does not answer on its bus. It was " +
      "removed, its link is down, it has no power, or a port cut it off (DPC)",
    next: [GONE_NEXT],
  },
  {
    id: "config_failed",
    when: ({ config_read, csts }) => csts === ALL_ONES && config_read === "failed",
    certainty: "likely",
    text:
      "the kernel could not read configuration space at all: it has marked the device as disconnected, or the " +
      "host bridge refused",
    next: [GONE_NEXT],
  },
  {
    id: "silent_registers",
    when: ({ csts }) => csts === ALL_ONES,
    certainty: "possible",
    text:
      "its registers read as all ones: it was removed, its link is down, or its memory alone does not answer (a " +
      "low-power state, memory decoding that is off). Configuration space tells them apart: `lspci -s FUNCTION " +
      "-x` prints ff everywhere for a function that is gone",
    next: [GONE_NEXT, BAR_NEXT],
  },
]);
const isSilent = (facts: LogEntryFacts) => facts.csts === ALL_ONES || isOddStatus(facts);
const hasBit = (bit: number) => (facts: LogEntryFacts) =>
  !isSilent(facts) && (numberOf(facts, "csts") & bit) !== 0;
/** CSTS.CFS and CSTS.RDY. */
const FATAL = 1 << 1;
const READY = 1 << 0;

const TIMEOUT: MessageRow = {
  kind: "nvme_timeout",
  forms: [
    "nvme {controller}: I/O tag {tag}{? ({cid=hex4})?}{? opcode {opcode} ({...})?} QID {qid} timeout, {action_text=rest}",
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
  condition:
    "A request was not completed within its time (30 s, admin commands 60 s), by what the driver found in its queue; or, `completion polled`, it was found there only then",
  role: "consequence",
  follows: ["iommu_fault", "other_iommu_fault", "bridge_error", "pcie_error", "nvme_down"],
  means: ({ action }) =>
    action === "polled"
      ? "The command was completed: at its timeout, the driver found the completion in the queue"
      : "The controller did not complete the command in time",
  causes: [
    {
      id: "interrupt",
      when: ({ action }) => action === "polled",
      certainty: "possible",
      text:
        "the interrupt did not come, came to no CPU or too late, or came before the completion was in memory; the queue is a polled one, and no task polled it; or the completion arrived together with the timeout",
      next: [
        "compare the queue's count in /proc/interrupts before and after a stall: if it has not risen, the interrupt did not arrive",
        "look for faults with INTR-REMAP, `nobody cared` and soft lockups; the third number of `default/read/poll queues` is the number of polled queues",
      ],
    },
    {
      id: "no_answer",
      when: ({ action }) => action !== "polled",
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
  condition: "The Abort command that the driver sent after a timeout ended",
  means: "The result of the abort that the driver sent after a timeout",
  next: [
    "look at the timeout before it and at what follows: a second timeout of the same tag, or a reset of the controller",
  ],
  causes: inOrder([
    {
      id: "done",
      when: ({ status }) => status === 0,
      certainty: "likely",
      isOne: true,
      text:
        "the controller completed the abort command. Whether it aborted the command that timed out is not in the line: a second timeout of the same tag says that it did not",
    },
    {
      id: "host",
      when: (facts) => isHostStatus(codeOf(facts)),
      certainty: "likely",
      isOne: true,
      text: (facts) =>
        codeOf(facts).sc === HOST_ABORTED
          ? "NVME_SC_HOST_ABORTED_CMD: the host cancelled the abort itself, in its reset of the controller. The controller never answered"
          : "NVME_SC_HOST_PATH_ERROR: the host ended the abort itself, without an answer of the controller",
      next: ["the controller is silent: " + FAULT_NEXT, GONE_NEXT],
    },
    {
      id: "limit",
      when: (facts) => (numberOf(facts, "status") & 0x7ff) === ABORT_LIMIT,
      certainty: "likely",
      isOne: true,
      text: "the controller's limit of aborts was exceeded: it answers, and has not aborted",
    },
    {
      id: "aborted",
      when: (facts) => (numberOf(facts, "status") & 0x7ff) === ABORT_REQUESTED,
      certainty: "likely",
      isOne: true,
      text: "the abort command itself was aborted, by a delete of its queue or a reset",
    },
    {
      id: "controller",
      certainty: "likely",
      isOne: true,
      text: (facts) => {
        const { sc, sct } = codeOf(facts);
        return `the controller's status for the abort: status code type ${sct}, status code 0x${
          sc.toString(16)
        }${statusName(sct * 256 + sc)}`;
      },
    },
  ]),
};

/** What failed, by the step that a line names. */
const STEP_MEANINGS: Readonly<Record<string, string>> = {
  shutdown: "The controller did not end its shutdown in the time that the driver waits",
  identify:
    "The Identify command failed, the first transfer of data of the controller at a probe or a reset: the controller did not answer, refused it, or could not write to memory",
  fw_activation:
    "The controller stayed paused after a firmware activation for longer than it may: the driver resets it. No mapping is concerned",
  persistent_internal_error:
    "The controller reported a persistent internal error of its own: the driver resets it",
};

/** Names of the driver's states of a controller, by number. */
const STATES = ["new", "live", "resetting", "connecting", "deleting", "deleting", "dead"];

const CONTROLLER: MessageRow[] = [
  TIMEOUT,
  ABORT,
  {
    kind: "nvme_down",
    forms: [
      "nvme {controller}: controller is down; will reset: CSTS={csts}, PCI_STATUS{~=| read failed }{?{pci_status}?}",
      "{controller~nvme0|nvme1|nvme2|nvme3}: controller is down; will reset: CSTS={csts}, PCI_STATUS{~=| read failed }{?{pci_status}?}",
    ],
    // A function that has left the bus reads as all ones in its configuration space, too.
    derive: (facts, line) => ({
      ...facts,
      pci_status: /PCI_STATUS=/.test(line) ? facts.pci_status! : null,
      // Undecided where configuration space could not be read.
      gone: /PCI_STATUS=/.test(line)
        ? facts.csts === ALL_ONES && facts.pci_status === CONFIG_GONE
        : null,
      config_read: / read failed /.test(line) ? "failed" : null,
    }),
    condition:
      "A request timed out, and CSTS reads as all ones, has CFS, or has NSSRO where the controller supports that reset",
    role: "consequence",
    follows: ["pcie_error", "bridge_error", "iommu_fault"],
    means: "The controller is down: the driver resets it, and cancels what is in flight",
    causes: [
      ...SILENT_REGISTERS,
      {
        id: "fatal",
        when: hasBit(FATAL),
        certainty: "likely",
        isOne: true,
        text: "CSTS.CFS is set: the controller reports a fatal error of its own",
        next: [FAULT_NEXT, "the controller's firmware: its error log (nvme error-log)"],
      },
      {
        id: "subsystem_reset",
        when: hasBit(SUBSYSTEM_RESET),
        certainty: "likely",
        isOne: true,
        text: "CSTS.NSSRO is set: the NVM subsystem was reset, by this host or another",
        next: [FAULT_NEXT],
      },
      {
        id: "not_ready",
        when: (facts) =>
          typeof facts.csts === "number" && !isSilent(facts) &&
          (facts.csts & (FATAL | SUBSYSTEM_RESET | READY)) === 0,
        certainty: "possible",
        text: "CSTS.RDY is clear: the controller was reset from elsewhere, or lost power",
        next: [GONE_NEXT],
      },
      {
        id: "elsewhere",
        when: (facts) =>
          !isSilent(facts) && (numberOf(facts, "csts") & (FATAL | SUBSYSTEM_RESET)) === 0 &&
          (numberOf(facts, "csts") & READY) !== 0,
        certainty: "unknown",
        text: "the controller reports no fatal error: something else asked for the reset",
        next: [FAULT_NEXT, GONE_NEXT],
      },
    ],
  },
  {
    kind: "nvme_down",
    forms: ["nvme {controller}: controller is down{...}"],
    role: "consequence",
    follows: ["pcie_error", "bridge_error", "iommu_fault"],
    means:
      "The controller is down: the driver resets it, and cancels what is in flight. The line is cut before its registers",
    causes: [{
      id: "cut",
      certainty: "unknown",
      text:
        "CSTS and PCI_STATUS say whether the function left the bus, reports a fatal error of its own, or was reset",
      next: [
        "give the whole line (`controller is down; will reset: CSTS=…, PCI_STATUS=…`) and the lines of the minute before it",
        GONE_NEXT,
      ],
    }],
  },
  {
    kind: "nvme_failed",
    forms: [
      "nvme {controller}: Device not ready; aborting {step}, CSTS={csts}",
      "nvme {controller}: Device not ready; aborting {step}",
    ],
    derive: (facts) => ({ ...facts, step: String(facts.step).replace(/,$/, "") }),
    condition:
      "The driver changed CC and waited for CSTS to its limit (CAP.TO, or the time of a shutdown)",
    role: "consequence",
    follows: ["iommu_fault", "pcie_error", "bridge_error", "nvme_down", "nvme_timeout"],
    means: ({ step }) =>
      step === "shutdown"
        ? "The controller did not end its shutdown in the time that the driver waits"
        : step === "reset"
        ? "The driver switched the controller off, and it did not report that it stopped (CSTS.RDY=0) in the time that it asks for (CAP.TO)"
        : "The controller did not come up in the time that it asks for (CAP.TO)",
    causes: [
      ...SILENT_REGISTERS,
      {
        id: "fatal",
        when: hasBit(FATAL),
        certainty: "likely",
        isOne: true,
        text: "CSTS.CFS is set: the controller reports a fatal error of its own",
        next: [FAULT_NEXT],
      },
      {
        id: "silent",
        when: (facts) => !isSilent(facts) && !hasBit(FATAL)(facts) && facts.step !== "shutdown",
        certainty: "unknown",
        text:
          "the controller's firmware hangs; where it was to start, it may also be that it cannot read its queues in memory",
        // A controller that is stopped does no DMA that could be refused.
        next: ({ step }) => step === "reset" ? [GONE_NEXT, FAULT_NEXT] : [FAULT_NEXT, GONE_NEXT],
      },
      {
        id: "shutdown",
        when: (facts) => !isSilent(facts) && !hasBit(FATAL)(facts) && facts.step === "shutdown",
        ...SLOW_SHUTDOWN,
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
      // A number above 0 is a status of NVMe, and no errno. Old releases print ENODEV as 19.
      ...facts.errno === 19 ? { errno: -19 } : {},
    }),
    condition:
      "A reset of the controller failed at one of its steps, or error recovery of PCI or the controller itself asked for one",
    role: "consequence",
    follows: ["iommu_fault", "pcie_error", "bridge_error", "nvme_down", "nvme_timeout"],
    means: ({ step }) =>
      STEP_MEANINGS[String(step)] ??
        "The controller was given up or is reset: requests in flight are cancelled and unmapped",
    causes: [
      ...SILENT_REGISTERS,
      {
        id: "removed",
        when: (facts) => facts.errno === -19 && !isSilent(facts),
        certainty: "likely",
        text: "-19 is ENODEV: the controller did not come up after its reset, or is gone",
        next: [GONE_NEXT, FAULT_NEXT],
      },
      {
        id: "state_changed",
        when: (facts) => facts.errno === -16 && facts.step === "probe" && !isSilent(facts),
        certainty: "possible",
        text:
          "-16 is EBUSY: the state of the controller changed while it was set up: a program took it away from the driver (unbind), it was removed, or another reset was under way. Then it is no error of the device",
        next: [
          "look who took the device in the same second: a script that binds it to vfio-pci or to another driver, a removal, or a reset by hand; set it up again after it",
          FAULT_NEXT,
        ],
      },
      {
        id: "earlier",
        when: (facts) =>
          facts.errno !== -19 && !(facts.errno === -16 && facts.step === "probe") &&
          !isSilent(facts) && facts.step !== "shutdown",
        certainty: "unknown",
        text: "the lines before it have the cause",
        next: [FAULT_NEXT, GONE_NEXT],
      },
      {
        id: "shutdown",
        when: (facts) => facts.errno !== -19 && !isSilent(facts) && facts.step === "shutdown",
        ...SLOW_SHUTDOWN,
      },
    ],
  },
  {
    kind: "nvme_error",
    forms: [
      "{disk=nvme_disk}: {opcode_text=text} ({opcode}) @ LBA {lba}, {blocks} blocks, {status_text=text} (sct {sct} / sc {sc}){?{flags_text=rest}?}",
      "{disk=nvme_disk}: {opcode_text=text}({opcode}) @ LBA {lba}, {blocks} blocks, {status_text=text} (sct {sct} / sc {sc}){?{flags_text=rest}?}",
      "{controller=nvme_unit}: {opcode_text=text}({opcode}), {status_text=text} (sct {sct} / sc {sc}){?{flags_text=rest}?}",
      // A reporter shortens the numbers.
      "{disk=nvme_disk}: {opcode_text=text}({opcode}) @ LBA {~...|…}{...}(sct {sct} / sc {sc})",
      "{...}(sct {sct} / sc {sc})",
    ],
    derive: (
      { disk, controller, opcode, opcode_text, status_text, lba, blocks, sct, sc },
      line,
    ) => {
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
        // A command of the driver or of a program to the controller itself.
        ...typeof controller === "string"
          ? { controller, command: opcode_text!, status_name: status_text! }
          : {},
      };
    },
    condition: "A request ended with a status that is not 0, and is not tried again",
    role: "consequence",
    follows: ["iommu_fault", "other_iommu_fault", "nvme_timeout"],
    means: "A command failed, with this status code type and status code",
    causes: inOrder([
      {
        id: "not_supported",
        when: ({ controller, sc, sct }) =>
          typeof controller === "string" && sct === 0 &&
          (sc === INVALID_OPCODE || sc === INVALID_FIELD),
        certainty: "likely",
        text:
          "the controller does not support the command, or the value of one of its fields. The driver and programs ask so for features that a controller need not have: by itself it harms nothing",
        next: [
          "look what was asked: `nvme error-log` has the field (parm_err_loc), the lines before it the driver's step; of a program, look which one runs at these times (smartd, udisks, `nvme list`)",
        ],
      },
      {
        id: "data_transfer",
        when: ({ sc, sct }) => sct === 0 && sc === DATA_TRANSFER_ERROR,
        certainty: "likely",
        text:
          "Data Transfer Error: the controller could not move the data. Its access to memory failed, by a fault of an IOMMU or an error of the bus, or a transfer inside the controller did",
        next: [
          "look for an IOMMU fault or a PCI Express error of the same device in the seconds before: the controller can end a command so whose access was refused",
          "without one the controller failed by itself: its error log (nvme error-log), its firmware",
        ],
      },
      {
        id: "host",
        when: (facts) => isHostStatus({ sct: numberOf(facts, "sct"), sc: numberOf(facts, "sc") }),
        certainty: "likely",
        isOne: true,
        text: ({ sc }) =>
          sc === HOST_PATH_ERROR
            ? "the host did not send the command on this path: the controller was not ready, or was given up. This is not a status of the controller"
            : "The host cancelled the command, as after a timeout; this is not a status of the controller",
        next: [FAULT_NEXT],
      },
      {
        id: "denied",
        when: ({ sc, sct }) => sct === MEDIA_ERROR && sc === ACCESS_DENIED,
        certainty: "likely",
        isOne: true,
        text:
          "Access Denied: the host has no right to these blocks, as of a self-encrypting drive that is locked, such as after a suspend that took its power",
        next: [
          "look at the lock of the drive (`sedutil-cli --query`, the firmware's disk password), and what unlocks it after a resume; no mapping is concerned",
        ],
      },
      {
        id: "media",
        when: ({ sct }) => sct === MEDIA_ERROR,
        certainty: "likely",
        isOne: true,
        text:
          "a media or data integrity error: the controller reports the medium, or its check of the data's protection, not the transfer",
        next: ["read the disk's own log: smartctl -a, nvme error-log"],
      },
      {
        id: "controller",
        certainty: "likely",
        isOne: true,
        text: "the controller's own status",
        next: ["look the status up in the NVMe specification; the disk's own log: nvme error-log"],
      },
    ]),
  },
  {
    kind: "nvme_bad_request",
    forms: [
      "{device}: Incorrectly formed request for payload:{size_bytes} nents:{segments}",
      "{?nvme {controller}: ?}Invalid SGL for payload:{size_bytes} nents:{segments}",
    ],
    derive: ({ controller = null, device = null, ...facts }) => ({ ...facts, controller, device }),
    condition:
      "A mapped segment ends inside a page and is not the last one (once per boot), so that no PRP list describes it",
    role: "report",
    means: "The segments of the request break the rules of PRP lists, so it was not sent",
    next: [
      "a segment that is not the first begins at an offset in its page, or one that is not the last does not end at a page. Compare phys_addr and dma_address of the lines `sg[…]` modulo 4096: where they differ, the DMA layer (a bounce, a merge) moved the offset; where they agree, what built the bio did not respect the virtual boundary of the queue",
    ],
  },
  {
    kind: "coherent_failed",
    forms: [
      "{driver} {device}: unable to allocate dma for dbbuf",
      "unable to allocate dma for dbbuf",
    ],
    role: "report",
    condition:
      "One of the two coherent allocations of the shadow doorbells of a virtual controller failed",
    finding: "coherent_failed",
    means:
      "A coherent allocation for the shadow doorbells of an NVMe controller failed. The driver goes on without them",
    next: [
      "look at the lines before it: a page allocation failure, a pool or a contiguous area that is full",
    ],
  },
  {
    kind: "nvme_error",
    forms: [
      "{controller=nvme_unit}: {status_text=text} ({sct=nvme_code}/{sc=nvme_code}){...} sqid:{qid} cid:{...} cdw0:{...}",
    ],
    condition: "FreeBSD's driver: a command ended with this status (type and code, in hex)",
    role: "consequence",
    follows: ["iommu_fault", "nvme_timeout"],
    means: ({ status_text }) => `A command failed: ${status_text}`,
    next: [
      "look at the command, in the line before it, and at a timeout or a reset of the controller",
    ],
  },
  {
    kind: "nvme_timeout",
    forms: [
      "{controller=nvme_unit}: Resetting controller due to a timeout{...}",
    ],
    condition: "FreeBSD's driver: a command was not completed in its time",
    role: "consequence",
    follows: ["iommu_fault", "pcie_error", "bridge_error"],
    means: "The controller did not complete a command in time, and is reset",
    next: [
      "look for a fault of the IOMMU (DMAR, AMD-Vi) and for errors of the bus of the same controller in the seconds before; then at its firmware and its own log (`nvmecontrol logpage`), at power and slot, and at its interrupts (`vmstat -i`)",
    ],
  },
  {
    kind: "nvme_timeout",
    forms: [
      "{controller=nvme_unit}: System interrupt issues?",
      "{controller=nvme_unit}: Missing interrupt",
    ],
    condition:
      "FreeBSD's driver: a command's time was over, and the completion was in its queue when the driver looked",
    role: "consequence",
    follows: ["iommu_error"],
    means:
      "The controller completed commands whose time was over: FreeBSD's driver found the completions only when it looked itself, and asks whether the interrupts come. The controller answers, and these completions reached memory",
    causes: [{
      id: "interrupt",
      certainty: "possible",
      text:
        "the interrupt (MSI, MSI-X) does not arrive: the firmware's tables or the bridge route it wrongly, interrupt remapping refuses it, or it is masked; or it came too late",
      next: [
        "compare the controller's counts in `vmstat -i` before and after a stall: if they do not rise, no interrupt arrives",
        "boot with `hw.nvme.force_intx=1` or with fewer queues (`hw.nvme.num_io_queues`) as a trial, and look at the firmware's tables for interrupts (on Arm the ITS and the IORT) and at other devices with MSI on this machine",
      ],
    }],
  },
  {
    kind: "nvme_failed",
    forms: [
      "nvme_ctrlr_process_init: {...}Initialization timed out in state {init_state=count}{...}",
    ],
    derive: (facts, line) => {
      const device = /\[((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])[,\]]/.exec(line)?.[1];
      return device === undefined ? facts : { device, ...facts };
    },
    condition:
      "SPDK's driver waited for a step of a controller's initialization; the number is SPDK's own, of its release",
    role: "report",
    means: ({ init_state }) =>
      `The controller did not finish a step of its initialization in time (state ${init_state} of SPDK's driver): it is not used. No mapping is named`,
    causes: [{
      id: "silent",
      certainty: "unknown",
      text:
        "the controller or its firmware hangs, as after a power cycle or a reset that was too short, or it does not see the program's writes to its registers or its queues",
      next: [
        "look in the source of the release for the number (enum nvme_ctrlr_state), at the lines of the same controller before it, and at `lspci -vv` of the function (`rev ff`, Mem-, BusMaster-): SPDK drives the controller itself, and the kernel's nvme driver has no state of it",
        "wait longer after the power is back, and scan the bus again (/sys/bus/pci/rescan) before SPDK attaches",
      ],
    }],
  },
  {
    kind: "nvme_state",
    forms: ["{controller=nvme_unit}: cpl {?(cid = {...}) ?}does not map to outstanding cmd"],
    condition: "FreeBSD's driver: a completion has an id that belongs to no command",
    role: "report",
    means:
      "The driver ignored a completion: the controller completed a command twice or after the host gave it up, or the completion in memory was wrong",
    next: ["look for a timeout or a reset before it; without one check the memory of the queues"],
  },
  ...stateRows([
    [
      "A command that the driver prints, beside its result or before an abort",
      "{controller=nvme_unit}: {~READ|WRITE|FLUSH|DATASET MANAGEMENT|IDENTIFY|ABORT|GET LOG PAGE|GET FEATURES|SET FEATURES|ASYNC EVENT REQUEST}{...} sqid:{qid} cid:{...}",
    ],
    [
      "The controller reported an event of its own",
      "{controller=nvme_unit}: async event occurred (type {...})",
    ],
    [
      "The size of a disk changed; 0 is a disk that is gone",
      "{disk=nvme_disk}: detected capacity change from {count} to {max}",
    ],
  ]),
  {
    kind: "nvme_state",
    forms: ["block {disk=nvme_disk}: no {~available|usable} path - {path_action=rest}"],
    condition: "No controller of a disk with several paths can take requests now",
    role: "consequence",
    follows: ["nvme_down", "nvme_failed", "nvme_timeout"],
    means: ({ path_action }) =>
      `No controller of the disk can take requests now${
        /fail/i.test(String(path_action)) ? ": they fail" : ": they wait"
      }. No mapping is concerned`,
    next: [
      "look at the states of its controllers (/sys/class/nvme/*/state, `nvme list-subsys`) and at the reset or the timeout before it",
    ],
  },
  {
    kind: "state",
    forms: ["{driver~nvme} {device=pci_function}: platform quirk: {...}"],
    role: "state",
    means:
      "The driver knows this machine, and treats its NVMe controller otherwise, as at a suspend. No error",
  },
  {
    kind: "nvme_state",
    forms: ["nvme {controller}: failed to set APST feature ({status=count})"],
    condition: "The controller refused the setting of its own power states (APST)",
    role: "report",
    means: ({ controller }) =>
      `${controller} refused the setting by which it changes its power states itself (APST): they stay as they are. No mapping is concerned`,
    next: [
      "nothing to do for a problem of DMA; a newer firmware of the disk may take it",
    ],
  },
  {
    kind: "state",
    forms: [
      "nvme {controller}: Shutdown timeout set to {count} seconds",
      "nvme {controller}: D3 entry latency set to {count} seconds",
      "nvme {controller}: {~NVME-|creating |new ctrl|respond|rescanning namespaces|globally duplicate|ignoring|bad crto}{...}",
    ],
    role: "state",
    means: "What the NVMe driver found at the controller; no mapping is concerned",
  },
  {
    kind: "nvme_state",
    forms: [
      "{driver} {controller}: invalid id {command_id=count} completed on queue {qid}",
      "invalid id {command_id=count} completed on queue {qid}",
    ],
    role: "report",
    condition: "A completion has an id that belongs to no request, or an old generation of one",
    means:
      "The driver ignored a completion. The controller completed a request twice or after the host gave it up, or the completion in memory was wrong: a write of another device, or stale data",
    next: [
      "look for a timeout or a reset before it: a request that was given up may complete later; without one, check the memory of the queues (coherent allocations, IOMMU faults)",
    ],
  },
  {
    kind: "nvme_state",
    forms: [
      "nvme {controller}: failed nvme_keep_alive_end_io error={error_number=count}",
      "failed nvme_keep_alive_end_io error={error_number=count}",
    ],
    role: "report",
    means: ({ error_number }) =>
      `A keep-alive of a controller over a network failed (status ${error_number} of the block layer): the connection broke, or the controller did not answer. No mapping is concerned`,
    next: ["look at the network and at the target in the same seconds"],
  },
  {
    kind: "nvme_state",
    forms: ["nvme {controller}: ctrl state {state} is not RESETTING"],
    condition: "The worker of a reset ran, and another path had changed the state meanwhile",
    role: "report",
    means: ({ state }) =>
      `A reset of the controller met another path that changes its state (${
        STATES[Number(state)] ?? state
      }), such as a removal: the reset is given up`,
    next: [
      "look at the lines before it: who removes the controller or resets it a second time; by itself the line says nothing of a mapping",
    ],
  },
  {
    kind: "nvme_state",
    forms: ["nvme {controller}: async event result {value}"],
    condition: "The controller sent a notice of a kind that the driver does not know",
    role: "report",
    means: "The controller sent a notice that this driver does not know: no fault by itself",
    next: [
      "nothing to do for a problem of DMA; the number is the event's, by the NVMe specification",
    ],
  },
  {
    kind: "nvme_state",
    forms: ["nvme {controller}: reading non-mdts-limits failed: {errno}"],
    condition: "An Identify for the limits of commands failed, and the scan of namespaces stopped",
    role: "report",
    means: ({ errno }) =>
      `The scan of namespaces stopped: an Identify command failed (${errno}), often because the controller is going away`,
    next: [GONE_NEXT, FAULT_NEXT],
  },
  {
    kind: "nvme_state",
    forms: [
      "nvme {controller}: Identify {command=words_text} failed (nsid={namespace=count}, status={status})",
    ],
    condition: "The controller answered the command with a status that is no success",
    role: "report",
    means: ({ command, status }) =>
      `The controller answered the command Identify ${command} with the status 0x${
        Number(status).toString(16)
      }: it is there and reads its queues, and no mapping is concerned. Many controllers do not know this command, and the driver goes on without its data`,
    next: [
      "nothing to do if the disk works; else take a newer firmware of the controller, and look the status up (`nvme list -v`, NVM Express base specification, status codes)",
    ],
  },
  {
    kind: "nvme_state",
    forms: [
      "nvme {controller}: {~failed|Failed} to mark controller {state=word_text}{? state?}",
    ],
    condition: "The state of the controller does not allow this change",
    role: "report",
    means: ({ controller, state }) =>
      `The driver could not set the state of ${controller} to ${state}: its state at the time does not allow it. By itself it is no error of the device, and no mapping is concerned`,
    causes: [{
      id: "state_changed",
      certainty: "possible",
      text:
        "the controller was removed, taken away from the driver (unbind) or reset by somebody else in the same moment",
      next: [
        "look who took the device in the same second: a script that binds it to vfio-pci or to another driver, a removal, or a reset by hand",
      ],
    }],
  },
  {
    kind: "nvme_failed",
    forms: ["nvme {controller}: IO queues {step~lost|not created}"],
    condition: "After the set-up of a probe or a reset only the admin queue works",
    role: "consequence",
    follows: ["iommu_fault", "nvme_timeout"],
    means: ({ step }) =>
      step === "lost"
        ? "The controller came back from its reset without queues for data: its namespaces are removed"
        : "The controller was set up without queues for data: it has no disks",
    causes: [{
      id: "earlier",
      certainty: "unknown",
      text:
        "the controller refused the queues (`Could not set queue count`), or interrupts or memory for them failed",
      next: ["look at the lines before it: they have the first error", FAULT_NEXT],
    }],
  },
  {
    kind: "nvme_failed",
    forms: ["nvme {controller}: Could not set queue count ({status=errno})"],
    condition: "The controller answered the request for I/O queues with a status of NVMe",
    role: "consequence",
    follows: ["nvme_timeout", "nvme_down"],
    means: ({ status }) =>
      `The controller refused queues for data (status 0x${
        Number(status).toString(16)
      }): it answers, and works in a degraded state. No mapping is concerned`,
    next: ["read the controller's own log: nvme smart-log, nvme error-log (critical warning)"],
  },
  {
    kind: "nvme_failed",
    forms: [
      "nvme {controller}: Minimum device page size {page_bytes=count} too large for host ({host_page_bytes=count})",
    ],
    condition: "CAP.MPSMIN of the controller is above the page of the driver (4096)",
    role: "report",
    means:
      "The controller cannot work with this kernel: its smallest page is larger than the driver's",
    next: ["look for a setting or a firmware of the device that takes pages of 4 KiB"],
  },
  {
    kind: "coherent_failed",
    forms: ["nvme {controller}: failed to allocate host memory buffer"],
    condition:
      "No size down to the controller's minimum was to be had. The allocation asks for no lines of its own (NO_WARN), and the probe goes on without the buffer",
    role: "report",
    finding: "coherent_failed",
    means:
      "The host memory buffer of an NVMe controller was not allocated: the controller works without it, more slowly. No other line says why",
    next: [
      "look at free and contiguous memory at that moment (/proc/buddyinfo, CmaFree in /proc/meminfo); nvme.max_host_mem_size_mb=0 goes without it for good",
    ],
  },
  {
    kind: "nvme_state",
    forms: ["nvme {controller}: failed to set host mem (err {status=errno}, flags {flags})"],
    condition:
      "Set Features for the host memory buffer failed: above 0 a status of NVMe, below 0 an errno. flags 0: it should be given back",
    role: "report",
    means: ({ flags, status }) =>
      `The controller did not ${
        Number(flags) === 0 ? "give the host memory buffer back" : "take the host memory buffer"
      } (${
        Number(status) > 0 ? `status 0x${Number(status).toString(16)} of the controller` : status
      })${Number(flags) === 0 ? ". Whether it still uses that memory is not known" : ""}`,
    next: [
      "nothing to do for a single line at boot; before a suspend look for faults of the device afterwards",
    ],
  },
  {
    kind: "state",
    forms: [
      "nvme {controller}: min host memory ({mib} MiB) above limit ({limit_mib=count} MiB)",
      "nvme {controller}: unable to set dbbuf",
      "nvme {controller}: failed to register the CMB",
    ],
    condition:
      "At set-up: a host memory buffer above nvme.max_host_mem_size_mb, shadow doorbells that the controller refused, or a controller memory buffer that could not be registered for peer-to-peer DMA",
    role: "state",
    means:
      "The driver goes on without an extra of the controller (host memory buffer, shadow doorbells or controller memory buffer); no map failed",
  },
  {
    kind: "nvme_state",
    forms: [
      "could not locate request for tag {value}",
      "request {value} genctr mismatch (got {value2=value} expected {value3=value})",
    ],
    condition:
      "A completion has an id that belongs to no request, or the generation of an older request of the same tag",
    role: "report",
    means:
      "The driver ignored a completion: it answers no request, or an older one of its tag. The controller completed twice or after the host gave up, or the completion in memory was wrong",
    next: [
      "look for a timeout or a reset before it: a request that was given up may complete later; without one, check the memory of the queues (coherent allocations, IOMMU faults)",
    ],
  },
  {
    kind: "nvme_state",
    forms: [
      "nvme {controller}: missing or invalid SUBNQN field",
      "nvme {controller}: Get FW SLOT INFO log error",
      "{disk}: ignoring unaligned IO boundary:{count}",
      "AWUPF ignored, only NAWUPF accepted",
      "FDP invalid config descriptor at index {index=count}",
      "invalid LBA data size {count}, skipping namespace",
    ],
    role: "report",
    means:
      "The NVMe driver did not accept something that the controller reports; no mapping is concerned",
    next: [
      "nothing to do for a problem of DMA: it is an answer of the controller; a firmware update may change it",
    ],
  },
  {
    kind: "state",
    forms: [
      'nvme {controller}: Try "nvme_core.default_ps_max_latency_us=0{...}',
      "nvme {controller}: Does your device have a faulty power saving mode enabled?",
    ],
    condition:
      "After `controller is down` with CSTS of all ones: it is advice, nothing about power saving was measured",
    role: "state",
    means: "What the NVMe driver proposes",
  },
  ...stateRows([
    [
      "The queues that the driver set up at the controller: the disk can be used from here on",
      "nvme {controller}: {count}/{max}/{order} default/read/poll queues",
    ],
    [
      "The controller was reset and its driver starts it again; a failure after it has a line of its own",
      "nvme {controller}: controller reset completed after pcie flr",
      "nvme {controller}: restart after slot reset",
    ],
    ["The name of a controller and its PCI function", "nvme {controller}: pci function {device}"],
    [
      "A command of a program has a buffer for metadata that nobody checks",
      "nvme {controller}: using unchecked data buffer",
    ],
    [
      "A disk of NVMe has no identifier of its own, or one that the driver does not trust",
      "{disk}: No UUID available providing old NGUID",
      "nvme {controller}: Ignoring bogus Namespace Identifiers",
    ],
    [
      "The driver allocated memory of the host for the controller, which uses it for its own tables if it takes it",
      "nvme {controller}: allocated {mib} MiB host memory buffer",
    ],
    ["A line of the processor in Apple's controller", "nvme-apple {device}: RTKit: {...}"],
  ]),
];

const isStatus = (...words: readonly string[]) => ({ status }: LogEntryFacts) =>
  words.some((word) => String(status).endsWith(word));

/** What can end a request with each block status. A failed map ends as few of them. */
const BLOCK_CAUSES: readonly Cause[] = inOrder([
  {
    id: "not_supported",
    when: isStatus("operation not supported"),
    certainty: "likely",
    text:
      "the device or its driver does not support the operation, or a field of it (a discard, a write of zeroes, a flush). A failed map does not give this status",
    next: [
      "look at the operation in the line, and at what the disk offers: discard_max_bytes and write_zeroes_max_bytes in /sys/block/DISK/queue",
    ],
  },
  {
    id: "answered",
    when: isStatus(
      "critical medium",
      "critical space allocation",
      "critical nexus",
      "reservation conflict",
      "protection",
    ),
    certainty: "likely",
    text:
      "the device answered with this error: its medium, its space, a reservation, or a check of the data's protection. A failed map does not give this status",
    next: [
      "read the driver's line of the same sector, and the disk's own log (smartctl -a, nvme error-log)",
    ],
  },
  {
    id: "transport",
    when: isStatus("timeout", "recoverable transport", "zone active resource"),
    certainty: "possible",
    text:
      "a state of the driver, of the transport or of the device. A failed map does not give this status",
    next: [
      "look above it: a timeout or a reset cancels requests, and a DMA access that an IOMMU refused can be behind a timeout",
    ],
  },
  {
    id: "target",
    when: isStatus("critical target"),
    certainty: "possible",
    text:
      "the device answered with this error; for NVMe also peer memory that the controller cannot reach (peer-to-peer DMA)",
    next: [
      "read the driver's line of the same sector: a status of the controller is the device's answer",
    ],
  },
  {
    id: "any",
    certainty: "unknown",
    text: ({ disk }) =>
      `drivers use this status for several failures: an error that the device answered, a timeout or a reset that cancelled the request, or a failed map${
        /^nvme/.test(String(disk))
          ? ". NVMe tries again after a failed map of data, without a line"
          : ""
      }`,
    next: [
      "look above it for the driver's line of the same request or disk: an error of the device, a timeout or a reset; a full bounce pool or an address out of reach makes a map fail",
    ],
  },
]);

const BLOCK: MessageRow[] = [
  {
    kind: "block_error",
    forms: [
      "{~EXT4-fs|EXT3-fs|EXT2-fs|F2FS-fs} {~error|warning|(error)} (device {disk}){...}",
      "{~EXT4-fs|F2FS-fs} ({disk}): {~error|I/O error|Remounting filesystem read-only|failed|unable}{...}",
      "BTRFS {~error|critical|warning} (device {disk}{...}): {...}",
      "XFS ({disk}): {~metadata I/O error|log I/O error|Filesystem has been shut down|Corruption|xfs_}{...}",
      "Buffer I/O error on dev{~ice|} {disk}, logical block {lba}{...}",
      "Aborting journal on device {disk}{...}",
      "JBD2: {~Error|I/O error}{...}",
    ],
    derive: ({ disk, lba }) => ({ disk: disk ?? null, lba: lba ?? null, status: "file_system" }),
    role: "consequence",
    follows: ["block_error", "nvme_error", "nvme_timeout", "nvme_down", "nvme_failed"],
    means: ({ disk }) =>
      `A file system, or what reads a disk directly, reports an error of ${
        disk ?? "its disk"
      }: an error of the disk or its driver before it would be the cause. No mapping is named`,
    next: [
      "look at the first error of the disk before it: a timeout, a reset, or a status of the device",
    ],
  },
  {
    kind: "block_error",
    forms: ["blk-mq: failed to allocate request map"],
    always: { status: "no_memory" },
    condition: "No memory for the requests of a queue, even at its smallest depth",
    role: "report",
    means:
      "A disk was not set up: the kernel had no memory for its requests. It is ordinary memory, and none for DMA",
    next: [
      "look for `page allocation failure` before it, and at the memory of the machine at that moment",
    ],
  },
  {
    kind: "state",
    forms: ["blk-mq: reduced tag depth ({depth_before=count} -> {depth=count})"],
    condition: "Memory for the requests of a queue was short, and half of the depth was to be had",
    role: "state",
    means: "A queue was set up with fewer requests than asked for: memory was short. No error",
  },
  {
    kind: "block_error",
    forms: [
      "{status_words~blk_update_request: I/O|blk_update_request: critical target|blk_update_request: critical medium|blk_update_request: critical nexus|blk_update_request: critical space allocation|blk_update_request: operation not supported|blk_update_request: timeout|blk_update_request: recoverable transport|blk_update_request: protection|print_req_error: I/O|I/O|critical target|critical medium|critical nexus|critical space allocation|reservation conflict|operation not supported|timeout|recoverable transport|protection|end_request: I/O|device resource|kernel resource|invalid|zone active resource|open zones exceeded|active zones exceeded|device offline|duration limit exceeded} error, dev {disk}, sector {sector}{? op {op}:{...})?}{? flags {flags}?}{? phys_seg {segments}?}",
      // A reporter shortens the number.
      "{status_words~blk_update_request: I/O|print_req_error: I/O|end_request: I/O|I/O} error, dev {disk}, sector {~...|…|X|<}{...}",
    ],
    derive: ({ disk, sector = null, op = null, flags = null, segments = null, status_words }) => ({
      disk: disk!,
      sector: sector!,
      op: op!,
      flags: flags!,
      segments: segments!,
      status: String(status_words).replace(/^.*: /, ""),
    }),
    condition: "A driver ended a request with a status that is not good",
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
    causes: BLOCK_CAUSES,
  },
  {
    kind: "block_error",
    forms: [
      "{function}: over max size limit. ({count} > {max})",
      "{function}: over max segments limit. ({count} > {max})",
      "{function}: over max integrity segments limit. ({count} > {max})",
    ],
    always: { status: "over_limit" },
    condition: "A stacked driver put a cloned request on a queue with tighter limits",
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
      "{task}: attempt to access beyond end of device",
      "{disk}: rw={rw=code}, {~sector=|want=}{sector}, {?nr_sectors = {blocks} ?}limit={limit}",
    ],
    more: [{
      form:
        "{disk}: rw={rw=code}, {~sector=|want=}{sector}, {?nr_sectors = {blocks} ?}limit={limit}",
    }],
    always: { status: "beyond_end" },
    condition: "A bio ends behind its disk or partition",
    role: "report",
    means: ({ limit }) =>
      "A request lies beyond the end of its disk; no mapping is concerned" +
      (limit === 0
        ? ". The disk has no size (limit=0): the device has gone, or has lost its namespace"
        : ""),
    next: [
      "compare the size of the disk or partition with what uses it: a file system made for a larger disk, or a disk that shrank",
    ],
  },
  {
    kind: "block_error",
    forms: [
      "invalid PI settings.",
      "pi_offset ({count}) + pi_tuple_size ({size_bytes}) exceeds metadata_size ({max})",
      "invalid interval_exp {interval_exp=count}",
      "Invalid {~logical|physical} block size ({size_bytes})",
    ],
    always: { status: "settings" },
    role: "report",
    means: "A driver gave the block layer limits that it refused",
    next: ["look at the driver that makes the disk: the limits that it sets"],
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
