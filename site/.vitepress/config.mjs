/** The docs site: what VitePress makes of the pages that `deno task site` writes. */
import { existsSync, readFileSync } from "node:fs";
import { SEARCH, tokenize } from "../search.mjs";

const GRAMMAR = new URL("../../editors/vscode/syntaxes/dma.tmLanguage.json", import.meta.url);
const read = (url) => JSON.parse(readFileSync(url, "utf8"));
const dma = existsSync(GRAMMAR) ? [{ ...read(GRAMMAR), name: "dma" }] : [];

export default {
  title: "dmalab",
  description: "A laboratory for DMA mapping",
  srcDir: "pages",
  cleanUrls: false,
  // The pages are made from many sources: the time of a file in git says nothing.
  lastUpdated: false,
  markdown: {
    // As a forge makes them, by which the pages link to each other.
    anchor: {
      slugify: (title) => title.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-"),
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
