/**
 * Named constants: the bare words of the language, with the kernel's own spelling as an alias.
 *
 * A word means only itself, so the same word may be used in several places: `mmio` is a kind of
 * region and an attribute, `read` an operation and an access. Words in the fields of an event are
 * defined with the field, in the runtime's vocabulary. To add any other word, add it to its group
 * in this file.
 */
import { groupBy } from "@dmalab/runtime/basics";
import { EVENT_TABLE, IOMMU_MODELS, LATENCY_PRESETS, wordSets } from "@dmalab/runtime";
import { MAP_BRANCH, MAP_FAILURE } from "@dmalab/runtime/dma";
import type { EventTable, WordSet } from "@dmalab/runtime/vocabulary";
import { STATUS_CODES, STATUS_TYPES } from "@dmalab/devices";
import { EnumValue } from "../values/value.ts";
import { once } from "./describe/once.ts";
import { NUMBERS, orderText } from "./number_forms.ts";
import { HMM_MODES } from "./types/rdma/hmm_modes.ts";

/** One constant, for help and the reference page. */
export interface WordSpec {
  /** The spelling used in output. */
  readonly name: string;
  /** Other spellings that mean the same. */
  readonly aliases: readonly string[];
  /** The title of the set to which the word belongs. */
  readonly group: string;
  readonly doc: string;
}

function group(
  title: string,
  docs: Readonly<Record<string, string>>,
  kernelPrefix?: string,
): WordSet[] {
  return [{ title, docs, ...kernelPrefix === undefined ? {} : { kernelPrefix } }];
}

const OPERATIONS = group("operation", {
  read: "Disk to memory.",
  write: "Memory to disk.",
  flush: "Make written data durable; transfers no data.",
  write_zeroes: "Write zeroes without a data transfer.",
  discard: "Tell the disk that it may deallocate the blocks.",
}, "REQ_OP_");

/** Reasons in logs, in addition to the fault reasons of the machine. */
const LOGGED_REASONS = group("reason in a fault log", {
  not_allowed: "No permission, for another reason than read or write.",
  no_entry: "The IOMMU has no entry for the device, or none for its address space.",
  bad_entry: "An entry is present and invalid.",
  fetch_failed: "The IOMMU could not read its own tables.",
  ats_refused: "A translation request of the device (ATS) was rejected.",
  interrupt_refused: "An interrupt was rejected.",
  command_failed: "A command to the IOMMU failed.",
});

const ENDS = group("end of a block on a machine of its own", {
  not_in_release: "The machine's release lacks what the block called.",
});

export const VERDICTS = {
  never_mapped: "Nothing was ever mapped there for the device.",
  use_after_unmap: "A call unmapped it before the device accessed it.",
  stale_iotlb: "It is unmapped, but a stale IOTLB entry lets the device through.",
  wrong_direction: "A mapping exists, for the other direction.",
  past_end: "The address lies past the end of a mapping.",
  before_start: "The address lies before the start of a mapping.",
  not_linked: "The IOVA range was allocated, but nothing was linked there.",
  sync_missing:
    "It is linked, but the IOTLB caches the not-present entry: dma_iova_sync() is missing.",
  physical_address: "It is the physical address of mapped memory, not the device's address.",
  cut_address: "It is the low bits of a mapping's address: the device drives fewer bits.",
  other_device: "It is mapped for another device.",
  group_owned: "A process owns the device's IOMMU group: what drivers mapped is out of reach.",
  group_left: "The device's IOMMU group left the container of VFIO that has it mapped.",
  error_value: "It is the error value of a map that failed.",
  out_of_range: "It has more bits than the IOMMU translates.",
  access_allowed: "A mapping exists and allows the access.",
  not_translated: "The device is not translated in this machine.",
  injected: "The scenario injected the fault.",
  no_device: "This machine has no such device.",
  not_a_mapping: "The line does not report an access to a mapping.",
} as const;

/** Words in the status of an NVMe completion. */
const NVME_STATUS = [
  ...group(
    "type of an NVMe status",
    mapValues(STATUS_TYPES, ({ number, says }) => `${says}: type ${number}.`),
  ),
  ...group(
    "NVMe status code",
    mapValues(STATUS_CODES, ([code, says]) => `${says}: 0x${code.toString(16).padStart(3, "0")}.`),
  ),
];

function mapValues<T>(
  rows: Readonly<Record<string, T>>,
  doc: (row: T) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, doc(row)]));
}

const MACHINE_WORDS = [
  ...group("IOMMU mode", {
    off: "No IOMMU: devices see physical addresses; also: the checker is off.",
    passthrough: "An IOMMU that does not translate.",
    strict: "Translated; every unmap invalidates at once.",
    lazy: "Translated; invalidations are collected in a flush queue.",
  }),
  ...group("IOMMU model", mapValues(IOMMU_MODELS, ({ doc }) => doc)),
  ...group("scheduler", {
    mq_deadline: "Requests wait for a worker, which dispatches them in the order of their sectors.",
  }),
  ...group("checker and leaks", {
    report: "Findings are printed and counted.",
    fail: "Findings fail the test.",
    allow: "Leaks are not reported.",
  }),
  ...group("region type", { ram: "A named part of the RAM." }),
  ...group("ACS bit", {
    source_validation: "Requests must carry the right requester.",
    translation_blocking: "Translated requests are blocked.",
    request_redirect: "Peer requests go up to the root complex.",
    completion_redirect: "Peer completions go up to the root complex.",
    upstream_forwarding: "Forward upstream what a component below has redirected upstream.",
    egress_control: "A bit vector says which ports peers may reach.",
    direct_translated: "Translated requests go straight to the peer.",
    all: "Every service that the function's access control implements.",
    unknown: "It is unknown whether the function has ACS.",
  }),
  ...group("preset of latencies", mapValues(LATENCY_PRESETS, ({ doc }) => doc)),
  ...group("maker of the CPU", {
    intel: "Intel.",
    hygon: "Hygon, whose cores are AMD's.",
    arm: "Arm.",
    other: "Any other.",
  }),
];

