/// <reference lib="dom" />
/** Why: the decision at a moment, those before it in the same request, and how the run failed. */
import { lineLocation, type WhyView, whyView } from "@dmalab/recording/views";
import { el } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { spansOf } from "./selection.ts";

/** Decisions that are shown. */
const MAX_DECISIONS = 6;

export class WhyPane implements Pane {
  readonly id = "why";
  readonly title = "Why";

  draw(model: PageModel, root: HTMLElement): void {
    const { position, run } = model;
    const chain: WhyView[] = [];
    for (let seq = position.seq; seq > 0 && chain.length < MAX_DECISIONS;) {
      const view = whyView(run, { ...position, seq });
      if (view === null) break;
      chain.push(view);
      // Further back in the same request: `whyView` follows the request of where it begins.
      const request = run.log.requestAt(view.seq);
      for (seq = view.seq - 1; seq > 0 && run.log.requestAt(seq) !== request;) seq--;
    }
    const { failure } = run;
    const failed = failure === null ? [] : [
      el("h2", {}, "The failure"),
      el("pre", { tabindex: 0, "aria-label": "The failure" }, failure.lines.join("\n")),
    ];
    const items = chain.map((view) => el("li", {}, ...this.#decision(model, view)));
    root.replaceChildren(
      ...failed,
      el("h2", {}, chain.length > 0 ? "Decisions, the last one first" : "No decision yet"),
      el("ol", { class: "decisions" }, ...items),
    );
  }

  #decision({ goTo, selections }: PageModel, view: WhyView): HTMLElement[] {
    const { inputs, rule, seq, span, title, why } = view;
    const button = el("button", { class: "item", "data-item": `why ${seq}` }, `#${seq}`);
    button.addEventListener("click", () => goTo(seq));
    const head = el("p", {}, button, " ", el("b", {}, title));
    selections.set(head, { seq, spans: spansOf(inputs) });
    const rows = inputs.map((input) => {
      const row = el("tr", {}, el("th", { scope: "row" }, input.name), el("td", {}, input.text));
      selections.set(row, { seq: null, spans: spansOf([input]) });
      return row;
    });
    const place = span === null ? "" : `, from ${lineLocation(span)}`;
    return [
      head,
      ...why === "" ? [] : [el("p", {}, why)],
      ...rows.length === 0 ? [] : [el("table", {}, el("tbody", {}, ...rows))],
      el("p", { class: "dim" }, `rule ${rule}${place}; dmalab explain ${rule} prints it`),
    ];
  }
}
