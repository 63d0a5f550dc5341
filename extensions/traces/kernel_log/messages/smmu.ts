/** Messages of Arm SMMUs, beside their decoded events. @see rules/traces.md T.50, T.51, T.70, T.72 */
import { smmuEvent, smmuReason } from "@dmalab/runtime/fault_log";
import { RECORD } from "../fault_steps.ts";
import type { LogEntryFacts } from "../log_facts.ts";
import { inOrder, type MessageArea, type MessageRow } from "./message.ts";
import { DEVICE_SILENT, LATER_FAULTS } from "./steps.ts";

const SMMU3 = "arm-smmu-v3 {iommu}: ";
const SMMU2 = "arm-smmu {iommu}: ";

const QUEUE_STANDS =
  "read the queue's registers in the line: equal hwprod and hwcons mean that the SMMU works and the interrupt or the memory write is lost; different ones that it stands, often at an ATC invalidation of a device that does not answer";

const invalidation = (
  format: string,
  error: string,
  forms: readonly string[],
  means: string,
  condition: string,
): MessageRow => ({
  kind: "invalidation_error",
  forms,
  always: { format, error },
  condition,
  role: "report",
  finding: "invalidation_error",
  means,
  causes: inOrder([
    {
      id: "atc",
      when: ({ reason }) => /ATC/.test(String(reason)),
      certainty: "likely",
      text: "a device with ATS did not answer an invalidation of its cache",
      next: [DEVICE_SILENT],
    },
    {
      id: "command",
      when: ({ reason }) => /illegal/i.test(String(reason)),
      certainty: "likely",
      text:
        "the SMMU does not know the command, or a field of it is wrong: a bug of the kernel's driver, or a feature that the hardware announces and does not have",
      next: [
        "look for an erratum of the SMMU and for a newer kernel; the drivers of its devices are not concerned",
      ],
    },
    {
      id: "fetch",
      when: ({ reason }) => /abort/i.test(String(reason)),
      certainty: "likely",
      text: "the SMMU could not read its command queue in memory",
      next: [
        "look whether the queue's memory is in the SMMU's reach: its DMA mask, and what the firmware or a hypervisor keeps from it",
      ],
    },
    {
      id: "caught_up",
      when: ({ cons, prod }) => typeof prod === "number" && prod === cons,
      certainty: "likely",
      text:
        "the SMMU consumed all commands (hwprod equals hwcons): the completion did not reach the CPU, such as a lost MSI write, or memory that is not coherent with the SMMU",
      next: [QUEUE_STANDS],
    },
    {
      id: "stands",
      certainty: "possible",
      text:
        "the SMMU stands: a device does not answer, a clock or power domain of the SMMU is off, or a command is wrong",
      next: [DEVICE_SILENT, QUEUE_STANDS],
    },
  ]),
});

