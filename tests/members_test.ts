/** The members of the workspace, and the imports between them, as Deno itself resolves them. */
import { memberEntries, members, TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { existsSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runDeno } from "./deno_process.ts";
import { CORE_FOLDERS, drawnArrows, filesBelow, ROOT } from "./source_text.ts";

/** An import as it is written in a file, and the file that it resolves to. */
interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly to: string;
  /** Whether the file is loaded only when it is needed. */
  readonly late: boolean;
  /** Whether only types are imported, so that the file is not loaded. */
  readonly typeOnly: boolean;
}

const MEMBERS = members();

function memberOf(file: string): string | undefined {
  return MEMBERS.find((member) => file.startsWith(`${member}/`));
}

/** All imports in the members' files. */
async function importsOfMembers(): Promise<readonly Import[]> {
  const files = MEMBERS.flatMap((member) => filesBelow(join(ROOT, member)))
    .filter((path) => path.endsWith(".ts"));
  using temp = new TempFolder();
  const all = temp.write(
    "imports.ts",
    files.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`).join(""),
  );
  const { output, success } = await runDeno(
    ["info", "--json", "--config", join(ROOT, "deno.json"), all],
    { folder: ROOT },
  );
  assertEquals(success, true, output);
  return importsIn(JSON.parse(output.slice(output.indexOf("{"))));
}

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly isDynamic?: boolean;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

function importsIn({ modules }: Graph): readonly Import[] {
  const path = (url: string) => relative(ROOT, fileURLToPath(url)).replaceAll("\\", "/");
  return modules.filter(({ specifier }) => specifier.startsWith("file:")).flatMap((module) =>
    (module.dependencies ?? []).flatMap(({ code, isDynamic, specifier, type }) => {
      const target = code?.specifier ?? type?.specifier;
      if (target === undefined) return [];
      return [{
        from: path(module.specifier),
        specifier,
        to: target.startsWith("file:") ? path(target) : specifier,
        late: isDynamic ?? false,
        typeOnly: code === undefined,
      }];
    })
  ).filter(({ from }) => memberOf(from) !== undefined);
}

const IMPORTS = await importsOfMembers();

Deno.test("a member imports another by its name, and so only what it exports", () => {
  const strays = IMPORTS.filter(({ from, specifier, to }) =>
    memberOf(from) !== memberOf(to) && memberOf(to) !== undefined &&
    !/^@?dmalab\b/.test(specifier) && specifier !== "@std/assert"
  );
  assertEquals(strays, []);
});

Deno.test("a member has few doors, of which each is wanted", () => {
  const doors = memberEntries();
  // The last two are the container of VFIO, which a scenario does not load, and the names of NVMe's
  // statuses, for which a reader of logs loads no device.
  assert(doors.size <= 62, `${doors.size} doors`);
  const taken = new Set(IMPORTS.map(({ specifier }) => specifier));
  assertEquals([...doors.keys()].filter((door) => !taken.has(door)), []);
});

Deno.test("the picture in docs/dev/architecture.md has each arrow between members, and none too many", () => {
  const drawn = drawnArrows().map(({ from, to }) => `${from} --> ${to}`);
  const name = (file: string) => memberOf(file)?.split("/").at(-1);
  const there = new Set(
    IMPORTS.filter(({ from, to }) => memberOf(to) !== undefined && memberOf(from) !== memberOf(to))
      .filter(({ from }) => !from.endsWith("_test.ts") && !/(?:^|\/)tests\/|^tools\//.test(from))
      .map(({ from, to }) => `${name(from)} --> ${name(to)}`),
  );
  assertEquals(drawn.toSorted(), [...there].toSorted());
});

// Imports of types are not counted: inside a folder, a file that needs only the type of a class
// imports the class itself. Late imports are not counted either: the list of extensions loads parts
// of the command line, and commands load that list only when they need it.
Deno.test("no more than three files load each other in a circle", () => {
  const loads = IMPORTS.filter(({ late, typeOnly }) => !late && !typeOnly);
  const next = Map.groupBy(loads, ({ from }) => from);
  const circles = stronglyConnected(
    [...next.keys()],
    (file) => (next.get(file) ?? []).map(({ to }) => to),
  );
  assertEquals(circles.filter((files) => files.length > 3), []);
});

Deno.test("files import each other in a circle, by types or late, only inside one folder", () => {
  const next = Map.groupBy(IMPORTS, ({ from }) => from);
  const circles = stronglyConnected(
    [...next.keys()],
    (file) => (next.get(file) ?? []).map(({ to }) => to),
  );
  const folders = (files: readonly string[]) => new Set(files.map((file) => dirname(file)));
  assertEquals(circles.filter((files) => folders(files).size > 1), []);
  assertEquals(circles.filter((files) => files.length > 10), []);
});

/**
 * The files and packages that are loaded when a file is started.
 * @param withLate Whether to include late imports.
 */
function loadedBy(entry: string, withLate: boolean) {
  const loads = Map.groupBy(IMPORTS.filter(({ typeOnly }) => !typeOnly), ({ from }) => from);
  const files = new Set<string>();
  const packages = new Set<string>();
  const todo = [entry];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    for (const { late, to } of loads.get(path) ?? []) {
      if (late && !withLate) continue;
      if (to.endsWith(".ts")) todo.push(to);
      else packages.add(to);
    }
  }
  return { files, packages };
}

Deno.test("starting a scenario loads nothing that only some scenarios need", () => {
  const { files, packages } = loadedBy("bin/run_main.ts", false);
  // All these files are read before the first line is printed, so each addition needs a reason. The last thirty-four additions are:
  // five files of `lang/values`, `runtime/dma/device` and `runtime/memory` that keep import cycles inside a folder,
  // numbers in bytes (two), the branches of a run, the option that names a branch, lists of any length, lists that a mapping
  // merges, the entry of `bin/` with the place that provides extensions (three), removals of drivers, the story of a driver's
  // removal and a device that is pulled out, the device-TLB, a dma-buf (two), the inferred kinds that an editor keeps from one
  // version of a text to the next, the places of a system's clang, patterns of events that always match, containers of VFIO (seven),
  // pages that `mlock` holds, a virtio-iommu with its queue (two), and its fault lines. Two more files exist because pages, which load no host,
  // also print words of command lines, and errors. Twenty-four files were added when members got fewer entry files; the bundler drops the
  // unused parts of an entry. One of these files is the axis of plots, which the entry for texts loads.
  assert(files.size > 200 && files.size <= 644, `${files.size} files`);
  assertEquals([...files].filter((path) => path.startsWith("extensions/")), []);
  // d3-dsv is loaded at once: tables are read while a scenario is checked, and the check cannot
  // wait for a late import. Loading d3-dsv takes a millisecond.
  assertEquals([...packages].sort(), ["chevrotain", "d3-dsv", "deno-std/path/posix/mod.js"]);
});

/**
 * The files with the tables of commands; a table loads the record of a command when the command is
 * named.
 */
const TABLES = /^cli\/commands\/mod\.ts$|^extensions\/\w+\/extension\.ts$/;
const RECORDS = new Set(
  IMPORTS.filter(({ from, late, to }) => late && TABLES.test(from) && /\bcommands?\b/.test(to))
    .map(({ to }) => to),
);

Deno.test("a command's record is loaded without what the command runs", () => {
  const simulated =
    /^(?:devices|recording|lang\/(?:builtins|check|compile|run|vm)|runtime\/(?:dma|iommu|memory)\/mod)\b/;
  assert(RECORDS.has("cli/commands/run.ts") && RECORDS.has("extensions/hunt/command.ts"));
  for (const record of RECORDS) {
    assertEquals([...loadedBy(record, false).files].filter((path) => simulated.test(path)), []);
  }
});

Deno.test("the command starts without the record of any command", () => {
  const starts = ["bin/main.ts", "bin/provide.ts", "cli/program.ts"];
  const entries = IMPORTS.filter(({ from, typeOnly }) => starts.includes(from) && !typeOnly);
  const files = new Set(entries.flatMap(({ to }) => [...loadedBy(to, false).files]));
  assert(files.has("cli/command_line.ts") && files.has("extensions/hunt/extension.ts"));
  assertEquals([...files].filter((path) => RECORDS.has(path)), []);
  // Each file adds to the time of `--version`. The records of all commands would be 35 more files.
  // Six of the files are the parts that need no machine: one entry file exports them, and the
  // bundler drops the unused parts. One file names the permissions that were given. Seven are the words of errors, with
  // the texts of which their lines are broken at a terminal's width; the bundle has the two functions that are used.
  assert(files.size <= 55, `${files.size} files`);
});

Deno.test("the pages load nothing of the host", () => {
  const { files, packages } = loadedBy("extensions/page/playground_main.ts", true);
  assert(files.has("cli/scenario/print_run.ts"));
  assert(!files.has("cli/host.ts"), "cli/host.ts is loaded");
  assertEquals([...packages].filter((name) => name.startsWith("node:")), []);
});

/**
 * Imports from files whose paths match the first pattern to files whose paths match the second.
 * Imports that load nothing are left out.
 */
function loads(from: RegExp, to: RegExp): readonly string[] {
  return IMPORTS.filter((each) => !each.typeOnly && from.test(each.from) && to.test(each.to))
    .filter((each) => !each.from.endsWith("_test.ts"))
    .map((each) => `${each.from} loads ${each.to}`);
}

Deno.test("in lang/, only where a name of the language meets the runtime is the runtime loaded", () => {
  const meets =
    /^lang\/(?!builtins\/|values\/lab_machine\.ts|editor\/|machine\/|render\/event_line\.ts|laboratory\.ts|diagnostics\/suggest\.ts|text\/numbers\.ts)/;
  // The files that `meets` matches must not need a machine.
  assertEquals(loads(meets, /^(?:runtime\/(?!basics\.ts)|devices\/)/), []);
});

Deno.test("what shows a run asks the recording, and loads neither machines nor what runs them", () => {
  const frontEnd =
    /^extensions\/editor\/dap\/|^cli\/debug\/|^cli\/repl\/(?:repl|commands|command_target|\w+_commands)\.ts$/;
  assertEquals(
    loads(
      frontEnd,
      /^(?:runtime\/(?!basics\.ts)|devices\/|lang\/(?:vm|check|compile|machine|syntax)\/)/,
    ),
    [],
  );
});

Deno.test("the two sides of a device share no code", () => {
  for (
    const [one, other] of [["nvme/controller", "nvme/driver"], ["vfio/function", "vfio/driver"]]
  ) {
    const next = Map.groupBy(
      IMPORTS.filter(({ from }) => !from.endsWith("_test.ts")),
      ({ from }) => from,
    );
    const reach = (side: string) => {
      const seen = new Set([...next.keys()].filter((file) => file.startsWith(`devices/${side}/`)));
      for (const file of seen) for (const { to } of next.get(file) ?? []) seen.add(to);
      return seen;
    };
    assertEquals([...reach(one!)].filter((file) => file.startsWith(`devices/${other}/`)), []);
    assertEquals([...reach(other!)].filter((file) => file.startsWith(`devices/${one}/`)), []);
  }
});

/** Tarjan's strongly connected components, if they have more than one node. */
function stronglyConnected(
  nodes: readonly string[],
  next: (node: string) => readonly string[],
): string[][] {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string) => {
    order.set(node, order.size);
    low.set(node, order.get(node)!);
    stack.push(node);
    for (const other of next(node)) {
      if (!order.has(other)) visit(other);
      else if (!stack.includes(other)) continue;
      low.set(node, Math.min(low.get(node)!, low.get(other)!));
    }
    if (low.get(node) !== order.get(node)) return;
    const part = stack.splice(stack.indexOf(node));
    if (part.length > 1) found.push(part.toSorted());
  };
  for (const node of nodes) if (!order.has(node)) visit(node);
  return found;
}

Deno.test("every member has a README that names where to start, how to test it, and files that are there", () => {
  for (const member of members()) {
    const text = Deno.readTextFileSync(join(ROOT, member, "README.md"));
    const rows = [...text.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) =>
      [...cell!.matchAll(/`([^`]+)`/g)].map(([, path]) => path!)
    );
    assert(rows.length >= 2, `${member}: ${rows.length} places to start`);
    for (const path of rows) assert(existsSync(join(ROOT, member, path)), `${member}: ${path}`);
    const isCore = !["tests", "tools"].includes(member);
    const command = isCore ? `deno task test ${member}\n` : `deno test -A ${member}\n`;
    assertStringIncludes(text, command);
    assert(!isCore || text.includes("\n## Without it\n"), member);
  }
});

Deno.test("what a member's README lets it import is what the picture draws", () => {
  for (const member of members().filter((each) => !["tests", "tools"].includes(each))) {
    const text = Deno.readTextFileSync(join(ROOT, member, "README.md"));
    const [, uses = ""] = /It may import ([^(]*)\(/.exec(text) ?? [];
    const drawn = drawnArrows().filter(({ from }) => from === basename(member)).map(({ to }) => to);
    if (uses.startsWith("everything")) continue;
    const core = uses.includes("the core") ? CORE_FOLDERS : [];
    const words = [...uses.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
    assertEquals(drawn.filter((to) => ![...core, ...words].includes(to)), [], `${member} imports`);
    assertEquals(words.filter((to) => !drawn.includes(to)), [], `${member} does not import`);
  }
});
