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
  const named = texts.flatMap((text) => [...text.matchAll(BAR_CALL)].map(([, word]) => word!))
    .map((word) => constants.get(word) ?? Number(word));
  return Array.from({ length: 6 }, (_, bar) => bar)
    .filter((bar) => bar < USUAL_BARS || named.includes(bar));
}
