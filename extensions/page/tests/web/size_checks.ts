/** How large the pages are. */
import type { Browser } from "playwright-core";
import { type Findings, PAGES } from "./bench.ts";

export async function checkSizes(_browser: Browser, found: Findings): Promise<void> {
  const playground = Deno.readFileSync(`${PAGES}/playground.html`);
  found.atMost(playground.length, 2_600_000, "the playground", "bytes");
  const packed = new Blob([playground]).stream().pipeThrough(new CompressionStream("gzip"));
  const { length } = await new Response(packed).bytes();
  found.atMost(length, 840_000, "the playground, as gzip", "bytes");
  found.atMost(
    Deno.statSync(`${PAGES}/report.html`).size,
    250_000,
    "a report without runs",
    "bytes",
  );
}
