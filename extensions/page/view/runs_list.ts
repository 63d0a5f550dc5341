/// <reference lib="dom" />
/** The runs of a file, each with what came of it. */
import { VERDICT_SIGNS } from "@dmalab/recording/views";
import { formatCount, groupThousands } from "@dmalab/lang/text";
import { el } from "./dom.ts";
import type { FileRuns } from "./page_model.ts";

/** Draws them; the one that is open is marked. */
export function drawRuns({ runs, show, shown }: FileRuns, root: HTMLElement): void {
  const failed = runs.filter(({ state }) => state === "failed").length;
  const count = formatCount(runs.length, "run");
  root.replaceChildren(
    el(
      "h2",
      {},
      runs.length === 0 ? "No runs" : failed === 0 ? count : `${count}, ${failed} failed`,
    ),
    el(
      "ol",
      {},
      ...runs.map(({ events, outcome, state, title }, index) => {
        const button = el(
          "button",
          {
            title: `${title}: ${outcome}${
              events === null ? "" : `, ${formatCount(events, "event")}`
            }`,
            "aria-current": index === shown ? "true" : null,
          },
          el("span", { class: state, role: "img", "aria-label": outcome }, VERDICT_SIGNS[state]),
          el("span", { class: "cut" }, title),
          el("span", { class: "count" }, events === null ? "" : groupThousands(events)),
        );
        button.addEventListener("click", () => show(index));
        return el("li", {}, button);
      }),
    ),
  );
}
