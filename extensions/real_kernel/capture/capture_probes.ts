/**
 * Probes that are armed only for a capture. They record the memory of requests, scatterlists,
 * descriptors and commands, and the operations inside mapping calls. The guest replaces names in
 * braces (see `guest/init.c`).
 */

/** Number of 64-bit words that one argument of a probe can hold. */
export const ARRAY_WORDS = 64;
/**
 * Number of arrays in one event. The text of an event has to fit into 4096 bytes, because the
 * kernel leaves out a longer line.
 */
export const ARRAYS = 3;
export const EVENT_WORDS = ARRAYS * ARRAY_WORDS;
/**
 * Number of words that are read of each structure: a bio's vectors, a scatterlist, a block of
 * descriptors.
 */
const MAX_WORDS = 512;
/** Indices of the events that are needed to read `MAX_WORDS` words. */
export const PARTS: readonly number[] = Array.from(
  { length: Math.ceil(MAX_WORDS / EVENT_WORDS) },
  (_, part) => part,
);
/** Number of a request's bios that are read. */
export const MAX_BIOS = 2;
export const WORDS_PER_VEC = 2;
export const WORDS_PER_ENTRY = 4;

/** Fetch arguments for arrays of words at an address. @param from Index of the first word. */
function words(address: string, from: number): string {
  return Array.from({ length: ARRAYS }, (_, index) => {
    const offset = 8 * (from + index * ARRAY_WORDS);
    return `w${index}=+${offset}(${address}):x64[${ARRAY_WORDS}]`;
  }).join(" ");
}

/** The fetch expression for a request's bio. @param request The register with the request. */
function bio(request: string, index: number): string {
  let address = `+{request.bio}(${request})`;
  for (let at = 0; at < index; at++) address = `+{bio.bi_next}(${address})`;
  return address;
}

function probe(name: string, target: string, fetch: string, ...otherFetches: string[]): string {
  const forms = [fetch, ...otherFetches].map((each) => `p:lab/${name} ${target} ${each}`);
  return `probe ${forms.join("\t")}`;
}

/** A probe on the first of these functions that the kernel has. */
function probeEither(name: string, targets: readonly string[], fetch: (target: string) => string) {
  return `probe ${targets.map((each) => `p:lab/${name} ${each} ${fetch(each)}`).join("\t")}`;
}

function returns(name: string, targets: readonly string[], fetch = ""): string {
  return `probe ${targets.map((target) => `r:lab/${name} ${target} ${fetch}`.trim()).join("\t")}`;
}

const REQUEST = "%si";
const HEAD = `req=${REQUEST}:x64 bytes=+{request.__data_len}(${REQUEST}):u32` +
  ` flags=+{request.cmd_flags}(${REQUEST}):u32 segments=+{request.nr_phys_segments}(${REQUEST}):u16` +
  ` integrity=+{request.nr_integrity_segments}(${REQUEST}):u16`;

/** A probe that reads one part of a bio's vectors. */
function bioProbe(index: number, part: number): string {
  const address = bio(REQUEST, index);
  const iter = (member: string) => `+{bio.bi_iter+bvec_iter.${member}}`;
  const head = `bio=${address}:x64 size=${iter("bi_size")}(${address}):u32` +
    ` index=${iter("bi_idx")}(${address}):u32 next=+{bio.bi_next}(${address}):x64`;
  const from = part * EVENT_WORDS;
  const vecs = words(`+{bio.bi_io_vec}(${address})`, from);
  return probe(
    `bio${index}_${part}`,
    "nvme_setup_cmd",
    `${head} done=${iter("bi_bvec_done")}(${address}):u32 ${vecs}`,
    `${head} done=${iter("bi_offset")}(${address}):u32 ${vecs}`,
  );
}

/**
 * A probe that reads the first vectors of a bio's metadata, which the block layer calls integrity
 * data.
 */
function metadataProbe(index: number): readonly string[] {
  const name = `metadata${index}`;
  const payload = `+{bio.bi_integrity}(${bio(REQUEST, index)})`;
  const iter = (member: string) =>
    `+{bio_integrity_payload.bip_iter+bvec_iter.${member}}(${payload}):u32`;
  const head = `payload=${payload}:x64 size=${iter("bi_size")} index=${iter("bi_idx")}` +
    ` w0=+0(+{bio_integrity_payload.bip_vec}(${payload})):x64[${ARRAY_WORDS}]`;
  return [
    probe(
      name,
      "nvme_setup_cmd",
      `${head} done=${iter("bi_bvec_done")}`,
      `${head} done=${iter("bi_offset")}`,
    ),
    filter(name, `payload >= ${FIRST_KERNEL_ADDRESS}`),
  ];
}

const UNMAPPED =
  "a=%di:x64 b=%si:x64 sqea=+0(+{request}(%di)):x64[8] sqeb=+0(+{request}(%si)):x64[8]";
/** Fetch arguments for a function's parameters. @param each `NAME:ARGUMENT:TYPE`. */
function argumentsOf(target: string, ...each: readonly string[]): string {
  return each.map((text) => {
    const [name, argument, type] = text.split(":");
    return `${name}={${target}:${argument}}:${type}`;
  }).join(" ");
}

