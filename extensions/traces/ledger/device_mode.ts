/**
 * Determines how a device's addresses are made. The evidence is lines of the trace, else the files
 * recorded beside the trace, else the addresses themselves. Without evidence the mode is unknown.
 *
 * @see rules/traces.md T.60
 */
import type { Device } from "./traced_mapping.ts";

export type Mode = "translated" | "direct" | "bounced" | "unknown";

/** The mode if no evidence decides between translated and bounced addresses. */
export const UNDECIDED = "unknown: translated or bounced";

/** A bounce pool of the default size is below this address. */
const POOL_LIMIT_BYTES = 2 ** 32;

interface Evidence {
  readonly mode: Mode;
  readonly text: string;
  readonly holds: (device: Device) => boolean;
}

/**
 * Evidence, the strongest first. It is used only if some of the device's DMA addresses are not
 * physical addresses.
 */
const EVIDENCE: readonly Evidence[] = [
  {
    mode: "bounced",
    text: "iommu:map lines are in the trace, and none is of its maps",
    holds: ({ recorded }) => recorded.table.maps > 0,
  },
  {
    mode: "bounced",
    text: "swiotlb_bounced lines name it",
    holds: ({ name, otherMaps, recorded }) =>
      2 * (recorded.bouncedLines.get(name) ?? 0) > otherMaps,
  },
  {
    mode: "bounced",
    text: "other addresses of it are the physical ones",
    holds: ({ identityMaps }) => identityMaps > 0,
  },
  {
    mode: "translated",
    text: "its IOMMU group is translated",
    holds: ({ name, recorded }) => recorded.facts.isTranslated(name) === true,
  },
  {
    mode: "bounced",
    text: "its IOMMU group is not translated",
    holds: ({ name, recorded }) => recorded.facts.isTranslated(name) === false,
  },
  {
    mode: "translated",
    text: "the log has an IOMMU fault of it",
    holds: ({ name, recorded }) => recorded.faulted.has(name),
  },
  {
    mode: "bounced",
    text: "addresses have another offset in their page than the buffers have",
    holds: ({ movedMaps }) => movedMaps > 0,
  },
  {
    mode: "bounced",
    text: "its addresses are in the bounce pool that the log names",
    holds: ({ highestOther, lowestOther, recorded: { facts } }) =>
      facts.pool !== null && lowestOther >= facts.pool.start && highestOther <= facts.pool.end,
  },
  {
    mode: "translated",
    text: "its addresses are outside of the bounce pool that the log names",
    holds: ({ highestOther, lowestOther, recorded: { facts } }) =>
      facts.pool !== null && (lowestOther >= facts.pool.end || highestOther <= facts.pool.start),
  },
  {
    mode: "translated",
    text: "its addresses are 4 GiB and above, where no bounce pool is",
    holds: ({ lowestOther }) => lowestOther >= POOL_LIMIT_BYTES,
  },
];

export function modeOf(device: Device): Mode {
  if (device.coveredMaps > 0) return "translated";
  if (device.otherMaps === 0) return device.identityMaps > 0 ? "direct" : "unknown";
  return evidenceOf(device)?.mode ?? "unknown";
}

/**
 * Whether some DMA addresses of a device differ from the physical addresses, and no evidence shows
 * whether an IOMMU or bouncing is the cause.
 */
export function isUndecided(device: Device): boolean {
  return device.otherMaps > 0 && modeOf(device) === "unknown";
}

/** The evidence for the mode; null without evidence. */
export function modeEvidence(device: Device): string | null {
  if (device.coveredMaps > 0) return "iommu:map lines of its maps";
  if (device.otherMaps > 0) return evidenceOf(device)?.text ?? null;
  return device.identityMaps > 0 ? "its addresses are the physical ones" : null;
}

function evidenceOf(device: Device): Evidence | undefined {
  return EVIDENCE.find(({ holds }) => holds(device));
}
