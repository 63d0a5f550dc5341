/**
 * Compares the largest requests of a disk with the limits of its queue.
 *
 * @see rules/traces.md T.36, T.37
 */

import type { PayloadFields } from "../line/payload.ts";

/** The largest request of a disk. */
export interface QueueUse {
  /**
   * Bytes of the largest request. They are from the line of the block layer, which gives bytes and
   * so does not depend on the block size.
   */
  largestBytes: number;
  line: number;
  /**
   * Largest number of pieces that were mapped for one request: entries of lists, single mappings
   * and links.
   */
  mostPieces: number;
  piecesLine: number;
}

const BYTES_PER_KB = 1024;
/** The beginning of a line's command. The command is usually empty: `()`. */
const COMMAND = new TextEncoder().encode(" (");

/**
 * The bytes of a request in a line such as `259,0 WS 45056 () …`: device, kind of request, bytes.
 * Null for a damaged line.
 */
export function issuedBytes(fields: PayloadFields): number | null {
  const command = fields.indexOf(COMMAND);
  return command < 0 ? null : fields.decimalBefore(command);
}

const EXTENT = new TextEncoder().encode(") ");
const COUNT = new TextEncoder().encode(" + ");

/**
 * The start and length of a request in the `) 455848 + 88 ` of the request's line, in units of 512
 * bytes; null if the line has no such text.
 */
export function issuedSectors(
  fields: PayloadFields,
): { readonly sector: number; readonly sectors: number } | null {
  const [extent, count] = [fields.indexOf(EXTENT), fields.indexOf(COUNT)];
  if (extent < 0 || count < extent) return null;
  const sector = fields.decimalAt(extent + EXTENT.length);
  const sectors = fields.decimalAt(count + COUNT.length);
  return sector === null || sectors === null || sectors === 0 ? null : { sector, sectors };
}

export function noteUse(
  uses: Map<string, QueueUse>,
  disk: string,
  bytes: number,
  pieces: number,
  line: number,
): void {
  let use = uses.get(disk);
  if (use === undefined) {
    uses.set(disk, use = { largestBytes: 0, line, mostPieces: 0, piecesLine: line });
  }
  if (bytes > use.largestBytes) [use.largestBytes, use.line] = [bytes, line];
  if (pieces > use.mostPieces) [use.mostPieces, use.piecesLine] = [pieces, line];
}

/**
 * Every known limit of each disk that has requests in the trace, with the largest value that these
 * requests reached.
 */
export function limitsSeen(
  uses: ReadonlyMap<string, QueueUse>,
  limits: ReadonlyMap<string, Readonly<Record<string, number>>>,
) {
  return [...uses].flatMap(([disk, use]) => {
    const known = limits.get(disk) ?? {};
    const held = (name: string, unit: number, seen: number, line: number) => {
      if (known[name] === undefined) return [];
      const limit = known[name] * unit;
      return [{ disk, name, limit, seen, line, over: seen > limit }];
    };
    return [
      ...held("max_sectors_kb", BYTES_PER_KB, use.largestBytes, use.line),
      ...held("max_hw_sectors_kb", BYTES_PER_KB, use.largestBytes, use.line),
      ...held("max_segments", 1, use.mostPieces, use.piecesLine),
    ];
  });
}
