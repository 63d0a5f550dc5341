/** The steps that a ledger reports for the lines it has understood, for exports and scripts. */
import type { Direction } from "../line/dma_event.ts";
import type { TracedMapping } from "../ledger/traced_mapping.ts";

/** A command of NVMe, as the line of its setup has it. @see rules/traces.md T.34 */
export interface NvmeCommand {
  /** `nvme0 qid 1 cmdid 962`: one of its kind while it is under way. */
  readonly name: string;
  /** `nvme0`. */
  readonly controller: string;
  /** `nvme0n1`; null for a command that is for no disk. */
  readonly disk: string | null;
  /** `read`, `write`, or another word of the kernel's. */
  readonly verb: string;
  /** Null where the line of its setup does not say, and until that of its issue does. */
  lba: number | null;
  /** 0 where the command has none; null as its first block is. */
  blocks: number | null;
}

export type ScriptedCall =
  | MappingStep
  | { readonly op: "request"; readonly line: number; readonly command: NvmeCommand }
  | { readonly op: "completion"; readonly line: number; readonly name: string };

export type MappingStep =
  & { readonly line: number; readonly mapping: TracedMapping }
  & (
    | { readonly op: "map" }
    | {
      readonly op: "unmap";
      readonly sizeBytes: number;
      readonly dir: Direction;
      /** For a list: the entries it was unmapped with. */
      readonly entries: number;
    }
    /** A two-step range, reported when it is unmapped: its links, and how many bytes are destroyed. */
    | {
      readonly op: "range";
      readonly linksBytes: readonly number[];
      readonly destroyedBytes: number;
    }
    | { readonly op: "destroy"; readonly destroyedBytes: number }
    /** A double unmap. */
    | { readonly op: "again" }
    | {
      readonly op: "sync";
      readonly dir: Direction;
      readonly sizeBytes: number;
      /** From the beginning of the mapping on. */
      readonly offsetBytes: number;
    }
  );

export function isMappingStep(step: ScriptedCall): step is MappingStep {
  return step.op !== "request" && step.op !== "completion";
}

export type StepSink = (step: ScriptedCall) => void;
