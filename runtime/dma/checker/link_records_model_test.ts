/**
 * Compares the checker's reports on linked ranges with a plain list of their granules. A driver
 * links, syncs and unlinks and a device reads, in any order: each report must name the statement
 * and the address from the list, and no record may outlive its link.
 */
import { assertEquals } from "@std/assert";
import { ERRNO } from "../../errno.ts";
import { DMA_ATTR, DMA_FROM_DEVICE, DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import { DmaDevice } from "../device/device.ts";
import { hexAddress } from "../../address.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at } from "../testing.ts";
import { type CheckerBench, checkerBench } from "./_bench.ts";

const GRANULE = 4096;
const GRANULES = 10;
const ROUNDS = 40;
const STEPS = 60;
/** A length with more granules than there can be records. */
const MADE_UP_BYTES = 2 ** 40;

/** Granules of one link that still have the same state. */
interface Piece {
  readonly site: number;
  readonly dir: DmaDirection;
  readonly attrs: number;
  synced: boolean;
  /**
   * Whether a read of the piece by the device, before the piece was synced, has been reported. Such
   * reads are reported once.
   */
  reported: boolean;
}

/** A report: its class, its first statement and, if its text names one, the address. */
type Said = readonly [string, number | null, number | null];

/** A range and its links. */
class ModelRange {
  readonly pieces: (Piece | null)[] = Array(GRANULES).fill(null);
  rangeSite = 0;

  /** The first granule that is not linked, from an index on. */
  holeFrom(first: number): number {
    let index = first;
    while (index < GRANULES && this.pieces[index] !== null) index++;
    return index;
  }

  /** The first linked granule that `fits` accepts in a span of granules. */
  first(first: number, end: number, fits: (piece: Piece) => boolean = () => true): Piece | null {
    return this.pieces.slice(first, end).find((piece) => piece !== null && fits(piece)) ?? null;
  }

  /** Splits the piece at a granule's start, because its two sides will have different states. */
  cutAt(index: number): void {
    const piece = this.pieces[index] ?? null;
    if (piece === null || this.pieces[index - 1] !== piece) return;
    const rest = { ...piece };
    for (let at = index; this.pieces[at] === piece; at++) this.pieces[at] = rest;
  }
}

class Trial {
  readonly model = new ModelRange();
  readonly state = new DmaIovaState();
  /** Statement of the next call. Links of one statement and direction may share a record. */
  #site = 0;

  constructor(
    readonly bench: CheckerBench,
    readonly dev: DmaDevice,
    readonly firstSite: number,
    readonly random: (limit: number) => number,
    readonly sharesSites: boolean,
  ) {
    this.#at(0);
    this.model.rangeSite = this.#site;
    bench.machine.dma.dmaIovaTryAlloc(dev, this.state, at(0), GRANULES * GRANULE);
  }

  /**
   * Sets the statement of the next call: either one statement for each kind of call, or a new
   * statement each time.
   */
  #at(call: number): void {
    this.#site = this.firstSite + (this.sharesSites ? call : this.#site - this.firstSite + 1);
    this.bench.machine.events.context.site = this.#site;
  }

  /** The reports of the last call. */
  #said(): Said[] {
    return this.bench.reports().map(({ class: name, first_site, text }) => {
      const address = /(?:covers |nothing is linked at )(0x[\da-f_]+)/.exec(text)?.[1];
      const place = address === undefined ? null : Number(address.replaceAll("_", ""));
      return [name, first_site ?? null, place];
    });
  }

  #place(index: number): number {
    return this.state.addr + index * GRANULE;
  }

  /** A span of granules, sometimes with a wrong length. */
  #span(): { first: number; end: number; sizeBytes: number } {
    const first = this.random(GRANULES);
    const count = 1 + this.random(GRANULES - first);
    const madeUp = this.random(12) === 0;
    return {
      first,
      end: madeUp ? GRANULES : first + count,
      sizeBytes: madeUp ? MADE_UP_BYTES : count * GRANULE,
    };
  }

  link(): void {
    const { model, bench, random } = this;
    const first = random(GRANULES);
    const free = model.holeFrom(first) === first;
    let end = first + 1;
    const wanted = first + 1 + random(4);
    while (end < Math.min(wanted, GRANULES) && (!free || model.pieces[end] === null)) end++;
    const dir = random(4) === 0 ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
    const attrs = random(4) === 0 ? DMA_ATTR.SKIP_CPU_SYNC : 0;
    // The last granule may be only partly linked.
    const sizeBytes = (end - first) * GRANULE - (random(4) === 0 ? 0x800 : 0);
    this.#at(1 + random(2));
    const error = bench.machine.dma.dmaIovaLink(
      this.dev,
      this.state,
      // No two links are adjacent in memory.
      at(0x1000_0000 + random(0x400) * 0x10_0000),
      first * GRANULE,
      sizeBytes,
      dir,
      attrs,
    );
    const other = model.first(first, end);
    assertEquals(error, other === null ? 0 : -ERRNO.EADDRINUSE);
    assertEquals(this.#said(), other === null ? [] : [["link_overlap", other.site, null]]);
    if (other !== null) return;
    const piece: Piece = { site: this.#site, dir, attrs, synced: false, reported: false };
    model.pieces.fill(piece, first, end);
  }

  sync(): void {
    const { model } = this;
    const { first, end, sizeBytes } = this.#span();
    // A sync always covers whole granules, even if it starts inside one.
    const inside = this.random(2) * 0x400;
    this.#at(3);
    this.bench.machine.dma.dmaIovaSync(
      this.dev,
      this.state,
      first * GRANULE + inside,
      sizeBytes - inside,
    );
    const hole = model.holeFrom(first);
    const isShort = hole < end || sizeBytes === MADE_UP_BYTES;
    assertEquals(
      this.#said(),
      isShort ? [["sync_unlinked", model.rangeSite, this.#place(hole)]] : [],
      `${first}..${end}`,
    );
    model.cutAt(first);
    model.cutAt(end);
    for (const piece of model.pieces.slice(first, end)) if (piece !== null) piece.synced = true;
  }

  unlink(): void {
    const { model } = this;
    const { first, end, sizeBytes } = this.#span();
    const dir = this.random(4) === 0 ? DMA_FROM_DEVICE : DMA_TO_DEVICE;
    const attrs = this.random(4) === 0 ? DMA_ATTR.SKIP_CPU_SYNC : 0;
    this.#at(4);
    this.bench.machine.dma.dmaIovaUnlink(
      this.dev,
      this.state,
      first * GRANULE,
      sizeBytes,
      dir,
      attrs,
    );
    const otherDir = model.first(first, end, (piece) => piece.dir !== dir);
    const otherAttrs = model.first(first, end, (piece) => piece.synced && piece.attrs !== attrs);
    const hole = Math.min(model.holeFrom(first), end);
    const isShort = hole < end || sizeBytes === MADE_UP_BYTES;
    const expected: Said[] = [];
    if (otherDir !== null) expected.push(["unlink_direction", otherDir.site, null]);
    if (otherAttrs !== null) expected.push(["unlink_attributes", otherAttrs.site, null]);
    if (isShort) {
      const site = model.first(first, end)?.site ?? model.rangeSite;
      expected.push(["unlink_unlinked", site, this.#place(hole)]);
    }
    assertEquals(this.#said(), expected, `${first}..${end}`);
    model.cutAt(first);
    model.cutAt(hole);
    model.pieces.fill(null, first, hole);
  }

  read(): void {
    const index = this.random(GRANULES);
    const piece = this.model.pieces[index] ?? null;
    // Skipped, because links of one statement may share a record, and such links also share the
    // record's single report.
    if (this.sharesSites && piece !== null && !piece.synced) return;
    this.#at(5);
    const byte = new Uint8Array(1);
    const isRead = this.bench.machine.bus.read(this.dev, this.#place(index), byte, 0, 1);
    const mayRead = piece !== null && piece.dir === DMA_TO_DEVICE;
    assertEquals(isRead, mayRead, hexAddress(this.#place(index)));
    const isMissing = mayRead && !piece.synced && !piece.reported;
    assertEquals(this.#said(), isMissing ? [["sync_missing", piece.site, null]] : []);
    if (isMissing) piece.reported = true;
  }

  /** Frees the range with its links, and unlinks these afterwards. */
  end(): void {
    const { bench, model } = this;
    const { dma } = bench.machine;
    const left = model.first(0, GRANULES);
    this.#at(6);
    dma.dmaIovaFree(this.dev, this.state);
    assertEquals(this.#said(), left === null ? [] : [["free_while_linked", left.site, null]]);
    for (let first = 0; first < GRANULES; first++) {
      const hole = model.holeFrom(first);
      if (hole === first) continue;
      dma.dmaIovaUnlink(this.dev, this.state, first * GRANULE, (hole - first) * GRANULE, 1);
      first = hole;
    }
    assertEquals(this.#said(), []);
  }
}

Deno.test("linked ranges of two devices at the same addresses, against a list of granules (dma.md 3.6)", () => {
  let seed = 20261121;
  const random = (limit: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * limit);
  };
  for (let round = 0; round < ROUNDS; round++) {
    const bench = checkerBench({ device: { coherent: false } });
    const { machine } = bench;
    const other = new DmaDevice("other", { coherent: false });
    machine.iommu.attach(other);
    const sharesSites = round % 2 === 0;
    const trials = [bench.dev, other].map((dev, index) =>
      new Trial(bench, dev, (index + 1) * 1000, random, sharesSites)
    );
    for (let step = 0; step < STEPS; step++) {
      const trial = trials[random(2)]!;
      const call = random(8);
      if (call < 3) trial.link();
      else if (call < 5) trial.sync();
      else if (call < 6) trial.unlink();
      else trial.read();
    }
    for (const trial of trials) trial.end();
    assertEquals(machine.checker!.records, 0, "a record for nothing");
  }
});
