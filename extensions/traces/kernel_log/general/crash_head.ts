/** The lines with which the kernel says that it stopped, that it met a bug of its own, or that something hangs. */

/** What follows `BUG: ` in lines of the kernel. */
const BUGS =
  "unable to handle|kernel NULL|soft lockup|workqueue lockup|spinlock|TASK stack guard|stack guard page";

const CRASH = new RegExp(
  `^(?:(?:NMI )?watchdog: |CPU \\d+ )?(?:(?:CPU\\d+: )?Watchdog detected hard LOCKUP|BUG: (?:${BUGS})|kernel BUG at |SError Interrupt on CPU|Kernel panic - not syncing|Kernel bug detected|` +
    "Oops(?::| ?\\[#| - )|Internal error: |[Uu]nable to handle kernel |general protection fault[:,]|Fatal trap \\d+: .{0,60}while in kernel mode)",
);

/** A processor or a task that waits without an end; the kernel runs on. */
const LOCKUP =
  /^(?:(?:NMI )?watchdog: )?(?:BUG: (soft lockup) - |BUG: (workqueue lockup)|(?:CPU\d+: )?Watchdog detected (hard LOCKUP)|INFO: (task \S.{0,60}:\d+ blocked) for more than \d+ seconds|BUG: (?=(?:KASAN|KFENCE|KMSAN|KCSAN): |Bad (?:page|rss-counter|swap)|sleeping function |scheduling while atomic)(\w+))/;

export const HUNG_TASK = "hung task";
/** A bug that the kernel finds in its own state and reports; it runs on. */
export const BUG_REPORT = "report of a bug in the kernel";
const OF_REPORT = /^(?:K[ACMF][A-Z]+|Bad|sleeping|scheduling)$/;

/** The kernel's name of a lockup: `soft lockup`, `hard lockup`, `workqueue lockup`, `hung task`, or that it found a bug of its own; null for any other message. */
export function lockupNamed(message: string): string | null {
  const found = LOCKUP.exec(message);
  if (found === null) return null;
  const name = found.slice(1).find((each) => each !== undefined)!;
  if (OF_REPORT.test(name)) return BUG_REPORT;
  return name.startsWith("task ") ? HUNG_TASK : name.toLowerCase();
}

/** Whether a message is the head of an oops that says only where in the code it is. */
export function isBugInCode(message: string): boolean {
  return message.startsWith("kernel BUG at ");
}

/** Whether a message of the kernel says that it crashed, or that it hangs. @param message Without the text in front of it. */
export function isCrash(message: string): boolean {
  return CRASH.test(message) || lockupNamed(message) !== null;
}
