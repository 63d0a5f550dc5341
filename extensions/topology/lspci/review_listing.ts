/** Reports the gaps of a listing, one finding for each kind of gap. */
import { type ListingFinding, warning } from "./finding.ts";
import type { GrowingFunction } from "./growing_function.ts";
import { formatListedAddress, type ListedFunction } from "./listed_function.ts";

/**
 * Lengths of complete dumps in bytes: a header, a CardBus header, conventional space, extended
 * space.
 */
const DUMP_LENGTHS: ReadonlySet<number> = new Set([64, 128, 256, 4096]);

/**
 * @param listed Every mention of a function in lists and dumps, in the order of the text.
 * @param lines The first line with registers that belong to no function, and the first line of a
 *   tree that cannot be read; 0 without such a line.
 */
export function reviewListing(
  listed: readonly GrowingFunction[],
  functions: readonly ListedFunction[],
  lines: { readonly looseDump: number; readonly damagedTree: number },
): ListingFinding[] {
  const findings: ListingFinding[] = [];
  const warn = (...said: Parameters<typeof warning>) => findings.push(warning(...said));
  if (lines.looseDump > 0) {
    warn(
      "E1012",
      lines.looseDump,
      "Registers of no function: the line that names it is missing",
      "paste the dump from the line above `00:` on",
    );
  }
  if (lines.damagedTree > 0) {
    warn(
      "E1012",
      lines.damagedTree,
      "A line of the tree belongs to no bus above it",
      "paste the whole tree, with the blanks in front of its lines",
    );
  }
  const byPath = functions.find(({ address }) => address.path !== undefined);
  if (byPath !== undefined) {
    warn(
      "E1016",
      byPath.line,
      `The bus of ${
        formatListedAddress(byPath.address)
      } is not listed: functions behind bridges are named by their path`,
      "`lspci -PP` has the path and the bus",
    );
  }
  const cut = cutFunction(listed);
  if (cut !== null) {
    warn(
      "E1012",
      cut.line,
      `The listing of ${formatListedAddress(cut.address)} breaks off in its middle`,
      "what follows there is unknown; paste the whole output",
    );
  }
  const gone = functions.filter((each) => each.gone);
  if (gone.length > 0) {
    warn(
      "E1015",
      gone[0]!.line,
      `${nameAll(gone)} ${gone.length === 1 ? "does" : "do"} not answer (all ones)`,
      "it may have fallen off the bus, or sleep in D3cold",
    );
  }
  const unknown = functions.filter((each) => each.acs.state !== "absent" && !each.acs.enabled);
  if (unknown.length > 0) {
    warn(
      "E1011",
      unknown[0]!.line,
      `Access control of ${nameAll(unknown)} is not listed: it is unknown, not off`,
      "run lspci -vvv with root rights (`sudo`)",
    );
  }
  return findings;
}

/** A function with an incomplete dump, or the last function if its capabilities may be cut off. */
function cutFunction(listed: readonly GrowingFunction[]): GrowingFunction | null {
  const dumped = listed.find(({ registers, registerBytes }) =>
    registers !== null && !DUMP_LENGTHS.has(registerBytes)
  );
  if (dumped !== undefined) return dumped;
  const last = listed.at(-1);
  return last !== undefined && last.sight.begun && !last.sight.closed && !last.sight.denied
    ? last
    : null;
}

/** Names the first function by its address, and only counts the others. */
function nameAll(functions: readonly ListedFunction[]): string {
  const others = functions.length - 1;
  const first = formatListedAddress(functions[0]!.address);
  return others === 0 ? first : `${first} and ${others} other${others === 1 ? "" : "s"}`;
}
