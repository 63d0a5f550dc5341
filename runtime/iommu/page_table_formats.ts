/** Makes the page table that an IOMMU's model and settings ask for. */
import type { IommuConfig } from "../machine_config.ts";
import { ArmPageTable } from "./arm_page_table.ts";
import { GenericPageTable } from "./generic_page_table.ts";
import type { HostCharge, PageTable } from "./page_table.ts";

/**
 * Makes an empty table.
 *
 * @param charge Told of the host memory of each table page.
 * @throws {RangeError} When the granule is not one that the model's format has.
 * @see behaviour/dma.md 5.1
 */
export function makePageTable(config: IommuConfig, charge: HostCharge = () => {}): PageTable {
  const { model, granuleBytes, addressBits } = config;
  const granules = model === "arm" ? [4096, 16384, 65536] : [4096];
  if (!granules.includes(granuleBytes)) {
    throw new RangeError(
      `Cannot build an IOMMU of model "${model}" with a granule of ${granuleBytes} bytes: ` +
        `it has ${granules.join(", ")}`,
    );
  }
  const pageSizesBytes = [
    granuleBytes,
    ...config.pageSizesBytes.filter((size) => isLargerPage(config, size)).sort((a, b) => a - b),
  ];
  if (model === "arm") {
    return new ArmPageTable({ granuleBytes, pageSizesBytes, addressBits, charge });
  }
  const growsOnDemand = model === "amd";
  return new GenericPageTable({ pageSizesBytes, addressBits, growsOnDemand, charge });
}

/** True for a size above the granule that a leaf of the format can have. */
function isLargerPage(config: IommuConfig, sizeBytes: number): boolean {
  if (sizeBytes <= config.granuleBytes) return false;
  if (config.model === "amd") return true;
  const ratio = sizeBytes / config.granuleBytes;
  const entries = config.granuleBytes / 8;
  // Blocks lie one or two levels up; formats other than AMD's have no leaves above.
  return ratio === entries || (ratio === entries * entries && config.granuleBytes === 4096);
}
