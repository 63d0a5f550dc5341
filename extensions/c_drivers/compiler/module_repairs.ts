/**
 * Compiles a source of an out-of-tree module that the release refuses. What the release has removed or changed is
 * filled in where there is an exact equivalent, and only for the errors that ask for it: names of `dmalab/older.h`,
 * members of structures, declarations that have moved to another header, functions of other types.
 */
import { MODULE_FOLDER, treePath } from "@dmalab/runtime/kernels";
import { readTreeHeaders } from "@dmalab/cli";
import { DeclaredNames } from "../tree/declared_names.ts";
import { oldMember } from "../tree/old_members.ts";
import type { Settings } from "../tree/settings.ts";
import type { Unit, UnitAdditions } from "../tree/unit.ts";
import type { Compiled } from "./clang.ts";
import type { TreeBuild } from "./tree_build.ts";
import {
  ACCEPTS_TYPES,
  type CompileError,
  differenceOf,
  errorsIn,
  functionAt,
  type Wrapper,
  wrapperOf,
} from "./differing_types.ts";

/** Largest number of times that one source is compiled with further additions. */
const MAX_TRIES = 12;
/** Lines above an error in which the call may begin that it is about. */
const CALL_LINES = 8;
const UNDECLARED =
  /(?:call to undeclared (?:library )?function|use of undeclared identifier|unknown type name) '(\w+)'/;
const INCOMPLETE = /incomplete (?:definition of )?(?:result )?type '(?:const )?(struct \w+)'/;
const NO_HEADER = /^'([^']+)' file not found/;
/** A macro that nothing defines looks like a function without a type. */
const NO_TYPE = /^type specifier missing/;
const MEMBER =
  /(?:no member named|field designator) '(\w+)' (?:in|does not refer to any field in type) '[^']*?(?:struct (\w+))?'(?: \(aka '(?:const )?struct (\w+)'\))?/;
const READ_ONLY = /read-only variable is not assignable|cannot assign to|with const-qualified type/;
/** Errors that a further header can cause. */
const CLASH =
  /redefinition of|conflicting types|redeclared|redeclaration of|macro '\w+' requires|static declaration of/;
/** Constants in a section of variables: `module_init()` of newer releases has a variable in it. */
const SECTION = /causes a section type conflict with/;
const INIT_DATA = "__initdata";
/** A member that no release since 2.6.36 has, and the macro by which drivers told that there is another one. */
const IOCTL = "file_operations.ioctl";
const HAS_UNLOCKED = "HAVE_UNLOCKED_IOCTL";
const OLDER = /\bDMALAB_OLD_(\w+)/g;
const WORD = /[A-Za-z_]\w*/g;

/** The header with names that a source gets only if it does not compile without them. */
const OLDER_NAMES = "dmalab/older.h";

/** What the repair of one source needs. */
interface RepairedSource {
  /** Headers that declare names. */
  readonly declared: DeclaredNames;
  /** The text of `dmalab/older.h`. */
  readonly older: string;
  /** Prefix of the wrappers' names, which no other source of the module has. */
  readonly prefix: string;
  /** The text of a file, by the compiler's name; null for files that are not the module's. */
  text(file: string): string | null;
  compile(added: UnitAdditions, flags: readonly string[]): Promise<Compiled>;
}

/** An error that was filled in. */
export interface MendedError {
  /** The compiler's line. */
  readonly said: string;
  /** What was filled in, if no table of releases has it. */
  readonly hint: string | null;
}

/** A compilation after all repairs, with the remaining errors. */
export interface Repaired extends Compiled {
  readonly mended: readonly MendedError[];
}

/** Repairs the sources of an out-of-tree module. */
export class ModuleRepairs {
  readonly #declared: DeclaredNames;
  #count = 0;

  constructor(readonly build: TreeBuild) {
    this.#declared = new DeclaredNames(build.files);
  }

