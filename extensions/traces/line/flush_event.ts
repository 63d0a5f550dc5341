/**
 * IOTLB invalidations, parsed from trace lines.
 *
 * @see rules/traces.md T.32, T.33
 */
import { PAGE_BYTES } from "../owner/pages.ts";

export interface FlushEvent {
  /** Unit and domain, such as `dmar0 4`; null for all domains. */
  readonly domain: string | null;
  /** The invalidated addresses; null for all addresses. */
  readonly range: { readonly start: number; readonly end: number } | null;
}

const DESCRIPTOR = /^p?_?iotlb_inv (\w+): 0x([0-9a-f]+) 0x([0-9a-f]+) /;
/** Values of bits 5:4 of a descriptor: how much of the IOTLB is invalidated. */
const GLOBAL = 1;
const PAGES = 3;

/** The IOTLB invalidation in a `qi_submit` event, or null for another descriptor. */
export function readFlush(payload: string): FlushEvent | null {
  const match = DESCRIPTOR.exec(payload);
  if (match === null) return null;
  const [, unit, low, high] = match;
  const command = Number.parseInt(low!.slice(-8), 16);
  const granularity = command >>> 4 & 3;
  if (granularity === GLOBAL) return { domain: null, range: null };
  const domain = `${unit} ${command >>> 16}`;
  if (granularity !== PAGES) return { domain, range: null };
  const address = Number.parseInt(high!, 16);
  const sizeBytes = PAGE_BYTES * 2 ** (address & 0x3f);
  const page = address - address % PAGE_BYTES;
  const start = page - page % sizeBytes;
  return { domain, range: { start, end: start + sizeBytes } };
}
