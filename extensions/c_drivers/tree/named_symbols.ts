/** Which symbols of a configuration a file can depend on: those that one of its texts names. */

const NAMED = /\bCONFIG_(\w+)/g;
const DEFINED = /^#define CONFIG_(\w+) /;
/** A macro that makes the name of a symbol from its parts. */
const MADE = /\bCONFIG_\s*##/;

export class NamedSymbols {
  /** Symbols by the texts that name them; null if a text makes their names. */
  readonly #ofText = new Map<string, ReadonlySet<string> | null>();

  /**
   * The lines of a configuration that matter for a file.
   *
   * @param settings The configuration as a header.
   * @param files All texts that the file may include, by their paths; others are not texts.
   */
  namedIn(settings: string, files: Readonly<Record<string, unknown>>): string {
    const named = new Set<string>();
    for (const text of Object.values(files)) {
      if (typeof text !== "string" || text === settings) continue;
      const symbols = this.#ofText.getOrInsertComputed(text, symbolsIn);
      if (symbols === null) return settings;
      for (const symbol of symbols) named.add(symbol);
    }
    return settings.split("\n").filter((line) => {
      const [, symbol] = DEFINED.exec(line) ?? [];
      // IS_MODULE() asks for a name with this ending.
      return symbol === undefined || named.has(symbol) || named.has(symbol.replace(/_MODULE$/, ""));
    }).join("\n");
  }
}

function symbolsIn(text: string): ReadonlySet<string> | null {
  if (MADE.test(text)) return null;
  return new Set([...text.matchAll(NAMED)].map(([, symbol]) => symbol!));
}
