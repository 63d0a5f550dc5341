/**
 * The table of kernel messages, and the search for the row that matches a line.
 *
 * To add a message, add one row to the file of its area. The reader, the explanation, the finding,
 * the table in `docs/traces.md` and the tests are made from this row.
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { AMD } from "./amd.ts";
import { CHECKER } from "./checker.ts";
import { DRIVERS } from "./drivers.ts";
import { formOf, type MessageForm, readForm } from "./form.ts";
import { IOMMU_CORE } from "./iommu_core.ts";
import { MEMORY } from "./memory.ts";
import { causeOf, type ContinuationRow, type MessageArea, type MessageRow } from "./message.ts";
import { NO_NAME } from "../general/driver_names.ts";
import { BLOCK_LAYER, NVME } from "./nvme.ts";
import { OTHER_IOMMUS } from "./other_iommus.ts";
import { P2P } from "./p2p.ts";
import { PCIE } from "./pcie.ts";
import { GART, POWER, S390 } from "./platforms.ts";
import { SMMU_V2, SMMU_V3 } from "./smmu.ts";
import { messageText } from "../pasted_text.ts";
import { SWIOTLB } from "./swiotlb.ts";
import { VFIO } from "./vfio.ts";
import { VTD } from "./vtd.ts";
import { WordScanner } from "../word_scanner.ts";

/** Areas in order of priority: rows of an earlier area are tried first. */
export const MESSAGE_AREAS: readonly MessageArea[] = [
  CHECKER,
  SWIOTLB,
  MEMORY,
  VTD,
  AMD,
  SMMU_V3,
  SMMU_V2,
  OTHER_IOMMUS,
  POWER,
  S390,
  GART,
  VFIO,
  P2P,
  NVME,
  BLOCK_LAYER,
  PCIE,
  IOMMU_CORE,
  DRIVERS,
];

/** A message found in a line. */
export interface FoundMessage {
  readonly row: MessageRow;
  readonly area: MessageArea;
  readonly facts: LogEntryFacts;
}

interface Entry {
  readonly order: number;
  readonly form: MessageForm;
  readonly row: MessageRow;
  readonly area: MessageArea;
  /**
   * All fields of the row, with the value null. If a form lacks a field, the field keeps this
   * value.
   */
  readonly absent: LogEntryFacts;
  /**
   * Pieces of the form's fixed text in lower case. A line that lacks one of these pieces does not have
   * this form.
   */
  readonly needles: readonly string[];
  /** Choices of the form; a line that lacks a piece of each text of a choice does not have this form. */
  readonly anyOf: readonly (readonly Pieces[])[];
}

/** The forms of a row, compiled. */
function formsOf(row: MessageRow): readonly MessageForm[] {
  return row.forms.map(formOf);
}

const NEEDLES = 3;

/** The longest pieces of the fixed text between blanks. */
function needlesOf({ fixed }: MessageForm): readonly string[] {
  const pieces = fixed.flatMap((text) => text.toLowerCase().split(/\s+/));
  return [...new Set(pieces)].filter((piece) => piece.length > 1)
    .sort((a, b) => b.length - a.length).slice(0, NEEDLES);
}

/** A text as its pieces between blanks, in lower case, without the short ones. */
type Pieces = readonly string[];

/** For each choice of a form the pieces of its texts; nothing for a choice with a short text. */
function choicesOf({ choices }: MessageForm): readonly (readonly Pieces[])[] {
  return choices.flatMap((texts) => {
    const pieces = texts.map((text) =>
      text.toLowerCase().split(/\s+/).filter((piece) => piece.length >= MIN_KEY_LENGTH)
    );
    return pieces.some(({ length }) => length === 0) ? [] : [pieces];
  });
}

function entriesOf(areas: readonly MessageArea[]): readonly Entry[] {
  return areas.flatMap((area) =>
    area.rows.filter(({ isDecoded }) => isDecoded !== true).flatMap((row) => {
      const forms = formsOf(row);
      const names = forms.flatMap(({ places }) => places.map(({ name }) => name));
      const absent = Object.fromEntries(names.map((name) => [name, null]));
      return forms.map((form) => {
        return { form, row, area, absent, needles: needlesOf(form), anyOf: choicesOf(form) };
      });
    })
  ).map((entry, order) => ({ ...entry, order }));
}

/** Words of at least four letters: candidates for the quick test. */
const KEY_WORD = /[A-Za-z][\w.-]{3,}/g;

const MIN_KEY_LENGTH = 3;

