/**
 * In which order a captured run's requests are mapped and completed.
 *
 * With a history every allocation has its place; without one, requests are mapped in the order of
 * their numbers and completed at once, which is the same thing where nothing is allocated.
 */
import { ruleOf } from "./case_rule.ts";
import { GivenAddresses } from "../given_addresses.ts";
import type { GroupCount } from "../group_result.ts";
import { HistoryReplay } from "./history_replay.ts";
import type { CaptureCase, CaptureHistory } from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import { KernelReplay } from "./kernel_replay.ts";

/** Maps and completes each request before the next, at the IO addresses it had. */
export function replayInCapturedOrder(
  host: CapturedMachine,
  cases: readonly CaptureCase[],
  count: GroupCount,
): void {
  const replay = new KernelReplay(host, cases);
  const { domain } = host.dev;
  const addresses = domain === null ? null : new GivenAddresses(domain);
  for (const captured of cases) {
    addresses?.expect(captured);
    replay.map(captured);
    const { difference } = replay.complete(captured, addresses?.freedNext(captured));
    replay.aside(() => addresses?.flush());
    count.add(captured.id, difference, ruleOf(difference));
  }
}

/** Follows a history line by line: requests through the driver, the rest through the allocator. */
export function replayWithHistory(
  host: CapturedMachine,
  cases: readonly CaptureCase[],
  history: CaptureHistory,
  count: GroupCount,
  allocations: GroupCount,
): void {
  new HistoryReplay(host, cases, history, count, allocations).run();
}
