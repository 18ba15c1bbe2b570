# What scripts/demo and scripts/run share. Sourced by bash.

fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# find_programs BUILD: puts the programs of a build folder on PATH
find_programs() {
  local build=$1 name found
  for name in ferryd ferryctl ferry; do
    found=$(find "$build/server/daemon" "$build/tools" -type f -name "$name" -perm -u+x 2>/dev/null | head -n 1)
    [ -n "$found" ] || fail "$name is not in $build: type make build"
    PATH=$(cd "$(dirname "$found")" && pwd):$PATH
  done
  export PATH
}

# address DATA PLANE: what the running ferryd says about itself (mqtt, objects, api)
address() {
  sed -n 's/.*"'"$2"'" *: *"\([^"]*\)".*/\1/p' "$1/run/ferryd.json"
}

# wait_ready DATA PID: waits until that ferryd is ready; false when it ended before
wait_ready() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    grep -qs "\"pid\" *: *$2[^0-9]" "$1/run/ferryd.json" && return 0
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.05
  done
  return 1
}
