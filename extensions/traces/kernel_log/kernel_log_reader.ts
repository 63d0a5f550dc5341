/**
 * Reads a kernel's log line by line and reports every line about DMA.
 *
 * @see rules/traces.md T.44 to T.56, T.70 to T.76
 */
import {
  FaultLogReader,
  formatSource,
  type FoundFaultLog,
  type LoggedFault,
  plainHex,
  type TableDump,
  type Word64,
} from "@dmalab/runtime/fault_log";
import { DeviceNames } from "./device_names.ts";
import type { KernelLogEntry, UnreadableFault } from "./entry.ts";
import {
  anatomyOf,
  type AnatomyOptions,
  type LineAnatomy,
  OF_FAULT_ABOVE,
  rowOfAnatomy,
} from "./general/general_lines.ts";
import { isBugInCode, isCrash } from "./general/crash_head.ts";
import { LogLikeness } from "./general/log_likeness.ts";
import { UNKNOWN_SYSTEM } from "./general/log_system.ts";
import { type NearLine, NearLines } from "./general/near_lines.ts";
import {
  frameIn,
  isDebuggerFrame,
  isLogShaped,
  isOnlyName,
  isProse,
  isWide,
  mayBeGeneral,
  mayMention,
  quotedIn,
  rustWordsIn,
} from "./general/general_words.ts";
import type { Fact, LogEntryFacts } from "./log_facts.ts";
import { LoggedGroups } from "./iommu_groups.ts";
import { LogContext } from "./log_context.ts";
import { LogForms, type LogMessage, type LogTime } from "./log_forms.ts";
import { FRAMES_ALONE } from "./messages/oops.ts";
import { SMMU_HEAD, smmuHeadIn } from "./messages/smmu.ts";
import { DRIVERS } from "./messages/drivers.ts";
import { rowOfWarning } from "./messages/code_warnings.ts";
import { type MessageRow, STACK_LINES } from "./messages/message.ts";
import { PastedLines } from "./pasted_lines.ts";
import { messageText } from "./pasted_text.ts";
import { shownText } from "./shown_text.ts";
import {
  areaOf,
  type FoundMessage,
  isOfProgram,
  MessageFinder,
  type UnreadArea,
  withCause,
} from "./messages/table.ts";

/**
 * The prefix of Xen's lines. Xen prints faults in other forms than the kernel, so lines with this
 * prefix are not read.
 */
const XEN = /\(XEN\)|\[VT-D\]/;
/** A record may continue for this many lines after its first line. */
const REACH_LINES = 8;
/**
 * The same limit as {@linkcode REACH_LINES}, for IOMMU records. These may have more lines, mixed
 * with lines of other drivers.
 */
const MAX_RECENT = 128;
/**
 * Largest distance in lines between a kernel warning and its message. Which of the two comes first
 * depends on the release.
 */
const WARNING_LINES = 2;
/** A driver may tell an IOMMU's fault again in so many lines below it. */
const FAULT_LINES = 16;
/** The address in a line of a fault that `runtime/fault_log` decodes. */
const FAULTED = /\b(?:fault addr|iova|address)[ =:]{1,3}((?:0x)?[0-9a-f]{3,16})\b/i;
/** Shorter addresses can be any number, unless they are written with all their digits. */
const MIN_ADDRESS_DIGITS = 3;
/** `38511@1618242847.843174:vfio_realize …`, an event as QEMU prints it. */
const QEMU_TRACE = /^\d{1,9}@\d{9,11}\.\d{3,9}:[a-z]\w+ /;
/** A quick test: a line without any of these words is no head of an oops, and no other crash. */
const MAY_CRASH =
  /nable to handle (?:kernel|page)|BUG: |Internal error: |kernel BUG at |Oops|general protection fault|Kernel (?:panic|bug)|hard LOCKUP|INFO: task |SError Interrupt |Fatal trap /;
