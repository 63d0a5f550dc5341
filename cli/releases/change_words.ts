/** Labels for the kind of a difference between two releases. */
import type { Difference } from "../../runtime/kernels/differences.ts";

export const CHANGE_WORDS: Readonly<Record<Difference["change"], string>> = {
  defect: "new defect",
  mended: "fixed defect",
  "other way": "behaviour change",
};
