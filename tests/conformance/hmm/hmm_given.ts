/**
 * The fields that the replay of tests/golden/hmm takes from the record as inputs. This is the only
 * list of such fields. All other fields of an operation are compared. docs/dev/conformance.md shows
 * the list, and says which parts of compared fields come from the record as well.
 */
import type { InnerLine } from "../inner_record.ts";
import type { Json } from "../difference.ts";

/** Fields of operations that are inputs, and why. */
export interface GivenFields {
  readonly ops: readonly string[];
  readonly fields: readonly string[];
  readonly why: string;
}

/**
 * @param ops Names of operations, separated by blanks.
 * @param fields Names of fields, separated by blanks.
 */
function given(ops: string, fields: string, why = "What the program asked for."): GivenFields {
  return { ops: ops.split(" "), fields: fields === "" ? [] : fields.split(" "), why };
}

/** Operations on a machine with a DMA API. */
export const GIVEN: readonly GivenFields[] = [
  given("try_alloc link", "state phys size"),
  given("link sync unlink destroy free", "state offset size mapped dir attrs"),
  given("map_phys", "phys size dir attrs"),
  given("unmap_phys", "dma size dir attrs"),
  given("set_mask set_min_align_mask", "mask"),
  given("table residual_removed", "from pages"),
  given("hmm_alloc", "map entries entry_size"),
  given("hmm_free hmm_map hmm_unmap dma_list_entry", "map index"),
  given("set_entry", "map index pfns", "What the program wrote."),
  given("notifier_add notifier_remove", "map pages mode"),
  given(
    "memory race",
    "what map page pages",
    "What the process, or another thread during the next fault, did to its memory.",
  ),
  given("range_fault", "map page pages default mask"),
  given("memory_blocks", "phys bytes", "Memory of the test program: where the kernel found it."),
  given("peer_pfn", "pfn", "Where the BIOS put another function's BAR."),
];

/** Operations on a software device with on-demand paging. */
export const GIVEN_TO_SOFTWARE: readonly GivenFields[] = [
  given("caps", "device general rc uc ud", "What the driver says of itself."),
  given("register prefetch memory", "addr length on_demand write huge kind what"),
  given("deregister", ""),
];

/** The input fields of an operation, or null for an unknown operation. */
export function givenOf(table: readonly GivenFields[], op: string): ReadonlySet<string> | null {
  const rows = table.filter(({ ops }) => ops.includes(op));
  return rows.length === 0 ? null : new Set(rows.flatMap(({ fields }) => fields));
}

/** A number of 64 bits that the model's addresses cannot represent. */
const BEYOND = /^0x[0-9a-f]{16,}$/;

/**
 * Whether a part of an operation's result is an input. Inputs are frame numbers, and numbers that
 * the model cannot represent.
 */
export function isGivenResult(field: string, value: Json): boolean {
  return field.includes(".pfns") || typeof value === "string" && BEYOND.test(value);
}

/** A run of entries in a list of page frames: first index, count, flags, order, frame number, step. */
export type PfnRun = readonly [number, number, string, number, number, number];

/** One operation of a case, with its arguments and results. */
export interface HmmOp {
  readonly op: string;
  readonly inner?: readonly InnerLine[];
  readonly pfns?: readonly PfnRun[];
  readonly [field: string]: Json | undefined;
}

export interface HmmCase {
  readonly id: string;
  readonly kind: string;
  readonly family: string;
  readonly ops: readonly HmmOp[];
}

/** The description of a file in facts.json. */
export interface HmmFacts {
  readonly name: string;
  readonly kernel: string;
  readonly mapping?: string;
  readonly variation?: readonly string[];
  readonly caching_mode?: boolean;
  readonly scalable_mode?: boolean;
  readonly first_stage_tables?: boolean;
  /** The domain's type at the end. */
  readonly domain_type?: "DMA" | "DMA-FQ";
  readonly reserved_iova?: readonly (readonly [number, number])[];
  readonly bounce_pool?: readonly [number, number];
  readonly system_ram?: readonly (readonly [number, number])[];
}
