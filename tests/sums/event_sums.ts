/**
 * The results of runs, in few lines. For each kind of event they contain how often it happened. For each
 * field of this kind they contain the sum of the field's numbers, or the count of each of its words. An
 * applied rule counts as a kind, too.
 */
import { LAB_TABLES } from "@dmalab/devices";
import { type FieldValue, hashText, type Machine, type MachineEvent } from "@dmalab/runtime";
import { MachineRecording } from "@dmalab/runtime/recording";

/** The largest number of events of one machine that are counted. */
const MOST_EVENTS = 2000;
/**
 * Values and sums are taken modulo this number. The product of a value and the number of its place
 * (at most `PLACES`) then stays below 2^53, and is exact.
 */
const MODULUS = 2 ** 44;
/**
 * Events have places from 1 up to this number, again and again. The place is a factor of the
 * event's values, so that the order of events matters.
 */
const PLACES = 251;
/**
 * Limit of the different words of a field that are counted separately. With more words, the field
 * has one hash for all of them.
 */
const MOST_WORDS = 6;

type Values = Readonly<Record<string, unknown>>;

/** The sum of one field over all events of a kind. */
class FieldSum {
  #sum = 0;
  readonly #words = new Map<string, number>();

  add(value: unknown, place: number): void {
    if (typeof value === "number") this.#sum = (this.#sum + value % MODULUS * place) % MODULUS;
    else {
      const word = String(value);
      this.#words.set(word, (this.#words.get(word) ?? 0) + 1);
    }
  }

  /** @param times The number of events: a word that occurs in all events is printed without a count. */
  text(times: number): string {
    const words = [...this.#words];
    const total = this.#sum === 0 && words.length > 0 ? [] : [`${this.#sum}`];
    if (words.length > MOST_WORDS) {
      const hash = hashTexts(words.map((each) => each.join(" ")));
      return [...total, `${words.length} words ${hash}`].join(",");
    }
    const counted = words.map(([word, count]) => count === times ? word : `${word}×${count}`);
    return [...total, ...counted].join(",");
  }
}

/** The sums of all events of a kind. */
class KindSum {
  #times = 0;
  readonly #fields = new Map<string, FieldSum>();

  add(values: Values, place: number): void {
    this.#times++;
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || value === null) continue;
      this.#fields.getOrInsertComputed(name, () => new FieldSum()).add(value, place);
    }
  }

  get text(): string {
    const texts = [...this.#fields].map(([name, field]) => `${name}=${field.text(this.#times)}`);
    return [`×${this.#times}`, ...texts.filter((text) => !text.endsWith("=0"))].join(" ");
  }
}

/** A hash of texts in their order. */
function hashTexts(texts: readonly string[]): string {
  return texts.reduce((hash, text) => hashText(`${text}\n`, hash), hashText("")).toString(16);
}

export class EventSums {
  readonly #kinds = new Map<string, KindSum>();
  readonly #said: string[] = [];
  #machines = 0;

  /**
   * Adds an event of a kind.
   * @param place A factor for the event's numbers, so that the order of events matters.
   */
  add(kind: string, values: Values, place = 1): void {
    this.#kinds.getOrInsertComputed(kind, () => new KindSum()).add(values, place);
  }

  /** Adds a text, which is part of the hash but is not printed. */
  say(text: string): void {
    this.#said.push(text);
  }

  /**
   * Counts the events of a machine from now on, up to the limit.
   *
   * @param machine A machine on which nothing has happened yet.
   * @returns A function that adds the final state of the machine and of its recording.
   */
  watch(machine: Machine): () => void {
    this.#machines++;
    const recording = new MachineRecording(machine, LAB_TABLES);
    let left = MOST_EVENTS;
    const stop = machine.events.listen((event) => {
      this.#count(event);
      if (--left > 0) return;
      stop();
      recording.stop();
    });
    return () => {
      stop();
      this.#countRows(recording);
      this.#countState(machine);
    };
  }

  #count({ at_ns, cpu, device, fields, name, request, seq, why }: MachineEvent): void {
    const place = 1 + seq % PLACES;
    this.add("all events", { at_ns, cpu, device, request }, place);
    this.add(name, fields as Values, place);
    if (why !== null) this.add(`  by ${why.rule}`, why.inputs, place);
  }

  /** Adds the rows of each table in the middle of the run and at its end. */
  #countRows(recording: MachineRecording): void {
    recording.stop();
    const now = recording.log.count;
    for (const [name, table] of recording.tables) {
      for (const at of new Set([now >> 1, now])) {
        for (const row of table.rowsAt(at)) {
          this.add(`row of ${name}`, table.row(row) as unknown as Values);
        }
      }
    }
  }

  #countState({ checker, clock, iommu, memory, pages, swiotlb, warnings }: Machine): void {
    this.add("in the end", {
      now_ns: clock.nowNs,
      mappings: iommu.liveMappings,
      stale: iommu.staleAccesses,
      slots: swiotlb.usedSlots,
      pages: pages.takenBytes,
      warnings: warnings.total,
      reports: checker?.errorCount,
    });
    iommu.iotlb.forEach((...entry) => this.add("IOTLB", numbered(entry)));
    for (const { iova, table } of iommu.domains) {
      iova.ranges.forEach((lo, hi) => this.add("range", { lo, hi }));
      table.forEachLeaf(0, table.lastAddress, (...leaf) => this.add("leaf", numbered(leaf)));
    }
    memory.forEachPage((phys, bytes) =>
      this.add("page", { phys, bytes: bytes.reduce(foldByte, 0) })
    );
  }

  get lines(): string[] {
    const kinds = [...this.#kinds].map(([kind, { text }]) => `${kind} ${text}`);
    const said = this.#said.length === 0
      ? []
      : [`said ${this.#said.length} ${hashTexts(this.#said)}`];
    return [...this.#machines > 0 ? [`machines ${this.#machines}`] : [], ...kinds, ...said];
  }
}

function numbered(values: readonly (FieldValue | undefined)[]): Values {
  return Object.fromEntries(values.map((value, index) => [index, value]));
}

/** Adds a byte to the hash of a page's bytes. */
function foldByte(folded: number, byte: number): number {
  return (folded * 31 + byte) % MODULUS;
}
