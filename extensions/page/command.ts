import {
  basename,
  BRANCH,
  command,
  LIMIT,
  MATCH,
  readBranchOption,
  refuse,
  SEED,
  VERDICT,
} from "@dmalab/cli/extend";
import { HELD, worseExitCode } from "@dmalab/cli/exit_code";

export const REPORT = command({
  name: "report",
  brief: "Write the runs of a scenario as an HTML page.",
  description:
    "Runs FILE and writes one HTML file that shows every run: source, output, events, tables, " +
    "pictures and decisions at any moment, failures first, and every bench with its plot. It needs " +
    "no server and no network. " +
    "FILE can also be a kernel's trace, a .dmatrace.jsonl (docs/trace-files.md), or a Markdown " +
    "page, of which each `dma` block runs. Exit codes: as for `dmalab run`.",
  argument: {
    placeholder: "FILE",
    doc: "a scenario, a Markdown page, or a trace",
    completes: "files",
    count: "one",
  },
  options: {
    out: {
      kind: "text",
      also: "-o",
      placeholder: "FILE",
      doc: "output file (default: FILE.html in the current folder)",
    },
    match: MATCH,
    seed: SEED,
    branch: BRANCH,
    ...VERDICT,
    limit: LIMIT,
  },
  examples: [
    { line: "report lab.dma", doc: "writes lab.dma.html" },
    { line: "report lab.dma -o lab.html --match unmap", doc: "only matching tests" },
    {
      line: "report lab.dma --match probe --branch 1:alloc_pages@4",
      doc: "the run in which the fourth allocation fails",
    },
    { line: "report trace.txt.gz", doc: "a real machine's mappings, from its trace" },
    { line: "report run.dmatrace.jsonl", doc: "a trace that `dmalab run --export` wrote" },
  ],
  may: { compiles: true, files: ["--out", "-o"], here: "default" },
  async run({ words: [path = ""], options, screen }) {
    const { writeReport } = await import("./cli/make_report.ts");
    const { beside, readMatches, withInterrupts } = await import("@dmalab/cli");
    const { noTestFound } = await import("@dmalab/cli/presentation");
    const { limitsOf } = await import("@dmalab/lang/values");
    const match = await readMatches(options.match);
    if (typeof match === "string") return refuse(match, screen);
    const chosen = await readBranchOption(options.branch);
    if (typeof chosen === "string") return refuse(chosen, screen);
    const limits = limitsOf(options.limit);
    const { lenient, seed } = options;
    const name = options.out ?? `${basename(path)}.html`;
    const target = options.out ?? beside(name);
    return await withInterrupts(async (watch) => {
      const own = { ...chosen, ...match, lenient, limits, seed };
      const asked = { only: "all", coverage: false, ...own } as const;
      const made = await writeReport(path, target, asked, screen, watch);
      if (made.isWritten) screen.out(`Wrote ${name}.\n`);
      const noTest = made.reports.length === 0 ? HELD : noTestFound(made.reports, asked, screen);
      const exitCode = worseExitCode(made.exitCode, noTest);
      return made.isWritten || exitCode !== HELD
        ? exitCode
        : refuse("There is no run to report", screen);
    });
  },
});
