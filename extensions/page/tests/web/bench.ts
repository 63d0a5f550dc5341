/** A browser for the checks of the pages, and the reporting of results. */
import {
  type Browser,
  type BrowserContextOptions,
  type CDPSession,
  chromium,
  type Frame,
  type Page,
} from "playwright-core";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import type { LookedAt } from "./firefox.ts";

/** Paths of the browser on Debian and other systems. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const PAGES = join(ROOT, "dist/web");
export const PLAYGROUND = `file://${PAGES}/playground.html`;

/** The results of the checks; an exceeded bound is a failure. */
export class Findings {
  failures = 0;

  fact(text: string): void {
    console.log(`ok      ${text}`);
  }

  /** Records whether a condition holds. */
  check(holds: boolean, text: string): void {
    if (holds) return this.fact(text);
    this.failures++;
    console.log(`FAILED  ${text}`);
  }

  /** Records a number and its upper bound. */
  atMost(value: number, most: number, what: string, unit: string): void {
    this.check(value <= most, `${what}: ${Math.round(value * 10) / 10} ${unit}, at most ${most}`);
  }
}

function firstFile(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Path of Firefox; undefined if it is not installed. */
export const FIREFOX = firstFile(["/usr/bin/firefox-esr", "/usr/bin/firefox"]);

/** Starts the browser; null if it is not installed. */
export async function startBrowser(): Promise<Browser | null> {
  const executablePath = firstFile(PLACES);
  if (executablePath === undefined) return null;
  return await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** A page with all errors that occurred on it. */
export interface WatchedPage {
  readonly page: Page;
  /**
   * Errors of the console and of scripts, and wrong requests: the page may only request its own
   * file and its own worker.
   */
  readonly wrong: string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1300, height: 850 }, ...options });
  const page = await context.newPage();
  const wrong: string[] = [];
  page.on("console", (line) => line.type() === "error" && wrong.push(line.text()));
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("dialog", (dialog) => {
    wrong.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  const own = url.split("#")[0]!;
  page.on("request", (request) => {
    const target = request.url().split("#")[0]!;
    if (target !== own && !target.startsWith("blob:")) wrong.push(`request ${target}`);
  });
  await page.goto(url);
  return { page, wrong };
}

/** Waits until a run has finished. */
export async function untilDone(page: Page | Frame, timeout = 60_000): Promise<void> {
  await waitFor(
    page,
    `document.getElementById("state").textContent.startsWith("exit code")`,
    timeout,
  );
}

/** Replaces the text in the editor like a user's edit. */
export async function writeText(page: Page, text: string): Promise<void> {
  await page.evaluate(`document.getElementById("state").textContent = ""`);
  await page.focus(".cm-content");
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
}

/**
 * The link that shares the text in the editor. It has the whole text; the editor draws only the
 * visible part.
 */
export async function sharedText(page: Page): Promise<string> {
  await page.click("#share");
  await waitFor(page, `location.hash.startsWith("#d1=")`);
  return await page.evaluate("location.hash");
}

/**
 * Waits until an expression is true in the page. Functions of libraries cannot be used for this,
 * because the page's policy forbids evaluating text as code.
 */
export async function waitFor(
  page: Page | Frame,
  expression: string,
  timeoutMs = 60_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!await page.evaluate(expression)) {
    if (Date.now() > end) throw new Error(`The page never had ${expression}`);
    await new Promise((done) => setTimeout(done, 30));
  }
}

export async function goToEvent(page: Pick<LookedAt, "evaluate">, seq: number): Promise<void> {
  await page.evaluate(`(() => {
    const at = document.getElementById("at");
    at.value = ${seq};
    at.dispatchEvent(new Event("change"));
  })()`);
}

/** Waits until a run is shown. */
export async function untilShown(page: Page): Promise<void> {
  await waitFor(page, "document.body.dataset.recorded !== undefined");
}

/** The processor time of the pages, which is independent of the host's other load. */
export class PageClock {
  private constructor(private readonly session: CDPSession) {}

  static async of(browser: Browser): Promise<PageClock> {
    return new PageClock(await browser.newBrowserCDPSession());
  }

  /** Milliseconds of processor time of the pages' processes so far. */
  async ms(): Promise<number> {
    const { processInfo } = await this.session.send("SystemInfo.getProcessInfo");
    return processInfo.filter(({ type }) => type === "renderer")
      .reduce((sum, { cpuTime }) => sum + 1000 * cpuTime, 0);
  }
}
