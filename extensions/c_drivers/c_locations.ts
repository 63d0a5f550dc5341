/**
 * Finds places in C. Kernel calls pass their place. All other places are found by the stack of the
 * compiled code.
 */
import { type SourceFile, type Span, spanPlace } from "@dmalab/lang";
import type { ExecutionContext } from "@dmalab/lang/values";
import type { CallFrame } from "@dmalab/runtime";
import { type CMemory, NO_CALL } from "./c_memory.ts";
import type { CCode } from "./c_code.ts";
import type { CheckedModule } from "./wasm/checked_module.ts";
import { STACK_FRAME } from "./wasm/module_lines.ts";

/** Offsets of members of `struct dmalab_place`. */
const FUNCTION_AT = 8;
const LINE_AT = 16;
const COLUMN_AT = 20;

/** A place in C, for messages. */
export interface CLocation {
  readonly span: Span | null;
  /** `in ring_open() at ring.c:12:3`. */
  readonly text: string;
}

interface Frame {
  readonly name: string;
  /** Offset in the module that is run. */
  readonly offset: number;
}

/** What V8 passes to `Error.prepareStackTrace`. */
interface CallSite {
  getFileName(): string | null;
  getFunctionName(): string | null;
  /** The column, from 1; for compiled code, the offset in its module plus 1. */
  getColumnNumber(): number | null;
}

/**
 * Largest number of frames of a stack that are examined. Calls deeper in the stack get no place.
 */
const MAX_FRAMES = 24;
/** Number of frames tried first: each frame costs time, and most places are among the first. */
const FEW_FRAMES = 3;

/** Formatter for V8's stack traces that keeps the frames of compiled code. */
function* compiledFrames(_: unknown, sites: readonly CallSite[]): Iterable<Frame> {
  for (const site of sites) {
    if (site.getFileName()?.startsWith("wasm:") !== true) continue;
    yield { name: site.getFunctionName() ?? "", offset: site.getColumnNumber()! - 1 };
  }
}

/** A host function that is left out of a stack, together with all functions that it has called. */
export type Above = (...args: never[]) => unknown;

interface Host {
  prepareStackTrace?: unknown;
  stackTraceLimit?: number;
  captureStackTrace(into: object, above?: Above): void;
}

/**
 * The frames that are running. They are read as raw frames. If the host made a text of them, it
 * would look up the source line of every frame.
 */
function runningFrames(most: number, above: Above): Iterable<Frame> {
  const host: Host = Error;
  const { prepareStackTrace, stackTraceLimit } = host;
  host.prepareStackTrace = compiledFrames;
  host.stackTraceLimit = most;
  const into: { stack?: unknown } = {};
  host.captureStackTrace(into, above);
  // V8 prepares the stack at its first read.
  const frames = into.stack;
  Object.assign(host, { prepareStackTrace, stackTraceLimit });
  return frames as Iterable<Frame>;
}

/** Names of the functions of the support file, which is linked with the driver. */
const OWN_FUNCTION =
  /^(?:__asan_|__stack_|__wasm_|dmalab_|mem(?:cpy|move|set|cmp)$|str(?:len|cmp)$)/;

/** The span of the word at a column of a line; the rest of the line if there is no word. */
function spanInLine(source: SourceFile, line: number, column: number): Span {
  const text = source.line(line);
  const lineStart = source.lineStarts[line - 1] ?? 0;
  const first = column > 0 ? column - 1 : text.length - text.trimStart().length;
  const [word] = /^\w+/.exec(text.slice(first)) ?? [text.slice(first)];
  return { source, start: lineStart + first, end: lineStart + first + Math.max(1, word.length) };
}

/** Text that is not code, though it may contain the call's name or a parenthesis. */
const NO_CODE = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\*[^]*?\*\/|\/\/.*/g;

/**
 * The span of a call's name. It is found from the position of the call's closing parenthesis, which
 * may be in a later line.
 */
function callSpan(source: SourceFile, line: number, column: number, call: string): Span {
  // The compiler's columns count bytes.
  const bytes = new TextEncoder().encode(source.line(line)).subarray(0, column);
  const end = (source.lineStarts[line - 1] ?? 0) + new TextDecoder().decode(bytes).length;
  if (source.text[end - 1] !== ")") return spanInLine(source, line, column);
  const code = source.text.slice(0, end).replace(NO_CODE, (text) => " ".repeat(text.length));
  let start = end - 1;
  for (let open = 0; start > 0; start--) {
    open += Number(code[start] === ")") - Number(code[start] === "(");
    if (open === 0) break;
  }
  let name = start;
  while (/\s/.test(code[name - 1] ?? "")) name--;
  while (/\w/.test(code[name - 1] ?? "")) name--;
  // If the call is within another macro's arguments, the compiler gives the end of that macro.
  // Therefore the name is searched in the text of the macro. It is searched without `_attrs`: C may
  // have called a macro with the shorter name, which has fewer arguments and calls the function
  // with `_attrs`.
  const inside = code.slice(name).search(new RegExp(`\\b${call.replace(/_attrs$/, "")}`));
  const place = source.position(name + Math.max(0, inside));
  return spanInLine(source, place.line, place.column);
}

