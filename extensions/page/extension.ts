import { REPORT } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** Pages for a browser. */
export const PAGE: Extension = {
  commands: [REPORT],
  loadReports: async () => (await import("./cli/suite_report.ts")).writeReports,
};
