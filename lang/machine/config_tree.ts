/**
 * The machine block after the check against the schema: blocks with their settings, by name.
 *
 * `with`, `matrix` and `compare` change settings in this tree. Therefore one conversion to a
 * configuration is enough for all machines of a file.
 */
import type { ConfigModifier, EvaluateConstant } from "../values/machine_variant.ts";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { type Hint, similarNames } from "../diagnostics/suggest.ts";
import { type Span, spanText } from "../source.ts";
import type {
  Expression,
  MachineBlock,
  MachineDeclaration,
  MachineEntry,
  Name,
  RegisterDeclaration,
} from "../syntax/tree/ast.ts";
import { int, required, size, TIB } from "@dmalab/runtime";
import { clip } from "../text/columns.ts";
import { groupThousands } from "../text/numbers.ts";
import type { BlockSpec, MachineSchema, SettingSpec, ValueShape } from "./schema.ts";
import { oneOf, SettingReader, type SettingValue, suggestOr } from "./setting_value.ts";

/** One key with its value, and the location where it was set. */
export interface ConfigSetting {
  readonly value: SettingValue;
  readonly keySpan: Span;
  readonly valueSpan: Span;
}

/** A described register: its BAR, null for the first one, its offset in it, and the offset's place. */
interface PlacedOffset {
  readonly bar: number | null;
  readonly offsetBytes: number;
  readonly span: Span;
}

export interface ConfigBlock {
  readonly spec: BlockSpec;
  readonly name: Name | null;
  /** The span of the block; null for a block that is not in the file. */
  readonly span: Span | null;
  readonly settings: Map<string, ConfigSetting>;
  /** Every key in the block, including keys with a refused value. */
  readonly given: Set<string>;
  readonly children: ConfigBlock[];
  /** The described registers, by access, BAR and offset: `on write 16`, `on write bar 2 16`. */
  readonly registers: Map<string, PlacedOffset>;
}

function newBlock(spec: BlockSpec, name: Name | null, span: Span | null): ConfigBlock {
  return {
    spec,
    name,
    span,
    settings: new Map(),
    given: new Set(),
    children: [],
    registers: new Map(),
  };
}

/** Names that every machine binds; no device may have them. */
const MACHINE_NAMES: ReadonlySet<string> = new Set([
  "iommu",
  "swiotlb",
  "counters",
  "events",
  "pci",
]);

/** The offset of a register in its window. */
const BAR = required<number | null>("bar", int(0, 5), "Which BAR has the register.");
const OFFSET = required<number | null>("offset", size<null>(0, TIB), "Which register.");

/**
 * Maximum number of keys, blocks and list items in a machine. There is a limit because each of them
 * is read, resolved and built.
 */
const MAX_ENTRIES = 10_000;

/** Number of entries, in all blocks together. */
function countEntries(entries: readonly MachineEntry[]): number {
  return entries.reduce((sum, entry) => {
    if (entry.kind === "Block") return sum + 1 + countEntries(entry.entries);
    if (entry.kind !== "Setting") return sum + 1;
    return sum + 1 + (entry.value.kind === "List" ? entry.value.items.length : 0);
  }, 0);
}

/** Reads a machine block and its modifiers. Mistakes go into the bag. */
export class ConfigTreeReader {
  readonly #reader: SettingReader;
  readonly #named = new Map<string, ConfigBlock>();

  /**
   * @param extraLatencies Returns the spec of a key of `latencies` that the schema does not list.
   */
  constructor(
    private readonly schema: MachineSchema,
    evaluate: EvaluateConstant,
    private readonly bag: DiagnosticBag,
    private readonly extraLatencies: (key: string) => SettingSpec | null,
  ) {
    this.#reader = new SettingReader(evaluate, bag);
  }

  read(
    declaration: MachineDeclaration | null,
    modifiers: readonly ConfigModifier[],
  ): ConfigBlock {
    const root = newBlock(this.schema.block("machine"), null, declaration?.span ?? null);
    const entries = declaration?.entries ?? [];
    if (declaration !== null && countEntries(entries) > MAX_ENTRIES) {
      this.bag.error(
        "E0514",
        declaration.span,
        `The machine has more than ${groupThousands(MAX_ENTRIES)} entries`,
        "keys, blocks and list items count",
      );
    } else this.#readEntries(root, entries);
    for (const modifier of modifiers) this.#apply(root, modifier);
    return root;
  }

