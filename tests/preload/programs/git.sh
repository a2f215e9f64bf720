# git: a repository from its beginning to gc and fsck.
need() { have git; }
limit=120

setup() {
	git config --global user.name tester
	git config --global user.email tester@localhost
	git config --global gc.auto 0
	git config --global pack.threads 2
	git config --global init.defaultBranch main
	copy "$HM_SRCDIR/src" src
	seq 20000 | split -d -a 3 -l 500
}

commit() { # TEXT
	git add -A
	GIT_AUTHOR_DATE=$date GIT_COMMITTER_DATE=$date git commit -q -m "$1"
}

run() {
	local i date
	mkdir repo && cd repo || return
	git init -q
	cp -r "$data/." .
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		date="2020-01-01T00:00:$i"
		sed -i "$((i * 5))s/.*/changed in $i/" x0"$i" x00"$((i % 10))" 2>/dev/null
		commit "number $i"
	done
	git checkout -q -b other HEAD~4
	echo more >more
	date=2020-01-02T00:00:00 commit other
	git checkout -q main
	GIT_AUTHOR_DATE=2020-01-03T00:00:00 GIT_COMMITTER_DATE=2020-01-03T00:00:00 \
		git merge --no-edit other
	git log --stat --graph | cat
	git log -p --all | cksum
	git blame x000 | cksum
	git grep -n changed | sort | head -n 20
	git gc -q --aggressive --prune=now
	git fsck --full --strict
	git count-objects -v | grep -v size
	git rev-list --all --objects | cksum
	git clone -q --no-local . ../copy
	git -C ../copy log -1 --format=%H
	git archive HEAD | cksum
	git show nosuchcommit
	echo "status $?"
}
