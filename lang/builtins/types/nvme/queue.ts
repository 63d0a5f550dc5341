/** One pair of submission and completion queue. */
import type { HostRings, NvmeRequest, QueuePair } from "@dmalab/devices";
import { formatCount, formatDuration, formatSize } from "../../../text/numbers.ts";
import {
  type PicturedQueue,
  queuePicture,
  type RingMark,
} from "../../../render/pictures/queue_picture.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { type Explanation, factLines } from "../../explain/explanation.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";

type ControllerSide = NonNullable<ReturnType<typeof controllerSide>>;

/** The controller's position in a queue; null when the controller has lost its state. */
function controllerSide(queue: QueuePair, device: string, context: ExecutionContext) {
  return context.lab.device(device, "nvme").controller.ringsOf(queue.id);
}

/** The drawing of a queue in its current state. */
function picturedQueue(
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

/** A command id is its tag plus this factor times the number of earlier uses of the tag. */
const TAGS = 4096;

/** Whether a slot of a ring lies between two positions. */
function between(slot: number, from: number, to: number): boolean {
  return from <= to ? slot >= from && slot < to : slot >= from || slot < to;
}

/** The tag of the pending command in a slot; empty if the controller has fetched the command. */
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

/** Where a command in flight is: in which ring, or lost. */
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

export interface QueueTarget {
  readonly queue: QueuePair;
  readonly device: string;
}

const method = methodsOf<QueueTarget>();

export const QUEUE: HandleType<QueueTarget> = {
  name: "queue",
  doc: "A submission queue with its completion queue.",
  fields: fieldsOf<QueueTarget>((f) => ({
    id: f.int("Its number, from 1.", ({ queue }) => queue.id),
    depth: f.int("How many entries it has.", ({ queue }) => queue.depthEntries),
    in_flight: f.int("Commands the controller has not completed.", ({ queue }) => queue.inFlight),
    nr_requests: f.int(
      "Maximum number of requests at a time; requests in a scheduler count, and have scheduler tags.",
      ({ queue }) => queue.nrRequests,
    ),
    polled: f.bool(
      "It raises no interrupts: the submitter polls it.",
      ({ queue }) => queue.polled,
    ),
    waiting: f.int("Requests that wait for a free entry.", ({ queue }) => queue.waiting.length),
    sq_tail: f.int("Slot of the next command.", ({ queue }) => queue.rings.sqTail),
    sq_head: f.int(
      "Slot that the controller fetches next; none while the queue does not exist on the " +
        "controller.",
      ({ queue, device }, context) => controllerSide(queue, device, context)?.sqHead ?? null,
    ),
    cq_head: f.int(
      "Slot of the next completion.",
      ({ queue }) => queue.rings.cqHead,
    ),
    phase: f.int(
      "Phase tag of a new completion in that slot.",
      ({ queue }) => queue.rings.phase,
    ),
    cpu: f.int("The CPU that handles its interrupt.", ({ queue }) => queue.cpu),
    sq: f.dma("Where the controller fetches commands.", ({ queue }) => queue.sq.dma),
    cq: f.dma("Where the controller posts completions.", ({ queue }) => queue.cq.dma),
  })),
  methods: [
    method({
      name: "poll",
      result: "int",
      doc:
        "Handles the posted completions, with or without an interrupt, and returns their number.",
      example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
inject device.interrupt nth 1 { step until io.mapped; step }
assert not io.done and ssd.queue(1).poll() == 1
assert io.done`,
      run: (context, { queue, device }) =>
        context.lab.device(device, "nvme").disk.driver.takeAll(queue),
    }),
  ],
  format: ({ queue, device }) =>
    `queue ${queue.id} of ${device}: ${formatCount(queue.depthEntries, "entry", "entries")}, ${
      formatCount(queue.inFlight, "command")
    } in flight`,
  show: ({ queue, device }, context) => queuePicture(picturedQueue(queue, device, context)),
  explain: ({ queue, device }, { columns }) => queueStory(queue, device, columns),
};

/** The facts of a queue, each with its rule. */
function queueStory(queue: QueuePair, device: string, columns: number): string[] {
  const { cqHead, phase, sqDoorbell, cqDoorbell, sqRung, sqTail } = queue.rings;
  const hex = (offset: number) => `0x${offset.toString(16)}`;
  const unrung = sqTail === sqRung
    ? ""
    : `; entries from slot ${sqRung} on are not yet submitted (doorbell pending)`;
  const facts: readonly (readonly [rule: string, fact: Explanation])[] = [
    ["nvme.1", {
      title: `${formatCount(queue.depthEntries, "entry", "entries")}, up to ${
        formatCount(queue.tags, "command")
      } in flight`,
      why: "one entry stays empty, so that a full ring is not an empty one; requests beyond that " +
        `wait: ${queue.waiting.length} now`,
    }],
    ["nvme.4.1", {
      title: `doorbells at ${hex(sqDoorbell)} and ${hex(cqDoorbell)}`,
      why: `0x1000 + ${2 * queue.id} and ${2 * queue.id + 1} strides; last doorbell write: tail ` +
        `${sqRung}${unrung}`,
    }],
    ["nvme.4.2", {
      title: `the CQE in slot ${cqHead} is valid when its phase tag is ${phase}`,
      why: "the phase tag inverts on each pass through the ring, so old entries need no clearing",
    }],
    [
      "nvme.5.1",
      queue.polled
        ? { title: "polled, no interrupts", why: "the submitter polls for completions" }
        : {
          title: `vector ${queue.vector} interrupts cpu ${queue.cpu}`,
          why: "commands submitted on this CPU use this queue unless one is named",
        },
    ],
  ];
  return [
    `queue ${queue.id} of ${device}`,
    ...facts.flatMap(([rule, fact]) => factLines(fact, rule, columns)),
  ];
}
