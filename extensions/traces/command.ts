import {
  command,
  flag,
  integer,
  type Invocation,
  refuse,
  type Screen,
  text,
} from "@dmalab/cli/extend";
import type { ExitCode } from "@dmalab/cli/exit_code";

const OPTIONS = {
  json: flag("one JSON object: summary, balance and findings"),
  at: text("PLACE", "for show: a line (318), an address (0xfffff000) or a time (9.591s)"),
  around: integer("LINE", "for script: only the mappings involved in the finding at LINE"),
  as: text(
    "FORM",
    "for export: ftrace (the kernel's text format), chrome (Perfetto opens it) or dmatrace",
  ),
  events: flag("for summary: every event with its file and line, one JSON object per line"),
  html: flag("for devices: one HTML page with plots; each point links to its trace lines"),
  keep: integer(
    "SECONDS",
    "for watch: seconds of the trace to write at a fault (default: 10; at most 32 MiB)",
  ),
  to: text("NAME", "for watch: write each fault to NAME-1.trace.txt, … (default: dmalab-fault)"),
  shrink: flag("for script: only the mappings involved in findings"),
};

type Action = (
  paths: readonly string[],
  options: Invocation<typeof OPTIONS>["options"],
  screen: Screen,
) => Promise<ExitCode>;

/** The commands for a trace; each loads only the modules that it needs. */
const ACTIONS: Readonly<Record<string, Action>> = {
  check: async (paths, { json }, screen) =>
    (await import("./cli/check.ts")).runCheck(paths, json, screen),
  summary: async (paths, { events: asEvents, json: asJson }, screen) =>
    (await import("./cli/summary.ts")).runSummary(paths, { asJson, asEvents }, screen),
  show: async (paths, { at }, screen) => (await import("./cli/show.ts")).runShow(paths, at, screen),
  script: async (paths, { around, shrink }, screen) =>
    (await import("./cli/script.ts")).runScript(paths, around, shrink, screen),
  export: async (paths, { as }, screen) =>
    (await import("./cli/export.ts")).runExport(paths, as, screen),
  watch: async (paths, { json: asJson, keep, to }, screen) => {
    const { runWatch } = await import("./cli/watch.ts");
    return runWatch(paths, { asJson, keepSeconds: keep ?? 10, name: to ?? "dmalab-fault" }, screen);
  },
  devices: async (paths, { html: asHtml, json: asJson }, screen) =>
    (await import("./cli/devices.ts")).runDevices(paths, { asJson, asHtml }, screen),
  compare: async (paths, { json }, screen) =>
    (await import("./cli/compare.ts")).runCompare(paths, json, screen),
};
const NAMES = Object.keys(ACTIONS).join(", ");

export const TRACE = command({
  name: "trace",
  brief: "Analyse ftrace, perf and kernel logs of a real machine for DMA-mapping errors.",
  description:
    "Reads kernel traces (the text of /sys/kernel/tracing/trace, trace-cmd report, perf script), " +
    "kernel logs, logs of QEMU and blkparse, recognised line by line; .gz is read, - is standard " +
    "input. `summary` counts what is in them. `check` tracks every mapping from map to unmap and reports " +
    "errors with the trace lines, the rule and a confidence: proved, likely, possible or unknown. " +
    "`devices` prints what each device maps: bytes, rates, sizes, lifetimes, callers. `compare` matches " +
    "the requests of two traces and prints what is mapped differently. " +
    "`show` prints the mappings of an address: when each was mapped and unmapped, for which request. " +
    "`script` writes the run as a scenario, `export` in other formats. `watch` reads a trace while it is " +
    "recorded (/sys/kernel/tracing/trace_pipe, or a pipe), in constant memory: it prints what is " +
    "proved or likely at once, and at a fault writes the last seconds to a file. Exit code 1 only if an error is " +
    "proved or likely.",
  argument: {
    placeholder: "ACTION FILE",
    doc: `${NAMES}; then a trace file and optionally the kernel log of the same run`,
    completes: "files",
    count: "some",
  },
  options: OPTIONS,
  examples: [
    { line: "trace summary trace.txt.gz dmesg.txt", doc: "what a trace and a log contain" },
    {
      line: "trace summary --events trace.txt blkparse.txt",
      doc: "merge them into one log of events",
    },
    { line: "trace check trace.txt.gz dmesg.txt", doc: "mapping errors and the calls responsible" },
    { line: "trace check --json trace.txt", doc: "the same for programs" },
    { line: "trace devices trace.txt.gz", doc: "what each device maps, how often and how long" },
    {
      line: "trace devices --html trace.txt.gz > devices.html",
      doc: "the same over time, as plots",
    },
    {
      line: "trace compare before.txt after.txt",
      doc: "what a patch or a release maps differently",
    },
    { line: "trace show trace.txt --at 0xfffff000", doc: "every mapping at an address" },
    {
      line: "trace script trace.txt dmesg.txt --shrink > found.dma",
      doc: "the errors as a scenario that runs",
    },
    {
      line: "trace watch /sys/kernel/tracing/trace_pipe",
      doc: "errors as they happen, and the last 10 s at each fault",
    },
  ],
  may: { spools: true, files: ["--to"], here: "default" },
  async run({ words, options, screen }) {
    const [action, ...paths] = words;
    if (!Object.hasOwn(ACTIONS, action!)) {
      return refuse(`unknown trace action "${action}"; expected one of: ${NAMES}`, screen);
    }
    if (paths.length === 0) return refuse(`trace ${action} needs a file, or -`, screen);
    const { refusingUnreadable } = await import("./cli/read_lines.ts");
    return refusingUnreadable(screen, () => ACTIONS[action!]!(paths, options, screen));
  },
});
