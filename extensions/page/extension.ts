import { REPORT } from "../commands/report.ts";
import type { Extension } from "../extension.ts";

/** Pages for a browser. */
export const PAGE: Extension = {
  commands: [REPORT],
  loadReports: async () => (await import("./suite_report.ts")).writeReports,
};
