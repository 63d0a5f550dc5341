/**
 * Generates the inputs of one session: a machine, then calls of builtins, and statements that use
 * the results.
 */
import { BUILTINS } from "@dmalab/lang/builtins";
import { type ParameterSpec, type Type, typeChain, type Value } from "@dmalab/lang/values";
import { INJECTION_POINTS } from "@dmalab/runtime";
import { KERNEL_NAMES } from "@dmalab/runtime/kernels";
import type { Choices } from "@dmalab/hunt";
import { type ArgumentCorpus, METHODS } from "./argument_corpus.ts";
import { randomMachine } from "./random_machine.ts";
import { ValueTexts } from "./value_texts.ts";

/** One input: its text, and the builtin if it is a call. */
export interface CallInput {
  readonly text: string;
  /** `name`, or `type.name` for a method; null for an input that is no call. */
  readonly builtin: string | null;
  /** The variable to which the input's result is assigned. */
  readonly variable: string | null;
}

/** A function that a script can call; all are called equally often, but for those of the machine's example. */
interface Callee {
  readonly key: string;
  readonly type: string | null;
  readonly name: string;
  readonly parameters: readonly ParameterSpec[];
  readonly result: Type;
}

const CALLEES: readonly Callee[] = [
  ...[...BUILTINS.functions.values()].map((spec) => ({ ...spec, key: spec.name, type: null })),
  ...METHODS.map(([type, method]) => ({
    ...method,
    key: `${type.name}.${method.name}`,
    type: type.name,
  })),
];

/** The names of all callable functions. */
export const CALLEE_KEYS: readonly string[] = CALLEES.map(({ key }) => key);

/** Number of variables, which are assigned in turn, so that earlier values are dropped. */
const VARIABLES = 24;
const DEPTH = 2;

export class CallScript {
  readonly #values: ValueTexts;
  #count = 0;
  /** The remaining statements of an example. */
  #coming: string[] = [];
  /** What the example of the machine calls: few machines have what these functions need. */
  #near: readonly Callee[] = [];

  constructor(readonly choices: Choices, readonly corpus: ArgumentCorpus) {
    this.#values = new ValueTexts(choices, corpus, choices.oneIn(2));
  }

  /** Declares a function; the type of its result is unknown before it runs. */
  beginning(): CallInput {
    return setup("fn any(x) { return x }");
  }

  /** A random machine, or that of an example; a random machine may be invalid. */
  machine(): CallInput {
    const { choices } = this;
    if (choices.oneIn(2)) return setup(randomMachine(choices));
    const { declarations, statements } = choices.pick(this.corpus.examples);
    this.#coming = [...statements];
    this.#near = CALLEES.filter(({ name }) => statements.some((text) => text.includes(`${name}(`)));
    return setup(declarations.join("\n"));
  }

  /** Records the current value of a name. */
  note(name: string, value: Value): void {
    this.#values.note(name, value);
  }

