# The table of bench/run.sh. Reads lines of PROGRAM ALLOCATOR SECONDS PEAK_KIB USER SYSTEM;
# the variables programs and names give the order.

function median(list, a, n, i, j, t) {
	n = split(list, a, " ")
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && a[j - 1] + 0 > a[j] + 0; j--) {
			t = a[j]; a[j] = a[j - 1]; a[j - 1] = t
		}
	least = a[1]
	most = a[n]
	return n % 2 ? a[(n + 1) / 2] : (a[n / 2] + a[n / 2 + 1]) / 2
}

function ratio(value, base) {
	return base > 0 ? sprintf("%.2f", value / base) : "-"
}

# The least median that a peer has for the program.
function best_peer(table, p, i, k, t, best) {
	best = 0
	for (i = 1; i <= nn; i++) {
		k = p SUBSEP name[i]
		if (!(k in table) || name[i] ~ /^hakmem/)
			continue
		t = median(table[k])
		best = best == 0 || t < best ? t : best
	}
	return best
}

{
	times[$1, $2] = times[$1, $2] " " $3
	peaks[$1, $2] = peaks[$1, $2] " " $4
	cpus[$1, $2] = cpus[$1, $2] " " $5 + $6
	rows++
}

END {
	if (!rows) {
		print "No results."
		exit
	}
	np = split(programs, program, " ")
	nn = split(names, name, " ")
	format = "%-18s %-12s %8s %7s %11s %8s %11s %9s %10s\n"
	printf format, "program", "allocator", "seconds", "spread", "/best peer", "cpu s",
		"/best peer", "peak MiB", "/mimalloc"
	for (p = 1; p <= np; p++) {
		best = best_peer(times, program[p])
		best_cpu = best_peer(cpus, program[p])
		k = program[p] SUBSEP "mimalloc"
		mimalloc = k in peaks ? median(peaks[k]) : 0
		for (i = 1; i <= nn; i++) {
			k = program[p] SUBSEP name[i]
			if (!(k in times))
				continue
			cpu = median(cpus[k])
			peak = median(peaks[k])
			t = median(times[k])
			spread = sprintf("%.0f %%", 100 * (most - least) / t)
			printf format, program[p], name[i], sprintf("%.3f", t), spread,
				ratio(t, best), sprintf("%.3f", cpu), ratio(cpu, best_cpu),
				sprintf("%.1f", peak / 1024), ratio(peak, mimalloc)
		}
	}
}
