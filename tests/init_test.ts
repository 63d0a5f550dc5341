/**
 * The folder that `dmalab init` makes, with Node alone: what npm, `node --test`, a job of GitHub or of
 * GitLab and the container file start, in a fresh clone, with no other program on the PATH.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { mergeTexts } from "../cli/init/init_file.ts";
import { builtPackage } from "./built_package.ts";
import { nodeRelease } from "./node_releases.ts";
import { blankAnsi } from "./text.ts";

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** A folder for one test, with links to the programs that may be started. */
class Rooms {
  readonly base = Deno.makeTempDirSync({ prefix: "dmalab-init-" });

  /** The path of a file in it. */
  at(...parts: string[]): string {
    return join(this.base, ...parts);
  }

  /** Makes a folder of links, to be a PATH. */
  makePath(name: string, programs: Readonly<Record<string, string>>): void {
    Deno.mkdirSync(this.at(name));
    for (const [link, path] of Object.entries(programs)) {
      Deno.symlinkSync(path, this.at(name, link));
    }
  }

  /** Runs a line of a shell. @param path The folder of links that is the PATH; null for our own. */
  sh(path: string | null, folder: string, line: string): Outcome {
    const { code, stdout, stderr } = new Deno.Command("/bin/sh", {
      args: ["-e", "-c", line],
      cwd: this.at(folder),
      clearEnv: true,
      env: {
        HOME: this.at("home"),
        DENO_DIR: this.at("cache"),
        NPM_CONFIG_REGISTRY: "http://127.0.0.1:1/",
        PATH: path === null ? Deno.env.get("PATH")! : this.at(path),
        GIT_CONFIG_NOSYSTEM: "1",
      },
    }).outputSync();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, output: blankAnsi(text(stdout) + text(stderr)) };
  }

  /** Commits all of a folder, and clones it. */
  clone(folder: string, to: string): void {
    const commit = "git -c user.name=x -c user.email=x@x commit -qm x";
    const line = `git init -q && git add -A && (${commit} || true) && git clone -q . ${
      this.at(to)
    }`;
    const { code, output } = this.sh(null, folder, line);
    assertEquals(code, 0, output);
  }

  end(): void {
    Deno.removeSync(this.base, { recursive: true });
  }
}

/** The part of a job of GitHub that matters here. */
interface GithubFile {
  readonly jobs: Readonly<
    Record<string, {
      readonly defaults?: { readonly run: { readonly "working-directory": string } };
      readonly steps: readonly {
        readonly run?: string;
        readonly uses?: string;
        readonly if?: string;
        readonly with?: Readonly<Record<string, unknown>>;
      }[];
    }>
  >;
}

/** The same of GitLab. */
type GitlabFile = Readonly<
  Record<string, {
    readonly image: string;
    readonly script: readonly string[];
    readonly artifacts: {
      readonly when: string;
      readonly paths: readonly string[];
      readonly reports: { readonly junit: string };
    };
  }>
>;

/** A job as it runs: its lines, the folder that they start in, and the report that is kept. */
interface Job {
  readonly script: string;
  readonly folder: string;
  readonly report: string;
}

function githubJob(text: string): Job {
  const [job] = Object.values((parse(text) as GithubFile).jobs);
  const actions = job!.steps.flatMap(({ uses }) => uses === undefined ? [] : [uses]);
  assertEquals(actions, [
    "actions/checkout@v4",
    "actions/setup-node@v4",
    "actions/upload-artifact@v4",
  ]);
  const upload = job!.steps.at(-1)!;
  assertEquals(upload.if, "always()");
  return {
    script: job!.steps.flatMap(({ run }) => run === undefined ? [] : [run]).join("\n"),
    folder: job!.defaults?.run["working-directory"] ?? ".",
    report: String(upload.with!.path),
  };
}

function gitlabJob(text: string): Job {
  const [job] = Object.values(parse(text) as GitlabFile);
  const { artifacts, image, script } = job!;
  assertEquals(image, "node:22-slim");
  assertEquals([artifacts.when, artifacts.paths], ["always", [artifacts.reports.junit]]);
  return { script: script.join("\n"), folder: ".", report: artifacts.reports.junit };
}

/** A test that leaves a mapping, which fails only where the run is strict. */
const LEAK = `machine { pci { root_port rp0 { nvme ssd { } } } }

test "a mapping is left" {
  let m = dma_map_single(ssd, alloc_pages(1), 4KiB, to_device)
  assert m.size == 4KiB
}
`;

