/*
 * State, sizes, mutants and invariants of the ownership model; the steps are in ownership.pml.
 *
 * owns: the slab's words as the model sees them, and the assertions.
 * called from: ownership.pml includes it.
 *
 * A block is a bit. It is in exactly one of: free (the slab's own list), bump (not carved yet),
 * list (its remote list), sll (a heap's cache), live (the program's: any thread may free it), or
 * a thread's hand (m, a batch on its way). `holder` is a ghost: the thread that has the slab by
 * the protocol's own account. Every plain access asserts it; every gain, that nobody had it.
 */

#ifndef THREADS
#define THREADS	2
#endif
#ifndef HEAPS			/* heap structs, 1..3 */
#define HEAPS	THREADS
#endif
#ifndef SLABS			/* 1..3 */
#define SLABS	1
#endif
#ifndef BLOCKS			/* in a slab, 1..3 */
#define BLOCKS	2
#endif
#ifndef CLASSES			/* 1..2 */
#define CLASSES	2
#endif
#ifndef MARK			/* wake mark: a waiting slab with so few out moves up */
#define MARK	1
#endif
#ifndef LOCK_FIRST		/* 1: the last push locks before its swap, see README */
#define LOCK_FIRST 0
#endif
#ifndef RETIRE			/* 1: a FREE slab's memory may become something else */
#define RETIRE	0
#endif
#ifndef LINKS			/* 1: load and swap apart, real links, see README */
#define LINKS	0
#endif

/* Each mutant weakens one step; the search must find an error in every one of them. */
#define MUT_CLAIM_IGNORED	1	/* own thread's claim of a dormant slab: result unread */
#define MUT_DRAIN_FIRST		2	/* the block goes on the free list before the claim */
#define MUT_SLEEP_BLIND		3	/* sleep stores W, no swap against "nothing came" */
#define MUT_WAIT_BLIND		4	/* the same in wait */
#define MUT_TAKE_SPLIT		5	/* take by load and store, not by exchange */
#define MUT_LEFT_EARLY		6	/* wait counts "still out" before its take */
#define MUT_LEFT_BUMP		7	/* blocks never carved count as still out */
#define MUT_CLAIM_KEEPS_LEFT	8	/* the claiming push leaves "still out" in n */
#define MUT_PUSH_NO_CLAIM	9	/* a push to a dormant slab only counts down */
#define MUT_NO_COMPLETE		10	/* the last push to a waiting slab does nothing */
#define MUT_COMPLETE_NO_LISTED	11	/* under the lock: listed_class not looked at */
#define MUT_COMPLETE_NO_COUNT	12	/* under the lock: W.n == 0 not looked at */
#define MUT_WAKE_NO_LISTED	13	/* moved in the list without looking if it is on it */
#define MUT_RELEASE_EARLY	14	/* released while blocks are on the remote list */
#define MUT_LIST_TWICE		15	/* wait lists again when its swap failed */
#define MUT_BINDER_SLEEP	16	/* binder not cleared by sleep */
#define MUT_BINDER_WAIT		17	/* binder not cleared by wait */
#define MUT_BINDER_LATE		18	/* cleared by sleep, but after the swap */
#define MUT_OWNER_TRUSTED	19	/* spill believes the affinity instead of binder */
#define MUT_LATE_ADOPTS		20	/* a thread past its exit adopts for the heap it had */
#define MUT_ADOPT_UNLOCKED	21	/* adopt looks at the waiting list without the lock */
#define MUT_UNLINK_LATE		22	/* adopt claims and binds, and then unlinks */
#define MUT_WAIT_UNLOCKED	23	/* wait lists without the lock */
#define MUT_LOCK_KEPT		24	/* complete forgets the lock when there is nothing to do */
#define MUT_LINK_STALE		25	/* the swap compares n and flags, and not the head */
#ifndef MUTANT
#define MUTANT	0
#endif

#define AFFINITY (MUTANT == MUT_OWNER_TRUSTED)

#define FULL	((1 << BLOCKS) - 1)
#define POOL	7		/* holder of a FREE slab */
#define GONE	6		/* the pool gave the memory to something that is no slab */
#define ME	(_pid + 1)

#define NOWHERE	0		/* place: in transit, or not bound */
#define CURRENT	1		/* the bound slab that its class is refilled from */
#define PARTIAL	2		/* on its heap's partial list */

