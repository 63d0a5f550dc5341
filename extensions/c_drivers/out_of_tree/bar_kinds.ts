/** Determines from a driver's source text which BARs the driver accesses as I/O ports. */

/**
 * Matches an assignment of a BAR's start to a variable or member. The groups are the name of the
 * variable or member and the BAR's number.
 */
const START =
  /\b(\w+)\s{0,20}=\s{0,20}(?:\([^()\n]{0,80}\)\s{0,20})?(?:pci_resource_start\s{0,20}\([^,;\n]{1,80},\s{0,20}(\w+)\s{0,20}\)|[\w.>-]{1,80}\bresource\s{0,20}\[\s{0,20}(\w+)\s{0,20}\]\s{0,20}\.\s{0,20}start)/g;
/** A call of a port function, with its arguments up to the end of the statement. */
const PORT_CALL =
  /\b(?:(?:in|out)s?[bwl](?:_p)?|(?:devm_)?request_region|(?:devm_)?ioport_map)\s{0,20}\(([^;]{0,300})/g;
const RESOURCE = /pci_resource_start\s{0,20}\([^,;]{1,80},\s{0,20}(\w+)/;
/** A driver's test of a BAR's kind. */
const FLAGS =
  /pci_resource_flags\s{0,20}\([^,;]{1,80},\s{0,20}(\w+)\s{0,20}\)\s{0,20}&\s{0,20}IORESOURCE_(IO|MEM)\b/g;

/**
 * Numbers of the BARs that are I/O ports.
 *
 * @param texts Sources and headers of the driver.
 * @param constants Constants of these texts, by name.
 */
export function portBars(
  texts: readonly string[],
  constants: ReadonlyMap<string, number>,
): ReadonlySet<number> {
  const barOf = (word: string | undefined): number | null => {
    const number = word === undefined ? NaN : constants.get(word) ?? Number(word);
    return Number.isInteger(number) && number >= 0 && number <= 5 ? number : null;
  };
  const starts = texts.flatMap((text) =>
    [...text.matchAll(START)].flatMap(([, name, of, at]) => {
      const bar = barOf(of ?? at);
      return bar === null ? [] : [[name!, bar] as const];
    })
  );
  const ports = new Set<number>();
  const calls = texts.flatMap((text) => [...text.matchAll(PORT_CALL)].map(([, given]) => given!));
  for (const given of calls) {
    const words = new Set(given.match(/\w+/g));
    for (const [name, bar] of starts) if (words.has(name)) ports.add(bar);
    const bar = barOf(RESOURCE.exec(given)?.[1]);
    if (bar !== null) ports.add(bar);
  }
  const asked = texts.flatMap((text) => [...text.matchAll(FLAGS)]);
  const asksFor = (kind: string) =>
    asked.filter(([, , each]) => each === kind).flatMap(([, of]) => barOf(of) ?? []);
  const memory = asksFor("MEM");
  for (const bar of asksFor("IO")) if (!memory.includes(bar)) ports.add(bar);
  return ports;
}

/** A call with a BAR's number. */
const BAR_CALL =
  /\bpcim?_(?:resource_\w+|request_region|release_region|iomap\w*|ioremap_bar)\s{0,20}\([^,;]{1,80},\s{0,20}(\w+)/g;
/** A call with a mask of BARs, and a BAR's number in it. */
const MASK_CALL =
  /\bpcim?_(?:iomap_regions\w*|(?:request|release)_selected_regions\w*)\s{0,20}\([^,;]{1,80},([^,;]{1,120})/g;
const IN_MASK = /(?:\b1[uUlL]{0,3}\s{0,20}<<|\bBIT)\s{0,20}\(?\s{0,20}(\w+)/g;
/**
 * The smallest number of BARs that a device is given. Few devices have more BARs, and a driver that
 * uses all BARs of its device also accepts a device with five.
 */
const USUAL_BARS = 5;

/** Numbers of the BARs of the driver's device: the usual ones, and each BAR that the driver's text mentions. */
export function barsOf(
  texts: readonly string[],
  constants: ReadonlyMap<string, number>,
): readonly number[] {
  const words = texts.flatMap((text) => [
    ...[...text.matchAll(BAR_CALL)].map(([, word]) => word!),
    ...[...text.matchAll(MASK_CALL)].flatMap(([, mask]) =>
      [...mask!.matchAll(IN_MASK)].map(([, word]) => word!)
    ),
  ]);
  const named = words.map((word) => constants.get(word) ?? Number(word));
  return Array.from({ length: 6 }, (_, bar) => bar)
    .filter((bar) => bar < USUAL_BARS || named.includes(bar));
}

const LENGTH = String.raw`pci_resource_len\s{0,20}\([^,;()]{1,80},\s{0,20}(\w+)\s{0,20}\)`;
/** A comparison of a BAR's length with a number or a constant. */
const COMPARED = new RegExp(
  String.raw`${LENGTH}\s{0,20}\)?\s{0,20}(==|!=|<=|>=|<|>)\s{0,20}\(?\s{0,20}(\w+)`,
  "g",
);
const REVERSED = new RegExp(
  String.raw`\b(\w+)\s{0,20}(==|!=|<=|>=|<|>)\s{0,20}\(?\s{0,20}${LENGTH}`,
  "g",
);
/** The length of a BAR in a variable or member, and a comparison of one. */
const KEPT = new RegExp(
  String.raw`\b(\w+)\s{0,20}=\s{0,20}(?:\([^()\n]{0,80}\)\s{0,20})?${LENGTH}`,
  "g",
);
const OF_NAME = /\b(\w+)\s{0,20}(==|!=|<=|>=|<|>)\s{0,20}\(?\s{0,20}(\w+)/g;
const MIRRORED: Readonly<Record<string, string>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
/** The size of a BAR with which a driver compares nothing. */
const USUAL_BYTES = 2 ** 20;
const MIN_BYTES = 16;

/** The size of a BAR that the driver accepts, with the place of the comparison. */
export interface BarSize {
  readonly sizeBytes: number;
  readonly path: string;
  readonly index: number;
}

/**
 * Sizes of BARs with which the driver compares the lengths of its resources, by the BAR's number. An order
 * such as `<` gives the nearest power of two that passes the comparison.
 *
 * @param texts Texts of the driver with their paths, without the lines that the preprocessor drops.
 * @param constants Constants of these texts, by name.
 */
export function barSizes(
  texts: Iterable<readonly [path: string, text: string]>,
  constants: ReadonlyMap<string, number>,
): ReadonlyMap<number, BarSize> {
  const numberOf = (word: string): number =>
    constants.get(word) ?? Number(word.replace(/[uUlL]+$/, ""));
  const found = new Map<number, BarSize>();
  for (const [path, text] of texts) {
    const add = (bar: string, operator: string, size: string, index: number) => {
      const [number, sizeBytes] = [numberOf(bar), acceptedBytes(operator, numberOf(size))];
      if (!(number >= 0 && number <= 5) || sizeBytes === null || found.has(number)) return;
      found.set(number, { sizeBytes, path, index });
    };
    for (const { 1: bar, 2: operator, 3: size, index } of text.matchAll(COMPARED)) {
      add(bar!, operator!, size!, index);
    }
    for (const { 1: size, 2: operator, 3: bar, index } of text.matchAll(REVERSED)) {
      add(bar!, MIRRORED[operator!] ?? operator!, size!, index);
    }
    const kept = new Map([...text.matchAll(KEPT)].map(([, name, bar]) => [name!, bar!]));
    if (kept.size === 0) continue;
    for (const { 1: name, 2: operator, 3: size, index } of text.matchAll(OF_NAME)) {
      const bar = kept.get(name!);
      if (bar !== undefined) add(bar, operator!, size!, index);
    }
  }
  return found;
}

/** A size with which a driver goes on after a comparison; null if the usual one does, or none is known. */
function acceptedBytes(operator: string, limit: number): number | null {
  if (!Number.isSafeInteger(limit) || limit < MIN_BYTES || limit > 2 ** 30) return null;
  const above = 2 ** Math.ceil(Math.log2(limit));
  const below = 2 ** Math.floor(Math.log2(limit));
  // Drivers compare to refuse: `len < LEAST` and `len != SIZE` refuse. A comparison that accepts reads the
  // other way round and gives a size at the limit, too.
  if (operator === "==" || operator === "!=") return above === limit ? limit : null;
  if (operator === "<" || operator === ">=") return above > USUAL_BYTES ? above : null;
  return below < USUAL_BYTES ? below : null;
}
