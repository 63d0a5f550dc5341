/** The events of a mapping's life, whichever API makes or ends it. */
import type { Bytes, DmaAddr, PhysAddr } from "../../address.ts";
import { type EventFields, eventId } from "../../event_vocabulary.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { directionWord, type DmaDirection } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import type { MapBranch } from "../paths/map_branch.ts";
import { whyBranch } from "../paths/refusal.ts";
import type { RangePart } from "../range_part.ts";

const DMA_MAP = eventId("dma.map");
const DMA_UNMAP = eventId("dma.unmap");

export class MappingEvents {
  readonly #machine: DmaMachine;

  constructor(machine: DmaMachine) {
    this.#machine = machine;
  }

  /**
   * Emits that a mapping was made; the caller has counted it, so that no event is built unread.
   * @param branch The one that the map took: it says why, and how the device is led to memory.
   * @param mapping `phys` is the buffer, wherever the device is led.
   */
  mapped(
    dev: DmaDevice,
    branch: MapBranch,
    mapping: Omit<EventFields<"dma.map">, "path">,
  ): void {
    const why = whyBranch(this.#machine, dev, branch);
    this.#machine.events.emit(DMA_MAP, { ...mapping, path: branch.path }, why);
  }

  /** Tells that a mapping ended, unless there was none; `phys` is where the device was led. */
  unmapped(
    api: EventFields<"dma.unmap">["api"],
    dev: DmaDevice,
    phys: PhysAddr | -1,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
  ): void {
    const { events, swiotlb } = this.#machine;
    if (phys < 0 || !events.tick(DMA_UNMAP)) return;
    events.emit(DMA_UNMAP, {
      api,
      phys: phys as PhysAddr,
      dma,
      size_bytes: sizeBytes,
      dir: directionWord(dir),
      path: swiotlb.contains(phys) ? "swiotlb" : dev.domain === null ? "direct" : "iommu",
    });
  }

  /**
   * The same of a part of a range.
   * @param phys Where its first byte led.
   * @param bounced Some of it went through a bounce buffer, wherever its first byte was.
   */
  unlinked(
    api: "dma_iova_unlink" | "dma_iova_destroy",
    part: RangePart,
    phys: PhysAddr | -1,
    bounced: boolean,
  ): void {
    const { events } = this.#machine;
    if (phys < 0 || !events.tick(DMA_UNMAP)) return;
    events.emit(DMA_UNMAP, {
      api,
      phys: phys as PhysAddr,
      dma: part.dma,
      size_bytes: part.sizeBytes,
      dir: directionWord(part.dir),
      path: bounced ? "swiotlb" : "iommu",
    });
  }
}
