/**
 * Every page of the docs site, by its path relative to the site's root, and the files to which pages
 * link.
 */
import { dirname, join } from "node:path";
import { host } from "@dmalab/cli";
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { memoryFiles } from "@dmalab/lang/syntax";
import { recordRun, runsOf } from "@dmalab/recording";
import { pageLife, pictureDrawing, pictureView, RunIndex, svgText } from "@dmalab/recording/views";
import { manualPages } from "./manual.ts";
import { builtinsPages } from "../reference/builtins_page.ts";
import {
  diagnosticsPage,
  doorPages,
  examplePages,
  notationPage,
  releasesPage,
} from "./made_pages.ts";
import { addressOfRule, linkRules, rulePages } from "./rules.ts";
import { escapeHtml, frameLines, playgroundLink, withRunnable } from "./runnable.ts";

export interface SitePages {
  readonly pages: ReadonlyMap<string, string>;
  /** Files of the project to which a page links, relative to the project's root. */
  readonly files: ReadonlySet<string>;
  /** The navigation at the side of every page. */
  readonly sidebar: readonly SidebarGroup[];
}

interface SidebarGroup {
  readonly text: string;
  readonly collapsed: boolean;
  readonly items: readonly { readonly text: string; readonly link: string }[];
}

/** Makes the pages. @param root The project's folder. */
export async function sitePages(root: string): Promise<SitePages> {
  const builder = new SiteBuilder(root);
  const readme = builder.read("README.md");
  const doors = doorPages(readme).map(({ text, title }) => {
    const name = `${title.split(" ")[1] ?? title}`.toLowerCase();
    builder.add(`start/${name}.md`, text, "README.md");
    return { text: title, link: `/start/${name}` };
  });
  const home = await homePage(readme, builder.read(FIRST_LOOK), doors);
  builder.add("index.md", home, "README.md");
  builder.add("about.md", readme, "README.md");
  for (const { name } of manualPages()) {
    if (/^(?:rules|builtins)(?:\/|$)/.test(name)) continue;
    const page = `docs/${name}.md`;
    builder.add(`${name}.md`, builder.read(page), page);
  }
  for (const [path, text] of builtinsPages()) builder.add(path, text, `docs/${path}`);
  for (const [name, text] of rulePages()) builder.add(`rules/${name}.md`, text, "docs/rules/x");
  for (const [path, text] of builder.pages) {
    builder.pages.set(path, await withRunnable(text, depthOf(path)));
  }
  for (const [name, text] of await examplePages()) {
    builder.add(`examples/${name}.md`, text, "examples/x/x");
  }
  builder.add("notation.md", notationPage(), "docs/rules/x");
  builder.add("releases.md", releasesPage(), "docs/x");
  builder.add("diagnostics.md", diagnosticsPage(), "docs/x");
  builder.addLists();
  return { ...builder, sidebar: builder.sidebar(doors) };
}

class SiteBuilder {
  readonly pages = new Map<string, string>();
  readonly files = new Set<string>();
  readonly #folders = new Set<string>();

  constructor(private readonly root: string) {}

  read(path: string): string {
    return host.readTextFileSync(join(this.root, path));
  }

