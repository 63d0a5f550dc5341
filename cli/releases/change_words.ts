/** Labels for the kinds of differences between two releases. */
import type { ReleaseDifference } from "@dmalab/runtime/kernels";

export const CHANGE_WORDS: Readonly<Record<ReleaseDifference["change"], string>> = {
  defect: "new defect",
  mended: "fixed defect",
  begun: "new behaviour",
  ended: "no longer",
};
