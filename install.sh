#!/bin/sh
# Builds chatd from this checkout as one static binary and installs it; again, to upgrade. "--help" says more.
set -eu

usage() {
  cat <<'END'
Usage: ./install.sh [--service] [--uninstall [--purge]]

Builds chatd from this checkout as one static binary, with its web UI, and installs it to /usr/local/bin,
or, without root, to ~/.local/bin. What the build needs and the machine lacks is installed by the system's
package manager, and said. Run it again to upgrade: data is never touched.

  --service    as root: also a system user "chatd", /etc/chatd/config.toml, /var/lib/chatd for the data, and
               a systemd service that is started, now and with the machine
  --uninstall  removes the binary and the service; the configuration, the data and the user stay
  --purge      with --uninstall: removes these, too
  --help       this text

PREFIX=/opt/chatd ./install.sh installs to /opt/chatd/bin instead.
END
}

say() { printf 'install.sh: %s\n' "$*" >&2; }
fail() { say "$*" && exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }

config=/etc/chatd/config.toml
data=/var/lib/chatd
unit=/etc/systemd/system/chatd.service

# ---- what the build needs --------------------------------------------------------------------------------------------

# Runs the system's package manager for what each calls these: apt, dnf, apk and pacman packages, in this order.
install_package() {
  what=$1
  shift
  if has apt-get; then
    set -- "$1" "apt-get install -y --no-install-recommends"
  elif has dnf; then
    set -- "$2" "dnf install -y"
  elif has apk; then
    set -- "$3" "apk add"
  elif has pacman; then
    set -- "$4" "pacman -S --noconfirm --needed"
  else
    fail "$what is missing, and there is no apt-get, dnf, apk or pacman: please install it"
  fi
  sudo=
  if ! is_root; then
    has sudo || fail "$what is missing: please have root run \"$2 $1\""
    sudo=sudo
  fi
  say "$what is missing; installing it: $sudo $2 $1"
  if has apt-get; then $sudo apt-get update >/dev/null; fi
  # The words of both are meant to be split.
  # shellcheck disable=SC2086
  $sudo $2 $1 >&2
}

need_rust() {
  if ! has cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH=$HOME/.cargo/bin:$PATH; fi
  has cargo || fail "Rust is missing: install it from https://rustup.rs, and run this again"
  [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] && return
  has rustup || fail "Rust has no $target and there is no rustup to add it: install Rust from https://rustup.rs"
  say "adding the Rust target $target"
  rustup target add "$target" >&2
}

need_tools() {
  has cc || install_package "a C compiler" "gcc libc6-dev" "gcc" "build-base" "gcc"
  if [ "$(rustc -vV | sed -n 's/^host: //p')" != "$target" ]; then
    has musl-gcc || install_package "a C compiler for musl" "musl-tools" "musl-gcc" "musl-dev" "musl"
  fi
  has node || install_package "Node.js" "nodejs" "nodejs" "nodejs" "nodejs"
  has npm || install_package "npm" "npm" "npm" "npm" "npm"
  major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  [ "$major" -ge 18 ] || fail "Node.js is $(node --version), and the web UI takes 18 or later: please install a newer one"
}

# ---- building and installing -----------------------------------------------------------------------------------------

build() {
  case $(uname -m) in
    x86_64 | amd64) target=x86_64-unknown-linux-musl ;;
    aarch64 | arm64) target=aarch64-unknown-linux-musl ;;
    *) fail "there is no static build for $(uname -m), only for x86_64 and aarch64; \"cargo install --locked --path .\" makes another" ;;
  esac
  need_rust
  need_tools
  say "building chatd for $target, which takes some minutes"
  if has musl-gcc; then
    variable=CC_$(printf '%s' "$target" | tr - _)
    eval "export $variable=\${$variable:-musl-gcc}"
  fi
  # Without the web UI it is not built at all.
  (cd "$root" && CHATD_REQUIRE_UI=1 cargo build --release --locked --target "$target" >&2)
  built=${CARGO_TARGET_DIR:-$root/target}/$target/release/chatd
  case $(ldd "$built" 2>&1 || true) in
    *"statically linked"* | *"not a dynamic executable"* | *"Not a valid dynamic program"*) ;;
    *) fail "what was built is not static; nothing was installed" ;;
  esac
}

