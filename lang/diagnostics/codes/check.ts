/** Diagnostic codes of names, calls, kinds, files used and what is not built yet (E03.., E04.., E06.., E07.., W..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const CHECK_CODES = {
  E0301: { title: "to be written", explanation: "", example: "" },
} as const satisfies Record<string, CodeEntry>;
