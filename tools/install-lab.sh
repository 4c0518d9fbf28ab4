#!/bin/sh
# Installs the real servers and clients that the integration tests and the bench use: Debian packages, as root.
# Pebble of Debian 12 is 2.4; the newer one of Debian sid goes into a folder of its own, and nothing else is upgraded.
set -eu
packages="pebble bind9 bind9-dnsutils pdns-server pdns-backend-sqlite3 sqlite3 knot knot-dnsutils lego certbot dehydrated curl openssl zsh fish groff man-db mandoc"
[ "${1:-}" = "--bench" ] && packages="$packages python3-certbot-dns-rfc2136 uacme time iproute2"

missing=""
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed:$missing (Debian and root are needed to install them)" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # A server that a package starts by itself is of no use here, and may not be startable at all.
  # shellcheck disable=SC2086
  RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

lab="${XDG_CACHE_HOME:-$HOME/.cache}/quoin-lab"
if [ ! -x "$lab/pebble/usr/bin/pebble" ] && command -v apt-get >/dev/null; then
  mkdir -p "$lab/apt/lists/partial" "$lab/apt/cache/archives/partial" "$lab/pebble"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main" >"$lab/apt/sources.list"
  options="-o Dir::Etc::sourcelist=$lab/apt/sources.list -o Dir::Etc::sourceparts=- -o Dir::State=$lab/apt -o Dir::State::lists=$lab/apt/lists -o Dir::Cache=$lab/apt/cache -o APT::Sandbox::User=root"
  # shellcheck disable=SC2086
  if (cd "$lab" && apt-get $options update -qq && apt-get $options download -qq pebble) >/dev/null 2>"$lab/apt.log" &&
    dpkg-deb -x "$lab"/pebble_*.deb "$lab/pebble" && "$lab/pebble/usr/bin/pebble" -version >/dev/null 2>&1; then
    echo "Pebble of Debian sid: $lab/pebble/usr/bin/pebble"
  else
    rm -rf "$lab/pebble"
    echo "Pebble of Debian sid could not be had ($(tail -n 1 "$lab/apt.log")); Debian's own is used" >&2
  fi
fi
