#!/usr/bin/env bash
# Tests install.sh. "words" is what costs nothing: its words, its exit codes, the unit that it writes. "whole" builds
# with it, measures what it built, and, as root, has it install, upgrade and remove a service, in a mount namespace
# of its own, so that this machine's /etc, /run, /srv and /var/lib are left alone. It prints a line a test and counts
# as Node's runner does. CHATD_BUILT=<path> has "whole" test a static executable that is there already.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
script=$root/install.sh
# The exposure that "systemd-analyze security" may find, in tenths.
most_exposure=15
most_bytes=$((25 * 1024 * 1024))
most_start_us=100000
starts=5
passed=0
failed=0

# Runs a test, which is a function: it fails by a command that does. Never called in a condition, see tests/run.
test_that() {
  local sentence=$1 status
  shift
  set +e
  (
    set -e
    "$@"
  ) >"$scratch/test.log" 2>&1
  status=$?
  set -e
  if [[ $status -eq 0 ]]; then
    passed=$((passed + 1))
    echo "ok - $sentence"
  else
    failed=$((failed + 1))
    echo "not ok - $sentence"
    sed 's/^/    /' "$scratch/test.log"
  fi
}

# Runs a command that must end with this code and say these words.
ends() {
  local expected=$1 words=$2 status=0 said
  shift 2
  said=$("$@" 2>&1) || status=$?
  printf '%s\n' "$said"
  [[ $status -eq $expected ]] || { echo "ended with $status, not $expected" && return 1; }
  [[ $said == *"$words"* ]] || { echo "did not say: $words" && return 1; }
}

# Fails with what there is instead, when two texts differ.
equal() { [[ $1 == "$2" ]] || { printf 'there is "%s" and not "%s"\n' "$1" "$2" && return 1; }; }
missing() { [[ ! -e $1 ]] || { echo "$1 is there" && return 1; }; }

# ---- words -----------------------------------------------------------------------------------------------------------

help_is_data() {
  local said
  said=$(sh "$script" --help 2>"$scratch/stderr")
  [[ $said == *--purge* && ! -s $scratch/stderr ]]
}

misuse_ends_with_2() {
  ends 2 "there is no --purgee" sh "$script" --uninstall --purgee
  ends 2 "--purge goes with --uninstall" sh "$script" --purge
  ends 2 "contradict each other" sh "$script" --service --uninstall
  ends 2 "--unit goes alone" sh "$script" --unit --service
}

only_root_purges() {
  local nobody=()
  if [[ $EUID -eq 0 ]]; then nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
  # From stdin, since this folder may be closed to others.
  ends 1 "which takes root; nothing was removed" "${nobody[@]}" sh -s -- --uninstall --purge <"$script"
  ends 1 "--service takes root" "${nobody[@]}" sh -s -- --service <"$script"
}

unit_is_hardened() {
  sh "$script" --unit >"$scratch/chatd.service"
  systemd-analyze security --offline=true --no-pager --threshold="$most_exposure" "$scratch/chatd.service"
}

unit_waits_for_upgrades() {
  local said
  said=$(sh "$script" --unit)
  [[ $said == *"systemctl edit chatd"*$'\n[Unit]\n'* ]]
  [[ $said == *$'\nTimeoutStartSec=infinity\n'* ]]
  [[ $said == *$'\nRestartPreventExitStatus=2 78\n'* ]]
}

places_that_a_service_sees_not() {
  [[ $EUID -eq 0 ]] || { echo "this takes root" && return 0; }
  for prefix in /home/ada/.local "/opt/my chat" /tmp/x; do
    PREFIX=$prefix ends 1 "cannot run it: choose a folder" sh "$script" --service
  done
}

words() {
  test_that "--help goes to stdout" help_is_data
  test_that "a wrong argument ends with 2" misuse_ends_with_2
  test_that "only root removes what is root's, and is told before anything is removed" only_root_purges
  test_that "a prefix where a service cannot run is refused before anything is built" places_that_a_service_sees_not
  test_that "a start may take as long as an upgrade, and a wrong configuration is not tried again" unit_waits_for_upgrades
  if command -v systemd-analyze >/dev/null; then
    test_that "the unit is exposed by 1.5 at most" unit_is_hardened
  else
    echo "# systemd-analyze is missing: how exposed the unit is was NOT looked at"
  fi
}

