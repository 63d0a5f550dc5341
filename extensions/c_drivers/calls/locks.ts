/**
 * Locks. A call that takes a held lock waits for another context. Outside of a `race` there is no
 * other context, so the call is a deadlock. In a `race`, another block can unlock a mutex, if that
 * block runs before the statement that takes the mutex.
 *
 * @see rules/c-api.md 14
 */
import { callEntries, type CCallEntry } from "../call_entry.ts";
import type { CKernel } from "../c_kernel.ts";

const FREE = 0;
const HELD = 1;

/** The state of a lock: its first word. */
function stateOf(kernel: CKernel, at: number): number {
  if (!kernel.memory.isOpen(at, 4)) throw kernel.crash("There is no lock");
  return kernel.memory.view.getInt32(at, true);
}

/** Whether a lock is held. */
export function isLocked(kernel: CKernel, at: number): boolean {
  return stateOf(kernel, at) !== FREE;
}

function setState(kernel: CKernel, at: number, state: number): void {
  kernel.memory.view.setInt32(at, state, true);
}

function unlock(kernel: CKernel, at: number): void {
  if (stateOf(kernel, at) !== HELD) throw kernel.crash("Unlock of a lock that is not held");
  setState(kernel, at, FREE);
  kernel.locks.given(at);
}

function takeMutex(kernel: CKernel, at: number): void {
  kernel.maySleep();
  if (stateOf(kernel, at) !== FREE) {
    kernel.context.preemption?.blockForever();
    const { since, waits } = kernel.locks.heldBy(at);
    throw kernel.crash(
      waits
        ? `Deadlock: mutex_lock of a mutex held${since} by a caller that waits meanwhile: deferred work would wait for ` +
          "it, and here it runs to its end at once"
        : `Deadlock: mutex_lock of a mutex held${since}, whose holder cannot run`,
    );
  }
  take(kernel, at);
}

/** Takes a free lock, for a call that could have waited for it. */
function take(kernel: CKernel, at: number): void {
  setState(kernel, at, HELD);
  kernel.locks.taken(at);
}

/** Takes a lock if it is free. @returns Whether it was free. */
function tryTake(kernel: CKernel, at: number): boolean {
  if (stateOf(kernel, at) !== FREE) return false;
  setState(kernel, at, HELD);
  kernel.locks.tried(at);
  return true;
}

export const LOCK_CALLS: Readonly<Record<"spinlock" | "mutex", readonly CCallEntry[]>> = {
  spinlock: callEntries({
    "void dmalab_lock(int *held)": {
      as: "spin_lock",
      run(kernel, [held]) {
        // The only CPU that could unlock the held lock is the CPU that would wait for it.
        if (stateOf(kernel, held) !== FREE) {
          throw kernel.crash(
            `Deadlock: spin_lock of a lock held${kernel.locks.heldBy(held).since}`,
          );
        }
        take(kernel, held);
        kernel.machine.context.lock();
      },
    },
    "int dmalab_trylock(int *held)": {
      as: "spin_trylock",
      run(kernel, [held]) {
        if (!tryTake(kernel, held)) return 0;
        kernel.machine.context.lock();
        return 1;
      },
    },
    "void dmalab_unlock(int *held)": {
      as: "spin_unlock",
      run(kernel, [held]) {
        unlock(kernel, held);
        kernel.machine.context.unlock();
      },
    },
  }),
  mutex: callEntries({
    "void mutex_lock(struct mutex *lock)": (kernel, [lock]) => takeMutex(kernel, lock),
    "int mutex_lock_interruptible(struct mutex *lock)"(kernel, [lock]) {
      takeMutex(kernel, lock);
      return 0;
    },
    "int mutex_trylock(struct mutex *lock)"(kernel, [lock]) {
      kernel.maySleep();
      return Number(tryTake(kernel, lock));
    },
    "void mutex_unlock(struct mutex *lock)"(kernel, [lock]) {
      kernel.maySleep();
      unlock(kernel, lock);
    },
  }),
};
