/** Expressions by kind: what they say makes sense, so that most programs pass the checker and run. */
import type { Blanks } from "./blanks.ts";
import type { Choices } from "./choices.ts";

export type Kind =
  | "int"
  | "size"
  | "duration"
  | "bool"
  | "string"
  | "list"
  | "record"
  | "phys"
  | "buffer"
  | "io";

export interface Variable {
  readonly name: string;
  readonly kind: Kind;
}

export class Expressions {
  /** Names in scope, the innermost last. */
  readonly scope: Variable[] = [];
  /** Functions of the file that take an int and give one. */
  readonly functions: string[] = [];

  constructor(readonly choices: Choices, readonly blanks: Blanks) {}

  of(kind: Kind, depth: number): string {
    const { choices } = this;
    const known = this.scope.filter((variable) => variable.kind === kind);
    if (known.length > 0 && choices.oneIn(2)) return choices.pick(known).name;
    if (depth <= 0) return this.#leaf(kind);
    const deeper = depth - 1;
    if (choices.oneIn(12)) return this.#chosen(kind, deeper);
    switch (kind) {
      case "int":
        return this.#int(deeper);
      case "size":
        return choices.way([
          () => this.#leaf("size"),
          () => this.#infix(this.of("size", deeper), choices.pick(["+", "%"]), this.#leaf("size")),
          () => this.#infix(this.#operand("int", deeper), "*", this.#leaf("size")),
          () => `${this.of("buffer", 0)}.size`,
        ]);
      case "duration":
        return choices.way([
          () => this.#leaf("duration"),
          () => this.#infix(this.#leaf("duration"), "+", this.of("duration", deeper)),
          () => this.#infix(choices.below(9).toString(), "*", this.#leaf("duration")),
        ]);
      case "bool":
        return this.#bool(deeper);
      case "string":
        return choices.way([
          () => this.#leaf("string"),
          () => `"{${this.of("int", 0)}} of {${this.of("size", 0)}}"`,
          () => `"a\\tb \\{ \\" {1 + ${this.of("int", 0)}}"`,
        ]);
      case "list":
        return this.#list(deeper);
      case "record":
        return this.#record(deeper);
      case "phys":
        return choices.way([
          () => this.#leaf("phys"),
          () => this.#infix(this.#leaf("phys"), "+", this.#leaf("size")),
          () => `${this.of("buffer", 0)}.phys`,
        ]);
      case "buffer":
        return choices.way([
          () => this.#leaf("buffer"),
          () => this.call("buffer", [`size: ${this.#leaf("size")}`, "fill: counting"]),
          () => this.call("alloc_pages", [String(choices.between(1, 6)), "contiguous: false"]),
        ]);
      case "io":
        return this.#leaf("io");
    }
  }

  /** A call with arguments, broken and spaced by lot. */
  call(name: string, args: readonly string[]): string {
    return `${name}(${this.#between(args, "")})`;
  }

