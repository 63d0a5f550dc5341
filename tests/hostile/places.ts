/** Places that dmalab writes or reads, and what a cloned repository can have put there. */
import { join } from "@std/path";

/** A command line, or a part of a session, in a folder. */
export interface Todo {
  readonly folder: string;
  readonly words: readonly string[];
}

export interface Done {
  readonly exitCode: number;
  readonly errors: string;
  readonly output: string;
}

/** What is in a place that is no file of the folder. */
export interface Trap {
  readonly name: string;
  /** Puts it there. @param outside A folder that nothing may change, and none of its text be shown. */
  readonly set: (path: string, outside: string) => void | { close(): void };
  /** Whether the folder that the place is in can be replaced by it. */
  readonly forFolders?: boolean;
}

/** A text that must not be shown, and a file that must not change. */
export const SECRET = "the-secret-of-a-user";

function link(to: (outside: string) => string): Trap["set"] {
  return (path, outside) => Deno.symlinkSync(to(outside), path);
}

function makePipe(path: string): void {
  new Deno.Command("mkfifo", { args: [path] }).outputSync();
}

export const TRAPS: readonly Trap[] = [
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
      makePipe(join(outside, "fifo"));
      Deno.symlinkSync(join(outside, "fifo"), path);
    },
  },
  { name: "a pipe", set: makePipe, forFolders: true },
  {
    name: "a socket",
    set: (path) => Deno.listen({ transport: "unix", path }),
    forFolders: true,
  },
  { name: "a hard link", set: (path, outside) => Deno.linkSync(join(outside, "bashrc"), path) },
];

/** Something that dmalab does with a place. */
export interface Use {
  readonly name: string;
  /** The place, from the folder. */
  readonly place: string;
  /** Files that are there besides. */
  readonly files?: Readonly<Record<string, string>>;
  readonly words: readonly string[];
  /** What is done with the place: a hard link can be read like any file. */
  readonly way: "writes" | "reads";
  /** The place is a folder of dmalab's. */
  readonly isFolder?: boolean;
}

const FAILING = 'test "fails" { assert 1 == 2 }\n';
const PRINTING = 'test "prints" { print 1 }\n';
const EVENTS = `machine { pci { root_port rp0 { nvme ssd { } } } }
test "maps" { let b = alloc_pages(1)
dma_map_phys(ssd, b.phys, 4KiB, from_device) }
`;

export const USES: readonly Use[] = [
  {
    name: "test keeps what failed",
    place: ".dmalab/failed",
    files: { "a.dma": FAILING },
    words: ["test", "a.dma"],
    way: "writes",
  },
  {
    name: "test --failed",
    place: ".dmalab/failed",
    files: { "a.dma": PRINTING },
    words: ["test", "--failed", "a.dma"],
    way: "reads",
  },
  {
    name: "test keeps what failed, in a folder of ours",
    place: ".dmalab",
    files: { "a.dma": FAILING },
    words: ["test", "a.dma"],
    way: "writes",
    isFolder: true,
  },
  {
    name: "the REPL keeps its history",
    place: ".dmalab/history",
    words: [":history"],
    way: "writes",
  },
  {
    name: "the REPL keeps its history, in a folder of ours",
    place: ".dmalab",
    words: [":history"],
    way: "writes",
    isFolder: true,
  },
  {
    name: "the REPL's :edit, in a folder of ours",
    place: ".dmalab",
    words: [":edit"],
    way: "writes",
    isFolder: true,
  },
  {
    name: "test --snapshot update",
    place: "a.dma.snap",
    files: { "a.dma": PRINTING },
    words: ["test", "--snapshot", "update", "a.dma"],
    way: "writes",
  },
  {
    name: "test --snapshot check",
    place: "a.dma.snap",
    files: { "a.dma": PRINTING },
    words: ["test", "--snapshot", "check", "a.dma"],
    way: "reads",
  },
  {
    name: "run --export of lines",
    place: "out.dmatrace.jsonl",
    files: { "a.dma": EVENTS },
    words: ["run", "--export", "out.dmatrace.jsonl", "a.dma"],
    way: "writes",
  },
  {
    name: "run --export for Perfetto",
    place: "out.json",
    files: { "a.dma": EVENTS },
    words: ["run", "--export", "out.json", "a.dma"],
    way: "writes",
  },
  {
    name: "vectors --out",
    place: "v.json",
    words: ["vectors", "--count", "1", "--out", "v.json"],
    way: "writes",
  },
  {
    name: "vectors --negative --out",
    place: "v.json",
    words: ["vectors", "--negative", "--out", "v.json"],
    way: "writes",
  },
  {
    name: "the REPL's :save",
    place: "s.dma",
    words: [":repl", "print 1", ":save s.dma"],
    way: "writes",
  },
  {
    name: "the REPL's :export",
    place: "s.json",
    words: [":repl", "print 1", ":export s.json"],
    way: "writes",
  },
  { name: "fmt of a file", place: "f.dma", words: ["fmt", "f.dma"], way: "writes" },
  ...["test", "run", "check", "bench"].map((command): Use => ({
    name: `${command} of a folder`,
    place: "f.dma",
    words: [command, "."],
    way: "reads",
  })),
  {
    name: "init --add of a file",
    place: "package.json",
    files: { ".dmalab/package.json": "{}" },
    words: ["init", ".", "--add"],
    way: "writes",
  },
  {
    name: "init --add of jobs",
    place: ".github",
    files: { ".git/config": "", ".dmalab/package.json": "{}" },
    words: ["init", ".", "--add"],
    way: "writes",
    isFolder: true,
  },
  {
    name: "test --junit-path",
    place: "t.xml",
    files: { "a.dma": PRINTING },
    words: ["test", "a.dma", "--junit-path", "t.xml"],
    way: "writes",
  },
  {
    name: "use of a file",
    place: "lib.dma",
    files: { "a.dma": 'use "lib.dma"\n', "deno.json": "{}" },
    words: ["run", "a.dma"],
    way: "reads",
  },
  {
    name: "a file of data",
    place: "data.json",
    files: { "a.dma": 'print read_lines("data.json")\n' },
    words: ["run", "a.dma"],
    way: "reads",
  },
];
