/// <reference lib="dom" />
/**
 * A picture, to scale, of a request or of mappings. It shows memory, the device's addresses, and the entries of the
 * command.
 */
import {
  IN_NO_MAPPING,
  NOT_MAPPED,
  PAGE_WORDS,
  pageLife,
  type PageState,
  pictureDrawing,
  type PicturePage,
  type PictureSubject,
  pictureSubjects,
  type PictureView,
  pictureView,
  subjectAt,
} from "@dmalab/recording/views";
import { button, drawn, el, fillSelect, saveDrawing } from "./dom.ts";
import { hasBlocks } from "./diff_pane.ts";
import type { PageModel, Pane } from "./page_model.ts";

/** Maximum number of subjects with a button; the list after the buttons contains all. */
const MAX_CHIPS = 8;
/** The legend: colours, a word, and whether a picture has them. */
const LEGEND: readonly (readonly [
  fill: string,
  edge: string,
  word: string,
  isIn: (view: PictureView) => boolean,
])[] = [
  ["--map-fill", "--map", PAGE_WORDS.mapped, hasState("mapped")],
  ["--moved", "--moved", PAGE_WORDS.moved, ({ pages }) => pages.some(({ hasMoved }) => hasMoved)],
  ["--unmap-fill", "--unmap", PAGE_WORDS.unmapped, hasState("unmapped")],
  ["--fault-fill", "--fault", PAGE_WORDS.leaked, hasState("leaked")],
  ["--fault-fill", "--fault", NOT_MAPPED, ({ pages }) => pages.some((page) => page.isMissing)],
  ["--fault-fill", "--fault", IN_NO_MAPPING, ({ outside }) => outside.length > 0],
];
const PHASES = ["mapped", "sent", "fetched", "completed", "unmapped", "ended"] as const;

function hasState(state: PageState): (view: PictureView) => boolean {
  return ({ pages }) => pages.some((page) => page.state === state);
}

function keyOf(subject: PictureSubject): string {
  return subject.kind === "request"
    ? `request ${subject.request}`
    : `mappings of ${subject.device}`;
}

/** The events in a page's history. */
function seqsOf({ mappedSeq, movedSeq, unmappedSeq, writtenSeq }: PicturePage) {
  return [mappedSeq, movedSeq, unmappedSeq, writtenSeq];
}

export class PicturePane implements Pane {
  #chosen: string | null = null;
  #run: PageModel["run"] | null = null;

