# redis-server on a port of its own, and redis-benchmark against it.
need() { have redis-server && have redis-benchmark && have redis-cli; }

answers() { [ "$(redis-cli -p "$port" ping 2>&1)" = PONG ]; }

# A port that nothing answers on; the server then says itself if it is taken.
start() {
	local i
	port=$((20000 + RANDOM % 10000))
	redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --daemonize no \
		--logfile "$PWD/log" --dir "$PWD" --io-threads 2 --lazyfree-lazy-user-del yes &
	server=$!
	for i in $(seq 100); do
		! answers || return 0
		kill -0 $server 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

run() {
	local server port n
	for n in 1 2 3; do ! start || break; done
	answers || { echo "the server does not answer"; cat log; kill -9 $server; return 1; }
	redis-benchmark -h 127.0.0.1 -p "$port" -n 20000 -r 5000 -P 16 -c 20 -d 100 -q \
		-t set,lpush,rpop,sadd,hset,zadd
	redis-cli -p "$port" flushall
	for n in $(seq 200); do
		echo "SET key$n $(printf '%0*d' $((n * 7)) $n)"
		echo "APPEND key$((n % 10)) more"
		echo "RPUSH list$((n % 5)) a$n b$n c$n"
		echo "HSET hash f$n $n"
		echo "EXPIRE key$n 1000"
	done | redis-cli -p "$port" | sort | uniq -c
	redis-cli -p "$port" debug digest 2>&1 | grep -v '^ERR' # newer ones refuse it
	redis-cli -p "$port" dbsize
	redis-cli -p "$port" strlen key150
	redis-cli -p "$port" lrange list3 0 5
	redis-cli -p "$port" save
	redis-cli -p "$port" eval 'local t = {} for i = 1, 10000 do t[i] = "x" .. i end return #t' 0
	redis-cli -p "$port" unlink hash list1
	redis-cli -p "$port" memory purge
	redis-cli -p "$port" bgrewriteaof
	redis-cli -p "$port" shutdown nosave
	wait $server
	echo "server: status $?"
	grep -a 'hakmem\|crashed\|REDIS BUG' log
	! grep -a 'Out Of Memory' log
}

# Figures of the benchmark, and the progress that it shows in between.
filter() {
	tr '\r' '\n' | sed -E '/rps=|^ *$/d; s/: [0-9.]+ requests per second.*/: done/'
}
