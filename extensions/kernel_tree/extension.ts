import type { Extension } from "@dmalab/cli/extend";
import type { DriverReportJob } from "./all_drivers/driver_report_job.ts";
import type { AheadJob } from "./review/run_ahead.ts";
import type { OracleJob } from "./oracle_job.ts";

/** The commands that compare files of a kernel tree with the model, and review changes of a tree. */
export const KERNEL_TREE: Extension = {
  commands: {
    tree: async () => (await import("./command.ts")).TREE,
    review: async () => (await import("./review/command.ts")).REVIEW,
  },
  jobRunners: {
    review: async (first: AheadJob) => (await import("./review/run_ahead.ts")).openAhead(first),
    tree_oracle: async (first: OracleJob) => (await import("./oracle_job.ts")).openOracles(first),
    tree_driver: async (first: DriverReportJob) =>
      (await import("./all_drivers/driver_report_job.ts")).openDriverReports(first),
  },
};
