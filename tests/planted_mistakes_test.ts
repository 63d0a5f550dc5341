/**
 * Mistakes of driver authors, in every mode of the machine in which they are possible. Each mistake
 * must fail its test, with the right finding. The checker also finds mistakes that no kernel would
 * notice.
 *
 * Left out, because they are no mistakes for the kernel's API: `dma_unmap_page` or `dma_unmap_phys`
 * of a mapping that `dma_map_single` made (the kernel has one function for all of these), a sync
 * for the CPU of memory that the device only reads, a sync of coherent memory, an unmap that
 * differs only in `skip_cpu_sync`, two mappings of one buffer for devices that see the CPU's
 * caches, a process that writes to its own pages, and reads by a scenario.
 *
 * Left out, because a script cannot do it: `dma_free_coherent` with another size than allocated. A
 * script's call frees the memory that it is given. A driver in C can pass another size, and gets
 * `unmap_size`.
 */
import { assertEquals } from "@std/assert";
import { failureOf, onlyOutcome } from "@dmalab/lang/testing";

const MODES: Readonly<Record<string, string>> = {
  strict: "iommu { mode = strict }",
  lazy: "iommu { mode = lazy }",
  passthrough: "iommu { mode = passthrough }",
  off: "iommu { mode = off }",
  bounced: "swiotlb { force = true }",
  untrusted: "iommu { mode = lazy }",
};

/** Modes in which a device uses a copy if half a page is mapped. */
const BOUNCING = new Set(["bounced", "untrusted"]);

const MAP = (size: string, dir: string) => `let m = dma_map_single(nic, buf, ${size}, ${dir})\n`;
const UNMAP = (size: string, dir: string) => `\ndma_unmap_single(nic, m, ${size}, ${dir})\n`;
const LIST = "let pages = alloc_pages(4, contiguous: false)\nlet sg = scatterlist(pages)\n" +
  "dma_map_sgtable(nic, sg, from_device)\n";
const UNMAP_LIST = "\ndma_unmap_sg(nic, sg, from_device)\n";
const COHERENT = "let mem = dma_alloc_coherent(nic, 8KiB)\n";
const FREE_COHERENT = "\ndma_free_coherent(nic, mem)\n";
const POOL = "let pool = dma_pool(nic, size: 64B, align: 64B)\nlet block = pool.alloc()\n";
/** The map fails, and its caller continues with the error value. */
const FAILED_MAP = "inject dma_map_single nth 1 {\n" +
  "let m = dma_map_single(nic, buf, 4KiB, to_device, unchecked: true)\n";
const PROCESS =
  "let mm = address_space()\nlet at = mm.mmap(8KiB)\nmm.touch(at, 8KiB, write: true)\n" +
  "let m = dma_map_phys(nic, mm.page(at).phys, 4KiB, from_device)\n";
const UNMAP_PAGE = "\ndma_unmap_phys(nic, m, 4KiB, from_device)\n";
const RANGE = "let state = iova_state()\ndma_iova_try_alloc(nic, state, phys: 0, size: 8KiB)\n" +
  "dma_iova_link(nic, state, buf.phys, offset: 0, size: 8KiB, dir: from_device)\n";
const SYNC_RANGE = "dma_iova_sync(nic, state, offset: 0, size: 8KiB)\n";
const DESTROY = "\ndma_iova_destroy(nic, state, mapped: 8KiB, dir: from_device)\n";

/** The IOMMU stops the access, or the checker reports it. */
const OUTSIDE = /^(fault not_present|report (device_outside_buffer|stale_iotlb_access))$/;
const AGAINST = /^(fault not_(readable|writable)|report device_direction)$/;
const KEPT = /^leak mapping$/;
/** A value that a script cannot pass: the call is refused. */
const REFUSED = /^E0919$/;

/** The statements of each mistake, and the finding that fails its test. */
type Mistakes = Readonly<Record<string, readonly [body: string, found: RegExp]>>;

