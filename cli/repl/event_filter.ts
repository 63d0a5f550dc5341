/** Selects events by name, request and device. */
import type { Recording } from "@dmalab/recording";

export const EVENT_FILTER_FORMS = "NAME [in req N] [of DEVICE]";

export type EventFilter = (seq: number) => boolean;

/**
 * Reads a filter such as `iommu.map`, `nvme in req 2`, `dma_map_phys of ssd`; an empty text selects
 * every event.
 *
 * @returns The filter. If the text is wrong, the problem as a sentence without its full stop.
 */
export function readEventFilter(recording: Recording, text: string): EventFilter | string {
  const form =
    /^([\w.]+(?:\s*,\s*[\w.]+)*)?(?:\s*\bin\s+req(?:uest)?\s+(\d+))?(?:\s*\bof\s+(\w+))?$/;
  const read = text.trim().match(form);
  if (read === null) return `"${text}" matches no event: ${EVENT_FILTER_FORMS}`;
  const [, names = "", request, device] = read;
  const { eventNames } = recording.evaluator.registry;
  const kinds = new Set<number>();
  for (const meant of names.split(/\s*,\s*/).filter((name) => name !== "")) {
    const own = eventNames.flatMap((name, kind) => isNamed(name, meant) ? [kind] : []);
    if (own.length === 0) return `"${meant}" is neither an event nor a call`;
    for (const kind of own) kinds.add(kind);
  }
  const { log } = recording;
  const wanted = request === undefined ? null : Number(request);
  return (seq) =>
    (kinds.size === 0 || kinds.has(log.kindAt(seq))) &&
    (wanted === null || log.requestAt(seq) === wanted) &&
    (device === undefined || recording.event(seq).device === device);
}

/**
 * Whether a filter's name selects an event. A filter can be a full name (`iommu.map`), a group
 * (`iommu` selects all names below it), or the bare name of a call.
 */
function isNamed(name: string, meant: string): boolean {
  return name === meant || name === `call.${meant}` || name.startsWith(`${meant}.`);
}
