/** The steps that a ledger reports for the lines it reads; used by exports and scripts. */
import type { Direction } from "../line/dma_event.ts";
import type { TracedMapping } from "../ledger/traced_mapping.ts";

/** An NVMe command, from the line of its setup. @see rules/traces.md T.34 */
export interface NvmeCommand {
  /** `nvme0 qid 1 cmdid 962`: unique among the commands in flight. */
  readonly name: string;
  /** `nvme0`. */
  readonly controller: string;
  /** `nvme0n1`; null for a command that is not for a disk. */
  readonly disk: string | null;
  /** `read`, `write`, or another operation, by the kernel's name for the operation. */
  readonly verb: string;
  /**
   * The first block. If the setup line does not give it, this is null until the issue line gives
   * it.
   */
  lba: number | null;
  /** 0 if the command has no blocks; null under the same conditions as `lba`. */
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
      /** For a list: the number of entries in the unmap call. */
      readonly entries: number;
    }
    /**
     * A two-step range. It is reported when it is unmapped, with the sizes of its links and the
     * number of bytes destroyed.
     */
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
      /** Offset from the beginning of the mapping. */
      readonly offsetBytes: number;
    }
  );

export function isMappingStep(step: ScriptedCall): step is MappingStep {
  return step.op !== "request" && step.op !== "completion";
}

export type StepSink = (step: ScriptedCall) => void;
