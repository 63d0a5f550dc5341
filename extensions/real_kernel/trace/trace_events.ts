/** Reads the guest's trace: text of ftrace, with the events that the plan enabled. */

export interface GuestEvent {
  /** Name of the probe or tracepoint. */
  readonly name: string;
  readonly cpu: number;
  /** The task's name and number. The events of one call are consecutive within a task. */
  readonly task: string;
  /** Whether the event was recorded in an interrupt that interrupted the task. */
  readonly isInterrupt: boolean;
  readonly seconds: number;
  /** `name=value` pairs of the text; the items of an array are separated by commas. */
  readonly fields: ReadonlyMap<string, string>;
  /** The text after the event's name. */
  readonly text: string;
}

const LINE = /^\s*(.+-\d+)\s+\[(\d+)\]\s+(\S+)\s+(\d+\.\d+): (\w+): (.*)$/;
/**
 * Index of the character for the context in ftrace's flags: `h` or `H` for a hard interrupt, `s`
 * for a soft one.
 */
const CONTEXT_FLAG = 2;
const FIELD = /(\w+)=(?:"([^"]*)"|\(([^)]*)\)|\{([^}]*)\}|([^\s,]+))/g;

/** Events in the order of time; lines that are not events are left out. */
export function readGuestEvents(text: string): GuestEvent[] {
  return text.split("\n").flatMap((line): GuestEvent[] => {
    const match = LINE.exec(line);
    if (match === null) return [];
    const [, task = "", cpu, flags = "", seconds, name = "", rest = ""] = match;
    const fields = new Map<string, string>();
    for (const [, key, quoted, inner, items, plain] of rest.matchAll(FIELD)) {
      fields.set(key!, quoted ?? inner ?? items ?? plain ?? "");
    }
    return [{
      name,
      cpu: Number(cpu),
      task,
      isInterrupt: /[hHs]/.test(flags[CONTEXT_FLAG] ?? ""),
      seconds: Number(seconds),
      fields,
      text: rest,
    }];
  });
}

/** The context of an event: its task, or the interrupts of its CPU. */
export function contextOf({ cpu, isInterrupt, task }: GuestEvent): string {
  return isInterrupt ? `interrupt ${cpu}` : task;
}

/** Address of the array of `struct page` in a guest, which boots with `nokaslr` and `no5lvl`. */
const VMEMMAP = 0xffff_ea00_0000_0000n;
const STRUCT_PAGE_BYTES = 64n;
const PAGE_BYTES = 4096;

/** The physical address of a page, from the kernel address of its `struct page`. */
export function physOfPage(address: string): number {
  return Number((BigInt(address) - VMEMMAP) / STRUCT_PAGE_BYTES) * PAGE_BYTES;
}
