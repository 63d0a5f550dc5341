/** Checks the pages' accessibility: axe in both themes, keyboard only, narrow and enlarged. */
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { type Findings, goToEvent, openPage, PLAYGROUND, untilShown, waitFor } from "./bench.ts";
import { reportOf } from "./report_checks.ts";

const VIEWS = ["picture", "state", "output", "bytes", "diff"] as const;
/** Views of a narrow window. Some of them have a separate place in a wide window. */
const NARROW_VIEWS = [...VIEWS, "events", "addresses", "source", "runs"] as const;

export async function checkViews(browser: Browser, found: Findings): Promise<void> {
  const report = await reportOf("examples/start/01-first-look.dma");
  for (const [name, url] of [["playground", PLAYGROUND], ["report", `file://${report}`]] as const) {
    for (const colorScheme of ["light", "dark"] as const) {
      const { page, wrong } = await openPage(browser, url, {
        colorScheme,
        reducedMotion: "reduce",
      });
      await untilShown(page);
      await page.keyboard.press("Escape");
      await page.click("#back-event");
      await page.evaluate(axe.source);
      for (const view of VIEWS) {
        await page.click(`#tab-${view}`);
        const serious = await seriousIn(page);
        found.check(
          serious.length === 0,
          `axe finds nothing serious: ${name}, ${view}, ${colorScheme} ${serious.join("; ")}`,
        );
      }
      await page.click("#help");
      const keys = await seriousIn(page);
      found.check(
        keys.length === 0,
        `axe finds nothing serious: ${name}, keys, ${colorScheme} ${keys.join("; ")}`,
      );
      found.check(wrong.length === 0, `no error of the page ${wrong}`);
      await page.context().close();
    }
    for (const [what, width, height] of [["360 px", 360, 740], ["200 %", 720, 450]] as const) {
      const { page } = await openPage(browser, url, { viewport: { width, height } });
      await untilShown(page);
      for (const view of width < 640 ? NARROW_VIEWS : VIEWS) {
        await page.click(`#tab-${view}`);
        const beyond = await page.evaluate(
          "document.documentElement.scrollWidth - innerWidth",
        ) as number;
        found.atMost(beyond, 0, `${name} at ${what}, ${view}: pixels beyond the side`, "px");
      }
      await page.context().close();
    }
  }
}

/**
 * Checks three actions in each view: pointing at an item marks the items for the same object in
 * other views, Enter goes to the item's event, and `u` returns.
 */
async function checkMarks(browser: Browser, found: Findings): Promise<void> {
  const { page } = await openPage(browser, PLAYGROUND);
  await untilShown(page);
  const position = () => page.inputValue("#at");
  for (const [index, view] of VIEWS.entries()) {
    // The output of the command line is not linked to events.
    if (view === "output") continue;
    await page.evaluate("document.activeElement.blur()");
    await page.keyboard.press("Home");
    await goToEvent(page, 100);
    const before = await position();
    await page.keyboard.press(`${index + 1}`);
    // The buttons that choose the picture's subject come before its shapes.
    const items = view === "picture" ? ".drawing [data-item]" : "[data-item]";
    await page.focus(`#panel-${view} ${items} >> nth=0`);
    const marked = await page.locator("main .marked").count();
    await page.keyboard.press("Enter");
    const there = await position();
    await page.keyboard.press("u");
    found.check(
      marked > 1 && there !== before && await position() === before,
      `${view}: an item marks ${marked} places, Enter goes from ${before} to ${there}, u comes back`,
    );
  }
  await page.context().close();
}

