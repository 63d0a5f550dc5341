/** One pair of submission and completion queue. */
import type { QueuePair } from "@dmalab/devices/nvme";
import { formatCount } from "../../../text/numbers.ts";
import { queuePicture } from "../../../render/pictures/queue_picture.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import { queueStory } from "../../explain/queue_story.ts";
import { controllerSide, picturedQueue } from "../../pictured_queue.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";

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
      parameters: [],
      result: "int",
      doc:
        "Handles the posted completions, with or without an interrupt, and returns their number.",
      example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
inject device.interrupt nth 1 { step until io.mapped; step }
assert not io.done and ssd.queue(1).poll() == 1
assert io.done`,
      run: (context, { queue, device }) =>
        context.lab.device(device, "nvme").disk.driver.poll(queue),
    }),
  ],
  format: ({ queue, device }) =>
    `queue ${queue.id} of ${device}: ${formatCount(queue.depthEntries, "entry", "entries")}, ${
      formatCount(queue.inFlight, "command")
    } in flight`,
  show: ({ queue, device }, context) => queuePicture(picturedQueue(queue, device, context)),
  explain: ({ queue, device }, { columns }) => queueStory(queue, device, columns),
};