const MISTAKES: Mistakes = {
  "reads beyond the buffer": [
    MAP("4KiB", "to_device") + `nic.dma_read(m.addr + 4KiB, 8B)` +
    UNMAP("4KiB", "to_device"),
    OUTSIDE,
  ],
  "runs past the buffer's end": [
    MAP("4KiB", "from_device") +
    `nic.dma_write(m.addr + 4092B, bytes"01 02 03 04 05 06 07 08")` + UNMAP("4KiB", "from_device"),
    OUTSIDE,
  ],
  "writes beside a short buffer": [
    MAP("512B", "from_device") +
    `nic.dma_write(m.addr + 1KiB, bytes"01")` + UNMAP("512B", "from_device"),
    OUTSIDE,
  ],
  "writes to to_device memory": [
    MAP("4KiB", "to_device") + `nic.dma_write(m, bytes"01")` +
    UNMAP("4KiB", "to_device"),
    AGAINST,
  ],
  "reads from_device memory": [
    MAP("4KiB", "from_device") + `nic.dma_read(m, 8B)` +
    UNMAP("4KiB", "from_device"),
    AGAINST,
  ],
  "reads before the map": [`nic.dma_read(buf.phys as dma, 8B)`, OUTSIDE],
  "writes after the unmap": [
    MAP("4KiB", "from_device") + `let addr = m.addr` +
    UNMAP("4KiB", "from_device") + `\nadvance 20ms\nnic.dma_write(addr, bytes"01")`,
    OUTSIDE,
  ],
  "writes to memory that was never mapped": [
    `nic.dma_write(0x7000_0000 as dma, bytes"01")`,
    OUTSIDE,
  ],
  "frees a mapped buffer": [
    MAP("4KiB", "to_device") + "buf.free()" + UNMAP("4KiB", "to_device"),
    /^report freed_while_mapped$/,
  ],
  "frees twice": ["buf.free()\nbuf.free()", /^report double_free$/],
  "reads what it has freed": ["buf.free()\nprint buf[0]", /^report use_after_free$/],
  "writes what it has freed": ["buf.free()\nbuf.fill(1)", /^report use_after_free$/],
  "never unmaps": [MAP("4KiB", "to_device"), KEPT],
  "unmaps twice": [
    MAP("4KiB", "to_device") + UNMAP("4KiB", "to_device").trim() +
    UNMAP("4KiB", "to_device"),
    /^report unmap_unknown$/,
  ],
  "unmaps the wrong size": [
    MAP("4KiB", "to_device") + UNMAP("2KiB", "to_device").trim(),
    /^report unmap_size$/,
  ],
  "unmaps in the wrong direction": [
    MAP("4KiB", "to_device") + UNMAP("4KiB", "from_device").trim(),
    /^report unmap_direction$/,
  ],
  "unmaps the wrong address": [
    MAP("4KiB", "to_device") +
    `dma_unmap_single(nic, m.addr + 64B, 64B, to_device)` + UNMAP("4KiB", "to_device"),
    /^report unmap_(unknown|size)$/,
  ],
  "syncs what is not mapped": [
    `dma_sync_single_for_cpu(nic, 0x7000_0000, 64B, from_device)`,
    /^report sync_unknown$/,
  ],
  "syncs beyond its end": [
    MAP("512B", "from_device") +
    `dma_sync_single_for_cpu(nic, m, 4KiB, from_device)` + UNMAP("512B", "from_device"),
    /^report sync_size$/,
  ],
  "does not free coherent memory": [
    "let mem = dma_alloc_coherent(nic, 4KiB)\nprint mem.size",
    /^leak shared_memory$/,
  ],
  "unmaps more than it has mapped": [
    MAP("2KiB", "to_device") + UNMAP("4KiB", "to_device"),
    /^report unmap_size$/,
  ],
  "unmaps a part": [
    MAP("4KiB", "from_device") + UNMAP("1KiB", "from_device"),
    /^report unmap_size$/,
  ],
  "unmaps one way what goes both ways": [
    MAP("4KiB", "bidirectional") + UNMAP("4KiB", "from_device"),
    /^report unmap_direction$/,
  ],
  "unmaps memory as a resource": [
    MAP("4KiB", "to_device") + "dma_unmap_resource(nic, m, 4KiB, to_device)",
    /^report unmap_attributes$/,
  ],
  "unmaps for another device": [
    MAP("4KiB", "to_device") + "dma_unmap_single(other, m, 4KiB, to_device)" +
    UNMAP("4KiB", "to_device"),
    /^report unmap_unknown$/,
  ],
  "unmaps a list by a call for one buffer": [
    LIST + "dma_unmap_single(nic, sg.mapped[0].addr, 4KiB, from_device)" + UNMAP_LIST,
    /^report (unmap_kind|unmap_size)$/,
  ],
  "unmaps two entries of four": [
    LIST + "dma_unmap_sg(nic, sg, from_device, nents: 2)",
    /^report unmap_entries$/,
  ],
  "unmaps a list by its ranges, less one": [
    LIST + "dma_unmap_sg(nic, sg, from_device, nents: sg.mapped.length - 1)",
    /^(leak mapping|report unmap_entries)$/,
  ],
  "unmaps a list in the wrong direction": [
    LIST + "dma_unmap_sg(nic, sg, to_device)",
    /^report unmap_direction$/,
  ],
  "unmaps a list twice": [LIST + UNMAP_LIST + UNMAP_LIST, /^report unmap_unknown$/],
  "never unmaps a list": [LIST + "print sg.nents", KEPT],
  "frees a mapped list": [LIST + "pages.free()" + UNMAP_LIST, /^report freed_while_mapped$/],
  "runs past a list": [
    "let sg = scatterlist(alloc_pages(1))\ndma_map_sgtable(nic, sg, from_device)\n" +
    `nic.dma_write(sg.mapped[0].addr + 4KiB, bytes"01")` + UNMAP_LIST,
    OUTSIDE,
  ],
  "reads a from_device list": [LIST + "nic.dma_read(sg.mapped[0].addr, 8B)" + UNMAP_LIST, AGAINST],
  "syncs a list against its direction": [
    LIST + "dma_sync_sg_for_cpu(nic, sg, to_device)" + UNMAP_LIST,
    /^report sync_direction$/,
  ],
  "syncs a list after the unmap": [
    LIST + UNMAP_LIST + "dma_sync_sg_for_cpu(nic, sg, from_device)",
    /^report sync_unknown$/,
  ],
  "syncs in another direction": [
    MAP("4KiB", "from_device") + "dma_sync_single_for_cpu(nic, m, 4KiB, bidirectional)" +
    UNMAP("4KiB", "from_device"),
    /^report sync_direction$/,
  ],
  "syncs after the unmap": [
    MAP("4KiB", "from_device") + UNMAP("4KiB", "from_device") +
    "dma_sync_single_for_cpu(nic, m.addr, 4KiB, from_device)",
    /^report sync_unknown$/,
  ],
  "syncs from the middle to beyond the end": [
    MAP("2KiB", "from_device") + "dma_sync_single_for_cpu(nic, m.addr + 1KiB, 2KiB, from_device)" +
    UNMAP("2KiB", "from_device"),
    /^report sync_size$/,
  ],
  "syncs for another device": [
    MAP("4KiB", "from_device") + "dma_sync_single_for_cpu(other, m, 4KiB, from_device)" +
    UNMAP("4KiB", "from_device"),
    /^report sync_unknown$/,
  ],
  "fills what the device reads": [
    MAP("4KiB", "to_device") + "buf.fill(1)" + UNMAP("4KiB", "to_device"),
    /^report cpu_access_while_mapped$/,
  ],
  "fills what the device writes": [
    MAP("4KiB", "from_device") + "buf.fill(1)" + UNMAP("4KiB", "from_device"),
    /^report cpu_access_while_mapped$/,
  ],
  "writes some bytes of what the device has": [
    MAP("4KiB", "to_device") + 'poke(buf.phys + 64B, bytes"01")' + UNMAP("4KiB", "to_device"),
    /^report cpu_access_while_mapped$/,
  ],
  "fills a page of a mapped list": [
    LIST + 'poke(sg.entries[3].phys, bytes"01")' + UNMAP_LIST,
    /^report cpu_access_while_mapped$/,
  ],
  "writes after it has handed the buffer back": [
    MAP("4KiB", "bidirectional") + "dma_sync_single_for_cpu(nic, m, 4KiB, bidirectional)\n" +
    "buf.fill(1)\ndma_sync_single_for_device(nic, m, 4KiB, bidirectional)\nbuf.fill(2)" +
    UNMAP("4KiB", "bidirectional"),
    /^report cpu_access_while_mapped$/,
  ],
  "maps memory of vmalloc": [
    "let v = vmalloc(8KiB)\nlet tried = try dma_map_single(nic, v, 8KiB, to_device)\nprint tried.ok",
    /^report map_vmalloc$/,
  ],
  "frees coherent memory with another's address": [
    COHERENT +
    "let second = dma_alloc_coherent(nic, 8KiB)\ndma_free_coherent(nic, mem, cpu: second)\n" +
    "dma_free_coherent(nic, second, cpu: mem)",
    /^report free_cpu_address$/,
  ],
  "frees coherent memory twice": [COHERENT + FREE_COHERENT + FREE_COHERENT, REFUSED],
  "uses coherent memory after the free": [
    COHERENT + FREE_COHERENT + 'advance 20ms\nnic.dma_write(mem.addr, bytes"01")',
    OUTSIDE,
  ],
  "runs past coherent memory": [
    COHERENT + 'nic.dma_write(mem.addr + 8KiB, bytes"01")' + FREE_COHERENT,
    OUTSIDE,
  ],
  "unmaps coherent memory": [
    COHERENT + "dma_unmap_single(nic, mem.addr, 8KiB, bidirectional)" + FREE_COHERENT,
    /^report unmap_kind$/,
  ],
  "allocates coherent memory under a spin lock": [
    "spin_lock()\n" + COHERENT + "spin_unlock()" + FREE_COHERENT,
    /^report sleep_in_atomic$/,
  ],
  "keeps a block of a pool": [POOL + "print block.size", /^leak pool_block$/],
  "destroys a pool with a block in use": [POOL + "pool.destroy()", /^report pool_in_use$/],
  "frees a block twice": [POOL + "pool.free(block)\npool.free(block)", REFUSED],
  "frees a block of a pool that is gone": [POOL + "pool.destroy()\npool.free(block)", REFUSED],
  "frees a block into another pool": [
    POOL + "let second = dma_pool(nic, size: 64B, align: 64B)\nsecond.free(block)",
    REFUSED,
  ],
  "leaves a page mapped over its process's munmap": [
    PROCESS + "mm.munmap(at, 8KiB)" + UNMAP_PAGE,
    /^report freed_while_mapped$/,
  ],
  "leaves a page mapped over its process's discard": [
    PROCESS + "mm.discard(at, 4KiB)" + UNMAP_PAGE,
    /^report freed_while_mapped$/,
  ],
  "leaves a page mapped over its process's page migration": [
    PROCESS + "mm.migrate(at)" + UNMAP_PAGE,
    /^report freed_while_mapped$/,
  ],
  "leaves a page mapped over its process's exit": [
    PROCESS + "mm.exit()" + UNMAP_PAGE,
    /^report freed_while_mapped$/,
  ],
  "lets another device use it": [
    MAP("4KiB", "to_device") + "other.dma_read(m.addr, 8B)" + UNMAP("4KiB", "to_device"),
    OUTSIDE,
  ],
  "begins before the buffer": [
    "let m = dma_map_phys(nic, buf.phys + 4KiB, 4KiB, from_device)\n" +
    'nic.dma_write(m.addr - 4B, bytes"01 02 03 04 05 06 07 08")' + UNMAP_PAGE,
    OUTSIDE,
  ],
  "scatters more than it has mapped": [
    MAP("2KiB", "from_device") +
    "nic.scatter([{ addr: m.addr, size: 4KiB }], buffer(size: 4KiB).bytes)" +
    UNMAP("2KiB", "from_device"),
    OUTSIDE,
  ],
  "maps what it has freed": [
    "buf.free()\n" + MAP("4KiB", "to_device") + UNMAP("4KiB", "to_device"),
    /^report map_freed$/,
  ],
  "maps the address of what it has freed": [
    "let at = buf.phys\nbuf.free()\nlet m = dma_map_phys(nic, at, 4KiB, from_device)" + UNMAP_PAGE,
    /^report map_freed$/,
  ],
  "maps a list of what it has freed": [
    "let pages = alloc_pages(4, contiguous: false)\nlet sg = scatterlist(pages)\npages.free()\n" +
    "dma_map_sgtable(nic, sg, from_device)" + UNMAP_LIST,
    /^report map_freed$/,
  ],
  "maps freed coherent memory": [
    COHERENT + FREE_COHERENT + "let m = dma_map_phys(nic, mem.phys, 4KiB, from_device)" +
    UNMAP_PAGE,
    /^report map_freed$/,
  ],
  "maps no byte": [MAP("0B", "to_device") + UNMAP("0B", "to_device"), /^(report map_empty|E0902)$/],
  "maps an address without RAM": [
    "let m = dma_map_phys(nic, 0x7f_0000_0000 as phys, 4KiB, from_device)" + UNMAP_PAGE,
    /^report map_outside_ram$/,
  ],
  "maps an address without RAM as the kernel's memory": [
    "let m = dma_map_single(nic, 0x7f_0000_0000 as phys, 4KiB, to_device)" +
    UNMAP("4KiB", "to_device"),
    /^report map_invalid$/,
  ],
  "lets the device use an address that was not checked for an error": [
    FAILED_MAP + "nic.dma_read(m.addr, 8B)\n}",
    // No memory is at the address that is the error value.
    /^E0913$/,
  ],
  "unmaps what was not checked for an error, and failed": [
    FAILED_MAP + "dma_unmap_single(nic, m, 4KiB, to_device)\n}",
    /^report unmap_error_value$/,
  ],
  "unmaps what was not checked for an error": [
    "let m = dma_map_single(nic, buf, 4KiB, to_device, unchecked: true)" +
    UNMAP("4KiB", "to_device"),
    /^report error_unchecked$/,
  ],
  "lets the device write to a freed block": [
    POOL + 'pool.free(block)\nnic.dma_write(block.addr, bytes"01")\npool.destroy()',
    /^report device_write_after_free$/,
  ],
  "lets the device read a freed block": [
    POOL + "pool.free(block)\nnic.dma_read(block.addr, 8B)\npool.destroy()",
    /^report device_outside_buffer$/,
  ],
  "runs past a block of a pool": [
    POOL + 'nic.dma_write(block.addr + 60B, bytes"01 02 03 04 05 06")\npool.free(block)\n' +
    "pool.destroy()",
    /^report device_outside_buffer$/,
  ],
  "writes beside a block of a pool": [
    POOL + 'nic.dma_write(block.addr + 64B, bytes"01")\npool.free(block)\npool.destroy()',
    /^report device_outside_buffer$/,
  ],
  "writes what it has freed of coherent memory": [
    COHERENT + FREE_COHERENT + 'poke(mem.phys, bytes"01")',
    /^report use_after_free$/,
  ],
  "reads what it has freed of coherent memory": [
    COHERENT + FREE_COHERENT + "print peek(mem.phys, 1B)",
    /^report use_after_free$/,
  ],
  "frees kmalloc memory twice": [
    "let b = kmalloc(4KiB)\nb.free()\nb.free()",
    /^report double_free$/,
  ],
};

