/**
 * The folder that `dmalab init` makes, used with only Node and npm. In a fresh clone with a packed
 * file of dmalab, the test runs the commands of a job of GitHub, of a job of GitLab and of the
 * container file.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { parse } from "deno-std/yaml/parse.js";
import { LEAK, Rooms } from "./package_shell.ts";
import { filesBelow } from "./source_text.ts";

/** The tested part of a GitHub workflow. */
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

/** The tested part of a GitLab pipeline. */
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

/**
 * A CI job as it is run: its command lines, the folder in which they start, and the report that the
 * job keeps.
 */
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

/** Runs a job in a clone, then again after adding a leak, and reads the report that the job keeps. */
function tryJob(rooms: Rooms, clone: string, job: Job, inside: string): void {
  const run = () => rooms.sh(join(clone, job.folder), job.script);
  const report = () => Deno.readTextFileSync(rooms.at(clone, job.report));
  const good = run();
  assertEquals(good.code, 0, good.output);
  assertMatch(report(), /<testsuite name="first.dma" tests="1" failures="0"/);
  assertMatch(report(), /file="first.dma" line="15"/);
  Deno.writeTextFileSync(rooms.at(clone, inside, "leak.dma"), LEAK);
  const bad = run();
  Deno.removeSync(rooms.at(clone, inside, "leak.dma"));
  assertEquals(bad.code, 1, bad.output);
  // The log is for people, the report for programs.
  assertStringIncludes(bad.output, "--> leak.dma:4:3");
  assertMatch(
    report(),
    /<testcase name="a mapping is left" classname="leak.dma" file="leak.dma" line="3"/,
  );
  assertMatch(report(), /<failure type="E0926"/);
  Deno.removeSync(rooms.at(clone, job.report));
}

Deno.test("a folder of dmalab init is small, and its jobs install and check it", async (t) => {
  const rooms = new Rooms();
  try {
    const made = rooms.sh(".", `${rooms.init} lab`);
    assertEquals(made.code, 0, made.output);
    const sizes = filesBelow(rooms.at("lab")).map((path) => Deno.statSync(path).size);
    assert(sizes.length < 15, `${sizes.length} files`);
    assert(sizes.reduce((all, size) => all + size) < 10_000);
    rooms.install("lab");
    rooms.clone("lab", "clone");

    await t.step("its jobs are strict and keep a report, as the container file does", () => {
      const read = (path: string) => Deno.readTextFileSync(rooms.at("clone", path));
      tryJob(rooms, "clone", githubJob(read(".github/workflows/scenarios.yml")), "");
      tryJob(rooms, "clone", gitlabJob(read(".gitlab-ci.yml")), "");
      const container = read("Containerfile");
      assertStringIncludes(container, "/node:22-slim\n");
      assertMatch(
        container,
        /\nRUN if ls dmalab-\*\.tgz; then npm install -D [^]*; else npm install; fi\n/,
      );
      const command = JSON.parse(container.match(/^CMD (.*)$/m)![1]!) as string[];
      const job = { script: command.join(" "), folder: ".", report: "scenarios.xml" };
      tryJob(rooms, "clone", job, "");
      assertEquals(rooms.sh("clone", "git status --short", false).output, "");
    });

    await t.step("npm test and npm run dmalab run the scenarios", () => {
      assertMatch(rooms.sh("clone", "npm test").output, /^ok \| .*1 passed/m);
      const run = rooms.sh("clone", "npm run dmalab run first.dma");
      assertMatch(run.output, /^ok \| 1 passed \| 0 failed \| 4 assertions$/m);
    });

    await t.step("deno test --junit-path names places in scenarios", () => {
      const line = "deno test -R=. --no-check --junit-path=../places.xml";
      const { code, output } = rooms.sh("clone", line, false);
      assertEquals(code, 0, output);
      const xml = Deno.readTextFileSync(rooms.at("places.xml"));
      assertMatch(xml, /<testsuite name="\.\/first\.dma" tests="2"/);
      assertMatch(xml, /classname="\.\/first\.dma" time="[\d.]+" line="15" col="1"/);
    });

    await t.step("below a repository's root, jobs are for copying, and init says where", () => {
      Deno.mkdirSync(rooms.at("repository"));
      rooms.sh("repository", "git init -q", false);
      const { code, output } = rooms.sh("repository", `${rooms.init} "tests/my dma"`);
      assertEquals(code, 0, output);
      assertStringIncludes(output, "CI reads jobs in the repository's root only");
      const copies = output.match(/^ {2}.*cp .*$/gm)!;
      assertEquals(copies.length, 2);
      const copied = rooms.sh("repository", copies.join("\n"), false);
      assertEquals(copied.code, 0, copied.output);
      rooms.install("repository/tests/my dma");
      rooms.clone("repository", "jobs");
      const read = (path: string) => Deno.readTextFileSync(rooms.at("jobs", path));
      tryJob(rooms, "jobs", githubJob(read(".github/workflows/scenarios.yml")), "tests/my dma");
      tryJob(rooms, "jobs", gitlabJob(read(".gitlab-ci.yml")), "tests/my dma");
    });
  } finally {
    rooms.end();
  }
});

