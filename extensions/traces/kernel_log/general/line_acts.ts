/**
 * The words of trouble and of denial: what a line that no row of the table has says of its object. This
 * is the one place with such words. A line without any of them is only quoted.
 */

/** Which reasons of the object hold for an act. */
export type ReasonGroup = "got" | "ended" | "valid" | "used" | "silent" | "linked";

export interface LineAct {
  /** The value of the fact `says`. */
  readonly name: string;
  readonly words: RegExp;
  /** The reasons to list; null for a line without a word of trouble. */
  readonly groups: readonly ReasonGroup[] | null;
  /** What the line says, as a clause; empty for a line that is only quoted. */
  readonly text: string;
}

const GET =
  "(?:get|find|request|obtain|acquire|alloc\\w*|create|open|reserve|claim|grab|init\\w*|setup|set up|enable|attach|bind|add)";
/** The same verbs behind `error`. */
const GETTING =
  "(?:getting|finding|requesting|obtaining|acquiring|allocating|creating|opening|reserving|initiali[sz]ing|setting up|enabling|attaching|binding|adding|registering|loading|probing)";
/** Verbs that are nouns, too: verbs directly behind the word of failure alone. */
const GET_OR_NOUN = "(?:register|load|probe|map|pin|lock|set)";

/** The act of an assertion that failed: not every program ends at it. */
export const ASSERTION = "assertion failed";

/** The end of a program or of a system: what is wrong comes before it, or is named by the same line. */
const ENDS: readonly LineAct[] = [
  {
    name: "kernel panic",
    words: /\bkernel panic\b(?! (?:if|when|on|behaviou?r))/i,
    groups: [],
    text: "the kernel panicked: the system ended here",
  },
  {
    name: ASSERTION,
    words: /\bassert(?:ion)?\b.*\bfail(?:ed|ure)\b|\bfailed assert(?:ion)?\b|\b_*assert_fail\w*/i,
    groups: [],
    text: "an assertion failed, a check of its own code at which a program most often ends",
  },
  {
    name: "thread panicked",
    words: /\bpanicked at\b|^panic: |^PANIC in \w/i,
    groups: [],
    text: "a program, a thread of it or the kernel of the log panicked, and ended here",
  },
  {
    name: "killed by a signal",
    words:
      /\b(?:terminated|killed|died|crashed|exited) (?:with|by|on|due to) signal\b|\b(?:received|caught|got) signal SIG|\bSIG(?:ABRT|SEGV|BUS|ILL|FPE)\b|\bsegmentation fault\b|\bsegfault at\b|\bcore dumped\b|^Aborted\.?$/i,
    groups: [],
    text: "a signal ended a program",
  },
];

