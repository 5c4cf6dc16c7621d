#!/usr/bin/env bash
# `make image-test`: build the Dockerfile, run the image with everything taken from it that it does not need, and check
# it. With docker or podman where one works; with ../shared/tools/container_check.sh, which brings an engine of its own,
# where that is there; with buildah, where only that is, it is built but not run. Exit status: 0 all checks passed,
# 1 one failed, 3 nothing could be tested.
#   ENGINE=docker|podman|buildah|container_check   the one to use
#   BUILD_ARGS=...   more arguments of `build` (--secret id=pip_conf,src=... where pip needs settings)
set -uo pipefail
cd "$(dirname "$0")/.."

checker=../shared/tools/container_check.sh
here=$PWD/scripts

works() {
    case $1 in
        docker | podman) command -v "$1" > /dev/null && "$1" info > /dev/null 2>&1 ;;
        container_check) [ -x "$checker" ] && [ "$(id -u)" = 0 ] ;;
        buildah) command -v buildah > /dev/null ;;
    esac
}

engine=${ENGINE:-}
for candidate in docker podman container_check buildah; do
    [ -n "$engine" ] || ! works "$candidate" || engine=$candidate
done
if [ -z "$engine" ] || ! works "$engine"; then
    reason="none of docker, podman and buildah works here"
    [ -z "$engine" ] || reason="$engine does not work here"
    echo "NOT TESTED: the image was neither built nor run: $reason (of docker and podman, \`info\` must succeed)." >&2
    exit 3
fi
echo "engine: $engine"

if [ "$engine" = container_check ]; then
    status=0
    CC_PORT=8080 CC_VOL=/data CC_HOOK=$here/image_checks.sh "$checker" "$PWD" || status=$?
    [ "$status" != 2 ] || { echo "NOT TESTED: $checker could not do its work here, see above." >&2; exit 3; }
    exit "$status"
fi

image=rapiddraft:image-test
read -r -a build_args <<< "${BUILD_ARGS:-}"
if [ "$engine" = buildah ]; then
    buildah build --format docker -t "$image" "${build_args[@]}" . || exit 1
    echo "NOT TESTED: the image was built; buildah cannot run it as an engine would. Install docker or podman." >&2
    exit 3
fi

# The names that image_checks.sh is given.
C=rapiddraft-image-test PORT=8080 VOL=/data passed=0 failed=0
HARD=(--read-only --tmpfs "/tmp:rw,noexec,nosuid,nodev,size=64m" --cap-drop=ALL --security-opt=no-new-privileges
    --memory 1g --pids-limit 256)
E() { "$engine" "$@"; }
http() { local path=$1; shift; curl -sS -m 10 "$@" "http://$address$path"; }
ok() { passed=$((passed + 1)); echo "PASS  $*"; }
bad() { failed=$((failed + 1)); echo "FAIL  $*"; }
is() { if [ "$2" = "$3" ]; then ok "$1 ($2)"; else bad "$1: got '$2', want '$3'"; fi; }

remove() { E rm -fv "$C" > /dev/null 2>&1; }
tidy() { remove; E volume rm "$C-data" > /dev/null 2>&1; }
trap tidy EXIT

start() {
    E run -d --name "$C" "${HARD[@]}" -p "127.0.0.1::$PORT" -v "$C-data:$VOL" "$image" > /dev/null || exit 1
    address=$(E port "$C" "$PORT" | head -1)
    for _ in $(seq 120); do [ "$(health)" = healthy ] && break; sleep 0.5; done
    is "$1: health" "$(health)" healthy
    [ "$(health)" = healthy ] || E logs --tail 25 "$C"
}
health() { E inspect -f '{{.State.Health.Status}}' "$C"; }

format=()
[ "$engine" = docker ] || format=(--format docker) # the other formats know no HEALTHCHECK
E build "${format[@]}" -t "$image" "${build_args[@]}" . || exit 1
ok "image builds ($(($(E image inspect -f '{{.Size}}' "$image") / 1000000)) MB)"
tidy
start "first start"
is "root file system" "$(E exec "$C" sh -c 'touch /x 2> /dev/null && echo writable || echo read-only')" read-only
is "capabilities of process 1" "$(E exec "$C" sed -n 's/^CapEff:\t//p' /proc/1/status)" 0000000000000000
PHASE=write
# shellcheck source=scripts/image_checks.sh
. "$here/image_checks.sh"
began=$(date +%s)
E stop -t 30 "$C" > /dev/null
is "stop, in $(($(date +%s) - began)) s: exit status" "$(E inspect -f '{{.State.ExitCode}}' "$C")" 0
remove
start "second start"
PHASE=read
. "$here/image_checks.sh"
is "zombies" "$(E exec "$C" sh -c 'cat /proc/[0-9]*/stat' 2> /dev/null | grep -c ') Z ')" 0
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
