#!/bin/bash
# Where memory is short or the kernel refuses: NULL and ENOMEM, the heap intact, the program goes
# on. Small stacks and locked memory.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile limits

limited() { # KIB PROGRAM...: with the library under a limit of address space from the start
	run bash -c 'ulimit -v "$1" && shift && exec env "$@"' limited "$1" LD_PRELOAD="$lib" "${@:2}"
}

sizes="30000 50000 100000 200000"
[ -z "$fast" ] || sizes=30000
for kib in $sizes; do
	limited "$kib" "$tmp/limits" exhaust
	expect "ulimit -v $kib" 0
	run_preloaded "$tmp/limits" space "$kib"
	expect "address space of $kib KiB, set when running" 0
	run_preloaded "$tmp/limits" data "$kib"
	expect "RLIMIT_DATA of $kib KiB" 0
done
# A limit of our own; one that nobody can keep to; one that is none.
for kib in $sizes; do
	run_preloaded HAKMEM_LIMIT_HARD="${kib}K" "$tmp/limits" exhaust
	expect "HAKMEM_LIMIT_HARD of $kib KiB" 0
done
run_preloaded HAKMEM_LIMIT_HARD=20M HAKMEM_CHECK=1 "$tmp/limits" exhaust
expect "HAKMEM_LIMIT_HARD of 20 MiB, checked" 0
run_preloaded HAKMEM_LIMIT_SOFT=1 "$tmp/limits" must
expect "HAKMEM_LIMIT_SOFT of one byte" 0
run_preloaded HAKMEM_LIMIT_SOFT=20M "$tmp/limits" must
expect "HAKMEM_LIMIT_SOFT of 20 MiB" 0
run_preloaded HAKMEM_LIMIT_HARD=1 /bin/true
expect "true with HAKMEM_LIMIT_HARD of one byte" 0
run_preloaded HAKMEM_LIMIT_HARD=1048576G HAKMEM_LIMIT_SOFT=1048576G "$tmp/limits" must
expect "limits of 1 PiB" 0
limited 60000 /bin/true
expect "true in 60000 KiB" 0
limited 60000 bash -c 'x=$(seq 1000); echo "${#x}"; ls / >/dev/null; exit 4'
expect "a shell and its children in 60000 KiB" 4

run_preloaded "$tmp/limits" stacks
expect "threads on the smallest stacks" 0
for kib in 0 8000 60000; do
	run_preloaded "$tmp/limits" locked $kib
	if [ "$status" = 77 ]; then left_out "locked memory, $kib KiB" "mlockall is not allowed"; else
		expect "locked memory, at most $kib KiB (0: any)" 0
	fi
done

# C++: bad_alloc, and the program goes on.
if command -v "$CXX" >/dev/null; then
	cat >"$tmp/new.cc" <<-'END'
		#include <new>
		#include <vector>
		int handled;
		int main()
		{
			std::vector<char *> v;
			int caught = 0;
			v.reserve(100000);
			for (int round = 0; round < 3; round++) {
				std::set_new_handler(round < 2 ? nullptr : +[] {
					if (++handled > 5) throw std::bad_alloc(); });
				try {
					for (;;) v.push_back(new char[v.size() % 7 ? 40000 : 3000000]);
				} catch (const std::bad_alloc &) {
					caught++;
				}
				if (round == 1 && new (std::nothrow) char[100 << 20] != nullptr) return 2;
				for (char *p : v) delete[] p;
				v.clear();
				delete new std::vector<int>(100000);
			}
			return caught == 3 && handled == 6 ? 0 : 1;
		}
	END
	$CXX -O1 -fno-builtin -o "$tmp/new" "$tmp/new.cc" || hard_error "new.cc does not compile"
	limited 80000 "$tmp/new"
	expect "operator new in 80000 KiB" 0
	run_preloaded HAKMEM_LIMIT_HARD=60M "$tmp/new"
	expect "operator new with HAKMEM_LIMIT_HARD of 60 MiB" 0
fi

inject() { # WHAT PROGRAM...
	local what=$1
	shift
	run strace -f -o "$tmp/trace" -e trace=mmap,mremap,munmap,madvise,mprotect,access \
		-e inject="$what" env LD_PRELOAD="$lib" "$@"
}

if ! command -v strace >/dev/null || ! strace -o /dev/null -e inject=mremap:error=ENOMEM true \
	2>/dev/null; then
	left_out "failing system calls" "no strace, or it may not"
	finish
fi

# From which call of mmap on is it the program's, and no longer the loader's?
inject mremap:error=EPERM:when=60000 "$tmp/limits" fail
calls_before_main() { sed '/the.program.begins/q' "$tmp/begin" | grep -c " $1("; } # NAME
cp "$tmp/trace" "$tmp/begin"
first=$(($(calls_before_main mmap) + 1))
[ "$first" -gt 5 ] || hard_error "the trace has no beginning"
step=1
[ -z "$fast" ] || step=13
for n in $(seq $first $step $((first + 39))); do
	inject mmap:error=ENOMEM:when=$n+ "$tmp/limits" fail
	expect "mmap fails from call $((n - first + 1)) on" 0
done
for n in $(seq $first $((step * 3)) $((first + 39))); do
	inject mmap:error=ENOMEM:when=$n+2 "$tmp/limits" fail
	expect "mmap fails at every second call from $((n - first + 1)) on" 0
	inject mmap:error=ENOMEM:when=$n "$tmp/limits" fail
	expect "mmap fails at call $((n - first + 1)) only" 0
done

# What an old or odd kernel refuses costs memory or time, never the block.
for refused in madvise:error=EINVAL madvise:error=ENOMEM mremap:error=ENOMEM mremap:error=EFAULT \
	mprotect:error=ENOMEM; do
	# the loader itself needs to protect what it relocated
	inject "$refused:when=$(($(calls_before_main "${refused%%:*}") + 1))+" "$tmp/limits" must
	expect "$refused" 0
done
# Where munmap fails, the process is at its limit of mappings: here NULL is an answer.
inject "munmap:error=ENOMEM:when=$(($(calls_before_main munmap) + 1))+" "$tmp/limits" fail
expect "munmap:error=ENOMEM" 0
finish
