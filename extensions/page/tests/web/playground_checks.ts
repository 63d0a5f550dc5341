/** Checks the playground: its output, its speed, its behaviour with endless runs, and its links. */
import type { Browser, Page } from "playwright-core";
import { examplesOf } from "../../page/built_in_files.ts";
import { readLink, writeLink } from "../../page/share_link.ts";
import { playgroundData } from "@dmalab/tools/developers";
import { recordRun, runsOf } from "@dmalab/recording";
import { ROOT } from "@dmalab/tests";
import { programOf } from "./report_checks.ts";
import {
  type Findings,
  openPage,
  PageClock,
  PLAYGROUND,
  sharedText,
  untilDone,
  untilShown,
  waitFor,
  writeText,
} from "./bench.ts";

/**
 * Output of the command line for a file and its benches, with both output streams combined. Also
 * the exit code.
 */
function commandLine(path: string): string {
  const command = new Deno.Command("sh", {
    args: [
      "-c",
      `"$0" run --no-prompt -R bin/main.ts run "$1" 2>&1; code=$?
      if grep -q "^bench " "$1"; then echo; "$0" run --no-prompt -R bin/main.ts bench "$1" 2>&1; fi
      echo "exit code $code"`,
      Deno.execPath(),
      path,
    ],
    cwd: ROOT,
    stdout: "piped",
  });
  return new TextDecoder().decode(command.outputSync().stdout);
}

export async function checkOutput(browser: Browser, found: Findings): Promise<void> {
  const { page, wrong } = await openPage(browser, PLAYGROUND);
  await untilShown(page);
  const byClock = Math.round(await page.evaluate("performance.now()") as number);
  const clock = await PageClock.of(browser);
  // Processor time since the page was requested.
  found.atMost(await clock.ms(), 1500, `the playground is ready (by the clock ${byClock})`, "ms");
  const examples = examplesOf(playgroundData());
  const different: string[] = [];
  const late: string[] = [];
  let [compared, timed, slowest] = [0, 0, 0];
  for (const path of examples) {
    await page.evaluate(`document.getElementById("state").textContent = ""`);
    await page.selectOption("#example", path);
    await untilDone(page);
    const needsC = (await page.textContent("#message"))!.includes("cannot compile C") &&
      await page.isVisible("#message");
    if (path.startsWith("extensions/c_drivers/drivers/")) {
      if (!needsC && /\.c"/.test(playgroundData().files[path]!)) {
        different.push(`${path} says nothing of C`);
      }
      continue;
    }
    const printed = await page.textContent("#printed");
    const state = await page.textContent("#state");
    compared++;
    const isSame = `${printed}${state}\n` === commandLine(path);
    if (!isSame) different.push(path);
    const { clockMs, doneMs, processorMs } = await editMs(page, clock);
    // Both times are upper bounds of the time of the work, so the smaller one is used: wall time
    // includes the host's other load, and processor time adds up parallel threads.
    const ms = Math.min(clockMs, processorMs);
    const events = eventsOf(path);
    console.log(
      `        ${path} ${isSame ? "same" : "other"}, ${events} events, panes after an edit ${
        Math.round(clockMs)
      } ms by the clock, ${Math.round(processorMs)} ms of processors, output ${Math.round(doneMs)}`,
    );
    if (events >= 1000) continue;
    timed++;
    slowest = Math.max(slowest, ms);
    if (ms > 150) late.push(`${path} ${Math.round(ms)} ms`);
  }
  found.check(
    different.length === 0,
    `${compared} examples print what the command line prints ${different}`,
  );
  found.check(
    late.length === 0,
    `after an edit all panes of ${timed} examples are new within 150 ms, the slowest after ${
      Math.round(slowest)
    } ${late.join(", ")}`,
  );
  found.check(wrong.length === 0, `no error, and no request beyond the file ${wrong}`);
  await page.context().close();
}

/**
 * Delay that is part of each edit, because the page waits after the last key before it checks the
 * text.
 */
const EDIT_PAUSE_MS = 30;
/**
 * Number of edits that are made before the measured ones. A freshly loaded script is slow, and a
 * user does not reload the script with each key.
 */
const WARM_EDITS = 3;
const MEASURED_EDITS = 3;

/** Number of events of the run that the page shows, including its blocks on separate machines. */
function eventsOf(path: string): number {
  const program = programOf(path);
  const { log, childRuns } = recordRun(program, runsOf(program)[0]!, { sides: true });
  return childRuns.reduce((sum, { open }) => sum + open().log.count, log.count);
}

/**
 * Script that runs in the page. It records when a key is pressed, and when the resulting run has
 * been painted.
 */
const NOTE_EDITS = `
addEventListener("keydown", ({ timeStamp }) => {
  window.keyAt = timeStamp;
  window.paintedAt = null;
}, true);
new MutationObserver(() => {
  if (document.body.classList.contains("old")) return;
  requestAnimationFrame(() => setTimeout(() => window.paintedAt ??= performance.now()));
}).observe(document.body, { attributes: true })`;