/** Mistakes with the two-step API, in modes that have ranges. */
const TWO_STEP: Mistakes = {
  "does not sync a range": [
    RANGE + 'nic.dma_write(state.addr, bytes"01")' + DESTROY,
    /^report sync_missing$/,
  ],
  "destroys less than is linked": [
    RANGE + SYNC_RANGE + "dma_iova_destroy(nic, state, mapped: 4KiB, dir: from_device)",
    /^report destroy_short$/,
  ],
  "links beyond the range": [
    RANGE + "dma_iova_link(nic, state, buf.phys, offset: 8KiB, size: 4KiB, dir: from_device)",
    /^report link_beyond_range$/,
  ],
  "frees a range that is linked": [
    RANGE + SYNC_RANGE + "dma_iova_free(nic, state)",
    /^report free_while_linked$/,
  ],
  "destroys a range in the wrong direction": [
    RANGE + SYNC_RANGE + "dma_iova_destroy(nic, state, mapped: 8KiB, dir: to_device)",
    /^report unlink_direction$/,
  ],
  "destroys a range twice": [RANGE + SYNC_RANGE + DESTROY + DESTROY, /^report destroy_twice$/],
  "never destroys a range": [RANGE + SYNC_RANGE, /^leak range$/],
  "unmaps a range": [
    RANGE + SYNC_RANGE + "dma_unmap_phys(nic, state.addr, 8KiB, from_device)",
    /^report range_unmapped$/,
  ],
  "links what it has freed": [
    "buf.free()\n" + RANGE + SYNC_RANGE + DESTROY,
    /^report map_freed$/,
  ],
  "fills what is linked": [
    RANGE + SYNC_RANGE + "buf.fill(1)" + DESTROY,
    /^report cpu_access_while_mapped$/,
  ],
  "frees what is linked": [
    RANGE + SYNC_RANGE + "buf.free()" + DESTROY,
    /^report freed_while_mapped$/,
  ],
};

