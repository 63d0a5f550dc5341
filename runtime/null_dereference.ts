/**
 * The end of a task that follows a null pointer: the kernel prints what happened, and the task
 * goes no further.
 *
 * What it held stays held: locks, tags and memory of a request are not freed. The machine goes
 * on with the work of others.
 */
import { KernelError } from "./errno.ts";
import { eventId } from "./event_vocabulary.ts";
import type { EventStream, Why } from "./events.ts";

const KERNEL_WARN = eventId("kernel.warn");

/** What the log has, before the address and the function. */
const LOGGED = "BUG: kernel NULL pointer dereference";

/**
 * Ends the running activity as a null pointer does.
 *
 * @param at The kernel function, in kernel words.
 * @param text What was expected behind the pointer, as a sentence without a final period.
 * @param why The rule that it goes by, and what was looked at.
 * @throws {KernelError} EFAULT, always.
 */
export function dereferenceNull(
  events: EventStream,
  at: string,
  text: string,
  why: Why | null = null,
): never {
  const message = `null pointer in ${at}(): ${text}`;
  const error = "EFAULT";
  if (events.tick(KERNEL_WARN)) {
    events.emit(KERNEL_WARN, { at, text: message, log: LOGGED, error }, why);
  }
  throw new KernelError(error, `The kernel follows a ${message}`);
}
