# sqlite3 in memory and on disk: indices, joins, sorting, a large blob, vacuum.
need() { have sqlite3; }

run() {
	sqlite3 x.db <<-'END'
		PRAGMA journal_mode = WAL;
		CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, v TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
		INSERT INTO t SELECT i, (i * 7919) % 10007, printf('value %d', i * 31 % 65537) FROM n;
		CREATE INDEX t_k ON t (k);
		SELECT count(*), sum(k), max(v) FROM t;
		SELECT k % 100, count(*), length(group_concat(v)) FROM t GROUP BY 1 ORDER BY 1 LIMIT 20;
		SELECT count(*) FROM t a JOIN t b ON a.k = b.id;
		SELECT v FROM t ORDER BY v DESC, id LIMIT 3;
		CREATE TABLE b (x BLOB);
		INSERT INTO b VALUES (zeroblob(20000000)), (randomblob(3000000));
		SELECT length(x) FROM b;
		DELETE FROM t WHERE id % 3 = 0;
		VACUUM;
		PRAGMA integrity_check;
		SELECT json_group_array(k) FROM (SELECT k FROM t ORDER BY id LIMIT 10);
		SELECT nosuchcolumn FROM t;
	END
	echo "status $?"
	sqlite3 x.db .dump | grep -v 'INTO b' | cksum
}
