/** The events of a run as a list of instructions, so that a client can go through them one by one. */
import type { DebugProtocol } from "@vscode/debugprotocol";
import { formatEventText } from "@dmalab/lang/render";
import { formatDuration } from "@dmalab/lang/text";
import { type Recording, spanOfEvent } from "@dmalab/recording";
import { RequestError } from "./request_error.ts";
import type { Sources } from "./sources.ts";

/** The most that are listed at once. */
const DISPLAYED_EVENTS = 10_000;

/** What clients call an event: instructions have addresses, and one event is one byte long. */
export function eventReference(seq: number): string {
  return `0x${seq.toString(16)}`;
}

/** The number of the event that a client means; null for none. */
export function eventNumber(reference: string, offset = 0): number | null {
  if (!/^(?:0x[\da-f]+|\d+)$/i.test(reference)) return null;
  const seq = Number(reference) + offset;
  return Number.isSafeInteger(seq) ? seq : null;
}

/** Events around one. What lies before the first and behind the last is said to be nothing. */
export function listEvents(
  recording: Recording,
  sources: Sources,
  { instructionCount, instructionOffset = 0, memoryReference, offset = 0 }:
    DebugProtocol.DisassembleArguments,
): DebugProtocol.DisassembledInstruction[] {
  const first = eventNumber(memoryReference, offset + instructionOffset);
  if (first === null) throw new RequestError(`"${memoryReference}" is not an event`);
  const count = Math.max(0, Math.min(instructionCount, DISPLAYED_EVENTS));
  return Array.from(
    { length: count },
    (_, index) => instruction(recording, sources, first + index),
  );
}

function instruction(
  recording: Recording,
  sources: Sources,
  seq: number,
): DebugProtocol.DisassembledInstruction {
  if (seq < 0 || seq > recording.log.count) {
    return {
      address: eventReference(Math.max(0, seq)),
      instruction: "",
      presentationHint: "invalid",
    };
  }
  if (seq === 0) return { address: eventReference(0), instruction: "the machine is ready" };
  const event = recording.event(seq);
  const span = spanOfEvent(recording, seq);
  const place = span === null ? null : sources.place(span);
  return {
    address: eventReference(seq),
    instructionBytes: `${seq} ${formatDuration(event.at_ns)} cpu${event.cpu} ${event.device ?? ""}`
      .trimEnd(),
    instruction: formatEventText(event),
    ...place === null ? {} : { location: place.source, line: place.line, column: place.column },
  };
}
