/** Words that a reader of kernel documentation has to translate back; docs and messages do without them. */
import { join, relative } from "@std/path";
import { filesBelow, lineAt, ROOT, SOURCE_FOLDERS } from "./source_text.ts";
import type { Finding } from "./tidy.ts";
import { REPLACED_WORDS } from "./tidy_excuses.ts";

/** What the project's texts once said, and what they say instead. */
const REPLACED: readonly (readonly [words: RegExp, instead: string])[] = [
  [
    /nobody(?! cared)|somebody|whoever/gi,
    "name the actor, or use the passive result: never unmapped",
  ],
  [/(?<![A-Za-z])told(?![a-z])|Told(?![a-z])/g, "reports, explains; a driver's handle"],
  [
    /\bg(?:ive|ives|iven|ave|iving)(?:[\s*/#]+[\w`'()-]+){0,4}[\s*/#]+back\b/gi,
    "free (memory, IOVA), unmap, release, unlock",
  ],
  [/\bs(?:ay|ays|aid) no\b/gi, "returns false, fails with ENOMEM, rejects"],
  [/\bIO address(?:es)?\b/gi, "IOVA"],
  [/\bhears? of\b|\bheard of\b/gi, "is invalidated, is notified"],
  [/\bc(?:ome|omes|ame) by\b/gi, "exercises, reaches"],
];

const FOLDERS = [
  ...SOURCE_FOLDERS,
  "benches",
  "docs",
  "drivers",
  "examples",
  "include",
  "tests",
  "README.md",
  "mod.ts",
  "recording.ts",
];

/** Rules and captured data quote others, generated pages our sources; the list has to name its words. */
const OTHERS_WORDS =
  /^(?:docs\/behaviour|docs\/builtins\/|tests\/golden|tests\/plain_words|tests\/tidy_excuses)/;
const TEXT = /\.(?:ts|md|dma|c|h|sh|yml)$/;

/** Every such word in a text, with its line and what stands for it. */
export function replacedWords(path: string, text: string): readonly Finding[] {
  return REPLACED.flatMap(([words, instead]) =>
    [...text.matchAll(words)].map(({ 0: word, index }) => ({
      key: `${path} ${word}`,
      text: `${path}:${lineAt(text, index)}: "${word}": ${instead}`,
    }))
  );
}

/** Every such word below the given places, or in the whole project. */
export function wordsLeft(places: readonly string[] = FOLDERS): Finding[] {
  return places.flatMap((place) =>
    filesBelow(join(ROOT, place)).flatMap((file) => {
      const path = relative(ROOT, file).replaceAll("\\", "/");
      const isOurs = TEXT.test(path) && !OTHERS_WORDS.test(path);
      return isOurs ? replacedWords(path, Deno.readTextFileSync(file)) : [];
    })
  );
}

if (import.meta.main) {
  const words = wordsLeft(Deno.args.length === 0 ? FOLDERS : Deno.args)
    .filter(({ key }) => !(key in REPLACED_WORDS));
  console.log([...words.map(({ text }) => text), `${words.length} words`].join("\n"));
}
