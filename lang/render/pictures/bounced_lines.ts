/**
 * Lines for the parts of a mapping that are copied. Each line has the address of the part's bounce
 * buffer and the address of the original memory.
 */
import type { BouncedPart } from "@dmalab/devices";
import { endsOf, pad } from "../../text/columns.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";

/**
 * Up to `longest` lines are all shown. For a longer list, the `first` and the `last` ones are
 * shown.
 */
const SHOWN = { longest: 6, first: 3, last: 2 };

/** A line for each part; empty if there are no parts. */
export function bouncedLines(parts: readonly BouncedPart[]): string[] {
  const lines = parts.map(({ dma, origPhys, sizeBytes, tlbPhys }) =>
    addressLine(dma, sizeBytes, bounceText(tlbPhys, origPhys))
  );
  return endsOf(lines, SHOWN, (hidden) => hiddenLine(hidden.length));
}

/** `0xfffd_8200   3584B ───► …`, in the columns of the drawings. */
export function addressLine(address: number, sizeBytes: number, leadsTo: string): string {
  return `  ${pad(formatAddress(address), 14, "right")} ${
    pad(formatSize(sizeBytes), 8, "right")
  } ───► ${leadsTo}`;
}

/** The line that replaces hidden lines. */
export function hiddenLine(lines: number): string {
  return `${pad("…", 16, "right")}  ${lines} more`;
}

/** A text with the addresses of a copy and of its original. */
export function bounceText(tlbPhys: number, origPhys: number): string {
  return `bounce buffer ${formatAddress(tlbPhys)} for ${formatAddress(origPhys)}`;
}
