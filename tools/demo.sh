#!/usr/bin/env bash
# Runs the whole pipeline on synthetic scenes, in about six minutes on two cores: demo.sh LANNER OUT
# Pretrains on unlabeled scenes, trains a detector on labeled ones, evaluates it and detects.
# The numbers of steps are fixed, so that the result does not depend on the machine's speed.
set -euo pipefail
lanner=$1
out=$2

rm -rf "$out"
step() { printf '\n== %s\n' "$*" >&2; }

step "generating 400 unlabeled scenes and 500 labeled ones"
"$lanner" synth --out "$out/unlabeled" --images 400 --seed 2
"$lanner" synth --out "$out/data" --images 500 --seed 1
"$lanner" check-data "$out/data:train" --show "$out"

step "pretraining a backbone without labels (12 epochs, 300 steps)"
"$lanner" pretrain --images "$out/unlabeled/JPEGImages" --out "$out/pretrain" --epochs 12 \
  --width 32 --amp auto

step "training a detector on 400 scenes (40 epochs, 1,760 steps)"
"$lanner" train --data "$out/data:train" --val "$out/data:val" --out "$out/train" \
  --init "$out/pretrain/best.safetensors" --epochs 40 --evaluations 4

step "evaluating it on the 100 scenes of the val split"
"$lanner" eval --weights "$out/train/best.safetensors" --data "$out/data:val" \
  --metrics-json "$out/metrics.json"

step "detecting objects in val images"
head -n 40 "$out/data/ImageSets/Main/val.txt" | sed "s|^|$out/data/JPEGImages/|; s|\$|.jpg|" |
  xargs "$lanner" detect --weights "$out/train/best.safetensors" --out "$out/detections"

cp "$out/train/best.safetensors" "$out/detector.safetensors"
printf '\n%s\n' "$out contains detector.safetensors, metrics.json, and images in detections/."