  /**
   * Compiles a source again until nothing more can be filled in.
   *
   * @param first The result without additions.
   * @param path The source's path from the tree's root.
   * @param compile Compiles the source's unit, with further flags.
   */
  async of(
    first: Compiled,
    path: string,
    settings: Settings,
    compile: (unit: Unit, flags: readonly string[]) => Promise<Compiled>,
  ): Promise<Repaired> {
    const { build } = this;
    return await new Repairs({
      declared: this.#declared,
      older: readTreeHeaders()[OLDER_NAMES]!,
      prefix: `dmalab_wrap_${this.#count++}`,
      text(file) {
        const inside = treePath(file.replace(/^tree\//, ""));
        return inside.startsWith(`${MODULE_FOLDER}/`) ? build.files.text(inside) : null;
      },
      compile: async (added, flags) =>
        await compile(await build.unit(path, settings, {}, added), flags),
    }).run(first);
  }
}

class Repairs {
  readonly #older: ReadonlySet<string>;
  readonly #names = new Set<string>();
  readonly #members = new Set<string>();
  readonly #headers = new Set<string>();
  readonly #moved = new Map<string, string>();
  /** Headers that made things worse. */
  readonly #banned = new Set<string>();
  readonly #wrappers = new Map<string, readonly PlacedWrapper[]>();
  /** The errors that have an answer, and what it is if no table of releases has it. */
  readonly #hints = new Map<string, string | null>();
  #accepts = false;

  constructor(readonly module: RepairedSource) {
    this.#older = new Set([...module.older.matchAll(OLDER)].map(([, name]) => name!));
  }

  async run(first: Compiled): Promise<Repaired> {
    let made = first;
    const seen = new Map<string, CompileError>();
    for (let tries = 0; tries < MAX_TRIES && made.module === null; tries++) {
      const errors = errorsIn(made.said);
      for (const error of errors) seen.set(keyOf(error), error);
      const headers = new Set(this.#headers);
      if (!this.#learn(errors)) break;
      made = await this.#compile();
      const clash = made.module === null &&
        errorsIn(made.said).some(({ file, text }) =>
          this.module.text(file) === null || CLASH.test(text)
        );
      const further = this.#headers.difference(headers);
      if (!clash || further.size === 0) continue;
      for (const each of further) {
        this.#banned.add(each);
        this.#headers.delete(each);
      }
      made = await this.#compile();
    }
    const left = made.module === null ? new Set(errorsIn(made.said).map(keyOf)) : new Set();
    // An error without an answer may only have given way to another one.
    const isMended = (key: string) =>
      !left.has(key) && (made.module !== null || this.#hints.has(key));
    const mended = [...seen].filter(([key]) => isMended(key)).map(([key, error]) => ({
      said: `${error.file}:${error.line}:${error.column}: error: ${error.text}`,
      hint: this.#hints.get(key) ?? null,
    }));
    return { ...made, mended };
  }

  /** Reads what errors ask for. @returns Whether there is something new. */
  #learn(errors: readonly CompileError[]): boolean {
    const before = this.#size;
    const differences = errors.map(differenceOf);
    for (const [at, error] of errors.entries()) {
      const difference = differences[at];
      if (difference == null) this.#learnName(error);
      else if (difference.isSameCall) this.#hints.set(keyOf(error), null);
      else this.#wrap(error);
    }
    // The flag hides every difference: it is set only if each of them has an answer.
    const isAnswered = (at: number) => differences[at] == null || differences[at].isSameCall;
    const hasTypes = differences.some((each) => each != null);
    const isWrapped = this.#wrappers.size > 0;
    if (
      (hasTypes || isWrapped) &&
      errors.every((error, at) => isAnswered(at) || this.#isWrapped(error))
    ) {
      this.#accepts = true;
    }
    return this.#size > before;
  }

  get #size(): number {
    const wrappers = this.#wrappers.values().reduce((sum, { length }) => sum + length, 0);
    const { size } = this.#moved;
    return this.#names.size + this.#members.size + this.#headers.size + size + wrappers +
      Number(this.#accepts);
  }

  #learnName(error: CompileError): void {
    const { text } = error;
    const header = NO_HEADER.exec(text)?.[1];
    if (header !== undefined) return this.#move(header, error);
    const [, member, struct, aka] = MEMBER.exec(text) ?? [];
    const owned = `${aka ?? struct}.${member}`;
    const filled = member === undefined ? null : oldMember(owned);
    if (owned === IOCTL && this.module.text(error.file)?.includes(HAS_UNLOCKED) === true) {
      this.#fill(HAS_UNLOCKED, error);
    } else if (filled !== null) {
      this.#members.add(owned);
      this.#hints.set(keyOf(error), filled);
    }
    if (READ_ONLY.test(text) && /\bdev_addr\b/.test(this.#lines(error, 1))) {
      this.#members.add("net_device.dev_addr");
      this.#hints.set(keyOf(error), "since 5.17: dev_addr is constant, eth_hw_addr_set()");
    }
    if (SECTION.test(text)) this.#fill(INIT_DATA, error);
    const missing = UNDECLARED.exec(text)?.[1] ?? INCOMPLETE.exec(text)?.[1] ??
      (NO_TYPE.test(text) ? functionOf(this.#lines(error, 1), error.column) : null);
    if (missing !== null && missing !== undefined) {
      if (this.#older.has(missing)) this.#fill(missing, error);
      else this.#find(missing, error);
      return;
    }
    for (const [word] of this.#lines(error, CALL_LINES).matchAll(WORD)) {
      if (this.#older.has(word)) this.#fill(word, error);
    }
    if (member !== undefined && this.#older.has(member)) this.#fill(member, error);
  }

  /** Gives the source a name of `dmalab/older.h`. */
  #fill(name: string, error: CompileError): void {
    this.#names.add(name);
    const key = keyOf(error);
    if (!this.#hints.has(key)) this.#hints.set(key, null);
  }

  /** Takes the place to which a header has moved. */
  #move(header: string, error: CompileError): void {
    const to = this.module.declared.movedTo(header);
    if (to === null) return;
    this.#moved.set(header, to);
    this.#hints.set(keyOf(error), `the tree has it as ${to}`);
  }

  /** Adds the header that declares a name. */
  #find(name: string, error: CompileError): void {
    const header = this.module.declared.headerOf(name);
    if (header === null || this.#banned.has(header)) return;
    this.#headers.add(header);
    const shown = header.replace(/^include\//, "");
    this.#hints.set(keyOf(error), `${shown} declares it, and the source does not include it`);
  }

  #wrap(error: CompileError): void {
    const difference = differenceOf(error)!;
    // A header may be included twice.
    if (!error.file.endsWith(".c")) return;
    const called = functionAt(this.#lines(error, 1), error.column);
    if (called === null || this.#isWrapped(error)) return;
    const count = this.#wrappers.values().reduce((sum, { length }) => sum + length, 0);
    const made = wrapperOf(difference, called, `${this.module.prefix}_${count}`);
    if (made === null) return;
    const { column, file, line } = error;
    const placed = { ...made, called, column, line };
    this.#wrappers.set(file, [...this.#wrappers.get(file) ?? [], placed]);
    this.#hints.set(keyOf(error), "a function between them has the release's type");
  }

  #isWrapped({ column, file, line }: CompileError): boolean {
    return this.#wrappers.get(file)?.some((each) =>
      each.line === line && each.column === column
    ) === true;
  }

  /** The line of an error, with some lines above it. */
  #lines({ file, line }: CompileError, count: number): string {
    const lines = this.module.text(file)?.split("\n") ?? [];
    return lines.slice(Math.max(0, line - count), line).join("\n");
  }

  #compile(): Promise<Compiled> {
    const texts = new Map(
      [...this.#wrappers].map(([file, wrappers]) => [
        file.replace(/^tree\//, ""),
        withWrappers(this.module.text(file)!, wrappers),
      ]),
    );
    const added = {
      headers: [...this.#headers],
      moved: this.#moved,
      names: [...this.#names],
      members: this.#members,
      texts,
    };
    return this.module.compile(added, this.#accepts ? [ACCEPTS_TYPES] : []);
  }
}

/** A wrapper with the place at which its name takes the function's place. */
interface PlacedWrapper extends Wrapper {
  readonly called: string;
  readonly line: number;
  readonly column: number;
}

/** A source with wrappers: no line moves. */
function withWrappers(text: string, wrappers: readonly PlacedWrapper[]): string {
  const lines = text.split("\n");
  // From the right, so that the columns on the left stay.
  for (
    const { called, column, line, reference } of wrappers.toSorted((a, b) => b.column - a.column)
  ) {
    const whole = lines[line - 1]!;
    const at = whole.indexOf(called, column - 1);
    lines[line - 1] = whole.slice(0, at) + reference + whole.slice(at + called.length);
  }
  const before = wrappers.map(({ declaration }) => declaration).join(" ");
  const behind = wrappers.map(({ definition }) => definition).join(" ");
  return `${before}\n#line 1\n${lines.join("\n")}\n${behind}\n`;
}

/** The name that is used like a function at a column. */
function functionOf(line: string, column: number): string | null {
  return /^(?:static[ \t]+)?([A-Za-z_]\w*)[ \t]*\(/.exec(line.slice(column - 1))?.[1] ?? null;
}

/** An error, without its column: a wrapper in the same line moves it. */
function keyOf({ file, line, text }: CompileError): string {
  return `${file}:${line}: ${text}`;
}
