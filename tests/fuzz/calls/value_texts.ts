/**
 * Texts of values by type: usual values, hostile values, variables with earlier results, and
 * expressions from the registry that have a result of the type.
 */
import { BUILTINS } from "@dmalab/lang/builtins";
import {
  type FunctionSpec,
  type ParameterSpec,
  type Type,
  typeChain,
  typeOf,
  typeOfHandles,
  type Value,
} from "@dmalab/lang/values";
import type { Choices } from "@dmalab/hunt";
import { type ArgumentCorpus, METHODS } from "./argument_corpus.ts";

type PlainKind = Exclude<Type, "any" | "nothing" | `@${string}`>;

/** Largest depth of nested calls in one argument. */
const MAX_NESTED = 2;
const SHARED = "[[1, 2], [1, 2]].map(x => [x, x, x])";

/** Addresses: page 0, odd ones, limits of 32 bits and of the largest memory, and beyond. */
const PLACES = {
  usual: ["0x10_0000", "0x10_0200", "0x20_0000", "0x1_0000_0000"],
  hostile: [
    ..."0 1 0x1000 0x10_0fff 0xffff_f000 0xf_ffff_ffff_f000 0x10_0000_0000_0000".split(" "),
    "9_007_199_254_740_991",
    "(0 - 4096)",
  ],
};

interface Texts {
  /** Values as in a script that works. */
  readonly usual: readonly string[];
  /** Values at the limits, no value, and values far beyond the limits. */
  readonly hostile: readonly string[];
}

const TEXTS: Readonly<Record<PlainKind, Texts>> = {
  int: {
    usual: ["0", "1", "2", "3", "8"],
    hostile: [
      ..."16 255 4096 65535 0x7fff_ffff 0x8000_0000 0x1_0000_0000 -1 -2 -4096".split(" "),
      ..."9_007_199_254_740_991 -9_007_199_254_740_991 4_503_599_627_370_496".split(" "),
    ],
  },
  ratio: {
    usual: ["0.5", "1.5"],
    hostile: ["0.0", "(0 - 0.25)", "(1 / 3.0)", "4503599627370496.5"],
  },
  size: {
    usual: ["512B", "1KiB", "4KiB", "8KiB", "64KiB"],
    hostile: [
      ..."0B 1B 511B 513B 4095B 4097B 1MiB 2MiB 1GiB 4GiB 1TiB".split(" "),
      ..."(0B-1B) (9_007_199_254_740_991*1B) (4_503_599_627_370_496*1B)".split(" "),
    ],
  },
  duration: {
    usual: ["1ns", "10us", "1ms"],
    hostile: ["0ns", "1s", "1000000s", "(0ns - 1ns)", "(9_007_199_254_740_991 * 1ns)"],
  },
  phys: castTo("phys"),
  dma: castTo("dma"),
  virt: PLACES,
  bytes: {
    usual: ['bytes"00"', 'bytes"de ad be ef"'],
    hostile: ['bytes""', 'bytes"ff ff ff ff ff ff ff ff"'],
  },
  bool: { usual: ["true", "false"], hostile: ["true", "false"] },
  string: {
    usual: ['"a"', '"read"', '"iommu.map"', '"dma_map_phys"'],
    hostile: [
      '""',
      '"constructor"',
      '"__proto__"',
      '"\\t\\n"',
      '"ü 漢 👩‍🔧"',
      '"DMAR: [DMA Read] Request device [01:00.0] fault addr 0xfffff000"',
      '[0, 1, 2].map(n => "{n} and more ").join("")',
    ],
  },
  word: { usual: [...BUILTINS.words.keys()], hostile: [...BUILTINS.words.keys()] },
  list: {
    usual: ["[1]", "[1, 2, 3]", "[4KiB, 512B]"],
    hostile: ["[]", '[1, "a", none]', SHARED, "[[], [[]]]", "[none]", "[{ a: 1 }]"],
  },
  record: {
    usual: ["{ a: 1 }", "{ phys: 0x10_0000 as phys, size: 4KiB }"],
    hostile: ["{ }", "{ a: { a: [] } }", "{ size: (0B - 1B) }"],
  },
  range: {
    usual: ["0..1", "0..4", "0..=0"],
    hostile: ["0..0", "4..0", "0B..4KiB", "-5..5", "0..9_007_199_254_740_991"],
  },
  function: {
    usual: ["(x => x)", "(x => true)"],
    hostile: ["(x => x / 0)", "(x => none)", "((x, y) => x)", "any"],
  },
};

function castTo(space: "phys" | "dma"): Texts {
  const cast = (addresses: readonly string[]) => addresses.map((each) => `(${each} as ${space})`);
  return { usual: cast(PLACES.usual), hostile: cast(PLACES.hostile) };
}

const PLAIN_KINDS = Object.keys(TEXTS) as PlainKind[];

/**
 * The fields of all types, grouped by the type of the field's value; `of` is the type that has the
 * field.
 */
const FIELDS_BY_KIND = Map.groupBy(
  [...BUILTINS.types.values()].flatMap((type) =>
    type.fields().map(({ name, type: kind }) => ({ kind, of: type.name, name }))
  ),
  ({ kind }) => kind,
);
const FUNCTIONS_BY_RESULT = Map.groupBy(BUILTINS.functions.values(), ({ result }) => result);
/** For each type: the type itself, and the types that it extends. */
const KINDS_OF_TYPE: ReadonlyMap<Type, readonly Type[]> = new Map(
  [...BUILTINS.types.values()].map((
    type,
  ) => [typeOfHandles(type), [...typeChain(type)].map(typeOfHandles)]),
);
const METHODS_BY_RESULT = Map.groupBy(METHODS, ([, { result }]) => result);

