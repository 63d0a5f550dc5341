/**
 * Takes the pictures of `deno task script look`, and writes a page of them.
 * The library that controls the browser reads system files. Deno permits this only with all permissions, so
 * this is a separate process.
 */
import { escapeMarkup } from "@dmalab/lang/text";
import type { Browser } from "playwright-core";
import { join } from "node:path";
import { giveDeno, ownPlaces, Pty, putInputs, withPackage } from "@dmalab/tests";
import { startBrowser, waitFor } from "./bench.ts";
import { type PageLook, PAGES, type TerminalLook, TERMINALS } from "./looks.ts";

const WIDTHS = [1440, 800];
const SCHEMES = ["light", "dark"] as const;

const [target = "", site = "", ...named] = Deno.args;
const isNamed = ({ name }: { readonly name: string }) => named.length === 0 || named.includes(name);

/** A PCI driver. @param probe The statement at the beginning of its probe. */
const driver = (probe: string) =>
  `#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
static int m_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	${probe}
	return pci_enable_device(pdev);
}
static void m_remove(struct pci_dev *pdev)
{
	pci_disable_device(pdev);
}
static const struct pci_device_id m_ids[] = { { 0x1234, 0x77, PCI_ANY_ID, PCI_ANY_ID }, { 0 } };
static struct pci_driver m_driver = { .name = "m", .id_table = m_ids, .probe = m_probe, .remove = m_remove };
static int m_init(void)
{
	return pci_register_driver(&m_driver);
}
module_init(m_init);
static void m_exit(void)
{
	pci_unregister_driver(&m_driver);
}
module_exit(m_exit);
`;

/** Drivers of both trees: one that is right, one that does not compile, and one that refuses its device. */
const DRIVERS = Object.fromEntries(
  ["old", "new"].flatMap((tree) => [
    [`${tree}/drivers/Makefile`, "obj-$(CONFIG_TOY) += toy/ good.o broken.o late.o\n"],
    [`${tree}/drivers/good.c`, driver("")],
    [`${tree}/drivers/broken.c`, driver("no_such_function();")],
    [`${tree}/drivers/late.c`, driver("return -5;")],
  ]),
);

const INPUTS = {
  ...DRIVERS,
  "fork.dma": `machine { pci { root_port rp0 { endpoint nic { } } } }

test "one of two ways leaves a mapping" {
  let page = alloc_pages(1)
  let both = fork {
    dma_unmap_phys(nic, dma_map_phys(nic, page, 4KiB, to_device), 4KiB, to_device)
  } and {
    dma_map_phys(nic, page, 4KiB, to_device)
  }
  assert both.first != both.second
}
`,
  "sizes.dma": `machine { iommu { mode = strict } pci { root_port rp0 { nvme ssd { } } } }

bench "reads" for size in [4KiB, 64KiB, 1MiB] {
  loop 50 { ssd.read(lba: 0, into: buffer(size: size)) }
}
`,
};

/** True when the page has shown its run; a page without runs is shown at once. */
const IS_SHOWN =
  `document.getElementById("runs") === null || document.body.dataset.recorded !== undefined`;

const TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
};

interface Picture {
  readonly name: string;
  readonly said: string;
  readonly files: readonly string[];
}

const slug = (name: string) => name.replaceAll(/\W+/g, "-").toLowerCase();

/** Takes the pictures of a page, in each width and scheme. */
async function shoot(
  browser: Browser,
  name: string,
  url: string,
  first?: string,
): Promise<string[]> {
  const files: string[] = [];
  for (const width of WIDTHS) {
    for (const colorScheme of SCHEMES) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
      const page = await context.newPage();
      await page.goto(url);
      await waitFor(page, IS_SHOWN);
      await page.waitForTimeout(500);
      if (first !== undefined) {
        await page.evaluate(first);
        await page.waitForTimeout(300);
      }
      const file = `${slug(name)}-${width}-${colorScheme}.png`;
      await page.screenshot({ path: join(target, file) });
      files.push(file);
      await context.close();
    }
  }
  return files;
}

async function run(line: string, folder: string, env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", line],
    cwd: folder,
    clearEnv: true,
    env,
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return `exit ${code}\n${text}`;
}

