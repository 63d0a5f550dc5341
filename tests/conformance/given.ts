import { GIVEN, GIVEN_TO_SOFTWARE } from "./hmm/hmm_given.ts";

/**
 * The fields of a record that are inputs of a replay, and the fields that are not compared. This is
 * the only list of such fields. All other fields of a record are compared.
 *
 * A field is named by its path. An item of a list is named by its `call` or `op`, or by its first
 * word; values in a list are named by their index. `*` matches any one name, `**` everything below.
 */

/** Kinds of records: the folders of the golden data, and below `kernel/` the kinds of files. */
export type RecordKind =
  | "request"
  | "run"
  | "history"
  | "system call"
  | "defect"
  | "allocator trace"
  | "mapping trace"
  | "page-table trace"
  | "invalidation trace"
  | "bounce-pool trace";

export interface Exception {
  readonly record: RecordKind;
  readonly fields: readonly string[];
  /**
   * `given`: the field is an input of the model. `left out`: the field is not compared; if it is
   * changed, no result changes.
   */
  readonly treatment: "given" | "left out";
  /**
   * Set if the field is an input only for runs without an allocation history. For runs with a
   * history it is compared.
   */
  readonly withoutHistory?: true;
  readonly why: string;
}

/** @param fields Names of fields, separated by blanks. */
function given(record: RecordKind, fields: string, why: string): Exception {
  return { record, fields: fields.split(/\s+/), treatment: "given", why };
}

function leftOut(record: RecordKind, fields: string, why: string): Exception {
  return { ...given(record, fields, why), treatment: "left out" };
}

export const EXCEPTIONS: readonly Exception[] = [
  // Fields of the kernel's requests (kernel/*.jsonl.gz).
  given("request", "id", "Its number is its place in the order of requests."),
  given(
    "request",
    `request.op request.slba request.bytes request.bios** request.cmd_flags request.user_command
     request.nr_phys_segments request.phys_gap_bit request.nr_integrity_segments
     request.integrity** request.integrity_segments** request.mapped_segments**`,
    "What is mapped. The system calls' replay compares most of it: there it must come out.",
  ),
  given(
    "request",
    "request.source",
    "Whether a user waits for it, who learns of a refusal.",
  ),
  given(
    "request",
    "request.group request.submissions**",
    "Which requests were on their way together: a scheduler's tags are taken in that order.",
  ),
  given(
    "request",
    "command.cid device.sqid",
    "The tag and the queue: which request had completed before, and on which CPU it ran, decides.",
  ),
  given(
    "request",
    "map.dma_pool_alloc.inner.iommu_map.phys map.dma_pool_alloc.inner.dma_alloc.dma",
    "Where the kernel found a page for a pool to grow by. Behind an IOMMU the second must come out.",
  ),
  {
    ...given(
      "request",
      `map.*.inner.iova_alloc.iova map.*.inner.iova_alloc.source map.*.inner.swiotlb_map_single.tlb
     map.dma_pool_alloc.dma`,
      "What was free depends on all that ran before.",
    ),
    withoutHistory: true,
  },
  leftOut("request", "driver**", "The driver's own fields, which no rule promises."),
  leftOut("request", "verified**", "Checks of the recording itself."),
  leftOut("request", "device.errors**", "What the emulated controller wrote into its log."),
  leftOut("request", "cpu", "The history names the CPU of each of its lines."),
  leftOut(
    "request",
    "sg.flags**",
    "Which entries of a scatterlist were bounced: its calls say it.",
  ),
  leftOut(
    "request",
    "request.kind request.user_bytes",
    "How the test program came to it.",
  ),
  // Histories of allocations (kernel/history/).
  given(
    "history",
    "events.request[1] events.complete[1] events.fq_timer[1]",
    "The order in which requests began and ended, and the moments of the flush timer: time decides.",
  ),
  given(
    "history",
    "events.*[1]",
    "On which CPU it happened.",
  ),
  given(
    "history",
    "events.iommu_map** events.iommu_unmap**",
    "Work of the driver that belongs to no request: queues, admin commands, pools at their beginning.",
  ),
  leftOut(
    "history",
    "events.dma_** events.iotlb_flush_all[1]",
    "The same work once more, by its calls.",
  ),
  leftOut(
    "history",
    "name kernel config** id_prefix swiotlb_pool** reserved_iova_pfn_ranges**",
    "Said by limits.json, which is read instead.",
  ),

  // Descriptions of runs (kernel/limits.json).
  given(
    "run",
    "kernel config.* reserved_iova_pfn_ranges** swiotlb_pool** dropped",
    "The machine, its kernel and its settings. The mode is given as far as it says that passthrough " +
      "was asked for, which no other key says; whether the rest is strict or lazy must come out.",
  ),
  leftOut("run", "cases missed_probe_hits", "Counts of the recording itself."),

  // System calls (kernel/submissions/), and the requests that they caused.
  given(
    "system call",
    "submission how op slba bytes pieces** kind",
    "What the program asked for. Its kinds of layouts tell which buffers lie in large pages, which no " +
      "address shows.",
  ),
  given(
    "system call",
    "request.group request.submissions** request.cmd_flags",
    "Which calls a request holds parts of, and which were submitted together. Of the flags, the one " +
      "that closes a request to others must come out.",
  ),
  leftOut(
    "system call",
    "request.source request.kind request.user_bytes request.integrity_segments**",
    "Who asked; and metadata of several bios, which is compared by its number.",
  ),
  given(
    "system call",
    "request.integrity**",
    "The address of metadata that the kernel made: it decides whether the metadata of two bios joins.",
  ),

  // Recorded defects (defects/).
  given(
    "defect",
    `id kernel machine.iommu machine.granule machine.cpus machine.controller.sgl
     machine.controller.metadata_sgl machine.controller.metadata_bytes_per_block
     machine.controller.mdts machine.limits.logical_block_size injection**`,
    "The machine, and what was made to fail. A soft limit above the default was written by " +
      "the user, and is taken; any other must result. Some scenarios are reported by their name only: where the " +
      "peer sits, and that a device above cuts first.",
  ),
  given(
    "defect",
    `steps[] steps[].request.kind steps[].request.op steps[].request.offset_bytes
     steps[].request.pieces** steps[].request.pieces_rule steps[].request.data**
     steps[].request.metadata** steps[].request.metadata_second_page steps[].request.blocks_each
     steps[].request.metadata_pages**`,
    "What the program asked for.",
  ),
  given(
    "defect",
    "steps[].commands[].tag steps[].attempts steps[].damage.other_memory",
    "How fast the device was; how often a request was tried until the measurement was stopped; " +
      "which memory the program aimed at.",
  ),
  leftOut(
    "defect",
    `switch cases[] title method whole_run** steps[].label steps[].request.memory
     steps[].request.metadata_length steps[].**note machine.controller.protection_type`,
    "Names and remarks, sums over runs that are not recorded, and what no rule of mapping looks at.",
  ),

  // Generated traces: the arguments of each operation are given, and all its results are compared.
  given(
    "allocator trace",
    `init.granule init.start_pfn *.cpu init.cpus *.size *.limit_pfn alloc_fast.flush
     free_fast.pfn alloc.aligned free.pfn reserve.lo reserve.hi find.pfn advance.ms`,
    "Arguments.",
  ),
  given(
    "mapping trace",
    `reserved.ranges** init.** *.cpu *.dir *.size *.phys *.id *.offset *.mapped_len
     unmap_phys.dma map_sg.in** advance.ms`,
    "Arguments.",
  ),
  given(
    "page-table trace",
    "init.** *.iova *.paddr *.size leaves.first leaves.last pgsize.pgsize_bitmap",
    "Arguments.",
  ),
  given(
    "invalidation trace",
    "init.** *.op *.iova *.size",
    "Operations with their arguments, and when the kernel's timer flushes the queue.",
  ),
  given(
    "bounce-pool trace",
    `init.slots init.areas_asked init.start *.min_align_mask *.seg_boundary_mask *.cpu *.orig
     *.size *.alloc_align_mask *.dir unmap.tlb sync_for_cpu.tlb sync_for_device.tlb *.skip_sync
     size_for_cpus.slots_before size_for_cpus.cpus`,
    "Arguments.",
  ),
];

