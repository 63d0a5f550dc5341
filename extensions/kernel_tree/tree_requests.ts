/** Maps requests with a tree's own `block/blk-mq-dma.c`, with the interface of `RequestModel`. */
import type { OperationResult } from "./oracle/compare.ts";
import { PEER_PAGES, PEER_START, type PeerFields } from "./oracle/peers.ts";
import type { QueueFields, RequestFields, RequestOperation } from "./oracle/request_operations.ts";
import { attributesOf, errnoToBlkStatus, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "@dmalab/runtime/dma";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import { formatCount } from "@dmalab/lang/text";
import { Int, type TreeImports, type TreeModule, TreeStopped } from "./tree_module.ts";

/** Kinds of peer mappings; the C part has a constant for each. */
const KINDS: readonly PeerMapType[] = ["none", "not_supported", "bus_addr", "thru_host_bridge"];
const MAX_ENTRIES = 256;

export const REQUEST_IMPORTS: TreeImports = {
  errno_to_blk_status: (error) => errnoToBlkStatus(Number(error)),
};

/** The number that the tree has for each entry of `KINDS`. */
function numbersOf(tree: TreeModule): readonly number[] {
  const { view } = tree.memory;
  return KINDS.map((kind) => view.getUint32(tree.symbol(`lab_kind_${kind}`), true));
}

/** Assigns pages of the tree's page map to a peer. */
export function placePeers(tree: TreeModule, { bus_offset, kind }: PeerFields): void {
  const pages = [PEER_START / PAGE_SIZE_BYTES, new Int(PEER_PAGES)] as const;
  tree.call("lab_peers", ...pages, new Int(numbersOf(tree)[KINDS.indexOf(kind)]!), bus_offset);
}

/**
 * Number of bytes of a request with its metadata, which is an upper limit of the number of its
 * pieces.
 */
function bytesOf({ bios, special }: RequestFields): number {
  const sizes = bios.flatMap(({ bytes, metadata }) => [bytes, ...metadata.map(([, size]) => size)]);
  return sizes.reduce((sum, size) => sum + size, special?.[1] ?? 0);
}

export class TreeRequests {
  readonly #states = new Map<number, number>();
  /** The tree's numbers of `KINDS`. */
  readonly #numbers: readonly number[];

  constructor(readonly tree: TreeModule, readonly device: number, queue: QueueFields) {
    const { block_bytes, max_segment_size, metadata_bytes } = queue;
    const rest = [new Int(block_bytes), new Int(metadata_bytes)] as const;
    this.#numbers = numbersOf(tree);
    tree.call("lab_rq_queue", new Int(max_segment_size), queue.seg_boundary_mask, ...rest);
  }

  run(line: RequestOperation): OperationResult {
    if (line.op === "rq_list") return this.#list(line);
    const state = this.#states.get(line.tag) ??
      this.tree.memory.take(this.tree.layout.sizeOf("dma_iova_state"));
    this.#states.set(line.tag, state);
    return line.op === "rq_map" ? this.#map(line, state) : this.#unmap(line, state);
  }

  #map(line: RequestOperation & { op: "rq_map" }, state: number): OperationResult {
    const { device, tree } = this;
    this.#lay(line);
    const pieces: [number, number][] = [];
    let isMapped = tree.call("lab_rq_start", device, state, line.metadata) !== 0;
    const oneRange = isMapped && tree.call("lab_rq_is_one_range", state) !== 0;
    const most = bytesOf(line);
    const countRound = tree.countRounds(
      most,
      `the iteration over a request of ${formatCount(most, "byte")} yields more pieces`,
    );
    while (isMapped) {
      countRound();
      pieces.push([tree.call("lab_rq_addr"), tree.call("lab_rq_bytes") >>> 0]);
      if (oneRange) break;
      isMapped = tree.call("lab_rq_next", device, line.metadata) !== 0;
    }
    const kind = KINDS[this.#numbers.indexOf(tree.call("lab_rq_kind"))];
    return { pieces, one_range: oneRange, status: isMapped ? 0 : tree.call("lab_rq_status"), kind };
  }

  #unmap(line: RequestOperation & { op: "rq_unmap" }, state: number): OperationResult {
    const { device, tree } = this;
    const { kind, pieces, write } = line;
    tree.call("lab_rq_begin", write, new Int(0), new Int(0));
    const bytes = pieces.reduce((sum, [, each]) => sum + each, 0);
    const nothingLeft = tree.call("lab_rq_unmap", device, state, bytes, this.#numberOf(kind)) !== 0;
    const attrs = attributesOf(kind);
    const dir = new Int(write ? DMA_TO_DEVICE : DMA_FROM_DEVICE);
    for (const [dma, bytes] of nothingLeft ? [] : pieces) {
      tree.call("dma_unmap_phys", device, dma, bytes, dir, attrs);
    }
    return { nothing_left: nothingLeft };
  }

  #list(line: RequestOperation & { op: "rq_list" }): OperationResult {
    const { layout, memory } = this.tree;
    this.#lay(line);
    const bytes = layout.sizeOf("scatterlist");
    const at = memory.take(MAX_ENTRIES * bytes);
    this.tree.call("sg_init_table", at, new Int(MAX_ENTRIES));
    const count = this.tree.call("lab_rq_list", at, line.metadata);
    if (count > MAX_ENTRIES) {
      throw new TreeStopped(`a list of ${MAX_ENTRIES} entries is filled with ${count}`);
    }
    const list = Array.from({ length: count }, (_, index) => [
      this.tree.call("lab_list_phys", at + index * bytes),
      this.tree.call("lab_list_bytes", at + index * bytes) >>> 0,
    ]);
    memory.give(at);
    return { list };
  }

  #numberOf(kind: PeerMapType): Int {
    return new Int(this.#numbers[KINDS.indexOf(kind)]!);
  }

  #lay({ bios, gap_bit, segments, special, write }: RequestFields): void {
    const { tree } = this;
    tree.call("lab_rq_begin", write, new Int(segments), new Int(gap_bit));
    for (const { bytes, metadata, skipped, vecs } of bios) {
      tree.call("lab_rq_bio");
      for (const [phys, size] of vecs) tree.call("lab_rq_vec", phys, new Int(size));
      tree.call("lab_rq_window", new Int(skipped), new Int(bytes));
      for (const [phys, size] of metadata) tree.call("lab_rq_metadata", phys, new Int(size));
    }
    if (special !== null) tree.call("lab_rq_special", special[0], new Int(special[1]));
  }
}
