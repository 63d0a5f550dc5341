/**
 * Paths that dmalab writes or reads, and the hostile entries that a cloned repository can have at
 * these paths.
 */
import { dirname, join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../source_text.ts";
import { TempFolder } from "@dmalab/tools";

/** A command line, or a part of a session, to run in a folder. */
export interface Todo {
  readonly folder: string;
  readonly words: readonly string[];
}

export interface Done {
  readonly exitCode: number;
  readonly errors: string;
  readonly output: string;
}

/** A hostile entry at a path: anything but a regular file of the folder. */
interface Trap {
  readonly name: string;
  /**
   * Creates the entry.
   * @param outside A folder outside of the current one: it must not be changed, and its text must
   *   not be shown.
   */
  readonly set: (path: string, outside: string) => void | { close(): void };
  /** Whether the entry can also be in place of a folder. */
  readonly forFolders?: boolean;
}

/** A text that must not be shown; the file that contains it must not change. */
export const SECRET = "the-secret-of-a-user";

function link(to: (outside: string) => string): Trap["set"] {
  return (path, outside) => Deno.symlinkSync(to(outside), path);
}

export function makeFifo(path: string): void {
  new Deno.Command("mkfifo", { args: [path] }).outputSync();
}

const TRAPS: readonly Trap[] = [
  { name: "a link to a file outside", set: link((outside) => join(outside, "bashrc")) },
  {
    name: "a link to a folder outside",
    set: link((outside) => outside),
    forFolders: true,
  },
  { name: "a link to what is not there", set: link((outside) => join(outside, "new")) },
  { name: "a link to itself", set: (path) => Deno.symlinkSync(path, path), forFolders: true },
  { name: "a link to a device", set: link(() => "/dev/zero") },
  {
    name: "a link to a pipe",
    set: (path, outside) => {
      makeFifo(join(outside, "fifo"));
      Deno.symlinkSync(join(outside, "fifo"), path);
    },
  },
  { name: "a pipe", set: makeFifo, forFolders: true },
  {
    name: "a socket",
    set: (path) => Deno.listen({ transport: "unix", path }),
    forFolders: true,
  },
  { name: "a hard link", set: (path, outside) => Deno.linkSync(join(outside, "bashrc"), path) },
];

/** An action of dmalab on a path. */
interface Use {
  readonly name: string;
  /** The path, relative to the folder. */
  readonly place: string;
  /** Other files in the folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly words: readonly string[];
  /**
   * The kind of the action. A hard link can be read like any file. When the action reads a path
   * that the user typed, links at this path are followed.
   */
  readonly way: "writes" | "reads" | "reads what was typed";
  /** Whether the path is a folder of dmalab. */
  readonly isFolder?: boolean;
}

const FAILING = 'test "fails" { assert 1 == 2 }\n';
const PRINTING = 'test "prints" { print 1 }\n';
const EVENTS = `machine { pci { root_port rp0 { nvme ssd { } } } }
test "maps" { let b = alloc_pages(1)
dma_map_phys(ssd, b.phys, 4KiB, from_device) }
`;
const BENCHED = `machine { iommu { mode = strict } pci { root_port rp0 { endpoint nic { } } } }
bench "maps" for size in [4KiB, 64KiB] {
  setup { let buf = buffer(size: size) }
  loop { dma_unmap_phys(nic, dma_map_phys(nic, buf.phys, size, to_device), size, to_device) }
}
`;
const SHOWING = `${EVENTS}test "shows" { show buffer(size: 4KiB) }\n`;
const ADDED = { ".dmalab/package.json": "{}" };

const HUNT = "hunt --mode off --cases 1 --shard 1/1 --out out";

/** Command lines that read a file X that the user typed. */
const TYPED = [
  ...["run", "hunt", "releases", "debug", "repl"].map((command) => `${command} X.dma`),
  ...["check", "devices", "script"].map((action) => `trace ${action} X.txt`),
  ...["report X.md", "report X.dmatrace.jsonl", "topology X.txt"],
  ...["explain --in X.dma ssd.limits", "hunt merge X.jsonl"],
];

/**
 * An action, named by its words and its path.
 * @param files The files of the folder, or only the text of `a.dma`.
 */
function use(
  way: Use["way"],
  words: string | readonly string[],
  place: string,
  files: string | Use["files"] = {},
  more: Pick<Use, "isFolder"> = {},
): Use {
  return {
    name: `${words}, with ${place}`,
    place,
    files: typeof files === "string" ? { "a.dma": files } : files,
    words: typeof words === "string" ? words.split(" ") : words,
    way,
    ...more,
  };
}

/** Argument of `use()` for a path that is a folder of dmalab. */
const FOLDER = { isFolder: true } as const;

export const USES: readonly Use[] = [
  use("writes", "test a.dma", ".dmalab/failed", FAILING),
  use("reads", "test --failed a.dma", ".dmalab/failed", PRINTING),
  use("writes", "test a.dma", ".dmalab", FAILING, FOLDER),
  use("writes", ":history", ".dmalab/history"),
  use("writes", ":history", ".dmalab", {}, FOLDER),
  use("writes", ":edit", ".dmalab", {}, FOLDER),
  use("writes", "test --snapshot update a.dma", "a.dma.snap", PRINTING),
  use("reads", "test --snapshot check a.dma", "a.dma.snap", PRINTING),
  use("writes", "run --export out.dmatrace.jsonl a.dma", "out.dmatrace.jsonl", EVENTS),
  use("writes", "run --export out.json a.dma", "out.json", EVENTS),
  use("writes", "vectors --count 1 --out v.json", "v.json"),
  use("writes", "vectors --negative --out v.json", "v.json"),
  use("writes", [":repl", "print 1", ":save s.dma"], "s.dma"),
  use("writes", [":repl", "print 1", ":export s.json"], "s.json"),
  use("writes", "fmt f.dma", "f.dma"),
  ...["test", "run", "check", "bench"].map((command) => use("reads", `${command} .`, "f.dma")),
  use("writes", "init . --add", "package.json", ADDED),
  use("writes", "init . --add", ".github", { ...ADDED, ".git/config": "" }, FOLDER),
  use("writes", "test a.dma --report out", "out/index.html", PRINTING),
  use("writes", "run a.dma --picture p.svg", "p.svg", SHOWING),
  use("writes", "bench a.dma --plot p.svg", "p.svg", BENCHED),
  use("writes", HUNT, "out", {}, FOLDER),
  use("writes", HUNT, "out/shard-0001.jsonl"),
  ...TYPED.map((line) =>
    use("reads what was typed", line, line.split(" ").find((word) => word.startsWith("X."))!)
  ),
  use("reads", "run a.dma", "d.c", 'driver d = c "d.c"\n'),
  use("writes", "test a.dma --junit-path t.xml", "t.xml", PRINTING),
  use("reads", "run a.dma", "lib.dma", { "a.dma": 'use "lib.dma"\n', "deno.json": "{}" }),
  use("reads", "run a.dma", "data.json", 'print read_lines("data.json")\n'),
  use("writes", "test a.dma --report out", "out", PRINTING, FOLDER),
  use("writes", "test a.dma --report out/deep/er", "out", PRINTING, FOLDER),
  use("writes", "init lab", "lab", {}, FOLDER),
  use("writes", "init lab/deep/", "lab", {}, FOLDER),
  use("writes", "run --export out/e.json a.dma", "out", EVENTS, FOLDER),
];

/**
 * Time limit of the process. The limit is longer than all command lines together need. A command
 * that waits for the other end of a pipe does not end, and exceeds the limit.
 */
const PATIENCE_MS = 900_000;

/**
 * Runs all command lines of `todo` in one process. @param folder The folder for the file that lists
 * the command lines.
 */
export async function doAll(todo: readonly Todo[], folder: string): Promise<readonly Done[]> {
  const list = join(folder, "todo.json");
  Deno.writeTextFileSync(list, JSON.stringify(todo));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "tests/hostile/places_main.ts", list],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const killer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  const { stdout, success } = await child.output();
  clearTimeout(killer);
  assert(success, "one of them waits for ever, or ends the process");
  return JSON.parse(new TextDecoder().decode(stdout)) as readonly Done[];
}

