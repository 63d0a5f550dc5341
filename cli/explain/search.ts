/** `dmalab explain WORDS`: every name with the words in its title or text, the best first. */
import { keyName, MACHINE_KEYS, MACHINE_SCHEMA, shapeText } from "@dmalab/lang";
import { clip, firstSentence } from "@dmalab/lang/text";
import { EVENT_TABLE } from "@dmalab/runtime";
import { KERNEL_NAMES, KERNELS, QUIRK_NAMES, QUIRKS } from "@dmalab/runtime/kernels";
import { languageNames, nameDoc, RULE_PAGES } from "@dmalab/lang/editor";
import type { Extension } from "../extension.ts";
import { codesOf, type PageReader } from "./lookup.ts";
import { releaseText } from "./release_lines.ts";
import { RulePage } from "./rule_book.ts";
import { userWords } from "./user_words.ts";

/** An entry that `dmalab explain NAME` explains. */
interface Subject {
  readonly name: string;
  /** One line. */
  readonly title: string;
  /** Further text that the search looks through. */
  readonly text: string;
}

const MAX_FOUND = 15;

const MAX_TITLE = 100;

/** Added to the score of a subject with exactly the name that was searched for. */
const EXACT_WEIGHT = 16;

/** The weight of a word in a subject's name, in its title and in its text. */
const WEIGHTS = [8, 4, 1] as const;

/** A REPL session without declared names. */
const NO_SESSION = {
  summary: () => ({ variables: [], declared: [], machineNames: [] }),
  kindOf: () => undefined,
};

/** Each kind of subject with an example of a question. */
export const KINDS: readonly (readonly [string, string])[] = [
  ["dma.3.3", "a rule of docs/rules; `dma` alone prints the page"],
  ["E0203", "a diagnostic of a script, a file or a listing"],
  ["iova.alloc", "an event with its fields"],
  ["dma_iova_link", "a function, statement, type or constant of the language"],
  ["buffer.slice", "a field or method of a type"],
  ["nvme", "a block of the machine, with its keys; `machine` lists the blocks"],
  ["iommu.mode", "a machine key: its values and default"],
  ["unmap_unknown", "a class of reports"],
  ["releases", "what changed from release to release; `7.3.4` is one of them"],
  ["quirks", "all defect switches; the name of one explains it"],
  [
    "max_hw_sectors_kb",
    "a file of sysfs or debugfs, such as queue/max_hw_sectors_kb or iommu_group",
  ],
  ["iommu=pt", "a parameter of the kernel's command line, or several"],
  ["'rejecting DMA map'", "a part of a kernel's message"],
  ["dmesg.txt", "a file with a kernel log: every line about DMA"],
  ["swiotlb full", "words: the names whose texts have them"],
  ["'DMAR: [DMA Read …'", "a line of an IOMMU fault; `-` reads a log from standard input"],
];

/** The title of a name in one line; null for a name without an entry. */
export function titleOf(
  name: string,
  readPage: PageReader,
  extensions: readonly Extension[] = [],
): string | null {
  for (const subject of subjects(readPage, extensions)) {
    if (subject.name === name) return titleLine(firstSentence(subject.title));
  }
  return null;
}

/**
 * Names and titles of the entries that contain all the words, the best match first, and the number
 * of matches that were left out.
 */
