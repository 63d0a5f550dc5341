/**
 * Formats a mapping: its device, when and for which purpose it was mapped, and when it was
 * unmapped.
 */
import type { TracedMapping, TraceInstant } from "./traced_mapping.ts";

/**
 * Formats a mapping as three lines: a line for the mapping, one for its map and one for its unmap.
 *
 * @param unended The text for a mapping without an unmap.
 */
export function mappingLines(
  mapping: TracedMapping,
  file: string,
  unended = "until the end of the trace",
): string[] {
  const { addr, mappedAt, device, unmappedAt, dir, kind, phys, pid, request, sizeBytes, task } =
    mapping;
  const whose = device === null ? "a range whose lines name no device" : device.name;
  const where = phys === null || phys === addr ? "" : `, physical 0x${phys.toString(16)}`;
  const by = ` by ${task}-${pid}`;
  const forWhat = request === null ? "" : ` for ${request}`;
  const what = kind === "two_step" && request === null ? "page-table range" : kind;
  return [
    `0x${addr.toString(16)}: ${sizeBytes} bytes of ${whose}, ${what}${
      dir === null ? "" : ` ${dir}`
    }${where}`,
    `  since ${moment(mappedAt, file)}${by}${forWhat}`,
    unmappedAt === null ? `  ${unended}` : `  until ${moment(unmappedAt, file)}`,
  ];
}

function moment({ cpu, line, seconds }: TraceInstant, file: string): string {
  return `${file}:${line}, ${seconds.toFixed(6)} s, CPU ${cpu}`;
}
