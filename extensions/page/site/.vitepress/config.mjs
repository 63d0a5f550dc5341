/** The docs site: what VitePress makes of the pages that `deno task site` writes. */
import { existsSync, readFileSync } from "node:fs";
import { SEARCH, tokenize } from "../search.mjs";

const GRAMMAR = new URL(
  "../../../editor/vscode/syntaxes/dma.tmLanguage.json",
  import.meta.url,
);
const read = (url) => JSON.parse(readFileSync(url, "utf8"));
const dma = existsSync(GRAMMAR) ? [{ ...read(GRAMMAR), name: "dma" }] : [];

const { addresses, pattern } = read(
  new URL("../pages/citations.json", import.meta.url),
);
const CITED = new RegExp(`<[^>]*>|${pattern}`, "g");

/** Makes links of the rules that code cites, or of the rules that they are rows of. */
function linkCitations(html) {
  return html.replace(CITED, (cited, page, number) => {
    if (page === undefined) return cited;
    let name = `${page}.${number}`.toLowerCase();
    while (name !== "" && !(name in addresses)) {
      name = name.replace(/\.?[^.]*$/, "");
    }
    return name === "" ? cited : `<a href="${addresses[name]}">${cited}</a>`;
  });
}

export default {
  title: "dmalab",
  // The icon is part of each page, so that a browser does not ask for /favicon.ico.
  head: [["link", {
    rel: "icon",
    href: "data:image/svg+xml," + encodeURIComponent(
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1b4f9c"/>' +
        '<path d="M4 4h3v3H4zM9 9h3v3H9zM7 5.5h3.5V9" fill="none" stroke="#fff" stroke-width="1.5"/></svg>',
    ),
  }]],
  description: "A laboratory for DMA mapping",
  srcDir: "pages",
  // Files that pages link to are copied as they are; a Markdown file among them is no page.
  srcExclude: ["public/**"],
  cleanUrls: false,
  // The pages are made from many sources: the time of a file in git says nothing.
  lastUpdated: false,
  markdown: {
    config(md) {
      const { code_inline, fence } = md.renderer.rules;
      md.renderer.rules.fence = (...parts) => linkCitations(fence(...parts));
      md.renderer.rules.code_inline = (tokens, at, ...parts) => {
        const html = code_inline(tokens, at, ...parts);
        const before = tokens.slice(0, at).findLast(({ type }) =>
          type.startsWith("link_")
        );
        return before?.type === "link_open" ? html : linkCitations(html);
      };
    },
    // As a forge makes them, by which the pages link to each other.
    anchor: {
      slugify: (title) =>
        title.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(
          " ",
          "-",
        ),
    },
    languages: dma,
    languageAlias: dma.length === 0 ? { dma: "rust" } : {},
    theme: { light: "github-light", dark: "github-dark" },
  },
  themeConfig: {
    sidebar: read(new URL("../pages/sidebar.json", import.meta.url)),
    outline: [2, 3],
    search: {
      provider: "local",
      options: {
        detailedView: true,
        miniSearch: {
          options: { tokenize },
          searchOptions: SEARCH,
        },
      },
    },
  },
};
