/** Checks reports of all examples, opened from a disk: they must show exactly the recorded data. */
import type { Browser, Page } from "playwright-core";
import { join } from "node:path";
import { writeReport } from "../../cli/make_report.ts";
import { HostLoader, SignalWatch } from "@dmalab/cli";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { loadForDebugging } from "@dmalab/lang";
import { keepVariables, type Recording, recordRun, runsOf } from "@dmalab/recording";
import { type Program, runTitle } from "@dmalab/lang/run";
import { keptVariablesAt, rowTexts, tableAt, tableSizes } from "@dmalab/recording/views";
import { formatEventText } from "@dmalab/lang/render";
import { scenariosBelow } from "@dmalab/tests";
import {
  type Findings,
  goToEvent,
  openPage,
  PageClock,
  PAGES,
  untilShown,
  waitFor,
} from "./bench.ts";

const FOLDER = join(PAGES, "checked");
const POSITIONS = 20;
/** Number of steps that are measured together. */
const STEPS = 30;
/** Number of a table's rows that the page initially shows. */
const DISPLAYED_ROWS = 60;

/** Writes the report of a scenario. @returns Its path. */
export async function reportOf(path: string, name = path.replaceAll("/", "-")): Promise<string> {
  Deno.mkdirSync(FOLDER, { recursive: true });
  const target = join(FOLDER, `${name}.html`);
  const options = {
    only: "all",
    lenient: false,
    matches: [],
    seed: null,
    coverage: false,
    limits: DEFAULT_LIMITS,
  } as const;
  const said: string[] = [];
  const out = (text: string) => void said.push(text);
  const screen = { out, err: out, data: out, colour: false, columns: null, progress: () => {} };
  const { isWritten } = await writeReport(path, target, options, screen, new SignalWatch());
  if (!isWritten) throw new Error(said.join(""));
  return target;
}

export async function checkReports(browser: Browser, found: Findings): Promise<void> {
  const wrong: string[] = [];
  let [positions, values, random] = [0, 0, 12345];
  const draw = (most: number) => {
    random = (random * 1103515245 + 12345) % 2 ** 31;
    return random % most;
  };
  const examples = scenariosBelow("examples");
  for (const path of examples) {
    const file = await reportOf(path);
    const { page, wrong: own } = await openPage(browser, `file://${file}`);
    await untilShown(page);
    const names = await page.$$eval(
      "#runs button .cut",
      (titles) => titles.map(({ textContent }) => textContent ?? ""),
    );
    const recordings = recordingsOf(path);
    await page.click("#tab-state");
    for (let turn = 0; turn < POSITIONS; turn++) {
      const index = draw(names.length);
      await page.click(`#runs li:nth-child(${index + 1}) button`);
      const recording = recordings.find(({ name }) => names[index] === runTitle(name));
      if (recording === undefined) {
        wrong.push(`${path}: no run is called ${names[index]}`);
        continue;
      }
      const seq = draw(recording.log.count + 1);
      const same = await compare(page, recording, seq);
      values += same.values;
      positions++;
      if (same.wrong !== null) wrong.push(`${path} ${names[index]} at ${seq}: ${same.wrong}`);
    }
    wrong.push(...own.map((each) => `${path}: ${each}`));
    await page.context().close();
    found.check(wrong.length === 0, `${path} ${wrong.splice(0).join("\n")}`);
  }
  found.fact(
    `${examples.length} reports show the recordings' ${values} values at ${positions} positions`,
  );
}

/** Checks that a bench beside a test is in the list of runs and the verdict, and that its plot has a size. */
export async function checkBenches(browser: Browser, found: Findings): Promise<void> {
  const file = await reportOf("examples/bench/01-strict-over-lazy.dma");
  for (const viewport of [{ width: 1440, height: 900 }, { width: 800, height: 900 }]) {
    const { page, wrong } = await openPage(browser, `file://${file}`, { viewport });
    await untilShown(page);
    const listed = await page.locator("#runs .bench").count();
    const said = await page.textContent("#verdict") ?? "";
    await page.click("#runs .bench button");
    const height = await page.evaluate(
      `document.querySelector("#panel-output .plot").getBoundingClientRect().height`,
    ) as number;
    found.check(
      listed === 1 && said.includes("1 bench: ok; plots are in Output"),
      `${viewport.width} px: the bench is in the list and the verdict`,
    );
    found.check(height > 300, `${viewport.width} px: its plot is ${height} px high, above 300`);
    found.check(wrong.length === 0, `no error ${wrong}`);
    await page.context().close();
  }
}

/** Loads a scenario for recording. */
export function programOf(path: string): Program {
  const opened = HostLoader.open(path);
  if (typeof opened === "string") throw new Error(opened);
  return loadForDebugging(opened.entry, opened.loader).program!;
}

function recordingsOf(path: string): readonly Recording[] {
  const program = programOf(path);
  return runsOf(program).map((choice) => {
    const recording = recordRun(program, choice);
    keepVariables(recording, null);
    return recording;
  });
}

