/**
 * Finds resources that exist at the end of a test and did not exist at its beginning.
 *
 * There are two sources. The checker's records contain mappings and ranges, with the statements
 * that made them. The tables of a recording contain page-table entries, IOVA ranges, bounce slots,
 * pool blocks, and memory. The page-table entries of a mapping are reported together with the
 * mapping. Not reported are: resources that existed before, such as the queues of devices; memory
 * that a test allocates for its data; and resources of a request in flight, which are freed when
 * the request completes.
 *
 * @see rules/dma.md 3.6, 8.2 row 25
 */
import { addAll, groupBy } from "../lists.ts";
import { countBefore } from "../binary_search.ts";
import type { UnreleasedRecord } from "../dma/checker/dma_checker.ts";
import type { MachineEvent } from "../events.ts";
import { type Leak, leaksOf, type ResourceTables } from "../resource_tracker.ts";
import type { Machine } from "../machine.ts";
import { type HeldResourceKind, LEAK_KINDS, type LeakKind } from "./leak_kinds.ts";

export interface TestLeak {
  readonly kind: LeakKind;
  /** The rule of `docs/rules/` that is broken; null if none is. */
  readonly rule: string | null;
  /** The device to which the resource belongs; null if it is unknown. */
  readonly device: string | null;
  /** What leaked and where, as a sentence without a final period. */
  readonly text: string;
  /** Leaks that follow from this one, each as a sentence without a final period. */
  readonly with: readonly string[];
  /** How many more leaks of this kind the same statement has on the same device. */
  readonly more: number;
  /** The event that created the resource; null where the event is unknown or was not kept. */
  readonly event: MachineEvent | null;
  /**
   * Numbers of all known events that created the resource, and those that `more` counts. The events
   * of the leaks in `with` are not among them.
   */
  readonly eventSeqs: readonly number[];
  /** The statement that allocated the resource. */
  readonly site: number | null;
}

/** Requests that have not ended yet. */
export interface UnderWay {
  /** Numbers of the requests with commands in devices; all their mappings are excluded. */
  readonly sent: ReadonlySet<number>;
  /**
   * Whether work is still pending. If so, some requests may be waiting, and their memory is
   * excluded from the leaks.
   */
  readonly isBusy: boolean;
}

const NOTHING_UNDER_WAY: UnderWay = { sent: new Set(), isBusy: false };

