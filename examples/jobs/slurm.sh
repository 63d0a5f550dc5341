#!/bin/sh
# A hunt in 64 shards as a job array of Slurm: sbatch examples/jobs/slurm.sh
# A lost shard alone, here number 3: sbatch --array=3 examples/jobs/slurm.sh
#SBATCH --job-name=hunt
#SBATCH --array=1-64
#SBATCH --cpus-per-task=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=hunt-%a.log
# A shard that was killed goes on where its file ends; one that was ended on purpose (130, 143) does not.
for try in 1 2 3 4 5; do
  ${DMALAB:-dmalab} hunt --seeds 500 --cases 2000 --shard "$SLURM_ARRAY_TASK_ID/64" --out results
  code=$?
  case $code in 130 | 143) break ;; esac
  [ "$code" -gt 128 ] || break
done
exit "$code"