/** Maps half a page. Behind an IOMMU such a mapping is bounced for an untrusted device. */
const HALF = (dir: string) => MAP("2KiB", dir);
const SYNC = (side: string, dir: string) => `dma_sync_single_for_${side}(nic, m, 2KiB, ${dir})\n`;
const POKE = 'poke(buf.phys + 64B, bytes"aa bb")\n';
const KEPT_WRITE = '\nassert peek(buf.phys + 64B, 2B) == bytes"aa bb"';
const OVERWRITTEN = /^report bounced_write_lost$/;

/**
 * The CPU writes to a bounced buffer that it owns, after a sync for the CPU or a map with
 * `skip_cpu_sync`. A later copy from the bounce buffer overwrites what the CPU wrote.
 */
const BOUNCED: Mistakes = {
  "writes to what the unmap overwrites": [
    HALF("from_device") + SYNC("cpu", "from_device") + POKE + UNMAP("2KiB", "from_device"),
    OVERWRITTEN,
  ],
  "fills what the unmap overwrites": [
    HALF("bidirectional") + SYNC("cpu", "bidirectional") + "buf.fill(1)" +
    UNMAP("2KiB", "bidirectional"),
    OVERWRITTEN,
  ],
  "hands back what no sync copies": [
    HALF("from_device") + SYNC("cpu", "from_device") + POKE + SYNC("device", "from_device") +
    'nic.dma_write(m, bytes"01")\n' + SYNC("cpu", "from_device") + UNMAP("2KiB", "from_device"),
    OVERWRITTEN,
  ],
  "writes before the first sync of a mapping that has its own": [
    "let m = dma_map_single(nic, buf, 2KiB, from_device, skip_cpu_sync)\n" + POKE +
    SYNC("cpu", "from_device") + "dma_unmap_single(nic, m, 2KiB, from_device, skip_cpu_sync)",
    OVERWRITTEN,
  ],
  "takes again what it has not handed back": [
    HALF("bidirectional") + SYNC("cpu", "bidirectional") + POKE + SYNC("cpu", "bidirectional") +
    UNMAP("2KiB", "bidirectional"),
    OVERWRITTEN,
  ],
};

