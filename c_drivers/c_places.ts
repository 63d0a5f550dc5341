/** Places in C: of calls, which say them, and of everything else by the stack of the compiled code. */
import type { SourceFile, Span } from "../lang/source.ts";
import type { Run } from "../lang/values/run.ts";
import type { CMemory } from "./c_memory.ts";
import type { CCode } from "./c_code.ts";
import type { RunnableCode } from "./wasm/checked_module.ts";

/** Offsets in a `struct dmalab_place`. */
const FUNCTION_AT = 8;
const LINE_AT = 16;

/** A place as messages have it. */
export interface CPlace {
  readonly span: Span | null;
  /** `in ring_open() at ring.c:12:3`. */
  readonly text: string;
}

/** A frame of compiled code in a stack of the host's. */
const FRAME = /at (?:(\S+) \()?wasm:\/\/[^)\s]*?:0x([0-9a-f]+)\)?/g;
/** Functions of the support file. */
const OWN_FUNCTION =
  /^(?:__asan_|__stack_|__wasm_|dmalab_|mem(?:cpy|move|set|cmp)$|str(?:len|cmp)$)/;

/** The span of a word in a line; of all of it where the word does not stand there. */
function spanInLine(source: SourceFile, line: number, column: number): Span {
  const text = source.line(line);
  const lineStart = source.lineStarts[line - 1] ?? 0;
  const first = column > 0 ? column - 1 : text.length - text.trimStart().length;
  const [word] = /^\w+/.exec(text.slice(first)) ?? [text.slice(first)];
  return { source, start: lineStart + first, end: lineStart + first + Math.max(1, word.length) };
}

export class CPlaces {
  readonly #code: CCode;
  readonly #running: RunnableCode;
  readonly #memory: CMemory;
  readonly #spans = new Map<number, Span | null>();
  readonly #sites = new Map<number, number>();

  /** @param running The code as it runs, in which stacks tell where it is. */
  constructor(code: CCode, running: RunnableCode, memory: CMemory) {
    this.#code = code;
    this.#running = running;
    this.#memory = memory;
  }

  /** The number that events know a call's place by. @param at Of the constant that says it. */
  siteAt(at: number, call: string, run: Run): number | null {
    const known = this.#sites.get(at);
    if (known !== undefined) return known;
    const span = this.#spanAt(at, call);
    if (span === null) return null;
    const site = run.siteOf(span);
    this.#sites.set(at, site);
    return site;
  }

  #spanAt(at: number, call: string): Span | null {
    const known = this.#spans.get(at);
    if (known !== undefined) return known;
    const memory = this.#memory;
    const source = this.#code.source(memory.textAt(memory.wordAt(at)));
    const line = memory.view.getInt32(at + LINE_AT, true);
    const span = source === undefined ? null : spanInLine(
      source,
      line,
      columnOf(source.line(line), call),
    );
    this.#spans.set(at, span);
    return span;
  }

  /** The place of a call, for a message. */
  placeOf(at: number, call: string): CPlace {
    const span = this.#spanAt(at, call);
    const memory = this.#memory;
    const name = at === 0 ? "" : memory.textAt(memory.wordAt(at + FUNCTION_AT));
    return { span, text: textOf(name, span) };
  }

  /** The innermost place of the driver's own in a stack. */
  fromStack(stack: string): CPlace {
    for (const [, name = "", offset] of stack.matchAll(FRAME)) {
      if (OWN_FUNCTION.test(name)) continue;
      const place = this.#code.lines.find(this.#running.addressOf(parseInt(offset!, 16)));
      const source = place === null ? undefined : this.#code.source(place.file);
      const span = source === undefined || place === null
        ? null
        : spanInLine(source, place.line, place.column);
      return { span, text: textOf(name, span) };
    }
    return { span: null, text: "" };
  }
}

/** Where a call's name stands in its line, from 1; 0 where none does. */
function columnOf(line: string, call: string): number {
  // A form with less arguments is a macro over the one that takes attributes; of others, such as
  // kzalloc() over kmalloc(), it is the first call of the line.
  const found = new RegExp(`\\b${call.replace(/_attrs$/, "")}`).exec(line) ??
    /\b(?!if\b|while\b|for\b|return\b|switch\b|sizeof\b)\w+(?=\s*\()/.exec(line);
  return found === null ? 0 : found.index + 1;
}

function textOf(name: string, span: Span | null): string {
  const where = name === "" ? "" : `in ${name}()`;
  if (span === null) return where;
  const { column, line } = span.source.position(span.start);
  return `${where} at ${span.source.name}:${line}:${column}`.trim();
}
