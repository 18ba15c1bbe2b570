#!/bin/sh
# must_fail.sh PATTERN COMMAND...: true when the command ends with a failure and has printed the pattern.
pattern=$1
shift
if output=$("$@" 2>&1); then
  printf '%s\n' "$output" 'this should have failed'
  exit 1
fi
printf '%s\n' "$output"
printf '%s\n' "$output" | grep -q -- "$pattern"
