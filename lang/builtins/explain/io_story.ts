/** The story of an io: those of its requests, as far as they differ. */
import type { NvmeRequest } from "@dmalab/devices/nvme";
import { formatCount } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";

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
  context: ExecutionContext,
): string[] {
  const lines: string[] = [];
  const decisions = decisionsOf(requests, context);
  for (let first = 0; first < requests.length;) {
    const request = requests[first]!;
    let next = first + 1;
    while (next < requests.length && decisions[next] === decisions[first]) next++;
    lines.push(...tell(request));
    if (next - first > 1) {
      const last = requests[next - 1]!;
      lines.push(
        `… same decisions for ${formatCount(next - first - 1, "more request")}, ` +
          `up to request ${last.id}`,
      );
    }
    first = next;
  }
  return lines;
}

/** What was decided about each request, by which rules, and how it ended; each thing once. */
function decisionsOf(requests: readonly NvmeRequest[], context: ExecutionContext): string[] {
  const decided = new Map(requests.map(({ id }) => [id, new Set<string>()]));
  for (const { name, request, why } of context.recorder.events) {
    if (why === null || request === null || DETAILS.test(name)) continue;
    decided.get(request)?.add(`${name} ${why.rule}`);
  }
  return requests.map((request) =>
    [...decided.get(request.id)!, request.status ?? "in flight"].join(", ")
  );
}
