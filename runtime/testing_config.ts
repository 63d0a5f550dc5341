/** A small platform for tests, configured as the assertions of docs/rules assume. */
import { GIB, type PhysAddr } from "./address.ts";
import {
  defaultMachineConfig,
  type IommuConfig,
  type MachineConfig,
  swiotlbConfig,
} from "./machine_config.ts";
import { Platform } from "./platform.ts";

/** A test's changes of the configuration. */
export interface TestConfigOptions {
  readonly machine?: Partial<Omit<MachineConfig, "iommu">>;
  readonly iommu?: Partial<IommuConfig>;
}

/**
 * A machine with 4 GiB, without defects, with a bounce pool at 0x6000_0000, translated, strict and
 * with nothing reserved. Therefore the addresses are those in the assertions.
 */
export function testConfig({ machine, iommu }: TestConfigOptions = {}): MachineConfig {
  const defaults = defaultMachineConfig();
  return {
    ...defaults,
    quirks: new Set(),
    ramSizeBytes: 4 * GIB,
    swiotlb: swiotlbConfig({ basePhys: 0x6000_0000 as PhysAddr }),
    ...machine,
    iommu: { ...defaults.iommu, mode: "strict", reserved: [], ...iommu },
  };
}

/** A platform with this configuration, and nothing above it. */
export function testPlatform(options?: TestConfigOptions): Platform {
  return new Platform(testConfig(options));
}
