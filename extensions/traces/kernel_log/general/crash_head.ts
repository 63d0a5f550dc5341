/** The lines with which the kernel says that it stopped, or that it met a bug of its own. */

/** What follows `BUG: ` in lines of the kernel. */
const BUGS =
  "unable to handle|kernel NULL|soft lockup|workqueue lockup|spinlock|KASAN|KFENCE|KMSAN|Bad |TASK stack guard|stack guard page|sleeping function|scheduling while atomic";

const CRASH = new RegExp(
  `^(?:(?:NMI )?watchdog: |CPU \\d+ )?(?:(?:CPU\\d+: )?Watchdog detected hard LOCKUP|BUG: (?:${BUGS})|kernel BUG at |Kernel panic - not syncing|Kernel bug detected|` +
    "Oops(?::| ?\\[#| - )|Internal error: |[Uu]nable to handle kernel |general protection fault[:,])",
);

/** Whether a message is the head of an oops that says only where in the code it is. */
export function isBugInCode(message: string): boolean {
  return message.startsWith("kernel BUG at ");
}

/** Whether a message of the kernel says that it crashed. @param message Without the text in front of it. */
export function isCrash(message: string): boolean {
  return CRASH.test(message);
}
