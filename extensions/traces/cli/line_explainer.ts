import type { LineExplainer } from "@dmalab/cli/extend";
import { isFaultLine, printFaultLine, printInput } from "./fault_log_text.ts";
import { explainWithTrace } from "./trace_answer.ts";

/** Explains lines of kernel logs. */
export const LINE_EXPLAINER: LineExplainer = {
  accepts: isFaultLine,
  explainLine: printFaultLine,
  explainInput: printInput,
  explainWithTrace,
};
