/** Hostile inputs other than scripts: files, streams, folders, and words of the command line. */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { HostileCase } from "./hostile_case.ts";
import { makeFifo, SECRET } from "./places.ts";

/** A file to which writing fails because the disk is full. */
const FULL_DISK = "/dev/full";

const NOT_WRITTEN = 4;

/** Names of properties that every JavaScript object has. */
const HOST_WORDS = ["constructor", "toString", "__proto__", "hasOwnProperty", "valueOf"];

/**
 * @param words Words of the command line, or a single text if no word contains a blank.
 * @param ends Codes with `or` between them, `held` or `refused`.
 */
function hostile(
  name: string,
  words: string | readonly string[],
  ends: string,
  more: Partial<HostileCase> = {},
): HostileCase {
  return {
    name,
    words: typeof words === "string" ? words.split(" ") : words,
    ends: ends.split(" or "),
    ...more,
  };
}

/** Creates a file; its text is generated when it is needed. */
function file(name: string, text: () => string): (folder: string) => void {
  return (folder) => Deno.writeTextFileSync(join(folder, name), text());
}

/** Creates a file of any length that occupies no disk space. */
export function makeSparse(path: string, sizeBytes: number): void {
  using made = Deno.createSync(path);
  made.truncateSync(sizeBytes);
}

/**
 * Sequences that clear the screen, hide text, ring the bell, move back, or change the writing
 * direction of text.
 */
export const ESCAPES = "\x1b[2J\x1b[8m\x07\x08\u009b31m\u202e\u2066\u200fx";

/**
 * Number of entries of a machine: for the first of {@linkcode ENTRIES} ten times the limit, for the
 * others twice the limit.
 */
const ENTRY_COUNT = { first: 100_000, other: 20_000 };

/**
 * Parts that a machine can contain in large numbers. Each has a name, the text before all parts,
 * the text of one part, and the text after all parts.
 */
const ENTRIES: readonly (readonly [string, string, (index: number) => string, string])[] = [
  ["root ports", " pci {\n", (index) => `root_port r${index} { }\n`, "}"],
  ["keys", "", (index) => `k${index} = 1\n`, ""],
  ["keys of one name", "", () => "cpus = 1\n", ""],
  ["blocks", "", (index) => `b${index} { }\n`, ""],
  ["regions", "", (index) => `region r${index} { }\n`, ""],
  ["latencies", "latencies {\n", (index) => `p${index} = 1ns\n`, "}"],
  ["defects", "quirks = [none", (index) => `, q${index}`, "]\n"],
];

/** Texts for a replay of golden data. In each case, every file of the data has the same text. */
const NONSENSE: readonly (readonly [what: string, text: string])[] = [
  ["words", "nonsense\n"],
  ["numbers", "7\n"],
  ["nulls", "null\nnull\n"],
  ["lists", "[1, 2, null]\n"],
  ["empty objects", "{}\n{}\n"],
  ["names of the host", '{"op": "constructor", "kernel": "__proto__", "id": "toString"}\n'],
  ["lists in lists", "[".repeat(100_000)],
];

/** Creates a file to which a process appends until it is removed. */
function startGrowing(path: string): void {
  Deno.writeTextFileSync(path, " ".repeat(8_000_000));
  const grow = `for n in $(seq 200); do test -f "$0" || exit; head -c 1000000 "$0" >> "$0"; done`;
  new Deno.Command("sh", { args: ["-c", `(${grow}) > /dev/null 2>&1 &`, path] }).outputSync();
}

