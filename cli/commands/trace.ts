import { command } from "../command.ts";
import { refuse } from "../screen.ts";

/** What can be done with a trace, and what does it. */
const ACTIONS = ["check", "import", "show", "script", "export"] as const;

export const TRACE = command({
  name: "trace",
  brief: "Read what a real machine has recorded, and find what went wrong with its mappings.",
  description:
    "Reads traces of a kernel (the text of /sys/kernel/tracing/trace, trace-cmd report, perf " +
    "script), kernel logs, logs of QEMU and blkparse, told apart line by line; .gz is read, and - " +
    "is the standard input. `import` says what is in them. `check` keeps a ledger of every " +
    "mapping from its birth to its death and says what was wrong, by which lines and which rule, " +
    "and how sure that is: proved, likely, possible or unknown. `show` says who owns an address, " +
    "since when, for which request, until when. `script` writes the run as a scenario, `export` in other forms. Exit code 1 only for what is proved or likely.",
  argument: {
    placeholder: "check|import|show|script|export FILE",
    doc: "what to do, and the files: a trace, and the kernel's log of the same run beside it",
    completes: "files",
    count: "some",
  },
  options: {
    json: { kind: "flag", doc: "one JSON object: summary, balance and findings" },
    at: {
      kind: "text",
      placeholder: "PLACE",
      doc: "for show: a line (318), an address (0xfffff000) or a time (9.591s)",
    },
    around: {
      kind: "integer",
      placeholder: "LINE",
      doc: "for script: only the mappings that the finding at this line is about",
    },
    as: {
      kind: "text",
      placeholder: "FORM",
      doc: "for export: ftrace (the kernel's own text), chrome, perfetto or dmatrace",
    },
    events: {
      kind: "flag",
      doc: "for import: every event with its file and line, one JSON object a line",
    },
    shrink: { kind: "flag", doc: "for script: only the mappings that findings are about" },
  },
  examples: [
    { line: "trace import trace.txt.gz dmesg.txt", doc: "what is in them" },
    { line: "trace import --events trace.txt blkparse.txt", doc: "all of it as one log of events" },
    { line: "trace check trace.txt.gz dmesg.txt", doc: "what was wrong, and whose fault it was" },
    { line: "trace check --json trace.txt", doc: "the same for programs" },
    { line: "trace show trace.txt --at 0xfffff000", doc: "every mapping that an address had" },
    {
      line: "trace script trace.txt dmesg.txt --shrink > found.dma",
      doc: "the mistakes as a scenario that runs",
    },
  ],
  async run({ words, options, screen }) {
    const [action, ...paths] = words;
    if (!(ACTIONS as readonly string[]).includes(action!)) {
      return refuse(
        `"${action}" is nothing that is done with a trace: ${ACTIONS.join(", ")}`,
        screen,
      );
    }
    if (paths.length === 0) return refuse(`trace ${action} needs a file, or -`, screen);
    if (action === "import") {
      const { runImport } = await import("../trace/import.ts");
      const form = { asJson: options.json, asEvents: options.events };
      return runImport(paths, form, screen);
    }
    if (action === "show") {
      const { runShow } = await import("../trace/show.ts");
      return runShow(paths, options.at, screen);
    }
    if (action === "script") {
      const { runScript } = await import("../trace/script.ts");
      return runScript(paths, options.around, options.shrink, screen);
    }
    if (action === "export") {
      const { runExport } = await import("../trace/export.ts");
      return runExport(paths, options.as, screen);
    }
    const { runCheck } = await import("../trace/check.ts");
    return runCheck(paths, options.json, screen);
  },
});
