# shellcheck shell=bash
# Sourced by the developer commands: brings a fresh Debian or Ubuntu to where they can run, and says so first.
#
#   slipway_tools run|dev   .venv with requirements.txt (run) or requirements-dev.txt (dev), as the calling user
#   slipway_hosts "$@"      podman and mmdebstrap; the command starts again as root, under bin/lib/cgroup2
#   slipway_exec COMMAND    becomes COMMAND; what root wrote under sudo goes back to the checkout's owner
#
# A second start does nothing but compare a stamp. `run` is what macOS needs as well: Bash 3.2, no GNU tools, no flock.

slipway_command=$(readlink -f "$0")
slipway_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export PATH="$slipway_root/.venv/bin:$PATH:/usr/sbin:/sbin"
# Ansible refuses to start in a locale that is not UTF-8 or that the machine lacks.
if [ "$(uname)" = Darwin ]; then export LC_ALL=en_US.UTF-8; else export LC_ALL=C.UTF-8; fi
export MOLECULE_GLOB='molecule/*/molecule.yml'
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then # holds a company's own authority too; pip's and uv's bundles don't
  export SSL_CERT_FILE=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
  export PIP_CERT=${PIP_CERT:-$SSL_CERT_FILE}
fi
cd "$slipway_root" || exit

slipway_say() { echo "slipway: $*" >&2; }
slipway_die() { slipway_say "$@"; exit 1; }

slipway_as_root() {
  if [ "$EUID" = 0 ]; then "$@"; else sudo "$@"; fi
}

slipway_apt() { # PACKAGE...: install them, without recommended ones
  local log status=0
  command -v apt-get >/dev/null || slipway_die "needs $* (Debian's names), and this machine has no apt-get: install them."
  [ "$EUID" = 0 ] || command -v sudo >/dev/null ||
    slipway_die "this machine lacks $*. Install them as root: apt-get install --no-install-recommends $*"
  slipway_say "this machine lacks $* (APT packages): installing them with apt-get"
  log=$(mktemp)
  { slipway_as_root apt-get update -qq &&
    slipway_as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "$@"; } >"$log" 2>&1 </dev/null || status=$?
  [ "$status" = 0 ] || { tail -n 30 "$log" >&2; slipway_die "apt-get could not install them (see above)."; }
  rm -f "$log"
}

slipway_find_python() { # TEST: print the first Python >= 3.11 that passes the Python statement TEST
  local python
  for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3{,.13,.12,.11}; do
    # A command that exists may still not run (a version manager's shim), so each is tried.
    if "$python" -c "import sys; assert sys.version_info >= (3, 11); $1" >/dev/null 2>&1; then
      "$python" -c 'import sys; print(sys.executable)'
      return
    fi
  done
  return 1
}

slipway_python() { # print a Python that can make virtual environments, installing its venv package if need be
  local python
  if ! python=$(slipway_find_python 'import venv, ensurepip'); then
    python=$(PATH=/usr/bin:/bin slipway_find_python '') ||
      slipway_die "needs Python 3.11 or newer, and this machine has none: install it (python3.11 or newer) and try again."
    slipway_apt "$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')"
  fi
  echo "$python"
}

slipway_place() { echo "$slipway_root $(readlink -f .venv/bin/python)"; } # where one of them moves, .venv breaks
slipway_locks() { cat requirements.txt requirements-dev.txt | cksum | tr ' ' -; }

slipway_tools_state() { # PROFILE: print "ready PROFILE", "sync PROFILE" or "build PROFILE"
  local place='' had='' locks='' profile=$1
  [ ! -r .venv/slipway.stamp ] || { read -r place && read -r had && read -r locks; } <.venv/slipway.stamp || true
  [ "$had" != dev ] || profile=dev # never take a developer's tools away
  if [ ! -x .venv/bin/python ] || [ "$place" != "$(slipway_place)" ]; then
    echo "build $profile"
  elif [ "$had $locks" != "$profile $(slipway_locks)" ]; then
    echo "sync $profile"
  else
    echo "ready $profile"
  fi
}

slipway_index() { # uv does not read pip's settings, where a company's package index is usually named
  local index
  index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(.venv/bin/pip config get global.index-url 2>/dev/null || true)}}
  [ -z "$index" ] || export UV_DEFAULT_INDEX=$index
}

slipway_tools() { # run|dev
  local state profile lock=requirements.txt python
  [ -z "${SLIPWAY_READY:-}" ] || return 0
  read -r state profile < <(slipway_tools_state "$1")
  [ "$state" != ready ] || return 0

  mkdir -p .slipway
  exec 8>.slipway/venv.lock
  ! command -v flock >/dev/null || flock 8 # two commands started at once must not make one environment twice
  read -r state profile < <(slipway_tools_state "$1")
  [ "$profile" != dev ] || lock=requirements-dev.txt
  if [ "$state" = build ]; then
    python=$(slipway_python)
    slipway_say "making .venv with $python and the tools pinned in $lock (once, about half a minute)"
    "$python" -m venv --clear .venv
    awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' "$lock" |
      .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement /dev/stdin
  fi
  if [ "$state" != ready ]; then
    [ "$state" = build ] || slipway_say "bringing .venv to the tools pinned in $lock"
    slipway_index
    .venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes "$lock"
    # Python keeps what it compiles, unless that is set: then each run of Ansible would compile all of it, half a second.
    if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
      .venv/bin/python -m compileall -q -j 0 -x /ansible_collections/ .venv/lib || true # there are templates of files in it
    fi
    printf '%s\n' "$(slipway_place)" "$profile" "$(slipway_locks)" >.venv/slipway.stamp
  fi
  exec 8>&-
}

slipway_hosts() { # "$@" of the command, which starts again from its top
  [ -z "${SLIPWAY_READY:-}" ] || return 0
  local pair packages missing=()
  # Debian 12's netavark calls iptables, later ones nft; it depends on neither.
  for pair in podman:podman crun:crun iptables:iptables mmdebstrap:mmdebstrap ssh:openssh-client git:git \
    "/usr/lib/podman/netavark:netavark nftables" /usr/lib/podman/aardvark-dns:aardvark-dns \
    /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring; do
    read -ra packages <<<"${pair#*:}"
    [ -e "${pair%:*}" ] || command -v "${pair%:*}" >/dev/null || missing+=("${packages[@]}")
  done
  [ "${#missing[@]}" = 0 ] || slipway_apt "${missing[@]}"
  export SLIPWAY_READY=1
  [ "$EUID" != 0 ] || exec bin/lib/cgroup2 "$slipway_command" "$@"
  command -v sudo >/dev/null || slipway_die "podman's systemd hosts need root: run this as root (there is no sudo here)."
  slipway_say "podman's systemd hosts need root: going on through sudo"
  # -H: what ansible keeps in the home folder would become unreadable for the user.
  exec sudo -E -H bin/lib/cgroup2 "$slipway_command" "$@"
}

slipway_exec() { # COMMAND [ARG ...]
  [ -n "${SUDO_UID:-}" ] && [ "$(stat -c %u "$slipway_root")" = "$SUDO_UID" ] || exec "$@"
  # shellcheck disable=SC2153  # sudo sets both
  trap 'chown --from=0 -hR "$SUDO_UID:${SUDO_GID:?}" "$slipway_root"' EXIT
  "$@"
}
