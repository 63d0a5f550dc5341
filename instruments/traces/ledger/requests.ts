/**
 * Whose mappings are for which request of NVMe, and which device a controller is.
 *
 * @see behaviour/traces.md T.26, T.30, T.38
 */
import { readCompletion, readSetup } from "../line/nvme_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import type { NvmeCommand, StepSink } from "../script/recorder.ts";
import type { Device } from "./life.ts";
import type { Context, PageTable } from "./page_table.ts";

export class Requests {
  readonly #controllers = new Map<string, Device>();

  /** Takes a line of NVMe or of the block layer: between the setup and the issue a task maps. */
  take(
    { event, payload }: TraceLine,
    line: number,
    context: Context,
    table: PageTable,
    recorder: StepSink | null,
  ): void {
    switch (event) {
      case "nvme_setup_cmd":
        context.request = readSetup(payload);
        if (context.request !== null) recorder?.({ op: "request", line, command: context.request });
        return;
      case "block_rq_issue":
        context.request = null;
        return;
      case "nvme_complete_rq": {
        table.settle(context);
        const name = recorder === null ? null : readCompletion(payload);
        if (name !== null) recorder!({ op: "completion", line, name });
      }
    }
  }

  /** A mapping that names its device tells which one the controller of its request is. */
  note(request: NvmeCommand | null, device: Device): void {
    if (request !== null) this.#controllers.set(request.controller, device);
  }

  deviceOf(request: NvmeCommand | null): Device | null {
    return request === null ? null : this.#controllers.get(request.controller) ?? null;
  }
}
