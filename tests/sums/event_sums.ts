/**
 * What runs come to, in few lines: each kind of event with how often it came, and each of its fields with
 * the sum of its numbers or the count of each of its words. A rule that was followed is a kind too.
 */
import { LAB_TABLES } from "@dmalab/devices";
import { type FieldValue, hashText, type Machine, type MachineEvent } from "@dmalab/runtime";
import { MachineRecording } from "@dmalab/runtime/recording";

/** Events of one machine that count. */
const MOST_EVENTS = 2000;
/** Sums are exact below 2^53: they go around at this, as does a product with a place. */
const MODULUS = 2 ** 44;
/** A place counts up to this. */
const PLACES = 251;
/** Words of one field that are counted each; those of a field with more are counted together. */
const MOST_WORDS = 6;

type Values = Readonly<Record<string, unknown>>;

/** One field of all events of a kind. */
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

  /** @param times How many events there were: a word of all of them is not counted. */
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

/** All events of a kind. */
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

/** Of texts in their order. */
function hashTexts(texts: readonly string[]): string {
  return texts.reduce((hash, text) => hashText(`${text}\n`, hash), hashText("")).toString(16);
}

export class EventSums {
  readonly #kinds = new Map<string, KindSum>();
  readonly #said: string[] = [];
  #machines = 0;

  /** Counts something of a kind. @param place Among others of its kind: each counts by it. */
  add(kind: string, values: Values, place = 1): void {
    this.#kinds.getOrInsertComputed(kind, () => new KindSum()).add(values, place);
  }

  /** Counts a text, which is not shown. */
  say(text: string): void {
    this.#said.push(text);
  }

  /**
   * Counts every event of a machine from here on, up to so many.
   *
   * @param machine One on which nothing has happened yet.
   * @returns Counts what the machine and its recording have come to.
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

  /** Every row that was there, with its beginning and its end. */
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

/** A page's bytes in their order, as one number. */
function foldByte(folded: number, byte: number): number {
  return (folded * 31 + byte) % MODULUS;
}