/** Calls like those in `BOUNCED` that lose no data. */
const WRITES_KEPT: readonly string[] = [
  HALF("bidirectional") + SYNC("cpu", "bidirectional") + POKE + SYNC("device", "bidirectional") +
  UNMAP("2KiB", "bidirectional") + KEPT_WRITE,
  HALF("to_device") + SYNC("cpu", "to_device") + POKE + SYNC("device", "to_device") +
  UNMAP("2KiB", "to_device") + KEPT_WRITE,
  "let m = dma_map_single(nic, buf, 2KiB, from_device, skip_cpu_sync)\n" +
  SYNC("cpu", "from_device") + POKE +
  "dma_unmap_single(nic, m, 2KiB, from_device, skip_cpu_sync)" + KEPT_WRITE,
  HALF("from_device") + 'nic.dma_write(m, bytes"01")\n' + SYNC("cpu", "from_device") +
  UNMAP("2KiB", "from_device") + POKE + KEPT_WRITE,
];

/** Mistakes with a peer's memory, reached by its bus address or through the host bridge. */
const PEER: Mistakes = {
  "keeps a mapping of a peer": [
    "let p = pci_alloc_p2pmem(gpu, 4KiB)\nlet m = dma_map_phys(nic, p.phys, 4KiB, to_device, mmio)\n" +
    "print m.size",
    KEPT,
  ],
  "writes to a peer against the direction": [
    "let p = pci_alloc_p2pmem(gpu, 4KiB)\nlet m = dma_map_phys(nic, p.phys, 4KiB, to_device, mmio)\n" +
    'nic.dma_write(m, bytes"01")\ndma_unmap_phys(nic, m, 4KiB, to_device, mmio)',
    AGAINST,
  ],
  "runs past a peer's memory": [
    "let p = pci_alloc_p2pmem(gpu, 4KiB)\nlet m = dma_map_phys(nic, p.phys, 4KiB, to_device, mmio)\n" +
    "nic.dma_read(m.addr + 4KiB, 8B)\ndma_unmap_phys(nic, m, 4KiB, to_device, mmio)",
    OUTSIDE,
  ],
  "frees a peer's memory that is mapped": [
    "let p = pci_alloc_p2pmem(gpu, 4KiB)\nlet m = dma_map_phys(nic, p.phys, 4KiB, to_device, mmio)\n" +
    "pci_free_p2pmem(gpu, p)\ndma_unmap_phys(nic, m, 4KiB, to_device, mmio)",
    /^report freed_while_mapped$/,
  ],
  "unmaps a peer's memory short": [
    "let p = pci_alloc_p2pmem(gpu, 4KiB)\nlet m = dma_map_phys(nic, p.phys, 4KiB, to_device, mmio)\n" +
    "dma_unmap_phys(nic, m, 2KiB, to_device, mmio)",
    /^report unmap_size$/,
  ],
};