const BOUNCED = argumentsOf(
  "swiotlb_tbl_map_single",
  ...["orig:orig_addr:x64", "size:mapping_size:u64", "align:alloc_align_mask:u64", "dir:dir:s32"],
);
/**
 * Events with a lower pointer are dropped, because a fetch through a null pointer can return any
 * number.
 */
const FIRST_KERNEL_ADDRESS = "0xffff800000000000";

/** The probe lines of the guest's plan. */
export const CAPTURE_PROBES: readonly string[] = [
  probe(
    "setup",
    "nvme_setup_cmd",
    `${HEAD} gap=+{request.phys_gap_bit}(${REQUEST}):u8`,
    HEAD,
  ),
  ...Array.from({ length: MAX_BIOS }, (_, index) => index).flatMap((index) =>
    PARTS.flatMap((part) => [
      bioProbe(index, part),
      ...index === 0 ? [] : [filter(`bio${index}_${part}`, `bio >= ${FIRST_KERNEL_ADDRESS}`)],
    ])
  ),
  ...Array.from({ length: MAX_BIOS }, (_, index) => metadataProbe(index)).flat(),
  returns("queue_ret", ["nvme_queue_rq"], "status=$retval:u8"),
  // The position of the request among the arguments differs between kernel releases. Therefore the
  // arguments at all these positions are read, and the argument that matches a known request is
  // used.
  ...[
    ["unmap_data", "nvme_unmap_data"],
    ["unmap_metadata", "nvme_unmap_metadata"],
    ["complete", "nvme_pci_complete_rq"],
  ].map(([name, target]) => probe(name!, target!, UNMAPPED)),
  returns("unmap_one_ret", ["dma_unmap_phys", "dma_unmap_page_attrs"]),
  returns("map_sg_ret", ["__dma_map_sg_attrs", "dma_map_sg_attrs"], "ret=$retval:s32"),
  ...PARTS.flatMap((part) => [
    probe(
      `list_${part}`,
      "dma_unmap_sg_attrs",
      `list=%si:x64 nents=%dx:s32 ${words("%si", part * EVENT_WORDS)}`,
    ),
    filter(`list_${part}`, `nents > ${part * EVENT_WORDS / WORDS_PER_ENTRY}`),
  ]),
  probe("pool_of_alloc", "dma_pool_alloc", "size=+{dma_pool.size}(%di):u32"),
  ...PARTS.flatMap((part) => [
    probe(
      `block_${part}`,
      "dma_pool_free",
      "size=+{dma_pool.size}(%di):u32 vaddr=%si:x64 dma=%dx:x64 " +
        words("%si", part * EVENT_WORDS),
    ),
    filter(`block_${part}`, `size > ${8 * part * EVENT_WORDS}`),
  ]),
  ...[["iter_start", "blk_rq_dma_map_iter_start", "$arg4"], [
    "iter_next",
    "blk_rq_dma_map_iter_next",
    "$arg3",
  ]].map(
    ([name, target, iter]) =>
      returns(
        name!,
        [target!],
        `ok=$retval:u8 addr=+{blk_dma_iter.addr}(${iter}):x64 size=+{blk_dma_iter.len}(${iter}):u32`,
      ),
  ),
  probe("unlink", "dma_iova_unlink", "dma=+0(%si):x64 offset=%dx:u64 size=%cx:u64"),
  probe("coherent", "dma_alloc_attrs", "size=%si:u64"),
  returns("coherent_ret", ["dma_alloc_attrs"]),
  probe("tree", "alloc_iova", "pages=%si:u64"),
  probe("flush_all", "intel_flush_iotlb_all", ""),
  probe(
    "bounce_map",
    "swiotlb_tbl_map_single",
    ...["io_tlb_mem.", "io_tlb_mem.defpool+io_tlb_pool."].map((pool) => {
      const bound = (member: string) =>
        `${member}=+{${pool}${member}}(+{device.dma_io_tlb_mem}(%di)):x64`;
      return `${BOUNCED} ${bound("start")} ${bound("end")}`;
    }) as [string, string],
  ),
  returns("bounce_map_ret", ["swiotlb_tbl_map_single"], "tlb=$retval:x64"),
  probe(
    "iommu_bounce",
    "iommu_dma_map_swiotlb",
    argumentsOf("iommu_dma_map_swiotlb", "phys:phys:x64", "size:size:u64"),
  ),
  returns("iommu_bounce_ret", ["iommu_dma_map_swiotlb"], "ret=$retval:x64"),
  probe(
    "bounce_link",
    "iommu_dma_iova_bounce_and_link",
    argumentsOf(
      "iommu_dma_iova_bounce_and_link",
      ...["addr:addr:x64", "phys:phys:x64", "len:bounce_len:u64"],
    ),
  ),
  probeEither(
    "bounce_unmap",
    ["swiotlb_tbl_unmap_single", "__swiotlb_tbl_unmap_single"],
    () => "tlb=%si:x64 size=%dx:u64 dir=%cx:s32 attrs=%r8:u64",
  ),
  probe("bounce_copy", "swiotlb_bounce", "tlb=%si:x64 size=%dx:u64 dir=%cx:s32"),
];

/** A line of the plan that keeps only the events for which a condition holds. */
function filter(event: string, condition: string): string {
  return `write /sys/kernel/tracing/events/lab/${event}/filter ${condition}`;
}
