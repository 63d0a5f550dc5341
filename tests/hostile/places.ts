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
  /**
   * What is done with the place: a hard link can be read like any file, and what the user typed is
   * read where its links lead.
   */
  readonly way: "writes" | "reads" | "reads what was typed";
  /** It needs the page of reports, which the package has, and a checkout only after a build. */
  readonly inPackage?: true;
  /** The place is a folder of dmalab's. */
  readonly isFolder?: boolean;
}

const FAILING = 'test "fails" { assert 1 == 2 }\n';
const PRINTING = 'test "prints" { print 1 }\n';
const EVENTS = `machine { pci { root_port rp0 { nvme ssd { } } } }
test "maps" { let b = alloc_pages(1)
dma_map_phys(ssd, b.phys, 4KiB, from_device) }
`;

const FAULT_LINE = "[ 1.0] DMAR: [DMA Write NO_PASID] Request device [00:02.0] " +
  "fault addr 0xfffff000 [fault reason 0x05] PTE Write access is not set";
const PLAN = {
  name: "night",
  shards: 1,
  tries: [{ hunt: "requests", modes: ["off"], cases: 1 }],
};
const TRY = { kind: "hunt", files: [], releases: [], modes: ["off"], seeds: [1, 1], cases: 1 };
const SHARD = { campaign: { ...PLAN, tries: [{ ...TRY, quirks: null }] }, shard: 1 };
/** What campaigns write where the user names no folder. */
const CAMPAIGN: readonly (readonly [words: string, folder: string, file: string])[] = [
  ["campaign plan.json", "night", "slurm.sh"],
  ["campaign run plan.json --shard 1/1", "results", "shard-0001.jsonl"],
  ["campaign merge shard.jsonl", "found", "report.md"],
];
const CAMPAIGN_FILES = {
  "plan.json": JSON.stringify(PLAN),
  "shard.jsonl": `${JSON.stringify(SHARD)}\n`,
};

/** Command lines that read the file X that the user typed. */
const TYPED = [
  ...["run", "hunt", "releases", "debug", "repl"].map((command) => `${command} X.dma`),
  ...["check", "devices", "script"].map((action) => `trace ${action} X.txt`),
  ...["report X.md", "report X.dmatrace.jsonl", "quiz X.md", "topology X.txt"],
  ...["explain --in X.dma ssd.limits", "campaign X.json", "campaign merge X.jsonl"],
];

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
    name: "report of a file",
    place: "a.dma.html",
    files: { "a.dma": PRINTING },
    words: ["report", "a.dma"],
    way: "writes",
    inPackage: true,
  },
  {
    name: "test --report",
    place: "out/index.html",
    files: { "a.dma": PRINTING },
    words: ["test", "a.dma", "--report", "out"],
    way: "writes",
  },
  {
    name: "run --picture",
    place: "p.svg",
    files: { "a.dma": `${EVENTS}test "shows" { show buffer(size: 4KiB) }\n` },
    words: ["run", "a.dma", "--picture", "p.svg"],
    way: "writes",
  },
  {
    name: "trace watch keeps a fault",
    place: "dmalab-fault-1.trace.txt",
    files: { "t.txt": `${FAULT_LINE}\n` },
    words: ["trace", "watch", "t.txt"],
    way: "writes",
  },
  ...CAMPAIGN.flatMap(([words, folder, file]): readonly Use[] =>
    [folder, `${folder}/${file}`].map((place) => ({
      name: `${words}: ${place}`,
      place,
      files: CAMPAIGN_FILES,
      words: words.split(" "),
      way: "writes",
      isFolder: place === folder,
    }))
  ),
  ...TYPED.map((line): Use => ({
    name: line,
    place: line.split(" ").find((word) => word.startsWith("X."))!,
    words: line.split(" "),
    way: "reads what was typed",
  })),
  {
    name: "a driver in C",
    place: "d.c",
    files: { "a.dma": 'driver d = c "d.c"\n' },
    words: ["run", "a.dma"],
    way: "reads",
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