/** A test on the machine of a mode. */
function scenario(mode: string, body: string): string {
  const key = mode === "untrusted" ? "untrusted = true" : "";
  return `machine { ${MODES[mode]}\n pci { host_bridge hb { whitelisted = true\n` +
    `root_port rp0 { endpoint nic { ${key} } }\nroot_port rp1 { endpoint other { ${key} } }\n` +
    `root_port rp2 { endpoint gpu { p2pmem = 2MiB } } } } }\n` +
    `test "t" {\nlet buf = alloc_pages(2, contiguous: true)\n${body}\n}`;
}

/** Why a test fails: the finding, or the code of the error. */
function found(text: string): string {
  const { failure, incidents } = onlyOutcome(text);
  const told = incidents.find(({ isFailure }) => isFailure);
  return told === undefined ? failure?.code ?? "green" : `${told.kind} ${told.name}`;
}

for (const mode of Object.keys(MODES)) {
  const mistakes = {
    ...MISTAKES,
    ...(mode === "strict" || mode === "lazy" ? TWO_STEP : {}),
    ...(mode === "bounced" ? {} : PEER),
    ...(BOUNCING.has(mode) ? BOUNCED : {}),
  };
  Deno.test(`what a driver author gets wrong is red: ${mode}`, () => {
    const wrong = Object.entries(mistakes).flatMap(([name, [body, expected]]) => {
      const came = found(scenario(mode, body));
      return expected.test(came) ? [] : [`${name}: ${came}`];
    });
    assertEquals(wrong, []);
    // The same actions without mistakes.
    const right = MAP("4KiB", "bidirectional") +
      `nic.dma_write(m, bytes"01")\nnic.dma_read(m, 8B)` +
      UNMAP("4KiB", "bidirectional") + "buf.fill(1)\nbuf.free()\n" +
      "let again = alloc_pages(2)\nlet n = dma_map_phys(nic, again.phys, 8KiB, to_device)\n" +
      "dma_unmap_phys(nic, n, 8KiB, to_device)\nagain.fill(2)\n" + POOL +
      'nic.dma_write(block.addr + 60B, bytes"01 02 03 04")\npool.free(block)\n' +
      'let second = pool.alloc()\nnic.dma_write(second.addr, bytes"01")\n' +
      "nic.dma_read(second.addr, 64B)\npool.free(second)\npool.destroy()";
    assertEquals(failureOf(scenario(mode, right)), null);
    const unbounced = BOUNCING.has(mode)
      ? []
      : [BOUNCED["writes to what the unmap overwrites"]![0] + KEPT_WRITE];
    for (const kept of [...WRITES_KEPT, ...unbounced]) {
      assertEquals([kept, failureOf(scenario(mode, kept))], [kept, null]);
    }
  });
}