const V3: MessageRow[] = [
  invalidation(
    "arm",
    "cmd_sync_timeout",
    [`${SMMU3}CMD_SYNC timeout{? at {value}{? [hwprod {prod}, hwcons {cons}]?}?}`],
    "The SMMU did not complete a CMD_SYNC in time; no mapping of a driver is the cause",
    "The sync was not complete after 1 s (limited in rate); the caller goes on",
  ),
  invalidation(
    "arm",
    "cmdq_timeout",
    [`${SMMU3}CMDQ timeout`],
    "The SMMU's command queue stayed full; no mapping of a driver is the cause",
    "The queue had no room for 1 s; the caller tries again",
  ),
  invalidation(
    "arm",
    "cmdq_error",
    [
      `${SMMU3}CMDQ error (cons {cons}): {reason}`,
      `${SMMU3}{~retrying command fetch|skipping command in error state}`,
    ],
    "The SMMU stopped at a command of its queue",
    "The bit of the command queue in the global error register, with the reason that the queue gives",
  ),
  {
    kind: "iommu_error",
    forms: [`${SMMU3}device has entered Service Failure Mode`],
    always: { format: "arm", error: "service_failure_mode" },
    condition:
      "The bit of the service failure mode in the global error register; the kernel switches the SMMU off",
    role: "report",
    finding: "iommu_error",
    means: "The SMMU has stopped translating, and the kernel switched it off: it is out of service",
    next: [
      "reset the machine; look at the errors of the SMMU and of the memory before this line",
    ],
  },
  {
    kind: "iommu_error",
    forms: [
      `${SMMU3}unexpected global error reported ({value}), this could be serious`,
      `${SMMU3}unexpected global error reported ({value})`,
    ],
    always: { format: "arm", error: "global_error" },
    condition: "An error bit in the global error register that the kernel has not acknowledged",
    role: "report",
    finding: "iommu_error",
    means:
      "The SMMU reports an error in its GERROR register: a line below names each bit that the kernel knows",
    next: ["look at the lines below it: each known bit of the register has one"],
  },
  {
    kind: "iommu_error",
    forms: [`${SMMU3}{queue~EVTQ|PRIQ} overflow detected`],
    always: { format: "arm", error: "queue_overflow" },
    condition: "The producer passed the end of the queue",
    role: "consequence",
    follows: ["iommu_fault", "suppressed"],
    means:
      "Records were lost: the queue of events was full, and faults happened that no line shows. It is no error of the SMMU",
    next: [LATER_FAULTS],
  },
  {
    kind: "iommu_error",
    forms: [`${SMMU3}{queue~EVTQ|PRIQ|CMDQ|GERROR} {~MSI write aborted|write aborted}`],
    always: { format: "arm", error: "write_aborted" },
    condition: "The SMMU's write of its queue, or of an interrupt, failed",
    role: "report",
    finding: "iommu_error",
    means: "The SMMU could not write to its own queue or interrupt: records may be lost",
    next: [
      "look whether the queue's memory, or the MSI address, is in the SMMU's reach: a doorbell that the firmware or a hypervisor does not map",
    ],
  },
  {
    kind: "iommu_setup",
    forms: [`${SMMU3}unknown/unsupported TT endianness!`],
    role: "report",
    means:
      "The SMMU says that it reads page tables in another byte order than this kernel writes them, or in one that the driver does not know: the SMMU is not used, and its devices are not translated",
    next: [
      "compare TTENDIAN in SMMU_IDR0 (bits 22:21) with the kernel: little-endian kernels need mixed (0) or little-endian (2). Of a model or an emulator, correct the value that it gives",
    ],
  },
  {
    kind: "iommu_setup",
    forms: [`${SMMU3}failed to set DMA mask for table walker`],
    condition: "At the probe, the SMMU's own mask of its output width was refused",
    role: "report",
    means: "Page tables of the SMMU may lie where its walker does not reach them",
    next: [
      "compare dma-ranges above the SMMU's node with where memory is; a later `Cannot accommodate DMA translation` says that a table did not fit",
    ],
  },
  {
    kind: "iommu_setup",
    forms: [`${SMMU3}unknown output address size. Truncating to 48-bit`],
    role: "report",
    means: "The SMMU gives an output width that the driver does not know, and is used with 48 bits",
    next: ["compare OAS in SMMU_IDR5 with the specification; memory above 48 bits is not mapped"],
  },
  {
    kind: "iommu_setup",
    forms: [
      `${SMMU3}stream {stream=stream_number} already in tree from dev {device}`,
      `${SMMU3}stream {stream} already in tree from dev {device}`,
    ],
    condition: "Two devices have one stream ID: the probe of the second fails",
    role: "report",
    means: ({ device, stream }) =>
      `A second device has the stream ID ${stream} of ${device}: it is not translated, and its driver is not bound`,
    next: [
      "compare `iommus` and `iommu-map` in the device tree (IORT with ACPI): an ID that is given twice, or a bridge whose devices share one",
    ],
  },
  {
    kind: "iommu_setup",
    forms: [
      `${SMMU3}failed to {~enable event queue|reset impl}`,
      "Failed to enable PASID",
      "SVA devices ignore permission overlays and GCS",
      "invalid #iommu-cells value ({count})",
      "SMMU address space size ({size}) differs from mapped region size ({size2=size})",
    ],
    role: "report",
    means:
      "A step of the SMMU's set-up failed, or was done with less than was asked for: the line names it",
    next: [
      "compare the line with the firmware's description of the SMMU (device tree, IORT), and look for the error that the probe returned",
    ],
  },
];