  /** `left op right`. */
  #infix(left: string, operator: string, right: string): string {
    return `${left}${this.blanks.one}${operator}${this.blanks.open}${right}`;
  }

  /** `if` or `match` as a value. */
  #chosen(kind: Kind, depth: number): string {
    const { one, open } = this.blanks;
    const value = () => this.of(kind, depth);
    return this.choices.way([
      () =>
        `(if ${
          this.of("bool", 0)
        } {${open}${value()}${open}}${one}else {${open}${value()}${open}})`,
      () => `(match ${this.of("int", 0)} {${open}0 => ${value()},${open}_ => ${value()}${open}})`,
    ]);
  }

  #operand(kind: Kind, depth: number): string {
    return `(${this.blanks.joint}${this.of(kind, depth)}${this.blanks.joint})`;
  }

  #between(items: readonly string[], edge: "" | " "): string {
    const { choices, blanks } = this;
    if (items.length === 0) return "";
    const opening = edge === "" ? blanks.joint : blanks.open;
    const comma = choices.oneIn(6) ? `${blanks.none},` : "";
    const closing = edge === "" ? blanks.joint : blanks.open;
    return `${opening}${items.join(`${blanks.none},${blanks.open}`)}${comma}${closing}`;
  }

  #leaf(kind: Kind): string {
    const { choices } = this;
    switch (kind) {
      case "int":
        return choices.pick(["0", "1", "2", "7", "64", "1_000", "0x1f", "0b101", "-3"]);
      case "size":
        return choices.pick(["512B", "4KiB", "8KiB", "64KiB", "1MiB"]);
      case "duration":
        return choices.pick(["1ns", "10us", "2ms", "1s"]);
      case "bool":
        return choices.pick(["true", "false", "iommu.live_mappings == 0", "ssd.queues > 0"]);
      case "string":
        return choices.pick(['"pages"', '"a # is no comment"', '""', '"iova, {1 + 1}; x"']);
      case "list":
        return choices.pick(["[1, 2, 3]", "[]", "[4]"]);
      case "record":
        return "{ first: 1, size: 4KiB }";
      case "phys":
        return choices.pick(["0x10_0000 as phys", "(0x20_0000 as phys)"]);
      case "buffer":
        return choices.pick(["alloc_pages(1)", "alloc_pages(3)"]);
      case "io":
        return "ssd.read(lba: 0, into: alloc_pages(1))";
    }
  }

  #int(depth: number): string {
    const { choices } = this;
    return choices.way([
      () => this.#leaf("int"),
      () => this.#infix(this.#leaf("int"), choices.pick(["+", "-", "*"]), this.of("int", depth)),
      () => this.#infix(this.#operand("int", depth), choices.pick(["%", "/"]), "3"),
      () => this.#infix(this.#operand("int", depth), choices.pick(["+", "-"]), this.of("int", 0)),
      () => `${choices.pick(["-", "- -"])}${this.#operand("int", depth)}`,
      () => `${this.of("list", 0)}.length`,
      () => `${this.of("list", 0)}.map(x => ${this.#infix("x", "+", this.of("int", 0))}).sum()`,
      () => this.#infix(this.of("size", depth), "/", "512B"),
      () =>
        this.functions.length === 0
          ? this.#leaf("int")
          : this.call(choices.pick(this.functions), [this.of("int", depth)]),
      () =>
        `trace {${this.blanks.open}ssd.read(lba: 0, into: alloc_pages(1))${this.blanks.open}}.count("irq")`,
      () => `ssd.read(lba: 8, into: alloc_pages(2))\n    .requests.length`,
    ]);
  }

  #bool(depth: number): string {
    const { choices } = this;
    const comparison = () => {
      const kind = choices.pick<Kind>(["int", "size", "duration"]);
      const operator = choices.pick(["==", "!=", "<", "<=", ">", ">="]);
      return this.#infix(this.of(kind, depth), operator, this.of(kind, depth));
    };
    return choices.way([
      () => this.#leaf("bool"),
      comparison,
      comparison,
      () => this.#infix(this.of("bool", depth), choices.pick(["and", "or"]), comparison()),
      () => `not ${this.#operand("bool", depth)}`,
      () => this.#infix(this.of("list", 0), "==", this.of("list", depth)),
      () =>
        `(try ${this.call("dma_map_phys", ["ssd", this.of("phys", 0), "4KiB", "to_device"])}).ok`,
    ]);
  }

  #list(depth: number): string {
    const { choices } = this;
    return choices.way([
      () => `[${this.#between(choices.times(0, 7, () => this.of("int", depth)), "")}]`,
      () => `[${this.#between(choices.times(1, 4, () => this.of("size", depth)), "")}]`,
      () => this.#infix(this.of("list", 0), "+", `[${this.of("int", depth)}]`),
      () =>
        `[${this.#between(choices.times(2, 4, () => this.#row(depth)), "")}].map(row => row[0])`,
      () => `[1, 2, 3].filter(x => ${this.#infix("x", ">", this.of("int", 0))})`,
    ]);
  }

  #row(depth: number): string {
    return `[${this.of("int", depth)}, ${this.of("size", 0)}]`;
  }

  #record(depth: number): string {
    const entries = this.choices.times(0, 4, (index) => {
      const kind = this.choices.pick<Kind>(["int", "size", "string", "list", "bool"]);
      const key = this.choices.pick(["a", "size", "in", "test", "phys"]) + (index || "");
      return `${index === 0 ? key.replace(/\d/, "") : key}:${this.blanks.open}${
        this.of(kind, depth)
      }`;
    });
    const { blanks } = this;
    if (entries.length === 0) return `{${blanks.none}}`;
    return `{${blanks.open}${entries.join(blanks.entry)}${blanks.open}}`;
  }
}
