/**
 * Devices that do DMA, and the buses between them. `registry.ts` lists the built-in kinds;
 * `laboratory()` adds others.
 *
 * State: `Lab` is a machine with its devices. Proof: `devices/*_test.ts`;
 * `tests/laboratory_test.ts` adds a device from outside.
 *
 * Other workspace members use these exports:
 */
export { ConfigError } from "./config_error.ts";
export { DescribedRegisters } from "./described_registers.ts";
export type { AttachedBlock, DeviceBase, DeviceBlock, DeviceKind } from "./device_kind.ts";
export {
  type DeviceSettings,
  deviceSettings,
  type DmaDefaults,
  settingError,
} from "./device_settings.ts";
export { buildLab, domainSharers, Lab } from "./lab.ts";
export {
  defaultLabConfig,
  type LabConfig,
  pciNode,
  type PciNodeConfig,
  settingOf,
} from "./lab_config.ts";
export { LAB_TABLES, type LabTableName, type LabTableRow, type TableFields } from "./lab_tables.ts";
export {
  type BlockSettings,
  DEVICE_KINDS,
  type DeviceOf,
  DeviceRegistry,
  DEVICES,
  type DeviceWord,
  type LabDevice,
  type PciNodeKind,
  type PortKinds,
  type PortWord,
  type RegisteredKind,
  type RowsOf,
} from "./registry.ts";
export { pullOut, takeOffBus } from "./pull_out.ts";
export * from "./endpoint/mod.ts";
export * from "./lab_literal.ts";
export * from "./nvme/malformed_commands.ts";
export * from "./nvme/mod.ts";
export * from "./pci/mod.ts";
export * from "./rdma/mod.ts";
export * from "./vfio/mod.ts";