/** Index in `EXCEPTIONS` of the entry for a field; -1 for a field that is compared. */
export function exceptionOf(record: RecordKind, field: string, hasHistory: boolean): number {
  return EXCEPTIONS.findIndex((exception) =>
    exception.record === record && !(hasHistory && exception.withoutHistory) &&
    exception.fields.some((pattern) => patternOf(pattern).test(field))
  );
}

function patternOf(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.[\]]/g, "\\$&");
  return new RegExp(
    `^${escaped.replaceAll(/\*\*|\*/g, (stars) => stars === "**" ? ".*" : "[^.]*")}$`,
  );
}

/** Markdown lines: one row for each entry, in the order of the list. */
export function givenTable(): readonly string[] {
  return [
    "| record | fields | treatment | why |",
    "| --- | --- | --- | --- |",
    ...EXCEPTIONS.map(({ fields, record, treatment, why, withoutHistory }) => {
      const words = withoutHistory === true ? `${treatment}, without a history only` : treatment;
      return `| ${record} | ${code(fields)} | ${words} | ${why} |`;
    }),
  ];
}

/**
 * The table for the operations of page-wise maps. All fields that the table does not list are
 * compared.
 */
export function givenOfMapsTable(): readonly string[] {
  return [
    "| operations | given fields | why |",
    "| --- | --- | --- |",
    ...[...GIVEN, ...GIVEN_TO_SOFTWARE].map(({ fields, ops, why }) =>
      `| ${code(ops)} | ${fields.length === 0 ? "all" : code(fields)} | ${why} |`
    ),
  ];
}

function code(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}