export function search(
  question: string,
  readPage: PageReader,
  extensions: readonly Extension[] = [],
): { readonly found: readonly (readonly [string, string])[]; readonly more: number } {
  const words = wordsIn(question);
  const patterns = words.map(patternOf);
  const found = [...subjects(readPage, extensions)]
    .map((subject) => ({
      subject,
      score: scoreOf(subject, patterns) +
        (subject.name.toLowerCase() === words.join(" ") ? EXACT_WEIGHT : 0),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score);
  return {
    found: found.slice(0, MAX_FOUND).map((
      { subject: { name, title } },
    ) => [name, titleLine(title)]),
    more: Math.max(0, found.length - MAX_FOUND),
  };
}

/** Words of a question that do not describe its subject. */
const COMMON = new Set(
  ("a an and are as at be by can cannot do does for from has have how i in is it its my no not of on or that the " +
    "there this to was what when where which why will with").split(" "),
);

/**
 * Used when no entry has all the words. Returns the entries with the largest number of the words,
 * and the words that the first of these entries has. Empty if no entry has at least two of the
 * words.
 */
export function searchMost(
  question: string,
  readPage: PageReader,
  extensions: readonly Extension[] = [],
): { readonly found: readonly (readonly [string, string])[]; readonly words: readonly string[] } {
  const words = wordsIn(question).filter((word) => !COMMON.has(word));
  const patterns = words.map(patternOf);
  const scored = [...subjects(readPage, extensions)].map((subject) => {
    const scores = patterns.map((pattern) => scoreOf(subject, [pattern]));
    const count = scores.filter((score) => score > 0).length;
    return { subject, scores, count, score: scores.reduce((sum, score) => sum + score, 0) };
  });
  const most = scored.reduce((best, { count }) => Math.max(best, count), 0);
  if (most < 2) return { found: [], words: [] };
  const found = scored.filter(({ count }) => count === most).sort((a, b) => b.score - a.score);
  return {
    found: found.slice(0, MAX_FOUND).map(({ subject: { name, title } }) => [
      name,
      titleLine(title),
    ]),
    words: words.filter((_, at) => found[0]!.scores[at]! > 0),
  };
}

function wordsIn(question: string): readonly string[] {
  return question.toLowerCase().split(/\s+/).filter((word) => /\w/.test(word));
}

/**
 * A word of the question matches at the beginning of a word of the text: "prp" matches "PRPs" and
 * "prp_list", but not "interprp".
 */
function patternOf(word: string): RegExp {
  return new RegExp(`(?<![a-z0-9])${word.replace(/[^\w\s]/g, "\\$&")}`, "i");
}

/** The title in one line: a row of a page can be a paragraph. */
function titleLine(title: string): string {
  return clip(title.replaceAll("**", ""), MAX_TITLE);
}

/** The score of a subject; 0 if it lacks one of the words. */
function scoreOf({ name, title, text }: Subject, patterns: readonly RegExp[]): number {
  let score = 0;
  for (const pattern of patterns) {
    const ofWord = [name, title, text].reduce(
      (sum, part, index) => sum + (pattern.test(part) ? WEIGHTS[index]! : 0),
      0,
    );
    if (ofWord === 0) return 0;
    score += ofWord;
  }
  return score;
}

/** All entries that can be explained, each once. */
function* subjects(
  readPage: PageReader,
  extensions: readonly Extension[],
): Generator<Subject> {
  const seen = new Set<string>();
  for (const subject of allSubjects(readPage, extensions)) {
    if (!seen.has(subject.name)) yield subject;
    seen.add(subject.name);
  }
}

function* allSubjects(
  readPage: PageReader,
  extensions: readonly Extension[],
): Generator<Subject> {
  for (const page of RULE_PAGES) yield* new RulePage(page, readPage(page)).subjects();
  for (const [name, { title, explanation }] of Object.entries(codesOf(extensions))) {
    yield { name, title, text: explanation };
  }
  for (const [name, { when }] of Object.entries(EVENT_TABLE)) {
    yield { name, title: `event: ${when}`, text: "" };
  }
  for (const name of languageNames()) {
    yield { name, title: nameDoc(name, NO_SESSION), text: "" };
  }
  for (const { doc, keyword } of MACHINE_SCHEMA.blocks.values()) {
    yield { name: keyword, title: `block of the machine: ${doc}`, text: "" };
  }
  for (const key of MACHINE_KEYS) {
    const { doc, shape } = key.spec;
    const text = `${doc} ${shapeText(shape)}`;
    yield { name: keyName(key), title: `machine key: ${firstSentence(doc)}`, text };
  }
  for (const name of KERNEL_NAMES) {
    yield { name, title: `release: ${KERNELS[name].doc}`, text: releaseText(name) };
  }
  for (const { doc, place, words } of userWords(extensions)) {
    for (const name of words) yield { name, title: `${place}: ${firstSentence(doc)}`, text: doc };
  }
  for (const name of QUIRK_NAMES) yield { name, title: `defect: ${QUIRKS[name].doc}`, text: "" };
}