/** Files with the same text repeated. */
const REPEATED: readonly (readonly [what: string, ends: string, text: () => string])[] = [
  ["open brackets", "E02", () => "[".repeat(1_000_000)],
  ["open braces", "E02", () => "{".repeat(1_000_000)],
  ["closing brackets", "E02", () => ")".repeat(1_000_000)],
  ["quotes", "E02", () => '"'.repeat(1_000_000)],
  ["unfinished statements", "E0223", () => "let =\n".repeat(20_000)],
  ["unknown names", "E0301", () => "print nowhere\n".repeat(50_000)],
  ["unknown names, all different", "E0223", () => lines(20_000, (index) => `print n${index}`)],
  ["unused names", "W0306", () => lines(50_000, (index) => `let n${index} = 1`)],
  ["strange characters", "E01", () => "$ ".repeat(250_000)],
  ["carriage returns", "E01", () => `print "${"\r".repeat(500_000)}x`],
  ["one name of three million letters", "E0116", () => `print ${"a".repeat(3_000_000)}`],
  ["one number of a million digits", "E01", () => `print ${"9".repeat(1_000_000)}`],
  ["one text of three million letters, unfinished", "E01", () => `print "${"a".repeat(3_000_000)}`],
  ["five million characters", "E0115", () => " ".repeat(5_000_000)],
  ["operators", "E02", () => `print 1 ${"+ ".repeat(500_000)}`],
  ["a sum of 200,000 parts", "E02", () => `print 0${" + 1".repeat(200_000)}`],
  ["else-ifs", "E02", () => `if true { } ${"else if true { } ".repeat(50_000)}`],
  ["one test a thousand letters long", "E0116", () => `test "${"t".repeat(1000)}" { }`],
  [
    "200,000 settings of a matrix",
    "E0",
    () => `test "t" matrix { cpus = [${"1, ".repeat(200_000)}1] } { }`,
  ],
  [
    "matrices that multiply",
    "E0",
    () => `test "t" matrix { ${lines(20, (index) => `seed = ${index}..${index + 1000}`)} } { }`,
  ],
];

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => `${line(index)}\n`).join("");
}

const NOT_READ = "it is not a regular file but a pipe, a socket or a device";

/**
 * Entries that are no regular files, in places where dmalab expects a file. Each has a name, the
 * word of the command line, a function that creates the entry, and the required message.
 */
const NO_FILES: readonly (readonly [string, string, (folder: string) => void, says?: string])[] = [
  ["a FIFO", "DIR/a.dma", (folder) => makeFifo(join(folder, "a.dma")), NOT_READ],
  ["a device", "/dev/zero", () => {}, NOT_READ],
  [
    "a folder whose name ends as a scenario's",
    "DIR/a.dma/b.dma",
    (folder) => Deno.mkdirSync(join(folder, "a.dma/b.dma"), { recursive: true }),
  ],
  [
    "a file of 4 GiB with nothing in it",
    "DIR/a.dma",
    (folder) => makeSparse(join(folder, "a.dma"), 2 ** 32),
    "it has more than",
  ],
  [
    "bytes that are no text",
    "DIR/a.dma",
    (folder) => Deno.writeFileSync(join(folder, "a.dma"), new Uint8Array(2 ** 16).fill(0xff)),
  ],
  ["a link to itself", "DIR/a.dma", (folder) => Deno.symlinkSync("a.dma", join(folder, "a.dma"))],
];

