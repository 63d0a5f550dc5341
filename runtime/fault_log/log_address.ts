/** An address in the text of a log. */
import type { LogCursor } from "./log_cursor.ts";
import { digitCount, HEX_DIGITS, parseHex64, type Word64, WORD64_DIGITS } from "./word64.ts";

const ADDRESS = new RegExp(`(?:0x)?(${HEX_DIGITS})(?![\\w*?#])`, "i");
/** Digits that were masked before the log was sent. */
const MASKED =
  /(?:0x)?[0-9a-f]*[x*?#][0-9a-fx*?#]*(?!\w)|(?:0x)?(?:<[\w ]*>|\[?(?:redacted|removed|masked)\b\]?)/i;

/**
 * The address at the cursor, in hex with or without `0x`; null if the address is masked.
 *
 * @see rules/traces.md T.56
 */
export function addressIn(cursor: LogCursor): Word64 | null {
  cursor.take(/\s+/);
  const plain = cursor.take(ADDRESS);
  if (plain === null) {
    if (cursor.take(MASKED) !== null) return null;
    return cursor.fail("expected an address in hex digits");
  }
  const digits = plain[1]!;
  if (digitCount(digits) > WORD64_DIGITS) {
    cursor.fail("An address has at most 16 hex digits", cursor.at - digits.length);
  }
  return parseHex64(digits);
}
