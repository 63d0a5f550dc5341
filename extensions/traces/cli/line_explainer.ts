import type { LineExplainer } from "@dmalab/cli/extend";
import { isFaultLine, printFaultLine, printInput } from "./fault_log_text.ts";
import { explainWithTrace } from "./trace_answer.ts";

export const LINE_EXPLAINER: LineExplainer = {
  accepts: isFaultLine,
  explainLine: printFaultLine,
  explainInput: printInput,
  explainWithTrace,
};
