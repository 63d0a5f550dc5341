/**
 * What a disk does besides where each CPU and each device has its own time (`Platform.timed`). It is put
 * in when the disk is built: without latencies a request's way has no branch for it.
 */
import { invariant, type Machine } from "@dmalab/runtime";
import type { NvmeRequest } from "./request.ts";
import type { TakeCompletion } from "./queues/queue_pair.ts";
import type { QueueSet } from "./queues/queue_set.ts";
import type { ScheduledDispatch } from "./queues/scheduled_dispatch.ts";
import type { NvmeInterruptLine } from "../register_port.ts";

/** Called when a request ends, before its owner is. */
export type EndOfRequest = (request: NvmeRequest) => void;

/** The CPU that takes an interrupt goes on not before it was raised. */
export function timedInterrupts(
  { clock, timed }: Machine,
  line: NvmeInterruptLine,
): NvmeInterruptLine {
  if (!timed) return line;
  return {
    cpuOfVector: (vector) => line.cpuOfVector(vector),
    raise(vector) {
      if (clock.own === null) return line.raise(vector);
      const outer = clock.own.interrupt(line.cpuOfVector(vector));
      line.raise(vector);
      clock.own.leave(outer);
    },
  };
}

/** A completion goes on on the CPU of its request, not before it was found on another. */
export function timedCompletions(
  { clock, events: { context }, timed }: Machine,
  take: TakeCompletion,
  disk: string,
  queues: Pick<QueueSet, "get">,
): TakeCompletion {
  if (!timed) return take;
  return (iod, status, result) => {
    const { cpu, device, request: outer, site } = context;
    const { request } = iod;
    invariant(request !== null, `${disk}: a completion belongs to no request`);
    const queue = queues.get(request.queue);
    invariant(queue !== undefined, `${disk} has no queue ${request.queue}`);
    context.become(request.cpu, request.device, request.request, request.site);
    clock.own?.followCpu(cpu);
    if (queue.polled) clock.own?.followDevice(disk);
    take(iod, status, result);
    context.become(cpu, device, outer, site);
  };
}

/** Who waits for a request goes on not before its end. */
export function timedEnds(
  { clock, timed }: Machine,
  scheduler: ScheduledDispatch | null,
): EndOfRequest | null {
  if (!timed) return scheduler && ((request) => scheduler.ended(request));
  return (request) => {
    scheduler?.ended(request);
    request.endedNs = clock.nowNs;
  };
}
