import type { Extension } from "@dmalab/cli/extend";
import { TRACE_WORDS } from "./trace_words.ts";

/** Traces and kernel logs of real machines. */
export const TRACES: Extension = {
  commands: { trace: async () => (await import("./command.ts")).TRACE },
  words: TRACE_WORDS,
  loadLineExplainer: async () => (await import("./cli/line_explainer.ts")).LINE_EXPLAINER,
  readForeignFile: async (path) =>
    await (await import("./cli/foreign_trace.ts")).foreignTrace(path),
};
