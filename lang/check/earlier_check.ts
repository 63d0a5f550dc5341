/**
 * The check of one version of a file, for the check of the next one.
 *
 * The parser keeps the nodes of declarations that did not change (`syntax/reread.ts`). A node's check is
 * kept, too, while the check of each const and function that it names is kept, and the names that all
 * declarations see are the same. A declaration with an error is checked with each version, and so are
 * the machine and the statements of the top level.
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
  /** Consts and functions that it names, with how often. */
  readonly reads = new Map<Declared, number>();
  /** Its part of the graph of what needs what. */
  readonly uses = new Map<Declared, Set<Declared>>();
  /** Calls of the file's functions in it. */
  readonly calls: (readonly [FunctionDeclaration, CallExpression])[] = [];
  /** Functions that it calls for their effect. */
  readonly discarded: FunctionDeclaration[] = [];
  /** What got a kind while it was checked. */
  readonly inferred: (Expression | Variable | FunctionDeclaration)[] = [];
  /** It has an error, or depends on more than names: it is checked with each version. */
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
  /** The items of this version that are not checked again. */
  #kept: ReadonlySet<Statement> = new Set();
  #bindings = new Map<Statement, Declared>();
  /** What is checked with each version. */
  #rest = new ItemCheck();
  /** The names that the items were checked with. */
  #names: string | null = null;
  #registry: Registry | null = null;
  #source: SourceFile | null = null;
  #changes = "";
  #kinds = new KnownKinds();
  #keepsKinds = false;

  /** The kinds of this version and, as long as they are kept, of those before. */
  get kinds(): KnownKinds {
    return this.#kinds;
  }

  /** The binding that a declaration had. */
  bindingOf(declaration: Statement): Declared | undefined {
    return this.#bindings.get(declaration);
  }

  /** Begins the check of the next version, once its names are declared. */
  begin(file: FileNode, scope: FileScope): void {
    const { registry } = scope;
    const names = namesSeen(scope);
    // A used file may have changed as well.
    const usesFiles = file.items.some(({ kind }) => kind === "Use");
    const isSame = !usesFiles && registry === this.#registry && names === this.#names;
    this.#registry = registry;
    this.#source = file.span.source;
    this.#names = names;
    const bindings = new Map<Statement, Declared>(
      [...scope.declared.values()].map((each) => [each.declaration, each]),
    );
    // A declaration is another one where its name belongs to an earlier one, now or before.
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

  /** The check of an item that need not be resolved again. */
  keptNames(item: Statement): ItemCheck | undefined {
    return this.#kept.has(item) ? this.#checks.get(item) : undefined;
  }

  /** The check of an item that is not kept; null where it is not apart from all others. */
  start(item: Statement): ItemCheck | null {
    if (!SEPARATE.has(item.kind)) return null;
    const check = new ItemCheck();
    this.#checks.set(item, check);
    return check;
  }

  /** Begins to infer kinds: anew where other places change, since these have no kind. */
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

  /** The check of an item with kinds that need not be inferred again. */
  keptKinds(item: Statement): ItemCheck | undefined {
    return this.#keepsKinds ? this.keptNames(item) : undefined;
  }

  /** Begins to infer the kinds of an item. */
  startKinds(item: Statement): ItemCheck {
    const check = this.#checks.get(item) ?? this.#rest;
    this.#kinds.log = check.inferred;
    return check;
  }

  /** False where a kept kind may be another one in a check of the whole file. */
  get holds(): boolean {
    return !this.#keepsKinds || !this.#kinds.dependsOnOrder;
  }

  /** Ends the check: from now on kinds are inferred on demand. */
  finish(): void {
    this.#kinds.finish();
  }

  /** Has items checked with each version. @param places Where something was reported about them. */
  open(places: Iterable<Span>): void {
    for (const place of places) {
      if (place.source !== this.#source) continue;
      for (const [{ span }, check] of this.#checks) {
        if (span.start <= place.end && span.end >= place.start) check.isOpen = true;
      }
    }
  }
}

/** The items of a file that are checked and name nothing else than kept items. */
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