/** Objects that keep sockets open. */
type Open = { close(): void }[];

/** Creates a folder that contains a repository, and files outside of the repository. */
function makeCase(
  { files, place }: Use,
  trap: Trap,
  folder: string,
  open: Open,
): string {
  const outside = join(folder, "outside");
  const repository = join(folder, "repository");
  Deno.mkdirSync(outside, { recursive: true });
  Deno.mkdirSync(repository);
  Deno.writeTextFileSync(join(outside, "bashrc"), `print   "${SECRET}"\n`);
  for (const [name, text] of Object.entries(files)) {
    Deno.mkdirSync(dirname(join(repository, name)), { recursive: true });
    Deno.writeTextFileSync(join(repository, name), text);
  }
  const path = join(repository, place);
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  const socket = trap.set(path, outside);
  if (socket !== undefined) open.push(socket);
  return repository;
}

/** All files outside of the repository, with their texts. */
function outsideOf(folder: string): readonly string[] {
  const outside = join(folder, "outside");
  return [...Deno.readDirSync(outside)].map(({ isFile, name }) =>
    isFile ? `${name}: ${Deno.readTextFileSync(join(outside, name))}` : name
  ).sort();
}

/** An action on a path with a hostile entry. */
interface Case {
  readonly use: Use;
  readonly trap: Trap;
}

