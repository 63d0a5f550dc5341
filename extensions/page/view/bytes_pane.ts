/// <reference lib="dom" />
/**
 * Bytes of memory at a position, with the writer of each byte: a CPU, a device, or the copy of a
 * bounce buffer.
 */
import { comparePositions, type RecordedRun } from "@dmalab/recording";
import { formatAddress, formatSize } from "@dmalab/lang/text";
import {
  type BytesView,
  bytesView,
  type LastByteWrite,
  lineLocation,
  type WrittenRange,
  writtenRanges,
} from "@dmalab/recording/views";
import { button, el, fillSelect, table } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";

const LINE_BYTES = 16;
const DISPLAYED_BYTES = 256;
const MAX_RANGES = 200;

/** Number of ranges in which a written byte is looked for. */
const SEARCHED_RANGES = 20;

/** The first range with a byte that is written at the position; without one, the first range. */
function firstWritten({ position, run }: PageModel, ranges: readonly WrittenRange[]) {
  const written = ranges.slice(0, SEARCHED_RANGES).find(({ end, start }) => {
    const { bytes } = bytesView(run, position, start, Math.min(DISPLAYED_BYTES, end - start));
    return bytes.some(({ value }) => value !== null);
  });
  return written ?? ranges[0];
}

export class BytesPane implements Pane {
  #known: { readonly run: RecordedRun; readonly ranges: readonly WrittenRange[] } | null = null;
  /** First shown address; null for the start of the first range with written bytes. */
  #phys: number | null = null;

  draw(model: PageModel, root: HTMLElement): void {
    const { position, run } = model;
    if (this.#known?.run !== run) this.#known = { run, ranges: writtenRanges(run) };
    const { ranges } = this.#known;
    const phys = this.#phys ?? firstWritten(model, ranges)?.start;
    if (phys === undefined) {
      return root.replaceChildren(el("p", { class: "empty" }, "This run writes no memory."));
    }
    const range = ranges.find(({ end, start }) => phys >= start && phys < end);
    const size = Math.min(
      DISPLAYED_BYTES,
      range === undefined ? DISPLAYED_BYTES : range.end - phys,
    );
    const view = bytesView(run, position, phys, size);
    const lines: HTMLElement[] = [];
    for (let from = 0; from < size; from += LINE_BYTES) lines.push(this.#line(model, view, from));
    const heads = ["address", "bytes", "written by"];
    const shown = table(heads, el("tbody", {}, ...lines), { class: "bytes" });
    root.replaceChildren(
      this.#tools(model, phys, ranges),
      el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Bytes" }, shown),
      el(
        "p",
        { class: "dim" },
        "··  not written since the machine was ready, or not kept; underlined: a device wrote it; " +
          "italic: a bounce copy; bold: written by the last move",
      ),
    );
  }

  #tools({ redraw }: PageModel, phys: number, ranges: readonly WrittenRange[]): HTMLElement {
    const select = el("select", { id: "bytes-range" });
    const choices = ranges.slice(0, MAX_RANGES).map(({ by, end, start }) => ({
      value: `${start}`,
      title: `${formatAddress(start)} ${formatSize(end - start)} by ${by.join(", ")}`,
    }));
    const isOffered = ranges.some(({ start }) => start === phys);
    if (!isOffered) choices.unshift({ value: `${phys}`, title: formatAddress(phys) });
    fillSelect(select, choices, `${phys}`);
    const input = el("input", { id: "bytes-address", size: 14, value: formatAddress(phys) });
    const go = (wanted: number, id: string) => {
      if (!Number.isSafeInteger(wanted) || wanted < 0) {
        return input.setAttribute("aria-invalid", "true");
      }
      this.#phys = wanted;
      redraw();
      document.getElementById(id)?.focus();
    };
    select.addEventListener("change", () => go(Number(select.value), select.id));
    input.addEventListener("change", () => go(Number(input.value.replaceAll("_", "")), input.id));
    return el(
      "p",
      { class: "tools" },
      el("label", {}, "Memory ", select),
      " ",
      el("label", {}, "from ", input),
    );
  }

  #line(model: PageModel, { bytes, phys, writers }: BytesView, from: number): HTMLElement {
    const { position, before, selections } = model;
    const start = phys + from;
    const own = bytes.slice(from, from + LINE_BYTES);
    const numbers = [...new Set(own.flatMap(({ writer }) => writer === null ? [] : [writer]))];
    const cells = own.map(({ value, writer }, index) => {
      const by = writer === null ? null : writers[writer]!;
      const isNew = by !== null && comparePositions(by.position, before) > 0 &&
        comparePositions(by.position, position) <= 0;
      const kind = by === null ? "" : `by-${by.by.kind}`;
      const byte = el(
        "span",
        { class: `${kind}${isNew ? " new" : ""}` },
        value === null ? "··" : value.toString(16).padStart(2, "0"),
      );
      const span = { space: "phys" as const, start: start + index, end: start + index + 1 };
      selections.set(byte, { seq: by?.seq ?? null, spans: [span] });
      return byte;
    });
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, formatAddress(start)),
      el("td", {}, ...cells),
      el("td", {}, ...numbers.map((number) => this.#writer(model, writers[number]!, start))),
    );
  }

  #writer({ goTo, selections }: PageModel, writer: LastByteWrite, line: number): HTMLElement {
    const { position, by: { kind, name }, phys, seq, sizeBytes, span } = writer;
    const where = seq === null ? "" : ` #${seq}`;
    const place = span === null ? "" : lineLocation(span);
    const who = kind === "device" ? `device ${name}` : name;
    const attributes = {
      class: "item",
      "data-item": `writer ${line} ${phys} ${position.seq} ${position.statement}`,
      title: `${who}, ${formatSize(sizeBytes)} at ${formatAddress(phys)} ${place}`,
    };
    const shown = button(attributes, () => goTo(position), `${who}${where}`);
    selections.set(shown, {
      seq,
      spans: [{ space: "phys", start: phys, end: phys + sizeBytes }],
      ...place === "" ? {} : { place },
    });
    return shown;
  }
}