  /** @param from The file of the project that the links in the text are relative to. */
  add(path: string, text: string, from: string): void {
    const depth = depthOf(path);
    const link = (words: string, target: string) => this.#link(words, target, from, depth);
    const changed = changeProse(text, { link, words: linkRules });
    this.pages.set(path, changed.replace(/^```console$/gm, "```text"));
  }

  /** Adds lists of the examples, of the rules, and of folders to which pages link. */
  addLists(): void {
    const list = (folder: string, title: string) => {
      const pages = [...this.pages].filter(([path]) => path.startsWith(`${folder}/`));
      const lines = pages.map(([path, text]) => `- [${titleOf(text)}](/${path})`);
      this.pages.set(`${folder}/index.md`, `# ${title}\n\n${lines.join("\n")}\n`);
    };
    list("examples", "Examples");
    list("rules", "Rules of the kernel");
    // Adding a page may add further folders, which this loop then reaches.
    for (const folder of this.#folders) this.#addFolder(folder);
  }

  #addFolder(folder: string): void {
    const names = [...host.readDirSync(join(this.root, folder))]
      .filter(({ isFile }) => isFile).map(({ name }) => name);
    const lines = names.filter((name) => name !== "README.md").sort().map((name) => {
      this.files.add(`${folder}/${name}`);
      return `- ${fileLink(name, `${folder}/${name}`, folder.split("/").length + 1)}`;
    });
    const readme = `${folder}/README.md`;
    const head = names.includes("README.md") ? this.read(readme) : `# ${folder}\n`;
    this.add(`files/${folder}/index.md`, head, readme);
    const path = `files/${folder}/index.md`;
    this.pages.set(path, `${this.pages.get(path)}\n${lines.join("\n")}\n`);
  }

  sidebar(doors: SidebarGroup["items"]): SidebarGroup[] {
    const group = (text: string, wanted: (path: string) => boolean, collapsed = true) => ({
      text,
      collapsed,
      items: [...this.pages].filter(([path]) => wanted(path))
        .map(([path, page]) => ({ text: titleOf(page), link: `/${path.replace(/\.md$/, "")}` })),
    });
    const below = (folder: string) => (path: string) =>
      path.startsWith(`${folder}/`) && !path.endsWith("/index.md");
    return [
      { text: "Start", collapsed: false, items: doors },
      group("Course", (path) => path === "course.md" || below("course")(path), false),
      group(
        "Pages",
        (path) => !path.includes("/") && !["index.md", "course.md"].includes(path),
        false,
      ),
      group("Examples", below("examples")),
      group("Functions and types", below("builtins")),
      group("Rules", below("rules")),
    ];
  }

  #link(text: string, target: string, from: string, depth: number): string {
    if (/^(?:https?:|#)/.test(target)) return `[${text}](${target})`;
    const rule = addressOfRule(text);
    const [path, hash] = target.split("#");
    // A generated page passes targets that are relative to the root already.
    if (target.startsWith("/")) return `[${text}](${target})`;
    const file = join(dirname(from), path!).replaceAll("\\", "/").replace(/\/$/, "");
    const at = this.#addressOf(file, hash, rule);
    // Links show a page's title instead of its file name.
    const words = /^[\w/-]+\.md$/.test(text) ? titleOf(this.read(file)) || text : text;
    return at === null ? fileLink(words, file, depth) : `[${words}](${at})`;
  }

  /**
   * The page that shows a file or a folder of the project; null for a file that is copied to the
   * site.
   */
  #addressOf(file: string, hash: string | undefined, rule: string | null): string | null {
    const tail = hash === undefined ? "" : `#${hash}`;
    if (file === "README.md") return `/about.md${tail}`;
    if (file === "docs/rules") return "/rules/index.md";
    const [, book] = file.match(/^docs\/rules\/(.*)\.md$/) ?? [];
    if (book !== undefined) {
      // Headings of rules have the rule's name as their anchor.
      return rule ?? addressOfRule(`${book}.${hash ?? ""}`) ?? `/rules/${book}.md${tail}`;
    }
    if (/^docs\/.*\.md$/.test(file)) return `/${file.slice("docs/".length)}${tail}`;
    if (file === "examples") return "/examples/index.md";
    const [, folder, name] = file.match(/^examples\/(\w+)(?:\/([\w-]+)\.dma)?$/) ?? [];
    if (folder !== undefined) {
      return `/examples/${folder}.md${name === undefined ? "" : `#${name}`}`;
    }
    const shown = file.replace(/\/README\.md$/, "");
    if (host.statSync(join(this.root, shown)).isDirectory) {
      this.#folders.add(shown);
      return `/files/${shown}/index.md`;
    }
    this.files.add(file);
    return null;
  }
}

/** A link to a copied file: it is written in HTML, because Markdown links lead to pages. */
function fileLink(text: string, file: string, depth: number): string {
  const label = text.replace(/`([^`]*)`/g, (_, code) => `<code>${escapeHtml(code)}</code>`);
  return `<a href="${"../".repeat(depth)}files/${file}" target="_self">${label}</a>`;
}

/** Number of folders between a page and the root. */
function depthOf(path: string): number {
  return path.split("/").length - 1;
}

function titleOf(page: string): string {
  return page.match(/^# (.*?)(?: \{#.*\})?$/m)?.[1] ?? "";
}

/** The example that the home of the site shows. */
const FIRST_LOOK = "examples/start/01-first-look.dma";

/**
 * The home page: one sentence, a request that can be stepped through, links for each group of
 * readers, and the beginning of the README.
 */
async function homePage(
  readme: string,
  scenario: string,
  doors: SidebarGroup["items"],
): Promise<string> {
  const [, first = ""] = readme.match(/^# .*\n\n([\s\S]*?)\n## /) ?? [];
  const [sentence, ...rest] = first.split(/(?<=\.)\s+/);
  const { at, picture } = requestPictureOf(scenario);
  return [
    "# dmalab",
    "",
    sentence!,
    "",
    `<p class="ways"><a href="${await playgroundLink(scenario, at)}" target="_self">Try it</a> ` +
    '<a href="install.html">Install</a> <a href="tutorial.html">Tutorial</a></p>',
    "",
    "A read of 40 KiB: ten scattered pages of memory became one range of IOVAs; the controller has read the entries and moved half of the data.",
    "",
    picture,
    "",
    ...await frameLines(scenario, 0, "Step through this request", at),
    rest.join(" "),
    "",
    ...doors.map(({ link, text }) => `- **[${text}](${link}.md)**`),
    "",
    "[The course](/course.md) has ten lessons, [the rules](/rules/index.md) say what the kernel does, " +
    "[about](/about.md) has a first look.",
    "",
  ].join("\n");
}

/**
 * A picture of the first request of a scenario while the request's data is transferred; and the
 * position that the picture shows.
 */
function requestPictureOf(
  scenario: string,
): { readonly picture: string; readonly at: readonly [seq: number, statement: number] } {
  const source = new SourceFile(FIRST_LOOK, scenario);
  const { diagnostics, program } = loadForDebugging(source, memoryFiles());
  if (program === null) throw new Error(`${FIRST_LOOK}: ${diagnostics[0]?.message}`);
  const run = recordRun(program, runsOf(program)[0]!);
  const index = new RunIndex(run);
  const moves = index.requests.get(1)!.filter((seq) => run.log.nameAt(seq) === "nvme.data");
  const at = run.afterEvent(moves[(moves.length >> 1) - 1]!);
  const view = pictureView(index, at, { kind: "request", request: 1 }, new Set())!;
  const drawing = pictureDrawing(view, at.seq, 620);
  const file = new TextEncoder().encode(svgText(drawing)).toBase64();
  const words = view.pages.map(pageLife).join("&#10;");
  return {
    picture: `<img class="picture" src="data:image/svg+xml;base64,${file}" alt="${words}">`,
    at: [at.seq, at.statement],
  };
}

/** Matches code, a link, or other text on a line of Markdown. */
const PARTS = /(`+[^`]*`+)|\[((?:[^[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)|([^`[]+|.)/g;

interface ProseChange {
  /** Rewrites a link; its text is Markdown. */
  readonly link: (text: string, target: string) => string;
  /** Anything else. */
  readonly words: (text: string) => string;
}

/** A page with its links and its words rewritten; fenced blocks, code and headings stay unchanged. */
export function changeProse(page: string, { link, words }: ProseChange): string {
  let fenced = false;
  return page.split("\n").map((line) => {
    if (line.startsWith("```")) fenced = !fenced;
    if (fenced || line.startsWith("```")) return line;
    const isHeading = line.startsWith("#");
    return line.replace(PARTS, (part, code, text, target, other) => {
      if (code !== undefined || other !== undefined && isHeading) return part;
      return target === undefined ? words(other) : link(text, target);
    });
  }).join("\n");
}
