/** Diagnostic codes of limits (E08..) and what goes wrong while a script runs (E09..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const RUN_CODES = {
  E0901: { title: "to be written", explanation: "", example: "" },
} as const satisfies Record<string, CodeEntry>;
