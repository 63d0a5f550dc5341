/** Checks of each single key, regardless of the source of the configuration. */
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
 * Checks each value against the row of its setting.
 *
 * @param path Names of the blocks that contain the values.
 * @param owner The name of the innermost block in messages.
 * @throws {ConfigError} For a value that the row of its setting does not accept.
 */
export function checkValues(
  rows: SettingRows,
  values: object,
  path: readonly string[],
  owner: string,
): void {
  // Iterates without `Object.entries`, for speed: each machine of a sweep or a hunt is checked
  // (`fail.sweep`).
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

/** @throws {ConfigError} For an impossible value in the machine, or in one of its parts. */
export function checkMachine(config: LabConfig): void {
  checkValues(MACHINE_SETTINGS, config, [], "the machine");
  checkValues(CPU_SETTINGS, config.cpu, [], "the machine");
  checkValues(RAM_SETTINGS, config, ["ram"], "ram");
  checkValues(IOMMU_SETTINGS, config.iommu, ["iommu"], "iommu");
  checkValues(SWIOTLB_SETTINGS, config.swiotlb, ["swiotlb"], "swiotlb");
}
