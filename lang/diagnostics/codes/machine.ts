/** Diagnostic codes of the machine block (E05..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const MACHINE_CODES = {
  E0501: { title: "to be written", explanation: "", example: "" },
} as const satisfies Record<string, CodeEntry>;
