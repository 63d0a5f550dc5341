/** Builds the site and looks into its search. @param argv[2] Where to. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import MiniSearch from "minisearch";
import { build } from "vitepress";
import { SEARCH, tokenize } from "./search.mjs";

const [folder] = process.argv.slice(2);
await build(fileURLToPath(new URL(".", import.meta.url)), { outDir: folder });

const chunks = join(folder, "assets", "chunks");
const name = readdirSync(chunks).find((each) => each.startsWith("@localSearchIndexroot"));
const [, text] = readFileSync(join(chunks, name), "utf8").match(/^const \w+=(['"`].*['"`]);export/s);
const index = MiniSearch.loadJSON((0, eval)(text), {
  fields: ["title", "titles", "text"],
  storeFields: ["title", "titles"],
  tokenize,
});
/** A rule by its number, first; a rule and a function by the function's name, among the first. */
const ASKED = [
  ["dma.3.3", "/rules/dma.html#dma.3.3", 1],
  ["nvme.2.3", "/rules/nvme.html#nvme.2.3", 1],
  ["dma_iova_link", "/rules/dma.html#dma.3.3", 6],
  ["dma_iova_link", "/builtins/two-step.html#dma_iova_link", 6],
  ["blk_can_dma_map_iova", "/rules/block.html#block.1.7", 3],
];
for (const [asked, wanted, among] of ASKED) {
  const hits = index.search(asked, SEARCH);
  const found = hits.slice(0, among).map(({ id }) => id);
  if (!found.includes(wanted)) {
    console.error(`error: the search for ${asked} finds ${found.join(", ") || "nothing"}`);
    process.exit(1);
  }
}
process.exit(0);
