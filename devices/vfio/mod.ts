/**
 * A function that can be migrated, and the driver that does it. The two share no code. Proof: tests beside it.
 *
 * What other members use:
 */
export { DirtyTracker } from "./driver/dirty_tracker.ts";
export { MigrationBuffer } from "./driver/migration_buffer.ts";
export { MigrationDriver } from "./driver/migration_driver.ts";
export { VFIO_TABLES } from "./recording/vfio_tables.ts";
export { VFIO, type VfioDevice } from "./vfio_device.ts";
