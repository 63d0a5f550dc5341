/** Other workspace members use these exports of `lang/builtins/explain`. */
export { explainDecision } from "./explain_decision.ts";
export { explanationLines } from "./explanation.ts";
export { loggedFaultLines } from "./fault_story.ts";
export { formatInput, inputField } from "./inputs.ts";
export { routeStory, SERVICE_LETTERS } from "./route_story.ts";
export * from "../../diagnostics/codes.ts";
