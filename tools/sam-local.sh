#!/usr/bin/env bash
# Runs the built functions in containers with `sam local invoke` and every file in
# events/.
#
#   tools/sam-local.sh PYTHON BUILD_DIRECTORY
#
# The script uses the running container engine. If none runs, dockerd is installed
# and the caller is root, the script starts a temporary engine with its own
# directory. That engine leaves the packet filter of the machine unchanged, so its
# containers can reach this machine only.
#
# Lambda's base image comes from the public registry of AWS. If the registry is
# unreachable, the temporary engine gets a substitute that contains the shell and
# the C library of this machine. The substitute tests SAM and the functions, but not
# Amazon Linux.
#
# Exits with 3 if there is no container engine and none can be started.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly python=$1 built=$2
readonly image='public.ecr.aws/lambda/provided:al2023-x86_64'
# SAM passes credentials to the container, so these replace the caller's.
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=eu-central-1
export SAM_CLI_TELEMETRY=0

work=$(mktemp -d)
engine_pid=

main() {
    trap clean_up EXIT
    docker info >/dev/null 2>&1 || start_engine
    docker image inspect "$image" >/dev/null 2>&1 || provide_image
    "$python" tools/sam_local.py "$built"
}

fail() {
    echo "sam-local: $*" >&2
    exit 1
}

fail_without_engine() {
    echo "sam-local: $*" >&2
    exit 3
}

start_engine() {
    command -v dockerd >/dev/null ||
        fail_without_engine 'no container engine is running; on Debian: apt-get install docker.io'
    [[ $EUID == 0 ]] || fail_without_engine 'no container engine is running, and only root can start one'
    [[ ! -e /sys/class/net/docker0 ]] || fail_without_engine 'the network docker0 exists, but no container engine responds: wait until it has stopped'
    echo 'Starting a container engine'
    export DOCKER_HOST=unix://$work/docker.sock
    dockerd --host "$DOCKER_HOST" --pidfile "$work/docker.pid" \
        --data-root "$work/data" --exec-root "$work/exec" \
        --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false \
        >"$work/dockerd.log" 2>&1 </dev/null &
    engine_pid=$!
    for _ in {1..120}; do
        docker info >/dev/null 2>&1 && return
        kill -0 "$engine_pid" 2>/dev/null || break
        sleep 0.25
    done
    tail -n 20 "$work/dockerd.log" >&2
    fail_without_engine 'the container engine did not start'
}

clean_up() {
    if [[ -n $engine_pid ]]; then
        kill "$engine_pid" 2>/dev/null || true
        wait "$engine_pid" || true
        ip link delete docker0 2>/dev/null || true
    fi
    rm -rf "$work"
}

provide_image() {
    timeout 300 docker pull --quiet "$image" && return
    [[ -n $engine_pid ]] || fail "cannot pull $image"
    build_substitute_image
}

# Builds an image with the files that SAM needs: sh, mv and chmod, with which it adds its
# runtime interface emulator, and their libraries. The functions are linked statically.
build_substitute_image() {
    echo "Building a substitute for $image"
    local root=$work/root
    mkdir -p "$root"/{bin,tmp,proc,sys,dev,opt,var/task,var/rapid}
    chmod 1777 "$root/tmp"
    cp -L "$(command -v sh)" "$(command -v mv)" "$(command -v chmod)" "$root/bin"
    list_libraries "$root"/bin/* | xargs cp -L --parents -t "$root"
    tar -C "$root" -c . | docker import --platform linux/amd64 \
        --change 'WORKDIR /var/task' --change 'ENV LAMBDA_TASK_ROOT=/var/task PATH=/bin' \
        - "$image" >/dev/null
}

list_libraries() {
    ldd "$@" | grep -o '/[^ :]*\.so[^ :]*' | sort -u
}

main