async function terminalPage(
  { talk = [], words }: TerminalLook,
  columns: number,
  folder: string,
  env: Record<string, string>,
): Promise<string> {
  await using pty = new Pty(folder, {
    env,
    program: { line: `dmalab ${words}`, columns, rows: 40 },
  });
  for (const [wanted, keys] of talk) {
    await pty.seeText(wanted);
    await pty.press(keys);
  }
  if (talk.length === 0) await pty.end();
  return `<!doctype html><meta charset="utf-8"><style>:root{color-scheme:light dark}` +
    `pre{font:14px/17px monospace;margin:8px}</style><pre>${pty.markup}</pre>`;
}

await withPackage(async (base, dist) => {
  giveDeno(dist);
  Deno.symlinkSync(join(dist, "lib/bin.js"), join(base, "bin/dmalab"));
  const env = {
    ...ownPlaces(),
    PATH: `${join(base, "bin")}:${Deno.env.get("PATH")}`,
    XDG_CACHE_HOME: join(base, "cache"),
  };
  const browser = await startBrowser();
  if (browser === null) throw new Error("Chromium is missing");
  Deno.mkdirSync(target, { recursive: true });
  const pictures: Picture[] = [];
  let missing = 0;
  const folderOf = (name: string) => {
    const path = join(base, "look", slug(name));
    putInputs(path);
    for (const [file, text] of Object.entries(INPUTS)) {
      Deno.writeTextFileSync(join(path, file), text);
    }
    return path;
  };
  // Pages of the site name their files from its root.
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const path = new URL(request.url).pathname;
      const type = TYPES[path.slice(path.lastIndexOf("."))] ?? "application/octet-stream";
      const bytes = await Deno.readFile(join(site, path)).catch(() => null);
      return bytes === null
        ? new Response(null, { status: 404 })
        : new Response(bytes, { headers: { "content-type": type } });
    },
  );
  const look = async ({ commands, first, name, page }: PageLook) => {
    const folder = folderOf(name);
    const said: string[] = [];
    for (const words of commands) {
      said.push(`$ dmalab ${words}`, await run(`dmalab ${words}`, folder, env));
    }
    const isOfSite = page.startsWith("site/");
    const path = isOfSite ? join(site, page.slice(5)) : join(folder, page);
    const url = isOfSite
      ? `http://127.0.0.1:${server.addr.port}/${page.slice(5)}`
      : `file://${path}`;
    try {
      Deno.statSync(path);
    } catch {
      console.error(`FAILED ${name}: no ${page}\n${said.join("\n")}`);
      missing++;
      return;
    }
    const files = await shoot(browser, name, url, first);
    pictures.push({ name, said: said.join("\n"), files });
    console.log(name);
  };
  for (const each of PAGES.filter(isNamed)) await look(each);
  for (const each of TERMINALS.filter(isNamed)) {
    const files: string[] = [];
    for (const columns of [120, 80]) {
      const path = join(base, `terminal-${columns}.html`);
      Deno.writeTextFileSync(path, await terminalPage(each, columns, folderOf(each.name), env));
      files.push(
        ...(await shoot(browser, `${each.name} ${columns}`, `file://${path}`)).slice(0, 2),
      );
    }
    pictures.push({ name: each.name, said: `$ dmalab ${each.words}`, files });
    console.log(each.name);
  }
  await browser.close();
  await server.shutdown();
  Deno.writeTextFileSync(join(target, "index.html"), sheet(pictures));
  if (missing > 0) Deno.exitCode = 1;
});

function sheet(pictures: readonly Picture[]): string {
  const parts = pictures.map(({ files, name, said }) =>
    `<h2>${escapeMarkup(name)}</h2><pre>${escapeMarkup(said.slice(0, 2000))}</pre>` +
    files.map((file) => `<a href="${file}"><img src="${file}" alt="${file}"></a>`).join("")
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Look</title>` +
    `<style>img{width:24%;border:1px solid #888}pre{max-height:8em;overflow:auto}</style>` +
    `${parts.join("\n")}</html>\n`;
}
