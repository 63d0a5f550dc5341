/** Messages of Arm SMMUs, beside their decoded events. @see rules/traces.md T.50, T.51, T.70, T.72 */
import type { MessageArea, MessageRow } from "./message.ts";
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
): MessageRow => ({
  kind: "invalidation_error",
  forms,
  always: { format, error },
  role: "report",
  finding: "invalidation_error",
  means,
  causes: [
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
  ],
});

const V3: MessageRow[] = [
  invalidation(
    "arm",
    "cmd_sync_timeout",
    [`${SMMU3}CMD_SYNC timeout{? at {value}{? [hwprod {prod}, hwcons {cons}]?}?}`],
    "The SMMU did not complete a CMD_SYNC in time; no mapping of a driver is the cause",
  ),
  invalidation(
    "arm",
    "cmdq_timeout",
    [`${SMMU3}CMDQ timeout`],
    "The SMMU's command queue stayed full; no mapping of a driver is the cause",
  ),
  invalidation(
    "arm",
    "cmdq_error",
    [
      `${SMMU3}CMDQ error (cons {cons}): {reason}`,
      `${SMMU3}{~retrying command fetch|skipping command in error state}`,
    ],
    "The SMMU refused a command of its queue",
  ),
  {
    kind: "iommu_error",
    forms: [`${SMMU3}device has entered Service Failure Mode`],
    always: { format: "arm", error: "service_failure_mode" },
    role: "report",
    finding: "iommu_error",
    means: "The SMMU has stopped translating: only a reset of the machine helps",
  },
  {
    kind: "iommu_error",
    forms: [
      `${SMMU3}unexpected global error reported ({value}), this could be serious`,
      `${SMMU3}unexpected global error reported ({value})`,
    ],
    always: { format: "arm", error: "global_error" },
    role: "report",
    finding: "iommu_error",
    means:
      "The SMMU reports an error in its GERROR register: a queue is stuck or a write of it was aborted",
  },
  {
    kind: "iommu_error",
    forms: [`${SMMU3}{queue~EVTQ|PRIQ} overflow detected`],
    always: { format: "arm", error: "queue_overflow" },
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
    role: "report",
    finding: "iommu_error",
    means: "The SMMU could not write to its own queue or interrupt: records may be lost",
  },
  {
    kind: "iommu_setup",
    forms: [
      `${SMMU3}failed to {~enable event queue|reset impl}`,
      `${SMMU3}failed to set DMA mask for table walker`,
      `${SMMU3}unknown output address size. Truncating to 48-bit`,
      `${SMMU3}unknown/unsupported TT endianness!`,
      "Failed to enable PASID",
      "SVA devices ignore permission overlays and GCS",
      "invalid #iommu-cells value ({count})",
      "SMMU address space size ({size}) differs from mapped region size ({size2=size})",
    ],
    role: "report",
    means: "The SMMU was not set up as the firmware describes it",
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
    role: "fault",
    means:
      "A transaction matched no stream or a wrong configuration: the next line has the registers",
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
    role: "report",
    finding: "iommu_error",
    means: "A translation unit of the SMMU did not answer its driver",
  },
  {
    kind: "iommu_detail",
    forms: [
      "ATOS generated a fault interrupt! PAR = {value}, SID={stream}",
      "ATOS results differed across TLBIALL... (before: {address} after: {phys})",
      "soft iova-to-phys={phys}",
      "hard iova-to-phys (ATOS)={phys}",
      "hard iova-to-phys (ATOS) failed",
      `${SMMU2}translation fault!`,
    ],
    role: "state",
    means:
      "A line below a fault of a Qualcomm SMMU: what its page table has for the address. A difference between the two walks is a stale TLB entry",
  },
  {
    kind: "iommu_detail",
    forms: ["SOFTWARE TABLE WALK FAILED! Looks like {text} accessed an unmapped address"],
    role: "state",
    means: "Below a fault: the page table has nothing for the address",
  },
  {
    kind: "iommu_detail",
    forms: [
      "FSR = {fsr} [{errors=bracket_text}], SID={stream}",
      "FSR    = {fsr} [{errors}",
      "FSYNR0 = {fsynr} [{errors=bracket_text}]",
    ],
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
    role: "fault",
    means: "A record of an SMMU",
  },
  {
    kind: "state",
    forms: [
      `${SMMU2}{~stage 1 translation|stage 2 translation|nested translation|address translation ops|disabling translation}`,
      `${SMMU2}preserved {count} boot mapping`,
      `${SMMU2}SMMUv{count} with:`,
      `${SMMU2}{count} context banks (`,
      `${SMMU2}{...}coherent table walk`,
    ],
    role: "state",
    means: "What the SMMU can do, or has from the firmware",
  },
];

export const SMMU_V3: MessageArea = {
  name: "Arm SMMUv3",
  page: "SMMUv3 specification 7; rules/traces.md T.50",
  words: ["arm-smmu-v3"],
  rows: V3,
};

export const SMMU_V2: MessageArea = {
  name: "Arm SMMUv2",
  page: "SMMUv2 specification 3.12; rules/traces.md T.51",
  words: ["arm-smmu ", "TBU", "ATOS"],
  rows: V2,
};