/** Goes to an event of a block that ran on a separate machine, and back. */
async function checkBlocks(browser: Browser, found: Findings): Promise<void> {
  const report = await reportOf("examples/api/06-sg-to-two-step.dma");
  const { page, wrong } = await openPage(browser, `file://${report}`);
  await untilShown(page);
  // The test's own machine has no events; the machines of the blocks have events.
  await page.click("#runs li:first-child button");
  const position = async () =>
    `${await page.textContent("#position")} ${await page.inputValue("#at")}`;
  const before = await position();
  const hint = await page.textContent("#panel-picture") ?? "";
  await page.click("#tab-diff");
  // The first two blocks are compared without a choice.
  await page.waitForSelector("#panel-diff .beside");
  const sides = [await page.inputValue("#diff-from"), await page.inputValue("#diff-to")];
  found.check(
    hint.includes("Differences compares them") && sides.join() === "side 0,side 1",
    `the picture of a run that only forks leads to Differences, which compares its blocks ${sides}`,
  );
  await page.focus("#panel-diff .beside tr:last-child [data-item] >> nth=-1");
  const event = (await page.evaluate("document.activeElement.textContent") as string).split(" ")[0];
  await page.keyboard.press("Enter");
  const there = (await position())!;
  const isSame = await page.inputValue("#diff-to") === "side 1";
  await page.keyboard.press("u");
  found.check(
    there.includes("[fork: second]") && there.endsWith(` ${event}`) && isSame &&
      await position() === before,
    `Enter goes from ${before} to event ${event} of a block, ${there}, u comes back`,
  );
  found.check(wrong.length === 0, `no error of the page ${wrong}`);
  await page.context().close();
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

async function seriousIn(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate("axe.run()") as AxeResults;
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 2).map(({ html }) => html.slice(0, 120))}`);
}

/** Goes from an example to a link, using only the keyboard. */
export async function checkKeyboard(browser: Browser, found: Findings): Promise<void> {
  const { page, wrong } = await openPage(browser, PLAYGROUND);
  await untilShown(page);
  const press = async (...keys: readonly string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const active = () =>
    page.evaluate(
      `document.activeElement.id || document.activeElement.getAttribute("class") || ""`,
    ) as Promise<string>;
  const tabTo = async (id: string, key = "Tab") => {
    for (let turn = 0; turn < 60 && !(await active()).includes(id); turn++) await press(key);
    found.check((await active()).includes(id), `Tab leads to ${id}`);
  };
  await press("Tab");
  found.check(
    await page.evaluate(`document.activeElement.closest("#verdict") !== null`) as boolean,
    "the first Tab leads to what the verdict offers",
  );
  await tabTo("example");
  await press("ArrowDown", "ArrowDown");
  await waitFor(page, `document.getElementById("printed").textContent.includes("03-directions")`);
  await tabTo("cm-content");
  await page.keyboard.type("# mine");
  await press("Tab");
  found.check(!(await active()).includes("cm-content"), "Tab leaves the editor");
  await waitFor(page, `!document.body.classList.contains("old")`);
  await tabTo("tab-");
  await press("ArrowRight");
  found.check((await active()).includes("tab-state"), "the arrows go from tab to tab");
  let last = "";
  const silent: string[] = [];
  await page.evaluate("document.activeElement.blur()");
  const moves = ["Home", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft", "End", "ArrowUp"];
  for (const key of moves) {
    await press(key);
    const said = (await page.textContent("#live"))!;
    if (said === last || said === "" || said.includes("\n")) silent.push(`${key}: ${said}`);
    last = said;
  }
  found.check(silent.length === 0, `each of ${moves.length} moves is said in a sentence ${silent}`);
  await page.focus("#events .item >> nth=0");
  await press("ArrowDown", "Enter");
  const live = (await page.textContent("#live"))!;
  found.check(live.startsWith("Event "), `Enter on an entry goes to its event: ${live}`);
  await tabTo("share", "Shift+Tab");
  await press("Enter");
  await waitFor(page, `location.hash.startsWith("#d1=")`);
  found.check(wrong.length === 0, `from an example to a link with the keyboard alone ${wrong}`);
  await page.context().close();
  await checkMarks(browser, found);
  await checkBlocks(browser, found);
}
