/**
 * Whose mappings are for which request of NVMe, and which device a controller is.
 *
 * @see rules/traces.md T.26, T.30, T.38
 */
import { readCompletion, readSetup } from "../line/nvme_event.ts";
import type { TraceLine } from "../line/trace_line.ts";
import type { NvmeCommand, StepSink } from "../script/recorder.ts";
import type { Device } from "./traced_mapping.ts";
import type { Context, TracedPageTable } from "./page_table.ts";
import { issuedBytes, QueueUses } from "./queue_use.ts";

export class TracedRequests {
  readonly uses = new QueueUses();
  readonly #controllers = new Map<string, Device>();

  /** Takes a line of NVMe or of the block layer: between the setup and the issue a task maps. */
  take(
    { event, payload }: TraceLine,
    line: number,
    context: Context,
    table: TracedPageTable,
    recorder: StepSink | null,
  ): void {
    switch (event) {
      case "nvme_setup_cmd":
        context.request = readSetup(payload);
        context.pieces = 0;
        if (context.request !== null) recorder?.({ op: "request", line, command: context.request });
        return;
      case "block_rq_issue":
        this.#issue(payload, line, context);
        return;
      case "nvme_complete_rq": {
        table.settle(context);
        const name = recorder === null ? null : readCompletion(payload);
        if (name !== null) recorder!({ op: "completion", line, name });
      }
    }
  }

  /** All that is mapped for a request is mapped before it is issued. */
  #issue(payload: string, line: number, context: Context): void {
    const { pieces, request, run } = context;
    context.request = null;
    const bytes = issuedBytes(payload);
    if (request === null || request.disk === null || bytes === null || bytes === 0) return;
    const links = run?.request === request ? run.maps.length : 0;
    this.uses.note(request.disk, bytes, pieces + links, line);
  }

  /** A mapping that names its device identifies the controller of its request. */
  note(context: Context, device: Device, pieces: number): void {
    const { request } = context;
    if (request === null) return;
    this.#controllers.set(request.controller, device);
    context.pieces += pieces;
  }

  deviceOf(request: Pick<NvmeCommand, "controller"> | null): Device | null {
    return request === null ? null : this.#controllers.get(request.controller) ?? null;
  }
}
