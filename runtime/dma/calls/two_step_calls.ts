/**
 * The calls of the two-step API with their events; `two_step.ts` is what they do.
 *
 * @see rules/dma.md chapter 3
 */
import type { Bytes, PhysAddr } from "../../address.ts";
import { eventId } from "../../event_vocabulary.ts";
import type { EventStream, Why } from "../../events.ts";
import { invariant } from "../../errno.ts";
import { FAULT, type FaultPoint } from "../../faults.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { RangePart } from "../range_part.ts";
import { attributeWords, directionWord, type DmaDirection } from "../attributes.ts";
import { type Call, type CallEvents, callOf } from "./call_events.ts";
import type { DmaDevice } from "../device/device.ts";
import type { DmaIovaState } from "../iova_state.ts";
import type { MappingEvents } from "./mapping_events.ts";
import {
  hasBounced,
  iovaDestroy,
  iovaFree,
  iovaLink,
  iovaSync,
  iovaTryAlloc,
  iovaUnlink,
  translated,
} from "../paths/two_step.ts";

const TRY_ALLOC = callOf("dma_iova_try_alloc");
const LINK = callOf("dma_iova_link");
const SYNC = callOf("dma_iova_sync");
const UNLINK = callOf("dma_iova_unlink");
const DESTROY = callOf("dma_iova_destroy");
const DMA_MAP = eventId("dma.map");
const FREE = callOf("dma_iova_free");
const { dma_iova_link: LINK_FAULT } = FAULT;

export class TwoStepCalls {
  readonly #machine: DmaMachine;
  readonly #events: EventStream;
  readonly #calls: CallEvents;
  readonly #mappings: MappingEvents;
  /** For the current call. A call that a listener makes inside it gets a part of its own. */
  readonly #own = new RangePart();

  constructor(machine: DmaMachine, calls: CallEvents, mappings: MappingEvents) {
    this.#machine = machine;
    this.#events = machine.events;
    this.#calls = calls;
    this.#mappings = mappings;
  }

  /**
   * Reserves an IOVA range for buffers that are linked later.
   * @param phys First buffer; only its offset in the granule counts.
   * @returns False, with the state all zero, where that is not possible: map each buffer by itself.
   * @see rules/dma.md 3.2
   */
  tryAlloc(
    dev: DmaDevice,
    state: DmaIovaState,
    phys: PhysAddr,
    sizeBytes: Bytes,
  ): boolean {
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(TRY_ALLOC.call)) {
      events.emit(TRY_ALLOC.call, { dev: dev.name, phys, size: sizeBytes });
    }
    if (state.held) this.#machine.checker?.ranges.reservingAgain(dev, state);
    const refused = this.#injected(FAULT.dma_iova_try_alloc) !== 0;
    if (refused) state.clear();
    const allocated = !refused && iovaTryAlloc(this.#machine, dev, state, phys, sizeBytes);
    invariant(state.held === allocated, "a state holds a range exactly when one was allocated");
    this.#calls.leaveWithAnswer(TRY_ALLOC, allocated, outer, dev, refused);
    return allocated;
  }

  /**
   * Maps a buffer at an offset of a reserved range.
   * @returns 0 or a negative errno.
   * @see rules/dma.md 3.3
   */
  link(
    dev: DmaDevice,
    state: DmaIovaState,
    phys: PhysAddr,
    offset: number,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): number {
    const machine = this.#machine;
    const events = this.#events;
    const part = this.#part(LINK, dev, state, offset, sizeBytes);
    const outer = this.#calls.enter(dev);
    part.dir = dir;
    part.attrs = attrs;
    if (events.tick(LINK.call)) this.#tellLinking(part, phys);
    machine.charges.segments(1);
    if (machine.kernel.api_rfc_2024) keepAttributes(part);
    const injected = this.#injected(LINK_FAULT);
    const error = injected !== 0 ? injected : iovaLink(machine, part, phys);
    // An injected failure is no mistake of the driver.
    if (injected === 0) machine.checker?.ranges.linked(part, phys, error);
    if (error === 0 && events.tick(DMA_MAP)) this.#tellLinked(part, phys);
    part.busy = false;
    const why = error === 0 ? null : whyNotLinked(part, phys, injected !== 0);
    this.#calls.leaveWithErrno(LINK, error, outer, why);
    return error;
  }