typedef slab {
	/* The word W. Each step that names these fields is one atomic operation. */
	unsigned list : 3;
	unsigned n : 2;		/* owned: blocks on list; not owned: blocks still out */
	bit owned = 1;
	bit waiting;
#if LINKS
	unsigned head : 2;	/* 1 + index, or 0; list is then a ghost */
	byte next[BLOCKS];	/* in the blocks */
#endif
	/* Plain: the holder's. */
	unsigned free : 3;
	unsigned bump : 3;
	unsigned used : 2;
	unsigned cls : 1;
	unsigned place : 2;
	/* Atomic, relaxed. */
	unsigned binder : 2;	/* precise for the heap it names, and for no other */
#if AFFINITY
	unsigned owner : 2;	/* affinity; otherwise each choice that it makes goes both ways */
#endif
	/* Under the lock of the class; 1 + class, or 0. */
	unsigned listed : 2;
	bit woken;
	/* Ghosts. */
	unsigned holder : 3 = POOL;
	unsigned live : 3;
};

slab sl[SLABS];
byte sll[HEAPS * SLABS];	/* heap h's cached blocks of slab s */
bit taken[HEAPS];		/* heap struct in use */
byte heap[THREADS];		/* thread's heap: 1 + index, or 0 */
bit lock[CLASSES];
byte busy;			/* ghost: threads in the middle of an operation */

#define COUNT(x)	(((x) & 1) + (((x) >> 1) & 1) + (((x) >> 2) & 1))
#if AFFINITY
#define SET_OWNER(i)	sl[i].owner = H
#define AFFINE(i)	(sl[i].owner == H)
#else
#define SET_OWNER(i)	skip
#define AFFINE(i)	(sl[i].binder == H)
#endif
#define LOWEST(x)	((x) & -(x))
#define WHOLE(x)	(x)
#define SLL(h, s)	sll[((h) - 1) * SLABS + (s)]
#define H		heap[_pid]
#define S		sl[s]
#define MINE(s)		(sl[s].holder == ME)
#define DORMANT(s)	(!sl[s].owned && !sl[s].waiting)
#define QUIET(s)	(sl[s].list == 0 && sl[s].n == 0 && sl[s].owned)

/* Over all slabs or heaps; written out, because Promela has no quantifiers. */
#if SLABS == 1
#define ANY(f)		(f(0))
#define EACH(f)		f(0)
#define FIRST(f)	0
#elif SLABS == 2
#define ANY(f)		(f(0) || f(1))
#define EACH(f)		f(0) f(1)
#define FIRST(f)	(f(0) -> 0 : 1)
#else
#define ANY(f)		(f(0) || f(1) || f(2))
#define EACH(f)		f(0) f(1) f(2)
#define FIRST(f)	(f(0) -> 0 : (f(1) -> 1 : 2))
#endif

#if HEAPS == 1
#define CACHED(s)	(sll[s])
#define TWICE(s)	0
#elif HEAPS == 2
#define CACHED(s)	(sll[s] | sll[SLABS + (s)])
#define TWICE(s)	(sll[s] & sll[SLABS + (s)])
#else
#define CACHED(s)	(sll[s] | sll[SLABS + (s)] | sll[2 * SLABS + (s)])
#define TWICE(s)	((sll[s] & sll[SLABS + (s)]) | \
			((sll[s] | sll[SLABS + (s)]) & sll[2 * SLABS + (s)]))
#endif

#if LINKS
#define INDEX(bit)	(((bit) & 1) + 2 * (((bit) >> 1) & 1) + 3 * (((bit) >> 2) & 1))
#define HEAD_IS(h)	S.head = (h)
#define RELINK()	head = S.head; d_step { link() }; head = 0
/* The chain m, lowest first, with its tail linked to what W named when it was loaded. */
inline link()
{
	v = 0;
	do
	:: v < BLOCKS ->
		w = LOWEST((m >> (v + 1)));
		if
		:: (m & (1 << v)) != 0 -> S.next[v] = (w != 0 -> v + 1 + INDEX(w) : head)
		:: else
		fi;
		v++
	:: else -> break
	od;
	w = 0; v = 0
}
inline unlinked()	/* the chain goes home and not on the list */
{
	d_step {
		v = 0;
		do
		:: v < BLOCKS ->
			S.next[v] = ((m & (1 << v)) != 0 -> 0 : S.next[v]);
			v++
		:: else -> break
		od;
		v = 0
	}
}
/* The list's blocks are those that the links lead to. It ends empty; dead links read 0. */
inline walk(i)
{
	d_step {
		w = 0;
		do
		:: sl[i].head != 0 ->
			assert((w & (1 << (sl[i].head - 1))) == 0);
			w = w | (1 << (sl[i].head - 1));
			v = sl[i].head - 1;
			sl[i].head = sl[i].next[v];
			sl[i].next[v] = 0
		:: else -> break
		od;
		assert(w == sl[i].list);
		w = 0; v = 0
	}
}
#else
#define walk(i)		skip
#define HEAD_IS(h)	skip
#define RELINK()	skip
#define unlinked()	skip
#endif

