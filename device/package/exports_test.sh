#!/bin/sh
# exports_test.sh NM READELF LIST SHARED STATIC: the shared library exports what LIST says and nothing else, and its name
# says its ABI; the archive is whole (whatever of ours it needs is in it) and defines only names that begin with ferry_.
set -eu
nm=$1 readelf=$2 list=$3 shared=$4 static=$5

fail() {
  echo "$1"
  shift
  printf '%s\n' "$@"
  exit 1
}

exported=$("$nm" -D --defined-only --format=posix "$shared" | awk '{ print $1 }' | sort)
[ "$exported" = "$(sort "$list")" ] || fail "libferry.so exports (diff to $list):" "$(printf '%s\n' "$exported" | diff "$list" - || true)"

soname=$("$readelf" -d "$shared" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
case $(basename "$shared") in
  "$soname".*) ;;
  *) fail "the SONAME does not fit the file:" "$soname" "$shared" ;;
esac

symbols=$("$nm" --format=posix "$static" | awk 'NF >= 2 { print $2, $1 }')
defined=$(printf '%s\n' "$symbols" | awk '$1 ~ /^[A-TV-Z]$/ { print $2 }' | sort -u)
foreign=$(printf '%s\n' "$defined" | grep -v '^ferry_' || true)
[ -z "$foreign" ] || fail "libferry.a defines names that are not ours:" "$foreign"
missing=$(printf '%s\n' "$symbols" | awk '$1 == "U" && $2 ~ /^ferry_/ { print $2 }' | sort -u | grep -vxF "$defined" || true)
[ -z "$missing" ] || fail "libferry.a needs and does not have:" "$missing"
twice=$(printf '%s\n' "$symbols" | awk '$1 == "T" { print $2 }' | sort | uniq -d)
[ -z "$twice" ] || fail "libferry.a defines twice:" "$twice"
