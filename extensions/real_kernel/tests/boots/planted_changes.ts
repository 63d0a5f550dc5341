/**
 * Changes of the model, each a text in a source that another takes the place of. The comparison with
 * the recorded boots must find every one.
 *
 * Not in this list, because no recorded boot shows them: the number of entries of a flush queue (the
 * guest's timer empties it first), protection bits (the kernel's tracepoints do not print them), and what a
 * virtio-iommu's host does with its requests.
 */
export interface PlantedChange {
  readonly name: string;
  readonly file: string;
  /** Stands in the file once. */
  readonly from: string;
  readonly to: string;
}

const MAP_DATA = "devices/nvme/driver/map_data.ts";
const LISTS = "devices/nvme/driver/scatterlists_6_12.ts";
const LIMITS = "devices/nvme/driver/nvme_limits.ts";
const SPLIT = "runtime/block/split.ts";
const ITERATOR = "runtime/block/dma_iterator.ts";
const IOMMU_PATH = "runtime/dma/paths/iommu_path.ts";
const TWO_STEP = "runtime/dma/paths/two_step.ts";
const SG_PATH = "runtime/dma/paths/scatterlist_iommu.ts";
const DOMAIN = "runtime/iommu/domain.ts";
const HOST_MAPPINGS = "runtime/iommu/host_mappings.ts";
const BIO = "runtime/block/bio.ts";
const PROTOCOL = "devices/nvme/driver/protocol.ts";

const change = (name: string, file: string, from: string, to: string): PlantedChange => ({
  name,
  file,
  from,
  to,
});

