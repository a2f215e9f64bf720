#!/bin/sh
# Makes configure and what it needs; for a checkout, not for a release.
set -e
cd "$(dirname "$0")"
exec autoreconf -fi
