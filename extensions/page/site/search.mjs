/** How the site is searched, and how `build.mjs` tries it. */

/** All words, whole or their beginnings; titles count most, and a whole `dma.3.3` counts more than its parts. */
export const SEARCH = {
  combineWith: "AND",
  fuzzy: 0,
  prefix: true,
  boost: { title: 8, text: 2 },
  boostTerm: (term) => /[._]/.test(term) ? 4 : 1,
};

/** The words of a text for the search: `dma.3.3` and `dma_iova_link` whole, and their parts. VitePress writes its source into the page. */
export function tokenize(text) {
  const words = text.toLowerCase().match(/[\p{L}\p{N}_]+(?:[.-][\p{L}\p{N}_]+)*/gu) ?? [];
  return words.flatMap((word) => {
    const parts = word.split(/[._-]/).filter((part) => part !== "");
    return parts.length > 1 ? [word, ...parts] : [word];
  });
}
