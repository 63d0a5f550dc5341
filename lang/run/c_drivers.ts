/**
 * Drivers in C that a program declares. The program declares names; on each of its machines, a name
 * is bound to a separate driver.
 *
 * The layers below do not depend on C, because the names are added to the registry: the registry's
 * list of a machine's names contains them, and the registry builds each machine with the drivers.
 */
import { addAll } from "@dmalab/runtime/basics";
import type { LabConfig } from "@dmalab/devices";
import type { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../source.ts";
import { type LoadedFile, loadNamedFile, type SourceLoader } from "../syntax/load_files.ts";
import type { CDriverDeclaration, Expression, PathEntry } from "../syntax/tree/ast.ts";
import {
  C_FILE,
  type CLoader,
  type CompileCache,
  type CompiledC,
  STUBS,
  type Stubs,
  type TreeSettings,
} from "../values/c_module.ts";
import type { Registry } from "../values/registry.ts";
import type { HandleType, Type } from "../values/spec.ts";
import type { Value } from "../values/value.ts";

interface Declared {
  readonly declaration: CDriverDeclaration;
  readonly source: SourceFile;
}

/**
 * The registry with the drivers in C of some files. If the files have no such drivers, the registry
 * is unchanged.
 */
export function withCDrivers(
  files: readonly LoadedFile[],
  loader: SourceLoader,
  registry: Registry,
  bag: DiagnosticBag,
): Registry {
  const declarations = files.flatMap(({ file }) =>
    file.items.filter((item) => item.kind === "CDriver")
  );
  if (declarations.length === 0) return registry;
  const unknown: CDriverDeclaration[] = [];
  const named: Registry = {
    ...registry,
    globalTypes: (config) => withNames(registry, config, unknown),
  };
  if (!compiles(loader)) {
    for (const { pathSpan } of declarations) {
      bag.error("E0710", pathSpan, "No C compiler is available in this context", BY_COMMAND);
    }
    addAll(unknown, declarations);
    return named;
  }
  const declared = declarations.flatMap((declaration): Declared[] => {
    const source = sourceOf(declaration, loader, bag);
    if (source !== null) return [{ declaration, source }];
    unknown.push(declaration);
    return [];
  });
  return new CRegistry(named, declared, loader.shelf, bag).registry;
}

/** The source file of a driver; null after reporting that it is missing. */
function sourceOf(
  { entries, path, pathSpan }: CDriverDeclaration,
  loader: CLoader,
  bag: DiagnosticBag,
): SourceFile | null {
  if (entries.length === 0) return loadNamedFile(path, pathSpan, loader, bag, { kind: C_FILE });
  const settings = treeSettings(entries, bag);
  const { loadWithTree } = loader;
  if (settings === null) return null;
  if (loadWithTree === undefined) {
    bag.error("E0710", pathSpan, "No kernel tree can be read in this context", BY_COMMAND);
    return null;
  }
  return loadNamedFile(
    path,
    pathSpan,
    {
      load: (wanted, from) => loadWithTree.call(loader, settings, wanted, from ?? pathSpan.source),
    },
    bag,
    { kind: C_FILE },
  );
}

/** Matches a flag of a driver's settings. Other flags of compilers could change its target or its checks. */
const FLAG = /^(?:-D[A-Za-z_]\w*(?:=[^]*)?|-U[A-Za-z_]\w*|[A-Za-z_][\w.-]*=[^\n]*)$/;

/** How a driver's settings are written. */
const TREE_SETTINGS = {
  tree: 'the path of a folder: `tree = "../linux"`',
  module: 'the path of a folder: `module = "../my-driver"`',
  files: 'a list of paths: `files = ["block/blk-mq-dma.c"]`',
  flags:
    'a list of definitions and undefinitions, or of variables of make: `flags = ["-DHAVE_X", "DEBUG=1"]`',
  stubs: `one of ${
    STUBS.map((each) => `"${each}"`).join(", ")
  }, or what functions return: \`stubs = { pcie_set_readrq: 0 }\``,
} as const satisfies Record<keyof TreeSettings, string>;

/** How a driver is compiled with a kernel tree; null after reporting an error. */
function treeSettings(entries: readonly PathEntry[], bag: DiagnosticBag): TreeSettings | null {
  const found: Partial<Record<"tree" | "module" | "files" | "flags", readonly string[]>> = {};
  let stubs: Stubs = STUBS[0];
  let isWrong = false;
  const wrong = (span: Span, message: string, hint?: string) => {
    bag.error("E0712", span, message, hint);
    isWrong = true;
  };
  for (const { path, span, value } of entries) {
    const name = path.map(({ text }) => text).join(".");
    const texts = value.kind === "List" ? value.items.map(plainText) : [plainText(value)];
    if (!isSetting(name)) {
      const names = Object.keys(TREE_SETTINGS).map((each) => `\`${each}\``);
      wrong(span, `A driver in C has no setting \`${name}\``, `it has ${names.join(", ")}`);
    } else if (name === "stubs") {
      const asked = stubsOf(value);
      if (asked === null) wrong(value.span, `\`stubs\` is ${TREE_SETTINGS.stubs}`);
      else stubs = asked;
    } else if (
      (value.kind === "List") !== (name === "files" || name === "flags") ||
      !texts.every((text) => text !== null && (name !== "flags" || FLAG.test(text)))
    ) {
      wrong(value.span, `\`${name}\` is ${TREE_SETTINGS[name]}`);
    } else found[name] = texts as string[];
  }
  const [tree = null] = found.tree ?? [];
  const [module = null] = found.module ?? [];
  if (isWrong) return null;
  return { tree, module, files: found.files ?? [], flags: found.flags ?? [], stubs };
}

function isSetting(name: string): name is keyof TreeSettings {
  return Object.hasOwn(TREE_SETTINGS, name);
}

function stubsOf(value: Expression): Stubs | null {
  if (value.kind !== "Record") return STUBS.find((each) => each === plainText(value)) ?? null;
  const answers = value.entries.map(({ key, value }) => [key.text, plainInteger(value)] as const);
  return answers.every(([, answer]) => answer !== null)
    ? new Map(answers as [string, number][])
    : null;
}

/** The value of an integer literal; null for every other expression. */
function plainInteger(value: Expression): number | null {
  if (value.kind === "Integer") return value.value;
  if (value.kind !== "Unary" || value.operator !== "-") return null;
  const { operand } = value;
  return operand.kind === "Integer" ? -operand.value : null;
}

/** The text of a string literal without inserted values; null for every other expression. */
function plainText(value: Expression): string | null {
  const [text = ""] = value.kind === "String" ? value.parts : [];
  const isPlain = value.kind === "String" && value.parts.length <= 1 && typeof text === "string";
  return isPlain ? text : null;
}

/**
 * The names of the machine, together with the names of the drivers. The fields of drivers are not
 * known.
 */
function withNames(
  registry: Registry,
  config: LabConfig,
  declarations: readonly CDriverDeclaration[],
): ReadonlyMap<string, Type> {
  const names = declarations.map(({ name }) => [name.text, "any"] as const);
  return new Map([...names, ...registry.globalTypes(config)]);
}

function compiles(loader: SourceLoader): loader is CLoader {
  return "shelf" in loader;
}

/** The hint that names the commands that compile C. */
const BY_COMMAND = "run the file by `dmalab run` or `dmalab test`";

/** Reports each driver in C as an error, because a session cannot load one. */
export function refuseCDrivers(files: readonly LoadedFile[], bag: DiagnosticBag): void {
  for (const { file } of files) {
    for (const item of file.items) {
      if (item.kind !== "CDriver") continue;
      bag.error("E0710", item.pathSpan, "A REPL session cannot load C drivers", BY_COMMAND);
    }
  }
}

class CRegistry {
  readonly #types: Map<string, HandleType>;
  readonly #reported = new Set<string>();
  readonly #found = new Set<CompiledC>();

  constructor(
    readonly inner: Registry,
    readonly declared: readonly Declared[],
    readonly shelf: CompileCache,
    readonly bag: DiagnosticBag,
  ) {
    this.#types = new Map(inner.types);
  }

  get registry(): Registry {
    const { inner } = this;
    return {
      ...inner,
      types: this.#types,
      cModules: () => [...this.#found].flatMap(({ module }) => module ?? []),
      buildConfig: (...parts) => {
        const config = inner.buildConfig(...parts);
        for (const each of this.declared) this.#find(each, config);
        return config;
      },
      globalTypes: (config) => this.#kinds(config),
      buildMachine: (config, options) => {
        const machine = inner.buildMachine(config, options);
        const globals = machine.globals as Map<string, Value>;
        for (const each of this.declared) {
          const module = this.#find(each, config)?.module ?? null;
          if (module !== null) globals.set(each.declaration.name.text, module.start(machine));
        }
        return machine;
      },
    };
  }

  /** The compiled form of a source for a machine; its errors are reported once. */
  #find({ declaration, source }: Declared, config: LabConfig): CompiledC | null {
    const compiled = this.shelf.find(source, config);
    if (compiled === null || "problem" in compiled) {
      const { path, pathSpan } = declaration;
      const { code, hint, problem } = compiled ??
        { code: "E0710" as const, problem: `"${path}" is not compiled here`, hint: BY_COMMAND };
      this.#once(path, () => this.bag.error(code, pathSpan, problem, hint));
      return compiled;
    }
    // `#find` is called for each machine, and there may be thousands.
    const found = this.#found.has(compiled) ? [] : compiled.diagnostics;
    this.#found.add(compiled);
    for (const diagnostic of found) {
      const { code, message, span } = diagnostic;
      this.#once(`${span.source.name} ${span.start} ${code} ${message}`, () => {
        this.bag.add(diagnostic);
      });
    }
    return compiled;
  }

  #once(key: string, tell: () => void): void {
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    tell();
  }

  #kinds(config: LabConfig): ReadonlyMap<string, Type> {
    const kinds = new Map(this.inner.globalTypes(config));
    for (const each of this.declared) {
      const { span, text } = each.declaration.name;
      if (kinds.has(text)) {
        this.#once(text, () =>
          this.bag.error(
            "E0302",
            span,
            `\`${text}\` is already the name of a part of the machine`,
            "choose another name",
          ));
      }
      const type = this.#find(each, config)?.module?.type;
      if (type !== undefined) this.#types.set(type.name, type);
      kinds.set(text, type === undefined ? "any" : `@${type.name}`);
    }
    return kinds;
  }
}