/** The head of an oops: what was read before it is another event. */
const OOPS =
  /(?:Internal error: |nable to handle (?:kernel|page)|kernel BUG at |Oops: |general protection fault)/;
/** Lines with what happened, above the registers. */
const HEAD =
  /nable to handle (?:kernel|page)|BUG: kernel NULL|Internal error: |kernel BUG at |Oops: |general protection fault/;
/** `kernel BUG at` and `Internal error` within so many lines are one head. */
const HEAD_LINES = 8;
/** Text of the line that the kernel prints before a warning and the warning's message. */
const CUT_HERE = "[ cut here ]";
/** Lines that are kept for a text without others. */
const MAX_SHAPELESS = 64;
/** Lines of a log that are tested for words of PCI. */
const MAX_WIDE_LINES = 8192;
/** A frame of a stack of which the end is cut off: a name alone. */
const CUT_FRAME = /^\s*(?:\? )?([a-z_][\w.]{3,})(?:\+0?x?)?$/;
/** Functions of a stack that are kept. */
const MAX_FRAMES = 8;
/** The rest of a longer line is not read: a kernel message has at most some 1000 characters. */
const MAX_LINE = 4096;

/** The place in the kernel's source that a warning names: file and line, and the function. */
const CODE_PLACE =
  /\b((?:drivers|kernel|lib|include|arch|mm)\/[\w./-]+\.[ch]:\d+)(?: +(?:at )?([A-Za-z_][\w.]*)\+)?/;

export interface KernelLogSink {
  readonly entry: (entry: KernelLogEntry) => void;
  readonly unreadable: (fault: UnreadableFault) => void;
  /** Receives messages that are not errors, such as boot messages. */
  readonly state?: (entry: KernelLogEntry) => void;
  /** Receives lines beside a message that was read, and lines of trouble, without words about DMA. */
  readonly near?: (line: NearLine) => void;
  /** Whether lines without the form of a log's line are left out: they may be names or questions. */
  readonly hasOnlyLines?: true;
  /** Receives the lines with which the kernel says that it crashed, or met a bug of its own. */
  readonly crash?: (message: LogMessage) => void;
  /** Receives every message of the log, about DMA or not. */
  readonly message?: (message: LogMessage) => void;
}

/**
 * Assembles records from lines, and reports each record after its last line. Therefore records are
 * not reported in strict line order.
 */
export class KernelLogReader {
  readonly #faults: FaultLogReader;
  readonly #finder = new MessageFinder();
  readonly #context = new LogContext();
  readonly #groups = new LoggedGroups();
  /** Messages with facts that lines after them may give: the members of a group, the command line. */
  readonly #waiting: KernelLogEntry[] = [];
  readonly #forms = new LogForms((message) => this.#take(message));
  readonly #pasted = new PastedLines((text, line, lines) => this.#forms.push(text, line, lines));
  /** The newest messages, by their places. */
  readonly #messages = new Map<number, LogMessage>();
  /** Place of the last message that a row matched since the last {@linkcode CUT_HERE} line. */
  #readPlace = -Infinity;
  /** Place of the last head of an oops. A fault that was read before it may be reported after it. */
  #headPlace = -Infinity;
  /** The first line of the head of the oops whose registers have not been read yet. */
  #head: { readonly text: string; readonly place: number } | null = null;
  /** The line of a warning; its message may be the next line. */
  #warning: { readonly message: LogMessage; readonly unread: UnreadArea } | null = null;
  /** Lines about DMA without the form of a log's line: they count only in a text without others. */
  readonly #shapeless: { readonly message: LogMessage; readonly text: string }[] = [];
  /** Lines about PCI or memory: they count only in a text without a line about DMA. */
  readonly #wide: { readonly message: LogMessage; readonly anatomy: LineAnatomy }[] = [];
  #hasStamps = false;
  /** Whether a line is one of QEMU's trace. */
  #hasQemuTrace = false;
  /** Whether a line was a message of the table: they are those of Linux. */
  #hasRow = false;
  /** Functions of DMA in frames of stacks, and the first line with one. */
  readonly #frames = new Set<string>();
  #firstFrame: LogMessage | null = null;
  /** Place of the last frame of a stack. */
  #framePlace = -Infinity;
  #hasGiven = false;
  readonly #near: NearLines | null;
  readonly #likeness = new LogLikeness();
  #open: { entry: KernelLogEntry; readonly row: MessageRow; readonly place: number } | null = null;
  /** The address of the newest fault that an IOMMU reported. */
  #faulted: { readonly address: RegExp; readonly line: number; readonly place: number } | null =
    null;