/** Words in the results of queries about the machine. */
const VIEW_WORDS = [
  ...group("whether SGLs are used", {
    unsupported: "The queue supports none.",
    supported: "They are used for large segments.",
    forced: "Required: PRPs cannot describe the request.",
  }),
  ...group(
    "map branch",
    Object.fromEntries(
      [...Object.values(MAP_BRANCH), ...Object.values(MAP_FAILURE)]
        .map(({ name, doc }) => [name, doc]),
    ),
  ),
  ...group("cache line", {
    clean: "Not cached, or the CPU's copy equals memory.",
    dirty: "The CPU has written it and not written it back.",
    conflict: "The CPU and a device have both written it: one of the writes will be lost.",
  }),
  ...group("IOVA use", {
    mapped: "The page table has an entry for it.",
    taken: "Allocated, with nothing linked in it.",
    cached: "Freed, and kept in an rcache for the next one of its size.",
    waiting: "Freed in lazy mode: queued for a deferred flush.",
    reserved: "Never allocated.",
  }),
  ...group("limit setter", {
    controller: "What the controller supports.",
    dma_mapping: "The mapping layer's limit for mappings without extra cost.",
    driver: "The driver's own limit.",
    block_layer: "The block layer's default.",
    user: "The user's setting.",
    max_transfer: "It follows from the hardware limit of one transfer.",
  }),
  ...group("mark of a bus address in a list entry", {
    dma_flags: "In the entry's dma_flags.",
    page_link: "In a spare bit of the entry's page_link, as first proposed.",
  }),
  ...group("flag of a page's entry", {
    valid: "A page is present.",
    error: "The page is poisoned.",
    dma_mapped: "The page is mapped for the device.",
    p2pdma: "Memory of a peer, reached through the host bridge.",
    p2pdma_bus: "Memory of a peer, reached by its bus address.",
  }),
  ...group("how a page-wise map reaches memory", HMM_MODES),
  ...group("kind of memory region", {
    explicit: "An address range that the driver registered.",
    implicit: "The whole address space of a process.",
    child: "A part of an implicit one.",
  }),
  ...group("fill pattern", {
    counting: "Byte k holds k modulo 256.",
    random: "Bytes from the machine's seeded generator.",
  }),
];

const EVENT_NAMES = group(
  "event",
  Object.fromEntries(
    Object.entries(EVENT_TABLE).filter(([name]) => !name.includes("."))
      .map(([name, { when }]) => [name, `The event: ${when}.`]),
  ),
);

const NUMBER_FORMS = group(
  "number in bytes",
  Object.fromEntries(
    NUMBERS.map((number) => [number.name, `A field of \`unpack\`: ${orderText(number)}.`]),
  ),
);

/** The sets of words; each set once, even if several fields use it. */
const SETS: readonly WordSet[] = [
  ...wordSets(),
  ...OPERATIONS,
  ...LOGGED_REASONS,
  ...group("verdict on a fault log", VERDICTS),
  ...ENDS,
  ...NVME_STATUS,
  ...MACHINE_WORDS,
  ...VIEW_WORDS,
  ...NUMBER_FORMS,
  ...EVENT_NAMES,
];

function aliasesOf(name: string, { kernelPrefix }: WordSet): string[] {
  return kernelPrefix === undefined ? [] : [kernelPrefix + name.toUpperCase()];
}

/** Every constant, group by group. Built at the first access: only help shows them. */
export const wordSpecs: () => readonly WordSpec[] = once(makeWordSpecs);

function makeWordSpecs(): readonly WordSpec[] {
  const specs = new Map<string, WordSpec>();
  for (const set of SETS) {
    for (const [name, doc] of Object.entries(set.docs)) {
      specs.set(`${set.title} ${name}`, {
        name,
        aliases: aliasesOf(name, set),
        group: set.title,
        doc,
      });
    }
  }
  return [...groupBy(specs.values(), ({ group }) => group).values()].flat();
}

function buildWords(): ReadonlyMap<string, EnumValue> {
  const words = new Map<string, EnumValue>();
  for (const set of SETS) {
    for (const name of Object.keys(set.docs)) {
      const word = words.get(name) ?? new EnumValue(name);
      words.set(name, word);
      for (const alias of aliasesOf(name, set)) words.set(alias, word);
    }
  }
  return words;
}

/** Every spelling with its constant; all spellings of one constant have the same `EnumValue`. */
export const WORDS: ReadonlyMap<string, EnumValue> = buildWords();

/** Every spelling of `WORDS`, and of the words of an event table, with its constant. */
export function wordsWith(events: EventTable): ReadonlyMap<string, EnumValue> {
  const sets = Object.values(events).flatMap(({ fields }) =>
    Object.values(fields).flatMap((field) => field.sets)
  );
  const added = new Set(sets.flatMap(({ docs }) => Object.keys(docs)));
  return added.size === 0
    ? WORDS
    : new Map([...[...added].map((name) => [name, new EnumValue(name)] as const), ...WORDS]);
}

/**
 * The constant with a name. If the name is not listed, for example a name in an event's `why`, a
 * new constant is made.
 */
export function wordValue(name: string): EnumValue {
  return WORDS.get(name) ?? new EnumValue(name);
}