  /** Apart from the call, whose code is small enough to be part of its callers'. */
  #tellLinking({ attrs, dev, dir, offset, sizeBytes }: RangePart, phys: PhysAddr): void {
    this.#events.emit(LINK.call, {
      dev: dev.name,
      phys,
      offset,
      size: sizeBytes,
      dir: directionWord(dir),
      attrs: attributeWords(attrs),
    });
  }

  #tellLinked({ dev, dir, dma, sizeBytes }: RangePart, phys: PhysAddr): void {
    this.#mappings.mapped(dev, this.#machine.dma.taken, {
      api: LINK.api,
      phys,
      dma,
      size_bytes: sizeBytes,
      dir: directionWord(dir),
    });
  }

  /** The part of a range that a call is about. @throws {KernelError} EFAULT without a domain. */
  #part(
    { api }: Call,
    dev: DmaDevice,
    state: DmaIovaState,
    offset: number,
    sizeBytes: Bytes,
  ): RangePart {
    const device = translated(this.#machine, dev, api);
    const part = this.#own.busy ? new RangePart() : this.#own;
    part.busy = true;
    // Most calls are about the range of the one before: a look costs less than to write it again.
    if (part.dev !== device) part.dev = device;
    if (part.state !== state) part.state = state;
    part.offset = offset;
    part.sizeBytes = sizeBytes;
    return part;
  }

  /** The failure injected into a call, as a negative errno; 0 for none. */
  #injected(point: FaultPoint): number {
    const { faults } = this.#machine;
    return faults === null ? 0 : faults.errnoAt(point);
  }

  /** Syncs what was linked; 0 without an injected failure. @see rules/dma.md 3.5 */
  sync(dev: DmaDevice, state: DmaIovaState, offset: number, sizeBytes: Bytes): number {
    const part = this.#part(SYNC, dev, state, offset, sizeBytes);
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(SYNC.call)) {
      events.emit(SYNC.call, { dev: dev.name, offset, size: sizeBytes });
    }
    const injected = this.#injected(FAULT.dma_iova_sync);
    const error = injected !== 0 ? injected : iovaSync(part);
    if (error === 0) this.#machine.checker?.ranges.synced(part);
    const why = error === 0 ? null : { rule: SYNC.rule, inputs: { injected: true } };
    part.busy = false;
    this.#calls.leaveWithErrno(SYNC, error, outer, why);
    return error;
  }

  /** Ends the mappings of a part of a range, and flushes at once in every mode. */
  unlink(
    dev: DmaDevice,
    state: DmaIovaState,
    offset: number,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const part = this.#part(UNLINK, dev, state, offset, sizeBytes);
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(UNLINK.call)) {
      events.emit(UNLINK.call, {
        dev: dev.name,
        offset,
        size: sizeBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    const machine = this.#machine;
    part.dir = state.kept?.dir ?? dir;
    part.attrs = state.kept?.attrs ?? attrs;
    const { dma } = part;
    const phys = machine.iommu.lookup(dev, dma);
    const bounced = state.bounced && hasBounced(machine, part);
    iovaUnlink(machine, part);
    this.#mappings.unlinked("dma_iova_unlink", part, phys, bounced);
    part.busy = false;
    this.#calls.leave(UNLINK, outer);
  }

  /** Ends the first `mappedBytes` bytes' mappings and frees the range. */
  destroy(
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const part = this.#part(DESTROY, dev, state, 0, mappedBytes);
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(DESTROY.call)) {
      events.emit(DESTROY.call, {
        dev: dev.name,
        mapped_len: mappedBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    const machine = this.#machine;
    part.dir = state.kept?.dir ?? dir;
    part.attrs = state.kept?.attrs ?? attrs;
    const { addr } = state;
    const phys = mappedBytes > 0 ? machine.iommu.lookup(dev, addr) : -1;
    const bounced = state.bounced && hasBounced(machine, part);
    iovaDestroy(machine, part);
    this.#mappings.unlinked("dma_iova_destroy", part, phys, bounced);
    part.busy = false;
    this.#calls.leave(DESTROY, outer);
  }

  /** Frees a range in which nothing is linked any more. */
  free(dev: DmaDevice, state: DmaIovaState): void {
    const device = translated(this.#machine, dev, FREE.api);
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(FREE.call)) events.emit(FREE.call, { dev: dev.name });
    iovaFree(this.#machine, device, state);
    this.#calls.leave(FREE, outer);
  }
}

/** An API that keeps what a range's first link said links all of the range by it. */
function keepAttributes(part: RangePart): void {
  const { state } = part;
  state.kept ??= { dir: part.dir, attrs: part.attrs };
  part.dir = state.kept.dir;
  part.attrs = state.kept.attrs;
}

function whyNotLinked(
  { dev: { domain }, offset, sizeBytes }: RangePart,
  phys: PhysAddr,
  injected: boolean,
): Why {
  return {
    rule: LINK.rule,
    inputs: {
      injected,
      offset,
      begins_at: domain.offsetOf(phys),
      size_bytes: sizeBytes,
      granule_bytes: domain.granuleBytes,
    },
  };
}
