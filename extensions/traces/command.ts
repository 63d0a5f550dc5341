import { command, flag, integer, refuse, text } from "@dmalab/cli/extend";

/** What can be done with a trace. */
const ACTIONS = [
  "check",
  "summary",
  "show",
  "script",
  "export",
  "watch",
  "devices",
  "compare",
] as const;

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
    doc: `${ACTIONS.join(", ")}; then a trace file and optionally the kernel log of the same run`,
    completes: "files",
    count: "some",
  },
  options: {
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
  },
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
    if (!(ACTIONS as readonly string[]).includes(action!)) {
      return refuse(
        `unknown trace action "${action}"; expected one of: ${ACTIONS.join(", ")}`,
        screen,
      );
    }
    if (paths.length === 0) return refuse(`trace ${action} needs a file, or -`, screen);
    const { refusingUnreadable } = await import("./cli/read_lines.ts");
    return refusingUnreadable(screen, async () => {
      if (action === "summary") {
        const { runSummary } = await import("./cli/summary.ts");
        const form = { asJson: options.json, asEvents: options.events };
        return runSummary(paths, form, screen);
      }
      if (action === "devices") {
        const { runDevices } = await import("./cli/devices.ts");
        return runDevices(paths, { asJson: options.json, asHtml: options.html }, screen);
      }
      if (action === "compare") {
        const { runCompare } = await import("./cli/compare.ts");
        return runCompare(paths, options.json, screen);
      }
      if (action === "show") {
        const { runShow } = await import("./cli/show.ts");
        return runShow(paths, options.at, screen);
      }
      if (action === "script") {
        const { runScript } = await import("./cli/script.ts");
        return runScript(paths, options.around, options.shrink, screen);
      }
      if (action === "watch") {
        const { runWatch } = await import("./cli/watch.ts");
        const { json: asJson, keep, to } = options;
        return runWatch(
          paths,
          { asJson, keepSeconds: keep ?? 10, name: to ?? "dmalab-fault" },
          screen,
        );
      }
      if (action === "export") {
        const { runExport } = await import("./cli/export.ts");
        return runExport(paths, options.as, screen);
      }
      const { runCheck } = await import("./cli/check.ts");
      return runCheck(paths, options.json, screen);
    });
  },
});
