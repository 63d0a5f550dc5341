/** The checks of the pages by name; `extensions/page/tests/web_main.ts` starts them. */
import { Findings, PAGES, startBrowser } from "./bench.ts";
import { checkKeyboard, checkViews } from "./access_checks.ts";
import { checkFrames, checkPolicy } from "./embed_checks.ts";
import { checkLinks, checkOutput, checkRunaways } from "./playground_checks.ts";
import { checkBenches, checkLargeRun, checkReports } from "./report_checks.ts";
import { checkFirefox, checkLook } from "./look_checks.ts";
import { checkPictures } from "./picture_checks.ts";
import { packedBytes } from "@dmalab/tools/developers";
import type { Browser } from "playwright-core";

const CHECKS = {
  sizes: checkSizes,
  keyboard: checkKeyboard,
  views: checkViews,
  look: checkLook,
  firefox: checkFirefox,
  pictures: checkPictures,
  runaways: checkRunaways,
  links: checkLinks,
  frames: checkFrames,
  policy: checkPolicy,
  large: checkLargeRun,
  benches: checkBenches,
  reports: checkReports,
  output: checkOutput,
} as const;

const unknown = Deno.args.find((name) => !Object.hasOwn(CHECKS, name));
if (unknown !== undefined) {
  console.error(`There is no check "${unknown}": ${Object.keys(CHECKS).join(", ")}`);
  Deno.exit(2);
}
const browser = await startBrowser();
if (browser === null) {
  console.error("Chromium is missing: these checks need it, for example from the package chromium");
  Deno.exit(2);
}
try {
  Deno.statSync(`${PAGES}/playground.html`);
} catch {
  console.error("The pages are not built: run `deno task web` first");
  Deno.exit(2);
}
const found = new Findings();
for (const [name, check] of Object.entries(CHECKS)) {
  if (Deno.args.length > 0 && !Deno.args.includes(name)) continue;
  console.log(`${name}`);
  await check(browser, found);
}
await browser.close();
console.log(found.failures === 0 ? "all held" : `${found.failures} failed`);
Deno.exit(found.failures === 0 ? 0 : 1);

/** Checks the sizes of the pages. */
function checkSizes(_browser: Browser, found: Findings): void {
  const playground = Deno.readFileSync(`${PAGES}/playground.html`);
  found.atMost(playground.length, 2_700_000, "the playground", "bytes");
  found.atMost(packedBytes(playground), 880_000, "the playground, as gzip", "bytes");
  found.atMost(
    Deno.statSync(`${PAGES}/report.html`).size,
    260_000,
    "a report without runs",
    "bytes",
  );
}
