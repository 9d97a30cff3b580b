#!/bin/sh
# Runs a server for all test processes of a machine, and stops it when none of them has needed it for a while.
# usage: watchdog.sh FOLDER COMMAND...
#   FOLDER/users     each test process that uses the server holds a shared lock on it; the kernel drops the lock when the process ends
#   FOLDER/../lock   held while somebody starts or stops a server, so that nobody joins one that is about to stop
#   FOLDER/../current  names the server that new test processes join
set -u
# What whoever started the tests holds open, perhaps locked, is not held for as long as the server runs.
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
dir=$1
shift
base=$(dirname "$dir")
idle_limit=30 # seconds: longer than the pause between two packages of one `go test`, short enough not to be in anybody's way

"$@" >"$dir/log" 2>&1 &
pid=$!
trap 'kill -INT "$pid" 2>/dev/null' TERM INT

exec 8<"$base/lock"
idle=0
while kill -0 "$pid" 2>/dev/null; do
	sleep 2
	if ! flock -n -x "$dir/users" true; then
		idle=0
		continue
	fi
	idle=$((idle + 2))
	[ "$idle" -ge "$idle_limit" ] || continue
	flock -x 8
	if flock -n -x "$dir/users" true; then
		grep -q "$dir" "$base/current" 2>/dev/null && rm -f "$base/current"
		kill -INT "$pid" 2>/dev/null
		wait "$pid"
		cd / && rm -rf "$dir"
		exit 0
	fi
	flock -u 8
	idle=0
done
wait "$pid"