  constructor(private readonly sink: KernelLogSink) {
    this.#faults = new FaultLogReader((found) => this.#fault(found));
    this.#near = sink.near === undefined ? null : new NearLines(sink.near);
  }

  /** Reads one line, in any of the known log formats. @param line Its number, from 1. */
  push(text: string, line: number): void {
    this.#pasted.push(text.length > MAX_LINE ? text.slice(0, MAX_LINE) : text, line);
  }

  #take(message: LogMessage): void {
    const { place, text: shown } = message;
    this.sink.message?.(message);
    if (message.time !== null) this.#hasStamps = true;
    if (!this.#hasQemuTrace && QEMU_TRACE.test(shown)) this.#hasQemuTrace = true;
    if (!this.#hasStamps) this.#likeness.push(shown, messageText(shown) !== shown);
    this.#context.push(shown);
    this.#groups.push(shown);
    if (this.#near !== null) this.#near.takesAll = this.#context.system !== null;
    this.#messages.set(place, message);
    if (this.#messages.size > MAX_RECENT) {
      this.#messages.delete(this.#messages.keys().next().value!);
    }
    if (shown.includes(CUT_HERE)) this.#readPlace = -Infinity;
    if (MAY_CRASH.test(shown)) this.#mayCrash(message);
    if (this.#warning !== null && place - this.#warning.message.place > WARNING_LINES) {
      this.#endWarning();
    }
    const isFaults = !XEN.test(shown) && this.#faults.push(shown, place);
    const address = isFaults ? FAULTED.exec(shown)?.[1] : undefined;
    if (address !== undefined) this.#noteFault({ address }, message.line, place);
    const open = this.#open;
    if (open !== null) {
      if (this.#isPast(place)) this.#close();
      else if (this.#continues(shown)) return;
    }
    if (isDebuggerFrame(shown)) {
      this.#frame(message);
      return;
    }
    const found = this.#finder.find(shown);
    if (found === null || isFaults && found.row.isGeneral === true || this.#isOfLinux(found)) {
      if (isFaults) {
        this.#likeness.isKnown();
        this.#hasRow = true;
        this.#isRead(place);
      } else this.#unread(message);
      return;
    }
    const { row } = found;
    this.#likeness.isKnown();
    this.#hasRow = true;
    if (row.kind === "lockup") {
      this.#lockup(message, found);
      return;
    }
    if (row.isBelowWarnings === true && this.#isBelowMessage(row, place)) return;
    this.#isRead(place);
    const facts = this.#withHead(row, place, this.#context.added(row.kind, found.facts));
    const entry: KernelLogEntry = { kind: row.kind, ...said(message), facts, row };
    this.#near?.isRead(message, facts);
    if (row.role === "state") {
      this.sink.state?.(entry);
      return;
    }
    if (row.kind === "other_iommu_fault") this.#noteFault(facts, entry.line, place);
    this.#close();
    const isWaiting = "members" in facts || "iommu_options" in facts;
    if (isWaiting && this.#waiting.length < MAX_SHAPELESS) this.#waiting.push(entry);
    else if (row.more === undefined) this.sink.entry(entry);
    else this.#open = { entry, row, place };
  }

  /** Whether a row is about Linux's drivers, and the log is of another system. */
  #isOfLinux({ area }: FoundMessage): boolean {
    return area === DRIVERS && this.#context.system !== null;
  }

  /** A lockup is a consequence of what was read before it; without such a message it is not about DMA. */
  #lockup(message: LogMessage, { facts, row }: FoundMessage): void {
    if (!this.#hasGiven) {
      this.#near?.push(message);
      return;
    }
    this.#close();
    const entry: KernelLogEntry = { kind: row.kind, ...said(message), facts, row };
    this.#open = { entry, row, place: message.place };
  }

  #mayCrash(message: LogMessage): void {
    if (HEAD.test(message.text)) this.#headOf(message);
    if (this.#context.system === null && isCrash(messageText(message.text))) {
      this.sink.crash?.(message);
    }
  }

  /** Takes a line of the head of an oops. */
  #headOf({ place, text }: LogMessage): void {
    if (OOPS.test(text) && place - this.#headPlace > HEAD_LINES) this.#headPlace = place;
    if (this.#head === null || place - this.#head.place > HEAD_LINES) {
      this.#head = { text: shownText(messageText(text)), place };
    }
  }

  /** Adds the head of the oops to the facts of its registers. */
  #withHead(row: MessageRow, place: number, facts: LogEntryFacts): LogEntryFacts {
    const head = this.#head;
    if (row.kind !== "dma_oops" || head === null || place - head.place > STACK_LINES) return facts;
    this.#head = null;
    return withCause(row, { head: head.text, ...facts });
  }

  /** Whether a line of a stack belongs to a warning, or to a message that was read shortly before. */
  #isBelowMessage({ finding, role }: MessageRow, place: number): boolean {
    if (this.#context.isInWarning && role !== "state") return true;
    return finding === undefined && this.#readPlace >= this.#headPlace &&
      place - this.#readPlace <= STACK_LINES;
  }

  /**
   * Notes that a row of the table matched the message at a place. A warning line next to that
   * message then needs no separate report.
   */
  #isRead(place: number): void {
    this.#hasGiven = true;
    this.#readPlace = place;
    this.#warning = null;
  }

  #endWarning(): void {
    const warning = this.#warning;
    this.#warning = null;
    if (warning !== null) this.#giveUnread(warning.message, warning.unread);
  }

