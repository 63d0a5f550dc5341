/** Work queues and timers. @see rules/c-api.md 14 */
import type { Kernel } from "@dmalab/runtime/kernels";
import { callOwn, CDeferred, CTimers } from "../c_deferred.ts";
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";

/** Whether the release is an older one, with other names for timer functions. */
const before72 = (kernel: Kernel): boolean => kernel.no_two_step;

function checked(kernel: CKernel, what: string, at: number): number {
  const isThere = kernel.memory.isOpen(at, 8);
  if (isThere && kernel.memory.wordAt(at) !== 0) return at;
  throw kernel.crash(isThere ? `${what} that was not set up` : `There is no ${what}`);
}

export const workKey = (at: number): string => `work ${at}`;

function stopTimer(kernel: CKernel, [timer]: CArguments): number {
  return Number(kernel.part(CTimers).disarm(checked(kernel, "timer_list", timer)));
}

/**
 * Stops a timer and waits until its function has ended. There is nothing to wait for, because in
 * dmalab the function has always ended.
 */
function stopTimerAndWait(kernel: CKernel, args: CArguments): number {
  kernel.maySleep();
  return stopTimer(kernel, args);
}

export const DEFERRED_CALLS: Readonly<Record<"workqueue" | "timer", readonly CCallEntry[]>> = {
  workqueue: callEntries({
    "bool schedule_work(struct work_struct *work)"(kernel, [work]) {
      const at = checked(kernel, "work_struct", work);
      const { site } = kernel.machine.events.context;
      const run = () => callOwn(kernel, "Work", at, site);
      return Number(kernel.part(CDeferred).post(workKey(at), run, at));
    },
    "bool work_pending(const struct work_struct *work)": (kernel, [work]) =>
      Number(kernel.part(CDeferred).waits(workKey(work))),
    "bool cancel_work(struct work_struct *work)": (kernel, [work]) =>
      Number(kernel.part(CDeferred).take(workKey(work)) !== null),
    "bool cancel_work_sync(struct work_struct *work)"(kernel, [work]) {
      kernel.maySleep();
      return Number(kernel.part(CDeferred).take(workKey(work)) !== null);
    },
    "bool flush_work(struct work_struct *work)"(kernel, [work]) {
      kernel.maySleep();
      const run = kernel.part(CDeferred).take(workKey(work));
      run?.();
      return Number(run !== null);
    },
  }),
  timer: callEntries({
    "int mod_timer(struct timer_list *timer, unsigned long expires)"(kernel, [timer, expires]) {
      const at = checked(kernel, "timer_list", timer);
      return Number(kernel.part(CTimers).arm(at, kernel.exact(expires, "time")));
    },
    "int timer_delete(struct timer_list *timer)": stopTimer,
    "int timer_delete_sync(struct timer_list *timer)": stopTimerAndWait,
    "int del_timer(struct timer_list *timer)": { isIn: before72, run: stopTimer },
    "int del_timer_sync(struct timer_list *timer)": { isIn: before72, run: stopTimerAndWait },
  }),
};
