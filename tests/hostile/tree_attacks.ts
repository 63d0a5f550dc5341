/** Hostile kernel trees, patches and repositories, and the required end of a review of each. */
import { dirname, join } from "node:path";
import { makeFifo, SECRET } from "./places.ts";
import { ROOT } from "../source_text.ts";

export interface TreeAttack {
  readonly name: string;
  /** Prepares the attack in a folder that contains `tree`, `toy.dma` and `secret.c`. */
  readonly make?: (at: Attacked) => void;
  /** The words of the command line, which is run in that folder. */
  readonly words: readonly string[];
  readonly code: number;
  /** Texts that the output or the errors must contain. */
  readonly says?: readonly string[];
}

const MINI = join(ROOT, "extensions/kernel_tree/tests/tree/mini");
export const TOY = "drivers/toy/toy.c";
const SCENARIO = 'machine { kernel = "6.12"\n pci { root_port rp0 { endpoint nic { } } } }\n' +
  `driver toy = c "${TOY}" { tree = "tree" }\n` +
  'test "it starts and stops" { assert toy.toy_start(nic) == 0\n toy.toy_stop(nic) }\n';

/** The folder of one attack. */
export class Attacked {
  constructor(readonly folder: string) {
    Deno.mkdirSync(folder, { recursive: true });
    run("cp", ["-r", MINI, this.at("tree")]);
    this.write("secret.c", `int ${SECRET.replaceAll("-", "_")}; // ${SECRET}\n`);
    this.write("toy.dma", SCENARIO);
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  /** A file that the attack's program creates if it is started. */
  get marker(): string {
    return this.at("started");
  }

  write(name: string, text: string, mode = 0o644): void {
    Deno.mkdirSync(dirname(this.at(name)), { recursive: true });
    Deno.writeTextFileSync(this.at(name), text, { mode });
  }

  read(name: string): string {
    return Deno.readTextFileSync(this.at(name));
  }

  link(name: string, target: string): void {
    Deno.mkdirSync(dirname(this.at(name)), { recursive: true });
    Deno.symlinkSync(target, this.at(name));
  }

  /** Creates a program that creates the marker. */
  program(name: string): string {
    this.write(name, `#!/bin/sh\ntouch "${this.marker}"\ncat\n`, 0o755);
    return this.at(name);
  }

  git(...args: string[]): string {
    return run("git", ["-C", this.at("tree"), ...IDENTITY, ...args]);
  }

  /** Makes the tree a git repository. Its last commit halves the length of an unmap. */
  commits(): void {
    this.git("init", "-q");
    this.git("add", "-A");
    this.git("commit", "-qm", "base");
    this.edit(TOY, HALVED);
    this.git("commit", "-qam", "halved");
  }

  edit(name: string, [from, to]: readonly [string, string], folder = "tree"): void {
    const text = this.read(`${folder}/${name}`);
    if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
    this.write(`${folder}/${name}`, text.replace(from, to));
  }

  /** Creates a patch of changes to the tree, and restores the tree. */
  patch(name: string, change: () => void, ...args: string[]): void {
    this.git("init", "-q");
    this.git("add", "-A");
    this.git("commit", "-qm", "base");
    change();
    this.git("add", "-A");
    this.git("commit", "-qm", "change");
    this.write(name, this.git("format-patch", "--stdout", ...args, "HEAD~1"));
    this.git("reset", "-q", "--hard", "HEAD~1");
    Deno.removeSync(this.at("tree/.git"), { recursive: true });
  }
}

const IDENTITY = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
export const HALVED = [
  "dma_unmap_single(dev, dma, TOY_BYTES",
  "dma_unmap_single(dev, dma, TOY_BYTES / 2",
] as const;

function run(program: string, args: readonly string[]): string {
  const { stderr, stdout, success } = new Deno.Command(program, { args: [...args] }).outputSync();
  if (!success) throw new Error(`${program}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

const REVIEW = ["--scenario", "toy.dma"];
const review = (...change: string[]) => ["review", "tree", ...change, ...REVIEW];

/** A patch that creates a symbolic link. */
function linkPatch(path: string, target: string): string {
  return `diff --git a/${path} b/${path}\nnew file mode 120000\n--- /dev/null\n+++ b/${path}\n` +
    `@@ -0,0 +1 @@\n+${target}\n\\ No newline at end of file\n`;
}

function newFilePatch(path: string, line: string): string {
  return `--- /dev/null\n+++ b/${path}\n@@ -0,0 +1 @@\n+${line}\n`;
}

const BENCH = 'machine { }\nbench "b" { loop { advance 1ns } }\n';

/**
 * Settings of a repository that name programs. Each setting is written with the files that it
 * needs.
 */
const PROGRAMS: Readonly<Record<string, (at: Attacked, program: string) => void>> = {
  "a clean filter": (at, program) => {
    at.write("tree/.gitattributes", "*.c filter=x\n");
    at.git("config", "filter.x.clean", program);
    at.git("config", "filter.x.smudge", program);
  },
  "a process filter": (at, program) => {
    at.write("tree/.git/info/attributes", "* filter=x\n");
    at.git("config", "filter.x.process", program);
    at.git("config", "filter.x.required", "true");
  },
  "an external diff": (at, program) => at.git("config", "diff.external", program),
  "a diff driver and a text conversion": (at, program) => {
    at.write("tree/.gitattributes", "*.c diff=x\n");
    at.git("config", "diff.x.command", program);
    at.git("config", "diff.x.textconv", program);
  },
  "signature checks": (at, program) => {
    at.git("config", "log.showSignature", "true");
    at.git("config", "gpg.program", program);
    at.git("config", "gpg.ssh.program", program);
  },
  "a monitor of files": (at, program) => at.git("config", "core.fsmonitor", program),
  "hooks": (at, program) => {
    for (const hook of ["post-index-change", "post-checkout", "reference-transaction"]) {
      at.write(`tree/.git/hooks/${hook}`, `#!/bin/sh\nexec ${program} < /dev/null\n`, 0o755);
    }
  },
  "a pager and an editor": (at, program) => {
    at.git("config", "core.pager", program);
    at.git("config", "pager.diff", program);
    at.git("config", "core.editor", program);
    at.git("config", "alias.diff", `!${program}`);
  },
  "a transport for objects that are missing": (at, program) => {
    at.git("config", "core.repositoryFormatVersion", "1");
    at.git("config", "extensions.partialClone", "origin");
    at.git("config", "remote.origin.url", `ext::${program}`);
    at.git("config", "remote.origin.promisor", "true");
    at.git("config", "protocol.ext.allow", "always");
    at.git("config", "core.sshCommand", program);
  },
};

