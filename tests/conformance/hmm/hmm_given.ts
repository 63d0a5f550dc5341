/**
 * The fields that the replay of tests/golden/hmm takes from the record instead of working them out:
 * the one list. Every field of an operation that is not listed here is compared.
 * docs/dev/conformance.md shows the list, and says which parts of compared fields come from the
 * record all the same.
 */
import type { InnerLine } from "../inner_record.ts";
import type { Json } from "../difference.ts";

/** Fields of operations that are given, and why. */
export interface GivenFields {
  readonly ops: readonly string[];
  readonly fields: readonly string[];
  readonly why: string;
}

const ASKED_FOR = "What the program asked for.";

/** Operations on a machine with a DMA API. */
export const GIVEN: readonly GivenFields[] = [
  { ops: ["try_alloc", "link"], fields: ["state", "phys", "size"], why: ASKED_FOR },
  {
    ops: ["link", "sync", "unlink", "destroy", "free"],
    fields: ["state", "offset", "size", "mapped", "dir", "attrs"],
    why: ASKED_FOR,
  },
  { ops: ["map_phys"], fields: ["phys", "size", "dir", "attrs"], why: ASKED_FOR },
  { ops: ["unmap_phys"], fields: ["dma", "size", "dir", "attrs"], why: ASKED_FOR },
  { ops: ["set_mask", "set_min_align_mask"], fields: ["mask"], why: ASKED_FOR },
  { ops: ["table", "residual_removed"], fields: ["from", "pages"], why: ASKED_FOR },
  { ops: ["hmm_alloc"], fields: ["map", "entries", "entry_size"], why: ASKED_FOR },
  {
    ops: ["hmm_free", "hmm_map", "hmm_unmap", "dma_list_entry"],
    fields: ["map", "index"],
    why: ASKED_FOR,
  },
  { ops: ["set_entry"], fields: ["map", "index", "pfns"], why: "What the program wrote." },
  {
    ops: ["notifier_add", "notifier_remove"],
    fields: ["map", "pages", "mode"],
    why: ASKED_FOR,
  },
  {
    ops: ["memory", "race"],
    fields: ["what", "map", "page", "pages"],
    why: "What the process, or another thread during the next fault, did to its memory.",
  },
  {
    ops: ["range_fault"],
    fields: ["map", "page", "pages", "default", "mask"],
    why: ASKED_FOR,
  },
  {
    ops: ["memory_blocks"],
    fields: ["phys", "bytes"],
    why: "Memory of the test program: where the kernel found it.",
  },
  { ops: ["peer_pfn"], fields: ["pfn"], why: "Where the BIOS put another function's BAR." },
];

/** Operations on software that pages on demand. */
export const GIVEN_TO_SOFTWARE: readonly GivenFields[] = [
  {
    ops: ["caps"],
    fields: ["device", "general", "rc", "uc", "ud"],
    why: "What the driver says of itself.",
  },
  {
    ops: ["register", "prefetch", "memory"],
    fields: ["addr", "length", "on_demand", "write", "huge", "kind", "what"],
    why: ASKED_FOR,
  },
  { ops: ["deregister"], fields: [], why: ASKED_FOR },
];

/** The fields of an operation that are given, or null for an operation that is not known. */
export function givenOf(table: readonly GivenFields[], op: string): ReadonlySet<string> | null {
  const rows = table.filter(({ ops }) => ops.includes(op));
  return rows.length === 0 ? null : new Set(rows.flatMap(({ fields }) => fields));
}

/** A range that no address of the model reaches. */
const BEYOND = /^0x[0-9a-f]{16,}$/;

/** The given parts of an operation's answer: numbers of frames, and facts beyond the model. */
export function isGivenResult(field: string, value: Json): boolean {
  return field.includes(".pfns") || typeof value === "string" && BEYOND.test(value);
}

/** Entries of a list of page frames: first, how many, flags, order, frame number, step. */
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

/** What facts.json says of one file. */
export interface HmmFacts {
  readonly name: string;
  readonly kernel: string;
  readonly mapping?: string;
  readonly variation?: readonly string[];
  readonly caching_mode?: boolean;
  readonly scalable_mode?: boolean;
  readonly first_stage_tables?: boolean;
  /** The kernel's value in the end. */
  readonly domain_type?: "DMA" | "DMA-FQ";
  readonly reserved_iova?: readonly (readonly [number, number])[];
  readonly bounce_pool?: readonly [number, number];
  readonly system_ram?: readonly (readonly [number, number])[];
}
