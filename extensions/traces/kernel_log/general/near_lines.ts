/**
 * Lines beside a message that was read: lines of the same driver or device, and errors next to it.
 * They are listed with what their words say, and prove nothing.
 */
import type { LogEntryFacts } from "../log_facts.ts";
import type { LogMessage } from "../log_forms.ts";
import { errnoIn, errnoName } from "../messages/errno_words.ts";
import { messageText } from "../pasted_text.ts";
import { actIn } from "./line_acts.ts";
import { isOfSource } from "./driver_names.ts";
import { mayMention } from "./general_words.ts";
import { speakerOf } from "./line_speaker.ts";

/** A line beside a message. */
export interface NearLine {
  readonly line: number;
  readonly text: string;
  /** What the line is, as far as its words say. */
  readonly says: string;
}

/** A line is beside a message if so many lines, or fewer, are between them. */
const REACH = 4;
/** Lines that are compared with the messages beside them, and lines that are given: later ones are left out. */
const MOST_TRIED = 2048;
export const MOST_GIVEN = 256;
/** Largest number of lines below one message that are given. */
const MOST_NEAR = 16;
/** Lines of registers, stacks and modules: they belong to a message, and say nothing by themselves. */
const OF_DUMP =
  /^\s*(?:CPU:|Hardware name|Modules linked|Call [Tt]race|[RE]?[A-Z][A-Z0-9]{1,2} ?: ?[0-9a-f]{4}|\[<|Code:|---|Tainted|WARNING: |pstate|[a-z]\d+ ?:|\(?\[?<?[0-9a-f]{8,}|[\w.]+\+0x|<\/?TASK>|\? )|\+0x[0-9a-f]+\/0x/;

const HEAD =
  /^(?:\S+: )?(?:Unable to handle|Internal error|BUG: |Oops|kernel BUG|general protection|INFO: task)/i;

/** Collects lines that nobody has read, and gives those beside a message. */
export class NearLines {
  #before: LogMessage[] = [];
  #names: readonly string[] = [];
  #lastPlace = -Infinity;
  #tried = 0;
  #given = 0;
  /** Lines that were given since the last message. */
  #count = 0;

  constructor(private readonly sink: (line: NearLine) => void) {}

  /** Takes a line that nothing else has read. */
  push(message: LogMessage): void {
    if (this.#tried >= MOST_TRIED || this.#given >= MOST_GIVEN) return;
    if (
      message.place - this.#lastPlace <= REACH && this.#count < MOST_NEAR && this.#give(message)
    ) {
      // Lines of one failure follow each other: the next one may be as far from this one.
      this.#lastPlace = message.place;
      this.#count++;
      return;
    }
    this.#before.push(message);
    if (this.#before.length > REACH) this.#before.shift();
  }

  /** A message was read: lines beside it are given. */
  isRead({ place, text }: LogMessage, facts: LogEntryFacts): void {
    if (this.#tried >= MOST_TRIED || this.#given >= MOST_GIVEN) return;
    this.#names = namesOf(text, facts);
    this.#lastPlace = place;
    this.#count = 0;
    for (const message of this.#before.splice(0)) {
      if (place - message.place <= REACH) this.#give(message);
    }
  }

  #give({ line, text: shown }: LogMessage): boolean {
    this.#tried++;
    const text = messageText(shown);
    if (text.trim() === "" || OF_DUMP.test(text) || isOfSource(text) || mayMention(text)) {
      return false;
    }
    if (HEAD.test(text)) {
      return this.#say(line, shown, "the head of the oops: what happened");
    }
    const { said } = speakerOf(text);
    const act = actIn(said, text);
    const isSame = this.#names.some((name) => text.includes(name));
    if (!isSame && act.groups === null) return false;
    const code = errnoName(errnoIn(text));
    const words = act.text === "" ? "names or values" : act.text;
    const who = isSame ? "the same driver or device" : "an error next to it, in its own words";
    return this.#say(line, shown, `${who}: ${words}${code === "" ? "" : `; ${code}`}`);
  }

  #say(line: number, text: string, says: string): true {
    this.#given++;
    this.sink({ line, text, says });
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
    facts.interface_name,
    ...Object.values(speaker),
    prefix,
  ];
  return [...new Set(names)].filter((name): name is string =>
    typeof name === "string" && name.length >= LEAST_NAME
  );
}
