# CPython's own regression tests, of what leans on malloc: objects, threads, json.
limit=300
python=/usr/bin/python3

need() {
	[ -x $python ] || { echo "no $python"; return 1; }
	$python -c 'import test.test_dict, test.test_json, test.support' 2>/dev/null ||
		{ echo "no libpython3-testsuite"; return 1; }
}

tests() {
	# -u none: no network; what depends on how much memory there is stays out by default.
	$python -m test -u none "$@"
}

run() { tests test_dict test_list test_set test_json test_bytes test_threading test_thread; }

# Times, the machine's load, and the folder that the tests work in.
filter() {
	sed -E 's/^([0-9]+:){2}[0-9]+ (load avg: [0-9.]+ )?//; s/ in [0-9.]+ (ms|sec|min).*//; / passed$/d
		/^Total duration/d; /^Duration/d; /^[0-9.]+ (ms|sec)/d; s/test_python_[^ ]*//
		s/ \([0-9.]+ (ms|sec|s)\)//; s/[0-9]+ (sec|ms)$//'
}

trace() { tests test_json; }
