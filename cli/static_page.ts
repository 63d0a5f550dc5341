/**
 * An HTML page without scripts. It is used for an index of reports, a review, a bench, and the
 * mappings of devices.
 */
import { escapeMarkup } from "@dmalab/lang/text";
import { colourProperties } from "@dmalab/recording/views";

const STYLE = `:root{color-scheme:light dark;${colourProperties("light")}}` +
  `@media(prefers-color-scheme:dark){:root{${colourProperties("dark")}}}` +
  "body{font:14px/20px system-ui,sans-serif;margin:16px;background:var(--bg);color:var(--text);" +
  "font-variant-numeric:tabular-nums}h1{font-size:18px;line-height:24px;margin:0 0 16px;" +
  "overflow-wrap:anywhere}h2{font-size:14px}a{color:var(--map)}" +
  "pre{overflow:auto;font-size:12px;margin:0}table{border-collapse:collapse}" +
  ".failed{color:var(--fault);font-weight:600}.warned{color:var(--unmap)}.passed{color:var(--data)}" +
  "h1.failed,h1.warned,h1.passed{padding:8px 12px;border-left:4px solid;margin:-16px -16px 16px}" +
  "h1.failed{background:var(--fault-fill)}h1.warned{background:var(--unmap-fill)}h1.passed{background:var(--data-fill)}";

/** The verdict of a page: something failed; something is open or differs; neither. */
export type PageOutcome = "failed" | "warned" | "passed";

const SIGNS: Readonly<Record<PageOutcome, string>> = { failed: "✕", warned: "!", passed: "✓" };

export interface StaticPage {
  /** The page's heading and its `<title>`. */
  readonly title: string;
  /** The verdict; null where the subject can neither fail nor pass. */
  readonly outcome: PageOutcome | null;
  /**
   * CSS rules in addition to the rules of all pages. They use the CSS properties of
   * `recording/views` for colours.
   */
  readonly style?: string;
  /** Markup. */
  readonly body: string;
}

/** The first lines of every page. */
export const PAGE_HEAD = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="dmalab">
`;

/** The page as HTML that refers to no other file. */
export function staticPage({ body, outcome, style = "", title }: StaticPage): string {
  const text = escapeMarkup(outcome === null ? title : `${SIGNS[outcome]} ${title}`);
  const state = outcome === null ? "" : ` class="${outcome}"`;
  return `${PAGE_HEAD}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text} · dmalab</title>
<style>${STYLE}${style}</style>
<h1${state}>${text}</h1>
${body}
</html>
`;
}