const V2: MessageRow[] = [
  {
    ...invalidation(
      "arm_v2",
      "tlb_sync_timeout",
      [
        `${SMMU2}TLB sync timed out -- SMMU may be deadlocked`,
        `${SMMU2}TLB sync timed out`,
        "{driver} {iommu}: timeout waiting for TLB SYNC",
      ],
      "An SMMU did not complete an invalidation of its TLB; no mapping of a driver is the cause",
      "The sync did not end in about 1 s (limited in rate); the caller goes on as if it had",
    ),
  },
  {
    kind: "iommu_error",
    forms: [`${SMMU2}Unexpected global fault, this could be serious`],
    always: { format: "arm_v2", error: "global_fault" },
    derive: (facts) => ({ ...facts }),
    more: [{
      form: "GFSR {gfsr}, GFSYNR0 {gfsynr0}, GFSYNR1 {gfsynr1}, GFSYNR2 {gfsynr2}",
      // The stream id is in bits 15 to 0 of GFSYNR1. SMMUv2 specification 3.12.
      add: (found, facts) => ({ ...facts, ...found, stream: Number(found.gfsynr1) % 65536 }),
    }],
    condition:
      "A global fault that is not the fault of an unknown stream which the kernel was built to block (at most 10 in 5 s)",
    role: "fault",
    means: ({ gfsr, stream }) =>
      (Number(gfsr) & 2) !== 0
        ? `A transaction of stream ${stream} matched no stream of the SMMU (GFSR bit 1): no device of the kernel claims this stream`
        : "A fault that belongs to no context bank of the SMMU: the next line has the registers",
    next: [
      "compare the stream (bits 15 to 0 of GFSYNR1) with `iommus` in the device tree: a stream that no device claims is an entry that is missing, or a device that the firmware left running",
    ],
  },
  {
    kind: "iommu_setup",
    forms: [
      "arm-smmu{...}: stream ID {stream} out of range for SMMU ({value})",
      "arm-smmu{...}: SMR mask {value} out of range for SMMU{?{...}?}",
    ],
    condition: "A stream ID or a mask of the firmware has more bits than the SMMU takes",
    role: "report",
    means: "A device gets no IOMMU: its stream ID, or the mask of it, is too wide for the SMMU",
    next: [
      "compare `iommus` of the device in the device tree (IORT with ACPI) with the SMMU's width",
    ],
  },
  {
    kind: "iommu_error",
    forms: [
      "Failed to read TBU sync/inv ack status: {errno}",
      "TBU: power_status {value} sync_inv_ack {value2=value} sync_inv_progress {value3=value}",
      "Timeout while trying to halt TBU",
      "ATOS translation timed out",
      "iova to phys timed out on {address}. Falling back to software table walk",
    ],
    always: { format: "arm_v2", error: "not_answering" },
    condition: "The kernel asked the SMMU to translate an address and had no answer in time",
    role: "report",
    finding: "iommu_error",
    means: "A translation unit of the SMMU did not answer its driver",
    next: [
      "look at the clocks and power domains of the SMMU and of its masters in the same seconds",
    ],
  },
  {
    kind: "iommu_detail",
    forms: [
      "ATOS generated a fault interrupt! PAR = {value}, SID={stream}",
      "ATOS results differed across TLBIALL... (before: {address} after: {phys})",
      "soft iova-to-phys={phys}",
      "hard iova-to-phys (ATOS)={phys}",
      "hard iova-to-phys (ATOS) failed",
    ],
    condition: "After a context fault, on SMMUs with this debug block (limited in rate)",
    role: "state",
    means:
      "A line below a fault of a Qualcomm SMMU: what its page table has for the address when the line is printed. Two addresses that differ before and after the invalidation (ATOS results differed) are a stale TLB entry",
  },
  {
    kind: "iommu_detail",
    forms: [`${SMMU2}translation fault!`, `${SMMU2}PAR = {value}`],
    condition: "The kernel asked the SMMU to translate an address, and the answer was a fault",
    role: "state",
    means:
      "The kernel looked an address up in the SMMU, and nothing is mapped there. No access of a device is concerned: an unmap or a lookup asked",
  },
  {
    kind: "iommu_detail",
    forms: ["SOFTWARE TABLE WALK FAILED! Looks like {text} accessed an unmapped address"],
    condition: "After a context fault: the page table has no entry for the address at this moment",
    role: "state",
    means:
      "Below a fault: the page table had nothing for the address when this line was printed. The name is the SMMU's, not the master's",
  },
  {
    kind: "iommu_detail",
    forms: [
      "FSR = {fsr} [{errors=bracket_text}], SID={stream}",
      "FSR    = {fsr} [{errors}",
      "FSYNR0 = {fsynr} [{errors=bracket_text}]",
    ],
    condition: "With each context fault that no handler took",
    role: "state",
    means: "A register of a context fault, by its bits",
  },
  {
    kind: "iommu_fault",
    isDecoded: true,
    forms: [
      "arm-smmu-v3 {iommu}: event {code} received:",
      "arm-smmu-v3 {iommu}: event: {text} client: {client} sid: {stream} ssid: {ssid}{...}",
      "arm-smmu {iommu}: Unhandled context fault: fsr={fsr}, iova={address}, fsynr={fsynr}{...}",
      "arm-smmu {iommu}: Blocked unknown Stream ID {stream}",
      "sid {stream}.{ssid}: [{...}] {...} access at iova {address}",
    ],
    condition:
      "An event or a context fault that no handler took; one limit of rate for all SMMUs, 10 in 5 s",
    role: "fault",
    means: "A record of an SMMU",
  },
  {
    kind: "state",
    forms: [
      `${SMMU2}{~stage 1 translation|stage 2 translation|nested translation|address translation ops|disabling translation}`,
      `${SMMU2}preserved {count} boot mapping`,
      `${SMMU2}SMMUv{count} with:`,
      `${SMMU2}probing hardware configuration`,
      `${SMMU2}{count} context banks (`,
      `${SMMU2}{...}coherent table walk`,
    ],
    condition: "At the probe of the SMMU",
    role: "state",
    means: "What the SMMU can do, or has from the firmware",
  },
];