/** Files and streams of another kind than expected, or without an end. */
const READING: readonly HostileCase[] = [
  ...["run", "check", "fmt", "test", "topology"].flatMap((command) =>
    NO_FILES.map(([what, word, input, says]) =>
      hostile(`${command} reads ${what}`, `${command} ${word}`, "refused", {
        input,
        ...says === undefined ? {} : { says },
      })
    )
  ),
  ...[["fmt", "-"], ["explain", "-"], ["topology", "-"]].map((words) =>
    hostile(`${words.join(" ")} reads an input without an end`, words, "refused", {
      stdin: { text: "y\n".repeat(2 ** 15), endless: true },
      says: "The standard input has more than",
    })
  ),
  ...["DIR/fifo.dma", "/dev/zero", "DIR/../../../../../../etc/passwd"].map((path) =>
    hostile(`a scenario uses ${path}`, "run DIR/a.dma", "E07", {
      input: (folder) => {
        makeFifo(join(folder, "fifo.dma"));
        Deno.writeTextFileSync(join(folder, "a.dma"), `use "${path.replace("DIR/", "")}"\n`);
      },
    })
  ),
  hostile("a chain of 2,000 files that use each other", "run DIR/0.dma", "E0709", {
    input: (folder) => {
      for (let index = 0; index < 2000; index++) {
        Deno.writeTextFileSync(join(folder, `${index}.dma`), `use "${index + 1}.dma"\n`);
      }
    },
  }),
  hostile("a file that uses 2,000 others", "run DIR/a.dma", "E0709", {
    input: (folder) => {
      const names = Array.from({ length: 2000 }, (_, index) => `${index}.dma`);
      for (const name of names) Deno.writeTextFileSync(join(folder, name), "");
      const uses = names.map((name) => `use "${name}"\n`).join("");
      Deno.writeTextFileSync(join(folder, "a.dma"), uses);
    },
  }),
  hostile("a file that uses itself by a link", "run DIR/a.dma", "E0703", {
    input: (folder) => {
      Deno.writeTextFileSync(join(folder, "a.dma"), 'use "b.dma"\n');
      Deno.symlinkSync("a.dma", join(folder, "b.dma"));
    },
  }),
  hostile("a file that grows while it is read", "run DIR/a.dma", "E0115 or it has more than", {
    memoryBytes: 2 ** 29,
    input: (folder) => startGrowing(join(folder, "a.dma")),
  }),
  hostile("a listing of 50 MB", "topology DIR/a.txt", "refused", {
    input: file("a.txt", () => `${"00:00.0 Host bridge: one\n".repeat(2_000_000)}`),
    says: "it has more than",
  }),
  hostile("a listing of 200,000 functions of one address", "topology DIR/a.txt", "held", {
    exit: 2,
    memoryBytes: 2 ** 30,
    outputBytes: 2 ** 20,
    input: file("a.txt", () => "00:00.0 Host bridge: one\n".repeat(200_000)),
  }),
  ...[" ", "\t", "0"].map((character) =>
    hostile(`a log of half a million ${JSON.stringify(character)}`, "explain -", "refused", {
      stdin: { text: character.repeat(500_000) },
      outputBytes: 2 ** 20,
    })
  ),
  hostile('a log of half a million "DMAR: ["', "explain -", "held", {
    stdin: { text: "DMAR: [".repeat(500_000) },
    outputBytes: 2 ** 20,
    says: "A line with words about an IOMMU, and without one of an error",
  }),
  ...NONSENSE.map(([what, data]) =>
    hostile(`the replay is given ${what}`, "--data DIR", "refused", {
      program: "replay",
      exit: 1,
      outputBytes: 2 ** 16,
      input: (folder) => {
        for (
          const kind of [
            "kernel",
            "iova",
            "pagetable",
            "invalidations",
            "swiotlb",
            "hmm",
            "defects",
          ]
        ) {
          Deno.mkdirSync(join(folder, kind));
          for (const name of ["a.jsonl", "a.json", "a.jsonl.gz"]) {
            Deno.writeTextFileSync(join(folder, kind, name), data);
          }
        }
      },
    })
  ),
  ...["README.md", "/dev/null", "/dev/zero", "no such folder", "", "\x1b[2J"].map((
    path,
  ) =>
    hostile(
      `the replay is given ${JSON.stringify(path)} for a folder`,
      ["--data", path],
      "refused",
      { program: "replay" },
    )
  ),
  ...["DIR/fifo.dma", "/dev/zero", "DIR"].map((path) =>
    hostile(`the runner of scenarios is given ${path}`, [path], "refused", {
      program: "runner",
      input: (folder) => makeFifo(join(folder, "fifo.dma")),
    })
  ),
  ...ENTRIES.map(([what, before, entry, after], at) => {
    const length = at === 0 ? ENTRY_COUNT.first : ENTRY_COUNT.other;
    return hostile(`a machine of ${length} ${what}`, "run DIR/a.dma", "E0514", {
      memoryBytes: 2 ** 30,
      input: file("a.dma", () => {
        const entries = Array.from({ length }, (_, index) => entry(index));
        return `machine {\n${before}${entries.join("")}${after}}\nprint 1\n`;
      }),
    });
  }),
  ...REPEATED.map(([what, ends, text]) =>
    hostile(`a file of ${what}`, "check DIR/a.dma", ends, {
      memoryBytes: 2 ** 30,
      seconds: 20,
      input: file("a.dma", text),
    })
  ),
];

