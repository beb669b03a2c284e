#!/bin/sh
# Builds chatd from this checkout as one static binary and installs it; again, to upgrade. "--help" says more.
set -eu

usage() {
  cat <<'END'
Usage: ./install.sh [--service] [--uninstall [--purge]] [--build] [--unit]

Builds chatd from this checkout as one static binary, with its web UI, and installs it to /usr/local/bin,
or, without root, to ~/.local/bin. What the build needs and the machine lacks is installed by the system's
package manager, and said. Run it again to upgrade: data is never touched, and the binary that was there
before is kept as chatd.old. With sudo, it builds as the user who called sudo, and only installs as root.

  --service    as root: also a system user "chatd", /etc/chatd/config.toml, /var/lib/chatd for the data, and
               a systemd service that is started, now and with the machine
  --uninstall  removes the binary and the service; the configuration, the data and the user stay
  --purge      with --uninstall: removes these, too
  --build      only builds, and prints where the binary is
  --unit       only prints the systemd unit that --service writes
  --help       this text

PREFIX=/opt/chatd ./install.sh installs to /opt/chatd/bin instead.
END
}

say() { printf 'install.sh: %s\n' "$*" >&2; }
fail() { say "$*" && exit 1; }
misused() { say "$*; --help says more" && exit 2; }
has() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" -eq 0 ]; }
has_systemd() { [ -d /run/systemd/system ]; }

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
  # sudo leaves this out of the path, and a system's own Rust may be older.
  if [ -x "$HOME/.cargo/bin/cargo" ]; then PATH=$HOME/.cargo/bin:$PATH; fi
  has cargo || fail "Rust is missing for $(id -un): install it from https://rustup.rs, and run this again"
  [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] && return
  has rustup || fail "Rust has no $target and there is no rustup to add it: install Rust from https://rustup.rs"
  say "adding the Rust target $target"
  rustup target add "$target" >&2
}

# Whether the system's own C library is musl, so that its compiler builds for it.
is_musl() { case $(ldd --version 2>&1 || true) in musl*) ;; *) false ;; esac; }

need_tools() {
  has cc || install_package "a C compiler" "gcc libc6-dev" "gcc" "build-base" "gcc"
  is_musl || has musl-gcc || install_package "a C compiler for musl" "musl-tools" "musl-gcc" "musl-dev" "musl"
  has node || install_package "Node.js" "nodejs" "nodejs" "nodejs" "nodejs"
  has npm || install_package "npm" "npm" "npm" "npm" "npm"
  major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  [ "$major" -ge 18 ] || fail "Node.js is $(node --version), and the web UI takes 18 or later: please install a newer one"
}

# ---- building --------------------------------------------------------------------------------------------------------