  next(): CallInput {
    const { choices } = this;
    const coming = this.#coming.shift();
    if (coming !== undefined) return setup(coming);
    const share = choices.below(100);
    if (share < 75) return this.#call();
    if (share < 96) return setup(this.#look());
    if (share < 98) return setup(this.#time());
    if (share < 99) this.#coming = [...choices.pick(this.corpus.examples).statements];
    return setup(this.#turn());
  }

  #callText({ name, parameters, type }: Callee): string {
    const values = this.#values;
    return type === null
      ? `${name}(${values.arguments(name, parameters, DEPTH)})`
      : values.method(type, name, parameters, DEPTH);
  }

  #call(): CallInput {
    const { choices } = this;
    const isNear = this.#near.length > 0 && choices.oneIn(6);
    const callee = choices.pick(isNear ? this.#near : CALLEES);
    const text = this.#callText(callee);
    if (callee.result === "nothing" || choices.oneIn(8)) {
      return { text: this.#within(text), builtin: callee.key, variable: null };
    }
    const variable = `v${this.#count++ % VARIABLES}`;
    const shown = choices.oneIn(8) ? `try ${text}` : text;
    return { text: `let ${variable} = ${shown}\n${variable}`, builtin: callee.key, variable };
  }

  /** A call as a statement, alone or inside another statement. */
  #within(call: string): string {
    const { choices } = this;
    const point = () => choices.pick(INJECTION_POINTS).name;
    const error = () => choices.pick([...BUILTINS.errnoNames]);
    const around = [
      () => call,
      () => call,
      () => call,
      () => `inject ${point()} { ${call} }`,
      () => `inject ${point()} nth ${choices.between(1, 3)} with ${error()} { ${call} }`,
      () => `${call} fails ${error()}`,
      () => `expect error ${error()} { ${call} }`,
      () => `show trace { ${call} }`,
      () => `on cpu ${choices.below(3)} { ${call} }`,
      () => `assert ${call} == ${this.#values.of("any")}`,
      () => `${call} warns ${choices.pick([...BUILTINS.reportClasses])}`,
      () => `${call} faults ${choices.pick([...BUILTINS.faultReasons])}`,
    ];
    return choices.way(around);
  }

  /** A statement that reads or prints values. */
  #look(): string {
    const { choices } = this;
    const values = this.#values;
    const one = () => values.anyVariable() ?? values.of("any");
    return choices.way([
      () => `print ${one()}`,
      () => `show ${one()}`,
      () => `show [${one()}, ${one()}]`,
      () => `explain ${one()}`,
      () => `print "{${one()}}"`,
      () => `print ${one()} == ${one()}`,
      () => `assert any(${one()}) == any(${one()})`,
      () => `print any(${one()})[${values.of("any")}]`,
      () => `print ${one()}.${this.#anyField()}`,
      () => `explain ${one()}.${this.#anyField()}`,
      () =>
        `print any(${one()}) ${choices.pick(["+", "-", "*", "/", "%", "<", "|", "<<"])} ${one()}`,
      () => `print (any(${one()}) as ${choices.pick(["phys", "dma"])})`,
      () => `expect events [..., ${choices.pick(BUILTINS.eventNames)}] in ${one()}`,
    ]);
  }

  #anyField(): string {
    const { choices } = this;
    const fields = [...typeChain(choices.pick([...BUILTINS.types.values()]))].flatMap((each) =>
      each.fields()
    );
    return fields.length === 0 ? "length" : choices.pick(fields).name;
  }

  #time(): string {
    const { choices } = this;
    const one = () => this.#values.anyVariable() ?? "none";
    return choices.way([
      () => "step",
      () => `step ${choices.between(1, 40)}`,
      () => `wait any(${one()})`,
      () => `advance ${choices.pick(["1ns", "10us", "1ms", "31s"])}`,
      () => `advance any(${this.#values.of("duration")})`,
    ]);
  }

  /**
   * A statement with branches from the current state: `fork`, `race`, `inject each` or `compare`.
   */
  #turn(): string {
    const { choices } = this;
    const call = () => this.#callText(choices.pick(CALLEES));
    const variable = `v${this.#count++ % VARIABLES}`;
    return choices.way([
      () => `let ${variable} = fork { ${call()} } and { ${call()} }\nshow ${variable}`,
      () => `race { ${call()} } and { ${call()} }`,
      () => `inject each { ${call()} }`,
      () =>
        `let ${variable} = compare { kernel = ["${choices.pick(KERNEL_NAMES)}"] } { ${call()} }`,
      () => `compare { iommu.mode = [strict, lazy] } { ${call()} }`,
    ]);
  }
}

function setup(text: string): CallInput {
  const variable = text.match(/^let (\w+)/)?.[1] ?? null;
  return { text: variable === null ? text : `${text}\n${variable}`, builtin: null, variable };
}
