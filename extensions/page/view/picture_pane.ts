/// <reference lib="dom" />
/** A request as a picture: memory, the addresses that the device sees, and the entries of its command. */
import { formatAddress, formatSize } from "@dmalab/lang/text";
import { requestsAt, type RequestView, requestView } from "@dmalab/recording/views";
import { el, svg } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import type { Selection } from "./selection.ts";

/** Height of a row of the picture, as in the style sheet. */
const ROW_PX = 26;
/** Width of the lines between two columns. */
const LINES_PX = 56;
/** Rows of a column that are shown at first, and those of them that stand at its end. */
const MAX_ROWS = 24;
const LAST_ROWS = 4;

export class PicturePane implements Pane {
  readonly id = "picture";
  readonly title = "Picture";
  #chosen: number | null = null;
  #isWhole = false;

  draw(model: PageModel, root: HTMLElement): void {
    const { position, run } = model;
    const requests = requestsAt(run, position);
    if (requests.length === 0) {
      return root.replaceChildren(el("p", {}, "No request has started at this position."));
    }
    const current = position.seq === 0 ? null : run.log.requestAt(position.seq);
    const chosen = this.#chosen !== null && requests.includes(this.#chosen)
      ? this.#chosen
      : current ?? requests.at(-1)!;
    const view = requestView(run, position, chosen);
    if (view === null) return root.replaceChildren();
    const select = el("select", { id: "picture-request" });
    for (const each of requests) {
      select.append(new Option(`request ${each}`, `${each}`, false, each === chosen));
    }
    select.addEventListener("change", () => {
      this.#chosen = Number(select.value);
      model.redraw();
    });
    const facts = [view.device, view.command?.opcode ?? null, view.format, view.status]
      .filter((each) => each !== null).join(", ");
    root.replaceChildren(
      el("p", { class: "tools" }, el("label", {}, "Shown ", select), ` ${facts}`),
      this.#phases(model, view),
      this.#columns(model, view),
    );
  }

