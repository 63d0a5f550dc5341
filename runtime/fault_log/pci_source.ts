/** The address of a PCI function as logs print it: `01:00.0`, `0000:01:00.0`, `0x01:0x00.0`. */
import type { LogCursor } from "./log_cursor.ts";
import type { LoggedSource } from "./logged_fault.ts";

/** Domain, bus, device, function. Some releases wrote `0x` before bus and device. */
export const PCI_PLACE =
  /(?:([0-9a-f]{4,8}):)?(?:0x)?([0-9a-f]{2}):(?:0x)?([0-9a-f]{2})\.([0-9a-f])(?![0-9a-f])/i;

const MAX_DEVICE = 31;
const MAX_FUNCTION = 7;

/**
 * The source in a match of `PCI_PLACE`, or of a pattern with the same groups from `first` on. For
 * an address that no PCI function can have, the parsing ends with an error.
 */
export function sourceOf(match: RegExpExecArray, cursor: LogCursor, first = 1): LoggedSource {
  const [domain, bus, device, func] = match.slice(first, first + 4);
  const number = (digits: string | undefined) => parseInt(digits!, 16);
  if (number(device) > MAX_DEVICE) {
    cursor.fail(`A PCI device number is at most 1f, not ${device}`, match.index);
  }
  if (number(func) > MAX_FUNCTION) {
    cursor.fail(`A PCI function number is at most 7, not ${func}`, match.index);
  }
  return {
    domain: domain === undefined ? null : number(domain),
    requesterId: number(bus) * 256 + number(device) * 8 + number(func),
  };
}

/** `01:00.0`, with its domain before it where there is one. */
export function formatSource({ domain, requesterId }: LoggedSource): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  const place = `${hex(requesterId >> 8, 2)}:${hex((requesterId >> 3) & 31, 2)}.${requesterId & 7}`;
  return domain === null ? place : `${hex(domain, 4)}:${place}`;
}
