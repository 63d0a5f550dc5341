/**
 * Properties of a device's node, in the syntax of device tree sources. A property of a child node
 * is written with the child's path before its name: `mdio/phy@1/reg`. A child node itself is
 * written as a path with a slash at the end: `mdio/`. A label, to which cells can refer, may
 * precede the path: `clk: clock/`.
 */

/** Size of a cell, which is big-endian in a device tree. */
const CELL_BYTES = 4;
const NAME = /^(?:[A-Za-z0-9,._+*#?@-]+\/)*[A-Za-z0-9,._+*#?@-]*$/;
/**
 * A property in the list. Properties are separated by semicolons; the values of one property are
 * separated by commas outside of quotes.
 */
const PROPERTY = /\s*(?:(\w+):\s*)?([^=;:\s]+)\s*(?:=\s*((?:"[^"]*"|'[^']*'|[^;"'])*))?(;|$)/;
const VALUE = /\s*(?:"([^"]*)"|'([^']*)'|<([^<>]*)>|\[([^[\]]*)\])\s*(,|$)/;
const LABEL = /^&(\w+)$/;
const CELL = /^(?:0x[0-9a-f]{1,8}|\d{1,10})$/i;

/** The text for a property without a value: no bytes. */
const NOTHING = "[]";

/**
 * Parses a list of properties.
 * @returns The properties' bytes by name; null if the text is not a list of properties.
 */
export function parseProperties(text: string): ReadonlyMap<string, Uint8Array> | null {
  const values = new Map<string, string>();
  const labels = new Map<string, number>();
  const property = new RegExp(PROPERTY, "y");
  while (property.lastIndex < text.trimEnd().length) {
    const [, label, name = "", value = NOTHING] = property.exec(text) ?? [];
    if (name === "" || !NAME.test(name) || values.has(name)) return null;
    values.set(name, value.trim());
    if (label === undefined) continue;
    if (!name.endsWith("/") || labels.has(label)) return null;
    labels.set(label, labels.size + 1);
    values.set(`${name}phandle`, `<${labels.size}>`);
  }
  const found = new Map<string, Uint8Array>();
  for (const [name, value] of values) {
    const bytes = name.endsWith("/") && value !== NOTHING ? null : bytesOf(value, labels);
    if (bytes === null) return null;
    found.set(name, bytes);
  }
  return found;
}

/**
 * Encodes a property's value: texts in either kind of quotes, `<cells>` and `[bytes]`.
 * @param labels For each label to which a cell may refer: the number of the node with this label.
 */
function bytesOf(text: string, labels: ReadonlyMap<string, number>): Uint8Array | null {
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
        const label = LABEL.exec(cell)?.[1];
        const number = label === undefined ? Number(cell) : labels.get(label);
        const isRight = label !== undefined || CELL.test(cell);
        if (number === undefined || !isRight || number >= 2 ** 32) return null;
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
