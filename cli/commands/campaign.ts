import { command } from "../command.ts";
import { WRONG } from "../exit_code.ts";
import { refuse } from "../screen.ts";

export const CAMPAIGN = command({
  name: "campaign",
  brief: "Hunt on many machines: write the jobs of a plan, run a shard, merge the results.",
  description:
    "`campaign PLAN` checks a plan (docs/campaigns.md) and writes its jobs for Slurm, Kubernetes, " +
    "GitHub, GitLab and GNU parallel. `campaign run PLAN` runs one shard, whose number is in the " +
    "engine's variable (SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, CI_NODE_INDEX, PARALLEL_SEQ): each " +
    "try appends a line to the shard's file; a restarted shard continues after the last complete line. " +
    "`campaign merge FILE…` counts each try once, and writes a minimal scenario for each cause and " +
    "a report. Exit codes of merge: 0 everything tried and nothing found; 1 a defect found; 2 a file has " +
    "errors; 3 tries are missing, whose shards it names.",
  argument: {
    placeholder: "[run|merge] FILE",
    doc: "a plan; for merge, the files of the shards",
    completes: "files",
    count: "some",
  },
  options: {
    out: {
      kind: "text",
      placeholder: "DIR",
      doc: "output folder (default: the campaign's name; run: results; merge: found)",
    },
    shard: { kind: "text", placeholder: "I/N", doc: "for run: shard I of the plan's N" },
  },
  examples: [
    { line: "campaign night.json", doc: "check a plan and write its jobs" },
    { line: "campaign run night.json --shard 3/8", doc: "run a shard by hand" },
    { line: "campaign merge results/*.jsonl", doc: "report what was tried and found" },
  ],
  async run({ words, options, screen }) {
    const { openPlan, writeJobs } = await import("../campaign/write_jobs.ts");
    const { FileError } = await import("../files/file_error.ts");
    const [action, ...paths] = words;
    if (options.shard !== null && action !== "run") {
      return refuse("`--shard` is for `campaign run`", screen);
    }
    try {
      if (action === "merge") {
        const { mergeShards } = await import("../campaign/merge.ts");
        if (paths.length === 0) {
          return refuse("campaign merge needs the files of the shards", screen);
        }
        return mergeShards(paths, options.out, screen);
      }
      const [path = action!, ...more] = action === "run" ? paths : words;
      if (more.length > 0 || action === "run" && paths.length === 0) {
        return refuse("campaign needs exactly one plan", screen);
      }
      const plan = openPlan(path, screen);
      if (plan === null) return WRONG;
      if (action !== "run") return await writeJobs(path, plan, options.out, screen);
      const { runShard, shardNumber } = await import("../campaign/run_shard.ts");
      const { readShard } = await import("../testing/shard.ts");
      const index = options.shard === null ? shardNumber(plan) : readShard(options.shard);
      if (typeof index === "string") return refuse(index, screen);
      const shard = typeof index === "number" ? { index, count: plan.shards } : index;
      if (shard?.count !== plan.shards) {
        return refuse(
          `--shard must be I/${plan.shards}: the plan has ${plan.shards} shards`,
          screen,
        );
      }
      return await runShard(path, plan, shard, options.out, screen);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      screen.err(error.lines);
      return WRONG;
    }
  },
});
