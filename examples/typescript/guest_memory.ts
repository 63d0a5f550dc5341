/**
 * The memory of a virtual machine, mapped for a device that is passed through: the guest's addresses are the
 * device's. A PC has a hole below 4 GiB, where its devices have their BARs. AMD's IOMMU uses the 12 GiB below 1 TiB
 * for itself: memory that would reach them goes on at 1 TiB. `Type1Container` answers as the kernel does, so that a
 * wrong layout shows without a device.
 */
import * as lab from "dmalab";

const GIB = 2 ** 30;
const FOUR_GIB = 4 * GIB;
const TIB = 2 ** 40;
const READ_WRITE = lab.MAP_FLAG.READ | lab.MAP_FLAG.WRITE;

/** Valid ranges behind VT-d and behind AMD's IOMMU, as VFIO_IOMMU_GET_INFO lists them on Linux 7.2. */
export const VALID_RANGES: Readonly<Record<"vtd" | "amd", readonly lab.IovaRange[]>> = {
  vtd: [{ start: 0, end: 0xfedf_ffff }, { start: 0xfef0_0000, end: 2 ** 48 - 1 }],
  amd: [
    { start: 0, end: 0xfedf_ffff },
    { start: 0xfef0_0000, end: 0xfc_ffff_ffff },
    { start: TIB, end: 2 ** 48 - 1 },
  ],
};

/** A part of the guest's memory: one area. */
export interface GuestPart {
  /** The address in the guest, which is the device's. */
  readonly guest: number;
  /** Where the part begins in the memory that the monitor allocated. */
  readonly offset: number;
  readonly sizeBytes: number;
}

/** What a monitor chooses. */
export interface LayoutOptions {
  /** Memory below 4 GiB, in bytes: the rest of these 4 GiB belongs to devices. */
  readonly lowBytes: number;
  /** Memory that would lie in the 12 GiB below 1 TiB or above begins at 1 TiB. */
  readonly isAmd: boolean;
}

/** Where the guest has its memory. */
export function layoutOf(sizeBytes: number, { isAmd, lowBytes }: LayoutOptions): GuestPart[] {
  const low = Math.min(sizeBytes, lowBytes);
  const parts: GuestPart[] = [{ guest: 0, offset: 0, sizeBytes: low }];
  const high = sizeBytes - low;
  if (high === 0) return parts;
  const touchesHole = FOUR_GIB + high > TIB - 12 * GIB;
  parts.push({ guest: isAmd && touchesHole ? TIB : FOUR_GIB, offset: low, sizeBytes: high });
  return parts;
}

/**
 * Maps all parts.
 * @param vaddr Where the monitor has the memory.
 * @returns 0 or a negative errno; nothing stays mapped after an error.
 */
export function mapGuest(
  container: lab.Type1Container,
  vaddr: number,
  parts: readonly GuestPart[],
): number {
  for (const { guest, offset, sizeBytes } of parts) {
    const area = { iova: guest, vaddr: vaddr + offset, sizeBytes, flags: READ_WRITE };
    const error = container.mapDma(area);
    if (error === 0) continue;
    container.unmapDma({ iova: 0, sizeBytes: 0, flags: lab.UNMAP_FLAG.ALL });
    return error;
  }
  return 0;
}
