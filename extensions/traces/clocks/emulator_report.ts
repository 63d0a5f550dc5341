/** Reports the facts from an emulator's log beside a trace, as JSON and as text. */
import { formatCount } from "@dmalab/lang/text";
import { formatSource, numberOf } from "@dmalab/runtime/fault_log";
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import { pageOf } from "../owner/pages.ts";
import type { QemuClock, RefusedAccess } from "./qemu_clock.ts";

/** Largest number of accesses that are printed. */
const DISPLAYED_LINES = 10;

/** The facts as JSON; null without an emulator's log. */
export function emulatorJson(emulator: QemuClock, entries: readonly KernelLogEntry[]) {
  const tie = emulator.tie();
  if (tie === null) return null;
  const unlogged = unloggedAccesses(emulator.refused, entries);
  return {
    refused_accesses: emulator.refusals,
    accesses: emulator.refused.map((access) => ({
      line: access.line,
      source: sourceOf(access),
      address: `0x${access.address.toString(16)}`,
      bytes: access.bytes,
      access: access.access,
      logged: !unlogged.has(access),
    })),
    qemu_minus_trace_seconds: tie.offset === null ? null : round(tie.offset.seconds),
    spread_seconds: tie.offset === null ? null : round(tie.offset.spreadSeconds),
    pairs: tie.pairs,
    commands: tie.logged,
    traced_commands: tie.traced,
  };
}

/** Rounds a time to a microsecond, for JSON. */
export function round(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

export function refusalLines(emulator: QemuClock, entries: readonly KernelLogEntry[]): string[] {
  const { refusals, refused } = emulator;
  if (refusals === 0) return [];
  const unlogged = [...unloggedAccesses(refused, entries)];
  const lines = `${formatCount(refusals, "line")} of rejected accesses in the emulator's log`;
  if (refused.length === 0) return [lines];
  const count = unlogged.length === 0
    ? ""
    : `, ${unlogged.length} without a line in the kernel's log`;
  return [
    `${lines}: ${formatCount(refused.length, "access", "accesses")}${count}`,
    ...unlogged.slice(0, DISPLAYED_LINES).map((access) =>
      `  line ${access.line}: ${sourceOf(access)} ${access.access} of ${access.bytes} bytes at 0x${
        access.address.toString(16)
      }`
    ),
    ...unlogged.length > DISPLAYED_LINES
      ? [`  … and ${unlogged.length - DISPLAYED_LINES} more`]
      : [],
  ];
}

function sourceOf({ requesterId }: RefusedAccess): string {
  return formatSource({ domain: null, requesterId });
}

/**
 * Finds the refused accesses that the kernel's log does not have. Some are missing because the
 * kernel logs at most one access of a source that faults several times at once.
 *
 * @see T.42, T.47
 */
function unloggedAccesses(
  refused: readonly RefusedAccess[],
  entries: readonly KernelLogEntry[],
): Set<RefusedAccess> {
  const logged = new Map<string, number>();
  for (const { fault } of entries) {
    const address = fault?.address ?? null;
    const page = address === null ? null : numberOf(address);
    if (page === null || fault?.source == null) continue;
    const key = `${fault.source.requesterId} ${pageOf(page)} ${fault.access}`;
    logged.set(key, (logged.get(key) ?? 0) + 1);
  }
  return new Set(refused.filter(({ access, address, requesterId }) => {
    const key = `${requesterId} ${pageOf(address)} ${access}`;
    const left = logged.get(key) ?? 0;
    logged.set(key, left - 1);
    return left <= 0;
  }));
}
