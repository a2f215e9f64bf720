# openssl: speed for a second, a certificate, hashing, encrypting and decrypting.
need() { have openssl; }

setup() {
	seq 400000 >plain
	openssl genrsa -out key.pem 2048
	openssl req -x509 -new -key key.pem -subj /CN=test -days 1 -out cert.pem
}

run() {
	openssl speed -seconds 1 -bytes 1024 sha256 aes-128-cbc
	openssl x509 -in "$data/cert.pem" -noout -subject -modulus
	openssl dgst -sha512 "$data/plain"
	set -- -aes-256-cbc -pbkdf2 -pass pass:x -S 0102030405060708
	openssl enc "$@" -in "$data/plain" -out coded
	openssl enc -d "$@" -in coded | cmp - "$data/plain"
	echo "status ${PIPESTATUS[*]}"
	openssl dgst -sha256 -sign "$data/key.pem" -out signature "$data/plain"
	openssl rsa -in "$data/key.pem" -pubout -out public.pem 2>/dev/null
	openssl dgst -sha256 -verify public.pem -signature signature "$data/plain"
	openssl rsa -in /dev/null 2>/dev/null
	echo "status $?"
}

# Figures of the test of speed.
filter() {
	sed -E '/^Doing .* in [0-9.]+s|^(sha256|aes-128-cbc|AES-128-CBC) .*k/s/[0-9][0-9.]*/N/g
		s/ +/ /g'
}

trace() { openssl dgst -sha512 "$data/plain"; }
