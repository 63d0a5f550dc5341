/**
 * Lines without a word about DMA: lines of the same driver or device beside a message that was read, and
 * all lines with words of trouble. They are listed with what their words say, and prove nothing.
 */
import type { LogEntryFacts } from "../log_facts.ts";
import type { LogMessage } from "../log_forms.ts";
import { errnoIn, errnoName, errnoText, withoutErrnoTexts } from "../messages/errno_words.ts";
import { messageText } from "../pasted_text.ts";
import { actIn, mayTrouble, saysEnd } from "./line_acts.ts";
import { BUG_REPORT, HUNG_TASK, lockupNamed } from "./crash_head.ts";
import { isCommand, isOfDevice, isOfSource } from "./driver_names.ts";
import { isLogShaped, isProse } from "./general_words.ts";
import { speakerOf } from "./line_speaker.ts";
import { formKey } from "../shown_text.ts";

/** A line beside a message. */
export interface NearLine {
  readonly line: number;
  readonly text: string;
  /** What the line is, as far as its words say. */
  readonly says: string;
  /** Whether it has words of trouble. */
  readonly isWrong: boolean;
  /** The name of driver, device or program that it shares with the message beside it; null for another line. */
  readonly same: string | null;
}

/** A line is beside a message if so many lines, or fewer, are between them. */
const REACH = 4;
/** Lines that are compared with the messages beside them, and lines that are given: later ones are left out. */
const MOST_TRIED = 2048;
export const MOST_GIVEN = 256;
/** So many lines away from any message are tested for words of trouble: a day's journal has more. */
const MOST_FAR_SEEN = 8192;
/** Lines of trouble away from any message that are looked at, and their forms that are given. */
const MOST_FAR_TRIED = 512;
const MOST_FAR_FORMS = 64;
/** Largest number of lines below one message that are given. */
const MOST_NEAR = 16;
/** Lines of registers, stacks and modules: they belong to a message, and say nothing by themselves. */
const OF_DUMP =
  /^\s*(?:Kernel command line|Command line|BOOT_IMAGE|Linux version|CPU:|Hardware name|Modules linked|\w+: \w+: [\w -]+:\s+0x[0-9a-f]{8}(?: \||$)|Call [Tt]race|[RE]?[A-Z][A-Z0-9]{1,2} ?: ?[0-9a-f]{4}|\[<|Code:|---|Tainted|WARNING: (?:CPU|at )|pstate|[a-z]\d+ ?:|\(?\[?<?[0-9a-f]{8,}|[\w.]+\+0x|<\/?TASK>|\? )|\+0x[0-9a-f]+\/0x/;

/** The first word of an error that a program prints without a name in front. */
const BEGINS_WRONG =
  /^\W*(?:assert\w*|panic|fatal|fail(?:ed|ure)?|unable|cannot|can't|could not|error|abort\w*)\b/i;

/** `WARNING: CPU: 0 PID: 1 at drivers/spi/own.c:12 own_transfer+0x1/0x2`. */
const WARNING =
  /^WARNING: (?:.{0,60} )?at ((?:drivers|kernel|lib|include|arch|mm|net|fs|block|sound|crypto|security|virt)\/[\w./-]+\.[ch]:\d+)(?: (?:at )?([A-Za-z_][\w.]*)\+)?/;

const OF_DMA_CODE = /dma|iommu|swiotlb/;

const HEAD =
  /^(?:\S+: )?(?:Unable to handle|Internal error|BUG: |Oops|kernel BUG|general protection|invalid opcode: \d+ \[#)/i;

/** The line above a warning; its message may be between the two. */
const CUT_HERE = "[ cut here ]";
/** So much of a warning's message is quoted. */
const MOST_QUOTED = 120;

/** Collects lines that nobody has read, and gives those beside a message. */
export class NearLines {
  #before: LogMessage[] = [];
  #names: readonly string[] = [];
  #lastPlace = -Infinity;
  #tried = 0;
  #given = 0;
  /** Lines that were given since the last message. */
  #count = 0;
  #farSeen = 0;
  #farTried = 0;
  readonly #farForms = new Set<string>();
  /** The newest line below a {@linkcode CUT_HERE} line, or this line itself. */
  #cut: { readonly text: string | null; readonly place: number } | null = null;
  /** Whether lines of the log have a time or a collector's text in front: others are a reporter's then. */
  #hasStamps = false;

  /** Whether each line is one of the log, also without a time or the form of a driver's line. */
  takesAll = false;

  constructor(private readonly sink: (line: NearLine) => void) {}

  /** Takes a line that nothing else has read. */
  push(message: LogMessage): void {
    if (message.time !== null) this.#hasStamps = true;
    this.#noteCut(message);
    if (this.#isFull) {
      this.#far(message);
      return;
    }
    if (
      message.place - this.#lastPlace <= REACH && this.#count < MOST_NEAR && this.#give(message)
    ) {
      // Lines of one failure follow each other: the next one may be as far from this one.
      this.#lastPlace = message.place;
      this.#count++;
      return;
    }
    this.#before.push(message);
    if (this.#before.length > REACH) this.#far(this.#before.shift()!);
  }

  #noteCut({ place, text }: LogMessage): void {
    if (text.includes(CUT_HERE)) this.#cut = { text: null, place };
    else if (this.#cut?.text === null && place - this.#cut.place === 1) {
      this.#cut = { text: messageText(text), place };
    }
  }

  /** Gives the lines of trouble that are beside no message. */
  end(): void {
    for (const message of this.#before.splice(0)) this.#far(message);
  }

  /** Takes a line away from any message, in any order. */
  pushApart(message: LogMessage): void {
    this.#far(message);
  }

  get #isFull(): boolean {
    return this.#tried >= MOST_TRIED || this.#given >= MOST_GIVEN;
  }

  /** Takes a line that is beside no message. */
  #far(message: LogMessage): void {
    if (this.#farSeen >= MOST_FAR_SEEN || this.#farTried >= MOST_FAR_TRIED) return;
    this.#farSeen++;
    if (!mayTrouble(message.text)) return;
    this.#farTried++;
    const form = formKey(messageText(message.text));
    if (this.#farForms.has(form) || this.#farForms.size < MOST_FAR_FORMS) {
      if (this.#give(message, false)) this.#farForms.add(form);
    }
  }

  /** A message was read: lines beside it are given. */
  isRead({ place, text }: LogMessage, facts: LogEntryFacts): void {
    if (this.#isFull) return;
    this.#names = namesOf(text, facts);
    this.#lastPlace = place;
    this.#count = 0;
    for (const message of this.#before.splice(0)) {
      if (place - message.place > REACH || !this.#give(message)) this.#far(message);
    }
  }

  /** @param isNear Whether the line is beside a message, whose driver or device it may name. */
  #give({ line, place, text: shown, time }: LogMessage, isNear = true): boolean {
    if (isNear) this.#tried++;
    const text = messageText(shown);
    const warning = WARNING.exec(text);
    if (warning !== null) {
      const [, file, name] = warning;
      // Its message, which has words about DMA, is read by itself.
      if (OF_DMA_CODE.test(file!)) return false;
      const cut = this.#cut;
      const message = cut !== null && place - cut.place === 1 ? cut.text : null;
      return this.#say(
        line,
        shown,
        `a warning (WARN) of the kernel's code at ${file}${
          name === undefined ? "" : `, in ${name}()`
        }: a state that it does not expect${
          message === null ? "" : ` ("${message.slice(0, MOST_QUOTED)}")`
        }; it goes on`,
        true,
      );
    }
    if (text.trim() === "" || OF_DUMP.test(text) || isOfSource(text) || isCommand(text)) {
      return false;
    }
    const lockup = lockupNamed(text);
    if (lockup !== null) {
      const says = lockup === HUNG_TASK
        ? "a hung task: it waits for something that did not end"
        : lockup === BUG_REPORT
        ? "a bug that the kernel found in its own state, and reports: it goes on"
        : `a ${lockup}: a CPU does not go on`;
      return this.#say(line, shown, says, true);
    }
    if (HEAD.test(text)) {
      return this.#say(line, shown, "the head of the oops: what happened", true);
    }
    const hasStamp = time !== null || text !== shown;
    const isOfLog = hasStamp || this.takesAll || isOfDevice(text) ||
      saysEnd(text) && !isProse(text) ||
      !this.#hasStamps && (isLogShaped(text) || BEGINS_WRONG.test(text) && !isProse(text));
    if (!isOfLog) return false;
    const { said } = speakerOf(text);
    const act = actIn(withoutErrnoTexts(said), text);
    const same = isNear ? this.#names.find((name) => text.includes(name)) : undefined;
    if (same === undefined && act.groups === null) return false;
    const errno = act.groups === null ? null : errnoIn(text);
    const code = same === undefined ? errnoName(errno) : errnoText(errno);
    const name = same?.replace(/\W+$/, "") ?? null;
    const says = [
      ...name === null ? [] : [`of ${name}`],
      ...act.text === ""
        ? act.groups === null ? [] : ["marked as an error"]
        : [`by its words, ${act.text}`],
      ...code === "" ? [] : [code],
    ];
    return this.#say(line, shown, says.join("; "), act.groups !== null, name);
  }

  #say(
    line: number,
    text: string,
    says: string,
    isWrong: boolean,
    same: string | null = null,
  ): true {
    this.#given++;
    this.sink({ line, text, says, isWrong, same });
    return true;
  }
}

const LEAST_NAME = 4;

/** `EAL: `: the first word of a line, with its colon. */
const PREFIX = /^[\w.-]{3,}: /;

/** The names of driver, device and function of a message. */
function namesOf(shown: string, facts: LogEntryFacts): readonly string[] {
  const { speaker } = speakerOf(messageText(shown));
  const prefix = PREFIX.exec(messageText(shown))?.[0];
  const names = [
    facts.device,
    facts.driver,
    facts.prefix,
    facts.interface_name,
    ...Object.values(speaker),
    prefix,
  ];
  return [...new Set(names)].filter((name): name is string =>
    typeof name === "string" && name.length >= LEAST_NAME
  );
}
