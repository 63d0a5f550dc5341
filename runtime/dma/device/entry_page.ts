/**
 * Where a page of a queue leads, as the device found it when it last read or wrote an entry there: it
 * asks for the same page again and again (`nvme.read4k`).
 */
import type { IommuDomain } from "../../iommu/domain.ts";

/** Beyond all addresses. */
const NOWHERE = Infinity;

/** One for each queue and one kind of access. `DeviceBus` writes it, and asks each time whether it holds. */
export class EntryPage {
  /** First byte of the page, as the device sees it. */
  dma = NOWHERE;
  /** First byte of the memory that it leads to. */
  phys = 0;
  /** The translation that it goes through; null where there is none. */
  domain: IommuDomain | null = null;
  /** The entry of the IOTLB that had it. */
  iotlbEntry = 0;
  /** The number of the translation that was in that entry. */
  iotlbSerial = 0;
}
