/** An IOMMU group, with its devices. @see rules/dma.md 1.3 and chapter 9 */
import type { IommuDomain } from "../../iommu/domain.ts";
import type { IommuMode } from "../../machine_config.ts";
import type { DmaDevice } from "./device.ts";

/** Devices with one default domain. */
export class IommuGroup {
  /** The members in the order in which they were probed. */
  readonly members: DmaDevice[] = [];
  /** Type of the default domain; devices that appear later do not change it (9.3). */
  mode: IommuMode;
  /** The default domain, which all members share; null for passthrough and without an IOMMU. */
  domain: IommuDomain | null = null;
  /** Number of drivers that use the default domain; 1 while a user owns the group (9.8). */
  users = 0;
  /** The empty domain of a group that a user owns; null while the kernel owns the group. */
  userDomain: IommuDomain | null = null;

  constructor(mode: IommuMode) {
    this.mode = mode;
  }

  get hasUntrusted(): boolean {
    return this.members.some(({ untrusted }) => untrusted);
  }
}
