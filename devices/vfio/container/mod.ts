/**
 * Memory that a process maps for its devices. Proof: tests/conformance/vfio, and the tests in this folder.
 *
 * Other workspace members use these exports:
 */
export {
  type IovaRange,
  MAP_FLAG,
  type MapDma,
  type MappingProcess,
  type PinAccess,
  type PinnedKind,
  type PinnedRun,
  Type1Container,
  type Type1Options,
  type U64Value,
  UNMAP_FLAG,
  type UnmapDma,
} from "./type1_container.ts";
export type { MappedArea } from "./mapped_areas.ts";
