/**
 * A migratable function, and its migration driver. The two share no code. Proof: tests in this folder.
 *
 * Other workspace members use these exports:
 */
export { DirtyTracker } from "./driver/dirty_tracker.ts";
export { MigrationBuffer } from "./driver/migration_buffer.ts";
export { MigrationDriver } from "./driver/migration_driver.ts";
export { VFIO_TABLES } from "./recording/vfio_tables.ts";
export { VFIO, type VfioDevice } from "./vfio_device.ts";
