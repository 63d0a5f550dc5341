/// <reference lib="dom" />
/** The event at the position: its values, and the decision that caused it. */
import {
  eventView,
  keptVariablesAt,
  lineLocation,
  meaningAt,
  MEANINGS,
  neverText,
  positionView,
  type WhyView,
  whyView,
} from "@dmalab/recording/views";
import { formatDuration } from "@dmalab/lang/text";
import { button, el } from "./dom.ts";
import type { PageModel, Pane } from "./page_model.ts";
import { spansOf } from "./selection.ts";
import type { Position, RecordedRun } from "@dmalab/recording";

/** A field can share a line with another field if its text has at most this many characters. */
const MAX_BESIDE = 18;

export class SelectedPane implements Pane {
  draw(model: PageModel, root: HTMLElement): void {
    const { leaked, position, run, selections } = model;
    const { seq } = position;
    const variables = this.#variables(run, position);
    if (seq === 0) {
      const words = run.log.count === 0
        ? "This run recorded no events."
        : "Before the first event: the machine is ready. → steps forward.";
      return root.replaceChildren(el("p", { class: "dim" }, words), ...variables);
    }
    const { atNs, cpu, device, name, parts, request, span } = eventView(run, seq);
    const meaning = meaningAt(run, seq);
    const sign = el("span", { "aria-hidden": "true" }, MEANINGS[meaning].sign);
    sign.style.color = `var(--${meaning})`;
    const shown = name.replace(/^call\./, "").replace(/^ret\./, "return of ");
    const facts = [
      formatDuration(atNs),
      `CPU ${cpu}`,
      ...device === null ? [] : [device],
      ...request === null ? [] : [`request ${request}`],
      ...span === null ? [] : [lineLocation(span).replace(/^.*\//, "")],
    ];
    const fields = parts.flatMap(({ kind, name, text, value }) => {
      if (kind === null || name === null) return [];
      const field = el("dd", { class: text.length > MAX_BESIDE ? "long" : null }, text);
      selections.set(field, { seq: null, spans: spansOf([{ kind, name, value }]) });
      return [el("dt", {}, name), field];
    });
    const why = whyView(run, position);
    const { edge, event, place, text } = positionView(run, position);
    const statement = event === null && edge === null
      ? [el("p", {}, `Next: ${place}: ${text}`)]
      : [];
    root.replaceChildren(
      el("h3", {}, sign, `#${seq} ${shown}`, el("span", { class: "mono dim" }, facts.join(" · "))),
      ...leaked.has(seq)
        ? [
          el(
            "p",
            { class: "bad" },
            el("b", {}, `It is ${neverText(run, seq)} before the run ends`),
          ),
        ]
        : [],
      ...statement,
      ...fields.length === 0 ? [] : [el("dl", {}, ...fields)],
      ...why === null ? [] : this.#decision(model, why),
      ...variables,
    );
  }

  #decision({ goTo, position, selections }: PageModel, view: WhyView): HTMLElement[] {
    const { inputs, rule, seq, title, why } = view;
    const attributes = { class: "link", "data-item": `why ${seq}` };
    const link = button(attributes, () => goTo(seq), `#${seq}`);
    const sign = el("span", { "aria-hidden": "true" }, "◆");
    sign.style.color = "var(--decision)";
    const head = seq === position.seq
      ? el("h3", {}, sign, "Why")
      : el("h3", {}, sign, "Decided at ", link);
    head.append(
      el("span", { class: "mono dim", title: `dmalab explain ${rule} prints it` }, `rule ${rule}`),
    );
    selections.set(head, { seq, spans: spansOf(inputs) });
    const rows = inputs.flatMap((input) => [el("dt", {}, input.name), el("dd", {}, input.text)]);
    const details = el(
      "details",
      {},
      el("summary", {}, `${inputs.length} inputs`),
      el("dl", {}, ...rows),
    );
    return [
      head,
      el("p", {}, title),
      ...why === "" ? [] : [el("p", {}, why)],
      ...inputs.length === 0 ? [] : [details],
    ];
  }

  /**
   * The names that are visible in the innermost call, with their values. Empty if the run has no
   * stored names.
   */
  #variables(run: RecordedRun, position: Position): HTMLElement[] {
    const seen = keptVariablesAt(run, position);
    if (seen === null) {
      const words = "Variables are kept at the end of the run alone.";
      return run.variables === null ? [] : [el("p", { class: "dim" }, words)];
    }
    if (seen.length === 0) return [];
    const rows = seen.flatMap(([name, text]) => [
      el("dt", {}, name),
      el("dd", { class: text.length > MAX_BESIDE ? "long" : null }, text),
    ]);
    const [frame] = run.frames(position);
    const role = frame === undefined ? "main" : run.functionAt(frame.span)?.role ?? "function";
    const title = role === "function" ? `Variables of ${frame!.name}()` : "Variables";
    return [el("h3", {}, title), el("dl", { class: "variables" }, ...rows)];
  }
}