const NO_PLACE: CLocation = { span: null, text: "" };

export class CPlaces {
  readonly #sites = new Map<number, number>();
  /**
   * Site numbers of calls that do not pass their place. A key is the compiler's address of the
   * call.
   */
  readonly #calls = new Map<number, number>();
  /** Spans by the offsets in stacks. */
  readonly #spans = new Map<number, Span | null>();

  /** @param running The code that is run; the offsets in stacks refer to it. */
  constructor(
    private readonly code: CCode,
    private readonly running: CheckedModule,
    private readonly memory: CMemory,
  ) {}

  /**
   * The site number that events use for a call's place.
   * @param at Address of the constant that contains the place.
   */
  siteAt(at: number, call: string, context: ExecutionContext): number | null {
    const known = this.#sites.get(at);
    if (known !== undefined) return known;
    const span = this.#spanAt(at, call);
    if (span === null) return null;
    const site = context.siteOf(span);
    this.#sites.set(at, site);
    return site;
  }

  #spanAt(at: number, call: string): Span | null {
    const { code, memory } = this;
    return code.callSpans.getOrInsertComputed(at, () => {
      const source = code.source(memory.textAt(memory.wordAt(at)));
      const line = memory.view.getInt32(at + LINE_AT, true);
      const column = memory.view.getInt32(at + COLUMN_AT, true);
      return source === undefined ? null : callSpan(source, line, column, call);
    });
  }

  /** The place of a call, for a message. */
  placeOf(at: number, call: string): CLocation {
    const span = this.#spanAt(at, call);
    const memory = this.memory;
    const name = at === 0 ? "" : memory.textAt(memory.wordAt(at + FUNCTION_AT));
    return { span, text: textOf(name, span) };
  }

  /** The driver's span for an offset in a stack. */
  #spanOf(offset: number): Span | null {
    return this.#spans.getOrInsertComputed(
      offset,
      () => this.#spanAtAddress(this.running.addressOf(offset)),
    );
  }

  #spanAtAddress(address: number): Span | null {
    const place = this.code.lines.find(address);
    const source = place === null ? undefined : this.code.source(place.file);
    return source === undefined || place === null
      ? null
      : spanInLine(source, place.line, place.column);
  }

  /**
   * The site number that events use for a call's place, for code that does not pass its place.
   * @param above The host function that C has called.
   */
  siteHere(above: Above, context: ExecutionContext): number | null {
    const at = this.memory.calledAt;
    if (at === NO_CALL) return null;
    const known = this.#calls.get(at);
    if (known !== undefined) return known;
    const called = at === 0 ? null : this.#spanAtAddress(at);
    const span = called ?? this.here(above).span;
    const site = span === null ? null : context.siteOf(span);
    if (called !== null && site !== null) this.#calls.set(at, site);
    return site;
  }

  /**
   * The innermost place in the driver's own code, as a stack shows it. Functions of a library are
   * skipped.
   */
  fromStack(stack: string): CLocation {
    return this.#innermost(
      [...stack.matchAll(STACK_FRAME)].map(([, name = "", at]) => ({
        name,
        offset: parseInt(at!, 16),
      })),
    );
  }

  /**
   * The location in the running code. A try of a search prints nothing, so it does not look for places.
   * @param above The host function that C has called.
   */
  here(above: Above = this.here): CLocation {
    if (this.code.search !== null) return NO_PLACE;
    const place = this.#innermost(runningFrames(FEW_FRAMES, above));
    return place.span === null ? this.#innermost(runningFrames(MAX_FRAMES, above)) : place;
  }

  /** The running functions of the driver, the innermost first, with the places of their calls. */
  stack(context: ExecutionContext): readonly CallFrame[] {
    const frames: CallFrame[] = [];
    for (const { name, offset } of runningFrames(MAX_FRAMES, this.stack)) {
      const span = OWN_FUNCTION.test(name) ? null : this.#spanOf(offset);
      if (span !== null) frames.push({ name, site: context.siteOf(span) });
    }
    return frames;
  }

  /**
   * Whether the driver's own code has called this function of the host through a file.
   *
   * @param files Paths from the tree's root.
   */
  isThrough(files: ReadonlySet<string>): boolean {
    for (const { name, offset } of runningFrames(MAX_FRAMES, this.isThrough)) {
      if (OWN_FUNCTION.test(name)) continue;
      if (this.#spanOf(offset) !== null) return false;
      const file = this.code.lines.find(this.running.addressOf(offset))?.file;
      const path = file === undefined ? undefined : this.code.nameOf(file);
      if (path !== undefined && files.has(path)) return true;
    }
    return false;
  }

  #innermost(frames: Iterable<Frame>): CLocation {
    let innermost = "";
    for (const { name, offset } of frames) {
      if (OWN_FUNCTION.test(name)) continue;
      const span = this.#spanOf(offset);
      if (span !== null || this.code.ofTree === null) return { span, text: textOf(name, span) };
      if (innermost === "") innermost = name;
    }
    return { span: null, text: textOf(innermost, null) };
  }
}

function textOf(name: string, span: Span | null): string {
  const where = name === "" ? "" : `in ${name}()`;
  return span === null ? where : `${where} at ${spanPlace(span)}`.trim();
}