/** The state of a machine at the beginning of a test. */
export class Beginning {
  readonly #machine: Machine;
  readonly #serial: number;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#serial = machine.checker?.lastSerial ?? 0;
  }

  /** The leaks since the test's beginning. @param ledger The resource tables since that time. */
  leftovers(ledger: ResourceTables, { isBusy, sent }: UnderWay = NOTHING_UNDER_WAY): TestLeak[] {
    const counts = ({ name, request }: MachineEvent) =>
      !(request !== null && sent.has(request)) && !(isBusy && name === "mem.alloc");
    const records = this.#machine.checker?.leftSince(this.#serial) ?? [];
    const leaks = leaksOf(this.#machine, ledger, counts);
    if (records.length + leaks.length === 0) return [];
    const births = new Births(ledger, records.length === 0);
    const found = records.map((record): Owner => {
      const event = births.of(record);
      return {
        ...record,
        text: textOf(record),
        rule: LEAK_KINDS[record.kind].rule,
        event,
        eventSeqs: event === null ? [] : [event.seq],
        with: [],
      };
    });
    const left = found.filter(({ event }) => event === null || counts(event));
    const owners = new Owners(found);
    // The kinds are visited in the order of `LEAK_KINDS`, owners first, so each leak is added to
    // its owner if it has one.
    for (const kind of Object.keys(LEAK_KINDS) as LeakKind[]) {
      const alone = leaks.filter((leak) => leak.kind === kind && !owners.take(leak)).map((leak) =>
        withNote(standingAlone(kind, leak), leak, this.#machine)
      );
      addAll(left, alone);
      owners.add(alone);
    }
    return joined(left);
  }
}

/** A leaked resource, with the leaks that follow from it. */
interface Owner extends Omit<TestLeak, "more"> {
  readonly with: string[];
  /** The device addresses that the resource occupies, `[start, end)`; null for none. */
  readonly start: number | null;
  readonly end: number;
  /** Address of the resource's memory, to find the bounce slots that hold a copy; null for none. */
  readonly phys: number | null;
}

/** Kinds with addresses in a device's address space. */
const HAS_ADDRESSES: ReadonlySet<HeldResourceKind> = new Set([
  "shared_memory",
  "vfio_area",
  "page_table",
  "iova",
]);

function standingAlone(kind: LeakKind, leak: Leak): Owner {
  const { device, site, span, taken, takenSeqs } = leak;
  const takesAddresses = span !== null && HAS_ADDRESSES.has(kind as HeldResourceKind);
  return {
    kind,
    rule: LEAK_KINDS[kind].rule,
    device,
    text: textOf(leak),
    with: [],
    event: taken,
    eventSeqs: takenSeqs,
    site,
    start: takesAddresses ? span.start : null,
    end: takesAddresses ? span.end : 0,
    phys: null,
  };
}

/** A leak of memory with what the machine notes about it. */
function withNote(owner: Owner, { span }: Leak, { memoryNotes }: Machine): Owner {
  const note = owner.kind === "driver_memory" && span !== null
    ? memoryNotes.get(span.start) ?? ""
    : "";
  return { ...owner, text: owner.text + note };
}

/** The text of a leak, as a sentence that names the device. */
function textOf({ device, text }: Pick<Leak, "device" | "text">): string {
  return device === null
    ? text.charAt(0).toUpperCase() + text.slice(1)
    : `Device "${device}": ${text}`;
}

/** Finds the owner of a leaked resource, among any number of owners. */
class Owners {
  readonly #byAddress = new Map<string, Owner[]>();
  readonly #byMemory = new Map<string, Owner[]>();
  readonly #bySite = new Map<string, Owner>();

  constructor(owners: readonly Owner[]) {
    this.add(owners);
  }

  add(owners: readonly Owner[]): void {
    for (const owner of owners) {
      if (owner.start !== null) listOf(this.#byAddress, owner.device).push(owner);
      if (owner.phys !== null) listOf(this.#byMemory, owner.device).push(owner);
      const key = `${owner.device} ${owner.site}`;
      if (owner.site !== null && !this.#bySite.has(key)) this.#bySite.set(key, owner);
    }
    for (const list of this.#byAddress.values()) list.sort((a, b) => a.start! - b.start!);
    for (const list of this.#byMemory.values()) list.sort((a, b) => a.phys! - b.phys!);
  }

  /** Adds a leak to its owner; false when it has none. */
  take(leak: Leak): boolean {
    const owner = this.#ownerOf(leak);
    owner?.with.push(leak.text);
    return owner !== null;
  }

  #ownerOf({ device, kind, site, span, taken }: Leak): Owner | null {
    // A resource without addresses belongs to the mapping of the same statement.
    if (span === null) return this.#bySite.get(`${device} ${site}`) ?? null;
    if (HAS_ADDRESSES.has(kind)) {
      const owner = lastBefore(listOf(this.#byAddress, device), ({ start }) => start!, span.end);
      return owner !== null && owner.end > span.start ? owner : null;
    }
    if (taken?.name !== "swiotlb.map") return null;
    // Slots hold a copy of the mapped memory.
    const { orig_phys: phys } = taken.fields;
    const owner = lastBefore(listOf(this.#byMemory, device), (each) => each.phys!, phys + 1);
    return owner !== null && phys < owner.phys! + (owner.end - owner.start!) ? owner : null;
  }
}

function listOf(lists: Map<string, Owner[]>, device: string | null): Owner[] {
  const key = device ?? "";
  const known = lists.get(key);
  if (known !== undefined) return known;
  const list: Owner[] = [];
  lists.set(key, list);
  return list;
}

/** The last element that begins before an address, in a sorted list. */
function lastBefore(
  owners: readonly Owner[],
  beginningOf: (owner: Owner) => number,
  end: number,
): Owner | null {
  return owners[countBefore(owners.length, (index) => beginningOf(owners[index]!) < end) - 1] ??
    null;
}

/** Combines one statement's leaks of a kind: the first, with the number of further ones. */
function joined(left: readonly Owner[]): TestLeak[] {
  const groups = groupBy(
    left,
    ({ device, event, kind, site }) => `${kind} ${device} ${site} ${event?.request}`,
  );
  return [...groups.values()].map((group) => {
    const { device, event, kind, rule, site, text, with: others } = group[0]!;
    const eventSeqs = group.flatMap((each) => each.eventSeqs);
    return {
      device,
      event,
      eventSeqs,
      kind,
      rule,
      site,
      text,
      with: others,
      more: group.length - 1,
    };
  });
}

/** Finds the events that created the resources in the checker's records. */
class Births {
  readonly #ledger: ResourceTables;
  /** The last creating event, by kind, device and address. */
  readonly #seqs = new Map<string, number>();

  constructor(ledger: ResourceTables, isEmpty: boolean) {
    this.#ledger = ledger;
    if (isEmpty) return;
    for (const [kind, place] of [["mappings", "dma"], ["iova", "start"]] as const) {
      const table = ledger.tables.get(kind);
      for (let row = 0; row < (table?.count ?? 0); row++) {
        const { createdSeq, [place]: start } = table!.row(row);
        if (createdSeq === 0) continue;
        // For the tables that a group shares, `device` of the row is the domain's name. Therefore
        // the device of the event is used.
        this.#seqs.set(`${kind} ${ledger.event(createdSeq).device} ${start}`, createdSeq);
      }
    }
  }

  of({ device, dma, kind, start }: UnreleasedRecord): MachineEvent | null {
    const key = kind === "range" ? `iova ${device} ${start}` : `mappings ${device} ${dma}`;
    const seq = this.#seqs.get(key);
    return seq === undefined ? null : this.#ledger.event(seq);
  }
}
