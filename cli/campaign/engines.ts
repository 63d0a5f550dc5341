/**
 * The jobs of a campaign, for engines that exist. Each starts the shards, which find their number in
 * the engine's own variable; what is left of a shard that ended is done by starting it again.
 */
import { OWN_FOLDER } from "../own_folder.ts";
import type { CampaignPlan } from "./plan.ts";

/** The folder of the shards' files, from that of the plan. */
const RESULTS = "results";

/** The first line of each file, by which a later run knows that it may replace it. */
const WRITTEN = "# Written by dmalab campaign, which replaces it.\n";

export interface EngineFile {
  readonly name: string;
  readonly text: string;
  /** How it is started, from the plan's folder. */
  readonly start: string;
}

/**
 * @param plan The plan's file, from the folder in which jobs start.
 * @param folder Where the jobs' files lie, from there.
 */
export function engineFiles(
  { name, shards }: CampaignPlan,
  plan: string,
  folder: string,
): readonly EngineFile[] {
  const words = `campaign run ${plan} --out ${RESULTS}`;
  const shell = `\${DMALAB:-dmalab} ${words}`;
  const packaged = `node ${OWN_FOLDER}/bin.js ${words}`;
  const file = (file: string, start: string, text: string) => ({ name: file, start, text });
  return [
    file("slurm.sh", `sbatch ${folder}/slurm.sh`, slurm(name, shards, shell)),
    file("parallel.sh", `sh ${folder}/parallel.sh`, gnuParallel(shards, shell)),
    file("kubernetes.yaml", `kubectl apply -f ${folder}/kubernetes.yaml`, kubernetes(name, shards)),
    file(
      "Containerfile",
      `podman build -t ${name} -f ${folder}/Containerfile .`,
      container(packaged),
    ),
    file("github.yml", "copy it to .github/workflows/", github(name, shards, packaged)),
    file("gitlab.yml", "copy it to .gitlab-ci.yml", gitlab(name, shards, packaged)),
  ];
}

function slurm(name: string, shards: number, command: string): string {
  return `#!/bin/sh
${WRITTEN}#SBATCH --job-name=${name}
#SBATCH --array=0-${shards - 1}
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=${name}-%a.log
# A shard that was killed goes on where its file ends; one that was ended on purpose (130, 143) does not.
for try in 1 2 3 4 5; do
  ${command}
  code=$?
  case $code in 130 | 143) break ;; esac
  [ "$code" -gt 128 ] || break
done
exit "$code"
`;
}

function gnuParallel(shards: number, command: string): string {
  return `#!/bin/sh
${WRITTEN}# A shard for each processor at a time; one that was killed is started again.
export DMALAB
seq ${shards} | parallel -N0 --retries 5 '${command}'
`;
}

/** Results are kept by a volume that all shards write to. */
function kubernetes(name: string, shards: number): string {
  return `${WRITTEN}apiVersion: batch/v1
kind: Job
metadata:
  name: ${name}
spec:
  completionMode: Indexed
  completions: ${shards}
  parallelism: ${Math.min(shards, 16)}
  backoffLimit: ${3 * shards}
  template:
    spec:
      restartPolicy: OnFailure
      containers:
        - name: shard
          image: ${name}
          resources:
            requests:
              cpu: "1"
              memory: 512Mi
          volumeMounts:
            - name: results
              mountPath: /campaign/${RESULTS}
      volumes:
        - name: results
          persistentVolumeClaim:
            claimName: ${name}-results
`;
}

function container(command: string): string {
  return `${WRITTEN}FROM docker.io/library/node:22-slim
WORKDIR /campaign
COPY . .
CMD ${JSON.stringify(command.split(" "))}
`;
}

function github(name: string, shards: number, command: string): string {
  const numbers = Array.from({ length: shards }, (_, index) => index + 1).join(", ");
  return `${WRITTEN}name: ${name}
on: [workflow_dispatch]
permissions:
  contents: read
jobs:
  shard:
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix:
        index: [${numbers}]
    env:
      CI_NODE_INDEX: \${{ matrix.index }}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with:
          node-version: 22
      - run: ${command}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: shard-\${{ matrix.index }}
          path: ${RESULTS}
`;
}

/** A single job of GitLab's has no number of its own. */
function gitlab(name: string, shards: number, command: string): string {
  const number = shards > 1 ? `  parallel: ${shards}` : `  variables:
    CI_NODE_INDEX: "1"`;
  return `${WRITTEN}${name}:
  image: node:22-slim
${number}
  retry: 2
  script:
    - ${command}
  artifacts:
    when: always
    paths:
      - ${RESULTS}
`;
}
