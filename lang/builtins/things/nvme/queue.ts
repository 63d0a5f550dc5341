/** One pair of submission and completion queue. */
import type { QueuePair } from "../../../../devices/nvme/driver/queues/queue_pair.ts";
import { formatCount } from "../../../text/numbers.ts";
import { queuePicture } from "../../../render/pictures/queue_picture.ts";
import { dma } from "../../arguments.ts";
import { DIRECT_MACHINE } from "../../calls/example_machines.ts";
import { queueStory } from "../../explain/queue_story.ts";
import { controllerSide, picturedQueue } from "../../pictured_queue.ts";
import type { TypeSpec } from "../../../values/spec.ts";

export interface QueueTarget {
  readonly queue: QueuePair;
  readonly device: string;
}

export const QUEUE: TypeSpec<QueueTarget> = {
  name: "queue",
  doc: "A submission queue with its completion queue.",
  fields: [
    { name: "id", kind: "int", doc: "Its number, from 1.", get: ({ queue }) => queue.id },
    {
      name: "depth",
      kind: "int",
      doc: "How many entries it has.",
      get: ({ queue }) => queue.depthEntries,
    },
    {
      name: "in_flight",
      kind: "int",
      doc: "Commands the controller has not completed.",
      get: ({ queue }) => queue.inFlight,
    },
    {
      name: "polled",
      kind: "bool",
      doc: "It does not interrupt: who submits to it looks for the answer.",
      get: ({ queue }) => queue.polled,
    },
    {
      name: "waiting",
      kind: "int",
      doc: "Requests that wait for room in it.",
      get: ({ queue }) => queue.waiting.length,
    },
    {
      name: "sq_tail",
      kind: "int",
      doc: "The slot that the next command goes to.",
      get: ({ queue }) => queue.rings.sqTail,
    },
    {
      name: "sq_head",
      kind: "int",
      doc: "The slot that the controller fetches next; none when it does not know the queue.",
      get: ({ queue, device }, run) => controllerSide(queue, device, run)?.sqHead ?? null,
    },
    {
      name: "cq_head",
      kind: "int",
      doc: "The slot in which the next completion is looked for.",
      get: ({ queue }) => queue.rings.cqHead,
    },
    {
      name: "phase",
      kind: "int",
      doc: "The phase bit that makes a completion there a new one.",
      get: ({ queue }) => queue.rings.phase,
    },
    { name: "cpu", kind: "int", doc: "The CPU it interrupts.", get: ({ queue }) => queue.cpu },
    {
      name: "sq",
      kind: "dma",
      doc: "Where the controller fetches commands.",
      get: ({ queue }) => dma(queue.sq.dma),
    },
    {
      name: "cq",
      kind: "dma",
      doc: "Where the controller posts completions.",
      get: ({ queue }) => dma(queue.cq.dma),
    },
  ],
  methods: [
    {
      name: "poll",
      parameters: [],
      result: "int",
      doc: "Takes what the controller has completed, whether an interrupt said so or not, and " +
        "tells how many completions there were.",
      example: `${DIRECT_MACHINE}let io = ssd.submit(read, lba: 0, into: alloc_pages(1))
fail device.interrupt nth 1 { step until io.mapped; step }
assert not io.done and ssd.queue(1).poll() == 1
assert io.done`,
      run: (run, { queue, device }) => run.lab.device(device, "nvme").disk.driver.poll(queue),
    },
  ],
  format: ({ queue, device }) =>
    `queue ${queue.id} of ${device}: ${formatCount(queue.depthEntries, "entry", "entries")}, ${
      formatCount(queue.inFlight, "command")
    } in flight`,
  show: ({ queue, device }, run) => queuePicture(picturedQueue(queue, device, run)),
  explain: ({ queue, device }) => queueStory(queue, device),
};