  /**
   * Reports a line of a known area that no row of the table matches. A warning line next to a message
   * that matched is not reported.
   */
  #unread(message: LogMessage): void {
    const unread = areaOf(message.text);
    if (unread === null) {
      this.#mention(message);
      return;
    }
    if (!unread.isWarning) this.#giveUnread(message, unread);
    else if (message.place - this.#readPlace > WARNING_LINES) {
      this.#endWarning();
      this.#warning = { message, unread };
    }
  }

  /** Takes the last frame of a stack, if it is cut behind or within its name. */
  #isCutFrame(message: LogMessage): boolean {
    const text = messageText(message.text);
    if (text.includes("+0x")) this.#framePlace = message.place;
    const name = message.place - this.#framePlace === 1 ? CUT_FRAME.exec(text)?.[1] : undefined;
    if (name === undefined) return false;
    this.#frame({ ...message, text: `${name}+0x0/0x0` });
    return true;
  }

  /** Reports a line that has words about DMA, and of which nothing else is known. */
  #mention(message: LogMessage): void {
    if (this.#isCutFrame(message)) return;
    const { text, time } = message;
    if (isBugInCode(messageText(text))) {
      this.#near?.push(message);
      return;
    }
    if (this.#isOfFault(message)) return;
    if (!mayMention(text)) {
      if (this.#keepWide(message)) return;
      this.#frame(message);
      this.#near?.push(message);
      return;
    }
    const plain = messageText(text);
    if (
      time === null && plain === text && this.#context.system === null && !isLogShaped(text)
    ) {
      this.#shapelessLine(message);
      return;
    }
    const anatomy = mayBeGeneral(plain) && !isOfProgram(text) ? this.#anatomyOf(plain) : null;
    if (anatomy !== null) {
      this.#giveGeneral(message, anatomy);
      return;
    }
    this.#frame(message);
    this.#near?.push(message);
  }

  #noteFault({ address }: LogEntryFacts, line: number, place: number): void {
    if (typeof address !== "string") return;
    const digits = address.replace(/^(?:0x)?0*/, "");
    const zeros = digits.length < MIN_ADDRESS_DIGITS ? `0{${8 - digits.length},}` : "0*";
    const pattern = new RegExp(`(?<![0-9a-fx])(?:0x)?${zeros}${digits}(?![0-9a-f])`, "i");
    this.#faulted = { address: pattern, line, place };
  }

  /** Takes a line in which a driver tells the fault that an IOMMU has reported before it. */
  #isOfFault(message: LogMessage): boolean {
    const faulted = this.#faulted;
    if (faulted === null || message.place - faulted.place > FAULT_LINES) return false;
    if (!/fault/i.test(message.text) || !faulted.address.test(message.text)) return false;
    const facts = { fault_line: faulted.line };
    const row = OF_FAULT_ABOVE;
    this.#near?.isRead(message, facts);
    this.sink.state?.({ kind: row.kind, ...said(message), facts, row });
    return true;
  }

  #anatomyOf(
    text: string,
    options: Omit<AnatomyOptions, "system"> & { readonly isOfLinux?: boolean } = {},
  ) {
    const { system } = this;
    const isKnown = options.isOfLinux === true && system === UNKNOWN_SYSTEM;
    return anatomyOf(text, { ...options, system: isKnown ? null : system });
  }

  /** Keeps a line with words about PCI or memory, for a text in which no line is about DMA. */
  #keepWide(message: LogMessage): boolean {
    if (this.#hasGiven || this.#wide.length >= MAX_SHAPELESS) return false;
    if (message.place > MAX_WIDE_LINES || !isWide(message.text)) return false;
    const text = messageText(message.text);
    const hasForm = message.time !== null || text !== message.text ||
      this.#context.system !== null || isLogShaped(text);
    const anatomy = hasForm ? this.#anatomyOf(text, { isWide: true }) : null;
    if (anatomy === null || anatomy.facts.object === "its device") return false;
    this.#wide.push({ message, anatomy });
    return true;
  }

  /** Keeps a line without the form of a log's line, or the message that a sentence quotes. */
  #shapelessLine(message: LogMessage): void {
    const { text } = message;
    this.#frame(message);
    const rust = rustWordsIn(text);
    if (rust !== null && mayMention(rust)) {
      const anatomy = this.#anatomyOf(rust, { isShaped: false });
      if (anatomy !== null) this.#giveGeneral(message, anatomy);
      return;
    }
    const quoted = mayBeGeneral(text) && !isProse(text) ? text : quotedIn(text);
    if (quoted === null || !mayBeGeneral(quoted) || isOfProgram(quoted)) return;
    if (this.#shapeless.length < MAX_SHAPELESS) this.#shapeless.push({ message, text: quoted });
  }

  #frame(message: LogMessage): void {
    const name = this.#hasGiven ? null : frameIn(message.text);
    if (name === null || this.#frames.size >= MAX_FRAMES) return;
    this.#frames.add(name);
    this.#firstFrame ??= message;
  }

  /** Reports the functions of a stack without the message above it. */
  #giveFrames(message: LogMessage): void {
    const head = this.#head;
    const facts = {
      functions: [...this.#frames],
      ...head === null || message.place - head.place > MAX_RECENT || message.place < head.place
        ? {}
        : { head: head.text },
    };
    this.sink.entry({ kind: "dma_stack", ...said(message), facts, row: FRAMES_ALONE });
  }

  #giveGeneral(message: LogMessage, anatomy: LineAnatomy): void {
    const row = rowOfAnatomy(anatomy, message.text);
    const facts = { text: shownText(messageText(message.text)), ...anatomy.facts };
    const entry = { kind: row.kind, ...said(message), row, facts: withCause(row, facts) };
    this.#hasGiven = true;
    this.#near?.isRead(message, facts);
    if (row.role === "state") this.sink.state?.(entry);
    else this.sink.entry(entry);
  }

  /** Reports a warning in the code of IOMMUs, DMA mapping or DMA engines without a known message. */
  #giveWarning(message: LogMessage, file: string, place: string | undefined): void {
    const row = rowOfWarning(file);
    const facts = withCause(row, { file, ...place === undefined ? {} : { function: place } });
    this.sink.entry({ kind: row.kind, ...said(message), facts, row });
  }

  #giveUnread(
    message: LogMessage,
    { isWarning }: UnreadArea,
  ): void {
    const [, file, place] = CODE_PLACE.exec(message.text) ?? [];
    if (isWarning && file !== undefined) {
      this.#giveWarning(message, file, place);
      return;
    }
    if (isOnlyName(message.text)) return;
    // The registers below it say more.
    if (isBugInCode(messageText(message.text))) {
      this.#near?.push(message);
      return;
    }
    const anatomy = this.#anatomyOf(messageText(message.text), {
      isOfArea: true,
      isOfLinux: true,
    });
    if (anatomy !== null) this.#giveGeneral(message, anatomy);
  }

  /**
   * Moves on to a line, which need not be a line of the log. A record ends here if it began too far
   * above this line to continue.
   */
  passTo(line: number): void {
    this.#pasted.passTo(line);
    const place = this.#forms.placeOf(line);
    this.#faults.passTo(place);
    if (this.#isPast(place)) this.#close();
  }

  /** The system whose log it is; null for Linux. */
  get system(): string | null {
    const { isLinux, system } = this.#context;
    return system ?? (isLinux || this.#hasRow ? null : UNKNOWN_SYSTEM);
  }

  /** Whether the text is a trace of QEMU alone, without a line of a kernel. */
  get isOfQemu(): boolean {
    return this.#hasQemuTrace && !this.#hasStamps;
  }

  /** Whether the text is no log but sentences, markup or a program. */
  get isNoLog(): boolean {
    return !this.#hasStamps && this.#context.system === null && this.#likeness.isNoLog;
  }

  /** The first line of the records that may still continue; Infinity without any. */
  get openLine(): number {
    const openLine = Math.min(this.#forms.openLine, this.#pasted.openLine);
    const fault = this.#faults.openLine;
    const faultLine = this.#messages.get(fault)?.line ?? fault;
    return Math.min(openLine, faultLine, this.#open?.entry.line ?? Infinity);
  }

  end(): void {
    this.#pasted.flush();
    this.#forms.end();
    this.#faults.end();
    this.#endWarning();
    this.#close();
    for (const entry of this.#waiting.splice(0)) {
      const facts = this.#context.ended(this.#groups.added(entry.facts));
      this.sink.entry({ ...entry, facts: withCause(entry.row!, facts) });
    }
    if (this.sink.hasOnlyLines !== true) this.#giveRest();
    for (const { message } of this.#wide) this.#near?.pushApart(message);
    this.#near?.end();
  }

  /** Reports lines that count only where no others, or none with a time, are in the text. */
  #giveRest(): void {
    if (this.#hasGiven && this.#hasStamps) {
      for (const { message } of this.#shapeless) this.#near?.pushApart(message);
      return;
    }
    for (const { message, text } of this.#shapeless) {
      const anatomy = this.#anatomyOf(text, { isShaped: isLogShaped(text) });
      if (anatomy !== null) this.#giveGeneral({ ...message, text }, anatomy);
    }
    if (this.#hasGiven) return;
    for (const { anatomy, message } of this.#wide.splice(0)) this.#giveGeneral(message, anatomy);
    if (!this.#hasGiven && this.#firstFrame !== null) this.#giveFrames(this.#firstFrame);
  }

  /** Whether the open record began too far above a place to continue. */
  #isPast(place: number): boolean {
    const open = this.#open;
    return open !== null && place - open.place > (open.row.reachLines ?? REACH_LINES);
  }

  #continues(text: string): boolean {
    const open = this.#open!;
    const facts = this.#finder.continued(open.row, open.entry.facts, text);
    if (facts === null) return false;
    open.entry = { ...open.entry, facts };
    return true;
  }

  #close(): void {
    const open = this.#open;
    this.#open = null;
    if (open !== null) this.sink.entry(open.entry);
  }

  #fault({ line: place, read, text }: FoundFaultLog): void {
    const { line = place, time = null } = this.#messages.get(place) ?? {};
    if (!read.ok) {
      const alone = smmuHeadIn(text);
      if (alone === null) this.sink.unreadable({ line, text, ...read.problem });
      else {
        const entry = { kind: SMMU_HEAD.kind, line, text, ...timed(time), fault: null };
        this.sink.entry({ ...entry, facts: alone, row: SMMU_HEAD });
      }
      return;
    }
    const first = text.split("\n", 1)[0]!;
    this.sink.entry({
      kind: "iommu_fault",
      line,
      text: first,
      ...timed(time),
      facts: faultFacts(read.fault),
      fault: read.fault,
      row: null,
    });
  }
}

/** The fields that are the same in all entries made from one message. */
function said({ line, text, time }: LogMessage) {
  return { line, text, ...timed(time), fault: null };
}

function timed(
  time: LogTime | null,
): Pick<KernelLogEntry, "seconds" | "resolutionSeconds" | "isSinceBoot" | "stamp"> {
  return time ?? { seconds: null, resolutionSeconds: 0, isSinceBoot: false, stamp: "" };
}

/**
 * Reads a whole log; the entries are in the order of their lines.
 * @param hasOnlyLines Whether lines without the form of a log's line are left out.
 */
export function readKernelLog(text: string, hasOnlyLines = false) {
  const entries: KernelLogEntry[] = [];
  const states: KernelLogEntry[] = [];
  const unreadable: UnreadableFault[] = [];
  const names = new DeviceNames();
  const reader = new KernelLogReader({
    message: ({ text }) => names.push(text),
    entry: (entry) => entries.push(entry),
    unreadable: (fault) => unreadable.push(fault),
    state: (entry) => states.push(entry),
    ...hasOnlyLines ? { hasOnlyLines } : {},
  });
  text.split("\n").forEach((line, index) => reader.push(line.replace(/\r$/, ""), index + 1));
  reader.end();
  return { entries: entries.sort((a, b) => a.line - b.line), states, unreadable, names };
}

function hex(word: Word64 | null): string | null {
  return word === null ? null : `0x${plainHex(word)}`;
}

/** The facts of a decoded fault, in the form of the message table. @see rules/traces.md T.44 to T.51 */
function faultFacts(fault: LoggedFault): LogEntryFacts {
  const { details } = fault;
  return {
    format: fault.format,
    event: fault.event,
    code: fault.code,
    access: fault.access,
    source: fault.source === null ? null : formatSource(fault.source),
    address: hex(fault.address),
    page_only: fault.addressUnitBytes > 1,
    domain: fault.domainId,
    pasid: fault.pasid,
    stream: fault.streamId,
    flags: fault.flags,
    reason: fault.reason,
    interrupt_index: details.interruptIndex,
    fetch_address: hex(details.fetchAddress),
    context_bank: details.contextBank,
    tag: details.tag,
    dte: details.deviceTableEntry,
    words: details.words,
    client: details.clientName,
    dump: details.dump === null ? null : dumpFacts(details.dump),
    mapped: details.dump === null ? null : details.dump.present,
  };
}

function dumpFacts({ leaf, phys, present, read, write }: TableDump): Fact {
  const common = { leaf: hex(leaf), present };
  return present ? { ...common, read, write, phys: hex(phys) } : common;
}
