#!/bin/sh
# Publishes and removes TXT values with nsupdate for the clients that call a hook: no checks, no waiting.
# dehydrated calls it with several (domain, token, value) at once, uacme with one.
set -eu
change() { echo "update $1 _acme-challenge.$2. $3"; }
send() { { echo "server $BENCH_SERVER"; cat; echo send; } | nsupdate -y "$BENCH_KEY"; }
case "$1" in
  begin | done | failed) # uacme: METHOD TYPE IDENT TOKEN AUTH
    [ "$2" = dns-01 ] || exit 1
    name=${3#\*.}
    if [ "$1" = begin ]; then change add "$name" "60 IN TXT \"$5\""; else change delete "$name" "TXT \"$5\""; fi | send
    ;;
  deploy_challenge | clean_challenge) # dehydrated, HOOK_CHAIN=yes
    what=$1
    shift
    while [ $# -ge 3 ]; do
      if [ "$what" = deploy_challenge ]; then change add "$1" "60 IN TXT \"$3\""; else change delete "$1" "TXT \"$3\""; fi
      shift 3
    done | send
    ;;
esac
