/** What the picture of a queue needs, read from both of its sides and from the rings' memory. */
import type { HostRings, NvmeRequest, QueuePair } from "@dmalab/devices/nvme";
import { formatCount, formatDuration, formatSize } from "../text/numbers.ts";
import type { PicturedQueue, RingMark } from "../render/pictures/queue_picture.ts";
import type { ExecutionContext } from "../values/execution_context.ts";

type ControllerSide = NonNullable<ReturnType<typeof controllerSide>>;

/** Where the controller stands in a queue; null once it does not know it. */
export function controllerSide(queue: QueuePair, device: string, context: ExecutionContext) {
  return context.lab.device(device, "nvme").controller.ringsOf(queue.id);
}

/** The drawing of a queue in the state it is in. */
export function picturedQueue(
  queue: QueuePair,
  device: string,
  context: ExecutionContext,
): PicturedQueue {
  const host = queue.rings;
  const other = controllerSide(queue, device, context);
  const { depthEntries } = queue;
  const waiting = queue.waiting.length;
  const inFlight = formatCount(queue.inFlight, "command");
  return {
    title: `queue ${queue.id} of ${device}   ${formatCount(depthEntries, "entry", "entries")}   ${
      queue.polled ? "polled" : `vector ${queue.vector} to cpu ${queue.cpu}`
    }`,
    state: `${inFlight} in flight${waiting === 0 ? "" : `, ${waiting} waiting`}`,
    depthEntries,
    rings: [
      {
        title: "submission queue",
        dma: queue.sq.dma,
        doorbell: host.sqDoorbell,
        shows: "tag",
        cell: (slot) => commandCell(queue, host, other, slot),
        marks: submissionMarks(host, other),
        focus: other?.sqHead ?? host.sqTail,
      },
      {
        title: "completion queue",
        dma: queue.cq.dma,
        doorbell: host.cqDoorbell,
        shows: "phase bit",
        cell: (slot) => String(queue.completionAt(slot).phase),
        marks: completionMarks(host, other),
        focus: host.cqHead,
      },
    ],
    header: ["cid", "request", "op", "lba", "bytes", "where it is", "sent"],
    rows: queue.sent().map((iod) => {
      const request = iod.request!;
      return [
        String(request.cid),
        String(request.id),
        request.op,
        String(request.lba),
        formatSize(request.bytes),
        whereabouts(request, queue, host, other),
        `${formatDuration(context.lab.machine.clock.latestNs - queue.sentAtNs(iod))} ago`,
      ];
    }),
    notes: other === null ? ["the controller does not know the queue"] : [],
  };
}

/** A command id is a tag, and how often the tag was used, times this. */
const TAGS = 4096;

/** Whether a slot lies between two positions of a ring of `depth` slots. */
function between(slot: number, from: number, to: number): boolean {
  return from <= to ? slot >= from && slot < to : slot >= from || slot < to;
}

/** The tag of the command that waits in a slot; nothing where the controller has fetched it. */
function commandCell(
  queue: QueuePair,
  host: HostRings,
  other: ControllerSide | null,
  slot: number,
): string {
  if (other === null || !between(slot, other.sqHead, host.sqTail)) return "·";
  return String(queue.commandIdAt(slot) % TAGS);
}

function submissionMarks(host: HostRings, other: ControllerSide | null): RingMark[] {
  const marks: RingMark[] = [{ who: "host", what: "tail", slot: host.sqTail }];
  if (host.sqRung !== host.sqTail) marks.push({ who: "", what: "rung", slot: host.sqRung });
  return other === null
    ? marks
    : [{ who: "controller", what: "head", slot: other.sqHead }, ...marks];
}

function completionMarks(host: HostRings, other: ControllerSide | null): RingMark[] {
  const marks: RingMark[] = [
    { who: "host", what: `phase ${host.phase} is new, head`, slot: host.cqHead },
  ];
  return other === null ? marks : [
    { who: "controller", what: `writes phase ${other.phase}, tail`, slot: other.cqTail },
    ...marks,
  ];
}

/** Which of the rings a command in flight stands in. */
function whereabouts(
  { cid }: NvmeRequest,
  queue: QueuePair,
  host: HostRings,
  other: ControllerSide | null,
): string {
  if (other === null) return "lost with the controller";
  for (let slot = other.sqHead; slot !== host.sqTail; slot = (slot + 1) % queue.depthEntries) {
    if (queue.commandIdAt(slot) !== cid) continue;
    return between(slot, other.sqHead, host.sqRung) ? "not fetched" : "doorbell not rung";
  }
  for (let slot = host.cqHead; slot !== other.cqTail; slot = (slot + 1) % queue.depthEntries) {
    if (queue.completionAt(slot).cid === cid) return "completed, CQE not consumed";
  }
  return "fetched by the controller";
}
