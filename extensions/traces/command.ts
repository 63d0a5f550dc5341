import {
  action,
  type Command,
  commandOfActions,
  flag,
  integer,
  needed,
  type Screen,
  text,
} from "@dmalab/cli/extend";
import type { ExitCode } from "@dmalab/cli/exit_code";

const FILES = {
  placeholder: "FILE",
  doc:
    "kernel trace (the text of /sys/kernel/tracing/trace, trace-cmd report, perf script), and optionally the " +
    "kernel log of the same run; .gz is read, - is standard input",
  completes: "files",
  count: "some",
} as const;
const JSON_OBJECT = flag("one JSON object");

/** Runs an action; returns an error code if a file cannot be read. */
async function reading(screen: Screen, run: () => Promise<ExitCode>): Promise<ExitCode> {
  const { refusingUnreadable } = await import("./cli/read_lines.ts");
  return refusingUnreadable(screen, run);
}

const CHECK = action({
  name: "check",
  brief: "Find mapping errors and the calls responsible.",
  description:
    "Tracks every mapping from map to unmap and reports errors with the trace lines, the rule and a " +
    "confidence: proved, likely, possible or unknown. Exit code 1 only if an error is proved or likely, or if " +
    "the log has a fault.",
  argument: FILES,
  options: { json: flag("one JSON object: summary, balance and findings") },
  examples: [
    { line: "trace check trace.txt.gz dmesg.txt", doc: "mapping errors and the calls responsible" },
    { line: "trace check --json trace.txt", doc: "the same for programs" },
  ],
  run: ({ options: { json }, screen, words }) =>
    reading(screen, async () => (await import("./cli/check.ts")).runCheck(words, json, screen)),
});

const SUMMARY = action({
  name: "summary",
  brief: "Count what is in traces and logs.",
  description:
    "Counts the events of kernel traces, kernel logs, logs of QEMU and blkparse, recognised line by line.",
  argument: FILES,
  options: {
    json: JSON_OBJECT,
    events: flag("every event with its file and line, one JSON object per line"),
  },
  examples: [
    { line: "trace summary trace.txt.gz dmesg.txt", doc: "what a trace and a log contain" },
    {
      line: "trace summary --events trace.txt blkparse.txt",
      doc: "merge them into one log of events",
    },
  ],
  run: ({ options: { events: asEvents, json: asJson }, screen, words }) =>
    reading(
      screen,
      async () =>
        (await import("./cli/summary.ts")).runSummary(words, { asJson, asEvents }, screen),
    ),
});

const SHOW = action({
  name: "show",
  brief: "Print the mappings of an address.",
  description: "Prints when each mapping was made and ended, and for which request.",
  argument: FILES,
  options: {
    at: needed(text("PLACE", "a line (318), an address (0xfffff000) or a time (9.591s)")),
  },
  examples: [
    { line: "trace show trace.txt --at 0xfffff000", doc: "every mapping at an address" },
  ],
  run: ({ options: { at }, screen, words }) =>
    reading(screen, async () => (await import("./cli/show.ts")).runShow(words, at, screen)),
});

const SCRIPT = action({
  name: "script",
  brief: "Write the run as a scenario.",
  description: "Writes a scenario that repeats the traced mappings on the simulation.",
  argument: FILES,
  options: {
    around: integer("LINE", "only the mappings involved in the finding at LINE"),
    shrink: flag("only the mappings involved in findings"),
  },
  examples: [
    {
      line: "trace script trace.txt dmesg.txt --shrink > found.dma",
      doc: "the errors as a scenario that runs",
    },
  ],
  run: ({ options: { around, shrink }, screen, words }) =>
    reading(
      screen,
      async () => (await import("./cli/script.ts")).runScript(words, around, shrink, screen),
    ),
});

const EXPORT = action({
  name: "export",
  brief: "Write the trace as events of dmalab.",
  description:
    "Writes the mappings of a trace, and the findings of a log of the same run, as a .dmatrace.jsonl " +
    "(docs/trace-files.md), which `dmalab report` shows.",
  argument: FILES,
  options: {},
  examples: [
    {
      line: "trace export trace.txt dmesg.txt > run.dmatrace.jsonl",
      doc: "a trace with its log, for dmalab report",
    },
  ],
  run: ({ screen, words }) =>
    reading(screen, async () => (await import("./cli/export.ts")).runExport(words, screen)),
});

const DEVICES = action({
  name: "devices",
  brief: "Print what each device maps.",
  description: "Prints bytes, rates, sizes, lifetimes and callers of each device's mappings.",
  argument: FILES,
  options: {
    json: JSON_OBJECT,
  },
  examples: [
    { line: "trace devices trace.txt.gz", doc: "what each device maps, how often and how long" },
  ],
  run: ({ options: { json }, screen, words }) =>
    reading(screen, async () => (await import("./cli/devices.ts")).runDevices(words, json, screen)),
});

const COMPARE = action({
  name: "compare",
  brief: "Compare the mappings of two traces.",
  description: "Matches the requests of two traces and prints what is mapped differently.",
  argument: { ...FILES, doc: "the trace before, then the one after" },
  options: { json: JSON_OBJECT },
  examples: [
    {
      line: "trace compare before.txt after.txt",
      doc: "what a patch or a release maps differently",
    },
  ],
  run: ({ options: { json }, screen, words }) =>
    reading(screen, async () => (await import("./cli/compare.ts")).runCompare(words, json, screen)),
});

export const TRACE: Command = commandOfActions({
  name: "trace",
  brief: "Analyse ftrace, perf and kernel logs of a real machine for DMA-mapping errors.",
  description:
    "Reads kernel traces, kernel logs, logs of QEMU and blkparse, recognised line by line; .gz is read, - is " +
    'standard input. "dmalab trace ACTION --help" lists the options of an action.',
  may: { spools: true },
  actions: [CHECK, SUMMARY, SHOW, SCRIPT, EXPORT, DEVICES, COMPARE],
});
