/** Why a queue is as long as it is, and what makes its rings turn. */
import type { QueuePair } from "../../../devices/nvme/driver/queues/queue_pair.ts";
import { formatCount } from "../../text/numbers.ts";
import { factLines } from "./told.ts";

/** The facts of a queue, each with its rule. */
export function queueStory(queue: QueuePair, device: string, columns: number): string[] {
  const { cqHead, phase, sqDoorbell, cqDoorbell, sqRung, sqTail } = queue.rings;
  const hex = (offset: number) => `0x${offset.toString(16)}`;
  const unrung = sqTail === sqRung ? "" : `; commands behind slot ${sqRung} wait for their ring`;
  return [
    `queue ${queue.id} of ${device}`,
    ...factLines(
      {
        title: `${formatCount(queue.depthEntries, "entry", "entries")}, up to ${
          formatCount(queue.tags, "command")
        } in flight`,
        why:
          "one entry stays empty, so that a full ring is not an empty one; requests beyond that " +
          `wait: ${queue.waiting.length} now`,
      },
      "nvme.1",
      columns,
    ),
    ...factLines(
      {
        title: `doorbells at ${hex(sqDoorbell)} and ${hex(cqDoorbell)}`,
        why: `0x1000 + ${2 * queue.id} and ${2 * queue.id + 1} strides; the last ring said tail ` +
          `${sqRung}${unrung}`,
      },
      "nvme.4.1",
      columns,
    ),
    ...factLines(
      {
        title: `the completion in slot ${cqHead} is new when its phase bit is ${phase}`,
        why: "the bit flips each time the ring is through, so that old entries need no clearing",
      },
      "nvme.4.2",
      columns,
    ),
    ...factLines(
      queue.polled
        ? { title: "polled, never interrupts", why: "who submits to it looks for the answer" }
        : {
          title: `vector ${queue.vector} interrupts cpu ${queue.cpu}`,
          why: "commands that this CPU submits go here unless a queue is named",
        },
      "nvme.5.1",
      columns,
    ),
  ];
}
