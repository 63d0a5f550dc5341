/**
 * A review as one HTML file: the diff of each patch, with marks at lines that did not run, and the differences in
 * behaviour.
 */
import { shellWord } from "@dmalab/cli/extend";
import { staticPage } from "@dmalab/cli/presentation";
import { escapeMarkup, formatCount } from "@dmalab/lang/text";
import type { UnreachedLine } from "./changed_lines.ts";
import {
  OUTCOMES,
  reviewText,
  type ReviewVerdict,
  verdictOf,
  verdictText,
  worstVerdict,
} from "./print_review.ts";
import type { ReviewedStep } from "./review.ts";

const STYLE =
  "section{display:grid;grid-template-columns:1fr 1fr;gap:16px;border-top:1px solid var(--line)}" +
  "@media(max-width:800px){section{grid-template-columns:1fr}}h2{grid-column:1/-1;margin:8px 0 0}" +
  "pre{min-width:0}pre+pre{white-space:pre-wrap;overflow-wrap:anywhere}" +
  ".add{background:var(--data-fill)}.del{background:var(--fault-fill)}" +
  ".open{outline:1px solid var(--fault);font-weight:bold}";

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** Lines of a diff's head that add nothing to the path above them. */
const HEAD = /^(?:index |--- |\+\+\+ )/;

/** @param words The arguments of the command line that repeats the review, without its options. */
export function reviewPage(steps: readonly ReviewedStep[], words: readonly string[]): string {
  const parts = steps.map((reviewed, index) => {
    const number = `patch ${index + 1} of ${steps.length}`;
    const title = `${number}: ${reviewed.step.subject} – ${verdictText(reviewed)}`;
    const outcome = OUTCOMES[verdictOf(reviewed)];
    return `<section><h2 class="${outcome}">${escapeMarkup(title)}</h2>
<pre tabindex="0">${diffMarkup(reviewed)}</pre>
<pre tabindex="0">${escapeMarkup(reviewText(reviewed, number, words))}</pre></section>`;
  });
  return staticPage({
    title: `${headingOf(steps)} – dmalab review ${words.map(shellWord).join(" ")}`,
    outcome: OUTCOMES[worstVerdict(steps)],
    style: STYLE,
    body: parts.join("\n"),
  });
}

/** The head of the page: the verdict of one patch, or the verdicts of a series. */
function headingOf(steps: readonly ReviewedStep[]): string {
  const [only] = steps;
  if (steps.length === 1) return verdictText(only!);
  const worst = worstVerdict(steps);
  const count = steps.filter((step) => verdictOf(step) === worst).length;
  return `${VERDICT_WORDS[worst]}: ${count} of ${formatCount(steps.length, "patch", "patches")}`;
}

const VERDICT_WORDS: Readonly<Record<ReviewVerdict, string>> = {
  defect: "a defect",
  seen: "other data, lengths, addresses or commands",
  "not run": "not all of it run",
  "not reached": "not all of it examined",
  differs: "a difference without a report",
  "no difference": "no difference",
};

function diffMarkup({ step: { diff, files }, unreached }: ReviewedStep): string {
  let [old, now, path]: [number, number, string] = [0, 0, ""];
  return diff.split("\n").flatMap((line) => {
    const hunk = HUNK.exec(line);
    if (hunk !== null) [old, now] = [Number(hunk[1]), Number(hunk[2])];
    else if (line.startsWith("diff --git ")) {
      path = files.find((file) => line.endsWith(`/${file.path}`))?.path ?? "";
      [old, now] = [0, 0];
      return `<b>${escapeMarkup(path)}</b>`;
    } else if (old + now === 0 && HEAD.test(line)) return [];
    else if (old + now > 0) {
      const [side, number] = line.startsWith("-") ? ["old", old] as const : ["new", now] as const;
      if (!line.startsWith("+")) old++;
      if (!line.startsWith("-")) now++;
      const kind = line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "";
      return lineMarkup(
        line,
        kind,
        unreachedAt(unreached, path, kind === "" ? null : side, number),
      );
    }
    return escapeMarkup(line);
  }).join("\n");
}

function unreachedAt(
  unreached: readonly UnreachedLine[],
  path: string,
  side: UnreachedLine["side"] | null,
  line: number,
): UnreachedLine | undefined {
  return unreached.find((each) => each.path === path && each.side === side && each.line === line);
}

function lineMarkup(line: string, kind: string, open: UnreachedLine | undefined): string {
  const text = escapeMarkup(line);
  if (kind === "") return text;
  return open === undefined
    ? `<span class="${kind}">${text}</span>`
    : `<span class="${kind} open" title="${escapeMarkup(open.reason)}">${text}</span>`;
}