/** Texts written by other users, in every place where they are reported. */
const ANYBODYS_TEXT: readonly HostileCase[] = [
  ...["pretty", "dot", "tap", "junit", "json"].map((reporter) =>
    hostile(
      `escape sequences in names and lines, as ${reporter}`,
      `test DIR/a.dma --reporter ${reporter}`,
      "held",
      {
        exit: 1,
        input: file(
          "a.dma",
          () =>
            `test "${ESCAPES}" { print "${ESCAPES}"\n assert "${ESCAPES}" == "x", "${ESCAPES}" }\n`,
        ),
      },
    )
  ),
  ...["pretty", "json", "sarif"].map((format) =>
    hostile(
      `escape sequences in a wrong file, as ${format}`,
      `check DIR/a.dma --format ${format}`,
      "held",
      { exit: 2, input: file("a.dma", () => `test "a" { print ${ESCAPES} }\n`) },
    )
  ),
  ...["run", "check", "test", "fmt", "topology", "bench", "releases"].map((
    command,
  ) =>
    hostile(
      `${command} of a file that is not there, whose name is an escape sequence`,
      `${command} DIR/${ESCAPES}.dma`,
      "refused",
    )
  ),
  ...["run", "check", "test", "fmt"].map((command) =>
    hostile(
      `${command} of a wrong file whose name is an escape sequence`,
      `${command} DIR/${ESCAPES}.dma`,
      "E02",
      { input: file(`${ESCAPES}.dma`, () => "let =\n") },
    )
  ),
  ...["", " --as dma --all", " --json --all"].map((options) =>
    hostile(
      `a name from lspci is an escape sequence${options}`,
      `topology DIR/a.txt${options}`,
      "held",
      { input: file("a.txt", () => `00:00.0 Host bridge: ${ESCAPES} Host bridge (rev 01)\n`) },
    )
  ),
  hostile("a line of a log is an escape sequence", "explain -", "held", {
    // A line of a fault that cannot be read is a fault, as for `trace check`.
    exit: 1,
    stdin: { text: `DMAR: [DMA Read] Request device [${ESCAPES}] fault addr ${ESCAPES}\n` },
  }),
  hostile("a word of the command line is an escape sequence", ESCAPES, "refused"),
];

/**
 * Creates a folder that looks like a kernel tree because of its Makefile. It contains foreign
 * files, and links that lead out of it.
 */
function makeTree(folder: string): void {
  const at = (name: string) => join(folder, name);
  const tree = at("tree");
  Deno.mkdirSync(join(tree, ".git"), { recursive: true });
  Deno.writeTextFileSync(join(tree, "Makefile"), "VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 13\n");
  for (const name of ["tree/.git/config", "tree/id_rsa", "notes.txt", ".env"]) {
    Deno.writeTextFileSync(at(name), `${SECRET}\n`);
  }
  makeFifo(at("tree/fifo.c"));
  makeFifo(at("fifo.c"));
  makeSparse(at("tree/long.c"), 2 ** 32);
  const links = {
    "tree/key.c": "id_rsa",
    "tree/environ.c": "/proc/self/environ",
    "tree/zero.c": "/dev/zero",
    "tree/up": "..",
    "proc": "/proc",
    "hidden.dma": ".env",
    "environ.dma": "/proc/self/environ",
    "environ.c": "/proc/self/environ",
    "pagemap.json": "/proc/self/pagemap",
    "zero.dma": "/dev/zero",
  };
  for (const [name, to] of Object.entries(links)) Deno.symlinkSync(to, at(name));
  Deno.writeTextFileSync(
    at("includes.c"),
    [
      "/proc/self/environ",
      "/proc/kmsg.h",
      ".env",
      "notes.txt",
      "fifo.c",
      "environ.c",
      "tree/id_rsa",
    ]
      .map((path) => `#if __has_include("${path}")\n#include "${path}"\n#endif\n`).join(""),
  );
}

