/**
 * `deno task script test-vscode [PICTURES]`: tests the extension in a real VS Code, in a real
 * browser.
 *
 * Installs code-server into the cache folder if it is missing. If a folder is given as argument,
 * screenshots of the editor and of the debugger are written to that folder.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "@dmalab/tests";
import { installCodeServer } from "./code_server.ts";
import { Workbench } from "./workbench.ts";

const SCENARIO = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { queues = 1, depth = 32 } } }
}

fn pages_of(size) {
  return size / 4KiB
}

test "passes" {
  let buf = alloc_pages(pages_of(8KiB))
  let io = ssd.submit(write, lba: 0, from: buf)
  wait io
  assert io.status == OK
}

test "fails" {
  assert pages_of(8KiB) == 3
}
`;

const BROKEN = `let payload = 4KiB
print payloat
print payload
`;

const PORT = 18_080;
/** Time limit for the start of an editor, on a loaded machine. */
const START_MS = 300_000;
/**
 * Wait that shows that no server was started. A started server would have marked a mistake after
 * this time.
 */
const QUIET_MS = 20_000;

/**
 * The file that a foreign program creates if it is started. `HOSTILE` is a repository that
 * configures this program in every possible way.
 */
const STOLEN = join(Deno.makeTempDirSync(), "stolen");
const THIEF = ["sh", "-c", `echo > ${STOLEN}`];
const HOSTILE = {
  ".vscode/settings.json": JSON.stringify({
    "dmalab.command": THIEF,
    "dmalab": { command: THIEF },
    "[dma]": { "dmalab.command": THIEF },
    "security.workspace.trust.enabled": false,
  }),
};

type Step = readonly [name: string, run: (timeTravel: Workbench) => Promise<void>];

const STEPS: readonly Step[] = [
  ["tokens are coloured", async (timeTravel) => {
    await timeTravel.until("`let` in another colour than a name", async () => {
      const keyword = await timeTravel.colourOf("let");
      return keyword !== null && keyword !== await timeTravel.colourOf("payload");
    });
  }],
  ["a mistake has a squiggle, and its quick fix is applied", async (timeTravel) => {
    const { page } = timeTravel;
    // When the mistake is marked, the extensions and the server have started.
    await page.waitForSelector(".squiggly-error", { timeout: START_MS });
    await timeTravel.moveTo(2, 8);
    await timeTravel.until("the list of quick fixes", async () => {
      // The key is pressed repeatedly. If the server is busy, the editor does not wait for it, and
      // shows no quick fixes.
      await page.keyboard.press("Control+.");
      const list = page.locator(".action-widget .monaco-list-row").first();
      return await list.waitFor({ timeout: 5000 }).then(() => true, () => false);
    });
    await page.locator(".action-widget .monaco-list-row", { hasText: "payload" }).first().click();
    await timeTravel.until(
      "the fixed line",
      async () => (await timeTravel.lines())[1] === "print payload",
    );
    await timeTravel.until(
      "no squiggle",
      async () => await page.locator(".squiggly-error").count() === 0,
    );
  }],
  ["the settings of the repository have started nothing", () => {
    if (existsSync(STOLEN)) throw new Error("its program was started");
    return Promise.resolve();
  }],
  ["hover describes a name", async (timeTravel) => {
    await timeTravel.moveTo(3, 9);
    await timeTravel.command("Show or Focus Hover");
    await timeTravel.page.locator(".monaco-hover", { hasText: "let payload: a size" }).first()
      .waitFor();
    await timeTravel.page.keyboard.press("Escape");
  }],
  ["completion offers names", async (timeTravel) => {
    const { page } = timeTravel;
    await timeTravel.moveTo(3, 14);
    await page.keyboard.press("Enter");
    // With a delay, because the editor offers completions only for typed text.
    await page.keyboard.type("print alloc_pag", { delay: 80 });
    await page.locator(".suggest-widget .monaco-list-row", { hasText: "alloc_pages" }).first()
      .waitFor();
    await page.keyboard.press("Tab");
    await timeTravel.until(
      "the completed word",
      async () => (await timeTravel.lines())[3] === "print alloc_pages",
    );
    await page.keyboard.type("(1)");
  }],
  ["rename changes every place", async (timeTravel) => {
    const { page } = timeTravel;
    await timeTravel.moveTo(1, 6);
    await page.keyboard.press("F2");
    const box = page.locator(".rename-box input:focus");
    await box.waitFor();
    await box.fill("size");
    await page.keyboard.press("Enter");
    await timeTravel.until("the new name everywhere", async () => {
      const [first, second, third] = await timeTravel.lines();
      return first === "let size = 4KiB" && second === "print size" && third === "print size";
    });
    await page.keyboard.press("Control+s");
  }],
  ["the test explorer has a green and a red test", async (timeTravel) => {
    const { page } = timeTravel;
    await timeTravel.openFile("scenario.dma");
    await page.locator(".codelens-decoration a", { hasText: "Run" }).first().waitFor();
    await timeTravel.command("Test: Run All Tests");
    await page.locator(".glyph-margin-widgets .codicon-testing-passed-icon").first().waitFor();
    await page.locator(".glyph-margin-widgets .codicon-testing-failed-icon").first().waitFor();
  }],
  ["values of the last run stand behind the statements", async (timeTravel) => {
    await timeTravel.openFile("scenario.dma");
    await timeTravel.until(
      "the value of a variable",
      async () =>
        (await timeTravel.lines()).some((line) => line.includes("= buffer of 8KiB at 0x")),
    );
    await timeTravel.until(
      "no value below the badge of the failed test",
      async () => !(await timeTravel.lines()).some((line) => line.includes("pages_of(8KiB) = 2")),
    );
  }],
  [
    "the page of the views opens beside the text, follows the cursor and marks its line",
    async (timeTravel) => {
      const { page } = timeTravel;
      await page.locator(".codelens-decoration a", { hasText: "Report" }).first().click();
      const views = page.frameLocator("iframe.webview.ready").frameLocator("#active-frame");
      const shown = (text: string) =>
        timeTravel.until(
          `the page at \`${text}\``,
          async () => (await views.locator("#live").textContent())?.includes(text) === true,
        );
      await shown("scenario.dma:11");
      await timeTravel.moveTo(13, 3);
      await shown("scenario.dma:13");
      await timeTravel.moveTo(18, 3);
      await shown("scenario.dma:18");
      await views.locator("#tab-runs").click();
      await views.locator("#panel-runs button", { hasText: "passes" }).click();
      await views.locator("#foot-first").click();
      await views.locator("#tab-runs").press("ArrowDown");
      await shown("scenario.dma:11");
      await timeTravel.until(
        "the line of the page marked in the text",
        async () => await page.locator(".editor-instance .view-overlays .cdr").count() > 0,
      );
    },
  ],
  ["debugging stops at a breakpoint, steps back and shows a variable", async (timeTravel) => {
    const { page } = timeTravel;
    await timeTravel.command("View: Close All Editors");
    await timeTravel.openFile("scenario.dma");
    await timeTravel.moveTo(13, 3);
    await page.keyboard.press("F9");
    await page.locator(".codicon-debug-breakpoint").first().waitFor();
    await page.locator(".codelens-decoration a", { hasText: "Debug" }).first().click();
    await page.waitForSelector(".debug-toolbar .codicon-debug-step-back");
    await stoppedAt(timeTravel, "let buf = alloc_pages");
    await page.keyboard.press("F5");
    await stoppedAt(timeTravel, "wait io");
    await page.locator(".debug-toolbar .codicon-debug-step-back").click();
    await stoppedAt(timeTravel, "let io = ssd.submit");
    await page.locator(".debug-view-content .monaco-list-row", { hasText: /^\s*buf/ }).first()
      .waitFor();
  }],
];

