#!/bin/sh
# Fuzz each target of tests/fuzz, and keep the inputs that reached new code.
#
#   tools/fuzz.sh SECONDS    for each target
#
# If an input breaks a target, the end of the output names it, and it is in build/fuzz. Copy it into
# tests/corpus/TARGET: then the test of the corpus fails until the bug is fixed.
set -eu

for target in commands frames; do
    kept=tests/corpus/$target
    found=build/fuzz/$target
    log=$found.log
    mkdir -p "$kept" "$found"
    set -- "$1" -max_len=600 -timeout=10 -artifact_prefix="$found-"
    [ ! -f "tests/fuzz/$target.dict" ] || set -- "$@" -dict="tests/fuzz/$target.dict"
    echo "Fuzzing $target for $1 s."
    fuzz() { .venv-fuzz/bin/python -m tests.fuzz "$target" "$@" >>"$log" 2>&1; }
    : >"$log"
    seconds=$1
    shift
    if ! fuzz "$@" -max_total_time="$seconds" "$found" "$kept"; then
        tail -n 40 "$log"
        exit 1
    fi
    grep -E '^(Done|#.*DONE)' "$log"
    fuzz -max_len=600 -merge=1 "$kept" "$found"
    echo "Kept in $kept: $(find "$kept" -type f | wc -l) inputs."
    set -- "$seconds"
done