/** Lines of a scenario that name files outside of its folder, and their required end. */
const ASKED: readonly (readonly [line: string, ends: string, says?: string])[] = [
  ...["self/environ", "self/pagemap", "kmsg", "1/environ", "self/mem"].map((path) =>
    [`driver m = c "${path}" { tree = "/proc" }`, "E0706"] as const
  ),
  ...["/proc", "/proc/self", "/proc/self/root", "/proc/self/fd", "/sys", "/dev", "/etc", "/"]
    .concat(["proc", "proc/self", "tree/../proc/self", "tree/up", "."])
    .map((tree) =>
      [`driver m = c "a.c" { tree = "${tree}" }`, "E0706", "is not a kernel tree"] as const
    ),
  ...[".git/config", "id_rsa", "Makefile", "/etc/passwd", "../notes.txt"].map((path) =>
    [`driver m = c "${path}" { tree = "tree" }`, "E070"] as const
  ),
  ...["key.c", "environ.c", "zero.c", "fifo.c", "long.c", "up/includes.h", "up/tree/id_rsa"].map((
    path,
  ) => [`driver m = c "${path}" { tree = "tree" }`, "E070"] as const),
  ['driver m = c "fifo.c" { tree = "tree", files = ["id_rsa"] }', "E070"],
  ...["notes.txt", ".env", "fifo.c", "environ.c", "tree/key.c", "tree/zero.c"].map((path) =>
    [`driver m = c "${path}"`, "E070"] as const
  ),
  ['driver m = c "includes.c"\ntest "calls" { m.none() }', "E0"],
  ...["notes.txt", ".env", "hidden.dma", "environ.dma", "zero.dma", "proc/self/environ"].map((
    path,
  ) => [`use "${path}"`, "E070"] as const),
  ...[".env", "proc/self/environ", "pagemap.json", "hidden.dma", "tree/.git/config"].map((path) =>
    [`print read_lines("${path}")`, "E070"] as const
  ),
];

const READ_FOR_SCRIPTS = ASKED.map(([line, ends, says], at) =>
  hostile(
    `${at % 2 === 0 ? "check" : "run"} of ${line.split("\n")[0]}`,
    `${at % 2 === 0 ? "check" : "run"} DIR/a.dma`,
    ends,
    {
      input: (folder) => {
        makeTree(folder);
        Deno.writeTextFileSync(join(folder, "a.dma"), `${line}\n`);
      },
      hides: SECRET,
      ...says === undefined ? {} : { says },
    },
  )
);

/** Creates a driver of 270 bytes with macros that expand to a hundred million numbers. */
function makeBomb(folder: string): void {
  const macros = Array.from(
    { length: 7 },
    (_, at) =>
      `#define ${"BCDEFGH"[at]} ${Array.from({ length: 10 }, () => "ABCDEFG"[at]).join("+")}\n`,
  );
  const driver = `#define A 1+1+1+1+1+1+1+1+1+1\n${macros.join("")}int f(void){return H;}\n`;
  Deno.writeTextFileSync(join(folder, "bomb.c"), driver);
  Deno.writeTextFileSync(join(folder, "a.dma"), 'driver bomb = c "bomb.c"\n');
}

const TREE_LINE = 'driver m = c "drivers/x.c" { tree = "tree" }';

/** Creates a tree with a driver, in which one part is replaced by something else. */
function treeWith(part: string, put: (path: string) => void): (folder: string) => void {
  return (folder) => {
    Deno.mkdirSync(join(folder, "tree/drivers"), { recursive: true });
    Deno.writeTextFileSync(join(folder, "notes.txt"), `${SECRET}\n`);
    const makefile = "VERSION = 7\nPATCHLEVEL = 2\nSUBLEVEL = 13\n";
    Deno.writeTextFileSync(join(folder, "tree/Makefile"), makefile);
    Deno.writeTextFileSync(join(folder, "tree/drivers/x.c"), '#include "k.h"\nint f(void);\n');
    Deno.writeTextFileSync(join(folder, "a.dma"), `${TREE_LINE}\n`);
    const path = join(folder, "tree", part);
    if (part === "Makefile" || part === "drivers") Deno.removeSync(path, { recursive: true });
    put(path);
  };
}

