/** A review as one HTML file: each patch with its diff, in which lines that did not run are marked, beside what differs. */
import { escapeMarkup } from "@dmalab/lang/text";
import type { UnreachedLine } from "./changed_lines.ts";
import { reviewText, verdictOf } from "./print_review.ts";
import type { ReviewedStep } from "./review.ts";

const STYLE = "body{font:15px/1.5 system-ui,sans-serif;margin:1rem;color-scheme:light dark}" +
  "section{display:grid;grid-template-columns:1fr 1fr;gap:1rem;border-top:1px solid #8888}" +
  "h2{grid-column:1/-1;margin:.5rem 0 0}pre{overflow:auto;margin:0;font-size:13px}" +
  ".add{background:#2a42}.del{background:#a222}.open{outline:1px solid #d33;font-weight:bold}";

const HUNK = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/;

/** @param words The command line that repeats it, without its options. */
export function reviewPage(steps: readonly ReviewedStep[], words: readonly string[]): string {
  const parts = steps.map((reviewed, index) => {
    const number = `patch ${index + 1} of ${steps.length}`;
    const title = `${number}: ${reviewed.step.subject} – ${verdictOf(reviewed)}`;
    return `<section><h2>${escapeMarkup(title)}</h2>
<pre tabindex="0">${diffMarkup(reviewed)}</pre>
<pre tabindex="0">${escapeMarkup(reviewText(reviewed, number, words))}</pre></section>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="dmalab">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>dmalab review</title>
<style>${STYLE}</style>
<h1>${escapeMarkup(`dmalab review ${words.join(" ")}`)}</h1>
${parts.join("\n")}
</html>
`;
}

function diffMarkup({ step: { diff, files }, unreached }: ReviewedStep): string {
  let [old, now, path]: [number, number, string] = [0, 0, ""];
  return diff.split("\n").map((line) => {
    const hunk = HUNK.exec(line);
    if (hunk !== null) [old, now] = [Number(hunk[1]), Number(hunk[2])];
    else if (line.startsWith("diff --git ")) {
      path = files.find((file) => line.endsWith(`/${file.path}`))?.path ?? "";
      [old, now] = [0, 0];
    } else if (old + now > 0) {
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
