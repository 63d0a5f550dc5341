/** Checks of each single key, wherever the configuration comes from. */
import {
  IOMMU_SETTINGS,
  MACHINE_SETTINGS,
  RAM_SETTINGS,
  type SettingRows,
  SWIOTLB_SETTINGS,
  wantedInstead,
} from "@dmalab/runtime";
import { ConfigError } from "./config_error.ts";
import type { LabConfig } from "./lab_config.ts";
import { CPU_SETTINGS } from "./pci/host_bridge.ts";

/**
 * Checks values against their rows.
 *
 * @param path The names of the blocks that lead to them.
 * @param owner How a message calls the innermost one.
 * @throws {ConfigError} For a value that its row does not take.
 */
export function checkValues(
  rows: SettingRows,
  values: object,
  path: readonly string[],
  owner: string,
): void {
  // Without a list of entries: each machine of a sweep or a hunt is checked (`fail.sweep`).
  for (const property in rows) {
    const row = rows[property]!;
    const value = Reflect.get(values, property);
    const wanted = value === undefined ? null : wantedInstead(row, value);
    if (wanted === null) continue;
    throw new ConfigError(
      [...path, row.key],
      `${row.key} of ${owner} cannot be ${value}`,
      wanted,
    );
  }
}

/** @throws {ConfigError} For a key of the machine, or of one of its parts, that is impossible. */
export function checkMachine(config: LabConfig): void {
  checkValues(MACHINE_SETTINGS, config, [], "the machine");
  checkValues(CPU_SETTINGS, config.cpu, [], "the machine");
  checkValues(RAM_SETTINGS, config, ["ram"], "ram");
  checkValues(IOMMU_SETTINGS, config.iommu, ["iommu"], "iommu");
  checkValues(SWIOTLB_SETTINGS, config.swiotlb, ["swiotlb"], "swiotlb");
}
