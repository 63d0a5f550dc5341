/// <reference lib="dom" />
/** The verdict above everything: what failed, where, and the way to the event. It is the title as well. */
import { VERDICT_SIGNS } from "@dmalab/recording/views";
import type { SaidVerdict } from "../engine/bench_verdict.ts";
import { byId } from "../page/dom.ts";
import { el } from "./dom.ts";

/** Something that a reader can do about a verdict. */
export interface VerdictStep {
  readonly title: string;
  readonly act: () => void;
}

/** Draws it. @param steps What can be done, the most likely first. */
export function drawVerdict(
  { place, state, what, why, word }: SaidVerdict,
  steps: readonly VerdictStep[],
): void {
  const root = byId("verdict");
  root.className = state;
  const shortPlace = place === null ? "" : place.slice(place.lastIndexOf("/") + 1);
  root.replaceChildren(
    el(
      "h1",
      {},
      el("span", { class: "word" }, `${VERDICT_SIGNS[state]} ${word}`),
      ...place === null ? [] : [el("code", { title: place }, shortPlace)],
      el("span", {}, what),
    ),
    ...why.map((sentence) => el("p", { title: sentence }, sentence)),
    el(
      "div",
      { class: "next" },
      ...steps.map(({ act, title }, index) => {
        const button = el("button", { class: index === 0 ? "boxed first" : "boxed more" }, title);
        button.addEventListener("click", act);
        return button;
      }),
    ),
  );
}