# ---- what was built --------------------------------------------------------------------------------------------------

is_static() {
  local said
  said=$(ldd "$1" 2>&1 || true)
  echo "$said"
  [[ $said == *"statically linked"* || $said == *"not a dynamic executable"* || $said == *"Not a valid dynamic program"* ]]
}

is_small() {
  local bytes
  bytes=$(stat -c %s "$1")
  echo "# $bytes bytes" >&3
  [[ $bytes -lt $most_bytes ]]
}

# From the exec to the line that says so, on a data folder that is there; the best of several.
starts_at_once() {
  local best=$((most_start_us * 100)) before took line
  "$1" user add ada --email ada@example.org --generate --data-dir "$scratch/data" >/dev/null
  for _ in $(seq "$starts"); do
    before=${EPOCHREALTIME/[.,]/}
    coproc SERVER { exec "$1" serve --listen 127.0.0.1:0 --data-dir "$scratch/data" 2>"$scratch/serve.log"; }
    # Bash forgets it when the process ends.
    local process=$SERVER_PID
    IFS= read -r -t 10 -u "${SERVER[0]}" line || { cat "$scratch/serve.log" && return 1; }
    took=$((${EPOCHREALTIME/[.,]/} - before))
    kill "$process"
    wait "$process" || return 1
    [[ $line == *" is ready: "* ]] || { echo "said $line" && return 1; }
    if [[ $took -lt $best ]]; then best=$took; fi
  done
  echo "# ready within $best µs, the best of $starts" >&3
  [[ $best -lt $most_start_us ]]
}

installs_without_a_service() {
  local built=$1 prefix=$scratch/prefix before
  mkdir -p "$prefix/bin"
  echo "the one before" >"$prefix/bin/chatd"
  PREFIX=$prefix sh "$script"
  cmp "$built" "$prefix/bin/chatd"
  equal "$(cat "$prefix/bin/chatd.old")" "the one before"
  missing "$prefix/bin/chatd.new"
  PREFIX=$prefix sh "$script"
  equal "$(cat "$prefix/bin/chatd.old")" "the one before"
  before=$(find "$scratch/data" -type f | sort)
  PREFIX=$prefix sh "$script" --uninstall
  equal "$(find "$prefix" -type f)" ""
  equal "$(find "$scratch/data" -type f | sort)" "$before"
}

whole() {
  local built=${CHATD_BUILT:-}
  if [[ -z $built ]]; then built=$(sh "$script" --build); fi
  test_that "what is built is static" is_static "$built"
  test_that "it is smaller than 25 MiB" is_small "$built"
  test_that "it is ready within 100 ms" starts_at_once "$built"
  if [[ -z ${CHATD_BUILT:-} ]]; then
    test_that "it is installed, upgraded, and removed without its data" installs_without_a_service "$built"
  fi
  if [[ $EUID -eq 0 ]] && unshare -m true 2>/dev/null; then
    local status=0
    unshare -m --propagation private bash "$root/tests/install-service.sh" "$built" >"$scratch/service.log" || status=1
    cat "$scratch/service.log"
    passed=$((passed + $(grep -c '^ok' "$scratch/service.log" || true)))
    local refused
    refused=$(grep -c '^not ok' "$scratch/service.log" || true)
    failed=$((failed + refused))
    # It may also have ended before it came to its tests.
    if [[ $status -ne 0 && $refused -eq 0 ]]; then
      echo "not ok - the service's tests came to their end"
      failed=$((failed + 1))
    fi
  else
    echo "# this takes root and mount namespaces: the service was NOT tested"
  fi
}

# Figures go past a log, where tests/run writes one.
{ : >&3; } 2>/dev/null || exec 3>&1
scratch=$(mktemp -d "${TMPDIR:-/tmp}/chatd-install-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  case ${1:-} in
    words | whole) "$1" ;;
    *) echo "tests/install.sh words, or tests/install.sh whole" >&2 && exit 2 ;;
  esac
  echo "# pass $passed"
  echo "# fail $failed"
  [[ $failed -eq 0 ]]
fi
