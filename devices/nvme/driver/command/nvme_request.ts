/** A request as the NVMe driver sees it: with the command it became. */
import type { EventFields } from "@dmalab/runtime";
import {
  type Bio,
  BIO_FLAG,
  type BlockOp,
  BlockRequest,
  type QueueLimits,
} from "@dmalab/runtime/block";
import { type CommandKeeper, keptBytes } from "./command_archive.ts";
import { type CommandViewer, NvmeCommandView } from "./command_view.ts";
import type { Iod } from "./iod.ts";

/** How a request's data mapping ended. @see rules/nvme.md 2.6 */
export type UnmapRule = EventFields<"nvme.unmap">["rule"];

/** @internal */
export class NvmeRequest extends BlockRequest implements CommandKeeper {
  declare readonly limits: QueueLimits;
  /** For the admin queue. */
  admin = false;
  nsid = 1;
  /** A passthrough command's 64 bytes; its id and data pointer are the driver's. */
  template: Uint8Array | null = null;
  /** Whether the data went out as PRPs or as SGL; null before, and without data. */
  format: "prp" | "sgl" | null = null;
  unmappedBy: UnmapRule | null = null;
  /** The controller's status field, without the phase bit. */
  nvmeStatus = 0;
  /** First dword of the completion. */
  result = 0;
  /** Times in a row that mapping it found no resources, and what had completed by then. */
  starvedTries = 0;
  starvedSince = -1;

  /** Its tag's record while it has one. */
  iod: Iod | null = null;
  /** Its tag with the scheduler, from its submission to its end; -1 without one. */
  schedulerTag = -1;
  /** Reads the command while it is in flight. */
  viewer: CommandViewer | null = null;
  /** The command's bytes, kept when it completed. */
  keptWords: Int32Array | null = null;
  keptAt = 0;
  /** The command as it was kept: at completion if it had lists, else when first asked for. */
  #keptCommand: NvmeCommandView | null = null;

  constructor(device: string, op: BlockOp, bios: Bio[], limits: QueueLimits) {
    super(device, op, bios, limits);
  }

  /** What was kept of the command when it completed, or null. */
  get keptCommand(): NvmeCommandView | null {
    if (this.#keptCommand === null && this.keptWords !== null) {
      this.#keptCommand = new NvmeCommandView(keptBytes(this.keptWords, this.keptAt), [], []);
    }
    return this.#keptCommand;
  }

  /** Its command is built, again after a reset or a retry: what was kept is of another one. */
  beginTry(): void {
    this.mapped = false;
    this.keptWords = null;
    this.#keptCommand = null;
  }

  /** Keeps a command together with its lists. */
  keep(command: NvmeCommandView): void {
    this.#keptCommand = command;
  }

  /** The command with its lists: live while mapped, a copy afterwards if the driver keeps them. */
  get command(): NvmeCommandView | null {
    if (this.keptCommand !== null) return this.keptCommand;
    if (this.iod === null || this.viewer === null || !this.mapped) return null;
    return this.viewer.viewCommand(this.iod);
  }

  /** Passthrough commands and read-ahead fail at the first error. */
  get mayRetry(): boolean {
    return this.template === null && !this.hasFlag(BIO_FLAG.USER | BIO_FLAG.READ_AHEAD);
  }
}