export const CASES: readonly Case[] = USES.flatMap((use) =>
  TRAPS
    .filter(({ forFolders }) => forFolders === true || use.isFolder !== true)
    // A hard link can be read like any file, by everyone with the permission to read that file.
    .filter(({ name }) => name !== "a hard link" || use.way === "writes")
    .filter(({ name }) => name !== "a link to a file outside" || use.way !== "reads what was typed")
    .map((trap) => ({ use, trap }))
);

/** Selects one case for each action, with different entries in turn. */
export function isWitness({ trap, use }: Case): boolean {
  const traps = CASES.filter((each) => each.use === use);
  return traps[USES.indexOf(use) % traps.length]!.trap === trap;
}

/** Runs cases with the program of this checkout, with a test step for each. */
export async function refuseAll(
  context: Deno.TestContext,
  cases: readonly Case[],
): Promise<void> {
  using folder = new TempFolder();
  const open: Open = [];
  try {
    const folders = cases.map((_, index) => folder.at(`${index}`));
    const todo = cases.map(({ trap, use }, index) => ({
      folder: makeCase(use, trap, folders[index]!, open),
      words: use.words,
    }));
    const before = folders.map(outsideOf);
    const done = await doAll(todo, folder.path);
    for (const [index, { trap, use }] of cases.entries()) {
      await context.step(`${use.name}: ${trap.name}`, () => {
        assertEquals(outsideOf(folders[index]!), before[index], "something outside has changed");
        judge(use, done[index]!);
        const left = [...Deno.readDirSync(todo[index]!.folder)].map(({ name }) => name);
        assertEquals(left.filter((name) => name.endsWith(".tmp")), []);
      });
    }
  } finally {
    for (const socket of open) socket.close();
  }
}

function judge({ place, words }: Use, { errors, exitCode, output }: Done): void {
  const said = `${output}${errors}`;
  assert(!said.includes(SECRET), said);
  assert(!said.includes("E0999"), said);
  assert(said.includes(place), said);
  assertMatch(said, /cannot (?:read|write|use|add to) "|there is no scenario/i);
  // A session continues after the error. Therefore its exit code is not checked.
  if (!words[0]!.startsWith(":")) assertEquals(exitCode, 2, said);
}
