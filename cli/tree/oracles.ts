/** Mapping code of a kernel tree that can run beside the model, or beside that of another tree. */
import {
  type Compared,
  compareSequences,
  type MakeSide,
  type Step,
} from "../../instruments/oracle/compare.ts";
import { IovaModel } from "../../instruments/oracle/iova_operations.ts";
import { iovaSequence } from "../../instruments/oracle/iova_sequences.ts";
import { MappingModel } from "../../instruments/oracle/mapping_operations.ts";
import type { TreeBuild } from "../c/tree_build.ts";
import { linkTree, type Parts } from "./link_tree.ts";
import { ALLOCATOR, TreeAllocator } from "./tree_allocator.ts";
import { mappingParts, TreeMapping } from "./tree_mapping.ts";
import type { LinkedTree } from "./tree_module.ts";

/** Which random sequences to run. */
export interface Cases {
  readonly count: number;
  readonly seed: number;
}

/** A file of mapping code. */
export interface Oracle {
  /** Its path in a tree. */
  readonly path: string;
  /** @param other Null is the model. @throws {TreeError} */
  compare(one: TreeBuild, other: TreeBuild | null, cases: Cases): Promise<Compared<unknown>>;
}

class OracleOf<O> implements Oracle {
  constructor(
    readonly parts: Parts,
    readonly makeTree: (linked: LinkedTree) => ReturnType<MakeSide<O>>,
    readonly makeModel: MakeSide<O>,
    readonly stepsOf: (seed: number) => readonly Step<O>[],
  ) {}

  get path(): string {
    return this.parts.files[0]!;
  }

  async build(build: TreeBuild): Promise<MakeSide<O>> {
    const linked = await linkTree(build, this.parts);
    return () => this.makeTree(linked);
  }

  async compare(one: TreeBuild, other: TreeBuild | null, cases: Cases): Promise<Compared<O>> {
    const sides = [
      await this.build(one),
      other === null ? this.makeModel : await this.build(other),
    ] as const;
    return compareSequences(sides, { ...cases, stepsOf: this.stepsOf });
  }
}

const IOVA = new OracleOf(
  ALLOCATOR,
  (linked) => new TreeAllocator(linked),
  () => new IovaModel(),
  iovaSequence,
);

const MAPPING = new OracleOf(
  mappingParts(),
  (linked) => new TreeMapping(linked),
  () => new MappingModel(),
  () => [],
);

export const ORACLES: readonly Oracle[] = [IOVA];

/** What golden data name by their folders. */
export const GOLDEN_ORACLES = { iova: IOVA, mapping: MAPPING } as const;