export class ValueTexts {
  /** The type of each variable in the session. A variable stays in this map after its object's end. */
  readonly #variables = new Map<string, Type>();

  /** @param tame Whether most values are such that a call can use them. */
  constructor(
    readonly choices: Choices,
    readonly corpus: ArgumentCorpus,
    readonly tame: boolean,
  ) {}

  /** Records the type of the current value of a variable or of a name of the machine. */
  note(name: string, value: Value): void {
    this.#variables.set(name, typeOf(value));
  }

  /** Any variable, or null if none is declared. */
  anyVariable(): string | null {
    const all = [...this.#variables.keys()];
    return all.length === 0 ? null : this.choices.pick(all);
  }

  /** A value for a type: usually of that type, sometimes of any other. */
  of(type: Type, depth = MAX_NESTED): string {
    const { choices } = this;
    if (type === "nothing") return "none";
    if (type === "any" || choices.oneIn(this.tame ? 200 : 20)) return this.#anything(depth);
    const known = this.tame && !choices.oneIn(4) ? this.#known(type) : null;
    if (known !== null) return known;
    return choices.way([
      () => this.#known(type) ?? this.#made(type, depth),
      () => this.#known(type) ?? this.#literal(type, depth),
      () => this.#fieldOf(type) ?? this.#literal(type, depth),
      () => this.#literal(type, depth),
      () => this.#made(type, depth),
    ]);
  }

  /** The arguments of a call, with or without the optional ones. */
  arguments(callee: string, parameters: readonly ParameterSpec[], depth: number): string {
    const { choices } = this;
    const texts: string[] = [];
    let byName = false;
    for (const parameter of parameters) {
      const optional = parameter.optional === true && !choices.oneIn(this.tame ? 5 : 2);
      if (optional || choices.oneIn(this.tame ? 500 : 50)) {
        byName = true;
        continue;
      }
      byName ||= parameter.named === true || choices.oneIn(6);
      const value = this.#argument(callee, parameter, depth);
      // The checker knows the type of a value, but not that of `any(value)`.
      const text = choices.oneIn(3) ? `any(${value})` : value;
      texts.push(byName ? `${parameter.name}: ${text}` : text);
    }
    return texts.join(", ");
  }

  /** A call of a method on a value that has it. */
  method(type: string, name: string, parameters: readonly ParameterSpec[], depth: number): string {
    const kind = BUILTINS.types.has(type) && !PLAIN_KINDS.includes(type as PlainKind)
      ? `@${type}` as const
      : type as Type;
    const target = this.of(kind, depth);
    const whole = /^[\w.]+$|^[[("]/.test(target) ? target : `(${target})`;
    return `${whole}.${name}(${this.arguments(name, parameters, depth)})`;
  }

  #argument(callee: string, { doc, type, name }: ParameterSpec, depth: number): string {
    const { choices } = this;
    const shown = this.corpus.given.get(`${callee}.${name}`);
    if (shown !== undefined && (this.tame ? !choices.oneIn(3) : choices.oneIn(3))) {
      return choices.pick(shown);
    }
    const wanted = typeof type === "string" ? type : choices.pick(type);
    if (wanted === "word" && !choices.oneIn(5)) {
      const named = doc.match(/\w+/g)?.filter((word) => BUILTINS.words.has(word)) ?? [];
      if (named.length > 0) return choices.pick(named);
    }
    return this.of(wanted, depth);
  }

  #anything(depth: number): string {
    const { choices } = this;
    const variable = choices.oneIn(2) ? this.anyVariable() : null;
    if (variable !== null) return variable;
    return choices.oneIn(12) ? "none" : this.#literal(choices.pick(PLAIN_KINDS), depth);
  }

  /** A variable with a value of a type; null if no variable has one. */
  #known(type: Type): string | null {
    const fitting = [...this.#variables].filter(([, own]) =>
      own === type || KINDS_OF_TYPE.get(own)?.includes(type)
    );
    return fitting.length === 0 ? null : this.choices.pick(fitting)[0];
  }

  /** A field of the given type in one of the variables; null if no variable has such a field. */
  #fieldOf(type: Type): string | null {
    const candidates = (FIELDS_BY_KIND.get(type) ?? []).flatMap(({ name, of }) => {
      const holder = this.#known(`@${of}`);
      return holder === null ? [] : [`${holder}.${name}`];
    });
    return candidates.length === 0 ? null : this.choices.pick(candidates);
  }

  #literal(type: Type, depth: number): string {
    const { choices } = this;
    if (type === "list" && choices.oneIn(3)) {
      const items = choices.pick<Type>(["any", "int", "size", "phys", "@buffer", "@device"]);
      return `[${choices.times(0, 4, () => this.of(items, depth - 1)).join(", ")}]`;
    }
    if (!(type in TEXTS)) return this.#made(type, depth);
    const { hostile, usual } = TEXTS[type as PlainKind];
    return choices.pick(choices.oneIn(this.tame ? 10 : 2) ? hostile : usual);
  }

  /** A call with a result of a type. */
  #made(kind: Type, depth: number): string {
    if (depth <= 0) return this.#known(kind) ?? this.anyVariable() ?? "none";
    const { choices } = this;
    const functions = FUNCTIONS_BY_RESULT.get(kind) ?? [];
    const methods = METHODS_BY_RESULT.get(kind) ?? [];
    const index = choices.below(functions.length + methods.length || 1);
    const called: FunctionSpec | undefined = functions[index];
    if (called !== undefined) {
      return `${called.name}(${this.arguments(called.name, called.parameters, depth - 1)})`;
    }
    const found = methods[index - functions.length];
    if (found === undefined) return kind in TEXTS ? this.#literal(kind, 0) : "none";
    const [type, { name, parameters }] = found;
    return this.method(type.name, name, parameters, depth - 1);
  }
}
