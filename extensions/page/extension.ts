import type { Extension } from "@dmalab/cli/extend";

/** Pages for a browser. */
export const PAGE: Extension = {
  commands: { report: async () => (await import("./command.ts")).REPORT },
  loadReports: async () => (await import("./cli/suite_report.ts")).writeReports,
};