install_binary() {
  mkdir -p "$bin"
  # What runs goes on with the old one until it is started again.
  cp "$built" "$bin/chatd.new"
  chmod 755 "$bin/chatd.new"
  mv -f "$bin/chatd.new" "$bin/chatd"
  say "installed $("$bin/chatd" --version) to $bin/chatd"
  case :$PATH: in
    *:"$bin":*) ;;
    *) say "$bin is not on your PATH: add it, or run $bin/chatd" ;;
  esac
}

# ---- the service -----------------------------------------------------------------------------------------------------

write_unit() {
  cat >"$unit" <<END
[Unit]
Description=chatd, a chat server
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart=$bin/chatd serve --config $config
ExecReload=/bin/kill -HUP \$MAINPID
Restart=on-failure
RestartSec=1
TimeoutStopSec=15
User=chatd
Group=chatd
StateDirectory=chatd
StateDirectoryMode=0700
WorkingDirectory=$data
UMask=0077
LimitNOFILE=65536

# It may listen on ports below 1024, and nothing else that others may not.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
PrivateDevices=yes
PrivateMounts=yes
PrivateTmp=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
END
}

install_service() {
  if ! id chatd >/dev/null 2>&1; then
    if has useradd; then
      useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin chatd
    else
      addgroup -S chatd && adduser -S -D -H -h "$data" -s /sbin/nologin -G chatd chatd
    fi
    say "made the system user chatd"
  fi
  mkdir -p "$(dirname "$config")" "$data" "$(dirname "$unit")"
  chown chatd:chatd "$data"
  chmod 700 "$data"
  if [ ! -e "$config" ]; then
    "$bin/chatd" config default | sed "s|^dir = .*|dir = \"$data\"|" >"$config"
    chown root:chatd "$config"
    chmod 640 "$config"
    say "wrote $config; it says what can be set"
  fi
  "$bin/chatd" config check --config "$config" || fail "the service was not started: mend $config and run this again"
  write_unit
  if [ ! -d /run/systemd/system ]; then
    say "wrote $unit; systemd does not run here, so nothing was started"
    return
  fi
  systemctl daemon-reload
  systemctl enable --quiet chatd
  systemctl restart chatd
  say "chatd runs, now and with the machine; its log, and the link that makes the first admin: journalctl -u chatd"
}

uninstall() {
  if [ -e "$unit" ] && is_root; then
    if [ -d /run/systemd/system ]; then systemctl disable --now --quiet chatd || true; fi
    rm -f "$unit"
    if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
    say "removed $unit"
  fi
  if [ -e "$bin/chatd" ]; then
    rm -f "$bin/chatd"
    say "removed $bin/chatd"
  fi
  if [ "$purge" = yes ]; then
    is_root || fail "--purge removes $data and $config, which takes root"
    rm -rf "$data" "$(dirname "$config")"
    if id chatd >/dev/null 2>&1; then userdel chatd 2>/dev/null || deluser chatd; fi
    say "removed $data, $(dirname "$config") and the user chatd"
  else
    for kept in "$data" "$config"; do
      if [ -e "$kept" ]; then say "kept $kept; --purge removes it"; fi
    done
  fi
}

main() {
  service=no uninstall=no purge=no
  for argument; do
    case $argument in
      --service) service=yes ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
      --help | -h) usage && exit 0 ;;
      *) usage >&2 && fail "there is no $argument" ;;
    esac
  done
  [ "$purge" = no ] || [ "$uninstall" = yes ] || fail "--purge goes with --uninstall"
  [ "$service" = no ] || [ "$uninstall" = no ] || fail "--service and --uninstall contradict each other"
  [ "$service" = no ] || is_root || fail "--service takes root: run it with sudo"

  root=$(cd -- "$(dirname -- "$0")" && pwd)
  if is_root; then default=/usr/local; else default=$HOME/.local; fi
  bin=${PREFIX:-$default}/bin
  if [ "$uninstall" = yes ]; then
    uninstall
    exit 0
  fi
  [ -e "$root/Cargo.toml" ] || fail "there is no source of chatd in $root: run this from a checkout"
  build
  install_binary
  if [ "$service" = yes ]; then
    install_service
  else
    say "\"$bin/chatd serve\" runs it; \"$bin/chatd --help\" says more"
  fi
}

main "$@"