interface EditTimes {
  /** Wall time from a key to the frame with all panes updated. */
  readonly clockMs: number;
  /** Processor time of all threads from the key to that frame, plus the delay of the edit. */
  readonly processorMs: number;
  /** Wall time from a key to the complete output. */
  readonly doneMs: number;
}

/** The median of several edits. */
async function editMs(page: Page, clock: PageClock): Promise<EditTimes> {
  await page.focus(".cm-content");
  await page.keyboard.press("Control+End");
  await page.evaluate(NOTE_EDITS);
  const edits: EditTimes[] = [];
  for (let turn = 0; turn < WARM_EDITS + MEASURED_EDITS; turn++) {
    await page.evaluate(`document.getElementById("state").textContent = ""`);
    const start = await clock.ms();
    await page.keyboard.type(" ");
    await waitFor(page, "window.paintedAt !== null");
    const processorMs = await clock.ms() - start + EDIT_PAUSE_MS;
    const clockMs = await page.evaluate("paintedAt - keyAt") as number;
    await untilDone(page);
    edits.push({ clockMs, processorMs, doneMs: await clock.ms() - start + EDIT_PAUSE_MS });
  }
  // Makes the text an unedited example again, so that the next example replaces it without
  // confirmation.
  await page.reload();
  await untilShown(page);
  const measured = edits.slice(WARM_EDITS);
  const middle = (name: keyof EditTimes) =>
    measured.map((each) => each[name]).sort((one, other) => one - other)[MEASURED_EDITS >> 1]!;
  return {
    clockMs: middle("clockMs"),
    processorMs: middle("processorMs"),
    doneMs: middle("doneMs"),
  };
}

const RUNAWAYS: readonly (readonly [name: string, text: string, code: string])[] = [
  // Either limit may apply, steps or time: it depends on the host's speed.
  ["a loop without an end", "while true { }", "E080[16]"],
  ["a million lines", "for n in 0..1000000 { print n }", "E0804"],
  [
    "10 GiB of memory",
    'let all = ["x"]\nfor n in 0..40 { all = all + all }',
    "E0802",
  ],
  ["a million nested calls", "fn f(n) { return f(n + 1) }\nprint f(0)", "E0803"],
];

/** The page's verdict on its run, and the time until it appears. */
async function answer(page: Page): Promise<{ readonly state: string; readonly ms: number }> {
  const start = performance.now();
  const state = await page.evaluate(
    `new Promise((done) => setTimeout(() => done(document.getElementById("state").textContent)))`,
  ) as string;
  return { state, ms: performance.now() - start };
}

/**
 * Checks two texts. For a text with an error, the page says above the previous run that the text
 * has an error. For an empty text, the page shows no run.
 */
async function checkStale(browser: Browser, found: Findings): Promise<void> {
  const { page, wrong } = await openPage(browser, PLAYGROUND);
  await untilDone(page);
  await writeText(page, "let = 3");
  await untilDone(page);
  const verdict = await page.textContent("#verdict h1");
  const opacity = await page.evaluate(`getComputedStyle(document.body).opacity`);
  found.check(
    verdict!.includes("✕ 1 ERROR") && opacity === "1" && await page.isVisible("#stale"),
    `a text with an error: ${verdict}, the views are said to be older`,
  );
  await writeText(page, " ");
  await untilDone(page);
  const left = await page.evaluate(`document.querySelectorAll("svg, #events .row").length`);
  found.check(left === 0, `an empty text leaves ${left} drawings: ${await page.title()}`);
  found.check(wrong.length === 0, `no error of the page ${wrong}`);
  await page.context().close();
}

export async function checkRunaways(browser: Browser, found: Findings): Promise<void> {
  await checkStale(browser, found);
  const { page, wrong } = await openPage(browser, PLAYGROUND);
  await untilDone(page);
  const other = await openPage(browser, PLAYGROUND);
  await untilDone(other.page);
  for (const [name, text, code] of RUNAWAYS) {
    await writeText(page, text);
    let [slowest, idle] = [0, 0];
    const end = Date.now() + 40_000;
    let state = "";
    while (!state.startsWith("exit code") && Date.now() < end) {
      idle = Math.max(idle, (await answer(other.page)).ms);
      const own = await answer(page);
      slowest = Math.max(slowest, own.ms);
      state = own.state;
      await new Promise((done) => setTimeout(done, 20));
    }
    const printed = (await page.textContent("#printed"))!;
    found.check(
      state === "exit code 3" && new RegExp(`error\\[${code}\\]`).test(printed),
      `${name} ends with ${code}, ${state}`,
    );
    // The time is compared with that of an idle page, because on a busy machine an idle page is
    // slow, too.
    found.check(
      slowest <= Math.max(100, 1.5 * idle),
      `meanwhile the page answers: ${Math.round(slowest)} ms, at most 100, an idle page ${
        Math.round(idle)
      }`,
    );
  }
  found.check(wrong.length === 0, `no error of the page ${wrong}`);
  await page.context().close();
}

