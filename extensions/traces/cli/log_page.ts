/** The page of `dmalab explain LOG --html`: the result, the next steps, and each message with its lines. */
import { type PageOutcome, staticPage } from "@dmalab/cli/presentation";
import { escapeMarkup } from "@dmalab/lang/text";

const STYLE = "ol{margin:0 0 16px;padding-left:24px;max-width:100ch}li{margin:0 0 4px}" +
  "section{border-top:1px solid var(--line);padding:8px 0 16px;max-width:100ch}" +
  "h2{margin:0 0 8px}pre,li{overflow-wrap:anywhere}pre{white-space:pre-wrap}" +
  "pre.quote{background:var(--panel);padding:8px;margin:0 0 8px}p{margin:0 0 16px}" +
  "code{font-size:12px}";

/** A part of the explanation. */
export interface PagePart {
  readonly heading: string;
  /** The line of the log as it was pasted; null for a part about several lines. */
  readonly quote: string | null;
  readonly lines: readonly string[];
}

export interface LogPage {
  /** Name of the log. */
  readonly name: string;
  /** The result as a sentence. */
  readonly verdict: string;
  readonly outcome: PageOutcome | null;
  /** What to run or look at next, most important first. */
  readonly steps: readonly string[];
  readonly parts: readonly PagePart[];
}

/** The page as HTML that refers to no other file. */
export function logPage({ name, outcome, parts, steps, verdict }: LogPage): string {
  return staticPage({
    title: `${name}: ${verdict}`,
    outcome,
    style: STYLE,
    body: `${stepsOf(steps)}${parts.map(sectionOf).join("\n")}
<p>Written by <code>dmalab explain</code> from the lines of the log alone. A cause is <code>proved</code> only where the lines leave no other one.</p>`,
  });
}

function stepsOf(steps: readonly string[]): string {
  if (steps.length === 0) return "";
  const items = steps.map((step) => `<li>${withCode(step)}</li>`).join("\n");
  return `<h2>Next</h2>\n<ol>\n${items}\n</ol>\n`;
}

function sectionOf({ heading, lines, quote }: PagePart): string {
  const shown = quote === null
    ? ""
    : `<pre class="quote" tabindex="0">${escapeMarkup(quote)}</pre>\n`;
  return `<section>
<h2>${escapeMarkup(heading)}</h2>
${shown}<pre tabindex="0">${escapeMarkup(lines.join("\n"))}</pre>
</section>`;
}

/** A text as markup, with what is in backquotes as code. */
function withCode(text: string): string {
  return text.split("`").map((part, index) =>
    index % 2 === 0 ? escapeMarkup(part) : `<code>${escapeMarkup(part)}</code>`
  ).join("");
}
