/**
 * Checks the playground in a frame of another page, and the restrictions of the playground's
 * policy.
 */
import type { Browser, Request } from "playwright-core";
import { join } from "node:path";
import { writeLink } from "../../page/share_link.ts";
import { type Findings, openPage, PAGES, PLAYGROUND, untilDone, untilShown } from "./bench.ts";

const TEXT = `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }
let buf = alloc_pages(1)
let a = dma_map_phys(ssd, buf, 4KiB, to_device)
dma_unmap_phys(ssd, a, 4KiB, to_device)
print "the first text"
`;

export async function checkFrames(browser: Browser, found: Findings): Promise<void> {
  const entry = "framed.dma";
  const shared = { files: { [entry]: TEXT }, entry, run: 0, at: null, view: null, seed: null };
  for (const form of ["read", "edit"] as const) {
    const outer = join(PAGES, `frame-${form}.html`);
    const url = `${PLAYGROUND}${await writeLink(shared)}&frame=${form}`;
    Deno.writeTextFileSync(
      outer,
      `<!doctype html><title>x</title><iframe width="1000" height="700" src="${url}"></iframe>`,
    );
    const { page, wrong } = await openPage(browser, `file://${outer}`);
    const frame = page.frames()[1]!;
    await untilDone(frame);
    const before = await frame.inputValue("#at");
    await frame.click("#back-event");
    const after = await frame.inputValue("#at");
    found.check(before !== after, `frame=${form}: steps go from ${before} to ${after}`);

    await frame.focus(".cm-content");
    await page.keyboard.press("Control+End");
    await page.keyboard.insertText('print "added"\n');
    // The page checks an edit only after a delay. Until then it shows the state of the earlier
    // text.
    await new Promise((done) => setTimeout(done, 300));
    await untilDone(frame);
    const printed = (await frame.textContent("#printed"))!;
    const isEdited = printed.includes("added");
    const canReplace = await frame.isVisible("#example");
    found.check(
      printed.includes("the first text") && isEdited === (form === "edit") &&
        canReplace === (form === "edit"),
      `frame=${form}: the text is ${isEdited ? "edited" : "as it was"}, others ${
        canReplace ? "can" : "cannot"
      } be chosen`,
    );
    const own = wrong.filter((each) => each !== `request ${PLAYGROUND}`);
    found.check(own.length === 0, `frame=${form}: no error, no request beyond the file ${own}`);
    await page.context().close();
  }
}

/**
 * Ways to load something into the page, or to send something out. Each returns whether it worked.
 */
const ATTEMPTS: readonly (readonly [what: string, code: string])[] = [
  ["fetch", `fetch("https://example.invalid/").then(() => true, () => false)`],
  ["fetch of a data URL", `fetch("data:text/plain,x").then(() => true, () => false)`],
  [
    "a socket",
    `new Promise((done) => {
    try {
      const socket = new WebSocket("wss://example.invalid/");
      socket.onopen = () => done(true);
      socket.onerror = () => done(false);
    } catch { done(false) }
  })`,
  ],
  ["an inline script", element("script", "textContent", "window.hit = 1")],
  ["a script of another place", element("script", "src", "https://example.invalid/x.js")],
  ["a script of a data URL", element("script", "src", "data:text/javascript,window.hit=1")],
  ["an image of another place", element("img", "src", "https://example.invalid/x.png")],
  ["a frame", element("iframe", "src", "https://example.invalid/")],
  [
    "a style of another place",
    `(() => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = "https://example.invalid/x.css";
    document.head.append(link);
  })()`,
  ],
  [
    "a handler in an attribute",
    `(() => {
    const button = document.createElement("button");
    button.setAttribute("onclick", "window.hit = 1");
    document.body.append(button);
    button.click();
  })()`,
  ],
];

function element(tag: string, property: string, value: string): string {
  return `document.body.append(Object.assign(document.createElement("${tag}"), {
    ${property}: ${JSON.stringify(value)}
  }))`;
}

/** Checks that the pages' policy blocks the network and all scripts but their own. */
export async function checkPolicy(browser: Browser, found: Findings): Promise<void> {
  for (const [what, code] of ATTEMPTS) {
    const { page } = await openPage(browser, PLAYGROUND);
    await untilShown(page);
    const requests: Request[] = [];
    page.on("request", (request) => requests.push(request));
    await page.evaluate(`{
      window.refused = [];
      addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        refused.push(effectiveDirective);
      });
    }`);
    const worked = await page.evaluate(code);
    await page.evaluate("new Promise((done) => setTimeout(done, 100))");
    const refused = await page.evaluate("refused") as readonly string[];
    const isHit = worked === true || await page.evaluate("window.hit !== undefined");
    const sent = requests.filter((request) => request.failure()?.errorText !== "csp")
      .map((request) => `${request.url()} ${request.failure()?.errorText}`);
    found.check(
      !isHit && refused.length > 0 && sent.length === 0,
      `the policy refuses ${what}: ${refused} ${sent}`,
    );
    await page.context().close();
  }
}
