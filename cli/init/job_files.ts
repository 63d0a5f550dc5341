/**
 * The CI jobs and the container file. All of them install the folder's packed file of dmalab;
 * without a packed file, the package that package.json names. They write a report that GitHub and
 * GitLab store.
 */
import type { InitFile } from "./init_file.ts";

/** File name of a job's report, in the form of JUnit. */
export const REPORT = "scenarios.xml";

const NODE_RELEASE = 22;

// "npm ci" is not used, because a lock file from another system may lack this system's Deno. A
// packed file in the folder takes precedence over the package that package.json names.
const INSTALL = "if ls dmalab-*.tgz; then npm install -D ./dmalab-*.tgz; else npm install; fi";
const TEST = ["npx", "dmalab", "test", "--junit-path", REPORT];

/** A CI job: the file that is written, and the path where a repository's CI looks for it. */
export interface JobFile extends InitFile {
  /** Path at which CI reads the job, from the repository's root. */
  readonly read: string;
}

/**
 * @param inside The folder's path from the root of its repository; empty for the root itself.
 */
export function jobFiles(inside: string): readonly JobFile[] {
  const job = (read: string, copy: string, text: string): JobFile => ({
    path: inside === "" ? read : copy,
    read,
    text,
    merge: "none",
  });
  return [
    job(".github/workflows/scenarios.yml", "ci/github.yml", github(inside)),
    job(".gitlab-ci.yml", "ci/gitlab.yml", gitlab(inside)),
  ];
}

function github(inside: string): string {
  const folder = inside === "" ? "" : `
    defaults:
      run:
        working-directory: ${JSON.stringify(inside)}`;
  return `name: scenarios
on: [push, pull_request]
permissions:
  contents: read
jobs:
  scenarios:
    runs-on: ubuntu-latest
    timeout-minutes: 30${folder}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: ${NODE_RELEASE}
      - run: ${INSTALL}
      - run: ${TEST.join(" ")}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: scenarios
          path: ${JSON.stringify(pathOf(inside))}
`;
}

function gitlab(inside: string): string {
  const enter = inside === "" ? "" : `
    - ${JSON.stringify(`cd -- '${inside.replaceAll("'", "'\\''")}'`)}`;
  const report = JSON.stringify(pathOf(inside));
  return `scenarios:
  image: node:${NODE_RELEASE}-slim
  timeout: 30 minutes
  script:${enter}
    - ${INSTALL}
    - ${TEST.join(" ")}
  artifacts:
    when: always
    paths:
      - ${report}
    reports:
      junit: ${report}
`;
}

function pathOf(inside: string): string {
  return inside === "" ? REPORT : `${inside}/${REPORT}`;
}

/** Runs the tests in a container: `podman build -t lab . && podman run --rm lab`. */
export const CONTAINER_FILE: InitFile = {
  path: "Containerfile",
  text: `FROM docker.io/library/node:${NODE_RELEASE}-slim
WORKDIR /lab
COPY . .
RUN ${INSTALL}
CMD ${JSON.stringify(TEST)}
`,
  merge: "none",
};
