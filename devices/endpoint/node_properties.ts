/** Properties of a device's node, as a device tree's source has them. */

/** A device tree's cells have their most significant byte first. */
const CELL_BYTES = 4;
const NAME = /^[A-Za-z0-9,._+*#?@-]+$/;
/** What stands between semicolons, or between commas outside of quotes. */
const PROPERTY = /\s*([^=;\s]+)\s*(?:=\s*((?:"[^"]*"|'[^']*'|[^;"'])*))?(;|$)/;
const VALUE = /\s*(?:"([^"]*)"|'([^']*)'|<([^<>]*)>|\[([^[\]]*)\])\s*(,|$)/;
const CELL = /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i;

/** Bytes of the properties that a text lists, by their names; null for another text. */
export function parseProperties(text: string): ReadonlyMap<string, Uint8Array> | null {
  const found = new Map<string, Uint8Array>();
  const property = new RegExp(PROPERTY, "y");
  while (property.lastIndex < text.trimEnd().length) {
    const [, name = "", value] = property.exec(text) ?? [];
    const bytes = value === undefined ? new Uint8Array() : bytesOf(value.trim());
    if (!NAME.test(name) || found.has(name) || bytes === null) return null;
    found.set(name, bytes);
  }
  return found;
}

/** Texts in either kind of quotes, `<cells>` and `[bytes]`. */
function bytesOf(text: string): Uint8Array | null {
  const bytes: number[] = [];
  const written = new RegExp(VALUE, "y");
  let isLast = false;
  while (!isLast) {
    const match = written.exec(text);
    if (match === null) return null;
    const [, double, single, cells, hex, end] = match;
    const quoted = double ?? single;
    if (quoted !== undefined) bytes.push(...new TextEncoder().encode(`${quoted}\0`));
    else if (cells !== undefined) {
      for (const cell of wordsOf(cells)) {
        const number = Number(cell);
        if (!CELL.test(cell) || number >= 2 ** 32) return null;
        for (let byte = CELL_BYTES - 1; byte >= 0; byte--) bytes.push(number >>> (8 * byte) & 0xff);
      }
    } else {
      const digits = wordsOf(hex!).join("");
      if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) return null;
      for (const [pair] of digits.matchAll(/../g)) bytes.push(Number.parseInt(pair, 16));
    }
    isLast = end === "";
  }
  return Uint8Array.from(bytes);
}

function wordsOf(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