/* take: W of an owned slab; what was pushed goes home. */
inline take(i)
{
	assert(sl[i].holder == ME && sl[i].owned);
	assert(((sl[i].free | sl[i].bump) & sl[i].list) == 0);
	assert(sl[i].n == COUNT(sl[i].list) && sl[i].used >= sl[i].n);
	walk(i);
	sl[i].free = sl[i].free | sl[i].list;
	sl[i].used = sl[i].used - sl[i].n;
	sl[i].list = 0;
	sl[i].n = 0
}

/*
 * Claim a waiting slab, under the lock: the list stays, n was "still out" and now counts the list.
 */
inline claim_listed(i)
{
	assert(sl[i].holder == 0 && !sl[i].owned && sl[i].waiting);
	assert(sl[i].used == sl[i].n + COUNT(sl[i].list));
	assert(((sl[i].free | sl[i].bump) & sl[i].list) == 0);
	sl[i].holder = ME;
	sl[i].owned = 1;
	sl[i].waiting = 0;
	sl[i].n = sl[i].used - sl[i].n
}

inline insert(i)
{
	assert(sl[i].listed == 0);
	sl[i].listed = c + 1;
	sl[i].woken = (sl[i].used <= MARK)
}

inline unlink(i)
{
	assert(sl[i].listed == c + 1 && lock[c]);
	sl[i].listed = 0;
	sl[i].woken = 0
}

/* With no operation under way, every slab is whole and is where its state says. */
inline check_slab(i)
{
	if
	:: sl[i].holder == GONE
	:: sl[i].holder == POOL ->
		assert(QUIET(i) && !sl[i].waiting && sl[i].used == 0);
		assert(sl[i].free == 0 && sl[i].bump == 0);
		assert(sl[i].live == 0 && CACHED(i) == 0);
		assert(sl[i].binder == 0);
		assert(sl[i].listed == 0 && sl[i].place == NOWHERE)
	:: else ->
		/* Each block in exactly one place. */
		assert((sl[i].free | sl[i].bump | sl[i].list | sl[i].live | CACHED(i)) == FULL);
		assert((sl[i].free & sl[i].bump) == 0 && (sl[i].live & CACHED(i)) == 0);
		assert((sl[i].list & (sl[i].live | CACHED(i))) == 0 && TWICE(i) == 0);
		assert(((sl[i].free | sl[i].bump) &
			(sl[i].list | sl[i].live | CACHED(i))) == 0);
		assert(sl[i].used + COUNT(sl[i].free | sl[i].bump) == BLOCKS);
		if
		:: sl[i].holder == 0 ->
			/* Not lost: some block is out, and its return will be noticed. */
			assert(!sl[i].owned && sl[i].place == NOWHERE);
			assert(sl[i].binder == 0 || MUTANT);	/* a mutant must show why */
			assert(sl[i].n == COUNT(sl[i].live | CACHED(i)) && sl[i].n > 0);
			assert(sl[i].waiting || (sl[i].n == BLOCKS && sl[i].list == 0));
			assert(sl[i].listed == (sl[i].waiting -> sl[i].cls + 1 : 0));
			assert(!sl[i].waiting || sl[i].n > MARK || sl[i].woken)
		:: else ->
			assert(sl[i].owned && !sl[i].waiting && sl[i].n == COUNT(sl[i].list));
			assert(sl[i].listed == 0 && sl[i].binder != 0);
			assert(sl[i].binder == heap[sl[i].holder - 1]);
			assert(sl[i].place == CURRENT || (sl[i].place == PARTIAL &&
				sl[i].free != 0 && sl[i].used != 0))
		fi
	fi
}

inline check_all()
{
	check_slab(0);
#if SLABS > 1
	check_slab(1);
#endif
#if SLABS > 2
	check_slab(2);
#endif
	assert(lock[0] == 0 && lock[CLASSES - 1] == 0)
}
