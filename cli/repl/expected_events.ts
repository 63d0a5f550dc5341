/** Writes the events of a run as a pattern that matches exactly these events. */
import { quoted } from "@dmalab/lang/render";
import type { Recording } from "@dmalab/recording";
import { formatAddress, formatDuration, formatSize } from "@dmalab/lang/text";
import { firstLine } from "@dmalab/recording/views";
import { eventFields, type MachineEvent } from "@dmalab/runtime";
import type { Field } from "@dmalab/runtime/vocabulary";

/** Longest pattern, in events: a longer one is not readable. */
export const MAX_EXPECTED = 5000;

const CALL = "call.";

/**
 * Statements that expect exactly the events of a run: their names, order, devices, requests and
 * fields. The places of statements are left out, because they change when a line is inserted.
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
  // A pattern examines only events with the names that it contains. The count makes sure that there
  // are no other events.
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
  // A pattern matches a call by its bare name.
  const meant = name.startsWith(CALL) ? name.slice(CALL.length) : name;
  return all === "" ? meant : `${meant}(${all})`;
}

/** A field's value in the language's syntax; null for a value that the syntax cannot express. */
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
