#!/bin/sh
# The main job: make the kernel of a Keras Dense(64) layer over 100 inputs in each format, and prove what is in it; then a
# whole model, from a page of TOML to shards that transformers loads; then a Keras model, and how a signal fares in it; then a
# config of Hugging Face.
set -eu
examples=$(cd "$(dirname "$0")" && pwd)
cd "$(mktemp -d)"
run() {
    echo
    echo "\$ $*"
    "$@"
}
for file in w.npy w.safetensors w.h5; do
    run initgen sample --scheme he_uniform --shape 100x64 --seed 0 -o "$file"
    run initgen stats "$file" --scheme he_uniform
done
run initgen verify w.safetensors w.h5
run initgen sample "$examples/llama.toml" --dry-run
run initgen sample "$examples/llama.toml" -o llama.safetensors
run initgen verify llama.safetensors
run initgen sample --like llama.safetensors --preset llama --seed 3 --max-shard-size 500kB -o llama/
run initgen stats llama/ --name '*.mlp.*'
run initgen verify llama/
run initgen sample "$examples/seed_he_uniform.json" -o m.weights.h5
run initgen verify m.weights.h5
run initgen probe "$examples/seed_he_uniform.json" --weights m.weights.h5
run initgen probe --depth 50 --width 256 --activation relu --scheme he_uniform --scheme lecun_uniform
run initgen sample "$examples/llama-config.json" --set num_hidden_layers=2 --set hidden_size=64 --set vocab_size=1000 -o small/
run initgen verify small/
echo
ls -l "$PWD"
