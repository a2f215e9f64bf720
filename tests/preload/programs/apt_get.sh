# apt-get: what it would do, from a copy of the state, and nothing is written.
need() { have apt-get && [ -r /var/lib/dpkg/status ]; }

setup() {
	mkdir -p lists/partial cache/archives/partial
	cp /var/lib/dpkg/status status
}

apt() { # COMMAND ARGUMENT...
	"$@" -o Debug::NoLocking=1 -o Dir::Cache="$data/cache" -o Dir::Cache::pkgcache= \
		-o Dir::Cache::srcpkgcache= -o Dir::State::lists="$data/lists" \
		-o Dir::State::status="$data/status" -o Dir::State::extended_states=/dev/null
}

run() {
	apt-get --version
	apt apt-get -s -q install bash
	echo "status $?"
	apt apt-get -s -q remove perl-base | cksum
	apt apt-get -s -q autoremove | tail -n 3
	apt apt-get -s install nosuchpackage
	echo "status $?"
	apt apt-cache depends bash
	apt apt-cache dumpavail | cksum
	apt apt-cache pkgnames | sort | cksum
	apt-config dump | cksum
	dpkg-query -W | cksum
	dpkg --compare-versions 1.2~rc1 lt 1.2 && echo older
}
