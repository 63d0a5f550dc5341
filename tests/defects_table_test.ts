/**
 * The tables of docs/rules/defects.md, row by row: the effect of each switch on a request in each
 * mode. Without the switch, nothing must be wrong.
 */
import { assertEquals } from "@std/assert";
import {
  CaseRun,
  type HuntFault,
  type HuntIo,
  type HuntMachine,
  type HuntStep,
  type MetadataShape,
  type PieceRun,
  type Violation,
} from "@dmalab/hunt";
import { readRow } from "@dmalab/cli";
import {
  type KernelProfile,
  KERNELS,
  type QuirkName,
  type QuirkSet,
} from "@dmalab/runtime/kernels";

const PAGE = Deno.readTextFileSync(new URL("../docs/rules/defects.md", import.meta.url));

const PLAIN: HuntMachine = {
  mode: "off",
  table: "vtd",
  forceBounce: false,
  untrusted: false,
  coherent: true,
  dmaMaskBits: 64,
  sgl: false,
  sglThresholdBytes: 32768,
  blockSizeBytes: 512,
  metadataBytes: 0,
  metadataSgl: false,
  mdtsBytes: null,
  // With this depth there is only one tag, so that each request gets the data that the last request
  // left.
  depth: 2,
  peer: "none",
  given: null,
};
const METADATA_SGL = { sgl: true, metadataSgl: true, metadataBytes: 8 };

const MODES = {
  off: {},
  bounced: { forceBounce: true },
  strict: { mode: "strict" },
  lazy: { mode: "lazy" },
} as const satisfies Record<string, Partial<HuntMachine>>;
type Mode = keyof typeof MODES;

/** The result of the last request. `corrupt`: wrong bytes, or bytes in another user's memory. */
type Outcome =
  | "right"
  | "only reported"
  | "corrupt"
  | "EIO"
  | "fault"
  | "left behind"
  | "tried for ever";

function run(count: number, sizeBytes: number, more: Partial<PieceRun> = {}): PieceRun {
  return { count, sizeBytes, offsetBytes: 0, touching: false, high: false, ...more };
}

function io(op: HuntIo["op"], runs: readonly PieceRun[], more: Partial<HuntIo> = {}): HuntStep {
  const one: HuntIo = { op, peer: false, runs, metadata: null, ...more };
  return { ios: [one], plugged: false, fault: null };
}

function failing(step: HuntStep, point: HuntFault["point"], nth: number): HuntStep {
  return { ...step, fault: { point, nth } };
}

function metadata(sizeBytes: number | null, more: Partial<MetadataShape> = {}): Partial<HuntIo> {
  return { metadata: { pieces: 1, offsetBytes: 0, touching: false, sizeBytes, ...more } };
}

interface Row {
  readonly kernel?: KernelProfile;
  /** Further defects that are necessary for the damage. */
  readonly with?: readonly QuirkName[];
  readonly machine?: Partial<HuntMachine>;
  readonly steps: readonly HuntStep[];
  readonly seen: Readonly<Record<Mode, Outcome>>;
}

const NEEDS_TRANSLATION = { off: "right", bounced: "right" } as const;

