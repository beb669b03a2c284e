#!/usr/bin/env bash
# The part of tests/install.sh that changes a machine: install.sh --service, called by sudo, upgrading, refusing and
# removing. To be run as root by "unshare -m --propagation private", with the path of a static executable: Cargo, sudo
# and systemctl are stand-ins here, which write down what they are asked, and everything else is real.
set -euo pipefail

built=$1
home=/srv/builder
stand_ins=/srv/stand-ins
asked=/srv/asked
bin=/srv/prefix/bin
unit=/etc/systemd/system/chatd.service
config=/etc/chatd/config.toml
data=/var/lib/chatd

# shellcheck source=tests/install.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/install.sh"

# A machine of its own, as far as install.sh can tell. What is under test may lie in a folder that is about to be covered.
mkdir "$scratch/checkout"
cp "$script" "$root/Cargo.toml" "$scratch/checkout"
cp "$built" "$scratch/built"
cp -a /etc "$scratch/etc"
mount --bind "$scratch/etc" /etc
for folder in /var/lib /run /srv; do mount -t tmpfs -o mode=755 tmpfs "$folder"; done
rm -rf /etc/chatd "$unit"
mkdir -p "$home/.cargo/bin" "$home/chatd" "$stand_ins" /run/systemd/system
touch "$asked"
chmod 666 "$asked"
if id chatd >/dev/null 2>&1; then userdel chatd; fi
useradd --system --user-group --home-dir "$home" --shell /bin/sh chatd-builder
cp "$scratch/checkout"/* "$home/chatd"
cp "$scratch/built" /srv/built
chmod 755 /srv/built

stand_in() {
  cat >"$1"
  chmod 755 "$1"
}

stand_in "$stand_ins/sudo" <<'END'
#!/bin/sh
# sudo -u NAME -H COMMAND …
name=$2
shift 3
exec setpriv --reuid="$name" --regid="$name" --clear-groups env HOME="$(getent passwd "$name" | cut -d: -f6)" "$@"
END
stand_in "$stand_ins/systemctl" <<END
#!/bin/sh
echo "systemctl \$*" >>$asked
[ ! -e /srv/fails-\$1 ]
END
stand_in "$home/.cargo/bin/rustc" <<END
#!/bin/sh
echo /srv/sysroot
END
stand_in "$home/.cargo/bin/cargo" <<END
#!/bin/sh
echo "cargo as \$(id -un) in \$HOME" >>$asked
for target; do :; done
mkdir -p "\$CARGO_TARGET_DIR/\$target/release"
cp /srv/built "\$CARGO_TARGET_DIR/\$target/release/chatd"
END
for tool in cc musl-gcc npm; do stand_in "$stand_ins/$tool" <<<'#!/bin/sh'; done
stand_in "$stand_ins/node" <<<$'#!/bin/sh\necho v18.0.0'
mkdir -p "/srv/sysroot/lib/rustlib/$(uname -m)-unknown-linux-musl"
chown -R chatd-builder: "$home"
cd /

# install.sh as sudo runs it, with a folder for what is built if $target_dir names one.
install() {
  env -i PATH="$stand_ins:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root SUDO_USER=chatd-builder PREFIX="${bin%/bin}" \
    ${target_dir:+CARGO_TARGET_DIR="$target_dir"} sh "$home/chatd/install.sh" "$@"
}

as_chatd() { setpriv --reuid=chatd --regid=chatd --clear-groups "$@"; }
# Another executable that does the same: what stands behind a program does not change it.
new_version() { echo "$1" >>/srv/built; }
owner() { stat -c '%a %U:%G' "$1"; }
set_data_dir() { sed -i "s|^dir = .*|dir = \"$1\"|" "$config"; }

builds_as_the_caller() {
  install --service
  grep -qx "cargo as chatd-builder in $home" "$asked"
  equal "$(find "$home/chatd/target" ! -user chatd-builder)" ""
  cmp /srv/built "$bin/chatd"
  equal "$(owner "$bin/chatd")" "755 root:root"
}

makes_the_service() {
  equal "$(owner "$config")" "640 root:chatd"
  equal "$(owner "$data")" "700 chatd:chatd"
  equal "$(grep '^dir ' "$config")" "dir = \"$data\""
  grep -q "^ExecStart=$bin/chatd serve --config $config$" "$unit"
  equal "$(tail -n 1 "$asked")" "systemctl restart chatd"
  equal "$(find /etc/chatd /etc/systemd/system -name '*.new' -o -name '*.default')" ""
  as_chatd "$bin/chatd" user add ada --email ada@example.org --generate --config "$config"
}

refuses_a_wrong_configuration() {
  local before
  before=$(sha256sum "$bin/chatd")
  new_version refused
  cp -p "$config" /srv/config
  echo 'nonsense = 1' >>"$config"
  : >"$asked"
  ends 1 "nothing was replaced" install --service
  equal "$(sha256sum "$bin/chatd")" "$before"
  missing "$bin/chatd.new"
  equal "$(grep systemctl "$asked" || true)" ""
  cp -p /srv/config "$config"
  # The service's user has to be able to read it, not only root.
  chmod 600 "$config"
  ends 1 "nothing was replaced" install --service
  equal "$(sha256sum "$bin/chatd")" "$before"
  chmod 640 "$config"
}

says_how_to_go_back() {
  cp "$bin/chatd" /srv/before
  touch /srv/fails-restart
  ends 1 "mv $bin/chatd.old $bin/chatd" install --service
  ends 1 "journalctl -u chatd" install --service
  rm /srv/fails-restart
  cmp /srv/before "$bin/chatd.old"
  cmp /srv/built "$bin/chatd"
}

keeps_the_data() {
  install --service
  as_chatd "$bin/chatd" user list --config "$config" | grep ada
}

tells_of_the_service() {
  : >"$asked"
  ends 0 'until "systemctl restart chatd"' install
  ends 0 "runs another one" install_elsewhere
  equal "$(grep systemctl "$asked" || true)" ""
}

builds_where_it_is_called() {
  cd "$home"
  target_dir=here install
  cmp /srv/built "$home"/here/*/release/chatd
}