  #readEntries(block: ConfigBlock, entries: readonly MachineEntry[]): void {
    for (const entry of entries) {
      if (entry.kind === "Block") this.#readBlock(block, entry);
      else if (entry.kind === "Let") this.#refuseOutside(block, "A variable", entry.name.span);
      else if (entry.kind === "Register") this.#readRegister(block, entry);
      else {
        const spec = this.#findSetting(block, entry.key.text);
        if (spec === null) this.#unknownKey(block, entry.key, entry.value);
        else {
          const earlier = block.settings.get(spec.key);
          if (earlier === undefined) this.#set(block, spec, entry.key.span, entry.value);
          else this.#twice(entry.key, earlier.keySpan);
        }
      }
    }
  }

  /**
   * Reports code in a block of a device without registers.
   * @returns Whether the block may contain code.
   */
  #refuseOutside(block: ConfigBlock, what: string, span: Span): boolean {
    if (block.spec.hasRegisters) return true;
    const hint = `it belongs in ${placesList(this.schema.withRegisters())}`;
    this.bag.error("E0505", span, `${what} is not allowed in ${describe(block)}`, hint);
    return false;
  }

  #readRegister(block: ConfigBlock, { access, bar, offset, wordsSpan }: RegisterDeclaration): void {
    if (!this.#refuseOutside(block, "A register", wordsSpan)) return;
    const number = bar === null
      ? null
      : this.#reader.read(BAR, `the number of a BAR of ${describe(block)}`, bar);
    if (number !== null && typeof number !== "number") return;
    const value = this.#reader.read(
      OFFSET,
      `the offset of a register of ${describe(block)}`,
      offset,
    );
    if (typeof value !== "number") return;
    const words = `on ${access}${number === null ? "" : ` bar ${number}`}`;
    const key = `${words} ${value}`;
    const earlier = block.registers.get(key);
    if (earlier === undefined) {
      block.registers.set(key, { bar: number, offsetBytes: value, span: offset.span });
    } else {
      const text = `${words} ${spanText(offset.span)}`;
      this.#twice({ text, span: wordsSpan }, earlier.span);
    }
  }

  #findSetting(block: ConfigBlock, key: string): SettingSpec | null {
    const spec = block.spec.settings.find((setting) => setting.key === key);
    return spec ?? (block.spec.keyword === "latencies" ? this.extraLatencies(key) : null);
  }

  #set(
    block: ConfigBlock,
    spec: SettingSpec,
    keySpan: Span,
    expression: Expression,
  ): void {
    block.given.add(spec.key);
    const value = this.#reader.read(spec, `${spec.key} of ${describe(block)}`, expression);
    if (value !== undefined) {
      block.settings.set(spec.key, { value, keySpan, valueSpan: expression.span });
    }
  }

  #readBlock(parent: ConfigBlock, entry: MachineBlock): void {
    const spec = this.schema.blocks.get(entry.keyword.text);
    if (spec === undefined || spec.keyword === "machine") {
      this.#unknownKey(parent, entry.keyword, null);
      return;
    }
    if (!parent.spec.children.includes(spec.keyword)) {
      this.bag.error(
        "E0505",
        entry.keyword.span,
        `The block \`${spec.keyword}\` is not allowed in ${describe(parent)}`,
        `it belongs in ${placesList(this.schema.placesOf(spec.keyword))}`,
      );
      return;
    }
    if (!this.#checkName(spec, entry)) return;
    const earlier = parent.children.find((child) => child.spec === spec);
    if (!spec.named && earlier?.span) {
      this.#twice(entry.keyword, earlier.span);
      return;
    }
    const block = newBlock(spec, entry.name, entry.span);
    if (entry.name !== null) this.#named.set(entry.name.text, block);
    parent.children.push(block);
    this.#readEntries(block, entry.entries);
  }

  #checkName(spec: BlockSpec, entry: MachineBlock): boolean {
    const { name, keyword } = entry;
    if (name === null) {
      if (!spec.named) return true;
      this.bag.error(
        "E0506",
        keyword.span,
        `This ${spec.keyword} has no name`,
        `write ${spec.keyword} NAME { … }`,
      );
      return false;
    }
    if (!spec.named) {
      this.bag.error(
        "E0506",
        name.span,
        `The block \`${spec.keyword}\` has no name`,
        `write ${spec.keyword} { … }`,
      );
      return false;
    }
    const taken = this.#named.get(name.text)?.name?.span ?? null;
    if (taken === null && !MACHINE_NAMES.has(name.text)) return true;
    this.bag.error(
      "E0507",
      name.span,
      `The name "${name.text}" is taken`,
      taken === null ? "it is a built-in name of every machine" : "choose another name",
      taken === null ? [] : [{ span: taken, message: "first used here" }],
    );
    return false;
  }

  #twice(name: Name, first: Span): void {
    const related = [{ span: first, message: "first given here" }];
    this.bag.error("E0504", name.span, `"${name.text}" is given twice`, undefined, related);
  }

  /** @param value The value, if the name is used as a key; null if the name begins a block. */
  #unknownKey(block: ConfigBlock, name: Name, value: Expression | null): void {
    const wrong = (message: string, hint: Hint) =>
      this.bag.error("E0501", name.span, message, hint);
    const [owner = "", key] = name.text.split(".");
    const other = this.schema.blocks.get(owner);
    const isOfOther = key === undefined || other?.settings.some((setting) => setting.key === key);
    if (value !== null && other !== undefined && isOfOther) {
      const home = block.spec.children.includes(other.keyword)
        ? ""
        : `, in ${placesList(this.schema.placesOf(other.keyword))}`;
      return wrong(
        `\`${owner}\` is a block, not a key of ${describe(block)}`,
        `write \`${blockWith(other, key, value)}\`${home}`,
      );
    }
    if (value === null && block.spec.settings.some((setting) => setting.key === owner)) {
      return wrong(
        `\`${owner}\` is a key of ${describe(block)}, not a block`,
        `write \`${owner} = …\``,
      );
    }
    const known = [...block.spec.settings.map((setting) => setting.key), ...block.spec.children];
    const homes = [...this.schema.blocks.values()].filter((spec) =>
      spec.settings.some((setting) => setting.key === name.text)
    );
    const chosen = block.spec.settings.find(({ shape }) =>
      shape.kind === "word" && shape.choices.includes(name.text)
    );
    if (value !== null && chosen !== undefined) {
      return wrong(
        `\`${name.text}\` is a value, not a key of ${describe(block)}`,
        `write \`${chosen.key} = ${name.text}\``,
      );
    }
    // Any event is a possible key of `latencies`.
    const others = block.spec.keyword === "latencies" ? this.schema.registry.events.names : [];
    const elsewhere = homes.length === 0
      ? known.length === 0 ? "it takes no keys" : oneOf(known)
      : `it is a key of ${homes.map((spec) => spec.keyword).join(", ")}`;
    wrong(
      `There is no "${name.text}" in ${describe(block)}`,
      homes.length > 0
        ? elsewhere
        : suggestOr(name.text, [...known, ...others], similarNames(name.text, known) ?? elsewhere),
    );
  }

  #apply(root: ConfigBlock, modifier: ConfigModifier): void {
    const [first, ...rest] = modifier.path;
    if (first === undefined) return;
    const block = rest.length === 0 ? root : this.#findBlock(root, first.text);
    if (block === null) {
      this.bag.error(
        "E0512",
        first.span,
        `No block of the machine is called "${first.text}"`,
        suggestOr(first.text, this.#blockNames(root), `write ${oneOf(this.#blockNames(root))}`),
      );
      return;
    }
    const key = rest.length === 0 ? first.text : rest.map((name) => name.text).join(".");
    const spec = this.#findSetting(block, key);
    const last = modifier.path.at(-1)!;
    if (spec === null) {
      const known = block.spec.settings.map((setting) => setting.key);
      const home = rest.length > 0
        ? undefined
        : [...this.schema.blocks.values()].find((spec) =>
          !spec.named && root.spec.children.includes(spec.keyword) &&
          spec.settings.some((setting) => setting.key === key)
        );
      this.bag.error(
        "E0512",
        last.span,
        `There is no "${key}" in ${describe(block)}`,
        home !== undefined
          ? `write \`${home.keyword}.${key}\``
          : suggestOr(key, known, known.length === 0 ? "it has no keys" : oneOf(known)),
      );
      return;
    }
    this.#set(block, spec, last.span, modifier.value);
  }

  #findBlock(root: ConfigBlock, name: string): ConfigBlock | null {
    const named = this.#named.get(name);
    if (named !== undefined) return named;
    const spec = this.schema.blocks.get(name);
    if (spec === undefined || spec.named || !root.spec.children.includes(spec.keyword)) {
      return null;
    }
    let block = root.children.find((child) => child.spec === spec);
    if (block === undefined) {
      // The file does not have the block; a modifier may still set its keys.
      block = newBlock(spec, null, null);
      root.children.push(block);
    }
    return block;
  }

  #blockNames(root: ConfigBlock): readonly string[] {
    const unnamed = root.spec.children.filter((keyword) =>
      !this.schema.block(keyword).named && this.schema.block(keyword).settings.length > 0
    );
    return [...this.#named.keys(), ...unnamed];
  }
}

