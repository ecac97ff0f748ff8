#!/usr/bin/env bash
# slurm_run.sh PARTITION JOB_NAME COMMAND…: run a command on every node, with the
# variables of dist_train.sh set. Called by slurm_train.sh and slurm_test.sh.
# OpenMMLab's variables: GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5 per GPU),
# SRUN_ARGS.
per_node=${GPUS_PER_NODE:-8}
nodes=$(((${GPUS:-8} + per_node - 1) / per_node))
on_node='
export NNODES=$SLURM_NNODES NODE_RANK=$SLURM_NODEID
export MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export PORT=${PORT:-$((20000 + SLURM_JOB_ID % 20000))}
exec "$@"'
# shellcheck disable=SC2086 # SRUN_ARGS is split into words
exec srun --partition="$1" --job-name="$2" --nodes="$nodes" --ntasks-per-node=1 \
    --gres=gpu:"$per_node" --cpus-per-task=$((per_node * ${CPUS_PER_TASK:-5})) \
    --kill-on-bad-exit=1 $SRUN_ARGS bash -c "$on_node" slurm_run "${@:3}"
