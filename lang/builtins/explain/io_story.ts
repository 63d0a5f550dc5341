/** The story of an io: those of its requests, as far as they differ. */
import type { NvmeRequest } from "../../../devices/nvme/driver/nvme_request.ts";
import { formatCount } from "../../render/numbers.ts";
import type { Run } from "../../run/run.ts";
import { requestEventsOf } from "./request_story.ts";

/** Where addresses came from differs from request to request, and says nothing about the io. */
const DETAILS = /^(?:iova|iotlb|flush_queue)\./;

/**
 * One story for each row of requests about which the same was decided.
 *
 * @param tell The story of a request.
 */
export function ioStory(
  requests: readonly NvmeRequest[],
  tell: (request: NvmeRequest) => readonly string[],
  run: Run,
): string[] {
  const lines: string[] = [];
  for (let first = 0; first < requests.length;) {
    const request = requests[first]!;
    const decided = decisionsOf(request, run);
    let next = first + 1;
    while (next < requests.length && decisionsOf(requests[next]!, run) === decided) next++;
    lines.push(...tell(request));
    if (next - first > 1) {
      const last = requests[next - 1]!;
      lines.push(
        `⋮ the same was decided about ${formatCount(next - first - 1, "more request")}, ` +
          `up to request ${last.id}`,
      );
    }
    first = next;
  }
  return lines;
}

/** What was decided about a request, by which rules, and how it ended; each thing once. */
function decisionsOf(request: NvmeRequest, run: Run): string {
  const decided = new Set<string>();
  for (const { name, why } of requestEventsOf(request, run)) {
    if (why !== null && !DETAILS.test(name)) decided.add(`${name} ${why.rule}`);
  }
  return [...decided, request.done ? request.status : "under way"].join(", ");
}
