/** Why a line of a kernel's log was printed, and what to do about it. */
import { aboutKind, CHECKER, READ_STACKS } from "../ledger/finding_kinds.ts";
import type { KernelLogEntry } from "./entry.ts";
import type { LogEntryFacts } from "./log_facts.ts";
import {
  type Cause,
  causesOf,
  certaintyOf,
  type MessageRow,
  nextOf,
  wordsOf,
} from "./messages/message.ts";

/**
 * The recommended steps for a message, most important first. They are the steps of the message's
 * cause, else of its row in the message table, else of its kind of finding.
 */
export function stepsOf({ facts, kind }: KernelLogEntry, row: MessageRow): readonly string[] {
  const own = nextOf(row, facts);
  const steps = own.length > 0 || row.finding === undefined
    ? own
    : aboutKind(row.finding).next ?? [];
  return kind === "dma_debug" ? steps.map((step) => step === CHECKER ? READ_STACKS : step) : steps;
}

const IN_SOURCE =
  "look for the words in the source of the release (`git grep`), which says when the line is printed, and read the lines around it";

/** Steps for a line that no row decodes, by its area. */
const NAMED_STEPS: readonly (readonly [RegExp, string])[] = [
  [
    /VFIO/,
    "read the kernel's log of the same second, and look at the group of the device (/sys/kernel/iommu_groups) and at ls -l /dev/vfio",
  ],
  [/PCI Express/, "look at the registers of the port and the device: `lspci -vvv` as root"],
  [
    /NVMe/,
    "look at the controller's own record (`nvme error-log`, `nvme smart-log`), and for timeouts and resets before it",
  ],
  [
    /IOMMU|VT-d|AMD|SMMU|DART/,
    "look at the lines of the IOMMU at boot (`dmesg | grep -i -e iommu -e dmar -e smmu`) and at the firmware's version",
  ],
];

/** The steps for a line that no row of the table decodes. */
export function namedSteps({ facts }: KernelLogEntry): readonly string[] {
  const own = NAMED_STEPS.find(([area]) => area.test(String(facts.area)))?.[1];
  return own === undefined ? [IN_SOURCE] : [own, IN_SOURCE];
}

/** Formats a cause with its certainty. */
function causeText(row: MessageRow, facts: LogEntryFacts, cause: Cause): string {
  const certainty = certaintyOf(row, facts, cause);
  return `${certainty === "unknown" ? "" : `${certainty}: `}${wordsOf(cause.text, facts)}`;
}

/** The causes that the facts of a line leave, most likely first, each with its certainty. */
export function causeTexts(row: MessageRow, facts: LogEntryFacts): readonly string[] {
  return causesOf(row, facts).map((cause) => causeText(row, facts, cause));
}