/** Steps in a folder that the user trusts only in the last step. */
const UNTRUSTED: readonly Step[] = [
  ["what is not trusted has colours, and nothing is started for it", async (timeTravel) => {
    await timeTravel.until(
      "Restricted Mode",
      async () =>
        await timeTravel.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).count() >
          0,
    );
    await timeTravel.until("`let` in another colour than a name", async () => {
      const keyword = await timeTravel.colourOf("let");
      return keyword !== null && keyword !== await timeTravel.colourOf("payload");
    });
    // In a trusted folder the mistake would be marked after this time.
    await timeTravel.page.waitForTimeout(QUIET_MS);
    if (await timeTravel.page.locator(".squiggly-error").count() > 0) {
      throw new Error("it is checked");
    }
    if (existsSync(STOLEN)) throw new Error("its program was started");
  }],
  ["what is trusted then is checked, by the user's own program", async (timeTravel) => {
    await timeTravel.command("Workspaces: Manage Workspace Trust");
    await timeTravel.page.locator(".workspace-trust-editor a.monaco-button", { hasText: /^Trust$/ })
      .first().click();
    await timeTravel.page.keyboard.press("Escape");
    await timeTravel.page.waitForSelector(".squiggly-error", { timeout: START_MS });
    if (existsSync(STOLEN)) throw new Error("its program was started");
  }],
];

/** Waits until the line of the stopped frame contains a text. */
async function stoppedAt(timeTravel: Workbench, text: string): Promise<void> {
  const { page } = timeTravel;
  await timeTravel.until(`stopped at \`${text}\``, async () => {
    const marks = page.locator(".debug-top-stack-frame-line");
    if (await marks.count() === 0) return false;
    const box = await marks.first().boundingBox();
    if (box === null) return false;
    for (const line of await page.locator(".editor-instance .view-line").all()) {
      const at = await line.boundingBox();
      if (at !== null && Math.abs(at.y - box.y) < 3) {
        return (await line.textContent())!.replaceAll("\u00a0", " ").includes(text);
      }
    }
    return false;
  });
}

const [pictures] = Deno.args;
const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? ".", ".cache");
const server = installCodeServer(join(cache, "dmalab/vscode"));
const files = { "broken.dma": BROKEN, "scenario.dma": SCENARIO, ...HOSTILE };
// The page that the editor shows next to a text is built again, because it must have the same
// version as the data inserted into the page.
const web = new Deno.Command(Deno.execPath(), { args: ["task", "web"], cwd: ROOT }).outputSync();
if (!web.success) throw new Error(new TextDecoder().decode(web.stderr));
let count = 0;
let failed = 0;
for (const [steps, asksTrust] of [[STEPS, false], [UNTRUSTED, true]] as const) {
  const open = () => Workbench.open(server, files, PORT, asksTrust);
  // Retried once, because the server may end while it starts.
  const timeTravel = await open().catch(open);
  try {
    await timeTravel.openFile("broken.dma");
    for (const [name, run] of steps) {
      count++;
      const start = performance.now();
      try {
        await run(timeTravel);
        console.log(`ok      ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
      } catch (error) {
        failed++;
        console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : error}`);
      }
      if (pictures !== undefined) {
        await timeTravel.page.screenshot({ path: join(pictures, `vscode-${count}.png`) });
      }
    }
  } finally {
    await timeTravel.close();
  }
}
console.log(failed === 0 ? `ok | ${count} steps` : `${failed} of ${count} failed`);
Deno.exit(failed === 0 ? 0 : 1);
