# What the container must do for its users, sourced twice by whatever runs it: with PHASE=write in the first container,
# with PHASE=read in a second one on the same volume. It is given
#   E ...             the container engine's command line          $C   the running container
#   http PATH ...     curl to the API, with more of curl's options $VOL, $PORT, $HARD (array): how it was run
#   ok, bad, is       report a check: is WHAT GOT WANTED
# shellcheck shell=bash disable=SC2154

sample=$(dirname "${BASH_SOURCE[0]}")/../samples/bracket.step

api() { http "$@" -H "Authorization: Bearer $token"; }
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
status_of() { E inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1"; }
ends() { for _ in $(seq 240); do [[ $(status_of "$1") == exited* ]] && return; sleep 0.5; done; }
every_uid() { E exec -u 10001 "$1" sh -c 'cat /proc/[0-9]*/status' | awk '/^Uid:/ {print $2, $3, $4, $5}' | sort -u; }

# The container that must not run, or only for a moment. NAME WANTED-STATUS WANTED-WORDS ENGINE-OPTIONS...
refuses() {
    local name=$1 wanted=$2 words=$3 said
    shift 3
    E rm -fv "$C-$name" > /dev/null 2>&1
    E run -d --name "$C-$name" "${HARD[@]}" "$@" "$image" > /dev/null
    ends "$C-$name"
    is "$name: how it ends" "$(status_of "$C-$name")" "exited $wanted"
    said=$(E logs "$C-$name" 2>&1)
    [[ $said == *"$words"* ]] && ok "$name: says why" || bad "$name: says '$said'"
    E rm -fv "$C-$name" > /dev/null
}

image=$(E inspect -f '{{.Config.Image}}' "$C")
token=$(E exec "$C" cat "$VOL/admin-token")
for _ in $(seq 60); do [ "$(http /readyz -o /dev/null -w '%{http_code}')" = 200 ] && break; sleep 0.5; done
is "/readyz" "$(http /readyz -o /dev/null -w '%{http_code}')" 200

if [ "$PHASE" = write ]; then
    is "users of all processes" "$(every_uid "$C")" "10001 10001 10001 10001"
    model=$(api "/api/models?name=bracket.step" --data-binary "@$sample" | field id)
    review=$(api "/api/models/$model/dfm/review-v2" -m 60 -X POST)
    is "a review works" "$(field schema <<< "$review")" rapiddraft.review/1
    run=$(api "/api/models/$model/analysis-runs" | python3 -c 'import json, sys; print(json.load(sys.stdin)["items"][0]["id"])')
    is "files written outside the volume" "$(E diff "$C" | grep -vE '^[AC] (/dev|/proc|/sys|/run|/tmp|'"$VOL"')(/|$)')" ""
    # Stopped with work under way: the second container must finish it.
    jobs=
    for number in 1 2 3 4 5 6; do
        model_of_job=$(sed "1a /* copy $number */" "$sample" | api "/api/models?name=copy-$number.step" --data-binary @- | field id)
        jobs+=" $(api "/api/models/$model_of_job/dfm/review-v2" -X POST -H 'Prefer: respond-async' | field id)"
    done
else
    is "the review is there in a new container" "$(api "/api/models/$model/analysis-runs/$run" | field schema)" rapiddraft.review/1
    states=
    for job in $jobs; do
        for _ in $(seq 120); do
            state=$(api "/api/jobs/$job" | field state)
            [[ $state == succeeded || $state == failed || $state == dead ]] && break
            sleep 0.5
        done
        states+=" $state"
    done
    is "jobs that the stop interrupted" "$states" " succeeded succeeded succeeded succeeded succeeded succeeded"

    refuses as-root 1 "does not run as root" --user 0
    E rm -fv "$C-prepare" > /dev/null 2>&1
    E volume rm "$C-roots" > /dev/null 2>&1
    E run --rm --user 0 --entrypoint sh -v "$C-roots:$VOL" "$image" -c "chown -R 0:0 $VOL && chmod 700 $VOL && touch $VOL/before"
    refuses not-writable 1 "cannot be written to" -v "$C-roots:$VOL"
    refuses cannot-boot 1 "cannot run; stopping all" -e RAPIDDRAFT_UVICORN_WORKERS=none

    E run -d --name "$C-prepare" "${HARD[@]}" --cap-add CHOWN --cap-add DAC_READ_SEARCH --cap-add SETUID --cap-add SETGID \
        --user 0 -e PREPARE_DIRS=1 -v "$C-roots:$VOL" "$image" > /dev/null
    for _ in $(seq 120); do [ "$(E inspect -f '{{.State.Health.Status}}' "$C-prepare")" = healthy ] && break; sleep 0.5; done
    is "PREPARE_DIRS=1: health" "$(E inspect -f '{{.State.Health.Status}}' "$C-prepare")" healthy
    is "PREPARE_DIRS=1: users of all processes" "$(every_uid "$C-prepare")" "10001 10001 10001 10001"
    is "PREPARE_DIRS=1: capabilities of process 1" "$(E exec "$C-prepare" sed -n 's/^CapEff:\t//p' /proc/1/status)" 0000000000000000
    is "PREPARE_DIRS=1: owner of what was there" "$(E exec "$C-prepare" stat -c %u "$VOL/before")" 10001
    E rm -fv "$C-prepare" > /dev/null
    E volume rm "$C-roots" > /dev/null
fi
