/** What a ledger tells of each line that it has understood, for who writes the run down again. */
import type { Direction } from "../line/dma_event.ts";
import type { Life } from "../ledger/life.ts";

/** One step of the run. */
export type Step =
  | { readonly op: "birth"; readonly line: number; readonly life: Life }
  | {
    readonly op: "death";
    readonly line: number;
    readonly life: Life;
    readonly sizeBytes: number;
    readonly dir: Direction;
    /** Of a list: the entries it was unmapped with. */
    readonly entries: number;
  }
  /** What has ended is ended once more. */
  | { readonly op: "again"; readonly line: number; readonly life: Life }
  | {
    readonly op: "sync";
    readonly line: number;
    readonly life: Life;
    readonly dir: Direction;
    readonly sizeBytes: number;
    /** From the beginning of the mapping on. */
    readonly offsetBytes: number;
  };

export type StepSink = (step: Step) => void;