const ROWS: Readonly<Partial<Record<QuirkName, Row>>> = {
  gap_bit_lost_on_split: {
    kernel: "7.2.6",
    machine: { sgl: true, mdtsBytes: 128 * 1024 },
    steps: [io("read", [run(34, 512)])],
    seen: { off: "corrupt", bounced: "corrupt", strict: "EIO", lazy: "EIO" },
  },
  list_returned_with_stale_address: {
    kernel: "7.2.6",
    with: ["gap_bit_lost_on_split"],
    machine: { sgl: true, mdtsBytes: 128 * 1024 },
    // In the first request PRP2 points to a page; the second request is refused half way; the third
    // request needs a list.
    steps: [
      io("read", [run(2, 4096)]),
      io("read", [run(40, 6144)]),
      io("read", [run(16, 4096)]),
    ],
    seen: { off: "corrupt", bounced: "fault", strict: "right", lazy: "right" },
  },
  gap_of_next_piece_counts: {
    machine: { sgl: true, mdtsBytes: 128 * 1024 },
    steps: [io("read", [run(32, 4096), run(1, 512, { offsetBytes: 512 })])],
    seen: { ...NEEDS_TRANSLATION, strict: "right", lazy: "right" },
  },
  sgl_unmap_args_swapped: {
    machine: { sgl: true, coherent: false },
    steps: [io("read", [run(2, 32768)])],
    seen: { off: "corrupt", bounced: "corrupt", strict: "right", lazy: "right" },
  },
  metadata_uses_data_gap: {
    machine: METADATA_SGL,
    steps: [io("read", [run(2, 4096)], metadata(null, { pieces: 2, offsetBytes: 64 }))],
    seen: { ...NEEDS_TRANSLATION, strict: "EIO", lazy: "EIO" },
  },
  metadata_iova_from_format: {
    with: ["metadata_length_from_format"],
    machine: METADATA_SGL,
    steps: [io("user_read", [run(1, 4096)], metadata(8192))],
    // The metadata's second page is mapped past the reservation: at an address that is in use, or
    // at an address that the next allocation returns.
    seen: { ...NEEDS_TRANSLATION, strict: "EIO", lazy: "tried for ever" },
  },
  metadata_length_from_format: {
    machine: METADATA_SGL,
    steps: [io("user_read", [run(1, 4096)], metadata(8))],
    seen: { ...NEEDS_TRANSLATION, strict: "corrupt", lazy: "corrupt" },
  },
  stale_iova_state_p2p: {
    machine: { sgl: true, peer: "same_switch" },
    steps: [
      io("read", [run(3, 16384)]),
      io("read", [run(3, 4096, { offsetBytes: 512 })], { peer: true }),
    ],
    seen: { ...NEEDS_TRANSLATION, strict: "EIO", lazy: "EIO" },
  },
  partial_destroy_on_list_failure: {
    steps: [failing(io("read", [run(32, 4096)]), "dma_pool_alloc", 1)],
    seen: { ...NEEDS_TRANSLATION, strict: "left behind", lazy: "left behind" },
  },
  partial_destroy_on_link_failure: {
    steps: [failing(io("read", [run(12, 4096)]), "dma_iova_link", 3)],
    seen: { ...NEEDS_TRANSLATION, strict: "left behind", lazy: "left behind" },
  },
  bounce_slot_lost_on_array_failure: {
    machine: { dmaMaskBits: 32 },
    steps: [
      failing(io("read", [run(2, 4096), run(2, 4096, { high: true })]), "mempool_alloc", 1),
    ],
    // If everything bounces, the mapping of the first segment is undone. Behind an IOMMU nothing
    // needs to be undone.
    seen: { off: "left behind", bounced: "right", strict: "right", lazy: "right" },
  },
  bounced_iova_keeps_slot_offset: {
    machine: { untrusted: true },
    // The buffer begins in the second half of a page and ends in the next page: therefore PRP2 is
    // not aligned.
    steps: [io("read", [run(1, 4096, { offsetBytes: 3584 })])],
    seen: { ...NEEDS_TRANSLATION, strict: "EIO", lazy: "EIO" },
  },
  refused_list_not_freed: {
    kernel: "6.1.192",
    with: ["bounced_iova_keeps_slot_offset"],
    machine: { untrusted: true },
    // The first segment is bounced to the first half of a page, and ends inside the page.
    steps: [io("read", [run(1, 512, { offsetBytes: 3584 }), run(4, 4096)])],
    seen: { ...NEEDS_TRANSLATION, strict: "EIO", lazy: "EIO" },
  },
  mptr_first_vector_only: {
    machine: { metadataBytes: 8 },
    // Two vectors that touch: one ends at the end of a page, the other begins the next page.
    steps: [
      io("read", [run(1, 4096)], metadata(null, { pieces: 2, touching: true, offsetBytes: 4064 })),
    ],
    seen: { off: "only reported", bounced: "corrupt", strict: "corrupt", lazy: "fault" },
  },
  host_bridge_p2p_with_forced_bounce: {
    machine: { peer: "host_bridge" },
    steps: [io("read", [run(1, 4096)], { peer: true })],
    seen: { off: "right", bounced: "tried for ever", strict: "right", lazy: "right" },
  },
};

/** Defects that system calls cannot reach, as docs/rules/defects.md says. */
const UNREACHABLE = [
  // No request is that long.
  "list_length_wraps",
  // A dma-buf is not a request.
  "dma_buf_ranges_at_start",
];

