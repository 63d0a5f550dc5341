/**
 * How large the requests of a disk became, held to the limits that its queue has.
 *
 * @see rules/traces.md T.36, T.37
 */

/** The largest request of a disk. */
export interface QueueUse {
  requests: number;
  /** By the block layer's line, which has bytes whatever the size of a block is. */
  largestBytes: number;
  line: number;
  /** Pieces that were mapped for one request: entries of lists, single mappings and links. */
  mostPieces: number;
  piecesLine: number;
}

export interface LimitSeen {
  readonly disk: string;
  readonly name: string;
  readonly limit: number;
  readonly seen: number;
  readonly line: number;
  readonly isOver: boolean;
}

const BYTES_PER_KB = 1024;
/** `259,0 WS 45056 () …`: device, what it is, bytes. */
const ISSUE = /^\d+,\d+ \S+ (\d+) \(/;

export function issuedBytes(payload: string): number | null {
  const match = ISSUE.exec(payload);
  return match === null ? null : Number(match[1]);
}

export class QueueUses {
  readonly byDisk = new Map<string, QueueUse>();

  note(disk: string, bytes: number, pieces: number, line: number): void {
    let use = this.byDisk.get(disk);
    if (use === undefined) {
      use = { requests: 0, largestBytes: 0, line, mostPieces: 0, piecesLine: line };
      this.byDisk.set(disk, use);
    }
    use.requests++;
    if (bytes > use.largestBytes) [use.largestBytes, use.line] = [bytes, line];
    if (pieces > use.mostPieces) [use.mostPieces, use.piecesLine] = [pieces, line];
  }
}

/** Every limit that is known of a disk whose requests were seen. */
export function limitsSeen(
  uses: QueueUses,
  limits: ReadonlyMap<string, Readonly<Record<string, number>>>,
): LimitSeen[] {
  return [...uses.byDisk].flatMap(([disk, use]) => {
    const known = limits.get(disk) ?? {};
    const held = (name: string, unit: number, seen: number, line: number): LimitSeen[] => {
      const limit = known[name];
      if (limit === undefined) return [];
      return [{ disk, name, limit: limit * unit, seen, line, isOver: seen > limit * unit }];
    };
    return [
      ...held("max_sectors_kb", BYTES_PER_KB, use.largestBytes, use.line),
      ...held("max_hw_sectors_kb", BYTES_PER_KB, use.largestBytes, use.line),
      ...held("max_segments", 1, use.mostPieces, use.piecesLine),
    ];
  });
}
