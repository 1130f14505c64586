#!/usr/bin/env bash
# Proves that the real `sam local invoke` runs the built functions in containers,
# with every file in events/.
#
#   tools/sam-local.sh PYTHON BUILD_DIRECTORY
#
# The container engine that runs is used. Where none runs, but dockerd is
# installed and the caller is root, one of its own is started for the time being:
# in a directory of its own, without touching the machine's packet filter, so
# that its containers reach nothing but this machine.
#
# Lambda's base image comes from AWS's public registry. Where that cannot be
# reached, the engine started here gets a stand-in made of this machine's own shell
# and C library: it shows as much about SAM and the function, but nothing about
# Amazon Linux.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly python=$1 built=$2
readonly image='public.ecr.aws/lambda/provided:al2023-x86_64'
# Credentials go into the container, so they are never the caller's.
export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=eu-central-1
export SAM_CLI_TELEMETRY=0

work=$(mktemp -d)
engine_pid=

main() {
    trap clean_up EXIT
    docker info >/dev/null 2>&1 || start_engine
    docker image inspect "$image" >/dev/null 2>&1 || get_image
    "$python" tools/sam_local.py "$built"
}

fail() {
    echo "sam-local: $*" >&2
    exit 1
}

start_engine() {
    command -v dockerd >/dev/null || fail 'no container engine runs; on Debian: apt-get install docker.io'
    [[ $EUID == 0 ]] || fail 'no container engine runs, and only root can start one'
    [[ ! -e /sys/class/net/docker0 ]] || fail 'no container engine answers, but there is a docker0 network: is one stopping?'
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
    fail 'the container engine did not start'
}

clean_up() {
    if [[ -n $engine_pid ]]; then
        kill "$engine_pid" 2>/dev/null || true
        wait "$engine_pid" || true
        ip link delete docker0
    fi
    rm -rf "$work"
}

get_image() {
    timeout 300 docker pull --quiet "$image" && return
    [[ -n $engine_pid ]] || fail "$image cannot be pulled"
    make_image
}

# What SAM and the function need of the base image: a C library, and sh, mv and
# chmod, with which SAM adds its runtime interface emulator.
make_image() {
    echo "Making a stand-in for $image"
    local root=$work/root
    mkdir -p "$root"/{bin,tmp,proc,sys,dev,opt,var/task,var/rapid}
    chmod 1777 "$root/tmp"
    cp -L "$(command -v sh)" "$(command -v mv)" "$(command -v chmod)" "$root/bin"
    libraries "$root"/bin/* "$built/HelloWorldFunction/bootstrap" | xargs cp -L --parents -t "$root"
    tar -C "$root" -c . | docker import --platform linux/amd64 \
        --change 'WORKDIR /var/task' --change 'ENV LAMBDA_TASK_ROOT=/var/task PATH=/bin' \
        - "$image" >/dev/null
}

libraries() {
    ldd "$@" | grep -o '/[^ :]*\.so[^ :]*' | sort -u
}

main