/** Compares the recording with the page: the tables and the event that the page shows. */
async function compare(page: Page, recording: Recording, seq: number) {
  await goToEvent(page, seq);
  const position = recording.afterEvent(seq);
  const shown = await page.evaluate(
    `[...document.querySelectorAll("#panel-state details")].map((each) => ({
    name: each.querySelector("summary b").textContent,
    rows: [...each.querySelectorAll("tbody tr:not(.gone)")].map((row) =>
      [...row.querySelectorAll("td")].slice(2).map((cell) => cell.firstChild?.textContent ?? "")),
  }))`,
  ) as readonly { readonly name: string; readonly rows: readonly (readonly string[])[] }[];
  const expected = tableSizes(recording, position).filter(({ rows }) => rows > 0).map((
    { name },
  ) => ({
    name,
    rows: tableAt(recording, name, position, { first: 0, count: DISPLAYED_ROWS }).rows.map(
      rowTexts,
    ),
  }));
  const variables = await page.evaluate(
    `[...document.querySelectorAll("#selected .variables dt")].map((each) =>
      [each.textContent, each.nextElementSibling.textContent])`,
  ) as readonly (readonly [string, string])[];
  const seen = keptVariablesAt(recording, position) ?? [];
  const full = shown.filter(({ rows }) => rows.length > 0);
  const values = expected.reduce((sum, { rows }) => sum + rows.flat().length, 1);
  const said = await page.textContent("#live");
  const event = seq === 0 ? null : formatEventText(recording.event(seq));
  if (JSON.stringify(full) !== JSON.stringify(expected)) {
    return {
      values,
      wrong: `tables ${JSON.stringify(full).slice(0, 300)} instead of ${
        JSON.stringify(expected).slice(0, 300)
      }`,
    };
  }
  if (JSON.stringify(variables) !== JSON.stringify(seen)) {
    return { values, wrong: `variables ${variables} instead of ${seen}` };
  }
  if (
    event !== null && !said!.includes(event) && !recording.isStatementStart(position) &&
    seq !== recording.log.count
  ) {
    return { values, wrong: `"${said}" instead of "${event}"` };
  }
  return { values, wrong: null };
}

const LARGE = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
let buf = alloc_pages(1)
for n in 0..12000 {
  let a = dma_map_phys(ssd, buf, 4KiB, to_device)
  dma_unmap_phys(ssd, a, 4KiB, to_device)
}
`;

/** Processor time of a frame in which some code runs. */
async function framesMs(page: Page, clock: PageClock, work: string): Promise<number> {
  const start = await clock.ms();
  for (let turn = 0; turn < STEPS; turn++) {
    await page.evaluate(work);
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => done()))");
  }
  return (await clock.ms() - start) / STEPS;
}

export async function checkLargeRun(browser: Browser, found: Findings): Promise<void> {
  Deno.mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, "large.dma");
  Deno.writeTextFileSync(path, LARGE);
  const file = await reportOf(path, "large");
  const { page, wrong } = await openPage(browser, "about:blank");
  const clock = await PageClock.of(browser);
  const before = await clock.ms();
  await page.goto(`file://${file}`);
  await untilShown(page);
  const opened = await clock.ms() - before;
  const byClock = await page.evaluate("performance.now()") as number;
  wrong.length = 0;
  const events = Number(await page.getAttribute("#at", "max"));
  found.fact(`a run of ${events} events`);
  const empty = Deno.statSync(join(PAGES, "report.html")).size;
  found.atMost((Deno.statSync(file).size - empty) / events, 8, "bytes an event", "bytes");
  found.atMost(opened, 2000, `its first screen (by the clock ${Math.round(byClock)})`, "ms");
  // Waits until the texts of the events have been prepared. The page prepares them while it is
  // idle.
  await new Promise((done) => setTimeout(done, 6000));
  for (const view of ["picture", "state", "output", "bytes", "diff"]) {
    await page.click(`#tab-${view}`);
    await goToEvent(page, Math.floor(events / 2));
    // An empty frame measures the cost of the browser and its driver.
    const frame = await framesMs(page, clock, "0");
    const step = await framesMs(page, clock, `document.getElementById("next-event").click()`);
    found.atMost(
      step - frame,
      50,
      `a step with timeline, events, addresses and ${view} (and ${Math.round(frame)} of a frame)`,
      "ms",
    );
  }
  for (const query of ["iommu.map", "0x4000_0", "ssd 4KiB"]) {
    const start = await clock.ms();
    await page.evaluate(`{
      const filter = document.getElementById("events-filter");
      filter.value = ${JSON.stringify(query)};
      filter.dispatchEvent(new Event("input"));
    }`);
    await waitFor(page, "!document.querySelector('#events .dim').textContent.includes('…')");
    found.atMost(await clock.ms() - start, 100, `the filter "${query}"`, "ms");
  }
  found.check(wrong.length === 0, `no error ${wrong}`);
  await page.context().close();
}
