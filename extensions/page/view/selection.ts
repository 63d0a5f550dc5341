/// <reference lib="dom" />
/**
 * The meaning of elements of the panes. Pointing at one marks every other with the same meaning: an
 * address of the same space, an event, a line of the source.
 */
import type { RecordedRun } from "@dmalab/recording";
import { type AddressPiece, type CellView, eventView, lineLocation } from "@dmalab/recording/views";

/** Addresses of one space, from one up to, not including, another. */
type AddressSpan = Pick<AddressPiece, "end" | "space" | "start">;

export interface Selection {
  /** The event that made it, where Enter goes; null for none. */
  readonly seq: number | null;
  /** The last event of an element that lasts for several events: it represents each of them. */
  readonly until?: number;
  readonly spans: readonly AddressSpan[];
  /** The line of the source that it belongs to, as `file:line`; a line itself has nothing else. */
  readonly place?: string;
}

/** The addresses among values: each reaches as far as the size beside it. */
export function spansOf(values: readonly Omit<CellView, "text">[]): readonly AddressSpan[] {
  const size = values.find(({ name }) => name === "size_bytes" || name === "length_bytes")?.value;
  const length = typeof size === "number" && size > 0 ? size : 1;
  return values.flatMap(({ kind, value }) => {
    const space = kind === "phys" ? "phys" : kind === "dma" ? "dma" : null;
    return space === null || typeof value !== "number"
      ? []
      : [{ space, start: value, end: value + length }];
  });
}

/** An event, with the addresses in it and the line that led to it. */
export function eventSelection(run: RecordedRun, seq: number): Selection {
  const { parts, span } = eventView(run, seq);
  const values = parts.flatMap(({ kind, name, value }) =>
    kind === null || name === null ? [] : [{ kind, name, value }]
  );
  return { seq, spans: spansOf(values), ...span === null ? {} : { place: lineLocation(span) } };
}

/** Whether a thing is what is pointed at, or a part of it. */
function isSame(one: Selection, other: Selection): boolean {
  if (one.seq === null && one.spans.length === 0) return one.place === other.place;
  if (hasEventOf(one, other)) return true;
  return one.spans.some((a) =>
    other.spans.some((b) => a.space === b.space && a.start < b.end && b.start < a.end)
  );
}

/** Whether the events of two things overlap. */
function hasEventOf(one: Selection, other: Selection): boolean {
  if (!one.seq || !other.seq) return false;
  return one.seq <= (other.until ?? other.seq) && other.seq <= (one.until ?? one.seq);
}

/** The meaning of elements, and which of them are marked. */
export class SelectionMap {
  readonly #of = new WeakMap<Element, Selection>();
  #marked: Selection | null = null;

  set(element: Element, selection: Selection): void {
    this.#of.set(element, selection);
    element.setAttribute("data-thing", "");
    if (this.#marked !== null && isSame(this.#marked, selection)) element.classList.add("marked");
  }

  /** The meaning of the innermost element around another. */
  at(target: EventTarget | null): Selection | null {
    const element = target instanceof Element ? target.closest("[data-thing]") : null;
    return element === null ? null : this.#of.get(element) ?? null;
  }

  /** Marks what is the same as a thing; nothing for null. */
  mark(selection: Selection | null): void {
    this.#marked = selection;
    for (const element of document.querySelectorAll("[data-thing]")) {
      const own = this.#of.get(element)!;
      element.classList.toggle("marked", selection !== null && isSame(selection, own));
    }
  }
}
