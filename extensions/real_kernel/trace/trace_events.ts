/** Reads the guest's trace: text of ftrace, with the events that the plan enabled. */
import {
  PayloadFields,
  type PayloadKey,
  payloadKey,
  TraceContext,
  TraceContexts,
  TraceLine,
} from "@dmalab/traces";

export interface GuestEvent {
  /** Name of the probe or tracepoint. */
  readonly name: string;
  /** The task or the interrupt that wrote the event. */
  readonly context: TraceContext;
  readonly seconds: number;
  readonly fields: GuestFields;
}

const LINE_END = 0x0a;

/** Reads the fields of one event at a time. */
class FieldReader {
  readonly #payload = new PayloadFields();
  readonly #keys = new Map<string, PayloadKey>();

  at(bytes: Uint8Array, start: number, end: number): PayloadFields {
    this.#payload.set(bytes, start, end);
    return this.#payload;
  }

  key(name: string): PayloadKey {
    return this.#keys.getOrInsertComputed(name, payloadKey);
  }
}

/** `name=value` pairs of an event's text, in the bytes of the whole trace. */
export class GuestFields {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(private readonly reader: FieldReader, { bytes, end, start }: PayloadFields) {
    [this.#bytes, this.#start, this.#end] = [bytes, start, end];
  }

  /** The text of a value. The items of an array are separated by commas. */
  get(name: string): string | undefined {
    return this.#read().valueText(this.reader.key(name)) ?? undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The text after the event's name. */
  get text(): string {
    return this.#read().text;
  }

  #read(): PayloadFields {
    return this.reader.at(this.#bytes, this.#start, this.#end);
  }
}

/** Events in the order of time; lines that are not events are left out. */
export function readGuestEvents(text: string): GuestEvent[] {
  const bytes = new TextEncoder().encode(`${text}\n`);
  const line = new TraceLine();
  const contexts = new TraceContexts({
    make: (pid, flag) => new TraceContext(pid, flag),
    end: () => {},
    // A task can wait for its disk between two lines of one request.
    idleSeconds: Infinity,
  });
  const reader = new FieldReader();
  const events: GuestEvent[] = [];
  for (let start = 0, end = 0; start < bytes.length; start = end + 1) {
    end = bytes.indexOf(LINE_END, start);
    if (line.read(bytes, start, end) !== "event") continue;
    const { contextCode, cpu, event: name, fields, pid, seconds } = line;
    const context = contexts.at(pid, cpu, contextCode, seconds);
    events.push({ name, context, seconds, fields: new GuestFields(reader, fields) });
  }
  return events;
}

/**
 * The array of `struct page` in a guest, which boots with `nokaslr` and `no5lvl`: its address, and the
 * physical address of its first page.
 */
const X86_64_PAGES = { address: 0xffff_ea00_0000_0000n, phys: 0 };
/** Measured on 7.2.13, with tables of four levels: its RAM begins at 2 GiB, and the array at 0. */
const RISCV64_PAGES = { address: 0xffff_8d80_0000_0000n, phys: 0 };
/** Measured on 6.12.117 and 7.3.4, whose RAM begins at 1 GiB. */
const ARM64_PAGES = { address: 0xffff_fdff_c000_0000n, phys: 0x4000_0000 };
/** In the order of their addresses. */
const PAGE_ARRAYS = [RISCV64_PAGES, X86_64_PAGES, ARM64_PAGES];
const STRUCT_PAGE_BYTES = 64n;
const PAGE_BYTES = 4096;

/** The physical address of a page, from the kernel address of its `struct page`. */
export function physOfPage(address: string): number {
  const page = BigInt(address);
  const array = PAGE_ARRAYS.findLast(({ address }) => address <= page) ?? X86_64_PAGES;
  return array.phys + Number((page - array.address) / STRUCT_PAGE_BYTES) * PAGE_BYTES;
}
