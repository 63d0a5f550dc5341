/** Tells a log from a text about something, such as a page of documentation or a program. */
import { isOfDevice, isOfSource } from "./driver_names.ts";
import { isLogShaped, isProse } from "./general_words.ts";

/** Headings, tables, links and code marks of Markdown, comments of programs, tags. */
const MARKUP = /^\s*(?:#{1,6} \S|\||```|\/\/|\/?\*|<!--|<\/?\w+>)|\]\([\w./#:-]+\)/;
/** A frame of a stack, which looks like source. */
const FRAME = "+0x";

/** A text of fewer lines may be an excerpt of a log, whatever its lines look like. */
const LEAST_LINES = 8;
/** More lines are not looked at: the kind of a text shows in its first ones. */
const MOST_LINES = 2048;
/** A text about something has at least this share of sentences, markup or source. */
const LEAST_WRITTEN = 0.25;
/** A text about something has at least so many of these lines for each one in the form of a log's line. */
const WRITTEN_FOR_SHAPED = 1.5;
/** More than this share of lines with a time, or of known messages, make a log of any text. */
const MOST_STAMPED = 0.05;
const MOST_KNOWN = 0.02;

/** Counts the kinds of lines of a text. */
export class LogLikeness {
  #lines = 0;
  #stamped = 0;
  #shaped = 0;
  #written = 0;
  #known = 0;

  /** @param hasStamp Whether a time or a collector's text is in front of the line. */
  push(text: string, hasStamp: boolean): void {
    if (this.#lines >= MOST_LINES || text.trim() === "") return;
    this.#lines++;
    if (hasStamp) this.#stamped++;
    else if (isOfDevice(text)) this.#known++;
    else if (
      isProse(text) || MARKUP.test(text) || isOfSource(text) && !text.includes(FRAME)
    ) this.#written++;
    else if (isLogShaped(text)) this.#shaped++;
  }

  /** Notes that a line of the text is a message of the table. */
  isKnown(): void {
    if (this.#lines < MOST_LINES) this.#known++;
  }

  /** Whether the text is no log: most of it is sentences, markup or source. */
  get isNoLog(): boolean {
    const [lines, stamped, known] = [this.#lines, this.#stamped, this.#known];
    return lines >= LEAST_LINES && stamped <= lines * MOST_STAMPED && known <= lines * MOST_KNOWN &&
      this.#written >= lines * LEAST_WRITTEN &&
      this.#written >= (stamped + this.#shaped) * WRITTEN_FOR_SHAPED;
  }
}
