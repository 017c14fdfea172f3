#!/bin/sh
# Makes sure that the browser tests have a Chromium: root on Debian gets it installed, others are told how.
set -eu
for name in ${WALLBOARD_CHROMIUM:-} chromium chromium-browser google-chrome; do
    if command -v "$name" >/dev/null 2>&1; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq
    apt-get install -y -qq chromium fonts-dejavu-core >/dev/null
    exit 0
fi
echo "The browser tests need Chromium: apt-get install chromium (or name one in WALLBOARD_CHROMIUM)" >&2
exit 1