/** A hint with the correct form, if the keyword of a block is used as a key: `ram { size = 16GiB }`. */
function blockWith(
  { children, keyword, named, settings }: BlockSpec,
  key: string | undefined,
  value: Expression,
): string {
  const head = named ? `${keyword} NAME` : keyword;
  const name = value.kind === "Name" ? value.name : "";
  const meant = settings.find((each) =>
    key === undefined ? each.key === name || takes(each.shape, value) : each.key === key
  );
  const text = meant?.key === name ? "true" : clip(spanText(value.span), 40);
  const shown = key ?? meant?.key ?? settings[0]?.key;
  if (shown === undefined) return `${head} { ${children[0] ?? ""} NAME { … } }`;
  return `${head} { ${shown} = ${meant === undefined ? "…" : text} }`;
}

function takes(shape: ValueShape, value: Expression): boolean {
  return shape.kind === "word"
    ? value.kind === "Name" && shape.choices.includes(value.name)
    : value.kind.toLowerCase().startsWith(shape.kind);
}

/** The name of a block in messages: `nvme "ssd"`, `iommu`, `the machine`. */
export function describe(block: ConfigBlock): string {
  if (block.name !== null) return `${block.spec.keyword} "${block.name.text}"`;
  return block.spec.keyword === "machine" ? "the machine" : block.spec.keyword;
}

function placesList(keywords: readonly string[]): string {
  const names = keywords.map((each) => each === "machine" ? "the machine" : each);
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}
