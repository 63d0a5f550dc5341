/** Diagnostic codes of text, tokens and syntax (E01.., E02..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const SYNTAX_CODES = {
  E0101: { title: "to be written", explanation: "", example: "" },
} as const satisfies Record<string, CodeEntry>;