const linkTo = (to: string) => (path: string) => Deno.symlinkSync(to, path);

/** Creates a file that is compressed to a thousandth. */
function packed(name: string, text: string, times: number): (folder: string) => void {
  return (folder) => {
    let bytes = new TextEncoder().encode(text);
    for (let time = 0; time < times; time++) bytes = new Uint8Array(gzipSync(bytes));
    Deno.writeFileSync(join(folder, name), bytes);
  };
}

/**
 * Creates a folder with a scenario and an entry that could be mistaken for the file that marks a
 * root.
 */
function markedBy(name: string, put: (path: string) => void): (folder: string) => void {
  return (folder) => {
    put(join(folder, name));
    Deno.writeTextFileSync(join(folder, "a.dma"), "print 1\n");
  };
}

const SLOW_NAME = `test "${"a".repeat(45)}b" { }\n`;

/**
 * Inputs from strangers, which reach the program in different ways. Each row has the name of the
 * input, the words of the command line, and the required end.
 */
const STRANGERS: readonly (readonly [
  what: string,
  words: string,
  ends: string,
  more: Partial<HostileCase>,
])[] = [
  ["Kconfig", "check DIR/a.dma", "E0713", { input: treeWith("Kconfig", linkTo("../notes.txt")) }],
  ["Makefile", "check DIR/a.dma", "E0706", { input: treeWith("Makefile", linkTo("/proc/kmsg")) }],
  ["waiting Makefile", "check DIR/a.dma", "E0706", { input: treeWith("Makefile", makeFifo) }],
  ["drivers", "check DIR/a.dma", "E07", { input: treeWith("drivers", linkTo("/proc/self")) }],
  ["header", "check DIR/a.dma", "E07", {
    input: treeWith("drivers/k.h", linkTo("../../notes.txt")),
  }],
  ["build file", "check DIR/a.dma", "E07", {
    input: treeWith("drivers/Makefile", linkTo("../../notes.txt")),
  }],
  ["package.json", "run DIR/a.dma", "held", { input: markedBy("package.json", makeFifo) }],
  ["deno.json", "run DIR/a.dma", "held", { input: markedBy("deno.json", linkTo("/dev/zero")) }],
  ...["test", "run", "debug", "test --list"].map((command) =>
    [
      `name for an expression, by ${command}`,
      `${command} DIR/a.dma --match /^(a+)+$/`,
      "refused",
      { input: file("a.dma", () => SLOW_NAME), seconds: 6, says: "takes more than 5 s to search" },
    ] as const
  ),
  ["zeros", "check DIR/a.dma", "E0101", { input: file("a.dma", () => 'print 1\0\nprint "\0"\n') }],
  ["brackets", "run DIR/a.dma", "E0708", {
    input: (folder) => {
      file("j.json", () => "[".repeat(3_000_000))(folder);
      file("a.dma", () => 'print read_json("j.json")\n')(folder);
    },
  }],
  ["records", "run DIR/a.dma", "E0708", {
    input: (folder) => {
      file("j.json", () => `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`)(folder);
      file("a.dma", () => 'print read_json("j.json")\n')(folder);
    },
  }],
  ["names of files", "check DIR/a.dma", "E0701", {
    input: file("a.dma", () => `use "\\n\\u{1b}[2J.dma"\ndriver m = c "${ESCAPES}.c"\n`),
  }],
  ["empty lines, packed", "trace check DIR/t.txt.gz", "refused", {
    input: packed("t.txt.gz", "\n".repeat(70_000_000), 1),
    says: "unpacks to more than 100 times",
  }],
  ["as many empty lines as are unpacked", "trace check DIR/t.txt.gz", "refused", {
    input: packed("t.txt.gz", "\n".repeat(60_000_000), 1),
    seconds: 20,
    says: "has no line of a trace",
  }],
  ["empty lines, packed twice", "trace check DIR/t.txt.gz", "refused", {
    input: packed("t.txt.gz", "\n".repeat(60_000_000), 2),
  }],
  ["folder of many files", "check DIR", "held", {
    input: (folder) => {
      for (let number = 0; number < 8000; number++) {
        Deno.writeTextFileSync(join(folder, `a${number}.dma`), "print 1\n");
      }
    },
    seconds: 20,
  }],
  ["line without an end", "trace check DIR/t.txt", "refused", {
    input: file("t.txt", () => "x".repeat(60_000_000)),
  }],
  ["trace of zeros", "trace check DIR/t.txt", "refused", {
    input: (folder) => makeSparse(join(folder, "t.txt"), 30_000_000),
  }],
  ["trace of brackets", "trace check DIR/t.dmatrace.jsonl", "refused", {
    input: file("t.dmatrace.jsonl", () => "[".repeat(5_000_000)),
  }],
  ["export to the kernel", "run DIR/a.dma --export /proc/self/x.json", "refused", {
    input: file("a.dma", () => "print 1\n"),
  }],
  ...[
    ['Content-Length: 5\r\n\r\n{"a":1}Content-Length: 9\r\n\r\n', "A message is not a JSON object"],
    [
      'Content-Length: 30\r\n\r\n{"jsonrpc":"2.0","method":"x"}1}Content-Length: 9\r\n\r\n',
      "is not a header of the protocol",
    ],
    ["Content-Length: 99999999999999999999\r\n\r\n", "is not a header of the protocol"],
    ["Content-Length: -5\r\n\r\n{}", "is not a header of the protocol"],
    ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "is not a header of the protocol"],
  ].map(([text, says], at) =>
    [`message ${at + 1} to the language server`, "lsp", "refused", {
      stdin: { text: text! },
      says: says!,
    }] as const
  ),
];

