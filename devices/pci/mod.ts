/**
 * PCI: the tree of bridges and functions, BARs, access control, and whether a peer can reach another.
 *
 * State: the tree is built once; a host bridge has a list of its functions. Proof: tests in `peers/`,
 * by the rules of rules/p2p.md.
 *
 * Other workspace members use these exports:
 */
export { FUNCTION_SETTINGS, switchedOn } from "./function_settings.ts";
export {
  bridgeListing,
  CPU_SETTINGS,
  type CpuIdentity,
  type CpuRows,
  formatVendorDevice,
  HostBridge,
  ORDINARY_CPU,
  type VendorDevice,
} from "./host_bridge.ts";
export { type GroupCause, iommuGroups, ISOLATION, type PciIommuGroup } from "./iommu_groups.ts";
export { type DomainPlace, formatPlace, hexByte, PciAddress, placeKey } from "./pci_address.ts";
export {
  type Bar,
  type BarKind,
  type BarRequest,
  PciFunction,
  type PciRole,
} from "./pci_function.ts";
export { buildPciTree, type PciTree } from "./pci_tree.ts";
export {
  ACS_ABSENT,
  ACS_SERVICES,
  ACS_UNKNOWN,
  type AcsCapability,
  acsPresent,
  type AcsService,
  isAcsService,
} from "./peers/access_control.ts";
export { readPeerChoice } from "./peers/enable_text.ts";
export { type BarProvider, PeerProvider } from "./peers/peer_provider.ts";
export { PAGES_UNIT_BYTES, PeerProviders } from "./peers/peer_providers.ts";
export { redirectChange } from "./peers/redirect_change.ts";
export { findRoute, type PathNode, PeerRoute } from "./peers/route.ts";
export {
  SharedAttachment,
  type SharedEntry,
  SharedMemory,
  type SharedRange,
} from "./peers/shared_memory.ts";
export { PciTopology } from "./topology.ts";
