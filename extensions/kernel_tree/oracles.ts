/**
 * The mapping code of a kernel tree that can be compared with the model, or with the code of
 * another tree.
 */
import {
  type Compared,
  compareSequences,
  type MakeImplementation,
  type Operation,
  type RanSequences,
  runSequences,
} from "./oracle/compare.ts";
import { IovaModel } from "./oracle/iova_operations.ts";
import { iovaSequence } from "./oracle/iova_sequences.ts";
import { hmmSequence } from "./oracle/hmm_sequences.ts";
import { MappingModel } from "./oracle/mapping_operations.ts";
import { mappingSequence } from "./oracle/mapping_sequences.ts";
import { P2pModel } from "./oracle/p2p_operations.ts";
import { p2pSequence } from "./oracle/p2p_sequences.ts";
import { PoolModel } from "./oracle/pool_operations.ts";
import { poolSequence } from "./oracle/pool_sequences.ts";
import { requestSequence } from "./oracle/request_sequences.ts";
import { ARM_SHAPES, GENERIC_SHAPES, type TableShape } from "./oracle/table_formats.ts";
import { TableModel } from "./oracle/table_operations.ts";
import { tableSequences } from "./oracle/table_sequences.ts";
import type { LinesRun } from "@dmalab/lang/values";
import { type KernelName, kernelOf, TreeError } from "@dmalab/runtime/kernels";
import type { TreeBuild } from "@dmalab/c_drivers";
import { linkTree, type Parts } from "./link_tree.ts";
import { ALLOCATOR, TreeAllocator } from "./tree_allocator.ts";
import { HMM_PARTS, MAPPING_PARTS, REQUEST_PARTS, TreeMapping } from "./tree_mapping.ts";
import { P2P_PARTS, TreeP2p } from "./tree_p2p.ts";
import { TreePool } from "./tree_pool.ts";
import type { LinkedTree } from "./tree_module.ts";
import { ARM_TABLE_PARTS, GENERIC_TABLE_PARTS, TreeTable } from "./tree_table.ts";

/** The random sequences to run: `count` seeds from `seed` on. */
export interface Cases {
  readonly count: number;
  readonly seed: number;
}

/** A set of files with mapping code that run together in one module. */
export type Oracle = Pick<
  OracleOf<unknown>,
  "paths" | "needs" | "lacking" | "compare" | "compareCovered"
>;

/** The result of a comparison, and the line coverage of each tree, by paths in the tree. */
export interface CoveredComparison {
  readonly compared: Compared<unknown>;
  /** An endless loop in the changed tree only, after the first difference. */
  readonly loop: RanSequences<unknown>["loop"];
  readonly lines: readonly [old: ReadonlyMap<string, LinesRun>, new: ReadonlyMap<string, LinesRun>];
}

/** Thrown if a changed tree does not compile or link, but the tree before the change does. */
export class BrokenChange extends TreeError {}

function brokenBy(error: unknown): never {
  if (error instanceof TreeError) throw new BrokenChange(error.message, error.hint);
  throw error;
}

class OracleOf<O> {
  constructor(
    readonly parts: Parts,
    readonly makeTree: (linked: LinkedTree) => ReturnType<MakeImplementation<O>>,
    readonly makeModel: (kernel: KernelName) => ReturnType<MakeImplementation<O>>,
    readonly stepsOf: (seed: number) => readonly Operation<O>[],
  ) {}

  /** The paths of the tested files in a tree. */
  get paths(): readonly string[] {
    return this.parts.subjects;
  }

  /** The paths of all files that are compiled. */
  get needs(): readonly string[] {
    return [...this.parts.subjects, ...this.parts.files];
  }

  /** The needed files and functions that a tree does not have. */
  lacking({ files }: Pick<TreeBuild, "files">): readonly string[] {
    const isDeclared = ([name, header]: readonly [string, string]) =>
      files.text(header)?.includes(name) === true;
    return [
      ...this.needs.filter((path) => files.text(path) === null),
      ...Object.entries(this.parts.functions ?? {}).filter((each) => !isDeclared(each))
        .map(([name]) => `${name}()`),
    ];
  }

