import { TRACE } from "./command.ts";
import type { Extension } from "@dmalab/cli/extend";

/** Traces and kernel logs of real machines. */
export const TRACES: Extension = {
  commands: [TRACE],
  loadLineExplainer: async () => (await import("./cli/line_explainer.ts")).LINE_EXPLAINER,
  readForeignFile: async (path) =>
    await (await import("./cli/foreign_trace.ts")).foreignTrace(path),
};
