/**
 * Random programs that are right: they parse, most of them pass the checker, and most of those run.
 *
 * All of the grammar occurs, with blanks, line ends and comments wherever the language allows them.
 * The same seed gives the same program.
 */
import { Blanks } from "./blanks.ts";
import { Choices } from "./choices.ts";
import { Expressions, type Kind } from "./expressions.ts";

export interface ProgramOptions {
  /** Blanks, line ends and comments by lot, or one plain style. */
  readonly messy?: boolean;
  /** One short test, without functions. */
  readonly small?: boolean;
}

/** Writes a program. */
export function generateProgram(
  seed: number,
  { messy = true, small = false }: ProgramOptions = {},
): string {
  return new ProgramGenerator(new Choices(seed), messy, small).program();
}

const VALUE_KINDS: readonly Kind[] = [
  "int",
  "int",
  "size",
  "duration",
  "bool",
  "string",
  "list",
  "record",
  "phys",
  "buffer",
  "io",
];
/** Deepest blocks in each other. */
const MOST_BLOCKS = 3;

class ProgramGenerator {
  readonly #blanks: Blanks;
  readonly #values: Expressions;
  #names = 0;
  #blocks = 0;
  #loops = 0;
  /** What is being written: `return` belongs in a function, `fork` in a test. */
  #where: "function" | "test" | "bench" | "forked" = "test";

  constructor(readonly choices: Choices, messy: boolean, readonly small: boolean) {
    this.#blanks = new Blanks(choices, messy);
    this.#values = new Expressions(choices, this.#blanks);
  }