Deno.test("in a project dmalab init refuses, and with --add keeps what is there", () => {
  const rooms = new Rooms();
  try {
    Deno.mkdirSync(rooms.at("project"));
    const own = '{\n\t"name": "theirs",\n\t"scripts": {\n\t\t"test": "echo theirs"\n\t}\n}\n';
    Deno.writeTextFileSync(rooms.at("project/package.json"), own);
    Deno.writeTextFileSync(rooms.at("project/.gitignore"), "*.log");
    const refused = rooms.sh("project", rooms.init);
    assertEquals(refused.code, 2);
    assertMatch(refused.output, /has package\.json and \.gitignore already; nothing was written/);
    assertStringIncludes(refused.output, "--add");
    assertEquals([...Deno.readDirSync(rooms.at("project"))].length, 2);

    const added = rooms.sh("project", `${rooms.init} --add`);
    assertEquals(added.code, 0, added.output);
    const text = Deno.readTextFileSync(rooms.at("project/package.json"));
    const { devDependencies, exports, name, scripts } = JSON.parse(text);
    assertEquals([name, scripts.test, exports], ["theirs", "echo theirs", undefined]);
    assertEquals(Object.keys(devDependencies), ["dmalab"]);
    assertStringIncludes(text, '\n\t"devDependencies"');
    const ignored = Deno.readTextFileSync(rooms.at("project/.gitignore"));
    assertMatch(ignored, /^\*\.log\nnode_modules\/\n/);
    assert(![...Deno.readDirSync(rooms.at("project"))].some(({ name }) => name === "deno.json"));

    rooms.clone("project", "project-clone");
    const again = rooms.sh("project", `${rooms.init} --add`);
    assertEquals(again.code, 0, again.output);
    assertEquals(rooms.sh("project", "git status --short", false).output, "");

    for (
      const [text, complaint] of [["{ // mine\n}", "JSON"], ["[]", "not a JSON object"]] as const
    ) {
      Deno.mkdirSync(rooms.at("odd"));
      Deno.writeTextFileSync(rooms.at("odd/package.json"), text);
      const { code, output } = rooms.sh("odd", `${rooms.init} --add`);
      assertEquals(code, 2, output);
      assertStringIncludes(output, 'Cannot add to "package.json", nothing was written: ');
      assertStringIncludes(output, complaint);
      assertEquals([...Deno.readDirSync(rooms.at("odd"))].length, 1);
      Deno.removeSync(rooms.at("odd"), { recursive: true });
    }
    Deno.mkdirSync(rooms.at("odd"));
    Deno.writeTextFileSync(rooms.at("elsewhere.json"), "{}");
    Deno.symlinkSync(rooms.at("elsewhere.json"), rooms.at("odd/package.json"));
    const { code, output } = rooms.sh("odd", `${rooms.init} --add`);
    assertEquals(code, 2, output);
    assertEquals(Deno.readTextFileSync(rooms.at("elsewhere.json")), "{}");
    assertEquals([...Deno.readDirSync(rooms.at("odd"))].length, 1);
  } finally {
    rooms.end();
  }
});
