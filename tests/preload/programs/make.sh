# make with two jobs at once, compiling a part of this library, and made of many small rules.
limit=120

need() { have make && have gcc; }

setup() {
	copy "$HM_SRCDIR/src" "$HM_SRCDIR/include" .
	cp "$HM_BUILDDIR/config.h" .
	cat >Makefile <<-'END'
		SOURCES := $(wildcard src/base/*.c src/os/*.c src/space/*.c src/slab/*.c src/pool/*.c)
		OBJECTS := $(patsubst %.c,%.o,$(notdir $(SOURCES)))
		NUMBERS := $(foreach a,1 2 3 4,$(foreach b,$(shell seq 50),n$(a)_$(b)))
		VPATH := $(sort $(dir $(SOURCES)))
		all: $(OBJECTS) $(NUMBERS:%=%.made)
		%.o: %.c ; gcc -std=gnu11 -D_GNU_SOURCE -O1 -fPIC -I. -Iinclude -Isrc -c -o $@ $<
		%.made: ; @echo $(subst _, ,$*) $(words $(NUMBERS)) >$@
		fails: ; @echo to be ignored >&2; exit 3
		.PHONY: all fails
	END
}

run() {
	cp -r "$data/." .
	# After an error it depends on the time what else is made.
	make -j2 all | sort
	[ "${PIPESTATUS[0]}" = 0 ] || echo "all: failed in $PWD"
	cksum ./*.o
	cat ./*.made | cksum
	make -j2 -k fails all
	echo "status $?"
	make -n -B all | cksum
}

trace() {
	cp -r "$data/." .
	make -j2 n1_1.made n1_2.made assert.o 2>&1
}
