/** Finds messages of the table by a part of their text, as users remember it: `rejecting DMA map of vmalloc memory`. */
import { maxOf } from "@dmalab/runtime/basics";
import { PICTURE_COLUMNS, spread } from "@dmalab/lang/text";
import { aboutKind } from "../ledger/finding_kinds.ts";
import { labelledLines } from "./labelled_lines.ts";
import { MESSAGE_KINDS } from "./messages/kinds.ts";
import { type MessageRow, nextOf } from "./messages/message.ts";
import { shownForm, shownWords } from "./messages/message_page.ts";
import { MESSAGE_AREAS } from "./messages/table.ts";

/**
 * A word of a form; null for a placeholder, which matches any words. Words of an optional part are
 * optional.
 */
interface FormWord {
  readonly word: string | null;
  readonly optional: boolean;
  /** The largest number of words that a placeholder matches. */
  readonly most: number;
}

/** Least number of words in a question: fewer match too many messages. */
const LEAST_WORDS = 2;
/**
 * Largest number of words that one placeholder matches: a device such as `0000:00:1f.2` has four.
 */
const MOST_IN_PLACE = 8;
const MAX_QUESTION = 400;
/**
 * Largest number of matching messages that are explained; of further messages, only the text is
 * listed.
 */
const MAX_TOLD = 2;
const MAX_LISTED = 10;
const LABEL_COLUMNS = 14;

/** A placeholder belongs to the word that it touches: `{mib}MB` is one word of a question. */
const PART =
  /\{\?|\?\}|[a-z0-9_]*\{~[^{}?]*\}[a-z0-9_]*|[a-z0-9_]*\{[^~{}?][^{}?]*\}[a-z0-9_]*|[a-z0-9_]+/gi;

function wordsOfForm(form: string): FormWord[] {
  let depth = 0;
  return [...form.matchAll(PART)].flatMap(([part]) => {
    if (part === "{?") depth++;
    else if (part === "?}") depth--;
    else {
      const word = part.includes("{") ? null : part.toLowerCase();
      return [{ word, optional: depth > 0, most: mostWordsIn(part) }];
    }
    return [];
  });
}

/** The largest number of words of a question that a part of a form matches. */
function mostWordsIn(part: string): number {
  const [whole, alternatives] = part.match(/\{~(.*)\}/) ?? [];
  if (alternatives === undefined) return MOST_IN_PLACE;
  // `attach{~ed|}` is one word, `vfio{~, not VFIO|}` has one more than its alternative.
  const most = maxOf(
    alternatives.split("|").map((text) => text.match(/[a-z0-9_]+/gi)?.length ?? 0),
  );
  return most + (whole === part ? 0 : 1);
}

/**
 * Number of words of a question that match the form from a given position on; -1 if one of the
 * words does not match.
 */
function fit(form: readonly FormWord[], question: readonly string[]): number {
  const known = new Map<number, number>();
  const from = (at: number, asked: number): number => {
    if (asked === question.length) return 0;
    if (at === form.length) return -1;
    const key = at * question.length + asked;
    const found = known.get(key);
    if (found !== undefined) return found;
    const { most: mostWords, optional, word } = form[at]!;
    let most = optional || word === null ? from(at + 1, asked) : -1;
    if (word === null) {
      const end = Math.min(question.length, asked + mostWords);
      for (let next = asked + 1; next <= end; next++) most = Math.max(most, from(at + 1, next));
    } else if (isWord(word, question[asked]!, asked === question.length - 1)) {
      const rest = from(at + 1, asked + 1);
      if (rest >= 0) most = Math.max(most, rest + 1);
    }
    known.set(key, most);
    return most;
  };
  return maxOf(form.map((_, at) => from(at, 0)));
}

/** Whether a form's word matches. The last word of a question may be cut off. */
function isWord(word: string, asked: string, isLast: boolean): boolean {
  return word === asked || isLast && asked.length >= 3 && word.startsWith(asked);
}

/** A message with the question in its text. */
interface FoundRow {
  readonly row: MessageRow;
  /** The wording with the most words of the question. */
  readonly form: string;
  readonly words: number;
}

/**
 * Finds the messages of the table that contain a text. The message with most of the text's words
 * comes first.
 */
export function messagesWith(text: string): readonly FoundRow[] {
  const question = text.slice(0, MAX_QUESTION).toLowerCase().match(/[a-z0-9_]+/g) ?? [];
  if (question.length < LEAST_WORDS) return [];
  return MESSAGE_AREAS.flatMap(({ rows }) =>
    rows.flatMap((row) => {
      const [best] = row.forms.map((form) => ({ form, words: fit(wordsOfForm(form), question) }))
        .sort((a, b) => b.words - a.words);
      return best === undefined || best.words < LEAST_WORDS ? [] : [{ row, ...best }];
    })
  ).sort((a, b) => b.words - a.words);
}

/** Explains the messages that contain a text; null if no message does. */
export function messageLines(text: string): readonly string[] | null {
  const rows = messagesWith(text);
  if (rows.length === 0) return null;
  const [told, others] = [rows.slice(0, MAX_TOLD), rows.slice(MAX_TOLD, MAX_LISTED)];
  return [
    ...told.flatMap((found, index) => [...index === 0 ? [] : [""], ...rowLines(found)]),
    ...others.length === 0 ? [] : ["", "Other messages with these words:"],
    ...others.map(({ form }) => `  ${shownForm(form)}`),
    "",
    "`dmalab explain - < LOG` decodes a log with the numbers of its lines.",
  ];
}

function rowLines({ form, row }: FoundRow): string[] {
  const { causes = [], finding, forms, kind, means } = row;
  const other = forms.find((each) => each !== form);
  const { rule, title } = MESSAGE_KINDS[kind];
  const labelled = (label: string, text: string) =>
    labelledLines(label, text, LABEL_COLUMNS, PICTURE_COLUMNS);
  const name = row.always?.class ?? row.finding;
  const own = nextOf(row, row.always ?? {});
  const steps = own.length > 0 || finding === undefined ? own : aboutKind(finding).next ?? [];
  return [
    spread(title, rule),
    ...labelled("message", shownForm(form)),
    ...other === undefined ? [] : labelled("also", shownForm(other)),
    ...name === undefined ? [] : labelled("class", String(name)),
    ...labelled("means", shownWords(means)),
    ...causes.flatMap(({ id, text }, index) =>
      // There is no line here. Therefore a text that would be computed from the numbers of a line
      // is replaced by the id of the cause.
      labelled(
        index === 0 ? "causes" : "",
        typeof text === "string" ? text : id.replaceAll("_", " "),
      )
    ),
    ...causes.length > 1
      ? []
      : steps.flatMap((step, index) => labelled(index === 0 ? "next" : "", step)),
  ];
}
