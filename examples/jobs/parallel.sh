#!/bin/sh
# A hunt in 64 shards by GNU parallel, one on each processor at a time: sh examples/jobs/parallel.sh
# A shard that was killed is started again, and goes on where its file ends. One with exit code 1 is done: it has found
# a defect.
export DMALAB
seq 64 | parallel --retries 5 \
  '${DMALAB:-dmalab} hunt --seeds 500 --cases 2000 --shard {}/64 --out results || [ $? = 1 ]'
