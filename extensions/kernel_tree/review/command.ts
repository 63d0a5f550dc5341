import {
  command,
  COMPILER,
  flag,
  jobCount,
  JOBS,
  MATCH,
  refuse,
  text,
  texts,
} from "@dmalab/cli/extend";

export const REVIEW = command({
  name: "review",
  brief:
    "Review a change of a Linux kernel tree: what it changes for a device, and what of it ran.",
  description:
    "DIR is a source tree of Linux 6.12, 7.2 or 7.3. The change is another tree, a range of DIR's commits " +
    "(BASE..HEAD), or mailboxes, whose patches are applied to copies of the files that they name; DIR is only " +
    "read. For each patch, scenarios that execute what it changes run on both sides. Printed are the first " +
    "difference of each test (call, line of C, what the device sees), and the changed lines that are not known " +
    "to have run. Exit codes: 0 neither; 1 the checker reports a difference, data, lengths, addresses or " +
    "commands differ, or the change does not compile; 2 changed lines or files were not examined, or " +
    "something cannot be read or applied.",
  argument: {
    placeholder: "DIR CHANGE",
    doc: "kernel tree, then another tree, a range of commits, or mailboxes",
    completes: "files",
    count: "some",
  },
  options: {
    scenario: texts(
      "FILE",
      "scenario, a name of dmalab's (reach.dma), or mapping code for random sequences, to run instead of all",
    ),
    jobs: JOBS,
    match: MATCH,
    html: text("FILE", "also write it as an HTML page, with each patch beside what it changes"),
    compiler: COMPILER,
    "allow-unreached": flag("exit with 0 where changed lines did not run"),
  },
  examples: [
    { line: "review ../linux ../patched", doc: "the tree before and after a patch" },
    { line: "review ../linux series.mbox", doc: "each patch of a mailbox" },
    { line: "review ../linux HEAD~3..HEAD", doc: "each of the last three commits" },
  ],
  may: { compiles: true, spools: true, runs: ["git"], files: ["--html"] },
  async run({ options, screen, words }) {
    if (words.length < 2) return refuse("review needs a kernel tree and a change", screen);
    const { chooseCompiler, readMatches } = await import("@dmalab/cli");
    chooseCompiler(options.compiler);
    const match = await readMatches(options.match);
    if (typeof match === "string") return refuse(match, screen);
    const { runReview } = await import("./run_review.ts");
    const request = {
      scenarios: options.scenario,
      allowsUnreached: options["allow-unreached"],
      page: options.html,
      jobs: jobCount(options.jobs),
      ...match,
    };
    return await runReview(words, request, screen);
  },
});
