/** The page-table formats of the comparison, under the names that the golden data use for them. */

/** The model of an IOMMU for each table format. */
export const TABLE_MODELS = {
  arm: "smmu",
  vtdss: "vtd",
  x86_64: "vtd_first_stage",
  amdv1: "amd",
} as const;

/** The page sizes of a bitmap, ascending. */
export function pageSizesOf(bitmap: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size <= bitmap; size *= 2) {
    if (Math.floor(bitmap / size) % 2 === 1) sizes.push(size);
  }
  return sizes;
}

/** A format with its width and page sizes. */
export interface TableShape {
  readonly format: keyof typeof TABLE_MODELS;
  readonly address_bits: number;
  readonly pgsize_bitmap: number;
}

const PC_SIZES = 2 ** 12 + 2 ** 21 + 2 ** 30;
/** Bitmap of page sizes: every power of two from 4 KiB to 2^51, but not 512 GiB. */
const EVERY_SIZE = 2 ** 52 - 2 ** 12 - 2 ** 39;

export const GENERIC_SHAPES: readonly TableShape[] = [
  { format: "vtdss", address_bits: 39, pgsize_bitmap: PC_SIZES },
  { format: "vtdss", address_bits: 48, pgsize_bitmap: PC_SIZES },
  { format: "vtdss", address_bits: 48, pgsize_bitmap: 2 ** 12 },
  { format: "vtdss", address_bits: 57, pgsize_bitmap: PC_SIZES },
  { format: "amdv1", address_bits: 64, pgsize_bitmap: EVERY_SIZE },
  { format: "amdv1", address_bits: 64, pgsize_bitmap: PC_SIZES },
  { format: "x86_64", address_bits: 48, pgsize_bitmap: PC_SIZES },
  { format: "x86_64", address_bits: 57, pgsize_bitmap: PC_SIZES },
];

export const ARM_SHAPES: readonly TableShape[] = [
  { format: "arm", address_bits: 39, pgsize_bitmap: PC_SIZES },
  { format: "arm", address_bits: 48, pgsize_bitmap: PC_SIZES },
  { format: "arm", address_bits: 47, pgsize_bitmap: 2 ** 14 + 2 ** 25 },
  { format: "arm", address_bits: 48, pgsize_bitmap: 2 ** 14 + 2 ** 25 },
  { format: "arm", address_bits: 48, pgsize_bitmap: 2 ** 16 + 2 ** 29 },
  { format: "arm", address_bits: 52, pgsize_bitmap: 2 ** 16 + 2 ** 29 },
];
