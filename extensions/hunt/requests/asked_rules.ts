/**
 * The rules that a run asked for: a switch that changes none of them leaves the run as it was.
 */
import type { Kernel, QuirkName, QuirkSet, RuleWatch } from "@dmalab/runtime/kernels";

/** Rules of one kind, and the fields of them that were read, by their paths. */
interface Table {
  readonly build: (kernel: Kernel) => object;
  readonly kernel: Kernel;
  readonly read: Set<string>;
}

export class AskedRules implements RuleWatch {
  readonly #tables: Table[] = [];
  /** Switches that were asked for by themselves. */
  readonly #names = new Set<string>();

  rules<R extends object>(build: (kernel: Kernel) => R, kernel: Kernel): R {
    const { quirks, strategies } = kernel;
    const plain = { strategies, quirks: quirks instanceof AskedQuirks ? quirks.plain : quirks };
    const read = new Set<string>();
    this.#tables.push({ build, kernel: plain, read });
    return noting(build(plain), (path) => read.add(path), "");
  }

  quirks(quirks: QuirkSet): QuirkSet {
    return new AskedQuirks(quirks, this.#names);
  }

  /** Whether a switch, turned on as well, changes anything that was asked for. */
  changeWith(name: QuirkName): boolean {
    return this.#names.has(name) || this.#tables.some(({ build, kernel, read }) => {
      const other = build({ ...kernel, quirks: new Set([...kernel.quirks, name]) });
      const rules = build(kernel);
      return [...read].some((path) => at(rules, path) !== at(other, path));
    });
  }
}

class AskedQuirks extends Set<QuirkName> {
  readonly plain: QuirkSet;
  readonly #asked: Set<string>;

  constructor(plain: QuirkSet, asked: Set<string>) {
    super();
    for (const name of plain) this.add(name);
    this.plain = plain;
    this.#asked = asked;
  }

  override has(name: QuirkName): boolean {
    this.#asked.add(name);
    return super.has(name);
  }
}

/** The same rules, which say of each field that it is read; of those in it, which one. */
function noting<R extends object>(rules: R, note: (path: string) => void, prefix: string): R {
  const seen = {} as R;
  for (const [name, rule] of Object.entries(rules)) {
    const path = `${prefix}${name}`;
    const isTable = typeof rule === "object" && rule !== null && !Array.isArray(rule);
    const shown = isTable ? noting(rule, note, `${path}.`) : rule;
    Object.defineProperty(seen, name, {
      enumerable: true,
      get: () => {
        if (!isTable) note(path);
        return shown;
      },
    });
  }
  return seen;
}

function at(rules: object, path: string): unknown {
  let value: unknown = rules;
  for (const name of path.split(".")) value = (value as Record<string, unknown>)[name];
  return value;
}