function wordsIn(text: string): readonly string[] {
  const lower = text.toLowerCase();
  return lower.match(KEY_WORD) ??
    lower.split(/\s+/).filter((part) => part.length >= MIN_KEY_LENGTH);
}

/**
 * Words that are frequent in lines about other subjects. They are used as keys only for forms that
 * have no other words.
 */
const COMMON_WORDS: ReadonlySet<string> = new Set([
  ...["device", "devices", "driver", "failed", "error", "size", "bytes", "memory", "request"],
  ...["warning", "with", "only", "page", "pages", "down", "could", "unable", "address", "reset"],
  ...["timeout", "timed", "invalid", "already", "from", "enabled", "disabled", "status", "number"],
  ...[
    "high",
    "host",
    "type",
    "access",
    "full",
    "value",
    "table",
    "level",
    "found",
    "event",
    "unit",
  ],
  ...["index", "after", "this", "that", "requested", "version", "limit", "range", "block"],
  ...["state", "message", "failure", "active", "available", "system", "setting", "command"],
  ...["config", "order", "function", "entry", "area", "hardware", "firmware", "buffer", "waiting"],
  ...["reported", "supported", "find", "while", "over", "using", "link", "node", "interrupt"],
  ...["port", "enable", "data", "control", "mode", "hang", "zone", "configured", "ring", "fail"],
  ...["acpi", "pcie", "signaling", "suppressed", "lost", "reading", "stop", "start", "given"],
  ...["channel", "transfer", "queue", "pending", "change", "power", "kernel", "client", "group"],
]);

/** A word that occurs in some forms, and how many of these forms have no key yet. */
interface KeyWord {
  readonly word: string;
  readonly entries: Entry[];
  left: number;
}

/** The words of each form, without the common words if the form has any others. */
function keyWordsOf(entries: readonly Entry[]): ReadonlyMap<Entry, readonly KeyWord[]> {
  const byWord = new Map<string, KeyWord>();
  return new Map(entries.map((entry) => {
    const words = new Set(entry.form.fixed.flatMap(wordsIn));
    const rare = words.difference(COMMON_WORDS);
    const keyWords = [...rare.size > 0 ? rare : words].map((word) =>
      byWord.getOrInsertComputed(word, () => ({ word, entries: [], left: 0 }))
    );
    for (const keyWord of keyWords) {
      keyWord.entries.push(entry);
      keyWord.left++;
    }
    return [entry, keyWords];
  }));
}

/** The longest word that is not frequent in lines about other subjects. */
function rarestOf(words: readonly string[]): string {
  const rare = words.filter((word) => !COMMON_WORDS.has(word));
  return (rare.length > 0 ? rare : words).reduce((a, b) => b.length > a.length ? b : a);
}

/**
 * Chooses one key word for each form, with as few different words as possible. A line without any
 * key word is no message of the table. If a form has no fixed word, one of its choices is used: the
 * first word of each text of this choice is a key.
 */
function keysOf(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const keyWords = keyWordsOf(entries);
  const words = [...new Set([...keyWords.values()].flat())];
  const keys = new Map<string, Entry[]>();
  const left = new Set(entries);
  for (;;) {
    let best: KeyWord | null = null;
    for (const each of words) if (each.left > (best?.left ?? 0)) best = each;
    if (best === null) break;
    const covered = best.entries.filter((entry) => left.delete(entry));
    keys.set(best.word, covered);
    for (const each of covered.flatMap((entry) => keyWords.get(entry)!)) each.left--;
  }
  for (const entry of left) {
    const choice = entry.form.choices.find((texts) =>
      texts.every((text) => wordsIn(text).length > 0)
    );
    if (choice === undefined) throw new RangeError(`no word in the form "${entry.form.text}"`);
    for (const text of choice) {
      keys.getOrInsertComputed(rarestOf(wordsIn(text)), () => []).push(entry);
    }
  }
  return keys;
}

const ENTRIES = entriesOf(MESSAGE_AREAS);
const KEYS = keysOf(ENTRIES);
const KEY_WORDS = [...KEYS.keys()];

/** Finds the key words of a line. */
const KEYS_OF_LINES = new WordScanner(KEY_WORDS);

const MAX_SETS = 1 << 12;
const NO_ENTRIES: readonly Entry[] = [];
const CONTINUED_ROWS = MESSAGE_AREAS.flatMap(({ rows }) =>
  rows.filter(({ more }) => more !== undefined)
);

/**
 * The fixed texts of all forms. These include forms that another reader decodes, and forms that
 * continue a message.
 */
