/** A page that runs no code: what leads to reports, a review, a bench, what devices map. */
import { escapeMarkup } from "@dmalab/lang/text";
import { colourProperties } from "@dmalab/recording/views";

const STYLE = `:root{color-scheme:light dark;${colourProperties("light")}}` +
  `@media(prefers-color-scheme:dark){:root{${colourProperties("dark")}}}` +
  "body{font:14px/20px system-ui,sans-serif;margin:16px;background:var(--bg);color:var(--text);" +
  "font-variant-numeric:tabular-nums}h1{font-size:18px;line-height:24px;margin:0 0 16px;" +
  "overflow-wrap:anywhere}h2{font-size:14px}a{color:var(--map)}" +
  "pre{overflow:auto;font-size:12px;margin:0}table{border-collapse:collapse}" +
  ".failed{color:var(--fault);font-weight:600}.passed{color:var(--data)}" +
  "h1.failed,h1.passed{padding:8px 12px;border-left:4px solid;margin:-16px -16px 16px}" +
  "h1.failed{background:var(--fault-fill)}h1.passed{background:var(--data-fill)}";

export interface StaticPage {
  /** Its heading, and its title. */
  readonly title: string;
  /** Whether what it is about failed; null where it can do neither. */
  readonly failed: boolean | null;
  /** Rules of style beside those of all pages; colours are the properties of `recording/views`. */
  readonly style?: string;
  /** Markup. */
  readonly body: string;
}

/** The page as HTML, complete in itself. */
export function staticPage({ body, failed, style = "", title }: StaticPage): string {
  const text = escapeMarkup(failed === null ? title : `${failed ? "✕" : "✓"} ${title}`);
  const state = failed === null ? "" : ` class="${failed ? "failed" : "passed"}"`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="dmalab">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text} · dmalab</title>
<style>${STYLE}${style}</style>
<h1${state}>${text}</h1>
${body}
</html>
`;
}
