/** The events of a mapping's life, whichever API makes or ends it. */
import type { Bytes, DmaAddr, PhysAddr } from "../../address.ts";
import { eventId } from "../../event_vocabulary.ts";
import type { Why } from "../../events.ts";
import type { Machine } from "../../machine.ts";
import { directionWord, type DmaDirection, type MappingPath } from "../attributes.ts";
import type { DmaDevice } from "../device/device.ts";
import { mapBranch } from "../paths/map_branch.ts";
import { mapInputs } from "../paths/refusal.ts";

const DMA_MAP = eventId("dma.map");
const DMA_UNMAP = eventId("dma.unmap");

export class MappingEvents {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /**
   * Tells that a mapping was made; `phys` is the buffer, wherever the device is led. The path is
   * found out unless the caller knows it. `why` names the branch that the map took.
   */
  mapped(
    api: string,
    dev: DmaDevice,
    phys: PhysAddr,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
    path: MappingPath | null = null,
  ): void {
    const { events } = this.#machine;
    if (!events.tick(DMA_MAP)) return;
    events.emit(DMA_MAP, {
      api,
      phys,
      dma,
      size_bytes: sizeBytes,
      dir: directionWord(dir),
      path: path ?? this.pathOf(dev, dma),
    }, this.#whyThisPath(dev, phys, sizeBytes, dir, attrs, path));
  }

  /** Tells that a mapping ended, unless there was none; `phys` is where the device was led. */
  unmapped(
    api: string,
    dev: DmaDevice,
    phys: PhysAddr | -1,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    path: MappingPath | null = null,
  ): void {
    const { events } = this.#machine;
    if (phys < 0 || !events.tick(DMA_UNMAP)) return;
    events.emit(DMA_UNMAP, {
      api,
      phys: phys as PhysAddr,
      dma,
      size_bytes: sizeBytes,
      dir: directionWord(dir),
      path: path ?? this.#pathTo(dev, phys),
    });
  }

  #whyThisPath(
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
    path: MappingPath | null,
  ): Why {
    const inputs = mapInputs(this.#machine, dev);
    if (path === "bus") return { rule: "dma.1.1", inputs };
    const { name, rule } = mapBranch(this.#machine, dev, phys, sizeBytes, dir, attrs);
    return { rule, inputs: { branch: name, ...inputs } };
  }

  /** How a device's address is led to memory now. */
  pathOf(dev: DmaDevice, dma: DmaAddr): MappingPath {
    return this.#pathTo(dev, this.#machine.iommu.lookup(dev, dma));
  }

  #pathTo(dev: DmaDevice, phys: PhysAddr | -1): MappingPath {
    if (this.#machine.swiotlb.contains(phys)) return "swiotlb";
    return dev.domain === null ? "direct" : "iommu";
  }
}