/**
 * Attacks that must end with code 1, because the patch of the reviewed commits introduces a defect.
 */
const STARTED: readonly TreeAttack[] = Object.entries(PROGRAMS).map(([name, set]) => ({
  name: `a repository that names ${name}`,
  make: (at) => {
    at.commits();
    set(at, at.program("program"));
    // Git reads a file again if its times differ from those in the index.
    Deno.utimeSync(at.at(`tree/${TOY}`), 1, 1);
  },
  words: review("HEAD~1..HEAD"),
  code: 1,
  says: ["1 defect"],
}));

export const TREE_ATTACKS: readonly TreeAttack[] = [
  ...STARTED,
  {
    name: "a patch that adds a link to a file outside",
    make: (at) => at.write("x.patch", linkPatch("drivers/toy/out.c", at.at("secret.c"))),
    words: review("x.patch"),
    code: 2,
    says: ["not examined | drivers/toy/out.c | a symbolic link"],
  },
  {
    name: "a patch that adds a link with .. in it",
    make: (at) => at.write("x.patch", linkPatch("drivers/toy/out.h", "../../../secret.c")),
    words: review("x.patch"),
    code: 2,
    says: ["not examined | drivers/toy/out.h | a symbolic link"],
  },
  {
    name: "a patch that replaces a source by a link to a file outside",
    make: (at) =>
      at.patch("x.patch", () => {
        Deno.removeSync(at.at(`tree/${TOY}`));
        at.link(`tree/${TOY}`, "../../../secret.c");
      }),
    words: review("x.patch"),
    code: 2,
    says: [`not examined | ${TOY} | a symbolic link`],
  },
  {
    name: "a patch of a file that the tree has as a link to one outside",
    make: (at) => {
      at.link("tree/drivers/toy/out.c", "../../../secret.c");
      at.write(
        "x.patch",
        `--- a/drivers/toy/out.c\n+++ b/drivers/toy/out.c\n@@ -1 +1 @@\n-a\n+b\n`,
      );
    },
    words: review("x.patch"),
    code: 2,
    says: ["does not apply"],
  },
  {
    name: "a patch of a file behind a link of the tree to a folder outside",
    make: (at) => {
      at.link("tree/out", at.folder);
      at.write("x.patch", "--- a/out/secret.c\n+++ b/out/secret.c\n@@ -1 +1 @@\n-a\n+b\n");
    },
    words: review("x.patch"),
    code: 2,
    says: ['which is behind the symbolic link "out"'],
  },
  {
    name: "a patch that adds a file behind a link of the tree to a folder outside",
    make: (at) => {
      at.link("tree/out", at.folder);
      at.write("x.patch", newFilePatch("out/new.c", "int a;"));
    },
    words: review("x.patch"),
    code: 2,
    says: ['which is behind the symbolic link "out"'],
  },
  {
    name: "a series whose second patch goes through the link of the first one",
    make: (at) => {
      at.write("1.patch", linkPatch("out", at.folder));
      at.write("2.patch", newFilePatch("out/new.c", "int a;"));
    },
    words: review("1.patch", "2.patch"),
    code: 2,
    says: ['which is behind the symbolic link "out"'],
  },
  {
    name: "a patch that makes a link and goes through it at once",
    make: (at) =>
      at.write("x.patch", linkPatch("out", at.folder) + newFilePatch("out/new.c", "int a;")),
    words: review("x.patch"),
    code: 2,
  },
  {
    name: "a series whose second patch edits the link of the first one",
    make: (at) => {
      at.write("1.patch", linkPatch("drivers/toy/out.c", at.at("secret.c")));
      const path = "drivers/toy/out.c";
      at.write("2.patch", `--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-int a;\n+int b;\n`);
    },
    words: review("1.patch", "2.patch"),
    code: 2,
    says: ["does not apply"],
  },
  ...["../secret.c", "/etc/hostname", ".git/config", "drivers/../../secret.c", "drivers/.GIT/x.c"]
    .map((path): TreeAttack => ({
      name: `a patch of ${path}`,
      make: (at) => at.write("x.patch", `--- a/${path}\n+++ b/${path}\n@@ -1 +1 @@\n-a\n+b\n`),
      words: review("x.patch"),
      code: 2,
      says: ["error: "],
    })),
  {
    name: "a patch that renames a file out of the tree",
    make: (at) =>
      at.write(
        "x.patch",
        `diff --git a/${TOY} b/../out.c\nsimilarity index 100%\nrename from ${TOY}\nrename to ../out.c\n`,
      ),
    words: review("x.patch"),
    code: 2,
  },
  {
    name: "a patch that copies a file from outside",
    make: (at) =>
      at.write(
        "x.patch",
        "diff --git a/../secret.c b/in.c\nsimilarity index 100%\ncopy from ../secret.c\ncopy to in.c\n",
      ),
    words: review("x.patch"),
    code: 2,
  },
  {
    name: "a patch of a name with a line end in it",
    make: (at) => at.write("x.patch", '--- /dev/null\n+++ "b/a\\nb.c"\n@@ -0,0 +1 @@\n+int a;\n'),
    words: review("x.patch"),
    code: 2,
    says: ["no name of a file in a kernel tree"],
  },
  {
    name: "a patch that is cut off",
    make: (at) => {
      at.patch("whole.patch", () => at.edit(TOY, HALVED));
      const text = at.read("whole.patch");
      at.write("x.patch", text.slice(0, text.indexOf("\n+\t") + 1));
    },
    words: review("x.patch"),
    code: 2,
    says: ["does not apply"],
  },
  {
    name: "a hunk of 99,999,999,999 lines",
    make: (at) => at.write("x.patch", `--- a/${TOY}\n+++ b/${TOY}\n@@ -1,99999999999 +1 @@\n-a\n`),
    words: review("x.patch"),
    code: 2,
  },
  {
    name: "a patch that adds a submodule",
    make: (at) =>
      at.write(
        "x.patch",
        "diff --git a/sub b/sub\nnew file mode 160000\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n" +
          `+Subproject commit ${"1".repeat(40)}\n`,
      ),
    words: review("x.patch"),
    code: 2,
  },
  {
    name: "a mode change, an empty file that goes and a binary file before a defect",
    make: (at) => {
      at.write("tree/drivers/toy/empty.c", "");
      at.patch("x.mbox", () => {
        Deno.removeSync(at.at("tree/drivers/toy/empty.c"));
        Deno.chmodSync(at.at(`tree/${TOY}`), 0o755);
        Deno.writeFileSync(at.at("tree/firmware.bin"), Uint8Array.of(0, 1, 2, 255));
        at.edit(TOY, HALVED);
      }, "--binary");
    },
    words: review("x.mbox"),
    code: 1,
    says: ["1 defect", "not examined | firmware.bin | no text"],
  },
  {
    name: "a mode change alone",
    make: (at) => at.patch("x.mbox", () => Deno.chmodSync(at.at(`tree/${TOY}`), 0o755)),
    words: review("x.mbox"),
    code: 0,
  },
  {
    name: "a diff with CR LF of a defect",
    make: (at) => {
      at.patch("lf.patch", () => at.edit(TOY, HALVED));
      const text = at.read("lf.patch");
      const diff = text.slice(text.indexOf("diff --git"), text.lastIndexOf("\n-- ") + 1);
      at.write("x.patch", diff.replaceAll("\n", "\r\n"));
    },
    words: review("x.patch"),
    code: 1,
    says: ["1 defect"],
  },
  {
    name: "a removed line that looks like a header of a file outside",
    make: (at) => {
      at.write(`tree/drivers/toy/list.txt`, "-- ../secret.c\n++ b\nc\n");
      at.write(
        "x.patch",
        "--- a/drivers/toy/list.txt\n+++ b/drivers/toy/list.txt\n@@ -1,3 +1 @@\n--- ../secret.c\n" +
          "-++ b\n c\n",
      );
    },
    words: review("x.patch"),
    code: 0,
  },
  {
    name: "a change of a makefile's definitions",
    make: (at) =>
      at.patch("x.mbox", () => {
        at.write(
          "tree/drivers/toy/Makefile",
          `${at.read("tree/drivers/toy/Makefile")}ccflags-y += -DTOY_FAST=1\n`,
        );
      }),
    words: review("x.mbox"),
    code: 2,
    says: ["a build setting", "ccflags-y += -DTOY_FAST=1"],
  },
  {
    name: "a change of assembler, Rust and a device tree",
    make: (at) =>
      at.patch("x.mbox", () => {
        for (const name of ["a.rs", "a.dts", "a.sh"]) at.write(`tree/drivers/toy/${name}`, "x\n");
      }),
    words: review("x.mbox"),
    code: 2,
    says: ["3 files not examined"],
  },
  {
    name: "130,000 changed lines that nothing runs",
    make: (at) => {
      const lines = Array.from({ length: 130_000 }, (_, index) => `+int a${index} = 1;\n`).join("");
      at.write(
        "x.patch",
        `--- /dev/null\n+++ b/drivers/toy/many.c\n@@ -0,0 +1,130000 @@\n${lines}`,
      );
    },
    words: [...review("x.patch"), "--html", "page.html"],
    code: 2,
    says: ["and 129_500 more lines"],
  },
  {
    name: "lines and comments of 5,000 blanks, braces and names",
    make: (at) => {
      const blank = " ".repeat(5000);
      const lines = [
        `/*${blank}*/`,
        `${blank}x`,
        `{${"{ ".repeat(5000)}x`,
        `int${" const".repeat(5000)}${blank}!`,
        `unsigned ${"long ".repeat(200)}${"*  ".repeat(1000)}=`,
        "a".repeat(5000),
        "/*".repeat(5000),
      ];
      const added = lines.map((line) => `+${line}\n`).join("");
      at.write("x.patch", `--- /dev/null\n+++ b/drivers/toy/long.c\n@@ -0,0 +1,7 @@\n${added}`);
    },
    words: review("x.patch"),
    code: 2,
  },
  {
    name: "100,000 braces that begin functions",
    make: (at) => {
      const lines = "+{\n".repeat(100_000);
      at.write(
        "x.patch",
        `--- /dev/null\n+++ b/drivers/toy/deep.c\n@@ -0,0 +1,100000 @@\n${lines}`,
      );
    },
    words: review("x.patch"),
    code: 0,
    says: ["no line of C with code changes"],
  },
  {
    name: "a page in a folder that is not there",
    make: (at) => at.patch("x.mbox", () => at.edit(TOY, HALVED)),
    words: [...review("x.mbox"), "--html", "none/page.html"],
    code: 2,
    says: ['there is no folder "none"'],
  },
  {
    name: "a page in place of a file that is none",
    make: (at) => {
      at.patch("x.mbox", () => at.edit(TOY, HALVED));
      at.write("page.html", "mine");
    },
    words: [...review("x.mbox"), "--html", "page.html"],
    code: 2,
    says: ["E1103"],
  },
  {
    name: "a pipe in one of two trees",
    make: (at) => {
      run("cp", ["-r", at.at("tree"), at.at("other")]);
      makeFifo(at.at("other/drivers/toy/pipe.c"));
    },
    words: review("other"),
    code: 2,
    says: ["a pipe, a socket or a device"],
  },
  {
    name: "links of two trees that lead to other files outside",
    make: (at) => {
      run("cp", ["-r", at.at("tree"), at.at("other")]);
      at.link("tree/drivers/toy/out.c", "/dev/null");
      at.link("other/drivers/toy/out.c", "../../../secret.c");
    },
    words: review("other"),
    code: 2,
    says: ["not examined | drivers/toy/out.c | a symbolic link"],
  },
  {
    name: "a mailbox that is a pipe",
    make: (at) => makeFifo(at.at("x.mbox")),
    words: review("x.mbox"),
    code: 2,
    says: ["a pipe, a socket or a device"],
  },
  {
    name: "a mailbox of zeros",
    make: (at) => Deno.writeFileSync(at.at("x.mbox"), new Uint8Array(100_000)),
    words: review("x.mbox"),
    code: 2,
  },
  {
    name: "a range that is an option of git",
    make: (at) => at.commits(),
    words: ["review", ...REVIEW, "--", "tree", "--output=started..HEAD"],
    code: 2,
  },
  {
    name: "a repository that lies elsewhere and does not know the tree",
    make: (at) => {
      at.commits();
      Deno.renameSync(at.at("tree/.git"), at.at("elsewhere"));
      at.write("tree/.git", `gitdir: ${at.at("elsewhere")}\n`);
    },
    words: review("HEAD~1..HEAD"),
    code: 2,
    says: ["lies elsewhere"],
  },
  {
    name: "a repository whose working tree is another folder",
    make: (at) => {
      at.commits();
      at.git("config", "core.worktree", "/etc");
    },
    words: review("HEAD~1..HEAD"),
    code: 2,
  },
  {
    name: "a working tree of a repository that knows it",
    make: (at) => {
      at.commits();
      at.git("worktree", "add", "-q", at.at("beside"));
    },
    words: ["review", "beside", "HEAD~1..HEAD", ...REVIEW],
    code: 1,
    says: ["1 defect"],
  },
  {
    name: "a commit that makes a source a link to a file outside",
    make: (at) => {
      at.commits();
      Deno.removeSync(at.at(`tree/${TOY}`));
      at.link(`tree/${TOY}`, "../../../secret.c");
      at.git("commit", "-qam", "link");
    },
    words: review("HEAD~1..HEAD"),
    code: 2,
    says: [`not examined | ${TOY} | a symbolic link`],
  },
  {
    name: "a test that nothing is called",
    make: (at) => at.patch("x.mbox", () => at.edit(TOY, HALVED)),
    words: [...review("x.mbox"), "--match", "none", "--allow-unreached"],
    code: 2,
    says: ["no test has the name"],
  },
  {
    name: "a scenario with an error in it",
    make: (at) => {
      at.patch("x.mbox", () => at.edit(TOY, HALVED));
      at.write("toy.dma", `${SCENARIO}nonsense(\n`);
    },
    words: [...review("x.mbox"), "--allow-unreached"],
    code: 2,
  },
  {
    name: "a comparison of a tree that has none of the code",
    words: ["tree", "compare", "tree"],
    code: 2,
    says: ["Nothing was compared"],
  },
  {
    name: "a difference of trees that have none of the code",
    words: ["tree", "diff", "tree", "tree"],
    code: 2,
    says: ["Nothing was compared"],
  },
  {
    name: "a difference by a scenario without a driver of a tree",
    make: (at) => at.write("plain.dma", 'machine { }\ntest "t" { assert 1 == 1 }\n'),
    words: ["tree", "diff", "tree", "tree", "plain.dma"],
    code: 2,
    says: ["Nothing was compared"],
  },
  ...["../secret.c", "drivers/toy/out.c"].map((path): TreeAttack => ({
    name: `a compilation of ${path}, which lies outside`,
    make: (at) => at.link("tree/drivers/toy/out.c", "../../../secret.c"),
    words: ["tree", "compile", "tree", path],
    code: 2,
    says: ["The tree has no"],
  })),
  {
    name: "a tree without a folder that its Kconfig names",
    make: (at) => at.write("tree/Kconfig", 'source "init/Kconfig"\n'),
    words: ["tree", "compile", "tree", TOY],
    code: 2,
    says: ["The tree has no init/Kconfig", 'its folder "init" is missing'],
  },
  {
    name: "a test with a tree that is not there",
    words: ["test", "toy.dma", "--tree", "none"],
    code: 2,
    says: ['/none": no such file or directory'],
  },
  {
    name: "a test without drivers with a tree that is not there",
    make: (at) => at.write("plain.dma", 'machine { }\ntest "t" { assert 1 == 1 }\n'),
    words: ["test", "plain.dma", "--tree", "none"],
    code: 2,
    says: ['/none": no such file or directory'],
  },
  {
    name: "a check of a snapshot that is not there",
    make: (at) => at.write("plain.dma", 'machine { }\ntest "t" { assert 1 == 1 }\n'),
    words: ["test", "plain.dma", "--snapshot", "check"],
    code: 2,
    says: ["snapshot"],
  },
  ...["null", "[]", "{}", '{"benches":null}', '"x"', "[[[[", '{"version":1e999}'].map(
    (text): TreeAttack => ({
      name: `a bench against ${text}`,
      make: (at) => {
        at.write("saved.json", text);
        at.write("b.dma", BENCH);
      },
      words: ["bench", "b.dma", "--against", "saved.json"],
      code: 2,
      says: ["saved.json"],
    }),
  ),
  {
    name: "a bench against figures of another bench",
    make: (at) => {
      const results = { "other completed": { unit: "IOPS", values: [1] } };
      at.write("saved.json", JSON.stringify({ commit: "x", deno: "x", results }));
      at.write("b.dma", BENCH);
    },
    words: ["bench", "b.dma", "--against", "saved.json"],
    code: 2,
    says: ["nothing was compared"],
  },
  {
    name: "figures that are no numbers",
    make: (at) => {
      const results = { "b completed": null, "b mapped": { values: "x" } };
      at.write("saved.json", JSON.stringify({ commit: "x", deno: "x", results }));
      at.write("b.dma", BENCH);
    },
    words: ["bench", "b.dma", "--against", "saved.json"],
    code: 2,
    says: ["was not written by --save"],
  },
  {
    name: "a report in place of a file that is none",
    make: (at) => {
      at.write("plain.dma", 'machine { }\ntest "t" { assert 1 == 1 }\n');
      at.write("r.html", "mine");
    },
    words: ["report", "plain.dma", "-o", "r.html"],
    code: 2,
  },
  {
    name: "a report through a link out of the folder",
    make: (at) => {
      at.write("plain.dma", 'machine { }\ntest "t" { assert 1 == 1 }\n');
      at.link("r.html", "/dev/full");
    },
    words: ["report", "plain.dma", "-o", "r.html"],
    code: 2,
  },
];
