/**
 * The check of one version of a file, reused for the check of the next version.
 *
 * The parser keeps the nodes of declarations that did not change (`syntax/reread.ts`). The check of
 * a node is kept, too, under two conditions: the checks of all consts and functions that are named
 * in the node are kept, and the names that all declarations see are the same. A declaration with an
 * error is checked again in each version, and so are the machine and the statements of the top
 * level.
 */
import type { SourceFile, Span } from "../source.ts";
import type {
  CallExpression,
  Expression,
  FileNode,
  FunctionDeclaration,
  Statement,
} from "../syntax/tree/ast.ts";
import type { Registry } from "../values/registry.ts";
import { type Declared, type PlacesChanged, Resolution, type Variable } from "./names/bindings.ts";
import type { FileScope } from "./names/file_scope.ts";
import { KnownKinds } from "./types/known_kinds.ts";

/** The check of a declaration, a test, a property or a bench. */
export class ItemCheck {
  readonly resolution = new Resolution();
  /** Consts and functions that are named in the item, each with the number of mentions. */
  readonly reads = new Map<Declared, number>();
  /** The item's part of the dependency graph. */
  readonly uses = new Map<Declared, Set<Declared>>();
  /** Calls in the item that call functions of the file. */
  readonly calls: (readonly [FunctionDeclaration, CallExpression])[] = [];
  /** Functions that the item calls without using their result. */
  readonly discarded: FunctionDeclaration[] = [];
  /** Nodes for which a kind was inferred during the check. */
  readonly inferred: (Expression | Variable | FunctionDeclaration)[] = [];
  /**
   * True if the item has an error, or depends on more than names, such as a file's contents. Such
   * an item is checked again in each version of the file.
   */
  isOpen = false;

  noteRead(binding: Declared): void {
    this.reads.set(binding, (this.reads.get(binding) ?? 0) + 1);
  }
}

const SEPARATE: ReadonlySet<Statement["kind"]> = new Set([
  "Const",
  "Function",
  "Test",
  "Property",
  "Bench",
]);

/** The checks of a file's items, from one version to the next. */
export class EarlierCheck {
  #checks = new Map<Statement, ItemCheck>();
  /** The items of this version that need no new check. */
  #kept: ReadonlySet<Statement> = new Set();
  #bindings = new Map<Statement, Declared>();
  /** The check of everything that is checked again with each version. */
  #rest = new ItemCheck();
  /** The names that the items saw, as text. */
  #names: string | null = null;
  #registry: Registry | null = null;
  #source: SourceFile | null = null;
  #changes = "";
  #kinds = new KnownKinds();
  #keepsKinds = false;

  /** The kinds of this version and, as long as they are valid, of earlier versions. */
  get kinds(): KnownKinds {
    return this.#kinds;
  }

  /** The binding that a declaration had in the previous version. */
  bindingOf(declaration: Statement): Declared | undefined {
    return this.#bindings.get(declaration);
  }

  /** Begins the check of the next version, once its names are declared. */
  begin(file: FileNode, scope: FileScope): void {
    const { registry } = scope;
    const names = namesSeen(scope);
    // Used files may have changed, too.
    const usesFiles = file.items.some(({ kind }) => kind === "Use");
    const isSame = !usesFiles && registry === this.#registry && names === this.#names;
    this.#registry = registry;
    this.#source = file.span.source;
    this.#names = names;
    const bindings = new Map<Statement, Declared>(
      [...scope.declared.values()].map((each) => [each.declaration, each]),
    );
    // A duplicate declaration has no binding: the declaration must be checked again when it gets a
    // binding.
    const isBoundAsBefore = (item: Statement) => bindings.get(item) === this.#bindings.get(item);
    this.#kept = isSame ? keptItems(file.items.filter(isBoundAsBefore), this.#checks) : new Set();
    const checks = new Map<Statement, ItemCheck>();
    for (const [item, check] of this.#checks) {
      if (this.#kept.has(item)) checks.set(item, check);
      else this.#kinds.forget(check.inferred);
    }
    this.#kinds.forget(this.#rest.inferred);
    this.#checks = checks;
    this.#rest = new ItemCheck();
    this.#bindings = bindings;
  }

  /**
   * The check of an item, if the names in the item need not be resolved again; otherwise
   * undefined.
   */
  keptNames(item: Statement): ItemCheck | undefined {
    return this.#kept.has(item) ? this.#checks.get(item) : undefined;
  }

  /** Starts the check of an item; null for kinds of items that are not checked separately. */
  start(item: Statement): ItemCheck | null {
    if (!SEPARATE.has(item.kind)) return null;
    const check = new ItemCheck();
    this.#checks.set(item, check);
    return check;
  }

  /**
   * Starts to infer kinds. In two cases all kinds are inferred again. First, if kinds depended on
   * the order in which they were inferred. Second, if the program now changes other entries or
   * items in place than before: the kinds of changed entries and items are unknown.
   */
  beginKinds({ changes }: Resolution): void {
    const now = placesText(changes);
    this.#keepsKinds = now === this.#changes && !this.#kinds.dependsOnOrder;
    this.#changes = now;
    if (this.#keepsKinds) this.#kinds.forgetLate();
    else {
      this.#kinds = new KnownKinds();
      for (const check of this.#checks.values()) check.discarded.length = check.inferred.length = 0;
    }
  }

  /**
   * The check of an item, if the kinds in the item need not be inferred again; otherwise
   * undefined.
   */
  keptKinds(item: Statement): ItemCheck | undefined {
    return this.#keepsKinds ? this.keptNames(item) : undefined;
  }

  /** Starts to infer the kinds of an item. */
  startKinds(item: Statement): ItemCheck {
    const check = this.#checks.get(item) ?? this.#rest;
    this.#kinds.log = check.inferred;
    return check;
  }

  /** False if a kept kind could differ from the result of checking the whole file. */
  get holds(): boolean {
    return !this.#keepsKinds || !this.#kinds.dependsOnOrder;
  }

  /** Ends the check: later, kinds are inferred on demand. */
  finish(): void {
    this.#kinds.finish();
  }

  /** Marks items to be checked with each version. @param places Locations of diagnostics. */
  open(places: Iterable<Span>): void {
    for (const place of places) {
      if (place.source !== this.#source) continue;
      for (const [{ span }, check] of this.#checks) {
        if (span.start <= place.end && span.end >= place.start) check.isOpen = true;
      }
    }
  }
}

/** The items with a valid check that depend only on kept items. */
function keptItems(
  items: readonly Statement[],
  checks: ReadonlyMap<Statement, ItemCheck>,
): ReadonlySet<Statement> {
  const kept = new Set(items.filter((item) => checks.get(item)?.isOpen === false));
  for (let size = -1; size !== kept.size;) {
    size = kept.size;
    for (const item of kept) {
      for (const { declaration } of checks.get(item)!.reads.keys()) {
        if (!kept.has(declaration)) kept.delete(item);
      }
    }
  }
  return kept;
}

function namesSeen({ declared, machine, machineKinds }: FileScope): string {
  const variables = [...machine?.variables.values() ?? []].map(({ name }) => name);
  const own = [...declared].map(([name, { kind }]) => [name, kind]);
  return JSON.stringify([own, [...machineKinds], variables]);
}

function placesText({ anyEntry, entries, items, names }: PlacesChanged): string {
  return JSON.stringify([anyEntry, items, names, ...[...entries].sort()]);
}