/** The first act whose words a line has is its act. */
const LINE_ACTS: readonly LineAct[] = [
  ...ENDS,
  {
    name: "symbol",
    words: /\bunknown symbol\b|disagrees about version of symbol|undefined (?:symbol|reference)/i,
    groups: ["linked"],
    text: "a symbol that a module or a program needs is not there, or of another version",
  },
  {
    name: "injected",
    words: /\binject(?:ed|ing)\b/i,
    groups: null,
    text: "an error is made on purpose",
  },
  {
    name: "underrun or overrun",
    words: /\b(?:under|over)run|\bunderflow|\bxrun|\b(?:fifo|buffer|ring|[rt]x)\b.{0,20}?overflow/i,
    groups: ["ended"],
    text: "data came or were taken too late or too fast",
  },
  {
    name: "timed out",
    words:
      /\btim(?:e|ed|ing)[ -]?outs?\b|not .{0,30}\bin time\b|\bETIMEDOUT\b|timer expired|retr(?:y count|ies) exceeded/i,
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
      /permission denied|not permitted|\bdisallow\w*|(?:can(?: ?not|'t)) be assigned|\bEPERM\b|\bEACCES\b|\bdenied\b|not allowed|refus(?:ed|ing)|reject(?:ed|ing)/i,
    groups: ["got"],
    text: "a step was refused",
  },
  {
    name: "not released",
    words:
      /(?:fail\w*|unable|can(?:not|'t)|could ?n(?:o|')t)[^.]{0,30}?\b(?:un-?map|free|release|unpin|unregister|detach|tear|(?:remove|delete)(?!.*\b(?:busy|in use)\b))|\b(?:un-?map\w*|free|release|unpin)\b.{0,20}?(?:fail|error)|\bnot (?:yet |been )?(?:released|freed|unmapped|unpinned)\b|never (?:freed|released|unmapped)/i,
    groups: [],
    text: "something was not, or could not be, given back or taken away",
  },
  {
    name: "no memory",
    words:
      /\bENOMEM\b|out of (?:memory|dma)|no (?:more |free )?memory(?! regions?\b)|(?:can(?:not|'t)| not) allocate memory|alloc\w*[^.]{0,40}?(?:fail|error)|(?:fail|unable|can(?:not|'t)|could ?n(?:o|')t)\w*[^.]{0,40}?alloc|not enough|exhausted|insufficient|\b(?:ring|queue|fifo|table|pool)\b.{0,12}\bfull\b/i,
    groups: ["got"],
    text: "an allocation failed, or too little was left",
  },
  {
    name: "stuck",
    // Before "in use": `stuck being busy`.
    words:
      /\b(?:stuck|hung|hangs?|stall(?:ed)?|deadlock\w*|not (?:respond|answer|reply)\w*|n't (?:respond|answer|reply)|no (?:response|answer|reply)(?! (?:code|needed|expected))|unresponsive|unreachable|fall(?:en|s)? off the (?:\w+ )?bus)\b/i,
    groups: ["ended"],
    text: "something hangs or does not answer",
  },
  {
    name: "in use",
    // Before "not there": `not available, in use by …`.
    words:
      /\bin use\b|already (?:in|used|taken|mapped|bound|exists)|\bEBUSY\b|\bresource busy\b|still (?:in use|mapped|active)/i,
    groups: ["used"],
    text: "something is in use",
  },
  {
    name: "busy",
    // A state of a device or an engine: nobody else need have it.
    words: /\bbusy\b/i,
    groups: [],
    text: "something is busy",
  },
  {
    name: "fell back",
    words:
      /fall(?:s|ing)? ?back|\buse pio\b|using pio|\bpio mode|not using|without dma|no dma\b|disabl(?:e|ing) dma|dma (?:is )?(?:disabled|off|not used)|operating without|polling mode/i,
    groups: ["got"],
    text: "it goes on without something, or in another way",
  },
  {
    name: "not supported",
    words:
      /(?:not|n[o']t) support|unsupported|not (?:currently )?implemented|n't support|not implemented|incompatible|\bEOPNOTSUPP\b/i,
    groups: ["valid"],
    text: "something is not supported",
  },
  {
    name: "not there",
    words:
      /\bmissing\b|not found|not (?:available|present|set up|ready|initiali[sz]ed|configured|defined|viable)|(?<!temporarily )unavailable|\bno (?:such|available|free|suitable|usable|valid|supported|(?:\w+ ){0,3}(?:found|available|specified|defined))\b|can(?:not|'t) find|could ?n(?:o|')t find|(?:fail\w*|unable) to find|\bENOENT\b|\bENODEV\b|\bnot (?:yet )?(?:registered|mapped|allocated|connected|bound|attached|loaded|added|enabled by)\b|\bno (?:iommu|vfio|irq|interrupt|msi|channels?|groups?|drivers?)\b|\bno [\w-]+[?!.]*$/i,
    groups: ["got"],
    text: "something is not there or not ready",
  },
  {
    name: "waits",
    words: /\bdeferred probe pending\b|\bprobe deferr(?:al|ed)\b|\bdeferring probe\b/i,
    groups: ["got"],
    text: "a device waits for another driver or for something that is not there yet",
  },
  {
    name: "set anew",
    words:
      /\b(?:inconsistent|invalid|wrong|mismatch\w*|not (?:set|configured))\b[^.:;]*, (?:re-?configuring|re-?assigning|correcting|fixing)\b/i,
    groups: null,
    text: "something was not as expected, and it is set anew",
  },
  {
    name: "not valid",
    words:
      /\binvalid\b|\billegal\b|\bbad\b|\bwrong\b|unexpected|mismatch|(?:un|mis|not )-?align|out of (?:range|bounds)|corrupt|too (?:large|long|big|many|small|short)|not (?:an? )?(?:[\w ]{0,16} )?multiple|exceed|\bEINVAL\b|inconsistent|unbalanced|expect(?:ed|ing)\b|\bnull (?:vaddr|pointer|address|ptr|page)\b/i,
    groups: ["valid"],
    text: "a value or a state is not the expected one",
  },
  {
    name: "not got",
    words: new RegExp(
      `(?:fail\\w*|unable|can(?:not| not|'t)|could(?: not|n't)|did(?: not|n't))(?: to)? (?:(?:\\w+ ){0,3}?${GET}|${GET_OR_NOUN})\\b|\\berrors? (?:(?:while|when|in|on|during) )?${GETTING}\\b`,
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
    text: "it names a fault or an error of the bus",
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
    name: "stopped or lost",
    words:
      /\b(?:halt(?:ed)?|dead|died|lost|abort(?:ed|ing|s)?|doesn't (?:respond|answer|reply)|no (?:response|reply|answer)|giv(?:e|es|ing) up|gave up|gone|crash\w*|panic\w*|oops|flushed|dropped|discarded|terminated|lockup|(?:is|are|went|link) down)\b/i,
    groups: ["ended"],
    text: "something stopped, was given up or was lost",
  },
  {
    name: "failed",
    words: /\bfail\w*|\bunable\b|\bcan(?:not| not|'t)\b|could(?: not|n't)|\bunsuccessful/i,
    groups: ["got"],
    text: "a step did not succeed",
  },
  {
    name: "error",
    words:
      /\b\w*errors?\b|\berr\b|_err_|_err\b|\berr_|\bcompletion\b.*\bstatus[ =:]+[1-9]|\bBUG\b|\bexception|\b[A-Z]\w+Error\b/i,
    groups: [],
    text: "it names an error",
  },
  {
    name: "found running",
    words: /in progress detected|still (?:running|active|busy)|left (?:over|running)/i,
    groups: ["ended"],
    text: "something runs or is left over where it should be idle",
  },
  {
    name: "trouble",
    words:
      /\bassert\w*|\bbroken\b|\bcorrupt\w*|\bleak(?:ed|s|ing)?\b|\bconflict\w*|\bviolat\w+|\bmis-?config\w*|\bmisbehav\w*|\bproblems?\b|\bissue\b|\bpoison\w*|\bunhandled\b|\bun(?:recoverable|correct\w*)\b|\bfatal\b|\bWARNING\b|\bunknown\b|\bignor(?:ed?|ing)\b|\bmissed\b|\bskipp(?:ed|ing)\b|\binsane\b|\bdefect\w*|\bbuggy\b|\bdegraded\b|\btruncated\b|\boverlap\w*|\boverflow(?:ed|s)?\b/i,
    groups: [],
    text: "something is not as it should be, or was left out",
  },
];

/** A word that denies: neither an error by itself, nor a success. */
const DENIED: LineAct = {
  name: "denied",
  words:
    /(?<![-_=])\b(?:no|not|none|never|nothing|neither|nor|without|lacks?|lacking|nobody|nowhere)\b(?![-_=])|n['\u2019]t\b/i,
  groups: null,
  text: "something is not so or not there, which may be an error or not",
};

/** A mark of a level in front of words that say nothing wrong. */
const MARKED: LineAct = {
  name: "marked as an error",
  words: /(?:)/,
  groups: [],
  text: "",
};

/** A line of values or names without a verb. */
export const NO_ACT: LineAct = {
  name: "values",
  words: /(?:)/,
  groups: null,
  text: "",
};

/** `timeout: 10 s`, `retries=3`, `timeout is set to 5`: the name of a setting with its value. */
const SETTING =
  /\b(?:\w*time-?outs?|retries|retry|interval)(?:_\w+)?(?:\s*[:=]\s*(?:\w+\s+)?| (?:is |was |now )?set to |\s+is )(?!0x(?![0-9a-f]{8}\b))\d|\berrors=[\w-]+|\b(?:panic|oops)=\S+/gi;

/** Words of an error in a phrase that is none. */
const HARMLESS =
  /\b(?:no|without|0|zero) (?:\w+ )?(?:errors?|faults?|failures?|problems?|issues?|timeouts?)\b(?! (?:code|log))|\b(?:errors?|failures?|failed|faults?|timeouts?|dropped|lost|over(?:flows?|runs?))[ =:]+0\b(?![.x\d])|\berror (?:handling|recovery|reporting|handler|log(?:ging)?|detection|correction)\b|corrected by h\/w|no further action|in unavailable ranges|quality is unknown|\bmodule verification failed\b.{0,80}?tainting kernel|tain(?:ts|ting) kernel|\bfail-?(?:over|safe)\w*|\bfault[- ]toleran\w+|\babort info|\bno\.? of \w+|\bNot tainted\b|[│|]\s*(?:unknown|none|no|n\/a|not set)\s*(?=[│|])|^\s*(?:in|out|err): +\w+\s*$|\b\w*(?:err|error)\w*(?:\s+\[[\s\d,]+\])?[ =:\t]+0(?:x0+)?\b(?![.x\d])|\[Hardware Error\]:|\b\w+\? (?:no|yes)\b/gi;

/** `NEST ERR RPT0=0010000000000000`, `errorStatus = 00000140`: a register, whatever its name is. */
const REGISTER =
  /^(?:\S+: +)?(?:[A-Z][A-Z0-9_]*(?: [A-Z][A-Z0-9_]*){0,3}|[a-z]+[A-Z][A-Za-z0-9]*) *= *(?:0x)?[0-9a-fA-F]{8,16}\s*$/;

/** What a line only guesses: `it may be caused by …`. */
const HINT =
  /\b(?:may|might|could) (?:also )?be (?:caused by|due to|because)\b.*|\b(?:possible|likely) (?:causes?|reasons?)\b.*|\bhint: .*/gi;

/** `clear_error()`: the name of a function is no word of its line. */
const FUNCTIONS = /\b\w+\(\)/g;

/** A level in front of a line or in it. */
const LEVEL =
  /^\W*(?:ERROR|FATAL|CRITICAL|ERR)\b|\*(?:ERROR|ERR)\*|<err>|[-_]err\]|\| (?:ERROR|FATAL) +\||\[(?:ERROR|FATAL)\b/;
const LEVELS =
  /\*(?:ERROR|ERR|FATAL|WARN(?:ING)?|NOTICE|INFO|DEBUG)\*:?|^\W*(?:ERROR|FATAL|CRITICAL|ERR|WARN(?:ING)?|NOTICE|INFO|DEBUG)\b:?|<(?:err|wrn|inf|dbg)>|\[(?:ERROR|FATAL|WARN|INFO|DEBUG)\b|\| (?:ERROR|FATAL|WARN|INFO) +\|/g;

/** A quick test: false for a line that certainly has no word of trouble. */
const MAY_TROUBLE =
  /fail|err|fault|lockup|completion|tim(?:e|ed|ing)[ -]?out|in time|expired|abort|invalid|illegal|\bbad\b|wrong|broken|can(?:not|'t| not)|could ?n|unable|unsucc|not |n't|never|won't|hung|hang|stuck|stall|dead|died|lost|corrupt|refus|reject|denied|\be(?:nomem|perm|acces|busy|opnotsupp|noent|nodev|inval|timedout)\b|unsupp|unexp|mismatch|missing|unavail|\bno |under|over|xrun|0xf{8}|\bones\b|\bff\b|busy|in use|already|still|fall|pio\b|without|polling|disabl|dma (?:is )?off|exceed|too |out of|align|unbal|expect|inconsist|incompat|null |inject|left|giv|gave|gone|crash|panic|oops|flush|drop|discard|terminat|excepti|assert|disallow|leak|conflict|violat|mis-?conf|misbeh|problem|issue|poison|unhand|unrec|uncorr|fatal|warning|unknown|ignor|missed|skipp|insane|defect|buggy|degrad|truncat|respon|reach|exhaust|insuff|full\b|halt|machine check|\bbug\b|in progress|symbol|undefined|deferr|is down|are down|went down|link down|\bSIG[A-Z]|signal|core dumped/i;

/** Whether an act is the end of a program or of a system. */
export function isEnd(name: unknown): boolean {
  return ENDS.some((act) => act.name === name);
}

/** Whether a line has the words of the end of a program or of a system. */
export function saysEnd(text: string): boolean {
  return ENDS.some(({ words }) => words.test(text));
}

/** Whether a line may have a word of trouble. */
export function mayTrouble(text: string): boolean {
  return MAY_TROUBLE.test(text);
}

/**
 * The act of a line by its words.
 * @param line The line with the names in front of it, which may have a level.
 */
export function actIn(text: string, line = text): LineAct {
  if (REGISTER.test(text)) return NO_ACT;
  const said = text.replace(HINT, " ").replace(SETTING, " ").replace(HARMLESS, " ").replace(
    LEVELS,
    " ",
  )
    .replace(FUNCTIONS, "f");
  const act = LINE_ACTS.find(({ words }) => words.test(said));
  if (act !== undefined) return act;
  if (LEVEL.test(line)) return MARKED;
  return DENIED.words.test(said) ? DENIED : NO_ACT;
}

const BY_NAME = new Map([...LINE_ACTS, DENIED, MARKED, NO_ACT].map((act) => [act.name, act]));

/** The act with a name. */
export function actNamed(name: unknown): LineAct | null {
  return BY_NAME.get(String(name)) ?? null;
}
