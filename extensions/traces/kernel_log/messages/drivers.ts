/**
 * Messages of drivers about the DMA engine or the MMU of their own device. They are no messages of
 * the DMA API or of an IOMMU, and say nothing about a mapping.
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { DEVICE_LINES } from "./device_lines.ts";
import { LOCKUPS, OOPSES } from "./oops.ts";
import { DRIVER_LINES } from "./driver_lines.ts";
import {
  ENGINE_LINES,
  ENGINE_WORD_LINES,
  SDHCI_DUMP,
  XHCI_BOUNCE,
  XHCI_LINES,
} from "./engine_lines.ts";
import { type MessageArea, named } from "./message.ts";

const OWN_MMU_NEXT = [
  "look for the fault in the driver of the GPU and in the program that it names: a buffer that was freed or never bound in the GPU's address space. The platform's IOMMU reports its faults in separate lines (DMAR, AMD-Vi, arm-smmu)",
];
/** Messages of drivers. Each has a rare word, so that few other lines are compared with it. */
const ENGINE_TEXTS = [
  "DMA bus error: HRESP not OK",
  "DMA engine initialization failed",
  "Failed to reset the dma",
  "DMA transfer {~error|failed|timed out|timeout}",
] as const;
const ENGINE_WORDS =
  /DMA bus error|DMA engine initialization failed|Failed to reset the dma|DMA transfer [a-z]+(?: out)?|ADMA err(?:or)?/i;
const BUS_WORDS = /bus|HRESP|abort/i;
const isOfBus = ({ what }: LogEntryFacts) => BUS_WORDS.test(String(what));
const isOfTransfer = ({ what }: LogEntryFacts) => /transfer/i.test(String(what));
const isOfAdma = ({ what }: LogEntryFacts) => /ADMA/i.test(String(what));

