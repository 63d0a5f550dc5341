/**
 * Checks the layout of the pages, for all examples, at four widths, light and dark, in Chromium and in
 * Firefox. Nothing overlaps, and no text is cut off without a way to read it. Texts have enough contrast, and
 * nothing scrolls sideways. The verdict is on the first screen, and the row of the current event is visible.
 */
import type { Browser } from "playwright-core";
import { scenariosBelow } from "@dmalab/tests";
import { type Findings, FIREFOX, goToEvent, openPage } from "./bench.ts";
import { type LookedAt, startFirefox } from "./firefox.ts";
import { reportOf } from "./report_checks.ts";

const WINDOWS = [[1440, 900], [1024, 768], [800, 700], [390, 844]] as const;

/** A scenario with a request of hundreds of pages, for the largest picture. */
const LARGE = "extensions/page/tests/web/large_request.dma";

/** Elements that are laid out side by side. */
const PANES = [
  "bar",
  "verdict",
  "runs",
  "timeline",
  "head-source",
  "tabs",
  "head-events",
  "source",
  "panels",
  "right",
  "addresses",
  "foot",
];

/** Script that runs in the page. @returns The mistakes, as text. */
const LOOK = `(() => {
  const out = [];
  const [width, height] = [innerWidth, innerHeight];
  const isSeen = (element) => {
    const { height, width } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  if (document.documentElement.scrollWidth > width) {
    out.push("the page scrolls sideways: " + document.documentElement.scrollWidth);
  }
  const panes = ${JSON.stringify(PANES)}.map((id) => document.getElementById(id)).filter(isSeen);
  for (const [index, pane] of panes.entries()) {
    const a = pane.getBoundingClientRect();
    if (a.right > width + 1 || a.bottom > height + 1 || a.left < -1) out.push(pane.id + " is outside");
    if (pane.id !== "tabs" && pane.scrollWidth > pane.clientWidth + 1 && pane.id !== "source") {
      out.push(pane.id + " scrolls sideways: " + pane.scrollWidth + " > " + pane.clientWidth);
    }
    for (const other of panes.slice(index + 1)) {
      if (pane.contains(other) || other.contains(pane)) continue;
      const b = other.getBoundingClientRect();
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1) out.push(pane.id + " and " + other.id + " overlap");
    }
  }
  for (const element of document.querySelectorAll("button, h1, h2, h3, p, code, dd, dt, td, .cut, .name, .rest")) {
    const { display, overflowX, textOverflow } = getComputedStyle(element);
    const isCut = element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 &&
      !["auto", "scroll"].includes(overflowX) && display !== "inline";
    if (!isCut || !isSeen(element) || element.id === "live" || element.closest(".cm-editor")) continue;
    const said = element.closest("[title]")?.title ?? "";
    const words = element.textContent.trim();
    if (textOverflow === "ellipsis" && said !== "") continue;
    if (element.matches(".item") && said !== "") continue;
    out.push("cut without a way to read it: " + element.tagName + "." + element.className + " " + words.slice(0, 40));
  }
  const tabs = document.getElementById("tabs");
  for (const tab of tabs.querySelectorAll("button")) {
    const { bottom, right } = tab.getBoundingClientRect();
    const box = tabs.getBoundingClientRect();
    if (width >= 720 && isSeen(tab) && (right > box.right + 1 || bottom > box.bottom + 1)) {
      out.push("tab out of sight: " + tab.textContent);
    }
  }
  for (const scroll of document.querySelectorAll(".scroll-x")) {
    if (!isSeen(scroll) || scroll.scrollWidth <= scroll.clientWidth + 1) continue;
    const panel = scroll.closest("[role=tabpanel]") ?? document.documentElement;
    // Its own scroll bar would have to be reached first, at its end.
    if (getComputedStyle(scroll).overflowX !== "visible" && scroll.clientHeight > panel.clientHeight) {
      out.push("columns behind a scroll bar out of sight");
    }
  }
  for (const root of document.querySelectorAll("svg.drawing")) {
    if (!isSeen(root)) continue;
    const box = root.getBoundingClientRect();
    const texts = [...root.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()])
      .filter(([, { width }]) => width > 0).sort(([, a], [, b]) => a.top - b.top);
    texts.forEach(([words, a], index) => {
      if (a.right > box.right + 2 || a.left < box.left - 2) out.push("outside of its drawing: " + words);
      for (const [others, b] of texts.slice(index + 1)) {
        if (b.top > a.bottom) break;
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 2 && down > 1) out.push("one over the other: " + words + " | " + others);
      }
    });
  }
  const channels = (colour) => {
    const numbers = colour.match(/[\\d.]+/g).map(Number);
    return numbers.length > 3 ? numbers : [...numbers, 1];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((each) => (each /= 255) <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (top, ground) => ground.map((each, index) => each * (1 - top[3]) + top[index] * top[3]);
  const groundOf = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      const colour = channels(getComputedStyle(each).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === "" || seen.has(element)) continue;
    seen.add(element);
    if (element.closest("script, style, svg, option, template, :disabled, #live") || !isSeen(element)) continue;
    const ground = groundOf(element);
    const ink = channels(getComputedStyle(element).color);
    const [one, other] = [luminance(over(ink, ground)), luminance(ground)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) out.push("contrast " + ratio.toFixed(2) + ": " + element.className + " " + element.textContent.slice(0, 30));
  }
  if (document.querySelector("#verdict h1").getBoundingClientRect().bottom > height / 2) out.push("the verdict is below the middle");
  if (!/^[✕!✓·] /u.test(document.title)) out.push("the title has no state: " + document.title);
  const row = document.querySelector("#events .row.here");
  if (row !== null && isSeen(row)) {
    const [a, b] = [row.getBoundingClientRect(), document.querySelector("#events .scroller").getBoundingClientRect()];
    if (a.top < b.top - 1 || a.bottom > b.bottom + 1) out.push("the current event is out of sight");
  } else if (isSeen(document.getElementById("events")) && document.getElementById("at").value !== "0") {
    out.push("no row is the current event's");
  }
  return [...new Set(out)];
})()`;

