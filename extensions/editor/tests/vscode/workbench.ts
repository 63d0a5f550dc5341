/**
 * A VS Code workbench in a browser, with the extension installed, and functions for a user's
 * actions.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { chromium, type Page } from "playwright-core";
import { buildExtension } from "@dmalab/tools/developers";
import { ROOT } from "@dmalab/tests";
import type { CodeServer } from "./code_server.ts";

const SETTINGS = {
  "workbench.startupEditor": "none",
  "chat.disableAIFeatures": true,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "editor.hover.delay": 100,
  // The hover over a file in the explorer would cover the next file.
  "workbench.hover.delay": 100_000,
  "testing.openTesting": "neverOpen",
};

/** Settings of the machine on which the extension runs: for a browser, that is the server. */
const MACHINE_SETTINGS = {
  "dmalab.command": [Deno.execPath(), "run", "-A", "--no-check", join(ROOT, "bin/main.ts")],
};

/** Time limit for an element to appear, on a loaded machine. */
const PATIENCE_MS = 90_000;

export class Workbench {
  private constructor(readonly page: Page, readonly close: () => Promise<void>) {}

  /**
   * Opens a folder with these files.
   * @param asksTrust Whether the editor asks the user to trust the folder; if false, it trusts the
   *   folder at once.
   */
  static async open(
    { entry, node }: CodeServer,
    files: Readonly<Record<string, string>>,
    port: number,
    asksTrust = false,
  ): Promise<Workbench> {
    const home = Deno.makeTempDirSync();
    const at = (name: string) => join(home, name);
    for (const name of ["files", "user/User", "user/Machine", "extensions"]) {
      Deno.mkdirSync(at(name), { recursive: true });
    }
    for (const [name, text] of Object.entries(files)) {
      Deno.mkdirSync(dirname(join(at("files"), name)), { recursive: true });
      Deno.writeTextFileSync(join(at("files"), name), text);
    }
    const trust = {
      "security.workspace.trust.enabled": asksTrust,
      "security.workspace.trust.startupPrompt": "never",
    };
    Deno.writeTextFileSync(
      at("user/User/settings.json"),
      JSON.stringify({ ...SETTINGS, ...trust }),
    );
    Deno.writeTextFileSync(at("user/Machine/settings.json"), JSON.stringify(MACHINE_SETTINGS));
    const problem = buildExtension(at("dmalab.vsix"));
    if (problem !== null) throw new Error(problem);
    const options = ["--user-data-dir", at("user"), "--extensions-dir", at("extensions")];
    const serve = (...more: string[]) =>
      new Deno.Command(node, {
        args: [entry, ...options, ...more],
        env: { HOME: home, XDG_CACHE_HOME: join(home, "cache") },
        stdin: "null",
        stdout: "null",
        stderr: "null",
      });
    const installed = await serve("--install-extension", at("dmalab.vsix")).output();
    if (!installed.success) throw new Error("code-server did not install the extension");
    const quiet = ["--disable-telemetry", "--disable-update-check"];
    if (!asksTrust) quiet.push("--disable-workspace-trust");
    const address = `127.0.0.1:${port}`;
    const server = serve("--auth", "none", "--bind-addr", address, ...quiet, at("files")).spawn();
    const browser = await chromium.launch({
      executablePath: chromiumPath(),
      args: ["--no-sandbox"],
    });
    const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
    page.setDefaultTimeout(PATIENCE_MS);
    const close = async () => {
      await browser.close();
      try {
        server.kill();
      } catch {
        // The server has already ended.
      }
      await server.status;
      Deno.removeSync(home, { recursive: true });
    };
    const timeTravel = new Workbench(page, close);
    try {
      await timeTravel.#visit(`http://${address}/?folder=${at("files")}`);
      return timeTravel;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Opens an address. The server takes a moment until it answers. */
  async #visit(address: string): Promise<void> {
    for (let attempt = 0;; attempt++) {
      try {
        await this.page.goto(address);
        break;
      } catch (error) {
        if (attempt === 240) throw error;
        await this.page.waitForTimeout(500);
      }
    }
    await this.page.waitForSelector(".monaco-workbench .explorer-folders-view");
  }

  async openFile(name: string): Promise<void> {
    await this.page.locator(".explorer-folders-view .monaco-list-row", { hasText: name }).first()
      .dblclick();
    await this.page.waitForSelector(`.tab[data-resource-name="${name}"]`);
    await this.page.waitForSelector(".monaco-editor .view-line");
  }

  /** Puts the cursor at a line and a column, counted from 1. */
  async moveTo(line: number, column: number): Promise<void> {
    await this.page.locator(".editor-instance .view-lines").first().click();
    await this.page.keyboard.press("Control+g");
    await this.page.locator(".quick-input-widget input[type=text]").waitFor();
    await this.page.keyboard.type(`${line}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  /** Runs a command by the command palette. */
  async command(name: string): Promise<void> {
    await this.page.keyboard.press("F1");
    await this.page.locator(".quick-input-widget input[type=text]").waitFor();
    await this.page.keyboard.type(name);
    await this.page.locator(".quick-input-list .monaco-list-row").first().waitFor();
    await this.page.keyboard.press("Enter");
  }

  /** The visible lines of the editor. */
  async lines(): Promise<readonly string[]> {
    const lines = await this.page.locator(".editor-instance .view-line").evaluateAll((all) =>
      (all as unknown as { style: { top: string }; textContent: string }[])
        .map(({ style, textContent }) => ({ top: parseFloat(style.top), text: textContent }))
        .sort((a, b) => a.top - b.top).map(({ text }) => text)
    );
    return lines.map((text) => text.replaceAll("\u00a0", " "));
  }

  /** The colour of the first token that begins with a text; null without such a token. */
  async colourOf(text: string): Promise<string | null> {
    const tokens = this.page.locator(".editor-instance .view-line span[class^=mtk]");
    const all = await tokens.evaluateAll((spans) =>
      (spans as unknown as { className: string; textContent: string }[])
        .map(({ className, textContent }) => ({ className, text: textContent.trim() }))
    );
    return all.find((token) => token.text.startsWith(text))?.className ?? null;
  }

  /** Waits until a condition holds. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
      if (await holds()) return;
      await this.page.waitForTimeout(100);
    }
    throw new Error(`Not seen: ${what}`);
  }
}

function chromiumPath(): string {
  const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const path = paths.find((each) => existsSync(each));
  if (path !== undefined) return path;
  throw new Error("No Chromium is installed: Debian's package `chromium` has one");
}