/** Runs a job in a clone, then in one with a leak, and reads the report that it keeps. */
function tryJob(rooms: Rooms, clone: string, job: Job, inside: string): void {
  const run = () => rooms.sh("node22", join(clone, job.folder), job.script);
  const report = () => Deno.readTextFileSync(rooms.at(clone, job.report));
  const good = run();
  assertEquals(good.code, 0, good.output);
  assertMatch(report(), /<testsuite name="first.dma" tests="1" failures="0"/);
  assertMatch(report(), /file="first.dma" line="16"/);
  Deno.writeTextFileSync(rooms.at(clone, inside, "leak.dma"), LEAK);
  const bad = run();
  Deno.removeSync(rooms.at(clone, inside, "leak.dma"));
  assertEquals(bad.code, 1, bad.output);
  // People read the log, and programs the report.
  assertStringIncludes(bad.output, "--> leak.dma:4:3");
  assertMatch(
    report(),
    /<testcase name="a mapping is left" classname="leak.dma" file="leak.dma" line="3"/,
  );
  assertMatch(report(), /<failure type="E0926"/);
  Deno.removeSync(rooms.at(clone, job.report));
}

Deno.test("a folder of dmalab init works with Node alone", async (t) => {
  const rooms = new Rooms();
  try {
    const npm = new TextDecoder().decode(
      new Deno.Command("sh", { args: ["-c", "realpath $(command -v npm)"] }).outputSync().stdout,
    ).trim();
    for (const major of [20, 22]) {
      rooms.makePath(`node${major}`, { node: nodeRelease(major), npm, sh: "/bin/sh" });
    }
    Deno.mkdirSync(rooms.at("home"));
    const init = `node '${join(builtPackage(), "bin.js")}' init`;
    const made = rooms.sh("node20", ".", `${init} lab`);
    assertEquals(made.code, 0, made.output);
    rooms.clone("lab", "clone");

    for (const node of ["node20", "node22"]) {
      await t.step(`${node}: node --test and npm test run the scenarios, strict`, () => {
        for (const line of ["node --test", "npm test"]) {
          const { code, output } = rooms.sh(node, "clone", line);
          assertEquals(code, 0, output);
          assertMatch(output, /^# pass 2$/m);
        }
        const run = rooms.sh(node, "clone", "npm run dmalab run first.dma");
        assertMatch(run.output, /^ok \| 1 passed \| 0 failed \| 4 assertions$/m);
        Deno.writeTextFileSync(rooms.at("clone/leak.dma"), LEAK);
        const { code, output } = rooms.sh(node, "clone", "node --test");
        Deno.removeSync(rooms.at("clone/leak.dma"));
        assertEquals(code, 1, output);
        // The runner's own place is the scenario's.
        assertMatch(output, /location: '.*\/clone\/leak\.dma:3:1'/);
        assertStringIncludes(output, "--> leak.dma:4:3");
      });
    }

    await t.step(
      "its jobs are strict and keep a report, with the Node of the container file",
      () => {
        const read = (path: string) => Deno.readTextFileSync(rooms.at("clone", path));
        tryJob(rooms, "clone", githubJob(read(".github/workflows/scenarios.yml")), "");
        tryJob(rooms, "clone", gitlabJob(read(".gitlab-ci.yml")), "");
        const container = read("Containerfile");
        assertStringIncludes(container, "/node:22-slim\n");
        const command = JSON.parse(container.match(/^CMD (.*)$/m)![1]!) as string[];
        const script = command.join(" ");
        tryJob(rooms, "clone", { script, folder: ".", report: "scenarios.xml" }, "");
        assertEquals(rooms.sh(null, "clone", "git status --short").output, "");
      },
    );

    await t.step("git shows no diff of the package", () => {
      const { output } = rooms.sh(null, "clone", "git check-attr -a .dmalab/mod.js first.dma");
      assertEquals(
        output,
        ".dmalab/mod.js: diff: unset\n.dmalab/mod.js: linguist-generated: set\n",
      );
    });

    await t.step("deno test --junit-path names places in scenarios", () => {
      const { code, output } = rooms.sh(
        null,
        "clone",
        "deno test -R=. --junit-path=../places.xml",
      );
      assertEquals(code, 0, output);
      const xml = Deno.readTextFileSync(rooms.at("places.xml"));
      assertMatch(xml, /<testsuite name="\.\/first\.dma" tests="2"/);
      assertMatch(xml, /classname="\.\/first\.dma" time="[\d.]+" line="16" col="1"/);
    });

    await t.step("below a repository's root, jobs are for copying, and init says where", () => {
      Deno.mkdirSync(rooms.at("repository"));
      rooms.sh(null, "repository", "git init -q");
      const { code, output } = rooms.sh("node22", "repository", `${init} "tests/my dma"`);
      assertEquals(code, 0, output);
      assertStringIncludes(output, "CI reads jobs in the repository's root only");
      const copies = output.match(/^ {2}.*cp .*$/gm)!;
      assertEquals(copies.length, 2);
      const copied = rooms.sh(null, "repository", copies.join("\n"));
      assertEquals(copied.code, 0, copied.output);
      rooms.clone("repository", "jobs");
      const read = (path: string) => Deno.readTextFileSync(rooms.at("jobs", path));
      tryJob(rooms, "jobs", githubJob(read(".github/workflows/scenarios.yml")), "tests/my dma");
      tryJob(rooms, "jobs", gitlabJob(read(".gitlab-ci.yml")), "tests/my dma");
    });

    await t.step("in a project it refuses, and with --add keeps what is there", () => {
      Deno.mkdirSync(rooms.at("project"));
      const own = '{\n\t"name": "theirs",\n\t"scripts": {\n\t\t"test": "echo theirs"\n\t}\n}\n';
      Deno.writeTextFileSync(rooms.at("project/package.json"), own);
      Deno.writeTextFileSync(rooms.at("project/.gitignore"), "*.log");
      const refused = rooms.sh("node20", "project", init);
      assertEquals(refused.code, 2);
      assertMatch(refused.output, /has package\.json and \.gitignore already; nothing was written/);
      assertStringIncludes(refused.output, "--add");
      assertEquals([...Deno.readDirSync(rooms.at("project"))].length, 2);

      const added = rooms.sh("node20", "project", `${init} --add`);
      assertEquals(added.code, 0, added.output);
      const text = Deno.readTextFileSync(rooms.at("project/package.json"));
      const { exports, imports, name, scripts } = JSON.parse(text);
      assertEquals([name, scripts.test, exports], ["theirs", "echo theirs", undefined]);
      assertEquals(Object.keys(imports), ["#dmalab", "#dmalab/test"]);
      assertStringIncludes(text, '\n\t"imports"');
      assertMatch(
        Deno.readTextFileSync(rooms.at("project/.gitignore")),
        /^\*\.log\nnode_modules\/\n/,
      );
      assert(![...Deno.readDirSync(rooms.at("project"))].some(({ name }) => name === "deno.json"));
      assertMatch(rooms.sh("node20", "project", "node --test").output, /^# pass 2$/m);
      assertMatch(rooms.sh("node22", "project", "npm run dmalab test").output, /^ok \| 1 passed/m);

      rooms.clone("project", "project-clone");
      const again = rooms.sh("node20", "project", `${init} --add`);
      assertEquals(again.code, 0, again.output);
      assertEquals(rooms.sh(null, "project", "git status --short").output, "");
    });

    await t.step("what it cannot add to, it names, and writes nothing", () => {
      for (
        const [text, complaint] of [["{ // mine\n}", "JSON"], ["[]", "no JSON object"]] as const
      ) {
        Deno.mkdirSync(rooms.at("odd"));
        Deno.writeTextFileSync(rooms.at("odd/package.json"), text);
        const { code, output } = rooms.sh("node20", "odd", `${init} --add`);
        assertEquals(code, 2, output);
        assertStringIncludes(output, 'Cannot add to "package.json", nothing was written: ');
        assertStringIncludes(output, complaint);
        assertEquals([...Deno.readDirSync(rooms.at("odd"))].length, 1);
        Deno.removeSync(rooms.at("odd"), { recursive: true });
      }
      Deno.mkdirSync(rooms.at("odd"));
      Deno.writeTextFileSync(rooms.at("elsewhere.json"), "{}");
      Deno.symlinkSync(rooms.at("elsewhere.json"), rooms.at("odd/package.json"));
      const { code, output } = rooms.sh("node20", "odd", `${init} --add`);
      assertEquals(code, 2, output);
      assertEquals(Deno.readTextFileSync(rooms.at("elsewhere.json")), "{}");
      assertEquals([...Deno.readDirSync(rooms.at("odd"))].length, 1);
    });
  } finally {
    rooms.end();
  }
});

Deno.test("mergeTexts() adds what is missing, and changes nothing else", () => {
  const keys = (text: string, existing: string) =>
    mergeTexts(existing, { path: "x.json", text, merge: "keys" });
  assertEquals(
    keys('{"a":{"c":2},"d":[2,3]}', '{"a":{"b":1},"d":[1,2]}'),
    `{
  "a": {
    "b": 1,
    "c": 2
  },
  "d": [
    1,
    2,
    3
  ]
}
`,
  );
  assertEquals(keys('{"a":{"b":2}}', '{ "a": {"b":1} }'), '{ "a": {"b":1} }');
  const lines = (text: string, existing: string) =>
    mergeTexts(existing, { path: ".gitignore", text, merge: "lines" });
  assertEquals(lines("a\nb\n", "b\nc"), "b\nc\na\n");
  assertEquals(lines("a\n", "a\r\n"), "a\r\n");
  assertEquals(mergeTexts("mine", { path: "x", text: "yours", merge: "none" }), "mine");
});
