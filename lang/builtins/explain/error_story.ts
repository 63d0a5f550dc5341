/**
 * Explains why a call failed, or why a request ended with a status: the event of the failure, and
 * its causes.
 */
import { blkStatusErrno, type BlkStatusName, type MachineEvent } from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { KindError } from "../../values/script_error.ts";
import { siteText } from "../types/event.ts";
import { decisionList } from "./decision_list.ts";

/** The story of an error; raises a script's mistake if there was no such error. */
export function explainError(name: string, context: ExecutionContext, until = Infinity): string[] {
  return errorStory(name, context, until) ?? nothingLedTo(`${name}: nothing ended with it`);
}

/**
 * Raises a mistake of the script: it asked for the reasons of something that no decision led to.
 */
export function nothingLedTo(what: string): never {
  throw new KindError(
    `No recorded decision explains ${what}`,
    "`explain` takes an address, an error, or a thing of the machine: a request, a device's limits",
  );
}

/** Number of events before the end of a failing call that are searched for failures inside the call. */
const INNER_EVENTS = 24;

/**
 * The last call that ended with an error, or the last request that ended with a status.
 *
 * @param name The name of an errno or a block status.
 * @param until Events from this one on are ignored.
 * @returns Null when no call and no request ended with it.
 */
function errorStory(name: string, context: ExecutionContext, until: number): string[] | null {
  const { events } = context.recorder;
  let index = Math.min(until, events.length) - 1;
  while (index >= 0 && !endedWith(events[index]!, name)) index--;
  if (index < 0) return null;
  const last = events[index]!;
  const site = siteText(last.site, context);
  return [
    `${name}${site === null ? "" : `, at ${site}`}${
      last.request === null ? "" : `, request ${last.request}`
    }`,
    ...refusalLines(index, context),
  ];
}

/**
 * The failures inside a call, and how the call ended.
 * @param index The index of the call's last event in the record.
 */
export function refusalLines(index: number, context: ExecutionContext): string[] {
  const { events } = context.recorder;
  const last = events[index]!;
  const before = events.slice(Math.max(0, index - INNER_EVENTS), index);
  // A request may be tried many times: start at the last try.
  const tried = before.findLastIndex(({ name, request }) =>
    name === "call.blk_rq_dma_map_iter_start" && request === last.request
  );
  return decisionList(
    [...before.slice(tried + 1).filter((event) => leadsTo(event, last)), last],
    context.columns,
  );
}

function endedWith(event: MachineEvent, name: string): boolean {
  const { error, result, status } = event.fields as Readonly<Record<string, unknown>>;
  // A device's page fault is not a call: its errno is in the field `result`.
  if (event.name === "odp.handled" || event.name === "hmm.fault") return result === name;
  if (event.name !== "block.status") return error === name;
  return status === name || blkStatusErrno(status as BlkStatusName) === name;
}

/** Events that report a requested resource as not available. */
const SHORTAGES: ReadonlySet<string> = new Set([
  "inject",
  "iommu.map_failed",
  "iova.alloc_failed",
  "swiotlb.full",
]);

/**
 * Whether the event is a failure inside the call: an injected failure, a refusal, a failed mapping.
 */
function leadsTo(event: MachineEvent, last: MachineEvent): boolean {
  if (event.site !== last.site || event.request !== last.request) return false;
  if (SHORTAGES.has(event.name)) return true;
  if (event.why === null) return false;
  if (event.name === "hmm.fault") return event.fields.result !== "OK";
  if (event.name === "p2p.route") return event.fields.map_type === "not_supported";
  const { error, result } = event.fields as { readonly error?: unknown; readonly result?: unknown };
  return typeof error === "string" || result === false;
}