  #phases({ goTo, selections }: PageModel, { phases }: RequestView): HTMLElement {
    const items = phases.map(({ phase, seq }) => {
      const button = el(
        "button",
        { class: "item", "data-item": `phase ${seq}` },
        `${phase} #${seq}`,
      );
      button.addEventListener("click", () => goTo(seq));
      selections.set(button, { seq, spans: [] });
      return el("li", {}, button);
    });
    return el("ol", { class: "phases", "aria-label": "States of the request" }, ...items);
  }

  #columns(model: PageModel, view: RequestView): HTMLElement {
    const columns = boxesOf(view);
    const rows = columns.map((boxes) => this.#folded(boxes));
    const height = ROW_PX * Math.max(...rows.map(({ length }) => length));
    const titles = ["physical memory", "IOVA", "command"];
    const lists = rows.map((boxes, column) =>
      el(
        "div",
        { class: "column" },
        el("h3", {}, titles[column]!),
        el("ul", { "aria-label": titles[column]! }, ...boxes.map((box) => this.#box(model, box))),
      )
    );
    const picture = el(
      "div",
      { class: "picture" },
      lists[0]!,
      connections(rows[0]!, rows[1]!, height),
      lists[1]!,
      connections(rows[2]!, rows[1]!, height, true),
      lists[2]!,
    );
    const wide = el("div", { class: "wide" }, picture);
    if (columns.some(({ length }) => length > MAX_ROWS)) {
      const button = el("button", {}, this.#isWhole ? "Fewer rows" : "All rows");
      button.addEventListener("click", () => {
        this.#isWhole = !this.#isWhole;
        model.redraw();
      });
      wide.append(button);
    }
    return wide;
  }

  /** The first and the last of many. */
  #folded(boxes: readonly Box[]): readonly Box[] {
    const left = boxes.length - MAX_ROWS;
    if (this.#isWhole || left <= 0) return boxes;
    const gap: Box = {
      text: `⋮ ${left + 1} more`,
      selection: { seq: null, spans: [] },
      leadsTo: null,
      isHead: true,
    };
    return [...boxes.slice(0, MAX_ROWS - LAST_ROWS - 1), gap, ...boxes.slice(-LAST_ROWS)];
  }

  #box({ goTo, selections }: PageModel, { isHead, text, selection }: Box): HTMLElement {
    if (isHead === true) return el("li", { class: "dim" }, text);
    const button = el(
      "button",
      { class: "item", "data-item": `box ${selection.seq} ${text}` },
      text,
    );
    button.addEventListener("click", () => selection.seq !== null && goTo(selection.seq));
    selections.set(button, selection);
    return el("li", {}, button);
  }
}

/** Lines from boxes to those of a column that have the address they lead to. */
function connections(
  from: readonly Box[],
  to: readonly Box[],
  height: number,
  isRight = false,
): SVGElement {
  const paths = from.flatMap(({ leadsTo }, row) => {
    const target = leadsTo === null
      ? -1
      : to.findIndex(({ selection }) =>
        selection.spans.some(({ end, start }) => leadsTo >= start && leadsTo < end)
      );
    if (target < 0) return [];
    const [x1, x2] = isRight ? [LINES_PX, 0] : [0, LINES_PX];
    const [y1, y2] = [(row + 0.5) * ROW_PX, (target + 0.5) * ROW_PX];
    const middle = LINES_PX / 2;
    const d = `M ${x1} ${y1} C ${middle} ${y1}, ${middle} ${y2}, ${x2} ${y2}`;
    return [svg("path", { d })];
  });
  return svg(
    "svg",
    {
      class: "lines",
      width: LINES_PX,
      height,
      viewBox: `0 0 ${LINES_PX} ${height}`,
      "aria-hidden": "true",
    },
    ...paths,
  );
}

/** A box of the picture. */
interface Box {
  readonly text: string;
  readonly selection: Selection;
  /** Where a line goes: addresses in the next column; null where none goes. */
  readonly leadsTo: number | null;
  /** A heading has no line and is nothing. */
  readonly isHead?: boolean;
}

/** The three columns, from left to right. */
function boxesOf(view: RequestView): readonly (readonly Box[])[] {
  return [segmentsOf(view), middleOf(view), entriesOf(view)];
}

function segmentsOf({ mappings, pageTable, segments }: RequestView): readonly Box[] {
  const dmaOf = (phys: number): number | null => {
    const mapped = mappings.find((row) => phys >= row.phys && phys < row.phys + row.size_bytes);
    if (mapped !== undefined) return mapped.dma + (phys - mapped.phys);
    const entry = pageTable.find((row) => phys >= row.phys && phys < row.phys + row.size_bytes);
    return entry === undefined ? null : entry.iova + (phys - entry.phys);
  };
  return segments.map(({ phys, seq, sizeBytes }) => ({
    text: `${formatAddress(phys)} ${formatSize(sizeBytes)}`,
    selection: { seq, spans: [{ space: "phys", start: phys, end: phys + sizeBytes }] },
    leadsTo: dmaOf(phys),
  }));
}

/** What the device sees: ranges of IOVAs, or where there are none the mappings. */
function middleOf({ mappings, ranges, unmaps }: RequestView): readonly Box[] {
  const endText = (endedSeq: number) =>
    unmaps.some(({ fields: { rule }, seq }) => seq === endedSeq && rule === "nothing")
      ? ` needs no unmap #${endedSeq}`
      : ` freed #${endedSeq}`;
  const box = (
    start: number,
    { createdSeq, endedSeq, size_bytes: size }: RequestView["ranges" | "mappings"][number],
  ): Box => ({
    text: `${formatAddress(start)} ${formatSize(size)}${
      endedSeq === null ? "" : endText(endedSeq)
    }`,
    selection: { seq: createdSeq, spans: [{ space: "dma", start, end: start + size }] },
    leadsTo: null,
  });
  return ranges.length > 0
    ? ranges.map((range) => box(range.start, range))
    : mappings.map((mapping) => box(mapping.dma, mapping));
}

function entriesOf({ entries, hasLengths, listPages }: RequestView): readonly Box[] {
  const boxes: Box[] = [];
  let page: number | null = null;
  for (const entry of entries) {
    const { dma, fetched, label, leadsTo, seq, sizeBytes } = entry;
    if (entry.page !== page) {
      page = entry.page;
      const start = page === null ? undefined : listPages[page]?.dma;
      if (start !== undefined) {
        const text = `list at ${formatAddress(start)}`;
        boxes.push({ text, selection: { seq: null, spans: [] }, leadsTo: null, isHead: true });
      }
    }
    const size = hasLengths ? ` ${formatSize(sizeBytes)}` : "";
    const read = fetched === null ? "" : ` read #${fetched}`;
    const what = leadsTo === "list" ? " list" : "";
    const end = dma + Math.max(1, hasLengths ? sizeBytes : 1);
    boxes.push({
      text: `${label}${what} ${formatAddress(dma)}${size}${read}`,
      selection: { seq, spans: [{ space: "dma", start: dma, end }] },
      leadsTo: leadsTo === "list" ? null : dma,
    });
  }
  return boxes;
}
