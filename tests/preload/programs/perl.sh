# perl: hashes, sorting, regular expressions, closures, formats, threads of perl if it has them.
weight=fast
need() { have perl; }

setup() {
	cat >work.pl <<-'END'
		use strict; use warnings;
		my (%h, @keep); my $x = 1;
		for my $i (1 .. 60000) {
			$x = $x * 16807 % 2147483647;
			$h{"k" . $x % 5003} .= chr(97 + $x % 26);
			push @keep, [$x, "row $i", { n => $i }] unless $i % 3;
			splice @keep, 0, 500 if @keep > 6000;
		}
		print scalar(keys %h), " ", join(",", map { "$_=" . length $h{$_} }
			(sort keys %h)[0 .. 20]), "\n";
		my @s = sort { $a->[0] <=> $b->[0] || $a->[1] cmp $b->[1] } @keep;
		print "$s[0][1] $s[-1][1] $s[100][2]{n}\n";
		my $t = join " ", map { $_->[1] } @s;
		my $n = () = $t =~ /row (\d)\1/g;
		(my $u = $t) =~ s/(\w+) (\d+)/$2-$1/g;
		print "$n ", length $u, " ", unpack("%32C*", $u), "\n";
		my @f = map { my $n = $_; sub { $n + shift } } 1 .. 1000;
		print $f[500]->(7), "\n";
		printf "%s %.3f %s\n", sprintf("%b", 12345), atan2(1, 1) * 4, reverse "abc";
		my $big = "x" x 10_000_000; substr($big, 5_000_000, 1) = "y"; print index($big, "y"), "\n";
		my $pid = fork; if (!$pid) { my %c = map { $_ => 1 } 1 .. 10000; exit keys(%c) % 256 }
		waitpid $pid, 0; print "child ", $? >> 8, "\n";
		eval { die { code => 5 } }; print "died $@->{code}\n";
		undef %h; warn "to stderr\n"; exit 2;
	END
}

status=2
run() { perl "$data/work.pl"; }
