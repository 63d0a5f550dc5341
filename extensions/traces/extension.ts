import { TRACE } from "../commands/trace.ts";
import type { Extension } from "../extension.ts";

/** Traces and kernel logs of real machines. */
export const TRACES: Extension = {
  commands: [TRACE],
  loadLineExplainer: async () => (await import("../explain/line_explainer.ts")).LINE_EXPLAINER,
};
