/**
 * Interrupts, and waiting for events. While a call waits, the devices' work and the timers run
 * until the awaited event happens.
 *
 * @see rules/c-api.md 11, 14
 */
import { ERRNO, INJECTION } from "@dmalab/runtime";
import { ACTIVITY_STEPS } from "@dmalab/lang/values";
import { CDeferred } from "../c_deferred.ts";
import { callEntries, type CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";

/** The least time that one iteration of a polling loop takes. */
const RELAX_NS = 1000;

/**
 * Runs one pending activity, or advances the time to the next timer.
 * @returns False if the time `untilNs` is reached.
 */
export function pass(kernel: CKernel, untilNs: number): boolean {
  const { clock } = kernel.machine;
  if (clock.nowNs >= untilNs) return false;
  kernel.context.work(ACTIVITY_STEPS);
  if (kernel.machine.runNextActivity()) return true;
  const nextNs = Math.min(untilNs, clock.nextTimerNs);
  if (nextNs === Infinity) {
    kernel.context.preemption?.blockForever();
    throw kernel.crash("Deadlock: no pending work can end this wait");
  }
  kernel.machine.advance(Math.max(0, nextNs - clock.latestNs));
  return true;
}

/** Waits while a condition holds. @returns False if it still holds at the timeout. */
function waitWhile(kernel: CKernel, timeoutNs: number, holds: () => boolean): boolean {
  const { clock } = kernel.machine;
  const untilNs = timeoutNs > Number.MAX_SAFE_INTEGER ? Infinity : clock.nowNs + timeoutNs;
  while (holds()) {
    if (!pass(kernel, untilNs)) return false;
  }
  return true;
}

function passAll(kernel: CKernel, durationNs: number): void {
  const untilNs = kernel.machine.clock.nowNs + kernel.exact(durationNs, "time");
  while (pass(kernel, untilNs));
}

/** The result of a handler that defers to its thread. */
const WAKE_THREAD = 2;

/** The threaded part of a handler, which may sleep. */
interface IrqThread {
  readonly irq: number;
  /** The thread's function; 0 if there is no thread. */
  readonly thread: number;
  readonly cookie: number;
}

const threadKey = (irq: number, cookie: number): string => `irq ${irq} ${cookie}`;

function wakeThread(kernel: CKernel, { cookie, irq, thread }: IrqThread): void {
  if (thread === 0) {
    kernel.machine.warnings.warn("irq", `irq ${irq} wakes the thread of a handler that has none`);
    return;
  }
  const run = () => kernel.callBack(thread, [irq, BigInt(cookie)]);
  kernel.part(CDeferred).post(threadKey(irq, cookie), run);
}

/** Runs a handler's pending thread, because freeing a handler waits for its thread. */
function endThread(kernel: CKernel, irq: number, cookie: number): void {
  kernel.part(CDeferred).take(threadKey(irq, cookie))?.();
}

/** Runs the pending threads of an interrupt's handlers. The handlers themselves have already run. */
function waitForThreads(kernel: CKernel, irq: number): void {
  for (const { cookie } of [...kernel.machine.interrupts.handlersOf(irq)]) {
    endThread(kernel, irq, cookie);
  }
}

function disable(kernel: CKernel, irq: number): void {
  if (!kernel.machine.interrupts.disable(irq)) {
    throw kernel.crash(`There is no irq ${irq} that could be disabled`);
  }
}

/** The arguments of a handler's registration. */
interface IrqRequest extends IrqThread {
  /** The function of the handler itself; 0 if there is only a thread. */
  readonly handler: number;
  readonly flags: number;
}

/** Registers a handler. @returns 0 or a negative errno. */
export function requestIrq(kernel: CKernel, request: IrqRequest): number {
  const { cookie, flags, handler, irq, thread } = request;
  kernel.maySleep("request_irq");
  if (handler === 0 && thread === 0) throw kernel.crash("request_irq() without a handler");
  const refused = kernel.refused(INJECTION.request_irq);
  if (refused !== 0) return refused;
  const error = kernel.machine.interrupts.request(irq, {
    cookie,
    flags,
    run(number) {
      const args = [number, BigInt(cookie)];
      const result = handler === 0 ? WAKE_THREAD : kernel.callBack(handler, args);
      if (result === WAKE_THREAD) wakeThread(kernel, request);
      return result;
    },
  });
  return error === null ? 0 : -ERRNO[error];
}

/** Unregisters a handler, after its thread has run. */
export function freeIrq(kernel: CKernel, irq: number, cookie: number): void {
  kernel.maySleep("free_irq");
  endThread(kernel, irq, cookie);
  if (!kernel.machine.interrupts.release(irq, cookie)) {
    throw kernel.crash(`free_irq() of irq ${irq}, which has no such handler`);
  }
}

export const INTERRUPT_CALLS: Readonly<Record<"interrupt" | "sleep", readonly CCallEntry[]>> = {
  interrupt: callEntries({
    "int dmalab_request_irq(unsigned int irq, void *handler, void *thread_fn, unsigned long flags, const char *name, void *dev_id)":
      {
        as: "request_threaded_irq",
        run: (kernel, [irq, handler, thread, flags, _name, cookie]) =>
          requestIrq(kernel, { irq, handler, thread, flags, cookie }),
      },
    "const void *free_irq(unsigned int irq, void *dev_id)"(kernel, [irq, cookie]) {
      freeIrq(kernel, irq, cookie);
      return 0;
    },
    "void disable_irq(unsigned int irq)"(kernel, [irq]) {
      kernel.maySleep();
      disable(kernel, irq);
      waitForThreads(kernel, irq);
    },
    "void disable_irq_nosync(unsigned int irq)": (kernel, [irq]) => disable(kernel, irq),
    "void enable_irq(unsigned int irq)"(kernel, [irq]) {
      if (!kernel.machine.interrupts.enable(irq)) {
        throw kernel.crash(`enable_irq() of irq ${irq}, which is not disabled`);
      }
    },
    "void synchronize_irq(unsigned int irq)"(kernel, [irq]) {
      kernel.maySleep();
      waitForThreads(kernel, irq);
    },
    "int dmalab_irq_save(void)"(kernel) {
      const { context } = kernel.machine;
      const were = context.irqsOff;
      context.disableIrqs();
      return Number(were);
    },
    "void dmalab_irq_restore(void)": {
      as: "local_irq_restore",
      run(kernel) {
        const { context, interrupts } = kernel.machine;
        if (!context.enableIrqs()) {
          throw kernel.crash("Interrupts are enabled that are enabled already");
        }
        interrupts.deliverWaiting();
      },
    },
  }),
  sleep: callEntries({
    "bool dmalab_wait(unsigned int *done, u64 timeout_ns)"(kernel, [done, timeoutNs]) {
      kernel.maySleep("wait_for_completion");
      if (!kernel.memory.isOpen(done, 4)) throw kernel.crash("There is no completion");
      const { view } = kernel.memory;
      return Number(waitWhile(kernel, timeoutNs, () => view.getUint32(done, true) === 0));
    },
    "bool dmalab_wait_woken(unsigned int *wakes, unsigned int seen, u64 timeout_ns)"(
      kernel,
      [wakes, seen, timeoutNs],
    ) {
      if (!kernel.memory.isOpen(wakes, 4)) throw kernel.crash("There is no wait queue");
      const { view } = kernel.memory;
      return Number(
        waitWhile(kernel, timeoutNs, () => view.getUint32(wakes, true) === seen >>> 0),
      );
    },
    "void dmalab_may_sleep(const char *what)": (kernel, [what]) =>
      kernel.maySleep(kernel.memory.textAt(what)),
    "void dmalab_sleep(const char *what, u64 ns)"(kernel, [what, ns]) {
      kernel.maySleep(kernel.memory.textAt(what));
      passAll(kernel, ns);
    },
    "void dmalab_spin(u64 ns)": (kernel, [ns]) => passAll(kernel, ns),
    "void cpu_relax(void)"(kernel) {
      pass(kernel, kernel.machine.clock.nowNs + RELAX_NS);
    },
    "u64 dmalab_now(void)": (kernel) => Math.floor(kernel.machine.clock.nowNs),
  }),
};
