#!/bin/bash
# Real programs under HAKMEM_CHECK=1: nothing is reported, and their output is the same.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
programs="bash coreutils git grep perl python3 sed_awk sort sqlite3 tar"
[ -z "${HM_TEST_FAST-}" ] || programs="bash sort"
# shellcheck disable=SC2086
HM_TEST_CHECKED=1 exec bash "$(dirname "$0")/run_programs.sh" $programs