  /** @param sequences Number of sequences to run; Infinity for code without endless loops. */
  async build(build: TreeBuild, sequences: number): Promise<MakeImplementation<O>> {
    const linked = await linkTree(build, this.parts, { sequences });
    return () => this.makeTree(linked);
  }

  /** The model of a tree's release. @throws {TreeError} */
  model({ version }: TreeBuild): MakeImplementation<O> {
    const kernel = kernelOf(version);
    return () => this.makeModel(kernel);
  }

  /** @param other Null: compare with the model. @throws {TreeError} */
  async compare(one: TreeBuild, other: TreeBuild | null, cases: Cases): Promise<Compared<O>> {
    const sides = [
      await this.build(one, cases.count),
      other === null ? this.model(one) : await this.build(other, cases.count),
    ] as const;
    return compareSequences(sides, { ...cases, stepsOf: this.stepsOf });
  }

  /**
   * Compares two trees, and records the lines that ran.
   * @throws {BrokenChange} If the other tree does not compile or link.
   * @throws {TreeError}
   */
  async compareCovered(
    one: TreeBuild,
    other: TreeBuild,
    cases: Cases,
  ): Promise<CoveredComparison> {
    const options = { isCovered: true, sequences: cases.count };
    const linked = [
      await linkTree(one, this.parts, options),
      await linkTree(other, this.parts, options).catch(brokenBy),
    ] as const;
    const [old, changed] = linked.map((each) => () => this.makeTree(each));
    const sequences = { ...cases, stepsOf: this.stepsOf };
    const compared = compareSequences([old!, changed!], sequences);
    const lines = () => [linked[0].coverage.lines(), linked[1].coverage.lines()] as const;
    if (compared.difference === null || compared.notRun > 0) {
      return { compared, lines: lines(), loop: null };
    }
    // The comparison stopped at the difference. Here all sequences run, so that the lines of the
    // later operations are recorded, too.
    const [before, after] = [old!, changed!].map((make) => runSequences(make, sequences));
    const notRun = Math.max(before!.notRun, after!.notRun);
    const loop = before!.notRun < after!.notRun ? after!.loop : null;
    return { compared: { ...compared, notRun }, lines: lines(), loop };
  }
}

const IOVA = new OracleOf(
  ALLOCATOR,
  (linked) => new TreeAllocator(linked),
  () => new IovaModel(),
  iovaSequence,
);

/** The comparison of code that maps for a device. */
const mapping = (parts: Parts, stepsOf: typeof mappingSequence) =>
  new OracleOf(
    parts,
    (linked) => new TreeMapping(linked),
    (kernel) => new MappingModel({ kernel, quirks: null }),
    stepsOf,
  );

const MAPPING = mapping(MAPPING_PARTS, mappingSequence);
const REQUESTS = mapping(REQUEST_PARTS, requestSequence);
const HMM = mapping(HMM_PARTS, hmmSequence);

const PEERS = new OracleOf(
  P2P_PARTS,
  (linked) => new TreeP2p(linked),
  (kernel) => new P2pModel(kernel),
  p2pSequence,
);

const POOL = new OracleOf(
  { ...MAPPING_PARTS, subjects: ["kernel/dma/swiotlb.c"] },
  (linked) => new TreePool(linked),
  () => new PoolModel(),
  poolSequence,
);

const tables = (parts: Parts, shapes: readonly TableShape[]) =>
  new OracleOf(
    parts,
    (linked) => new TreeTable(linked),
    () => new TableModel(),
    tableSequences(shapes),
  );

const GENERIC_TABLES = tables(GENERIC_TABLE_PARTS, GENERIC_SHAPES);
const ARM_TABLES = tables(ARM_TABLE_PARTS, ARM_SHAPES);

export const ORACLES: readonly Oracle[] = [
  IOVA,
  MAPPING,
  REQUESTS,
  HMM,
  PEERS,
  POOL,
  GENERIC_TABLES,
  ARM_TABLES,
];

/** The comparisons for golden data, which are selected by folder and format. */
export const GOLDEN_ORACLES = {
  iova: IOVA,
  mapping: MAPPING,
  pool: POOL,
  genericTables: GENERIC_TABLES,
  armTables: ARM_TABLES,
} as const;