function outcomeOf(violation: Violation | null, end: string): Outcome {
  switch (violation?.kind) {
    case undefined:
      return "right";
    case "status":
      return end === "RESOURCE" ? "tried for ever" : "EIO";
    case "left":
      return "left behind";
    case "fault":
      return "fault";
    case "report":
      return "only reported";
    case "bytes":
    case "outside":
    case "list":
      return "corrupt";
    default:
      throw new Error(`${violation!.kind}: ${violation!.text}`);
  }
}

/** Runs all steps, even after a failure; returns the result of the last one. */
function lastOutcome(row: Row, mode: Mode, quirks: QuirkSet): Outcome {
  const release = { kernel: row.kernel ?? "7.2.12", quirks } as const;
  const machine = new CaseRun({ ...PLAIN, ...row.machine, ...MODES[mode] }, release);
  let violation: Violation | null = null;
  for (const step of row.steps) violation = machine.step(step);
  return outcomeOf(violation, machine.ends[0]!);
}

function tableRows(heading: string): string[][] {
  const lines = PAGE.slice(PAGE.indexOf(heading)).split("\n");
  const first = lines.findIndex((line) => line.startsWith("| ---")) + 1;
  const rows: string[][] = [];
  for (let at = first; lines[at]?.startsWith("|"); at++) rows.push(readRow(lines[at]!));
  return rows;
}

Deno.test("every switch of the table is tried in every mode, and does what is said there (defects.md)", async (t) => {
  const names = tableRows("# Defects").flatMap(([cell]) =>
    [...cell!.matchAll(/`(\w+)`/g)].map(([, name]) => name!)
  );
  assertEquals(names.toSorted(), [...Object.keys(ROWS), ...UNREACHABLE].toSorted());
  for (const name of Object.keys(ROWS) as QuirkName[]) {
    const row = ROWS[name]!;
    for (const mode of Object.keys(MODES) as Mode[]) {
      await t.step(`${name}, ${mode}: ${row.seen[mode]}`, () => {
        const quirks = new Set([name, ...row.with ?? []]);
        assertEquals(lastOutcome(row, mode, quirks), row.seen[mode]);
        assertEquals(lastOutcome(row, mode, new Set()), "right", "without it");
      });
    }
  }
});

Deno.test("gap_of_next_piece_counts: a front whose pieces meet is mapped piece by piece (defects.md)", () => {
  const { steps } = ROWS.gap_of_next_piece_counts!;
  const maps = (quirks: readonly QuirkName[]) => {
    const machine = new CaseRun({
      ...PLAIN,
      sgl: true,
      mdtsBytes: 128 * 1024,
      mode: "strict",
    }, { kernel: "7.2.12", quirks: new Set(quirks) });
    let single = 0;
    machine.machine.events.listen(() => single++, ["call.dma_map_phys"]);
    assertEquals(machine.step(steps[0]!), null);
    return single;
  };
  // With the defect there are 33 separate mappings: the 32 pages of the front part, and the rest.
  // Without the defect only the rest is mapped separately.
  assertEquals([maps(["gap_of_next_piece_counts"]), maps([])], [33, 1]);
});

/** The result of a read of `count` pieces of `bytes` bytes, each at the start of a page. */
function readOf(kernel: KernelProfile, mode: Mode, count: number, bytes: number) {
  const machine = new CaseRun({
    ...PLAIN,
    ...MODES[mode],
    sgl: true,
    mdtsBytes: 128 * 1024,
    depth: 1024,
  }, { kernel, quirks: KERNELS[kernel].quirks });
  const violation = machine.step(io("read", [run(count, bytes)]));
  return outcomeOf(violation, machine.ends[0]!);
}

Deno.test("gap_bit_lost_on_split: right, corrupt or EIO as measured, for each row and column (defects.md)", async (t) => {
  const rows = tableRows("## Measurement");
  assertEquals(rows.length, 7);
  const columns = [["7.2.6", "off"], ["7.2.6", "strict"], ["7.2.12", "off"]] as const;
  for (const [layout, ...cells] of rows) {
    const [, count, bytes] = /^(\d+) × (\d+)/.exec(layout!)!.map(Number);
    for (const [index, [kernel, mode]] of columns.entries()) {
      const cell = cells[index]!;
      const expected: Outcome = cell.startsWith("EIO")
        ? "EIO"
        : cell.includes("wrong")
        ? "corrupt"
        : "right";
      await t.step(`${layout}, ${kernel} ${mode}: ${expected}`, () => {
        assertEquals(readOf(kernel, mode, count!, bytes!), expected, cell);
      });
    }
  }
});