# Where the build will be: Cargo takes a relative folder from where it is called, and so does this.
name_target() {
  case $(uname -m) in
    x86_64 | amd64) target=x86_64-unknown-linux-musl ;;
    aarch64 | arm64) target=aarch64-unknown-linux-musl ;;
    *) fail "there is no static build for $(uname -m), only for x86_64 and aarch64; \"cargo install --locked --path .\" makes another" ;;
  esac
  target_dir=${CARGO_TARGET_DIR:-$root/target}
  case $target_dir in /*) ;; *) target_dir=$PWD/$target_dir ;; esac
  built=$target_dir/$target/release/chatd
}

build() {
  need_tools
  need_rust
  if [ -e "$target_dir" ] && [ ! -w "$target_dir" ]; then
    fail "$(id -un) cannot write to $target_dir: have root run \"chown -R $(id -un) $target_dir\", and run this again"
  fi
  say "building chatd for $target, which takes some minutes"
  if has musl-gcc; then
    variable=CC_$(printf '%s' "$target" | tr - _)
    eval "export $variable=\${$variable:-musl-gcc}"
  fi
  # Without the web UI it is not built at all.
  (cd "$root" && CARGO_TARGET_DIR=$target_dir CHATD_REQUIRE_UI=1 cargo build --release --locked --target "$target" >&2)
  case $(ldd "$built" 2>&1 || true) in
    *"statically linked"* | *"not a dynamic executable"* | *"Not a valid dynamic program"*) ;;
    *) fail "what was built is not static; nothing was installed" ;;
  esac
}

# Who called sudo and can write to the checkout: Rust is theirs, and what is built should be, too. Nobody otherwise.
name_builder() {
  is_root && has sudo && [ "${SUDO_USER:-root}" != root ] || return 0
  if sudo -u "$SUDO_USER" -H test -w "$root"; then printf '%s' "$SUDO_USER"; fi
}

build_as_caller() {
  builder=$(name_builder)
  if [ -z "$builder" ]; then
    build
    return
  fi
  # The system's packages are root's business, and the caller may not be asked again.
  need_tools
  sudo -u "$builder" -H env CARGO_TARGET_DIR="$target_dir" sh "$root/install.sh" --build >/dev/null
}

# ---- installing ------------------------------------------------------------------------------------------------------

# Puts the new binary beside the one that is there.
bring_binary() {
  mkdir -p "$bin"
  cp "$built" "$bin/chatd.new"
  chmod 755 "$bin/chatd.new"
}

# What was not put in its place is nobody's.
sweep() {
  rm -f "$bin/chatd.new"
  if [ "$service" = yes ]; then rm -f "$config.default" "$config.new" "$unit.new"; fi
}

# What runs goes on with the old one until it is started again.
install_binary() {
  if [ -e "$bin/chatd" ] && ! cmp -s "$bin/chatd" "$bin/chatd.new"; then cp -p "$bin/chatd" "$bin/chatd.old"; fi
  mv -f "$bin/chatd.new" "$bin/chatd"
  say "installed $("$bin/chatd" --version) to $bin/chatd"
  case :$PATH: in
    *:"$bin":*) ;;
    *) say "$bin is not on your PATH: add it, or run $bin/chatd" ;;
  esac
}

tell_of_service() {
  [ -e "$unit" ] || return 0
  if grep -q "^ExecStart=$bin/chatd " "$unit"; then
    say "the service goes on with the old one until \"systemctl restart chatd\""
  else
    say "the service $unit runs another one: \"sudo ./install.sh --service\" upgrades that"
  fi
}

# ---- the service -----------------------------------------------------------------------------------------------------

# A start lasts as long as the upgrade of a large database does. What is wrong with the configuration (78) or the
# command line (2) does not mend itself by trying again.
print_unit() {
  cat <<END
# install.sh writes this file again at each upgrade: change it by "systemctl edit chatd", which keeps changes apart.
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
RestartPreventExitStatus=2 78
TimeoutStartSec=infinity
TimeoutStopSec=15
User=chatd
Group=chatd
StateDirectory=chatd
StateDirectoryMode=0700
WorkingDirectory=$data
${elsewhere:+ReadWritePaths=$elsewhere
}UMask=0077
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

# Runs a command as the service's user, in its folder and without the caller's environment.
as_service() {
  (
    cd "$data"
    if has runuser; then
      runuser -u chatd -- env -i PATH="$PATH" "$@"
    else
      words=
      for word; do words="$words '$word'"; done
      su -s /bin/sh -c "env -i PATH='$PATH' $words" chatd
    fi
  )
}

make_user() {
  id chatd >/dev/null 2>&1 && return
  if has useradd; then
    useradd --system --user-group --home-dir "$data" --no-create-home --shell /usr/sbin/nologin chatd
  else
    addgroup -S chatd && adduser -S -D -H -h "$data" -s /sbin/nologin -G chatd chatd
  fi
  say "made the system user chatd"
}

make_folders() {
  mkdir -p "$(dirname "$config")" "$data" "$(dirname "$unit")"
  chown chatd:chatd "$data"
  chmod 700 "$data"
}

# It is written beside its place, so that what fails leaves none rather than half of one.
make_config() {
  [ ! -e "$config" ] || return 0
  "$bin/chatd.new" config default >"$config.default"
  sed "s|^dir = .*|dir = \"$data\"|" "$config.default" >"$config.new"
  grep -qx "dir = \"$data\"" "$config.new" || fail "the example of a configuration has no data folder; nothing was installed"
  chown root:chatd "$config.new"
  chmod 640 "$config.new"
  mv "$config.new" "$config"
  say "wrote $config; it says what can be set"
}

# The data folder that the configuration names, as the executable $1 reads it; relative, it is within $data.
data_folder() {
  as_service "$1" config show --json --config "$config" |
    sed -n '/^  "data\.dir": {$/,/^  }/s/^    "value": "\(.*\)",\{0,1\}$/\1/p'
}

# Another data folder than $data is one that the unit has to name, or nothing could be written there.
find_elsewhere() {
  elsewhere=$(data_folder "$bin/chatd.new")
  case $elsewhere in
    "") fail "$config does not say where the data is; the one that runs was left alone" ;;
    */../* | */.. | ../* | .. | *[!A-Za-z0-9/._-]*)
      fail "data.dir in $config is \"$elsewhere\", which the unit cannot name: choose a folder of plain characters and run this again; the one that runs was left alone" ;;
    "$data" | "$data"/* | [!/]*) elsewhere= ;;
    /home/* | ~root/* | /run/user/* | /tmp/* | /var/tmp/*)
      fail "data.dir in $config is \"$elsewhere\", which a hardened service does not see: choose a folder such as /srv/chat and run this again; the one that runs was left alone" ;;
    *)
      [ ! -d "$elsewhere" ] || return 0
      mkdir -p "$elsewhere"
      chown chatd:chatd "$elsewhere"
      chmod 700 "$elsewhere"
      say "made $elsewhere, the data folder that $config names"
      ;;
  esac
}

# Whatever could refuse comes before the binary is replaced.
prepare_service() {
  make_user
  make_folders
  make_config
  as_service "$bin/chatd.new" config check --config "$config" ||
    fail "nothing was replaced and the one that runs was left alone: mend $config and run this again"
  find_elsewhere
}

start_service() {
  print_unit >"$unit.new"
  mv "$unit.new" "$unit"
  if ! has_systemd; then
    say "wrote $unit; systemd does not run here, so nothing was started"
    return
  fi
  systemctl daemon-reload
  systemctl enable --quiet chatd
  say "starting the service, which takes longer if there is a large database to bring up to date"
  if ! systemctl restart chatd; then
    say "the service does not start; \"journalctl -u chatd\" says why"
    if [ -e "$bin/chatd.old" ]; then
      say "to go back: mv $bin/chatd.old $bin/chatd && systemctl restart chatd; should the database be up to date" \
        "already, it is in ${elsewhere:-$data}/backups as it was before, and README says under \"Backups\" how to put it back"
    fi
    exit 1
  fi
  say "chatd runs, now and with the machine; its log, and the link that makes the first admin: journalctl -u chatd"
}

# ---- removing --------------------------------------------------------------------------------------------------------

# What restores have left beside the data folder.
left_by_restores() {
  for left in "$data".before-* "$data".restoring; do
    if [ -e "$left" ]; then printf '%s\n' "$left"; fi
  done
}

remove_service() {
  [ -e "$unit" ] && is_root || return 0
  if has_systemd; then
    systemctl disable --now --quiet chatd ||
      fail "the service does not stop, so nothing was removed: \"systemctl status chatd\" says more"
  fi
  rm -f "$unit"
  if has_systemd; then systemctl daemon-reload; fi
  say "removed $unit"
}

remove_binary() {
  for one in "$bin/chatd" "$bin/chatd.old" "$bin/chatd.new"; do
    [ -e "$one" ] || continue
    rm -f "$one"
    say "removed $one"
  done
}

purge() {
  changes=$unit.d
  left_by_restores | while read -r left; do
    rm -rf "$left"
    say "removed $left"
  done
  rm -rf "$data" "$(dirname "$config")" "$changes"
  if id chatd >/dev/null 2>&1; then userdel chatd 2>/dev/null || deluser chatd; fi
  say "removed $data, $(dirname "$config") and the user chatd"
}

uninstall() {
  elsewhere=
  if is_root && [ -e "$config" ] && [ -x "$bin/chatd" ] && id chatd >/dev/null 2>&1 && [ -d "$data" ]; then
    elsewhere=$(data_folder "$bin/chatd" 2>/dev/null || true)
    case $elsewhere in "$data" | "$data"/* | [!/]*) elsewhere= ;; esac
  fi
  remove_service
  remove_binary
  if [ "$purge" = yes ]; then
    purge
  else
    for kept in "$data" $(left_by_restores) "$config" "$unit.d"; do
      if [ -e "$kept" ]; then say "kept $kept; --purge removes it"; fi
    done
  fi
  if [ -n "$elsewhere" ]; then say "kept $elsewhere, the data folder that $config named: remove it yourself"; fi
}

main() {
  service=no uninstall=no purge=no only=
  for argument; do
    case $argument in
      --service) service=yes ;;
      --uninstall) uninstall=yes ;;
      --purge) purge=yes ;;
      --build | --unit) only=$argument ;;
      --help | -h) usage && exit 0 ;;
      *) misused "there is no $argument" ;;
    esac
  done
  [ -z "$only" ] || [ $# -eq 1 ] || misused "$only goes alone"
  [ "$purge" = no ] || [ "$uninstall" = yes ] || misused "--purge goes with --uninstall"
  [ "$service" = no ] || [ "$uninstall" = no ] || misused "--service and --uninstall contradict each other"
  [ "$service" = no ] || is_root || fail "--service takes root: run it with sudo"
  [ "$purge" = no ] || is_root || fail "--purge removes $data and $config, which takes root; nothing was removed"

  root=$(cd -- "$(dirname -- "$0")" && pwd)
  if is_root; then default=/usr/local; else default=$HOME/.local; fi
  bin=${PREFIX:-$default}/bin
  case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
  elsewhere=
  if [ "$only" = --unit ]; then
    print_unit
    exit 0
  fi
  if [ "$uninstall" = yes ]; then
    uninstall
    exit 0
  fi
  [ -e "$root/Cargo.toml" ] || fail "there is no source of chatd in $root: run this from a checkout"
  if [ "$service" = yes ]; then
    case $bin in
      *[!A-Za-z0-9/._-]* | /home/* | ~root/* | /run/user/* | /tmp/* | /var/tmp/*)
        fail "PREFIX puts the binary into $bin, where a hardened service cannot run it: choose a folder such as /opt/chatd" ;;
    esac
  fi
  name_target
  if [ "$only" = --build ]; then
    build
    printf '%s\n' "$built"
    exit 0
  fi
  # The service's user has to get at what root makes here.
  umask 022
  trap sweep EXIT
  build_as_caller
  bring_binary
  if [ "$service" = no ]; then
    install_binary
    tell_of_service
    say "\"$bin/chatd serve\" runs it; \"$bin/chatd --help\" says more"
    return
  fi
  prepare_service
  install_binary
  start_service
}

main "$@"
