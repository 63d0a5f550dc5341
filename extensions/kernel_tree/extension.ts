import type { Extension } from "@dmalab/cli/extend";
import type { OracleJob } from "./oracle_job.ts";

/** The commands that compare files of a kernel tree with the model, and review changes of a tree. */
export const KERNEL_TREE: Extension = {
  commands: {
    tree: async () => (await import("./command.ts")).TREE,
    review: async () => (await import("./review/command.ts")).REVIEW,
  },
  jobRunners: {
    review: async () => (await import("./review/run_ahead.ts")).openAhead(),
    tree_oracle: async (first: OracleJob) => (await import("./oracle_job.ts")).openOracles(first),
    tree_driver: async () => ({
      run: (await import("./all_drivers/driver_report_job.ts")).runDriverReport,
    }),
  },
};