export async function checkLinks(browser: Browser, found: Findings): Promise<void> {
  const data = playgroundData();
  const { files } = data;
  const examples = examplesOf(data);
  let longest = 0;
  const changed: string[] = [];
  for (const entry of examples) {
    const shared = {
      files: { [entry]: files[entry]! },
      entry,
      run: 1,
      at: [7, 2],
      view: "state",
      seed: null,
    } as const;
    const link = await writeLink(shared);
    if (!entry.startsWith("extensions/c_drivers/drivers/")) {
      longest = Math.max(longest, link.length);
    }
    const read = await readLink(link);
    if (JSON.stringify(read) !== JSON.stringify({ shared, frame: null })) changed.push(entry);
  }
  found.check(
    changed.length === 0,
    `links of ${examples.length} scenarios come back as they were ${changed}`,
  );
  found.atMost(longest, 8000, "the longest link of an example", "characters");

  const { page, wrong } = await openPage(browser, PLAYGROUND);
  await untilDone(page);
  const link = await sharedText(page);
  const whole = await readLink(link);
  found.check(whole !== null && "shared" in whole, "Share puts a link into the address");
  const bad = [
    link.slice(0, 60),
    link.replace("#d1", "#d9"),
    "#d1=%00",
    "#<script>alert(1)</script>",
    `${link}&frame=x`,
  ];
  for (const hash of bad) {
    const { page: other, wrong: own } = await openPage(browser, `${PLAYGROUND}${hash}`);
    await untilDone(other);
    const message = await other.textContent("#message span");
    found.check(
      await other.isVisible("#message") && own.length === 0,
      `a bad link gives a message: ${message} ${own}`,
    );
    await other.context().close();
  }
  await checkHostile(browser, found);
  found.check(wrong.length === 0, `no error of the page ${wrong}`);
  await page.context().close();
}

/** Texts that would have an effect if they were interpreted as markup or code. */
const HOSTILE: readonly string[] = [
  "<script>window.hit = 1</script>",
  "<img src=x onerror='window.hit = 1'>",
  "<svg onload='window.hit = 1'>",
  "<iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
  "</script><script>window.hit = 1</script>",
  "</pre><b onmouseover='window.hit = 1'>x</b>",
  "<style>* { display: none }</style>",
  "<a href='javascript:window.hit = 1'>x</a>",
  "<body onload='window.hit = 1'>",
  "<input autofocus onfocus='window.hit = 1'>",
  "<details open ontoggle='window.hit = 1'>",
  "<video><source onerror='window.hit = 1'></video>",
  "<meta http-equiv='refresh' content='0;url=about:blank'>",
  "<base href='https://example.invalid/'>",
  "<form action='https://example.invalid/'><button>x</button></form>",
  "<link rel='stylesheet' href='https://example.invalid/x.css'>",
  "<object data='https://example.invalid/'></object>",
  "<embed src='https://example.invalid/'>",
  "<template><script>window.hit = 1</script></template>",
  "{{constructor.constructor('window.hit = 1')()}}",
  "${window.hit = 1}",
  "<!-- --><script>window.hit = 1</script>",
  "<![CDATA[<script>window.hit = 1</script>]]>",
  "&lt;script&gt;window.hit = 1&lt;/script&gt;",
  "\u202e<script>window.hit = 1</script>",
  "<math><mtext><img src=x onerror='window.hit = 1'></mtext></math>",
  '"><script>window.hit = 1</script>',
  "' onclick='window.hit = 1' x='",
  "<marquee onstart='window.hit = 1'>",
  "\u0000<script>window.hit = 1</script>",
];

async function checkHostile(browser: Browser, found: Findings): Promise<void> {
  const hit: string[] = [];
  for (const hostile of HOSTILE) {
    const text = `test ${JSON.stringify(hostile)} {\n  print "${
      hostile.replaceAll("\\", "").replaceAll('"', "'")
    }"\n  assert 1 == 2, "x"\n}\n${hostile}\n`;
    const entry = `${hostile.slice(0, 20)}.dma`;
    const shared = { files: { [entry]: text }, entry, run: 0, at: null, view: null, seed: null };
    const { page, wrong } = await openPage(browser, `${PLAYGROUND}${await writeLink(shared)}`);
    await untilDone(page);
    const good = `test ${JSON.stringify("x")} { print "${
      hostile.replaceAll(/["\\]/g, "'")
    }" assert 1 == 2 }`;
    await writeText(page, good.replace(" assert", "\n assert"));
    await untilDone(page);
    await page.hover("#source");
    const isHit = await page.evaluate(
      `window.hit !== undefined || document.querySelectorAll("main :is(script, img, iframe, object, embed, video, form, base, meta, link, template, style)").length > 0`,
    );
    if (isHit || wrong.length > 0) hit.push(`${hostile} ${wrong}`);
    await page.context().close();
  }
  found.check(hit.length === 0, `${HOSTILE.length} hostile texts stay text ${hit.join(", ")}`);
}