export const PLANTED_CHANGES: readonly PlantedChange[] = [
  change(
    "a list of PRPs is chained one entry early",
    MAP_DATA,
    "if (index === PRPS_PER_PAGE && ",
    "if (index === PRPS_PER_PAGE - 1 && ",
  ),
  change(
    "two entries of a list of PRPs are exchanged",
    MAP_DATA,
    "iod.nrDescriptors - 1, index++, iter.addr)",
    "iod.nrDescriptors - 1, index++ ^ 1, iter.addr)",
  ),
  change(
    "the small pool takes one PRP less",
    MAP_DATA,
    "entries <= MAX_SMALL_PRPS",
    "entries < MAX_SMALL_PRPS",
  ),
  change(
    "the small pool takes two descriptors of an SGL",
    MAP_DATA,
    "entries <= MAX_SMALL_SGLS",
    "entries <= 2",
  ),
  change(
    "a last page has a list of its own",
    MAP_DATA,
    "if (this.#leftBytes <= CTRL_PAGE_BYTES) {",
    "if (this.#leftBytes < CTRL_PAGE_BYTES) {",
  ),
  change(
    "the second PRP of one segment is its first page's middle",
    MAP_DATA,
    "const firstBytes = PAGE_BYTES - (phys & PAGE_MASK);",
    "const firstBytes = PAGE_BYTES / 2;",
  ),
  change(
    "an SGL is chosen above the threshold only",
    MAP_DATA,
    "averageBytes >= thresholdBytes",
    "averageBytes > thresholdBytes",
  ),
  change(
    "two whole pages take an SGL",
    MAP_DATA,
    "+ sizeBytes > TWO_PRPS_BYTES",
    "+ sizeBytes >= TWO_PRPS_BYTES",
  ),
  change(
    "a descriptor of a list is a block shorter",
    MAP_DATA,
    "this.memory.writeU32((at + 8) as PhysAddr, lengthBytes);",
    "this.memory.writeU32((at + 8) as PhysAddr, lengthBytes - 512);",
  ),
  change(
    "lists are freed before segments are unmapped",
    MAP_DATA,
    `    this.unmapped(request, this.unmapSegments(iod, request));
    this.#freeDescriptors(iod);`,
    `    const { prp2, nrDescriptors } = iod;
    this.#freeDescriptors(iod);
    iod.nrDescriptors = prp2 === 0 ? nrDescriptors : 0;
    this.unmapped(request, this.unmapSegments(iod, request));
    iod.nrDescriptors = 0;`,
  ),
  change(
    "a gap forces no SGL",
    MAP_DATA,
    "return gapMeets(request.gapBit, PAGE_MASK) || request.userCommand",
    "return request.userCommand",
  ),
  change(
    "a scatterlist is mapped for one page, too",
    LISTS,
    "if (fitsPrps && !this.wantsMetadataSgl(request)) return",
    "if (fitsPrps && request.payloadBytes > 4096) return",
  ),
  change(
    "a page is mapped without its offset",
    LISTS,
    "this.dma.dmaMapPage(this.dev, page, offset, sizeBytes,",
    "this.dma.dmaMapPage(this.dev, page, 0 * offset, sizeBytes,",
  ),
  change("a transfer has half the bytes", PROTOCOL, "= 8 * 1024 * 1024;", "= 2 * 1024 * 1024;"),
  change(
    "a request has one segment less",
    LIMITS,
    "Math.floor(Math.min(listEntriesOf(machine), pages + 1))",
    "Math.floor(Math.min(listEntriesOf(machine) - 1, pages + 1))",
  ),
  change(
    "a small transfer has no segment for an offset",
    LIMITS,
    "pages + 1)),",
    "pages)),",
  ),
  change(
    "segments meet on pages with SGLs, too",
    LIMITS,
    "meetsOnPages ? CTRL_PAGE_BYTES - 1 : 0",
    "CTRL_PAGE_BYTES - 1",
  ),
  change(
    "segments never need to meet on pages",
    LIMITS,
    "meetsOnPages ? CTRL_PAGE_BYTES - 1 : 0",
    "0",
  ),
  change(
    "memory is aligned to blocks",
    LIMITS,
    "    dmaAlignmentMask: 3,",
    "    dmaAlignmentMask: 511,",
  ),
  change(
    "the gap of a vector is its own end",
    SPLIT,
    "gap = lowerGap(gap, pairGap(previousEnd, offset));",
    "gap = lowerGap(gap, pairGap(offset, offset));",
  ),
  change(
    "only a vector's begin has to meet a page",
    SPLIT,
    "if (((offset | previousEnd) & virtMask) !== 0) {",
    "if ((offset & virtMask) !== 0) {",
  ),
  change(
    "a bio is cut at a page",
    SPLIT,
    "alignDown(this.#fittingBytes, this.#limits.logicalBlockSizeBytes)",
    "alignDown(this.#fittingBytes, 4096)",
  ),
  change(
    "reads are mapped for both directions",
    BIO,
    "      return DMA_FROM_DEVICE;",
    "      return DMA_BIDIRECTIONAL;",
  ),
  change(
    "writes are mapped as reads",
    BIO,
    "      return DMA_TO_DEVICE;",
    "      return DMA_FROM_DEVICE;",
  ),
  change(
    "a range is tried whatever the gap is",
    ITERATOR,
    "      !gapMeets(gapBit, dma.dmaGetMergeBoundary(dev)) &&\n",
    "",
  ),
  change(
    "no range is tried",
    ITERATOR,
    "dma.dmaIovaTryAlloc(dev, state, segments.phys, rangeBytes)",
    "rangeBytes < 0",
  ),
  change(
    "a range is not synced as a whole",
    ITERATOR,
    "dma.dmaIovaSync(dev, state, 0, mappedBytes)",
    "dma.dmaIovaSync(dev, state, 0, mappedBytes - 512)",
  ),
  change(
    "a buffer's range has no page for its offset",
    IOMMU_PATH,
    `  const offset = domain.offsetOf(phys);
  const length = domain.roundUp(sizeBytes + offset);
  const iova`,
    `  const offset = domain.offsetOf(phys);
  const length = domain.roundUp(sizeBytes);
  const iova`,
  ),
  change(
    "lazy mode invalidates at once",
    IOMMU_PATH,
    "domain.unmap(start, length, !domain.lazy,",
    "domain.unmap(start, length, true,",
  ),
  change(
    "a page of a range is not freed",
    IOMMU_PATH,
    "  domain.releaseIova(start, length);",
    "  domain.releaseIova(start, domain.roundUp(length / 2));",
  ),
  change(
    "whole pages of an untrusted device are bounced",
    IOMMU_PATH,
    "return dev.domain.offsetOf(phys | sizeBytes) !== 0;",
    "return sizeBytes > 0;",
  ),
  change(
    "no part of a page is bounced",
    IOMMU_PATH,
    "return dev.domain.offsetOf(phys | sizeBytes) !== 0;",
    "return false;",
  ),
  change(
    "the end of a page is not bounced in a range",
    TWO_STEP,
    "const tail = domain.offsetOf(phys + sizeBytes);",
    "const tail = 0 * domain.offsetOf(phys + sizeBytes);",
  ),
  change(
    "destroy frees a page more",
    TWO_STEP,
    "const length = domain.roundUp(freedBytes + inGranule);",
    "const length = domain.roundUp(freedBytes + inGranule) + domain.granuleBytes;",
  ),
  change(
    "a list's entry has no page for its offset",
    SG_PATH,
    "domain.roundUp(list.lengthAt(index) + inGranule);",
    "domain.roundUp(list.lengthAt(index));",
  ),
  change(
    "entries of a list stay apart",
    SG_PATH,
    "const joins = currentBytes !== 0 &&",
    "const joins = currentBytes < 0 &&",
  ),
  change(
    "addresses below 4 GiB are not tried first",
    DOMAIN,
    "if (last > LAST_32BIT_ADDRESS && device.prefer32Bit) {",
    "if (last > LAST_32BIT_ADDRESS && device.prefer32Bit && coherent) {",
  ),
  change(
    "6.1 invalidates pages of two sizes together",
    DOMAIN,
    'this.#model.driver === "intel" && platform.kernel.vtd_syncs_at_page_size',
    'this.#model.driver === "amd"',
  ),
  change(
    "the first page of a range is not invalidated",
    DOMAIN,
    "this.#invalidation.first = Math.max(syncs.first(index), from);",
    "this.#invalidation.first = Math.max(syncs.first(index) + 4096, from);",
  ),
  change(
    "a mapping is undone in halves",
    DOMAIN,
    "const unmapped = this.#clearLeaves(iova, sizeBytes);\n    const syncedBytes",
    `const half = sizeBytes > 8192 ? this.roundUp(sizeBytes / 2) : 0;
    if (half > 0) this.unmap(iova, half, flushNow, caller);
    iova += half;
    sizeBytes -= half;
    const unmapped = this.#clearLeaves(iova, sizeBytes);
    const syncedBytes`,
  ),
  change(
    "virtio-iommu: a map is one request, whatever its pages",
    HOST_MAPPINGS,
    "const bytes = this.#choice.sizeBytes * this.#choice.count;",
    "const bytes = sizeBytes - done;",
  ),
  change(
    "virtio-iommu: each page is a request to map",
    HOST_MAPPINGS,
    "const bytes = this.#choice.sizeBytes * this.#choice.count;",
    "const bytes = this.#choice.sizeBytes;",
  ),
  change(
    "virtio-iommu: each page is a request to unmap",
    HOST_MAPPINGS,
    "const cutBytes = this.#choice.sizeBytes * this.#choice.count;",
    "const cutBytes = this.granuleBytes;",
  ),
  change(
    "virtio-iommu: a request to unmap has the bytes of its cut",
    HOST_MAPPINGS,
    "this.requests.unmap(this.host, start, bytes);",
    "this.requests.unmap(this.host, start, sizeBytes);",
  ),
  change(
    "virtio-iommu: one request unmaps a range, whatever its size",
    HOST_MAPPINGS,
    "const cutBytes = this.#choice.sizeBytes * this.#choice.count;",
    "const cutBytes = sizeBytes - done;",
  ),
  change(
    "virtio-iommu: pages are those of VT-d",
    "runtime/iommu/iommu_models.ts",
    "usualPageSizesBytes: ALL_PAGE_SIZES,",
    "usualPageSizesBytes: null,",
  ),
  change(
    "virtio-iommu: a mapping waits for its first page",
    DOMAIN,
    'this.#waitForHost("map", iova, sizeBytes);',
    'this.#waitForHost("map", iova, this.granuleBytes);',
  ),
  change(
    "virtio-iommu: a lazy unmap waits for the host",
    DOMAIN,
    "if (flushNow) this.#waitAfterUnmap(iova, unmapped);",
    "if (flushNow || this.lazy) this.#waitAfterUnmap(iova, unmapped);",
  ),
  change(
    "virtio-iommu: a strict unmap does not wait for the host",
    DOMAIN,
    "if (flushNow) this.#waitAfterUnmap(iova, unmapped);",
    "if (flushNow && this.lazy) this.#waitAfterUnmap(iova, unmapped);",
  ),
  change(
    "virtio-iommu: 6.12.117 names the range that was unmapped",
    DOMAIN,
    "!this.#platform.kernel.virtio_gathers_no_range && unmappedBytes > 0",
    "unmappedBytes > 0",
  ),
  change(
    "virtio-iommu: 7.3.4 names no range",
    DOMAIN,
    "!this.#platform.kernel.virtio_gathers_no_range && unmappedBytes > 0",
    "false",
  ),
];