  program(): string {
    const { choices } = this;
    const parts: string[] = [];
    if (choices.oneIn(10)) parts.push("#!/usr/bin/env -S deno run -R=.");
    if (choices.oneIn(3)) parts.push("# A file of chance.");
    parts.push(this.#machine());
    if (this.small) return [...parts, this.#test(), ""].join("\n");
    parts.push(...choices.times(0, 2, () => this.#const()));
    parts.push(...choices.times(0, 2, () => this.#function()));
    parts.push(...choices.times(1, 3, () => this.#test()));
    if (choices.oneIn(3)) parts.push(this.#tableOfTests());
    if (choices.oneIn(4)) parts.push(this.#property());
    if (choices.oneIn(4)) parts.push(this.#bench());
    return parts.map((part) => `${part}\n${choices.oneIn(2) ? "\n" : ""}`).join("");
  }

  #name(): string {
    const base = this.choices.pick(["a", "buf", "size", "step", "read_all", "n", "as", "_x"]);
    return `${base}${this.#names++}`;
  }

  #machine(): string {
    const { choices } = this;
    const blanks = this.#blanks;
    const nvme = choices.times(0, 3, (index) =>
      [
        `queues = ${choices.between(1, 2)}`,
        `sgl = ${choices.pick(["true", "false"])}`,
        `depth = ${choices.pick(["8", "64", "0x100"])}`,
      ][index]!).join(blanks.entry);
    const settings = [
      `seed = ${choices.below(100)}`,
      `cpus = ${choices.between(1, 4)}`,
      ...choices.oneIn(2) ? [`kernel = "${choices.pick(["6.12.117", "7.2.12", "7.2.6"])}"`] : [],
      `iommu {${blanks.open}mode = ${
        choices.pick(["off", "strict", "lazy", "passthrough"])
      }${blanks.open}}`,
      ...choices.oneIn(3)
        ? [`swiotlb { size = 1MiB, force = ${choices.pick(["true", "false"])} }`]
        : [],
      ...choices.oneIn(3) ? ["latencies { iotlb_sync = 300ns\n table_write=20ns }"] : [],
      `pci {${blanks.open}root_port rp0 {${blanks.open}nvme ssd {${blanks.one}${nvme}${blanks.one}}${blanks.open}}${blanks.open}}`,
    ];
    return `machine {${blanks.open}${settings.join(blanks.entry)}${blanks.open}}`;
  }

  #const(): string {
    const kind = this.choices.pick<Kind>(["int", "size", "duration", "string", "bool"]);
    const value = {
      int: "0x40 * 2",
      size: "2 * 4KiB",
      duration: "3us",
      string: '"text"',
      bool: "1 < 2",
    }[kind as "int"];
    const name = this.#name();
    this.#values.scope.push({ name, kind });
    return `const ${name} =${this.#blanks.open}${value}`;
  }

  #function(): string {
    const name = this.#name();
    const parameter = this.#name();
    const text = this.#inScope(() => {
      this.#values.scope.push({ name: parameter, kind: "int" });
      this.#where = "function";
      const body = this.#statements();
      return `fn ${name}(${parameter}) {${this.#blanks.open}${body}` +
        `${this.#blanks.end}return ${this.#values.of("int", 1)}${this.#blanks.open}}`;
    });
    this.#values.functions.push(name);
    return text;
  }

  #test(): string {
    const { choices } = this;
    const modifiers = choices.times(
      0,
      2,
      (index) =>
        index === 0
          ? ` with {${this.#blanks.open}iommu.mode = ${
            choices.pick(["strict", "lazy"])
          }${this.#blanks.open}}`
          : ` matrix { ssd.queues = [1,${this.#blanks.open}2] }`,
    ).join("");
    const skip = choices.oneIn(8) ? "skip " : "";
    return this.#inScope(() => {
      this.#where = "test";
      return `${skip}test "case ${this.#names++}"${modifiers} ${this.#block()}`;
    });
  }

  #property(): string {
    const name = this.#name();
    return this.#inScope(() => {
      this.#where = "test";
      this.#values.scope.push({ name, kind: "int" });
      if (this.choices.oneIn(3)) return this.#propertyOfSequences(name);
      const values = this.choices.pick(["0..3", "1..=2", "[1, 2]"]);
      return `property "p ${this.#names++}" forall ${name} in ${values} ${this.#block()}`;
    });
  }

  /** A test for each row: of a list that is there, of one that has a name, or of a range. */
  #tableOfTests(): string {
    const { choices } = this;
    const { one, open } = this.#blanks;
    const row = this.#name();
    const rows = choices.times(1, 3, (index) => `{ n: ${index}, size: ${index + 1} * 4KiB }`);
    const list = `[${open}${rows.join(`,${open}`)}${open}]`;
    const table = this.#name();
    const isNamed = choices.oneIn(2);
    const modifier = choices.oneIn(3) ? ` matrix { ssd.queues = [1, 2] }` : "";
    return this.#inScope(() => {
      this.#where = "test";
      const number = this.#names++;
      if (choices.oneIn(4)) {
        this.#values.scope.push({ name: row, kind: "int" });
        return `test "row ${number} {${row}}" for ${row} in 0..${
          choices.between(1, 3)
        } ${this.#block()}`;
      }
      const block = `{${open}assert ${row}.size${one}==${open}(${row}.n + 1) * 4KiB` +
        `${this.#blanks.end}${this.#statements()}${open}}`;
      const head = `test "row ${number} {${row}.n}"${modifier} for ${row}`;
      return isNamed
        ? `const ${table} = ${list}\n${head} in ${table} ${block}`
        : `${head} in ${list} ${block}`;
    });
  }

  /** What may happen to a driver's ring, in any order. */
  #propertyOfSequences(ops: string): string {
    const { choices } = this;
    const { end, one, open } = this.#blanks;
    const choice = choices.pick([
      "{ op: [map, unmap], page: 0..8 }",
      "[{ op: map, page: 0..8 }, { op: unmap }]",
    ]);
    const steps = `sequence(${choices.pick(["0..=4", "1..=2", "0..3"])}, ${choice})`;
    const ring = this.#name();
    const undo = `${ring}.slots.remove(0)`;
    return `property "p ${this.#names++}" forall ${ops} in ${steps} {${open}` +
      `let ${ring} = { head: 0, slots: [] }${end}` +
      `for o in ${ops} {${open}` +
      `if o.op == map {${open}${ring}.slots.push(o.page)${end}${ring}.head${one}+=${open}1${open}}` +
      `${one}else if ${ring}.slots.length > 0 {${open}${undo}${open}}${open}}${end}` +
      `assert ${ring}.slots.length <= ${ring}.head${end}${this.#statements()}${open}}`;
  }

  #bench(): string {
    return this.#inScope(() => {
      this.#where = "bench";
      const { open, end } = this.#blanks;
      return `bench "b ${this.#names++}" {${open}setup { let page = alloc_pages(1) }${end}` +
        `loop { ssd.read(lba: random(0..1_000) * 8,${open}into: page) }${end}` +
        `budget irq >= 0 per iteration${open}}`;
    });
  }

  #inScope(write: () => string): string {
    const { scope } = this.#values;
    const [length, where, loops] = [scope.length, this.#where, this.#loops];
    const text = write();
    scope.length = length;
    [this.#where, this.#loops] = [where, loops];
    return text;
  }

  #block(): string {
    const { open } = this.#blanks;
    if (this.choices.oneIn(12)) return `{${this.#blanks.none}}`;
    return this.#inScope(() => {
      this.#blocks++;
      const text = `{${open}${this.#statements()}${open}}`;
      this.#blocks--;
      return text;
    });
  }

  #loopBlock(): string {
    return this.#inScope(() => {
      this.#loops++;
      return this.#block();
    });
  }

  #statements(): string {
    const most = this.small ? 3 : this.#blocks === 0 ? 6 : 3;
    return this.choices.times(1, most, () => this.#statement()).join(this.#blanks.end);
  }

  #statement(): string {
    const { choices } = this;
    const { open, one } = this.#blanks;
    const values = this.#values;
    const nested = this.#blocks < (this.small ? 2 : MOST_BLOCKS) ? this.#nested() : [];
    const of = (kind: Kind) => values.of(kind, 2);
    return choices.way([
      () => this.#let(),
      () => this.#let(),
      () => {
        const ints = values.scope.filter(({ kind, name }) => kind === "int" && /^v/.test(name));
        return ints.length === 0
          ? this.#let("int")
          : `${choices.pick(ints).name}${one}${choices.pick(["=", "+="])}${open}${of("int")}`;
      },
      () => this.#change(),
      () => `assert ${of("bool")} or true`,
      () =>
        `assert true${one}or ${of("bool")},${open}"what {${
          of("int").replaceAll(/["\n]|#.*/g, "")
        }}"`,
      () => `print [${of(choices.pick(VALUE_KINDS))}]`,
      () => `show [${of(choices.pick<Kind>(["list", "io", "buffer"]))}][0]`,
      () => choices.pick(["step", "step 3", "advance 1ms", "advance 10us"]),
      () =>
        `wait ssd.submit(${
          choices.pick(["read, lba: 0, into", "write, lba: 8, from"])
        }: alloc_pages(1))`,
      () => `${values.call("dma_set_mask", ["ssd", choices.pick(["32", "64"])])}`,
      () => `ssd.dma_read(0x7000, 16B) faults ${choices.pick(["not_present", "blocked"])}`,
      () =>
        `ssd.raw(nvme_command(0x7f)) fails ${choices.pick(["0x4001", "invalid_command_opcode"])}`,
      () => "inject dma_map_phys { dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) fails ENOMEM }",
      () => this.#events(),
      ...this.#loops > 0 ? [() => choices.pick(["break", "continue"])] : [],
      ...this.#where === "function" ? [() => `return ${of("int")}`] : [],
      ...nested,
    ]);
  }

  #nested(): (() => string)[] {
    const { choices } = this;
    const { one } = this.#blanks;
    const values = this.#values;
    return [
      () => {
        const otherwise = choices.times(
          0,
          2,
          (index) => index === 0 ? `${one}else ${this.#block()}` : "",
        ).join("");
        const middle = choices.oneIn(3)
          ? `${one}else if ${values.of("bool", 1)} ${this.#block()}`
          : "";
        return `if ${values.of("bool", 1)} ${this.#block()}${middle}${otherwise}`;
      },
      () =>
        this.#inScope(() => {
          const name = this.#name();
          const over = choices.pick(["0..3", "1..=2", "[1, 2, 3]"]);
          values.scope.push({ name, kind: "int" });
          return `for ${name} in ${over} ${this.#loopBlock()}`;
        }),
      () => `repeat ${choices.between(1, 3)} ${this.#loopBlock()}`,
      () => `while false ${this.#loopBlock()}`,
      () => this.#match(),
      () => `on cpu 0 ${this.#block()}`,
      () =>
        `inject ${
          choices.pick(["dma_map_phys nth 2", "iova.alloc", "dma_iova_link with ENOMEM"])
        } ` +
        this.#block(),
      () => `invariant "at most" { iommu.live_mappings < ${choices.between(1000, 5000)} }`,
      () =>
        `expect error ENOMEM { inject dma_map_phys { ` +
        `dma_map_phys(ssd, 0x10_0000, 4KiB, to_device) } }`,
      ...this.#where === "test" ? [() => this.#branches()] : [],
    ];
  }

  #let(kind: Kind = this.choices.pick(VALUE_KINDS)): string {
    const value = this.#values.of(kind, 3);
    const name = `v${this.#name()}`;
    this.#values.scope.push({ name, kind });
    return `let ${name}${this.#blanks.one}=${this.#blanks.open}${value}`;
  }

  /** A list or record that changes in place. */
  #change(): string {
    const { choices } = this;
    const { end, one, open } = this.#blanks;
    const values = this.#values;
    const name = this.#name();
    const sign = `${one}${choices.pick(["=", "+="])}${open}`;
    const change = choices.way([
      () => `${name}.head${sign}${values.of("int", 2)}`,
      () => `${name}["size"]${sign}${values.of("size", 1)}`,
      () => `${name}.slots[${choices.below(2)}]${sign}${values.of("int", 1)}`,
      () => `${name}.slots.push(${values.of(choices.pick(VALUE_KINDS), 1)})`,
      () => `assert ${name}.slots.pop() == 8 or true`,
      () => `${name}.slots.insert(${choices.below(3)}, ${values.of("int", 1)})`,
      () => `${name}.set("more", ${values.of(choices.pick(VALUE_KINDS), 1)})`,
      () => `let other${name} = ${name}.copy()${end}other${name}.slots.remove(0)`,
    ]);
    const record = `{ head: 0, size: 4KiB, slots: [7, 8] }`;
    const use = choices.oneIn(2) ? name : `${name}${one}with {${open}head: 1${open}}`;
    return `let ${name} = ${record}${end}${change}${end}print [${use}]`;
  }

  #match(): string {
    const { open, entry } = this.#blanks;
    const arms = [
      ...this.choices.times(
        0,
        3,
        (index) =>
          `${["0", "1..=4", "7"][index]} => ${this.choices.oneIn(2) ? this.#block() : "print 1"}`,
      ),
      `_ => ${this.#block()}`,
    ];
    return `match ${this.#values.of("int", 1)} {${open}${arms.join(entry)}${open}}`;
  }

  #branches(): string {
    return this.#inScope(() => {
      this.#where = "forked";
      this.#loops = 0;
      const { one, open } = this.#blanks;
      const outcome = this.#name();
      if (this.choices.oneIn(2)) {
        return `compare {${open}kernel = ["6.12.117", "7.2.12"]${open}} {${open}` +
          `ssd.read(lba: 0, into: alloc_pages(1))${open}}`;
      }
      return `let ${outcome} = fork ${this.#block()}${one}and ${this.#block()}`;
    });
  }

  #events(): string {
    const { choices } = this;
    const { open } = this.#blanks;
    const patterns = choices.times(1, 4, () =>
      choices.pick([
        "...",
        "iova.alloc*",
        "iommu.map(size_bytes: 4KiB)*",
        "(iommu.map, iommu.sync_map)*",
        "iommu.*{0,9}",
        "iotlb.sync | iova.free?",
      ]));
    return `expect events [${open}..., ${
      patterns.join(`,${open}`)
    },${open}...${open}] in trace {${open}` +
      `ssd.read(lba: 0, into: alloc_pages(1))${open}}`;
  }
}
