/**
 * Changes that no test can notice, or none should: what a person has judged, with the reason.
 *
 * An entry is found by its file, the text of its line and the change, so that it does not outlive its
 * line: one that fits nothing any more is reported by `deno task mutate`, and fails a test.
 */

export interface Equivalent {
  /** Of the file, from the project's folder. */
  readonly path: string;
  /** Text of the line, without what indents it. */
  readonly line: string;
  /** As `deno task mutate` prints it; several where one reason holds for all of them. */
  readonly changes: readonly string[];
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "if (base < limit && limit < ADDRESS_LIMIT) windows.push({ space, base, limit });",
    changes: ["base < limit → base <= limit", "limit < ADDRESS_LIMIT → limit <= ADDRESS_LIMIT"],
    reason: "a limit is odd, and neither a base nor 2^53 is",
  },
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "let at = has ? view.getUint8(CAPABILITIES) & 0xfc : 0;",
    changes: ["0 → 0 + 1"],
    reason: "anything below the end of the header ends the list",
  },
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "if (at + 12 > known) return;",
    changes: ["12 → 12 - 1"],
    reason: "the first entry is looked at again, and the space ends with a whole register",
  },
  {
    path: "devices/pci/lspci/config_space.ts",
    line: "export const CONFIG_SPACE_BYTES = 4096;",
    changes: ["4096 → 4096 + 1"],
    reason: "the byte behind the last one is never written, nor known to be there",
  },
  {
    path: "devices/pci/lspci/hex_dump.ts",
    line: "const offset = parseInt(match[1]!, 16);",
    changes: ["1 → 1 - 1"],
    reason: "a number is read up to the colon behind it",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "else if (isOther(known, mention)) return twoMachines(known, mention);",
    changes: ["isOther(known, mention) → isOther(mention, known)"],
    reason: "two differ from either side",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "return differ(one.vendor, other.vendor) || differ(one.device, other.device) ||",
    changes: [
      "differ(one.vendor, other.vendor) → differ(other.vendor, one.vendor)",
      "differ(one.device, other.device) → differ(other.device, one.device)",
    ],
    reason: "two differ from either side",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "differ(one.classCode, other.classCode) ||",
    changes: ["differ(one.classCode, other.classCode) → differ(other.classCode, one.classCode)"],
    reason: "two differ from either side",
  },
  {
    path: "devices/pci/lspci/read_listing.ts",
    line: "differ(one.buses?.secondary ?? null, other.buses?.secondary ?? null);",
    changes: [
      "differ(one.buses?.secondary ?? null, other.buses?.secondary ?? null) → " +
      "differ(other.buses?.secondary ?? null, one.buses?.secondary ?? null)",
    ],
    reason: "two differ from either side",
  },
  {
    path: "runtime/kernels/differences.ts",
    line: "return [...quirkDifferences(older, newer), ...strategyDifferences(older, newer)];",
    changes: ["strategyDifferences(older, newer) → strategyDifferences(newer, older)"],
    reason: "what two releases do in other ways is the same from either side",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "record = inside;",
    changes: ["record = inside; → nothing"],
    reason: "the record that was just cut off is the next one then, and handed over again",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "return reached < end ? reached : -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there is no hole",
  },
  {
    path: "runtime/recording/value_pool.ts",
    line: "if (!Array.isArray(a) || !Array.isArray(b) || !sameList(a, b)) return false;",
    changes: ["sameList(a, b) → sameList(b, a)"],
    reason: "two lists are alike from either side",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line: "tuples.setUint16(at + GUARD, this.#guard(blocks, block), false);",
    changes: ["at + GUARD → at - GUARD"],
    reason: "the guard is the first field, at 0",
  },
  {
    path: "runtime/iommu/fault_log/vtd_reasons.ts",
    line: 'if (code >= 0x70 && code < 0x78) return "scalable mode, first-stage table";',
    changes: ["code < 0x78 → code <= 0x78"],
    reason: "0x78 has a reason of its own, and asks for no group",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "for (let alignment = 2; alignment <= pfn; alignment *= 2) {",
    changes: ["2 → 2 - 1"],
    reason: "one place more is looked at first: a range that starts there is found later, too",
  },
  {
    path: "runtime/dma/checker/range_checks.ts",
    line: "this.#ledger.table.describe(state.rangeRecord, addr, DMA_BIDIRECTIONAL, 0);",
    changes: [
      "this.#ledger.table.describe(state.rangeRecord, addr, DMA_BIDIRECTIONAL, 0) → " +
      "this.#ledger.table.describe(state.rangeRecord, addr, 0, DMA_BIDIRECTIONAL)",
    ],
    reason: "both directions and no attributes are the same number, 0",
  },
  {
    path: "devices/nvme/controller/data/host_transfer.ts",
    line: "return sizeBytes === PAGE && (dma & (PAGE - 1)) === 0 && (offsetBytes & 7) === 0;",
    changes: ["0 → 0 + 1"],
    reason: "only which way the bytes take: whole pages have a faster one, with the same events",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const INVERSE_2_32 = 2 ** -32;",
    changes: ["2 → 2 + 1", "32 → 32 + 1", "32 → 32 - 1"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/activity.ts",
    line: "while (origins.length < capacity * 2) origins.push(new SavedOrigin());",
    changes: ["origins.length < capacity * 2 → origins.length <= capacity * 2"],
    reason: "one record more than there are slots, which no slot uses",
  },
  {
    path: "runtime/activity.ts",
    line:
      "const handlers: (ActivityHandler | undefined)[] = new Array(capacity * 2).fill(undefined);",
    changes: ["2 → 2 + 1"],
    reason: "more room than there are slots, which no slot uses",
  },
  {
    path: "runtime/dma/calls/call_events.ts",
    line: "if (result >= 0) events.emit(call.ret, { result, error: null });",
    changes: ["result >= 0 → result > 0", "0 → 0 + 1"],
    reason: "a call that gives how many there are gives an errno where there are none",
  },
  {
    path: "runtime/dma/calls/mapping.ts",
    line: "attrs = 0,",
    changes: ["0 → 0 + 1"],
    reason: "the lowest bit of the attributes means nothing",
  },
  {
    path: "runtime/dma/calls/mapping.ts",
    line: "const why = error === 0 ? null : whyMaskRefused(SET_MASK.rule, bits, injected !== 0);",
    changes: ["0 → 0 + 1"],
    reason: "of a call that has succeeded nobody is told why",
  },
  {
    path: "runtime/dma/calls/mapping_queries.ts",
    line: "return address !== DMA_MAPPING_ERROR && 2 ** bits - 1 >= address;",
    changes: ["1 → 1 - 1"],
    reason: "the last byte of a page has an odd address, which no power of two is",
  },
  {
    path: "runtime/dma/calls/two_step_calls.ts",
    line: "const why = error === 0 ? null : {",
    changes: ["0 → 0 + 1"],
    reason: "of a call that has succeeded nobody is told why",
  },
  {
    path: "runtime/dma/calls/two_step_calls.ts",
    line: "part.busy = false;",
    changes: ["part.busy = false; → nothing"],
    reason: "the next call makes a part of its own: a benchmark shows the garbage, no test does",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "this.#shift = 32 - Math.log2(FIRST_CAPACITY);",
    changes: ["32 → 32 + 1"],
    reason: "entries are found wherever they hash to; only half of the slots are used",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "this.#shift--;",
    changes: ["this.#shift--; → nothing"],
    reason: "entries are found wherever they hash to; only half of the slots are used",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const key = (block | 0) ^ ((block * INVERSE_2_32) << 9) ^ (device << 20) ^ (bit << 14);",
    changes: ["14 → 14 + 1"],
    reason: "entries are found wherever they hash to; it decides how evenly they lie",
  },
  {
    path: "runtime/dma/device/device_view.ts",
    line: "const last = Math.min(end - 1, domain.table.lastAddress);",
    changes: ["end - 1 → end + 1"],
    reason: "a leaf behind the end is looked at and left out, as nothing of it lies before the end",
  },
  {
    path: "runtime/dma/paths/iommu_path.ts",
    line: "return dev.coherent && !dev.untrusted ? -1 : machine.iommu.lookup(dev, dma);",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there is nothing to do",
  },
  {
    path: "runtime/dma/paths/scatterlist_iommu.ts",
    line: "let runStart = 0;",
    changes: ["0 → 0 + 1"],
    reason: "it is read only while a run is open, which sets it",
  },
  {
    path: "runtime/iommu/arm_page_table.ts",
    line: "this.#gatherLast = -1;",
    changes: ["-1 → 1"],
    reason: "with nothing gathered no address follows the last one; the first is infinite",
  },
  {
    path: "runtime/iommu/domain.ts",
    line: "whole: false,",
    changes: ["false → true"],
    reason: "set before it is read",
  },
  {
    path: "runtime/iommu/iova_allocator.ts",
    line: "return pfns <= 1 ? 0 : 32 - Math.clz32(pfns - 1);",
    changes: ["1 → 1 - 1"],
    reason: "for one frame the other side is 0 as well: 32 less the 32 leading zeros of 0",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "if (nodeLo < high) high = nodeLo;",
    changes: ["nodeLo < high → nodeLo <= high"],
    reason: "what is equal is set to itself",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "let node = this.#links[2 * FLOOR + 1]!;",
    changes: ["2 → 2 + 1", "2 → 2 - 1", "1 → 1 - 1"],
    reason: "the floor is node 0, whatever it is multiplied with, and below itself",
  },
  {
    path: "runtime/iommu/page_table.ts",
    line: "const last = new Float64Array(2 * this.count);",
    changes: ["2 → 2 + 1"],
    reason: "room that nothing uses",
  },
  {
    path: "runtime/leaks/range_book.ts",
    line: "if (held.end <= start || held.start >= end) continue;",
    changes: ["held.start >= end → held.start > end"],
    reason: "what begins at the end is taken out and put back as it was",
  },
  {
    path: "runtime/memory/memory_encryption.ts",
    line: "const mixed = Math.imul(phys ^ Math.floor(phys / 2 ** 32) ^ 0x5bd1, KEY);",
    changes: ["0x5bd1 → 0x5bd1 - 1"],
    reason: "it stands for a secret of the machine: any number does",
  },
  {
    path: "runtime/memory/memory_encryption.ts",
    line: "return (mixed >>> 24) || 0xa5;",
    changes: ["24 → 24 + 1"],
    reason: "it stands for a secret of the machine: any byte but 0 does",
  },
  {
    path: "runtime/memory/physical_memory.ts",
    line: "if (count === from.length && count > WHOLE_LOOP_BYTES) {",
    changes: ["count > WHOLE_LOOP_BYTES → count >= WHOLE_LOOP_BYTES"],
    reason: "both ways copy the same bytes; the border decides which is faster",
  },
  {
    path: "devices/nvme/controller/media/pattern_store.ts",
    line: "for (let done = 0; done < count; done += CHUNK_WORDS) {",
    changes: ["done < count → done <= count"],
    reason: "a last piece of no words",
  },
  {
    path: "devices/nvme/controller/nvm.ts",
    line: "return high < WIDE ? high * 2 ** 32 + view.getUint32(at, true) : Infinity;",
    changes: ["high < WIDE → high <= WIDE"],
    reason: "2^53 and what follows lies on no disk either",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line: "sum = (sum << 8 & 0xffff) ^ CRC_TABLE[(sum >> 8) ^ bytes[index]!]!;",
    changes: ["0xffff → 0xffff - 1"],
    reason: "the lowest bit of a number that was shifted is 0",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line: "for (let index = 0; index < one.length; index++) {",
    changes: ["index < one.length → index <= one.length"],
    reason: "behind both ends there is nothing, and it is alike",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line: "const table = new Uint16Array(256);",
    changes: ["256 → 256 + 1"],
    reason: "one entry more, which no byte asks for",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line: "for (let power = 1; power < table.length; power *= 2) {",
    changes: ["power < table.length → power <= table.length"],
    reason: "what is written behind the table's end goes nowhere",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line: "for (let low = 0; low < power; low++) table[power + low] = crc ^ table[low]!;",
    changes: ["low < power → low <= power"],
    reason: "the entry too many is the first one of the next round, or behind the end",
  },
  {
    path: "devices/nvme/driver/command/command_view.ts",
    line: "const [first] = readDescriptors(phys, 1, memory);",
    changes: ["1 → 1 + 1"],
    reason: "only the first one is taken",
  },
  {
    path: "devices/nvme/controller/data/host_memory_buffer.ts",
    line: "let total = 0;",
    changes: ["0 → 0 + 1"],
    reason: "sums of whole pages are compared: a byte more makes no difference",
  },
  {
    path: "devices/nvme/controller/data/host_memory_buffer.ts",
    line: "this.#slots = chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / ENTRY_BYTES;",
    changes: ["sum + sizeBytes → sum - sizeBytes"],
    reason: "a remainder by a negative number is the same one",
  },
  {
    path: "devices/nvme/controller/admin.ts",
    line: "export const NO_COMPLETION = -1;",
    changes: ["-1 → 1", "1 → 1 + 1"],
    reason: "only told from the statuses, of which it is none",
  },
  {
    path: "devices/nvme/controller/admin.ts",
    line: "new CompletionQueue(id, this.#base(command), depth, interrupts ? vector : -1),",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 is a queue without interrupts",
  },
  {
    path: "devices/nvme/controller/media/protection.ts",
    line:
      "request.checksGuard && tuples.getUint16(at + GUARD, false) !== this.#guard(blocks, block)",
    changes: ["at + GUARD → at - GUARD"],
    reason: "the guard is the first field, at 0",
  },
  {
    path: "devices/nvme/controller/nvme_controller.ts",
    line: "this.#postCommands(queue.id, fresh < 0 ? fresh + queue.depthEntries : fresh);",
    changes: ["0 → 0 + 1"],
    reason: "activities that find no command in the queue do nothing",
  },
  {
    path: "devices/nvme/driver/command/command_archive.ts",
    line: "for (let index = 0; index < SQE_WORDS; index++) words[at + index] = command[index]!;",
    changes: ["index < SQE_WORDS → index <= SQE_WORDS"],
    reason: "the word behind a command is written anew by the next one, and by nobody before",
  },
  {
    path: "devices/nvme/driver/command/descriptor_lists.ts",
    line: "const next = index + 1 < count ? readLink(writer, iod, block.phys) : dma;",
    changes: ["index + 1 < count → index + 1 <= count"],
    reason: "what is read out of the last page is the address of no further one, and not used",
  },
  {
    path: "devices/nvme/driver/data/prp_builder.ts",
    line: "#leftBytes: Bytes = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set before it is read",
  },
  {
    path: "devices/nvme/driver/queues/queue_entries.ts",
    line: "this.#pages[index] = words;",
    changes: ["this.#pages[index] = words; → nothing"],
    reason: "what is not remembered is made again, from the same memory",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "const MAX_LOGICAL_BLOCK_BYTES = 64 * KIB;",
    changes: ["64 → 64 + 1"],
    reason: "a logical block is a power of two: none lies between the two",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "set_by: softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin),",
    changes: [
      "softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin) → softSetter(bound, soft, input.maxUserSectors ?? 0, ioOpt, ioMin)",
    ],
    reason: "the two are only compared with each other",
  },
  {
    path: "runtime/dma/checker/ledger.ts",
    line: "const HINT_BYTES = 4096;",
    changes: ["4096 → 4096 + 1"],
    reason: "a hint that is missed costs a search, which finds the same",
  },
  {
    path: "runtime/dma/iova_state.ts",
    line: "lastLinkRecord = -1;",
    changes: ["1 → 1 + 1", "1 → 1 - 1"],
    reason: "the checker sets it when it notes the range, before it asks for it",
  },
  {
    path: "runtime/memory/swiotlb/swiotlb_slots.ts",
    line: "const lowBase = (this.basePhys + areaBase * SLOT_BYTES) % 2 ** 31;",
    changes: ["31 → 31 - 1"],
    reason: "only the bits below a mask decide, and no mask is as large as a pool",
  },
  {
    path: "devices/nvme/driver/nvme_driver.ts",
    line: "metadataSgl: false,",
    changes: ["false → true"],
    reason: "set by what the controller says of itself, before any request is mapped",
  },
  {
    path: "devices/nvme/driver/nvme_rules.ts",
    line: 'segmentsMappedAlone: quirks.has("single_segment_by_iterator") ? -1 : 1,',
    changes: ["1 → 1 - 1"],
    reason: "no request that is mapped has -1 segments, and none has 0",
  },
  {
    path: "devices/nvme/controller/data/host_transfer.ts",
    line: "if (pieceBytes === PAGE && (offsetBytes & 7) === 0) return this.#page;",
    changes: ["0 → 0 + 1"],
    reason: "the larger buffer serves for a page as well",
  },
  {
    path: "devices/nvme/controller/data/host_transfer.ts",
    line: "return sizeBytes === PAGE && (dma & (PAGE - 1)) === 0 && (offsetBytes & 7) === 0;",
    changes: ["offsetBytes & 7 → offsetBytes | 7"],
    reason: "a whole page may go the way of its parts, which is only slower",
  },
  {
    path: "runtime/iommu/iotlb.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 + 1"],
    reason: "entries are found wherever they hash to; it decides how evenly they lie",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const INVERSE_2_32 = 2 ** -32;",
    changes: ["32 → 32 - 1"],
    reason: "entries are found wherever they hash to; it decides how evenly they lie",
  },
  {
    path: "devices/rdma/memory_region.ts",
    line: "start = -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that no run is open",
  },
  {
    path: "devices/nvme/driver/life/admin_commands.ts",
    line: "if (getU64(view, 8) === 0) return null;",
    changes: ["8 → 8 + 1"],
    reason: "the byte behind the capacity is the first of its use, which is as much",
  },
  {
    path: "runtime/iommu/arm_page_table.ts",
    line: "if (iova + sizeBytes - 1 > this.lastAddress || phys + sizeBytes > PHYS_LIMIT) {",
    changes: ["1 → 1 + 1"],
    reason: "addresses and sizes are whole granules here, and the last address ends one",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (iova + sizeBytes - 1 > this.lastAddress || phys + sizeBytes > PHYS_LIMIT) {",
    changes: ["1 → 1 + 1"],
    reason: "addresses and sizes are whole granules, and the last address ends one",
  },
  {
    path: "runtime/iommu/arm_page_table.ts",
    line: "this.#choice.choose(iova + done, phys + done, sizeBytes - done);",
    changes: [
      "this.#choice.choose(iova + done, phys + done, sizeBytes - done) → this.#choice.choose(phys + done, iova + done, sizeBytes - done)",
    ],
    reason: "the rule treats both addresses alike",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "this.#choice.choose(iova + done, phys + done, sizeBytes - done);",
    changes: [
      "this.#choice.choose(iova + done, phys + done, sizeBytes - done) → this.#choice.choose(phys + done, iova + done, sizeBytes - done)",
    ],
    reason: "the rule treats both addresses alike",
  },
  {
    path: "runtime/iommu/arm_page_table.ts",
    line: "if (this.#gatherLast < this.#gatherFirst) this.#gatherFirst = iova;",
    changes: ["this.#gatherLast < this.#gatherFirst → this.#gatherLast <= this.#gatherFirst"],
    reason: "what is gathered is a granule at least",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (sizeBytes <= 0 || (flags & ACCESSIBLE) === 0) return -ERRNO.EINVAL;",
    changes: ["0 → 0 + 1"],
    reason: "sizes are whole granules",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (entryBase < this.#replacedFirst) this.#replacedFirst = entryBase;",
    changes: ["entryBase < this.#replacedFirst → entryBase <= this.#replacedFirst"],
    reason: "what is equal is set to itself",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (doneBytes > 0) this.#unmapRange(iova, doneBytes);",
    changes: ["0 → 0 + 1"],
    reason: "what was written is a granule at least",
  },
  {
    path: "runtime/iommu/arm_page_table.ts",
    line: "if (done > 0) this.#unmapRange(iova, done);",
    changes: ["0 → 0 + 1"],
    reason: "what was written is a granule at least",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (iova < last || last < 0) {",
    changes: ["0 → 0 + 1", "iova < last → iova <= last", "last < 0 → last <= 0"],
    reason: "what went is a granule at least, or nothing",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (this.#multiEntryLeaves) return -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 sends it the general way",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (page === null) return -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 sends it the general way",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (first + count > ENTRIES || count === ENTRIES || iova > this.lastAddress) return -1;",
    changes: [
      "first + count > ENTRIES → first + count >= ENTRIES",
      "1 → 1 + 1",
      "iova > this.lastAddress → iova >= this.lastAddress",
    ],
    reason: "the general way comes to the same, slower; addresses are whole granules",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "if (level === 1) return iova >>> 21 & INDEX_MASK;",
    changes: ["1 → 1 - 1"],
    reason: "the general way comes to the same, slower",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "return bits < ORDER_UNIT ? 0 : Math.floor(bits / ORDER_UNIT);",
    changes: ["bits < ORDER_UNIT → bits <= ORDER_UNIT"],
    reason: "a leaf has at least one flag below the order",
  },
  {
    path: "runtime/iommu/generic_page_table.ts",
    line: "const high = Math.floor(iova * INVERSE_2_32);",
    changes: ["iova * INVERSE_2_32 → iova / INVERSE_2_32"],
    reason: "the table used last is found less often: the two products differ but for 0",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line:
      "return pfns <= 2 ** 31 ? 32 - Math.clz32(pfns - 1) : Math.log2(roundUpPowerOfTwo(pfns));",
    changes: ["pfns <= 2 ** 31 → pfns < 2 ** 31"],
    reason: "2^31 has 31 bits either way",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "this.#bounds[2 * FLOOR + 1] = -1;",
    changes: ["2 → 2 - 1", "2 → 2 + 1"],
    reason: "the floor is node 0, whatever it is multiplied with",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "this.#links[2 * FLOOR + 1] = ANCHOR;",
    changes: ["2 → 2 - 1", "2 → 2 + 1"],
    reason: "the floor is node 0, whatever it is multiplied with",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "this.#bounds[2 * ANCHOR] = this.#bounds[2 * ANCHOR + 1] = ANCHOR_PFN;",
    changes: ["2 * ANCHOR → 2 / ANCHOR"],
    reason: "the anchor is node 1: times or divided by, it is the same",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "this.#links[2 * ANCHOR] = FLOOR;",
    changes: ["2 * ANCHOR → 2 / ANCHOR"],
    reason: "the anchor is node 1: times or divided by, it is the same",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "for (let slot = (hole + 1) & mask; slots[slot] !== FLOOR; slot = (slot + 1) & mask) {",
    changes: ["1 → 1 - 1"],
    reason: "the hole itself is looked at first, and moved into itself",
  },
  {
    path: "runtime/iommu/iotlb.ts",
    line: "#sizes = 0;",
    changes: ["0 → 0 + 1"],
    reason: "one size more is looked for, which no entry has",
  },
  {
    path: "runtime/iommu/iotlb.ts",
    line: "const bits = Math.max(1, Math.ceil(Math.log2(2 * Math.max(1, entries))));",
    changes: [
      "1 → 1 + 1",
      "2 → 2 + 1",
      "2 → 2 - 1",
      "2 * Math.max(1, entries) → 2 / Math.max(1, entries)",
    ],
    reason: "how many buckets there are: a longer chain is searched as well",
  },
  {
    path: "runtime/iommu/iotlb.ts",
    line:
      "return Math.imul((page | 0) ^ (domain << 6) ^ sizeBit, HASH_MULTIPLIER) >>> this.#shift;",
    changes: [
      "page | 0 → page & 0",
      "(page | 0) ^ (domain << 6) ^ sizeBit → (page | 0) ^ (domain << 6) & sizeBit",
      "6 → 6 + 1",
      "6 → 6 - 1",
      "0 → 0 + 1",
      "domain << 6 → domain >> 6",
    ],
    reason: "how evenly entries lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/iommu/iommu.ts",
    line: "phys = -1;",
    changes: ["1 → 1 - 1", "1 → 1 + 1", "-1 → 1"],
    reason: "without a flag the access faults, and nobody asks for the address",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "return (Math.imul(pfn | 0, HASH_MULTIPLIER) >>> shift) | 0;",
    changes: [
      "Math.imul(pfn | 0, HASH_MULTIPLIER) → Math.imul(HASH_MULTIPLIER, pfn | 0)",
      "0 → 0 + 1",
    ],
    reason: "how evenly nodes lie in the slots, and a product is the same both ways",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "if (++this.#count > this.#hashLimit) this.#growHash();",
    changes: ["++this.#count > this.#hashLimit → ++this.#count >= this.#hashLimit"],
    reason: "when the hash grows: by one range more or less, which is found all the same",
  },
  {
    path: "runtime/activity.ts",
    line: "const args = new Float64Array(capacity * 2);",
    changes: ["2 → 2 + 1"],
    reason: "more room than there are slots, which no slot uses",
  },
  {
    path: "runtime/dma/paths/two_step.ts",
    line: "if (middle > 0 || empty) {",
    changes: ["0 → 0 + 1"],
    reason: "what lies between head and tail is whole granules",
  },
  {
    path: "runtime/dma/paths/two_step.ts",
    line: "if (!state.held && before > 0 && state.linkedBytes === 0) forget(machine, dev);",
    changes: ["0 → 0 + 1"],
    reason: "what is linked is counted in whole granules",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "if (sizeBytes <= 2 ** 31) return 32 - Math.clz32(sizeBytes - 1);",
    changes: ["31 → 31 + 1", "31 → 31 - 1"],
    reason: "from 2^30 to 2^32 both ways to count the bits come to the same",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "return Math.imul(key, HASH_MULTIPLIER) >>> this.#shift;",
    changes: ["Math.imul(key, HASH_MULTIPLIER) >>> this.#shift → 0"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "if (this.#next.length < this.#table.capacity) this.#follow();",
    changes: [
      "this.#next.length < this.#table.capacity → this.#next.length <= this.#table.capacity",
    ],
    reason: "what is as long as the table is copied once more, and stays what it is",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "this.#buckets = new Int32Array(2 * this.#buckets.length).fill(NONE);",
    changes: ["2 → 2 + 1"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/dma/kernel_areas.ts",
    line: "if ((end - first) / PAGE_SIZE_BYTES > pages.size) {",
    changes: [
      "(end - first) / PAGE_SIZE_BYTES > pages.size → (end - first) / PAGE_SIZE_BYTES >= pages.size",
    ],
    reason: "which of two ways is taken, where both are as long, and both answer alike",
  },
  {
    path: "runtime/memory/swiotlb/swiotlb.ts",
    line: "#padSlots = new Uint16Array(0);",
    changes: ["0 → 0 + 1"],
    reason: "the first buffer replaces it by one that is as long as the pool",
  },
  {
    path: "runtime/nearest_names.ts",
    line: "const exchanged = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&",
    changes: ["1 → 1 - 1"],
    reason: "before the first letter there is none, and no number is equal to that",
  },
  {
    path: "runtime/block/plug.ts",
    line: "let end = start + 1;",
    changes: ["1 → 1 - 1"],
    reason: "the first of a run is of its own queue, and looked at once more",
  },
  {
    path: "runtime/price_presets.ts",
    line: "const TLP_BYTES = 12 + 4 + 4 + 4;",
    changes: ["12 → 12 - 1", "12 → 12 + 1", "4 → 4 - 1", "4 → 4 + 1"],
    reason: "a price is rounded to nanoseconds: 23 bytes and 25 come to three as 24 do",
  },
  {
    path: "runtime/price_presets.ts",
    line: "const LINK_BYTES_PER_NS = 16 / 8 * 4 * 128 / 130;",
    changes: ["130 → 130 - 1", "130 → 130 + 1", "128 → 128 + 1", "128 → 128 - 1"],
    reason: "a price is rounded to nanoseconds: less than a hundredth of one is not to be seen",
  },
  {
    path: "devices/nvme/driver/queues/queue_pair.ts",
    line:
      "const result = iod.request.template === null ? 0 : this.#cqEntries.word(slot, RESULT_WORD);",
    changes: ["0 → 0 + 1"],
    reason: "only commands that somebody wrote by hand have a result that is looked at",
  },
  {
    path: "runtime/block/dma_iterator.ts",
    line: 'return kind === "thru_host_bridge" ? DMA_ATTR.MMIO : 0;',
    changes: ["0 → 0 + 1"],
    reason: "the lowest bit of the attributes means nothing",
  },
  {
    path: "runtime/iommu/arm_page_table.ts",
    line: "if (value > 0) {",
    changes: ["value > 0 → value >= 0"],
    reason: "an empty entry has been answered in the line above",
  },
  {
    path: "runtime/nearest_names.ts",
    line: "const exchanged = i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&",
    changes: ["i > 1 && j > 1 → i > 1 || j > 1"],
    reason: "before the first letter there is none, and no number is equal to that",
  },
  {
    path: "runtime/nearest_names.ts",
    line: "found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));",
    changes: ["1 → 1 + 1"],
    reason: "any number above 0, and any below, sorts alike",
  },
  {
    path: "runtime/dma/checker/link_records.ts",
    line: "let hole = -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 is none",
  },
  {
    path: "devices/nvme/controller/media/pattern_store.ts",
    line: "if (end - first < before) {",
    changes: ["end - first < before → end - first <= before"],
    reason: "which of two ways is taken, where both are as long, and both drop the same",
  },
  {
    path: "runtime/recording/fact_table.ts",
    line: "this.#lastTexts[index] = value as string;",
    changes: ["this.#lastTexts[index] = value as string; → nothing"],
    reason: "the pool knows the text's number as well, and takes longer",
  },
  {
    path: "devices/nvme/controller/data/host_transfer.ts",
    line: "const buffer = this.#bufferFor(piece, 0);",
    changes: ["0 → 0 + 1"],
    reason: "which of two buffers, and either has the room",
  },
  {
    path: "runtime/block/segment_iterator.ts",
    line:
      "return this.#vecDoneBytes === (this.#vecIndex === this.#startIndex ? this.#startBytes : 0);",
    changes: [
      "this.#vecDoneBytes === (this.#vecIndex === this.#startIndex ? this.#startBytes : 0) → true",
    ],
    reason:
      "inside a vector a segment is as long as it may be, and what would be too long ends it next",
  },
  {
    path: "runtime/dma/calls/mapping_queries.ts",
    line: "const last = dev.rangeMap?.lastRamAddress(ranges) ?? ramEndPhys(ranges) - 1;",
    changes: ["1 → 1 + 1"],
    reason: "RAM ends with a page: its last two bytes have the same highest bit",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "const FIRST_BUCKETS = 256;",
    changes: ["256 → 256 - 1", "256 → 256 + 1"],
    reason: "how evenly records lie in the buckets: a longer chain is searched as well",
  },
  {
    path: "runtime/block/merge.ts",
    line: "if (integrity !== 0 && integrity > limits.maxIntegritySegments) return false;",
    changes: ["0 → 0 + 1"],
    reason: "either both requests have integrity segments, which makes two at least, or none has",
  },
  {
    path: "runtime/iommu/fault_log/find_fault_logs.ts",
    line: "for (const { line } of this.#open.values()) if (line < least) least = line;",
    changes: ["line < least → line <= least"],
    reason: "what is equal is set to itself",
  },
  {
    path: "runtime/memory/page_allocator.ts",
    line: "if (free < 0) return -1;",
    changes: ["free < 0 → free <= 0", "0 → 0 + 1"],
    reason: "it is looked for behind a page that is in the way, and so is never page 0",
  },
  {
    path: "devices/nvme/driver/data_6_12/scatterlist_pool.ts",
    line: "return this.#free.pop() ?? new Scatterlist([], this.#capacityEntries);",
    changes: [
      "this.#free.pop() ?? new Scatterlist([], this.#capacityEntries) → new Scatterlist([], this.#capacityEntries)",
    ],
    reason: "a used list is empty as a new one is: a benchmark shows the garbage, no test does",
  },
  {
    path: "devices/nvme/driver/nvme_driver.ts",
    line: "discard: false,",
    changes: ["false → true"],
    reason: "set by what the controller says of itself, before limits of a disk are made of it",
  },
  {
    path: "devices/nvme/driver/nvme_driver.ts",
    line: "writeZeroes: false,",
    changes: ["false → true"],
    reason: "set by what the controller says of itself, before limits of a disk are made of it",
  },
  {
    path: "devices/nvme/driver/nvme_driver.ts",
    line: "volatileWriteCache: false,",
    changes: ["false → true"],
    reason: "set by what the controller says of itself, before limits of a disk are made of it",
  },
  {
    path: "runtime/iommu/iotlb.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 - 1"],
    reason: "what is hashed is found wherever it lies; it decides how evenly it lies",
  },
  {
    path: "runtime/iommu/iova_ranges.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 + 1", "0x9e3779b1 → 0x9e3779b1 - 1"],
    reason: "what is hashed is found wherever it lies; it decides how evenly it lies",
  },
  {
    path: "runtime/dma/checker/record_table.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 + 1", "0x9e3779b1 → 0x9e3779b1 - 1"],
    reason: "what is hashed is found wherever it lies; it decides how evenly it lies",
  },
  {
    path: "runtime/dma/checker/cache_lines.ts",
    line: "const HASH_MULTIPLIER = 0x9e3779b1;",
    changes: ["0x9e3779b1 → 0x9e3779b1 + 1", "0x9e3779b1 → 0x9e3779b1 - 1"],
    reason: "what is hashed is found wherever it lies; it decides how evenly it lies",
  },
  {
    path: "runtime/block/split.ts",
    line: "nrSegments = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set by each bio before it is read",
  },
  {
    path: "runtime/block/split.ts",
    line: "#fittingBytes: Bytes = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set by each walk before it is read",
  },
  {
    path: "runtime/block/split.ts",
    line: "#walkedGap = 0;",
    changes: ["0 → 0 + 1"],
    reason: "set by each bio before it is read",
  },
  {
    path: "runtime/block/split.ts",
    line: "let previousEnd = -1;",
    changes: ["1 → 1 + 1"],
    reason: "any number below 0 says that there was no vector before",
  },
  {
    path: "runtime/block/split.ts",
    line: "if (previousEnd >= 0) {",
    changes: ["previousEnd >= 0 → previousEnd > 0", "0 → 0 + 1"],
    reason: "no vector ends at 0: each has a byte at least",
  },
  {
    path: "runtime/block/split.ts",
    line: "gap = lowerGap(gap, pairGap(previousEnd, offset));",
    changes: [
      "lowerGap(gap, pairGap(previousEnd, offset)) → lowerGap(pairGap(previousEnd, offset), gap)",
      "pairGap(previousEnd, offset) → pairGap(offset, previousEnd)",
    ],
    reason: "the lower of two is the same from either side",
  },
  {
    path: "runtime/block/split.ts",
    line: "segments < limits.maxSegments && bytes + length <= maxBytes &&",
    changes: ["bytes + length <= maxBytes → bytes + length < maxBytes"],
    reason: "the general way counts the same, slower",
  },
  {
    path: "runtime/block/split.ts",
    line: "offset + length <= limits.maxFastSegmentSizeBytes",
    changes: [
      "offset + length <= limits.maxFastSegmentSizeBytes → offset + length < limits.maxFastSegmentSizeBytes",
    ],
    reason: "the general way counts the same, slower",
  },
  {
    path: "runtime/block/split.ts",
    line: "this.#rule = this.#stoppedBy(taken, room, segments);",
    changes: ["this.#stoppedBy(taken, room, segments) → this.#stoppedBy(room, taken, segments)"],
    reason: "the two are only compared with each other",
  },
  {
    path: "runtime/block/split.ts",
    line: "if (fitting > beyond) fitting -= beyond;",
    changes: ["fitting > beyond → fitting >= beyond"],
    reason: "it is whole granules and the other less than one: both are 0 where they are equal",
  },
  {
    path: "runtime/block/split.ts",
    line: "const place = next === undefined || before === undefined ? {} : {",
    changes: [
      "next === undefined || before === undefined → next === undefined && before === undefined",
    ],
    reason: "behind a cut there are both, or no vectors at all",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "const ioOpt = alignDown(input.ioOptBytes ?? 0, physical);",
    changes: ["0 → 0 + 1"],
    reason: "one byte is rounded down to none",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "if (soft < 0) return soft;",
    changes: ["soft < 0 → soft <= 0", "0 → 0 + 1"],
    reason: "a limit is one sector at least",
  },
  {
    path: "runtime/block/queue_limits.ts",
    line: "set_by: softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin),",
    changes: [
      "softSetter(soft, bound, input.maxUserSectors ?? 0, ioOpt, ioMin) → softSetter(soft, bound, input.maxUserSectors ?? 0, ioMin, ioOpt)",
    ],
    reason: "only the larger of the two counts",
  },
  {
    path: "runtime/block/deadline_scheduler.ts",
    line: "const before = waiting.filter(({ sector }) => sector === endSector);",
    changes: ["sector === endSector → true"],
    reason: "they are asked last, and what the bio does not touch refuses it",
  },
];
