/** The events of a run as the pattern that takes these, and no others. */
import { quoted } from "@dmalab/lang/render";
import type { Recording } from "@dmalab/recording";
import { formatAddress, formatDuration, formatSize } from "@dmalab/lang/text";
import { firstLine } from "@dmalab/recording/views";
import { eventFields, type MachineEvent } from "@dmalab/runtime";
import type { Field } from "@dmalab/runtime/vocabulary";

/** Longer patterns are not readable. */
export const MAX_EXPECTED = 5000;

const CALL = "call.";

/**
 * Statements that expect exactly the events that a run had: their names, order, devices, requests
 * and fields. Places of statements are left out, which change with every line.
 */
export function expectedEvents(recording: Recording): string {
  const lines: string[] = [];
  let before = 0;
  for (let seq = 1; seq <= recording.log.count; seq++) {
    const { statement } = recording.afterEvent(seq);
    if (statement !== before && statement > 0) {
      lines.push(`  # ${firstLine(recording.started(statement).span)}`);
    }
    before = statement;
    lines.push(`  ${itemOf(recording.event(seq))},`);
  }
  const pattern = lines.length === 0 ? [] : ["expect events [", ...lines, "] in events"];
  // A pattern examines only events with its own names: no other event may have come.
  return [...pattern, `assert events.length == ${recording.log.count}`, ""].join("\n");
}

function itemOf({ device, fields, name, request }: MachineEvent): string {
  const kinds = eventFields(name);
  const own = Object.entries<unknown>(fields).flatMap(([field, value]) => {
    const text = fieldText(kinds[field]!, value);
    return text === null ? [] : [`${field}: ${text}`];
  });
  const common = [
    ...device === null || "device" in fields ? [] : [`device: ${quoted(device)}`],
    ...request === null || "request" in fields ? [] : [`request: ${request}`],
  ];
  const all = [...common, ...own].join(", ");
  // A call is meant by its bare name.
  const meant = name.startsWith(CALL) ? name.slice(CALL.length) : name;
  return all === "" ? meant : `${meant}(${all})`;
}

/** A field's value as the language writes it; null for what it does not. */
function fieldText({ isOptional, kind }: Field, value: unknown): string | null {
  if (value === null) return isOptional ? "none" : null;
  if (kind === "site" || kind === "nothing") return null;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) {
    if (kind === "dma" || kind === "phys" || kind === "virt") return formatAddress(value);
    if (kind === "size" && value < Number.MAX_SAFE_INTEGER) return formatSize(value);
    if (kind === "duration") return formatDuration(value);
  }
  return itemText(value);
}

function itemText(value: unknown): string | null {
  if (Array.isArray(value)) {
    const items = value.map((item) => itemText(item));
    return items.includes(null) ? null : `[${items.join(", ")}]`;
  }
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return String(value);
  return typeof value === "number" && Number.isSafeInteger(value) ? String(value) : null;
}
