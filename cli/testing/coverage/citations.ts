/** Rules that a text cites: `dma.md 3.3 row 1`, `rules/nvme.md 2.6`, `dma.3.3`, `block.md 1.3, 1.6`. */
import { RULE_PAGES } from "@dmalab/lang/editor";

const NUMBER = /\d+(?:\.\d+)*(?:\.[A-Za-z]\b)?/;
const PAGE = RULE_PAGES.map((page) => page.replaceAll(".", "\\.")).join("|");
const CITATION = new RegExp(
  `(?<![\\w-])(${PAGE})(?:\\.md,? (?:ch\\. |chapter )?|\\.|\\.md\\.)` +
    `(${NUMBER.source})((?:(?:,| and| or|;) ${NUMBER.source})*)`,
  "g",
);

/** The rules cited, as `page.number`; a row of a table follows its rule, as `dma.3.6.2`. */
export function citedRules(text: string): string[] {
  const found: string[] = [];
  for (const [, page, first, more] of text.matchAll(CITATION)) {
    const others = more!.match(new RegExp(NUMBER, "g")) ?? [];
    for (const number of [first!, ...others]) found.push(`${page}.${number}`);
  }
  return found;
}
