/**
 * `deno task campaign-files`: holds the jobs of a campaign against what their engines accept: the
 * Kubernetes API's types, GitHub's own parser of workflows, and the JSON schema of GitLab's jobs. Each
 * must refuse a file with a mistake. The checkers are downloaded by npm into a temporary folder.
 */
import { dmalab } from "../dmalab_program.ts";
import { PLAN, withPlan } from "./plan.ts";

const CHECKERS = [
  "kubernetes-models@5.1.0",
  "@actions/workflow-parser@0.3.61",
  "gitlab-ci-local@4.75.1",
  "yaml@2.8.1",
];

const KUBERNETES = `import { Job } from "kubernetes-models/batch/v1";
import { parse } from "yaml";
new Job(parse(Deno.readTextFileSync(Deno.args[0]))).validate();
`;

const GITHUB = `import { NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
const file = { name: "github.yml", content: Deno.readTextFileSync(Deno.args[0]) };
const { context } = parseWorkflow(file, new NoOperationTraceWriter());
const errors = context.errors.getErrors().map(({ message }) => message);
if (errors.length > 0) throw new Error(errors.join("; "));
`;

const GITLAB = `cd "$(mktemp -d)" && git init -q . && git remote add origin git@host.test:a/b.git &&
git -c user.name=a -c user.email=a@host.test commit -q --allow-empty -m start &&
git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main &&
cp "$2" .gitlab-ci.yml && deno run -A "$1/node_modules/gitlab-ci-local/dist/index.js" --list &&
rm -r "$PWD"
`;

/** A command in a folder. @returns Whether it ended well, and what it said. */
function ran(folder: string, command: string, ...args: string[]): readonly [boolean, string] {
  const options = { args, cwd: folder, stdin: "null" } as const;
  const { stderr, stdout, success } = new Deno.Command(command, options).outputSync();
  return [success, new TextDecoder().decode(success ? stdout : stderr)];
}

function mustRun(folder: string, command: string, ...args: string[]): void {
  const [success, said] = ran(folder, command, ...args);
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${said}`);
}

await withPlan(PLAN, async (folder, plan) => {
  await dmalab("campaign", plan, "--out", `${folder}/jobs`);
  Deno.writeTextFileSync(`${folder}/package.json`, '{ "type": "module" }\n');
  mustRun(folder, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", ...CHECKERS);
  for (const [name, text] of [["kubernetes", KUBERNETES], ["github", GITHUB]] as const) {
    Deno.writeTextFileSync(`${folder}/${name}.ts`, text);
    mustRun(folder, "deno", "bundle", "--quiet", "-o", `${name}.js`, `${name}.ts`);
  }
  const checks = [
    [
      "kubernetes.yaml",
      "completions: 3",
      "completions: three",
      "deno",
      "run",
      "-A",
      "kubernetes.js",
    ],
    ["github.yml", "runs-on", "runson", "deno", "run", "-A", "github.js"],
    ["gitlab.yml", "parallel: 3", "parallel: 999", "sh", "-c", GITLAB, "sh", folder],
  ] as const;
  for (const [name, right, wrong, command, ...args] of checks) {
    const path = `${folder}/jobs/${name}`;
    mustRun(folder, command, ...args, path);
    Deno.writeTextFileSync(path, Deno.readTextFileSync(path).replace(right, wrong));
    if (ran(folder, command, ...args, path)[0]) throw new Error(`${name}: "${wrong}" was accepted`);
    console.log(`${name}: accepted, and refused with "${wrong}"`);
  }
});
