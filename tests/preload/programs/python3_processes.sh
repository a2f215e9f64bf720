# CPython's own tests of multiprocessing: fork, spawn and the fork server, with threads about.
limit=400
python=/usr/bin/python3

need() {
	[ -x $python ] || { echo "no $python"; return 1; }
	$python -c 'import test._test_multiprocessing' 2>/dev/null ||
		{ echo "no libpython3-testsuite"; return 1; }
	[ -w /dev/shm ] || { echo "no /dev/shm"; return 1; }
}

tests() { $python -m test -u none "$@"; }

# The tests of pools, queues, shared memory and locks; the rest is mostly waiting, or wants a host
# name that resolves.
run() {
	set -- -m '*SharedMemory*' -m '*Semaphore*' -m '*Array*' -m '*Heap*' \
		-m '*Finalize*'
	tests test_multiprocessing_main_handling
	tests "$@" -m '*Pool*' -m '*Queue*' -m '*Fork*' test_multiprocessing_fork
	tests "$@" test_multiprocessing_spawn
}

# Besides times: the tracker of shared memory loses a race with itself now and then, on any malloc.
filter() {
	sed -E 's/^([0-9]+:){2}[0-9]+ (load avg: [0-9.]+ )?//; s/ in [0-9.]+ (ms|sec|min).*//; / passed$/d
		/^Total duration/d; /^Duration/d; /still running/d; s/test_python_[^ ]*//
		/^Traceback/d; /resource_tracker/d; /cache\[rtype\]/d; /^KeyError: .\/psm_/d
		s/ \([0-9.]+ (ms|sec|s)\)//; s/ ?[0-9]+ (min|sec|ms)( [0-9.]+ (sec|ms))?$//'
}

trace() { tests -m '*QueueTest*' test_multiprocessing_spawn; }