export const INPUTS: readonly HostileCase[] = [
  ...READ_FOR_SCRIPTS,
  ...STRANGERS.map(([what, words, ends, more]) =>
    hostile(`a stranger's ${what}`, words, ends, { hides: SECRET, ...more })
  ),
  ...["run", "test", "report", "releases"].map((command) =>
    hostile(
      `${command} of a driver in C that is a macro bomb`,
      `${command} DIR/a.dma --limit time-seconds=2`,
      "E0714",
      { input: makeBomb, says: "stopped after 2 s of processor time" },
    )
  ),
  ...HOST_WORDS.map((word) =>
    hostile(`explain ${word}`, `explain ${word}`, "refused", {
      says: "no rule, diagnostic, event or function",
    })
  ),
  ...HOST_WORDS.map((word) => hostile(`completions ${word}`, `completions ${word}`, "refused")),
  // With input from a pipe, unknown words change the exit code.
  hostile("the REPL is asked for what every object has, and goes on", "repl", "held", {
    exit: 2,
    stdin: { text: `${HOST_WORDS.map((word) => `?${word}\n:${word}\n`).join("")}print 6 * 7\n` },
    says: "\n42\n",
  }),
  ...["run X", "test X --reporter json"].map((line) =>
    hostile(
      `a full disk: ${line}`,
      line.replace("X", "examples/start/02-hello-map.dma"),
      "refused",
      { exit: NOT_WRITTEN, stdout: FULL_DISK, says: "Cannot write the output" },
    )
  ),
  ...READING,
  ...ANYBODYS_TEXT,
  hostile("constants that share parts", "check DIR/a.dma", "refused", {
    says: "E0801",
    input: file(
      "a.dma",
      () =>
        `const c0 = 1\n${
          Array.from({ length: 40 }, (_, at) => `const c${at + 1} = [c${at}, c${at}]\n`).join("")
        }machine { seed = c40 }\n`,
    ),
  }),
  ...["\n", "\r", "x y\n", "0000:01:00.0 Non-Volatile memory controller [0108]: A [1234:5678]\n"]
    .map(
      (line) =>
        hostile(
          `50 MB of lspci, ${JSON.stringify(line)} over and over`,
          "topology DIR/lspci.txt",
          "refused",
          {
            memoryBytes: 2 ** 29,
            input: file("lspci.txt", () => line.repeat(50_000_000 / line.length)),
          },
        ),
    ),
];
