#!/usr/bin/env bash
# The whole way on drawn data, in about nine minutes on two cores: demo.sh LANNER OUT
# Pretrains on unlabelled scenes, trains on labelled ones, measures, and draws what it finds.
set -euo pipefail
lanner=$1
out=$2

rm -rf "$out"
step() { printf '\n== %s\n' "$*" >&2; }

step "drawing 400 scenes without use of their labels, and 500 with"
"$lanner" synth --out "$out/unlabelled" --images 400 --seed 2
"$lanner" synth --out "$out/data" --images 500 --seed 1
"$lanner" check-data "$out/data:train" --show "$out"

step "pretraining a backbone without labels (2 minutes)"
"$lanner" pretrain --images "$out/unlabelled/JPEGImages" --out "$out/pretrain" --max-minutes 2 --amp auto

step "training a detector (5 minutes)"
"$lanner" train --data "$out/data:train" --val "$out/data:val" --out "$out/train" --preset small \
  --min-size 192 --max-size 256 --anchor-sizes "20,32;48,64;88,120" \
  --init "$out/pretrain/best.safetensors" --max-minutes 5 --evaluations 4

step "measuring it on the val split"
"$lanner" eval --weights "$out/train/best.safetensors" --data "$out/data:val" \
  --metrics-json "$out/metrics.json"

step "detecting in the val images"
head -n 40 "$out/data/ImageSets/Main/val.txt" | sed "s|^|$out/data/JPEGImages/|; s|\$|.jpg|" |
  xargs "$lanner" detect --weights "$out/train/best.safetensors" --out "$out/detections"

cp "$out/train/best.safetensors" "$out/detector.safetensors"
printf '\n%s\n' "In $out: detector.safetensors, metrics.json, and pictures in detections/."
