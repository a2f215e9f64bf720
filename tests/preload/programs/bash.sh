# The shell itself: arrays, strings, substitutions, subshells, traps, and a lot of each.
weight=fast

run() {
	local -A count
	local -a list
	local i s= k
	for ((i = 0; i < 4000; i++)); do
		k=key$((i * 7919 % 997))
		count[$k]=$((${count[$k]-0} + i))
		list+=("item $i ${k^^}")
		s+=${k:1:3}
	done
	for k in $(printf '%s\n' "${!count[@]}" | sort); do echo "$k ${count[$k]}"; done
	list=("${list[@]:100:2000}")
	unset 'list[5]' 'list[77]'
	echo "${#list[@]} ${#s} ${list[-1]} ${s//k/__}" | cut -c1-3000
	mapfile -t list < <(seq 5000)
	echo "${list[@]: -3}"
	(trap 'echo trapped' USR1; kill -USR1 $BASHPID; echo "in a subshell")
	while read -r a b; do echo "$b $a"; done <<-END
		one two
		three four
	END
	printf '%(%Y)T %q %5.2f\n' 0 "a b'c" 2.5
	echo {a..e}{1..3} "$(echo "$(echo nested)")"
	set -o pipefail
	false | cat
	echo "status $?"
	bash -c 'nosuchcommand; echo "$?"; exit 3'
	echo "status $?"
	touch a1 a2 b1
	bash -O extglob -O nullglob -c 'echo @(a|b)1 !(a*) none*'
}