export async function checkLook(browser: Browser, found: Findings): Promise<void> {
  const { page, wrong } = await openPage(browser, "about:blank");
  await lookAt("Chromium", {
    errors: wrong,
    async open(url) {
      await page.goto(url);
      // The request that opens another file is in `wrong`, but it is not an error.
      wrong.length = 0;
    },
    resize: (width, height) => page.setViewportSize({ width, height }),
    evaluate: (expression) => page.evaluate(expression),
    close: () => page.context().close(),
  }, found);
}

export async function checkFirefox(_chromium: Browser, found: Findings): Promise<void> {
  if (FIREFOX === undefined) {
    return found.check(false, "Firefox is missing: the package firefox-esr has it");
  }
  await lookAt("Firefox", await startFirefox(), found);
}

async function untilTrue(page: LookedAt, expression: string): Promise<void> {
  for (let turn = 0; turn < 2000 && !await page.evaluate(expression); turn++) {
    await new Promise((done) => setTimeout(done, 30));
  }
}

async function lookAt(name: string, page: LookedAt, found: Findings): Promise<void> {
  let states = 0;
  const paths = [...scenariosBelow("examples"), LARGE];
  for (const path of paths) {
    const wrong: string[] = [];
    await page.open(`file://${await reportOf(path)}`);
    await untilTrue(page, "document.body.dataset.recorded !== undefined");
    for (const [width, height] of WINDOWS) {
      await page.resize(width, height);
      const tabs = width > 1200
        ? ["picture", "state"]
        : width > 720
        ? ["picture", "events", "addresses"]
        : ["picture", "events", "state", "source"];
      for (const scheme of ["light", "dark"] as const) {
        const isThere = await page.evaluate("document.documentElement.dataset.theme") === scheme;
        if (!isThere) await page.evaluate(`document.getElementById("theme").click()`);
        for (const tab of tabs) {
          await page.evaluate(`document.getElementById("tab-${tab}").click()`);
          const last = Number(await page.evaluate(`document.getElementById("at").max`));
          const seq = scheme === "light" ? last : Math.ceil(last / 2);
          await goToEvent(page, seq);
          const own = await page.evaluate(LOOK) as readonly string[];
          wrong.push(...own.map((each) => `${width} ${scheme} ${tab}: ${each}`));
          states++;
        }
      }
    }
    const all = [...wrong, ...page.errors];
    if (all.length > 0) {
      found.check(false, `${name}, ${path}: ${all.slice(0, 6).join("\n          ")}`);
    }
  }
  await page.close();
  found.fact(`${name}: ${states} states of ${paths.length} reports were looked at`);
}