const V3_STATES: readonly MessageRow[] = [{
  kind: "state",
  forms: ["{driver} {device}: {~failed|Failed} to enable ATS (STU {stu=count})"],
  condition: "The PCI core refused to switch ATS on",
  role: "state",
  means: "The device works without ATS: each of its accesses is translated by the SMMU itself",
}, {
  kind: "state",
  forms: ["arm-smmu-v3 {iommu}: SMMU currently enabled! Resetting..."],
  condition: "At the probe, firmware or an earlier kernel had left the SMMU on",
  role: "state",
  means:
    "The SMMU was on, and is reset: traffic of devices that no driver has taken yet is refused from here on. After a crash kernel's start, devices that were active may fault or hang",
}, {
  kind: "state",
  forms: ["arm-smmu-v3 {iommu}: no {queue_name~evtq|gerr|priq} irq - "],
  condition: "The firmware describes no such interrupt",
  role: "state",
  means: ({ queue_name }) =>
    `No interrupt for ${
      queue_name === "gerr" ? "errors of the SMMU" : "the SMMU's events"
    }: on this machine the absence of such lines proves nothing`,
}, {
  kind: "state",
  forms: [
    "arm-smmu-v3 {iommu}: option mask {value}",
    "arm-smmu-v3 {iommu}: ias {width}-bit, oas {bits=count}-bit (features {value})",
    "arm-smmu-v3 {iommu}: allocated {count} entries for {queue}",
    "arm-smmu-v3 {iommu}: {~2-level|linear} {~strtab|stream table}{...}",
    "arm-smmu-v3 {iommu}: {~msi_domain absent|IDR0.COHACC overridden|no translation support|probing hardware configuration|Firmware|setting ATS}{...}",
  ],
  condition: "At the probe of the SMMU",
  role: "state",
  means: "What the SMMU can do, and the sizes of its queues",
}];

export const SMMU_V3: MessageArea = {
  name: "Arm SMMUv3",
  page: "SMMUv3 specification 7; rules/traces.md T.50",
  words: ["arm-smmu-v3"],
  rows: [...V3, ...V3_STATES],
};

export const SMMU_V2: MessageArea = {
  name: "Arm SMMUv2",
  page: "SMMUv2 specification 3.12; rules/traces.md T.51",
  words: ["arm-smmu ", "TBU", "ATOS"],
  rows: V2,
};

/** The head of a record without its words. */
const HEAD = /\barm-smmu-v3 (\S+): event 0x([0-9a-f]{2}) received:\s*$/i;

/** The facts of the head of an event whose words are missing; null for another text. */
export function smmuHeadIn(text: string): LogEntryFacts | null {
  const [, iommu, code] = HEAD.exec(text) ?? [];
  if (iommu === undefined) return null;
  const number = Number.parseInt(code!, 16);
  const event = smmuEvent(number);
  return { format: "arm", iommu, code: number, event: event?.name ?? null };
}

/** An event of an SMMUv3 of which the log has the first line alone. */
export const SMMU_HEAD: MessageRow = {
  kind: "other_iommu_fault",
  forms: [],
  role: "fault",
  means: ({ code, event }) => {
    const known = smmuEvent(Number(code));
    const what = known === null ? "" : `. ${smmuReason(known, null, false).means}`;
    return `The SMMU reports the event ${
      event ?? "without a name"
    }${what}. The four words below it, with the stream and the address, are missing`;
  },
  next: [
    "give the lines below it (`event 0x… received:` and four words in hex): they have the stream, that is the device, and the address; newer kernels print them in words",
    RECORD,
  ],
};
