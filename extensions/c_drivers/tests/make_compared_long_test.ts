/**
 * The reading of makefiles beside GNU make: random makefiles of variables, functions and conditions give the same
 * values.
 */
import { assert, assertEquals } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { MakeFiles } from "../make/mod.ts";
import { MakeReader } from "../make/make_reader.ts";
import { MakeBudget } from "../make/make_variables.ts";

const ROUNDS = 600;
const VARIABLES = ["A", "B", "C", "D", "E"];
const WORDS = ["a.c", "b.o", "sub/c.c", "x", "y.h", "./z.o", "-DX", "", "%", "lib.so.1"];
const MAX_DEPTH = 3;
/** Functions with a pattern or a text before a list, which stands at `?`. */
const OF_LISTS = [
  ...["%.c,%.o", "%.o,q/%", "sub/%,%.d", "%,w"].map((each) => `$(patsubst ${each},?)`),
  ...["a,Q", "x,", ".c,zz", "/,-"].map((each) => `$(subst ${each},?)`),
  ...["%.c", "%.o x", "a.c b.o", "%"].flatMap((each) => [
    `$(filter ${each},?)`,
    `$(filter-out ${each},?)`,
  ]),
  ...[
    "addprefix p/,",
    "addsuffix .s,",
    "notdir ",
    "dir ",
    "basename ",
    "suffix ",
    "sort ",
    "words ",
  ]
    .map((each) => `$(${each}?)`),
  ...["word 2,", "wordlist 1\\,2,", "firstword ", "lastword ", "strip  ", "findstring a,", "or ,"]
    .map((each) => `$(${each.replace("\\", "")}?)`),
  ...["$(foreach v,?,[$(v)])", "$(call f,?,?)", "$(join ?,?)", "$(if ?,?,?)", "$(and x,?)"],
];

/** Random makefiles, from a seed. */
class Makefile {
  constructor(private seed: number) {}

  #number(below: number): number {
    this.seed = (this.seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor(this.seed / 65_536) % below;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#number(values.length)]!;
  }

  #expression(depth = 0): string {
    if (depth > MAX_DEPTH || this.#number(3) === 0) {
      return this.#number(2) === 0 ? this.#pick(WORDS) : `$(${this.#pick(VARIABLES)})`;
    }
    const name = this.#pick(VARIABLES);
    const own = [
      `$(${name}:.c=.o)`,
      `\${${name}:%.o=%.q}`,
      `$(origin ${name})`,
      `$(value ${name})`,
    ];
    const form = this.#pick([...OF_LISTS, ...own]);
    return form.replaceAll(
      "?",
      () =>
        Array.from({ length: 1 + this.#number(3) }, () => this.#expression(depth + 1)).join(" "),
    );
  }

  #lines(depth = 0): readonly string[] {
    const kind = this.#number(10);
    if (kind < 6 || depth > 2) {
      const note = this.#number(6) === 0 ? " # note" : "";
      return [
        `${this.#pick(VARIABLES)} ${
          this.#pick(["=", ":=", "?=", "+=", "+=", ":="])
        } ${this.#expression()}${note}`,
      ];
    }
    const body = () => [...this.#lines(depth + 1), ...this.#lines(depth + 1)];
    if (kind < 9) {
      const condition = this.#pick([
        `ifeq (${this.#expression(2)},${this.#expression(2)})`,
        `ifneq (${this.#expression(2)}, ${this.#expression(2)})`,
        `ifdef ${this.#pick(VARIABLES)}`,
        `ifeq "${this.#pick(WORDS)}" '${this.#pick(WORDS)}'`,
      ]);
      const other = this.#pick([[], ["else", ...body()], [
        "else ifdef A",
        ...body(),
        "else",
        ...body(),
      ]]);
      return [condition, ...body(), ...other, "endif"];
    }
    const name = this.#pick(VARIABLES);
    return [this.#pick([
      `undefine ${name}`,
      `override ${name} := o`,
      `$(eval ${name} := x)`,
      `define ${name}\n${this.#pick(WORDS)} $(1)\nmore\nendef`,
    ])];
  }

  text(): string {
    const lines = Array.from({ length: 10 }, () => this.#lines()).flat();
    return ["f = <$(1)|$(2)>", ...lines, ""].join("\n");
  }
}

/** What make prints for the variables; null for a makefile that it refuses. */
function valuesOfMake(text: string, folder: TempFolder): string | null {
  const shown = VARIABLES.map((name) => `$(info ${name}=[$(${name})])\n`).join("");
  const path = folder.write("Makefile", `${text}${shown}all:;@:\n`);
  const { code, stdout } = new Deno.Command("make", {
    args: ["-s", "-f", path],
    clearEnv: true,
    stderr: "null",
  }).outputSync();
  return code === 0 ? new TextDecoder().decode(stdout) : null;
}

function valuesHere(text: string): string {
  const files = new MakeFiles({ text: () => text, entries: () => [] }, "");
  const options = { files, budget: new MakeBudget(), folder: "/module", release: "6.12.1" };
  const reader = new MakeReader({ ...options, variables: [], config: () => "" });
  reader.read("/module/Makefile");
  return VARIABLES.map((name) => `${name}=[${reader.variables.valueOf(name)}]\n`).join("");
}

/** The values without runs of blanks: lists are words. */
function words(values: string): string {
  return values.replace(/[ \t]+/g, " ").replace(/(=\[) | (\])$/gm, "$1$2");
}

function hasMake(): boolean {
  try {
    return new Deno.Command("make", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

Deno.test({
  name: "random makefiles have the values that GNU make gives them",
  ignore: !hasMake(),
  fn() {
    using folder = new TempFolder();
    let compared = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const text = new Makefile(seed).text();
      const wanted = valuesOfMake(text, folder);
      // Make stops at a variable that refers to itself; the reader stops at it, too.
      if (wanted === null) continue;
      compared++;
      assertEquals(words(valuesHere(text)), words(wanted), `seed ${seed}:\n${text}`);
    }
    assert(compared > ROUNDS / 10, String(compared));
  },
});