  draw(model: PageModel, root: HTMLElement): void {
    const { index, leaked, position, run } = model;
    if (this.#run !== run) this.#chosen = null;
    this.#run = run;
    const subjects = pictureSubjects(index, position);
    const byName = subjects.find((each) => keyOf(each) === this.#chosen);
    const subject = byName ?? subjectAt(index, position, subjects);
    const view = subject === null ? null : pictureView(index, position, subject, leaked);
    if (view === null) {
      return root.replaceChildren(el("p", { class: "empty" }, this.#nothing(model)));
    }
    const drawing = pictureDrawing(view, position.seq, Math.max(240, root.clientWidth - 26));
    const picture = drawn(drawing);
    // Text of 12 pixels shrinks to 11 at most; a wider picture scrolls.
    picture.style.minWidth = `${drawing.width * 11 / 12}px`;
    const own = view.pages.find((page) => seqsOf(page).includes(position.seq));
    const life = el("p", { class: "life" }, own === undefined ? "" : pageLife(own));
    this.#connect(model, view, picture, life);
    const save = button(
      { class: "boxed", title: "Save the picture as SVG" },
      () => saveDrawing(drawing, view.title.replaceAll(" ", "-")),
      "SVG",
    );
    const facts = view.facts.length === 0 ? [] : [this.#facts(model, view)];
    const isRequest = view.subject.kind === "request";
    root.replaceChildren(
      this.#chips(model, subjects, view, save),
      ...isRequest ? [this.#phases(model, view), ...facts] : [],
      this.#legend(view),
      ...view.route === null ? [] : [el("p", { class: "mono" }, `◆ ${view.route}`)],
      el("div", { class: "scroll-x" }, picture),
      life,
      ...isRequest ? [] : facts,
    );
  }

  #nothing({ index, run }: PageModel): string {
    if (run.log.count === 0) {
      return "This run recorded no events, so there is no picture." +
        (hasBlocks(run)
          ? " Each block ran on a machine of its own: Differences compares them."
          : "");
    }
    const [first] = [...index.requests.values()];
    return first === undefined
      ? "No request and no streaming mapping has begun at this position."
      : `No request and no streaming mapping has begun at this position: the first request begins at event ${
        first[0]
      }.`;
  }

  #chips(
    { redraw }: PageModel,
    subjects: readonly PictureSubject[],
    view: PictureView,
    last: HTMLElement,
  ): HTMLElement {
    const shown = keyOf(view.subject);
    const choose = (key: string) => {
      this.#chosen = key;
      redraw();
    };
    const at = subjects.findIndex((each) => keyOf(each) === shown);
    const from = Math.max(0, Math.min(at - MAX_CHIPS / 2, subjects.length - MAX_CHIPS));
    const chips = subjects.slice(from, from + MAX_CHIPS).map((each) => {
      const key = keyOf(each);
      const pressed = { "aria-pressed": `${key === shown}`, "data-item": `subject ${key}` };
      return button({ class: "boxed", ...pressed }, () => choose(key), key);
    });
    const all: HTMLElement[] = [];
    if (subjects.length > MAX_CHIPS) {
      const select = el("select", { id: "picture-subject", "aria-label": "What is shown" });
      fillSelect(select, subjects.map(keyOf).map((key) => ({ value: key, title: key })), shown);
      select.addEventListener("change", () => choose(select.value));
      all.push(select);
    }
    const about = el("span", { class: "dim" }, view.about);
    return el("div", { class: "chips" }, ...chips, ...all, last, about);
  }

  #phases({ goTo, selections }: PageModel, { phases }: PictureView): HTMLElement {
    const items = PHASES.map((name) => {
      const seq = phases.findLast(({ phase }) => phase === name)?.seq;
      if (seq === undefined) return el("li", {}, name);
      const attributes = { class: "item", "data-item": `phase ${seq}` };
      const phase = button(attributes, () => goTo(seq), name, el("small", {}, `#${seq}`));
      selections.set(phase, { seq, spans: [] });
      return el("li", { class: "done" }, phase);
    });
    return el("ol", { class: "phases", "aria-label": "States of the request" }, ...items);
  }

  #legend(view: PictureView): HTMLElement {
    return el(
      "p",
      { class: "keys" },
      ...LEGEND.filter(([, , , isIn]) => isIn(view)).map(([fill, edge, word]) => {
        const sign = el("i", {});
        sign.style.setProperty("--fill", `var(${fill})`);
        sign.style.setProperty("--edge", `var(${edge})`);
        return el("span", {}, sign, word);
      }),
    );
  }

  /**
   * Links each page to the event that mapped it, and shows the page's history when the user points
   * at the page.
   */
  #connect(
    { goTo, selections }: PageModel,
    view: PictureView,
    picture: SVGSVGElement,
    life: HTMLElement,
  ): void {
    picture.setAttribute("role", "group");
    const pageOf = (shape: Element) => view.pages[Number(shape.getAttribute("data-part") ?? NaN)];
    const say = (target: EventTarget | null) => {
      const page = target instanceof Element ? pageOf(target) : undefined;
      if (page !== undefined) life.textContent = pageLife(page);
    };
    picture.addEventListener("mouseover", ({ target }) => say(target));
    picture.addEventListener("focusin", ({ target }) => say(target));
    let isFirst = true;
    for (const shape of picture.querySelectorAll("rect[data-seq]")) {
      const seq = Number(shape.getAttribute("data-seq"));
      const page = pageOf(shape);
      const spans = page === undefined ? [] : [
        { space: "phys" as const, start: page.phys, end: page.phys + page.sizeBytes },
        { space: "dma" as const, start: page.dma, end: page.dma + page.sizeBytes },
      ];
      selections.set(shape, { seq, spans });
      shape.setAttribute(
        "data-item",
        `shape ${shape.getAttribute("x")} ${shape.getAttribute("y")}`,
      );
      shape.setAttribute("role", "button");
      shape.setAttribute("aria-label", shape.textContent ?? "");
      shape.setAttribute("tabindex", isFirst ? "0" : "-1");
      isFirst = false;
      shape.addEventListener("click", () => goTo(seq));
      shape.addEventListener("keydown", (event) => {
        if ((event as KeyboardEvent).key === "Enter") goTo(seq);
      });
    }
  }

  #facts({ goTo }: PageModel, { facts }: PictureView): HTMLElement {
    return el(
      "dl",
      {},
      ...facts.flatMap(({ isWrong, name, seq, text }) => {
        const where = seq === 0 ? "at start" : `#${seq}`;
        const what = el("dd", { class: isWrong ? "bad" : null }, text, ...text === "" ? [] : [" "]);
        if (seq !== null) what.append(button({ class: "link" }, () => goTo(seq), where));
        return [el("dt", {}, name), what];
      }),
    );
  }
}