export function fixedTexts(): readonly string[] {
  const others = MESSAGE_AREAS.flatMap(({ rows }) => rows).flatMap((row) => [
    ...row.isDecoded === true ? formsOf(row) : [],
    ...(row.more ?? []).map(({ form }) => formOf(form)),
  ]);
  return [...ENTRIES.map(({ form }) => form), ...others].flatMap(({ fixed }) => fixed);
}

/** The facts, with the fact `cause` added if the row has causes. */
export function withCause(row: MessageRow, facts: LogEntryFacts): LogEntryFacts {
  const cause = causeOf(row, facts);
  return cause === null ? facts : { ...facts, cause: cause.id };
}

function hasAll(text: string, pieces: readonly string[]): boolean {
  for (const piece of pieces) if (!text.includes(piece)) return false;
  return true;
}

function hasAnyOfEach(text: string, choices: Entry["anyOf"]): boolean {
  for (const texts of choices) if (!texts.some((pieces) => hasAll(text, pieces))) return false;
  return true;
}

/** A line of a program that prints a message, as patches and mails quote it: no line of a log. */
const OF_PROGRAM =
  /\b(?:dev|pr|netdev|netif|pci|drm)_(?:emerg|alert|crit|err|warn|notice|info|dbg|debug)\w*\(|\bprintk\(|\\n"/;

/** Whether a line is of a program's source, as patches and mails quote it. */
export function isOfProgram(line: string): boolean {
  return OF_PROGRAM.test(line);
}

/** A word of severity is no driver: the line is of a firmware or of a program. */
const LEVEL = /^(?:ERROR|WARN|WARNING|NOTICE|INFO|DEBUG|FATAL|ERR)$/i;

/** A PCI function, and what comes behind its interface's name, is no driver. */
const NO_DRIVER = /^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i;

/** `driver [0000:03:00.0]-8017:15: text`: the device is the function, and the rest a number of the text. */
const IN_BRACKETS = /^\[([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\]/;

const isNoDriver = (driver: unknown) =>
  typeof driver === "string" &&
  (LEVEL.test(driver) || NO_DRIVER.test(driver) || NO_NAME.test(driver));

function withFunction(facts: LogEntryFacts): LogEntryFacts {
  const device = IN_BRACKETS.exec(String(facts.device))?.[1];
  return device === undefined ? facts : { ...facts, device };
}

/** `xilinx-vdma 40400000.dma:Channel …`: a driver and its device without the blank behind the colon. */
const NO_BLANK =
  /^([a-z][\w.+-]* (?:(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|[0-9a-f]{4,16}\.[a-z][\w-]*)):(?=[A-Z])/;
/** Parts of DPDK that have taken over messages of its EAL. */
const OF_EAL = /^(?:PCI_BUS|BUS_PCI|VDEV_BUS|BUS_VDEV): (?=\s|[A-Z])/;

/** `vfio_dma_map(0x1,0x2,0x3,0x4)=-14(text`: a call with its result, of which the blanks are removed. */
const TIGHT_CALL = /(\w\([^()\s]*,[^()\s]*\))=(-\d{1,3})(?=\()/;

/** A line in its usual spelling. */
function usual(line: string): string {
  if (OF_EAL.test(line)) return line.replace(OF_EAL, "EAL: ");
  return line.replace(NO_BLANK, "$1: ").replace(
    TIGHT_CALL,
    (_, call: string, errno: string) => `${call.replaceAll(",", ", ")} = ${errno} `,
  );
}

/** Finds the message of each line of a log. */
export class MessageFinder {
  /**
   * The forms that may match a line, cached by the set of key words in the line. The lines of a log
   * have only few such sets.
   */
  readonly #candidates = new Map<string, readonly Entry[]>();
  readonly #continuations = new Map<ContinuationRow, MessageForm>();

  /** The message of a line: from the first row that matches it. */
  find(shown: string): FoundMessage | null {
    const line = usual(messageText(shown));
    const lower = line.toLowerCase();
    const candidates = this.#candidatesOf(lower);
    if (candidates.length === 0 || isOfProgram(shown)) return null;
    for (const { absent, anyOf, area, form, needles, row } of candidates) {
      if (!hasAll(lower, needles) || !hasAnyOfEach(lower, anyOf)) continue;
      const found = readForm(form, line);
      if (found === null || isNoDriver(found.driver)) continue;
      const facts = { ...absent, ...row.always, ...withFunction(found) };
      const derived = row.derive === undefined ? facts : row.derive(facts, line);
      if (derived !== null) return { row, area, facts: withCause(row, derived) };
    }
    return null;
  }

  /** A quick test: false for a line that is certainly no message of the table. */
  mayFind(line: string): boolean {
    return KEYS_OF_LINES.hasAny(line.toLowerCase());
  }

  /** The fields of a line that continues a message of any row; null for other lines. */
  continuation(line: string): LogEntryFacts | null {
    for (const { more = [] } of CONTINUED_ROWS) {
      for (const row of more) {
        const found = readForm(this.#formOf(row), line);
        if (found !== null) return found;
      }
    }
    return null;
  }

  #formOf(more: ContinuationRow): MessageForm {
    return this.#continuations.getOrInsertComputed(more, () => formOf(more.form));
  }

  #candidatesOf(lower: string): readonly Entry[] {
    const indexes = KEYS_OF_LINES.in(lower);
    if (indexes.length === 0) return NO_ENTRIES;
    const key = String.fromCharCode(...indexes);
    const known = this.#candidates.get(key);
    if (known !== undefined) return known;
    const entries = indexes.flatMap((index) => KEYS.get(KEY_WORDS[index]!)!)
      .sort((a, b) => a.order - b.order);
    if (this.#candidates.size === MAX_SETS) this.#candidates.clear();
    this.#candidates.set(key, entries);
    return entries;
  }

  /**
   * The facts of a message, combined with those of a line that continues the message. Null if the
   * line does not continue it.
   */
  continued(row: MessageRow, facts: LogEntryFacts, line: string): LogEntryFacts | null {
    for (const more of row.more ?? []) {
      const found = readForm(this.#formOf(more), line);
      if (found === null) continue;
      const known = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== null));
      const added = more.add === undefined ? { ...facts, ...known } : more.add(known, facts, line);
      if (added !== null) return withCause(row, added);
    }
    return null;
  }
}

/** Words that indicate an error. */
const WRONG =
  /\b(?:error|err|fail(?:ed|ure)?|fault|timed? ?out|timeout|time-out|overflow|aborted|invalid|broken|cannot|can not|can't|unable|not (?:set|ready|able|in)|firmware bug|bios|illegal|lost|hung|dead|corrupt\w*|refused|rejected|unsupported|unexpected)\b/i;

function escaped(words: string): string {
  return words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
const AREA_WORDS = MESSAGE_AREAS.flatMap((area) => area.words.map((words) => ({ area, words })));
/** Longer words first: `arm-smmu-v3` before `arm-smmu`. */
const ANY_AREA = new RegExp(
  `(${
    AREA_WORDS.map(({ words }) => words).sort((a, b) => b.length - a.length).map(escaped).join("|")
  }).*?: `,
);
/** Finds the words of areas in a line, in letters of any case. */
const AREAS_OF_LINES = new WordScanner([
  ...new Set(AREA_WORDS.map(({ words }) => words.toLowerCase())),
]);
const AREA_OF = new Map(AREA_WORDS.map(({ area, words }) => [words, area]));

/**
 * A warning raised in the code of DMA mapping or of IOMMUs. Warnings of the DMA API checker are excluded,
 * because the checker prints its message in a separate line.
 */
const CODE_WARNING =
  /(?:WARNING|BUG)\b.*?[ /]((?:kernel\/dma|drivers\/(?:iommu|dma|dma-buf)|arch\/[\w/-]+\/dma)\/(?!debug\.c)[\w./-]+\.c|arch\/[\w/-]+\/dma-[\w-]+\.c|drivers\/[\w/-]*dma[\w-]*\.c|lib\/swiotlb\.c):\d/;

/** The area of a line that no row of the table matches. */
export interface UnreadArea {
  readonly area: MessageArea;
  /** Whether the line's words indicate an error. */
  readonly isWrong: boolean;
  /**
   * Whether the line gives only the code location of a warning, so that the message is on another
   * line.
   */
  readonly isWarning: boolean;
}

export function areaOf(line: string): UnreadArea | null {
  const file = CODE_WARNING.exec(line)?.[1];
  if (file === undefined && !AREAS_OF_LINES.hasAny(line.toLowerCase()) || isOfProgram(line)) {
    return null;
  }
  if (file !== undefined) {
    return {
      area: file.includes("swiotlb") ? SWIOTLB : IOMMU_CORE,
      isWrong: true,
      isWarning: true,
    };
  }
  const found = ANY_AREA.exec(line)?.[1];
  if (found === undefined) return null;
  const area = AREA_OF.get(found);
  return area === undefined
    ? null
    : { area, isWrong: WRONG.test(messageText(line)), isWarning: false };
}
