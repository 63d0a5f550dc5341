/** What a line says of its object: the verb of a line that no row of the table has. */

/** Which reasons of the object hold for an act. */
export type ReasonGroup = "got" | "ended" | "valid" | "used" | "silent";

export interface LineAct {
  /** The value of the fact `says`. */
  readonly name: string;
  readonly words: RegExp;
  /** The reasons to list; null for a line that says nothing wrong. */
  readonly groups: readonly ReasonGroup[] | null;
  /** What the line says, as a clause; empty for a line without a verb. */
  readonly text: string;
}

const GET =
  "(?:get|find|request|obtain|acquire|alloc\\w*|create|open|reserve|claim|grab|init\\w*|setup|set up|enable|attach|bind|add|register|load|probe|map|pin|lock|set)";

/** The first act whose words a line has is its act. */
const LINE_ACTS: readonly LineAct[] = [
  {
    name: "nothing wrong",
    words:
      /\b(?:no|without|0|zero) (?:errors?|faults?|failures?)\b|errors?[ =:]+0\b|error (?:handling|recovery|reporting)\b|corrected by h\/w|no further action|in unavailable ranges|quality is unknown|tain(?:ts|ting) kernel/i,
    groups: null,
    text: "it reports no error",
  },
  {
    name: "injected",
    words: /\binject(?:ed|ing)\b/i,
    groups: null,
    text: "an error is made on purpose, as a test",
  },
  {
    name: "underrun or overrun",
    words: /\b(?:under|over)run|\bunderflow|\bxrun|\b(?:fifo|buffer|ring|[rt]x)\b.{0,20}?overflow/i,
    groups: ["ended"],
    text: "data came or were taken too late or too fast",
  },
  {
    name: "timed out",
    words: /\btim(?:e|ed|ing)[ -]?outs?\b|\bin time\b|\bETIMEDOUT\b|timer expired/i,
    groups: ["ended"],
    text: "something did not end or answer in time",
  },
  {
    name: "all ones",
    words:
      /\b(?:not|isn't|failed|invalid|unexpected|reads?|status)\b.{0,60}?\b0xf{8}\b|reads? (?:as |back )?(?:all )?(?:ones|ff)\b/i,
    groups: ["silent"],
    text: "registers read as all ones (0xffffffff)",
  },
  {
    name: "not permitted",
    words:
      /permission denied|not permitted|\bEPERM\b|\bEACCES\b|\bdenied\b|not allowed|refus(?:ed|ing)|reject(?:ed|ing)/i,
    groups: ["got"],
    text: "a step was refused",
  },
  {
    name: "not released",
    words:
      /(?:fail\w*|unable|can(?:not|'t)|could ?n(?:o|')t)[^.]{0,30}?\b(?:un-?map|free|release|unpin|unregister|detach|tear)|\b(?:un-?map\w*|free|release|unpin)\b.{0,20}?(?:fail|error)|\bnot (?:yet |been )?(?:released|freed|unmapped|unpinned)\b|never (?:freed|released|unmapped)/i,
    groups: [],
    text: "something was not, or could not be, given back or taken away",
  },
  {
    name: "no memory",
    words:
      /\bENOMEM\b|out of (?:memory|dma)|no (?:more |free )?memory|(?:can(?:not|'t)| not) allocate memory|alloc\w*[^.]{0,40}?(?:fail|error)|(?:fail|unable|can(?:not|'t)|could ?n(?:o|')t)\w*[^.]{0,40}?alloc|not enough|exhausted|insufficient/i,
    groups: ["got"],
    text: "an allocation failed, or too little was left",
  },
  {
    name: "in use",
    // Before "not there": `not available, in use by …`.
    words:
      /\bbusy\b|\bin use\b|already (?:in|used|taken|mapped|bound|exists)|\bEBUSY\b|still (?:in use|mapped|active)/i,
    groups: ["used"],
    text: "something is in use already",
  },
  {
    name: "fell back",
    words:
      /fall(?:s|ing)? ?back|\buse pio\b|using pio|\bpio mode|not using|without dma|no dma\b|disabl(?:e|ing) dma|dma (?:is )?(?:disabled|off|not used)|operating without|polling mode/i,
    groups: ["got"],
    text: "the driver goes on without it, or in a slower way",
  },
  {
    name: "not supported",
    words:
      /not support|unsupported|not (?:currently )?implemented|n't support|not implemented|incompatible|\bEOPNOTSUPP\b/i,
    groups: ["valid"],
    text: "something is not supported",
  },
  {
    name: "not there",
    words:
      /\bmissing\b|not found|not (?:available|present|set up|ready|initiali[sz]ed|configured|defined|viable)|(?<!temporarily )unavailable|\bno (?:such|available|free|suitable|usable|valid|supported|\w+ ?(?:found|available|specified|defined))\b|can(?:not|'t) find|could ?n(?:o|')t find|(?:fail\w*|unable) to find|\bENOENT\b|\bENODEV\b|\bnot (?:yet )?(?:registered|mapped|allocated|connected|bound|attached|loaded|enabled by)\b|\bno (?:iommu|vfio|irq|interrupt|msi|channel|group|driver)\b|\bno [\w-]+[?!.]*$/i,
    groups: ["got"],
    text: "something is not there or not ready",
  },
  {
    name: "not valid",
    words:
      /\binvalid\b|\billegal\b|\bbad\b|\bwrong\b|unexpected|mismatch|(?:un|mis|not )-?align|out of (?:range|bounds)|corrupt|too (?:large|long|big|many|small|short)|exceed|\bEINVAL\b|inconsistent|unbalanced|expect(?:ed|ing)\b/i,
    groups: ["valid"],
    text: "a value or a state is not the expected one",
  },
  {
    name: "not got",
    words: new RegExp(
      `(?:fail\\w*|unable|can(?:not| not|'t)|could(?: not|n't)|did(?: not|n't))(?: to)? (?:\\w+ ){0,3}?${GET}\\b|\\b${GET}(?: [\\w-]+){0,3} (?:failed|failure|error)`,
      "i",
    ),
    groups: ["got"],
    text: "something could not be got, found or set up",
  },
  {
    name: "fault",
    words:
      /\bfault|(?<!pcie )bus error|slave error|decode error|\bslverr|\bdecerr|external abort|machine check/i,
    groups: ["ended"],
    text: "an access was refused or answered with an error",
  },
  {
    name: "did not stop or start",
    words:
      /(?:fail\w*|unable|can(?:not|'t)|could ?n(?:o|')t) (?:to )?(?:stop|start|reset|disable|idle|pause|terminate|suspend|resume)\b|did(?: not|n't) (?:stop|start)\b/i,
    groups: ["ended"],
    text: "something could not be stopped, started or reset",
  },
  {
    name: "did not happen",
    words: /\b(?:did(?: not|n't)|won't|never|not received)\b/i,
    groups: ["ended"],
    text: "something that was expected did not happen",
  },
  {
    name: "stopped or silent",
    words:
      /\b(?:stuck|hung|hang|halt(?:ed)?|stall(?:ed)?|dead|died|lost|abort(?:ed|ing)?|not (?:respond|answer|reply)\w*|doesn't (?:respond|answer|reply)|no (?:response|reply|answer)|giv(?:e|es|ing) up|gave up)\b/i,
    groups: ["ended"],
    text: "something stopped, hangs, was given up or does not answer",
  },
  {
    name: "failed",
    words:
      /\bfail\w*|\berrors?\b|\berr\b|\bunable\b|\bcan(?:not| not|'t)\b|could(?: not|n't)|\bBUG\b|\bassert|\bWARNING\b|problem|\bunknown\b|\bignor(?:ed?|ing)\b|\bmissed\b|skipp(?:ed|ing)/i,
    groups: ["got", "ended"],
    text: "a step did not succeed",
  },
  {
    name: "found running",
    words: /in progress detected|still (?:running|active|busy)|left (?:over|running)/i,
    groups: ["ended"],
    text: "the driver found something running or left over where it should be idle",
  },
  {
    name: "reset",
    words: /\breset|restart|recover|re-?init|retry|retries|resum(?:e|ing)/i,
    groups: null,
    text: "something is reset, restarted or tried again",
  },
  {
    name: "off",
    words:
      /\bdisabled?\b|\bdisabling\b|\boff\b|\binactive\b|\bnot enabled\b|\bremov\w+|\bunload\w*|\bunbound\b/i,
    groups: null,
    text: "something is off, or was removed",
  },
  {
    name: "on",
    words:
      /\benabl(?:ed?|ing)\b|\bactive\b|\busing\b|\buse[sd]?\b|\bon\b|support(?:s|ed)\b|select(?:ed|ing)|\bset(?:ting)?\b/i,
    groups: null,
    text: "something is on, set or in use",
  },
  {
    name: "done",
    words:
      /found|detect\w*|regist(?:er|ra)\w*|initiali[sz]ed|ready|allocated|reserved|creat(?:ed|ing)|mapped|add(?:ed|ing)|assigned|load(?:ed|ing)|succe\w*|done|complete|finish\w*|reserv(?:ing|ed)|start(?:ed|ing)|probed?|attached|bound/i,
    groups: null,
    text: "something was found, set up or done",
  },
];

/** A line of values or names without a verb. */
export const NO_ACT: LineAct = {
  name: "values",
  words: /(?:)/,
  groups: null,
  text: "",
};

/** `timeout: 10 s`, `retries=3`, `timeout is set to 5`: the name of a setting with its value. */
const SETTING =
  /\b(?:\w*time-?outs?|retries|retry|interval)(?:_\w+)?(?:\s*[:=]\s*(?:\w+\s+)?| (?:is |was |now )?set to |\s+is )\d/gi;

/** A level in front of a line or in it: the line is of an error, whatever its other words are. */
const LEVEL =
  /^\W*(?:ERROR|FATAL|CRITICAL|ERR)\b|\*(?:ERROR|ERR)\*|<err>|[-_]err\]|\| (?:ERROR|FATAL) +\|/;
const ERROR = LINE_ACTS.find(({ name }) => name === "failed")!;

/**
 * The act of a line by its words.
 * @param line The line with the names in front of it, which may have a level.
 */
export function actIn(text: string, line = text): LineAct {
  const said = text.replace(SETTING, " set ");
  const act = LINE_ACTS.find(({ words }) => words.test(said)) ?? NO_ACT;
  return act.groups === null && act.name !== "nothing wrong" && LEVEL.test(line) ? ERROR : act;
}

const BY_NAME = new Map([...LINE_ACTS, NO_ACT].map((act) => [act.name, act]));

/** The act with a name. */
export function actNamed(name: unknown): LineAct | null {
  return BY_NAME.get(String(name)) ?? null;
}