export const DRIVERS: MessageArea = {
  name: "a driver's DMA engine",
  page: "rules/traces.md T.59",
  words: ["ADMA", "DMA engine", "dmaengine"],
  rows: [
    SDHCI_DUMP,
    {
      kind: "driver_dma_error",
      forms: [
        ...ENGINE_TEXTS.map((text) =>
          `{driver} {device}{? {interface_name}?}: {?{function}: ?}${text}{?: {details}?}`
        ),
        "{device}: {?sdhci: ?}ADMA {~error|Err}{?: {details}?}",
      ],
      derive: (facts, line) => ({ ...facts, what: ENGINE_WORDS.exec(line)?.[0] ?? null }),
      role: "report",
      finding: "hardware_error",
      means: (facts) =>
        `The driver of ${named(facts, "device")} reports an error of ${
          isOfTransfer(facts) ? "a transfer by DMA" : "its device's own DMA engine"
        } (${facts.what}). It is no message of the DMA API or of an IOMMU`,
      causes: [
        {
          id: "transfer",
          when: isOfTransfer,
          certainty: "possible",
          finding: null,
          text:
            "the engine did not start or finish: the device gives no request or no data, a clock or power domain is off, the completion interrupt did not come, or an access was refused or never answered",
          next: [
            "look whether the interrupts of the device and of its DMA engine grow (/proc/interrupts), at clock and power of both, and for a fault of an IOMMU in the same seconds",
          ],
        },
        {
          id: "adma",
          when: isOfAdma,
          certainty: "possible",
          text:
            "the engine of the card controller (ADMA) stopped: it could not read a descriptor, a descriptor is not valid or its length does not fit the command, or an access to the data was refused",
          next: [
            "look at `ADMA Err` and `ADMA Ptr` in the registers below it (the state, and a length that does not fit), and for a fault of an IOMMU in the same seconds; as a trial a quirk without ADMA (sdhci.debug_quirks=0x40), and a slower mode of the card",
          ],
        },
        {
          id: "bus",
          when: isOfBus,
          certainty: "possible",
          text:
            "an access of the engine was refused on its bus: an address that no memory has or that is protected (a descriptor or a buffer that was given as another address, cut, or freed), a clock or power domain that is off, or a hypervisor or firewall that refuses it",
          next: [
            "compare the addresses in the engine's descriptors with the DMA addresses of the maps (`dmalab trace check` with the dma events), and with the memory that the device may reach (dma-ranges, reserved-memory)",
          ],
        },
        {
          id: "engine",
          when: (facts) => !isOfTransfer(facts) && !isOfAdma(facts),
          certainty: "possible",
          text:
            "the engine did not start, stopped or ran out of time: a clock, reset or power domain that is off, a descriptor that it cannot read, or an access that was refused",
          next: [
            "look at the clocks, resets and the PHY of the device, and for a fault of an IOMMU in the same seconds; then compare the engine's descriptors with the maps (`dmalab trace check` with the dma events)",
          ],
        },
      ],
    },
    {
      kind: "gpu_fault",
      forms: [
        "{driver} {device}: {...}[{hub=word_text}] {?{~retry|no-retry|mmhub} ?}page fault ({details=paren_text})",
        "{driver} {device}: {...}[{hub=word_text}] {?{~retry|no-retry|mmhub} ?}page fault",
        "{driver} {device}: {...}VM fault ({details=paren_text})",
        "{driver} {device}: {?[drm] ?}{~Unhandled Page fault|Unhandled page fault} in {hub=word_text} at VA {address}",
        "{device}: [{hub=word_text}] {?{~retry|no-retry|mmhub|VMC} ?}page fault ({details=paren_text})",
        "{driver~amdgpu}: [{hub=word_text}] {?{~retry|no-retry|mmhub} ?}page fault (src_id:{...}",
        "{driver~amdgpu}: [{hub=word_text}] {?{~retry|no-retry|mmhub} ?}page fault ({details=paren_text})",
        "{driver~NVRM}: Xid (PCI:{device=pci_function}): {xid~31}{...}faulted @ {address=nvidia_address}{...}",
        "{driver~NVRM}: Xid (PCI:{bus=bridge}): {xid~31}{...}faulted @ {address=nvidia_address}{...}",
        "{driver~NVRM}: Xid (PCI:{device=pci_function}): {xid~31}{...}",
        "{driver~NVRM}: Xid (PCI:{bus=bridge}): {xid~31}{...}",
        "nouveau {device}: {hub~fifo}: {?{...} ?}{access~read|write} fault at {address} {...}",
        "nouveau {device}: {hub~fifo}: fault {value} [{access~READ|WRITE|VIRT_READ|VIRT_WRITE}] at {address}{...}",
        "{driver} {device}: {hub~gr|fifo|fault}: {...}fault {value} [{...}] at {address}",
      ],
      more: [
        { form: "in page starting at address {address}" },
        { form: "at page {address} from {...}" },
        { form: "{...}PROTECTION_FAULT_STATUS:{fault_status}" },
        {
          form:
            "{~Faulty UTCL2 client ID|Faulty TCP client ID}: {client_name=gpu_client}{?, PERMISSION_FAULTS: {permission_faults}?}",
        },
        { form: "Process {task} pid {pid}" },
        { form: "{~MORE_FAULTS|WALKER_ERROR|MAPPING_ERROR}: {value}", add: (_, facts) => facts },
        { form: "PERMISSION_FAULTS: {permission_faults}" },
        {
          form: "RW: {value}",
          add: ({ value }, facts) => ({ ...facts, access: value === 0 ? "read" : "write" }),
        },
      ],
      reachLines: 14,
      role: "report",
      means: (facts) =>
        `A fault of the own MMU of ${
          facts.device === null || facts.device === undefined ? "a GPU" : `the GPU ${facts.device}`
        }: an access to its own virtual address space, not to a DMA address. It is no fault of the DMA API or of an IOMMU, and no mapping of the DMA API is concerned`,
      next: ({ details, task }) => [
        `look for the fault in the driver of the GPU and in ${
          typeof task === "string"
            ? `the program ${task}`
            : /process +\S/.test(String(details)) && !/process +pid/.test(String(details))
            ? "the program that the line names"
            : "the program that used the GPU then"
        }: a buffer that was freed or never bound in the GPU's address space. The platform's IOMMU reports its faults in separate lines`,
      ],
    },
    {
      kind: "iommu_detail",
      forms: ["*** gpu fault: {...}iova={address}{...}"],
      role: "consequence",
      follows: ["iommu_fault", "other_iommu_fault", "memory_fault"],
      means:
        "The driver of an Adreno GPU on a fault of the GPU's IOMMU: the address is one of the GPU's own space",
      next: OWN_MMU_NEXT,
    },
    XHCI_BOUNCE,
    ...XHCI_LINES,
    ...ENGINE_LINES,
    ...ENGINE_WORD_LINES,
    ...DEVICE_LINES,
    ...LOCKUPS,
    ...OOPSES,
    ...DRIVER_LINES,
  ],
};
