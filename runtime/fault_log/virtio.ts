/**
 * Fault lines of a virtio-iommu:
 *
 *     virtio_iommu virtio0: page fault from EP 64 at 0x8500000 [W]
 *     virtio_iommu virtio0: domain fault from EP 64
 *
 * @see Virtio specification 1.2, 5.13.6.9
 * @see rules/traces.md T.71
 */
import { addressIn } from "./log_address.ts";
import type { LogCursor } from "./log_cursor.ts";
import { type LoggedFault, type LoggedSource, NO_DETAILS, UNTOLD } from "./logged_fault.ts";
import { noPermission } from "./smmu_events.ts";

const SPEC = "Virtio specification 1.2: 5.13.6.9";
/** Endpoints below this number are requester IDs of PCI functions. */
const PCI_ENDPOINTS = 0x10000;

export function decodeVirtio(cursor: LogCursor): LoggedFault {
  const [, kind] = cursor.need(
    /\b(page|domain|unknown) fault from EP\b/i,
    '"page fault from EP", "domain fault from EP" or "unknown fault from EP"',
  );
  const [, digits] = cursor.needHere(/(\d{1,10})\b/, "the number of an endpoint");
  const endpoint = Number(digits);
  const isAt = cursor.take(/[ \t]+at\b/i) !== null;
  const address = isAt ? addressIn(cursor) : null;
  const rights = isAt ? cursor.take(/[ \t]*\[([RWX ]*)\]/i)?.[1]?.toUpperCase() ?? "" : "";
  const isInstruction = rights.includes("X");
  const [reads, writes] = [rights.includes("R"), rights.includes("W")];
  const access = reads === writes ? null : reads ? "read" : "write";
  return {
    ...UNTOLD,
    format: "virtio",
    event: `${kind!.toLowerCase()} fault`,
    code: null,
    ...kind!.toLowerCase() !== "page"
      ? WITHOUT_PAGE[kind!.toLowerCase() as keyof typeof WITHOUT_PAGE]
      : reads || writes || isInstruction
      ? noPermission(access, isInstruction)
      : NO_MAPPING,
    source: sourceOf(endpoint),
    access,
    address,
    flags: [...rights.replaceAll(" ", "")],
    details: {
      ...NO_DETAILS,
      clientName: endpoint < PCI_ENDPOINTS ? null : `endpoint ${endpoint}`,
    },
    spec: SPEC,
  };
}

function sourceOf(endpoint: number): LoggedSource | null {
  return endpoint < PCI_ENDPOINTS ? { domain: null, requesterId: endpoint } : null;
}

/** The host names a missing right only for an address that is mapped. @see rules/dma.md 5.5 */
const NO_MAPPING = {
  reason: "not_present",
  name: "no translation",
  means: "Nothing is mapped at the address: it was never mapped, or was unmapped before the access",
} as const;

const WITHOUT_PAGE = {
  domain: {
    reason: "no_entry",
    name: "endpoint without a domain",
    means:
      "The device is attached to no domain: no driver is bound, or its driver does DMA before " +
      "or after it may",
  },
  unknown: {
    reason: "unknown",
    name: "reason not given",
    means: "The host does not give the reason",
  },
} as const;