names_another_data_folder() {
  set_data_dir /srv/chat
  install --service
  grep -qx 'ReadWritePaths=/srv/chat' "$unit"
  equal "$(owner /srv/chat)" "700 chatd:chatd"
  : >"$asked"
  for hidden in /home/ada/chat "/srv/a chat" /srv/../tmp/chat; do
    set_data_dir "$hidden"
    ends 1 "data.dir in $config is \"$hidden\"" install --service
  done
  equal "$(grep systemctl "$asked" || true)" ""
  set_data_dir /srv/chat
}

stays_while_the_service_does() {
  touch /srv/fails-disable
  ends 1 "nothing was removed" install --uninstall
  rm /srv/fails-disable
  [[ -e $unit && -e $bin/chatd ]]
}

keeps_what_is_not_its_own() {
  mkdir "$data.before-20260101T000000" "$data.restoring"
  ends 0 "kept $data.before-20260101T000000" install --uninstall
  equal "$(find "$bin" -type f)" ""
  missing "$unit"
  [[ -e $config && -e $data/chatd.db ]]
  id chatd
}

purges() {
  set_data_dir /srv/chat
  install --service
  ends 0 "kept /srv/chat" install --uninstall --purge
  equal "$(find /var/lib /etc -name 'chatd*' ! -name 'chatd-builder*')" ""
  [[ -e /srv/chat ]]
  ends 1 "no such user" id chatd
}

install_elsewhere() { (bin=/srv/other/bin && install "$@"); }

test_that "with sudo it builds as the caller and installs as root" builds_as_the_caller
test_that "it makes a user, a configuration, a data folder and a unit, and starts it" makes_the_service
test_that "a configuration that the service could not use is told before anything is replaced" refuses_a_wrong_configuration
test_that "when the new one does not start it says how to go back" says_how_to_go_back
test_that "an upgrade leaves the data" keeps_the_data
test_that "without --service it says which executable the service goes on with" tells_of_the_service
test_that "a relative folder for what is built is where it is called from" builds_where_it_is_called
test_that "the unit names another data folder, and one that it would not see is refused" names_another_data_folder
test_that "a service that does not stop is told, and everything stays" stays_while_the_service_does
test_that "--uninstall keeps configuration and data, and names what restores have left" keeps_what_is_not_its_own
test_that "--purge removes everything but a data folder elsewhere" purges
[[ $failed -eq 0 ]]
