/**
 * What a device's block gives by its properties: bytes of configuration space (`config@44 = [01 02]`),
 * firmware (`firmware = <4096>`), and bytes of the firmware (`firmware@0 = [7f 45]`).
 */
import type { CKernel } from "../c_kernel.ts";
import type { Content, ContentSpace } from "../search/rules.ts";
import { functionOf } from "./pci.ts";

/** Property with the size of the firmware, as a cell. */
const FIRMWARE_SIZE = "firmware";
/** Largest size of firmware. */
const MOST_FIRMWARE_BYTES = 2 ** 20;

/** Memory of C that has a content. */
interface ContentRegion {
  readonly space: ContentSpace;
  readonly at: number;
  readonly sizeBytes: number;
  /** Offset of its first byte in the space. */
  readonly offset: number;
}

/** The contents in C's memory, for a search that follows what the driver reads of them. */
export class CContents {
  readonly #regions: ContentRegion[] = [];

  constructor(readonly kernel: CKernel) {}

  /** Puts contents into memory, and lets a search watch it. */
  fill(space: ContentSpace, dev: number, at: number, sizeBytes: number): void {
    const { memory, watched: { search } } = this.kernel;
    for (
      const { bytes, offset } of [
        ...given(this.kernel, dev, space),
        ...search?.contents(space) ?? [],
      ]
    ) {
      const fitting = bytes.subarray(0, Math.max(0, sizeBytes - offset));
      memory.bytes.set(fitting, at + Math.min(offset, sizeBytes));
    }
    this.add({ space, at, sizeBytes, offset: 0 });
  }

  /** Lets a search watch memory with a content. */
  add(region: ContentRegion): void {
    this.#regions.push(region);
    const { memory, watched: { search } } = this.kernel;
    if (search !== null) memory.watch(region.at, region.sizeBytes);
  }

  /** The content at an address of C; null for other addresses. */
  find(at: number): { readonly space: ContentSpace; readonly offset: number } | null {
    const region = this.#regions.findLast((each) => at >= each.at && at < each.at + each.sizeBytes);
    return region === undefined
      ? null
      : { space: region.space, offset: region.offset + at - region.at };
  }
}

/** The contents that the properties of a device give. */
function given(kernel: CKernel, dev: number, space: ContentSpace): readonly Content[] {
  return [...functionOf(kernel, dev).properties].flatMap(([name, bytes]) => {
    const [before, offset = ""] = name.split("@");
    return before === space && /^[0-9a-f]{1,6}$/i.test(offset)
      ? [{ offset: Number.parseInt(offset, 16), bytes }]
      : [];
  });
}

/**
 * Makes room for firmware, behind a structure.
 *
 * @param lengthAt Address at which the size is written.
 * @returns The structure's address; 0 if the device has no firmware.
 */
export function giveFirmware(kernel: CKernel, dev: number, head: number, lengthAt: number): number {
  const { memory, watched: { search } } = kernel;
  if (!kernel.isDevice(dev)) return 0;
  const cell = functionOf(kernel, dev).properties.get(FIRMWARE_SIZE);
  const wanted = cell?.length === 4
    ? new DataView(cell.buffer, cell.byteOffset, 4).getUint32(0)
    : search?.firmwareBytes() ?? 0;
  const sizeBytes = Math.min(wanted, MOST_FIRMWARE_BYTES);
  if (sizeBytes === 0) return 0;
  const at = kernel.room(head + sizeBytes);
  kernel.part(CContents).fill("firmware", dev, at + head, sizeBytes);
  memory.view.setUint32(lengthAt, sizeBytes, true);
  return at;
}
