/** The depth of a queue, and the state of its rings. */
import type { QueuePair } from "@dmalab/devices/nvme";
import { formatCount } from "../../text/numbers.ts";
import { factLines } from "./explanation.ts";

/** The facts of a queue, each with its rule. */
export function queueStory(queue: QueuePair, device: string, columns: number): string[] {
  const { cqHead, phase, sqDoorbell, cqDoorbell, sqRung, sqTail } = queue.rings;
  const hex = (offset: number) => `0x${offset.toString(16)}`;
  const unrung = sqTail === sqRung
    ? ""
    : `; entries from slot ${sqRung} on are not yet submitted (doorbell pending)`;
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
        why:
          `0x1000 + ${2 * queue.id} and ${2 * queue.id + 1} strides; last doorbell write: tail ` +
          `${sqRung}${unrung}`,
      },
      "nvme.4.1",
      columns,
    ),
    ...factLines(
      {
        title: `the CQE in slot ${cqHead} is valid when its phase tag is ${phase}`,
        why: "the phase tag inverts on each pass through the ring, so old entries need no clearing",
      },
      "nvme.4.2",
      columns,
    ),
    ...factLines(
      queue.polled
        ? { title: "polled, no interrupts", why: "the submitter polls for completions" }
        : {
          title: `vector ${queue.vector} interrupts cpu ${queue.cpu}`,
          why: "commands submitted on this CPU use this queue unless one is named",
        },
      "nvme.5.1",
      columns,
    ),
  ];
}
