#!/bin/sh
# Makes sure that the fault tests have what they need, and a PostgreSQL: root on Debian gets it installed, others are told how.
set -eu
missing=
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need gcc gcc
need strace strace
need unshare util-linux
need mount mount
need chattr e2fsprogs
need systemd-analyze systemd
need pgbouncer pgbouncer
command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -e /usr/include/stdio.h ] || missing="$missing libc6-dev"
if [ -z "$missing" ]; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    # shellcheck disable=SC2086 - several packages
    apt-get install -y -qq $missing >/dev/null
    exit 0
fi
echo "The tests need more: apt-get install$missing" >&2
exit 1
