/**
 * Interrupts, and waiting for what they tell. Who waits lets the devices go on: their work and the
 * timers run until what is waited for has come.
 *
 * @see behaviour/c-api.md 11, 14
 */
import { ERRNO } from "../../../../runtime/errno.ts";
import { ACTIVITY_STEPS } from "../../../values/limits.ts";
import type { CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";

/** What a look at a device takes at least of a CPU that turns round and round. */
const RELAX_NS = 1000;

/** Lets something else happen; time moves where nothing else does. False when the time has come. */
function pass(kernel: CKernel, untilNs: number): boolean {
  const { clock } = kernel.machine;
  if (clock.nowNs >= untilNs) return false;
  kernel.run.work(ACTIVITY_STEPS);
  if (kernel.machine.runNextActivity()) return true;
  const nextNs = Math.min(untilNs, clock.nextTimerNs);
  if (nextNs === Infinity) {
    kernel.run.between?.waitsForEver();
    throw kernel.crash("Waits for ever: nothing is left to do that could end it");
  }
  kernel.machine.advance(Math.max(0, nextNs - clock.nowNs));
  return true;
}

function passAll(kernel: CKernel, durationNs: number): void {
  const untilNs = kernel.machine.clock.nowNs + kernel.exact(durationNs, "time");
  while (pass(kernel, untilNs));
}

export const INTERRUPT_CALLS: Readonly<Record<"interrupt" | "sleep", readonly CCallEntry[]>> = {
  interrupt: [
    {
      c: "int dmalab_request_irq(unsigned int irq, void *handler, unsigned long flags, const char *name, void *dev_id)",
      run(kernel, [irq, handler, flags, _name, cookie]) {
        kernel.maySleep();
        if (handler === 0) throw kernel.crash("request_irq() is given no handler");
        const error = kernel.machine.interrupts.request(irq, {
          cookie,
          flags,
          run: (number) => kernel.callBack(handler, number, cookie),
        });
        return error === null ? 0 : -ERRNO[error];
      },
    },
    {
      c: "const void *free_irq(unsigned int irq, void *dev_id)",
      run(kernel, [irq, cookie]) {
        kernel.maySleep();
        if (!kernel.machine.interrupts.release(irq, cookie)) {
          throw kernel.crash(`free_irq() of irq ${irq}, which has no such handler`);
        }
        return 0;
      },
    },
    {
      c: "int dmalab_irq_save(void)",
      run(kernel) {
        const { context } = kernel.machine;
        const were = context.irqsOff;
        context.disableIrqs();
        return Number(were);
      },
    },
    {
      c: "void dmalab_irq_restore(void)",
      run(kernel) {
        const { context, interrupts } = kernel.machine;
        if (!context.enableIrqs()) throw kernel.crash("Interrupts are turned on that are on");
        interrupts.deliverWaiting();
      },
    },
  ],
  sleep: [
    {
      c: "bool dmalab_wait(unsigned int *done, u64 timeout_ns)",
      run(kernel, [done, timeoutNs]) {
        kernel.maySleep();
        const { clock } = kernel.machine;
        const { view } = kernel.memory;
        if (!kernel.memory.isOpen(done, 4)) throw kernel.crash("There is no completion");
        const untilNs = timeoutNs > Number.MAX_SAFE_INTEGER ? Infinity : clock.nowNs + timeoutNs;
        while (view.getUint32(done, true) === 0) {
          if (!pass(kernel, untilNs)) return 0;
        }
        return 1;
      },
    },
    {
      c: "void dmalab_sleep(u64 ns)",
      run(kernel, [ns]) {
        kernel.maySleep();
        passAll(kernel, ns);
      },
    },
    { c: "void dmalab_spin(u64 ns)", run: (kernel, [ns]) => passAll(kernel, ns) },
    {
      c: "void cpu_relax(void)",
      run(kernel) {
        pass(kernel, kernel.machine.clock.nowNs + RELAX_NS);
      },
    },
    { c: "u64 dmalab_now(void)", run: (kernel) => Math.floor(kernel.machine.clock.nowNs) },
  ],
};
