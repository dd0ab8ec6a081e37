#!/bin/sh
# `make demo-recorded`: judges recorded batches, two captures that went right and two that went wrong.
# In: the command to run (by default `verifier`). Out: exit code 0 if every capture got the verdict that it should.
cd "$(dirname "$0")/.." || exit 1
verifier=${1:-verifier}
wrong=0

judge() { # capture, the exit code that is right, a sentence about it
  printf '\n%s\n\n' "$3"
  capture=$1 expected=$2
  spans=tests/data/huleedu/$1.otlp.jsonl records=tests/data/huleedu/$1.events.jsonl
  printf '$ verifier check phase1-regular phase1-guest \\\n    --spans %s \\\n    --records %s\n\n' "$spans" "$records"
  "$verifier" check phase1-regular phase1-guest --spans "$spans" --records "$records"
  code=$?
  case $code in
    0) meaning="satisfied" ;;
    1) meaning="violated" ;;
    2) meaning="the command or the shape is wrong" ;;
    3) meaning="it could not be told" ;;
    4) meaning="the files could not be read" ;;
    *) meaning="not a code of the verifier" ;;
  esac
  if [ "$code" -eq "$expected" ]; then
    printf '\nExit code %s: %s, as it should be.\n' "$code" "$meaning"
  else
    printf '\nExit code %s: %s. Expected %s for %s.\n' "$code" "$meaning" "$expected" "$capture"
    wrong=$((wrong + 1))
  fi
  printf '%s\n' '--------------------------------------------------------------------------------'
}

judge regular 0 "1 of 4. Eight real REGULAR batches, recorded from running services. All went right."
judge guest 0 "2 of 4. Four real GUEST batches. They skip student matching, and that is right for them."
judge course_mismatch 1 "3 of 4. In two of three batches a course code changes on the way. This is what a violation looks like."
judge duplicates 1 "4 of 4. Messages came twice. One batch shrugs it off; the other falls back to an earlier state."

if [ "$wrong" -ne 0 ]; then
  printf '\nThe demo went wrong: %s of 4 captures did not get the exit code that they should.\n' "$wrong"
  exit 1
fi
cat <<'TEXT'

The demo went right: all 4 captures got the exit code that they should.

Next, with your own files:
  .venv/bin/verifier flows --spans SPANS --records RECORDS            what belongs together, and why
  .venv/bin/verifier check SHAPE --spans SPANS --records RECORDS      what went wrong
  docs/how-to/write-a-shape.md                                        how to write a shape
TEXT
