/**
 * Checks the structure of ten pages: the verdict, the runs, the lanes, and the boxes of the picture
 * and of the strips, each described by its meaning. Unlike pixels, the structure does not depend on
 * fonts. `pictures.jsonl` contains structures that a person has checked; each change must be
 * checked by a person again. If the file is missing, the check writes it.
 */
import type { Browser } from "playwright-core";
import { type Findings, goToEvent, openPage, untilShown } from "./bench.ts";
import { reportOf } from "./report_checks.ts";

const PAGES = [
  "examples/start/01-first-look.dma",
  "examples/start/04-mask-and-limits.dma",
  "examples/api/01-two-step-basic.dma",
  "examples/api/05-sg-merge.dma",
  "examples/nvme/03-sgl.dma",
  "examples/nvme/06-doorbells-interrupts.dma",
  "examples/p2p/04-mixed-request.dma",
  "examples/p2p/07-provider-choice.dma",
  "examples/museum/10-swiotlb-2022.dma",
  "examples/processes/01-hmm-odp.dma",
];
const RECORD = new URL("./pictures.jsonl", import.meta.url);

/** Script that runs in the page. @returns The page's structure. */
const STRUCTURE = `(() => {
  const count = (root) => {
    const found = {};
    for (const shape of document.querySelectorAll(root + " .drawing :is(rect, line)")) {
      const look = shape.tagName + " " + shape.getAttribute("class").replace(/ ?marked/, "");
      found[look] = (found[look] ?? 0) + 1;
    }
    return Object.fromEntries(Object.entries(found).sort());
  };
  const texts = (root) => [...document.querySelectorAll(root)].map((element) =>
    element instanceof SVGElement ? element.firstChild.textContent : element.textContent);
  return {
    verdict: texts("#verdict h1 > *"),
    runs: texts("#runs .cut"),
    lanes: texts("#lanes text.dim").filter((text) => /[A-Za-z]/.test(text)),
    subjects: texts("#panel-picture .chips [aria-pressed=true]"),
    titles: texts("#panel-picture text.head"),
    picture: count("#panel-picture"),
    strips: texts("#addresses .strip-name"),
    used: count("#addresses"),
    selected: texts("#selected h3").map((text) => text.split(" ").slice(0, 3).join(" ")),
  };
})()`;

/** The recorded structures of all states, by the state's name. Each structure is one line. */
function recorded(): ReadonlyMap<string, string> | null {
  try {
    const lines = Deno.readTextFileSync(RECORD).trimEnd().split("\n");
    return new Map(lines.map((line) => [JSON.parse(line)[0], line]));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

export async function checkPictures(browser: Browser, found: Findings): Promise<void> {
  const known = recorded();
  const shown: string[] = [];
  for (const path of PAGES) {
    const { page, wrong } = await openPage(browser, `file://${await reportOf(path)}`, {
      viewport: { width: 1440, height: 900 },
    });
    await untilShown(page);
    const last = Number(await page.getAttribute("#at", "max"));
    for (const seq of [last, Math.ceil(last * 0.7)]) {
      await goToEvent(page, seq);
      const name = `${path} at ${seq}`;
      const is = JSON.stringify([name, await page.evaluate(STRUCTURE)]);
      const was = known?.get(name);
      shown.push(is);
      if (known !== null) {
        found.check(is === was, `${name} shows what it showed ${is === was ? "" : `${was} ${is}`}`);
      }
    }
    found.check(wrong.length === 0, `${path}: no error ${wrong}`);
    await page.context().close();
  }
  if (known !== null) return;
  Deno.writeTextFileSync(RECORD, `${shown.join("\n")}\n`);
  found.check(false, "pictures.jsonl was missing and has been written: look at the pages");
}
