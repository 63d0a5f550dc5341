/**
 * The folder that `dmalab init` makes, with Node alone: what a job of GitHub or of GitLab and the
 * container file start, in a fresh clone, with no other program on the PATH; and Node 22.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { LEAK, Rooms } from "./init_rooms.ts";

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

Deno.test("a folder of dmalab init is checked by CI and by Node 22", async (t) => {
  const rooms = new Rooms();
  try {
    rooms.makeLab();
    await t.step(
      "node --test and npm test run the scenarios, strict",
      () => rooms.tryRunner("node22"),
    );

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
        "deno test -R=. --no-check --junit-path=../places.xml",
      );
      assertEquals(code, 0, output);
      const xml = Deno.readTextFileSync(rooms.at("places.xml"));
      assertMatch(xml, /<testsuite name="\.\/first\.dma" tests="2"/);
      assertMatch(xml, /classname="\.\/first\.dma" time="[\d.]+" line="16" col="1"/);
    });

    await t.step("below a repository's root, jobs are for copying, and init says where", () => {
      Deno.mkdirSync(rooms.at("repository"));
      rooms.sh(null, "repository", "git init -q");
      const { code, output } = rooms.sh("node22", "repository", `${rooms.init} "tests/my dma"`);
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
  } finally {
    rooms.end();
  }
});
