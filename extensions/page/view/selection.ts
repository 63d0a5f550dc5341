/// <reference lib="dom" />
/**
 * Links elements of different panes by their meaning. Pointing at an element marks every other
 * element with the same meaning. A meaning is an address in one address space, an event, or a line
 * of the source.
 */
import type { RecordedRun } from "@dmalab/recording";
import { type AddressPiece, type CellView, eventView, lineLocation } from "@dmalab/recording/views";

/** A range of addresses of one space; the end is excluded. */
type AddressSpan = Pick<AddressPiece, "end" | "space" | "start">;

export interface Selection {
  /**
   * The event that created the element's object; null for none. The Enter key moves to this event.
   */
  readonly seq: number | null;
  /** The last event, for an element that represents several events. */
  readonly until?: number;
  readonly spans: readonly AddressSpan[];
  /**
   * The line of the source to which the element belongs, as `file:line`. An element that represents
   * a line has only this property.
   */
  readonly place?: string;
}

/**
 * The address ranges in a list of values: a range begins at each address, and has the first size in
 * the list.
 */
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

/** Whether a selection equals another one, or is a part of it. */
function isSame(one: Selection, other: Selection): boolean {
  if (one.seq === null && one.spans.length === 0) return one.place === other.place;
  if (hasEventOf(one, other)) return true;
  return one.spans.some((a) =>
    other.spans.some((b) => a.space === b.space && a.start < b.end && b.start < a.end)
  );
}

/** Whether the events of two selections overlap. */
function hasEventOf(one: Selection, other: Selection): boolean {
  if (!one.seq || !other.seq) return false;
  return one.seq <= (other.until ?? other.seq) && other.seq <= (one.until ?? one.seq);
}

/** The meanings of elements, and the elements that are currently marked. */
export class SelectionMap {
  readonly #of = new WeakMap<Element, Selection>();
  #marked: Selection | null = null;

  set(element: Element, selection: Selection): void {
    this.#of.set(element, selection);
    element.setAttribute("data-thing", "");
    if (this.#marked !== null && isSame(this.#marked, selection)) element.classList.add("marked");
  }

  /** The meaning of the innermost element that contains a target. */
  at(target: EventTarget | null): Selection | null {
    const element = target instanceof Element ? target.closest("[data-thing]") : null;
    return element === null ? null : this.#of.get(element) ?? null;
  }

  /** Marks all elements with the same meaning; null removes the marks. */
  mark(selection: Selection | null): void {
    this.#marked = selection;
    for (const element of document.querySelectorAll("[data-thing]")) {
      const own = this.#of.get(element)!;
      element.classList.toggle("marked", selection !== null && isSame(selection, own));
    }
  }
}
