/**
 * Unsupported forms of traces. For each form: how to recognise it, and how to record the trace in a
 * supported form.
 *
 * @see rules/traces.md T.1 to T.14
 */
import { formatCount } from "@dmalab/lang/text";
import type { TraceLine } from "./trace_line.ts";

interface UnreadForm {
  /** A description of the form. */
  readonly name: string;
  /** How to record or print the same data in a supported form. */
  readonly instead: string;
}

/** Matches an event about mappings with its payload, in most forms. */
const EVENT = "(?:dma_\\w+: +\\S+ dir=|(?:un)?map: +IOMMU: iova=)";

/** Forms in order of priority: the first match counts. */
const PATTERNS: readonly (UnreadForm & { readonly pattern: RegExp })[] = [
  {
    name: "a file of trace-cmd, not its text",
    instead: "print it with: trace-cmd report -i FILE",
    pattern: /^\W{0,4}Dtracing/,
  },
  {
    name: "a file of perf, not its text",
    instead: "print it with: perf script -i FILE",
    pattern: /^PERFILE2|^2ELIFREP/,
  },
  {
    name: "perf's data as JSON",
    instead: "print it with: perf script",
    pattern: /^\s*[{"].*"(?:dma|iommu):\w+"/,
  },
  {
    name: "LTTng or babeltrace",
    instead: "record with the kernel's own tracer: trace-cmd record -e dma -e iommu",
    pattern: /^\[[\d:.]+\] \(\S+\) .*\{ cpu_id = \d+/,
  },
  {
    name: "trace-cmd report -R, with the fields as numbers",
    instead: "print it with: trace-cmd report -i FILE",
    pattern: /\[\d+\]-0x[0-9a-f]+ +\d+\.\d+: +\w+: /,
  },
  {
    name: "perf trace",
    instead:
      "record with: perf record -e 'dma:*' -e 'iommu:*' -e 'swiotlb:*' -a; print with: perf script",
    pattern: /\b(?:dma|iommu):\w+\(/,
  },
  {
    name: "the tracer function_graph, with events as comments",
    instead: "echo nop > current_tracer, and record anew",
    pattern: new RegExp(`\\/\\* ${EVENT}.*\\*\\/`),
  },
  {
    name: "a trace without CPU and time (option context-info is off)",
    instead: "echo 1 > options/context-info, and read the trace file again",
    pattern: new RegExp(`^\\s*(?:(?:dma|iommu):)?${EVENT}`),
  },
  {
    name: "perf script without the CPU",
    instead: "print with: perf script -F +cpu",
    pattern: new RegExp(`^\\s*\\S.*\\s\\d+\\.\\d+:\\s+(?:\\d+\\s+)?(?:dma|iommu):${EVENT}`),
  },
  {
    name: "perf script without the time",
    instead: "print with: perf script -F +time,+cpu",
    pattern: new RegExp(`\\s(?:dma|iommu):${EVENT}`),
  },
  {
    name: "the verbose or raw output of the tracer",
    instead: "echo 0 > options/verbose; echo 0 > options/raw; echo 0 > options/hex; echo 0 > " +
      "options/bin, and read the trace file again",
    pattern: new RegExp(EVENT),
  },
];

/** Number of characters of a line that are examined: an event's line is shorter. */
const MAX_LINE = 1024;
const ANY_WORD = /\]-0x|dma_|IOMMU: |dma:|iommu:|Dtracing|PERFILE2|2ELIFREP|cpu_id = /;

const DEVICE_FIELD = new TextEncoder().encode("device=");

/** A trace with fields printed by their types instead of by the event's format. */
const FIELDS: UnreadForm = {
  name: "a trace with the option fields",
  instead: "echo 0 > options/fields, and read the trace file again",
};

/** A trace with time differences instead of times: such values fall again and again. */
const TIME_DIFFERENCES: UnreadForm = {
  name: "a trace whose times are differences",
  instead:
    "print absolute times: perf script without --deltatime, trace-cmd report without --ts-diff",
};

/** A trace with the newest line first, as some tools and log viewers print it. */
const REVERSED: UnreadForm = {
  name: "a trace whose times go back from line to line",
  instead: "turn it round, the oldest line first: tac FILE",
};
/** Forms that affect a whole file, so that it cannot be checked. */
const WHOLE = [FIELDS, TIME_DIFFERENCES, REVERSED];
/**
 * A file is reversed if its times fall this many times as often as they rise. If times are
 * differences, they rise and fall about equally often.
 */
const REVERSED_TIMES = 20;

/**
 * Times are differences if they decrease in at least this many lines, and in at least the share
 * `FALL_SHARE` of the lines. The times of a clock never decrease that often.
 */
const LEAST_FALLS = 20;
const FALL_SHARE = 0.2;

/**
 * Collects the unsupported lines of a file. For each form it keeps the first line and the number of
 * lines.
 */
export class UnreadLines {
  readonly forms = new Map<UnreadForm, { readonly line: number; count: number }>();
  #events = 0;
  #falls = 0;
  #rises = 0;
  #firstFall = 0;
  #lastSeconds = 0;

  /**
   * Reads a line that is no event; most such lines are not about mappings.
   * @returns Whether the line has a known unsupported form.
   */
  other(text: string, line: number): boolean {
    const start = text.slice(0, MAX_LINE);
    if (!ANY_WORD.test(start)) return false;
    const form = PATTERNS.find(({ pattern }) => pattern.test(start));
    if (form === undefined) return false;
    this.#note(form, line);
    return true;
  }

  event({ fields, name, seconds, wasRaw }: TraceLine, line: number): void {
    this.#events++;
    if (seconds < this.#lastSeconds && this.#falls++ === 0) this.#firstFall = line;
    if (seconds > this.#lastSeconds && this.#events > 1) this.#rises++;
    this.#lastSeconds = seconds;
    if (!wasRaw && name.isDma && fields.startsWith(DEVICE_FIELD)) {
      this.#note(FIELDS, line);
    }
  }

  #note(form: UnreadForm, line: number): void {
    this.forms.getOrInsertComputed(form, () => ({ line, count: 0 })).count++;
  }

  /**
   * The reason why this file cannot be checked, or null.
   *
   * @param entries Number of the file's log lines about DMA.
   */
  problem(entries: number): string | null {
    if (this.#falls >= LEAST_FALLS && this.#falls > FALL_SHARE * this.#events) {
      const form = this.#falls > REVERSED_TIMES * this.#rises ? REVERSED : TIME_DIFFERENCES;
      this.forms.set(form, { line: this.#firstFall, count: this.#falls });
    }
    const [first] = this.forms;
    if (first === undefined) return null;
    const isWhole = WHOLE.some((form) => this.forms.has(form)) ||
      this.#events === 0 && entries === 0;
    return isWhole ? this.sentences()[0]! : null;
  }

  /** A sentence for each unsupported form, in the order of the first lines. */
  sentences(): string[] {
    return [...this.forms].map(([{ instead, name }, { count, line }]) =>
      `line ${line} looks like ${name}, which is not read (${
        formatCount(count, "line")
      }): ${instead}`
    );
  }
}
