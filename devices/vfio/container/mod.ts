/**
 * Memory that a process maps for its devices. Proof: tests/conformance/vfio, and the tests in this folder.
 *
 * Other workspace members use these exports:
 */
export {
  ContainerFile,
  type ContainerTable,
  DIRTY_PAGES_FLAG,
  type DirtyBitmap,
  type GetDirtyBitmap,
  type GroupDevices,
  GroupFile,
  type IovaRange,
  MAP_FLAG,
  type MapDma,
  type MappingProcess,
  type TestMemory,
  Type1Container,
  type Type1Options,
  type U64Value,
  UNMAP_FLAG,
  type UnmapDma,
} from "./type1_container.ts";
export type { PinAccess, PinnedKind, PinnedRun } from "@dmalab/runtime";
export type { MappedArea } from "./mapped_areas.ts";
export {
  addressOf,
  bitmapBytesOf,
  type DirtyRange,
  domainTable,
  type UserRange,
  VfioContainer,
} from "./vfio_container.ts";
export { VFIO_AREAS } from "../recording/container_tables.ts";
