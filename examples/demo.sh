#!/bin/sh
# The main job: make the kernel of a Keras Dense(64) layer over 100 inputs in each format, and prove what is in it.
set -eu
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
echo
ls -l "$PWD"
