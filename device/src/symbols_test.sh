#!/bin/sh
# symbols_test.sh NM ARCHIVE...: what the archives need from outside is mem*() and str*(), and nothing
# of it holds state: the engine runs where there is no libc, no heap and no clock. For a processor
# that lacks an instruction the compiler calls its own helper, which is always linked (no floating point).
set -eu
nm=$1
shift
symbols=$("$nm" --format=posix "$@" | awk 'NF >= 2 { print $2, $1 }')
defined=$(printf '%s\n' "$symbols" | awk '$1 != "U" { print $2 }' | sort -u)
needed=$(printf '%s\n' "$symbols" | awk '$1 == "U" { print $2 }' | sort -u)
# clang writes memcmp() == 0 as bcmp()
foreign=$(printf '%s\n' "$needed" | grep -vxF "$defined" |
  grep -vxE '_GLOBAL_OFFSET_TABLE_|bcmp|mem(chr|cmp|cpy|move|set)|str(chr|cmp|len|ncmp|spn|cspn)' |
  grep -vxE '__aeabi_(u?[il]div(mod)?|u?ldivmod|lmul|llsl|llsr|lasr)|__gnu_thumb1_case_[su][qh]i' || true)
[ -n "$needed" ] || { echo "no symbols found"; exit 1; }
[ -z "$foreign" ] || { echo "the engine must not need:"; echo "$foreign"; exit 1; }
state=$(printf '%s\n' "$symbols" | awk '$1 ~ /^[bBC]$/ { print $2 }')
[ -z "$state" ] || { echo "the engine must not have variables:"; echo "$state"; exit 1; }
