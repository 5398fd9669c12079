#!/usr/bin/env bash
# Evaluate with several processes on one or several machines:
#   tools/dist_test.sh CONFIG CHECKPOINT GPUS [ARGUMENTS OF test.py]
# On several machines run it on each, with NNODES, NODE_RANK, MASTER_ADDR and
# PORT set. Without GPUs the processes run on the CPU.
set -euo pipefail

CONFIG=$1
CHECKPOINT=$2
GPUS=$3
NNODES=${NNODES:-1}
NODE_RANK=${NODE_RANK:-0}
PORT=${PORT:-29500}
MASTER_ADDR=${MASTER_ADDR:-127.0.0.1}
TOOLS=$(dirname "$0")

PYTHONPATH="$TOOLS/..:${PYTHONPATH:-}" \
python -m torch.distributed.launch --nnodes="$NNODES" \
    --node_rank="$NODE_RANK" --master_addr="$MASTER_ADDR" \
    --nproc_per_node="$GPUS" --master_port="$PORT" \
    "$TOOLS/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
