/*
 * Model of slab ownership and remote frees: who may touch a slab, and how its blocks come home.
 *
 * owns: the steps of src/slab/remote.c, src/pool/waiting.c and src/heap/, reduced to what
 *	another thread can see. Nothing that is compiled.
 * called from: tests/model/run.sh, which says which sizes and which mutants are run.
 *
 * Threads are born, exit and are born again any number of times, and do whatever they like in
 * between: the search covers every history, not a number of operations. Memory is sequentially
 * consistent. One atomic or d_step block is one step: an atomic operation, or plain accesses that
 * assert that they are the holder's. State, sizes, mutants and invariants: state.pml.
 */

#include "state.pml"

#define BOUND(s, p)	(MINE(s) && sl[s].cls == c && sl[s].place == (p))
#define IS_CURRENT(s)	BOUND(s, CURRENT)
#define IS_BOUND(s)	(MINE(s) && sl[s].place != NOWHERE)
#define IS_FREE(s)	(sl[s].holder == POOL)
#define HAS(s, k)	(SLL(H, s) != 0 && sl[s].cls == (k))
#define HAS_0(s)	HAS(s, 0)
#define HAS_1(s)	HAS(s, 1)

/* What a thread may start with, for slab i: these are options of an `if`, each one step. */
#define POP(i, k) \
	:: atomic { HAS(i, k) -> \
		m = LOWEST(SLL(H, i)); SLL(H, i) = SLL(H, i) & ~m; \
		sl[i].live = sl[i].live | m; m = 0; goto idle }
#define POP_0(i)	POP(i, 0)
#define POP_1(i)	POP(i, 1)

/* free: cached, or pushed at once, whatever the affinity; cached blocks serve as batch too. */
#define CACHE(i) \
	:: atomic { sl[i].live != 0 -> \
		m = LOWEST(sl[i].live); sl[i].live = sl[i].live & ~m; \
		SLL(H, i) = SLL(H, i) | m; m = 0; goto idle }
#define SEND(i, count, which) \
	:: atomic { COUNT(sl[i].live) > count -> \
		s = i; m = which(S.live); S.live = S.live & ~m; busy++; goto push }
#define FREE(i)		CACHE(i) SEND(i, 0, LOWEST) SEND(i, 1, WHOLE)
#define FREE_LATE(i)	SEND(i, 0, LOWEST)

/* Blocks out of the heap's cache: binder says precisely whether the slab is ours. */
#define SPILL(i, count, which) \
	:: atomic { COUNT(SLL(H, i)) > count && AFFINE(i) -> \
		s = i; m = which(SLL(H, i)); SLL(H, i) = SLL(H, i) & ~m; busy++; goto home } \
	:: atomic { COUNT(SLL(H, i)) > count && !AFFINE(i) -> \
		s = i; m = which(SLL(H, i)); SLL(H, i) = SLL(H, i) & ~m; busy++; goto look }
#define SPILL_SOME(i)	SPILL(i, 0, LOWEST) SPILL(i, 1, WHOLE)

#define LEAVE(i, count, which) \
	:: atomic { COUNT(SLL(H, i)) > count && AFFINE(i) -> \
		s = i; m = which(SLL(H, i)); SLL(H, i) = SLL(H, i) & ~m; goto home } \
	:: atomic { COUNT(SLL(H, i)) > count && !AFFINE(i) -> \
		s = i; m = which(SLL(H, i)); SLL(H, i) = SLL(H, i) & ~m; goto look }
#define LEAVE_SOME(i)	LEAVE(i, 0, LOWEST) LEAVE(i, 1, WHOLE)
#define LAST		(S.n == COUNT(m))
#define CROSSES		(S.n > MARK && S.n - COUNT(m) <= MARK && S.n != COUNT(m))
#define FILLED(i)	(SLL(H, i) != 0)

#define GIVE_BACK(i) \
	:: IS_BOUND(i) -> s = i; goto give
#define GIVE_EARLY(i) \
	:: atomic { IS_BOUND(i) -> s = i; busy++; goto give }
#define FROM_PARTIAL(i) \
	:: BOUND(i, PARTIAL) -> s = i; \
		if \
		:: S.place = CURRENT; goto refill \
		:: S.used = S.used + COUNT(S.free); \
			SLL(H, s) = SLL(H, s) | S.free; S.free = 0; goto give \
		fi
#define FROM_LIST(i) \
	:: sl[i].listed == c + 1 -> s = i; \
		if \
		:: MUTANT == MUT_UNLINK_LATE \
		:: else -> unlink(s) \
		fi
#define BE_BORN(h) \
	:: atomic { !taken[(h) - 1] -> taken[(h) - 1] = 1; H = h; goto idle }
#define BECOME(i) \
	:: atomic { sl[i].holder == POOL -> sl[i].holder = GONE; goto idle } \
	:: atomic { sl[i].holder == GONE -> sl[i].holder = POOL; goto idle }

active [THREADS] proctype thread()
{
	byte s;			/* the slab in work */
	byte c;			/* the class in work */
	byte m;			/* blocks in hand: a batch */
	bit exiting;
#if LINKS
	byte w, v;		/* for walk */
	unsigned head : 2;	/* W as it was loaded */
	unsigned n : 2;
	bit owned, waiting;
#endif
	goto dead;

/* ---- between operations ---------------------------------------------------------- */

next:	/* every operation ends here */
	atomic {
		s = 0; c = 0; m = 0;
		if
		:: exiting -> goto leave
		:: else
		fi;
		d_step {
			busy--;
			if
			:: busy == 0 -> check_all()
			:: else
			fi
		}
		if
		:: H == 0 -> goto dead
		:: else -> goto idle
		fi
	}

dead:	/* no heap: not started yet, or past the thread's destructor, where it may still free */
	if
	BE_BORN(1)
#if HEAPS > 1
	BE_BORN(2)
#endif
#if HEAPS > 2
	BE_BORN(3)
#endif
	EACH(FREE_LATE)
	:: goto stopped
	fi;

idle:
	if
	EACH(POP_0)
	:: atomic { !ANY(HAS_0) -> c = 0; busy++; goto refill }
#if CLASSES > 1
	EACH(POP_1)
	:: atomic { !ANY(HAS_1) -> c = 1; busy++; goto refill }
#endif
	EACH(FREE)
	EACH(SPILL_SOME)
	EACH(GIVE_EARLY)
#if RETIRE
	EACH(BECOME)
#endif
	:: atomic { true -> busy++; exiting = 1; goto leave }
	fi;

/* ---- refill ---------------------------------------------------------------------- */

refill:	/* current: its free list whole, then what is not carved, then what was pushed */
	atomic {
		if
		:: ANY(IS_CURRENT) ->
			s = FIRST(IS_CURRENT);
			m = (S.free != 0 -> S.free : LOWEST(S.bump));
			if
			:: m != 0 ->
				S.used = S.used + COUNT(m);
				S.free = S.free & ~m;
				S.bump = S.bump & ~m;
				SLL(H, s) = SLL(H, s) | m;
				goto next
			:: else -> goto current_empty
			fi
		EACH(FROM_PARTIAL)
		:: else -> goto adopt
		fi
	}

current_empty:
	atomic {
		if
		:: S.list != 0 && MUTANT != MUT_TAKE_SPLIT -> take(s); goto refill
		:: S.list != 0 && MUTANT == MUT_TAKE_SPLIT -> m = S.list
		:: else -> goto give
		fi
	}
	atomic {
		S.free = S.free | m; S.used = S.used - COUNT(m); S.list = 0; S.n = 0;
		goto refill
	}

adopt:	/* lock, unlink, claim, unlock, bind; refill takes the list */
	atomic { !lock[c] || MUTANT == MUT_ADOPT_UNLOCKED -> lock[c] = 1 }
	atomic {
		if
		EACH(FROM_LIST)
		:: else -> lock[c] = 0; goto fresh
		fi
	}
	d_step { claim_listed(s) }
	lock[c] = 0;
	d_step {
		assert(MINE(s));
		S.binder = H; SET_OWNER(s); S.place = CURRENT
	}
	atomic {
		if
		:: MUTANT == MUT_UNLINK_LATE -> S.listed = 0
		:: else
		fi;
		goto refill
	}

fresh:	/* the pool's mask of free slabs: one atomic step; none left, malloc fails */
	atomic {
		if
		:: ANY(IS_FREE) ->
			s = FIRST(IS_FREE);
			assert(QUIET(s) && !S.waiting && S.listed == 0);
			S.holder = ME;
			S.cls = c; S.free = 0; S.bump = FULL; S.used = 0;
			S.binder = H; SET_OWNER(s); S.place = CURRENT;
			goto refill
		:: else -> goto next
		fi
	}

/* ---- giving up ------------------------------------------------------------------- */

give:	/* out of the heap's lists, and then until somebody else may have it */
	atomic {
		assert(MINE(s));
		c = S.cls; S.place = NOWHERE;
		m = (MUTANT == MUT_LEFT_EARLY -> S.used : 0);
		if
		:: S.list != 0 -> take(s)
		:: else
		fi;
		if
		:: S.used == 0 -> goto release
		:: S.used != 0 && (S.free | S.bump) != 0 -> goto wait
		:: else -> goto sleep
		fi
	}

sleep:	/* nothing free here: dormant, unless a push came */
	atomic {
		assert(MINE(s) && S.free == 0 && S.bump == 0);
		S.binder = (MUTANT == MUT_BINDER_SLEEP || MUTANT == MUT_BINDER_LATE -> S.binder : 0)
	}
	atomic {
		if
		:: QUIET(s) || MUTANT == MUT_SLEEP_BLIND ->
			assert(S.holder == ME && S.used == BLOCKS);
			S.list = 0; S.n = S.used; S.owned = 0;
			S.holder = 0;
			if
			:: MUTANT == MUT_BINDER_LATE -> goto sleep_late
			:: else -> goto next
			fi
		:: else ->
			if
			:: goto give
			:: skip		/* or go on using it */
			fi
		fi
	}
	atomic {
		take(s);
		if
		:: S.used == 0 -> goto release
		:: else -> goto keep
		fi
	}
sleep_late:
	atomic { S.binder = 0; goto next }

wait:	/* some blocks free: on the waiting list of its class, unless a push came */
	atomic { !lock[c] || MUTANT == MUT_WAIT_UNLOCKED -> lock[c] = 1 }
	S.binder = (MUTANT == MUT_BINDER_WAIT -> S.binder : 0);
	atomic { assert(MINE(s)); insert(s) }
	atomic {
		if
		:: QUIET(s) || MUTANT == MUT_WAIT_BLIND ->
			assert(S.holder == ME && S.used != 0);
			S.list = 0; S.n = S.used; S.owned = 0; S.waiting = 1;
			S.holder = 0;
			if
			:: MUTANT == MUT_LEFT_EARLY -> S.n = m
			:: MUTANT == MUT_LEFT_BUMP -> S.n = S.used + COUNT(S.bump)
			:: else
			fi
		:: else -> goto wait_not
		fi
	}
	atomic { lock[c] = 0; goto next }
wait_not:
	atomic {
		if
		:: MUTANT == MUT_LIST_TWICE
		:: else -> unlink(s)
		fi
	}
	atomic { lock[c] = 0; goto give }

release: /* nothing out: back to the pool, any class may have it at once */
	atomic {
		assert(MINE(s));
		S.place = NOWHERE; S.binder = 0
	}
	atomic {
		assert(S.holder == ME && S.used == 0 && QUIET(s) && !S.waiting);
		assert((S.free | S.bump) == FULL && S.live == 0 && CACHED(s) == 0);
		assert(S.listed == 0);
		S.free = 0; S.bump = 0; S.cls = 0;
		S.holder = POOL;
		goto next
	}

/* ---- blocks come home ------------------------------------------------------------ */

look:	/* the adopt boundary: look, claim, look at the result, bind, drain */
	atomic {
		if
		:: goto push	/* not dormant, or a batch, which does not look */
		:: DORMANT(s) && MUTANT == MUT_DRAIN_FIRST ->
			S.free = S.free | m; S.used = S.used - COUNT(m)
		:: DORMANT(s) && MUTANT != MUT_DRAIN_FIRST
		fi
	}
	atomic {
		if
		:: DORMANT(s) ->
			assert(S.holder == 0 && S.list == 0);
			S.owned = 1; S.n = 0;
			S.holder = ME;
			m = (MUTANT == MUT_DRAIN_FIRST -> 0 : m)
		:: !DORMANT(s) && MUTANT == MUT_CLAIM_IGNORED
		:: else -> goto push
		fi
	}
	d_step {
		assert(MINE(s));
		S.binder = H; SET_OWNER(s); S.place = PARTIAL
	}
home:	/* plain: only the holder gets here */
	atomic {
		unlinked();
		assert(MINE(s) && ((S.free | S.bump) & m) == 0 && S.used >= COUNT(m));
		S.free = S.free | m;
		S.used = S.used - COUNT(m);
		if
		:: S.used == 0 && S.place != CURRENT -> goto release
		:: MUTANT == MUT_RELEASE_EARLY && S.used == S.n && S.place != CURRENT ->
			goto release
		:: else -> goto next
		fi
	}

push:	/* a compare-and-swap loop: its last round is the only one that has an effect */
#if LINKS
	atomic {
		head = S.head; n = S.n; owned = S.owned; waiting = S.waiting;
		d_step { link() }
	}
	atomic {
		if
		:: (S.head != head && MUTANT != MUT_LINK_STALE) || S.n != n ||
			S.owned != owned || S.waiting != waiting -> goto push
		:: else -> head = 0; n = 0; owned = 0; waiting = 0
		fi;
#else
	atomic {
#endif
		assert(S.holder != POOL && S.holder != GONE && (S.list & m) == 0);
		c = S.cls;	/* read before the swap, while a block in hand keeps it so */
		if
		:: S.owned ->
			S.list = S.list | m; S.n = S.n + COUNT(m);
			HEAD_IS(INDEX(LOWEST(m)));
			goto next
		:: DORMANT(s) && MUTANT != MUT_PUSH_NO_CLAIM ->
			assert(S.holder == 0 && S.list == 0 && S.n == BLOCKS);
			S.owned = 1;
			S.n = (MUTANT == MUT_CLAIM_KEEPS_LEFT -> S.n - COUNT(m) : 0);
			S.holder = ME;
			goto transit
		:: else
		fi;
		assert(S.n >= COUNT(m));
#if LOCK_FIRST
		if
		:: LAST || CROSSES -> goto lock_first
		:: else
		fi;
#endif
		S.list = S.list | m; S.n = S.n - COUNT(m);
		HEAD_IS(INDEX(LOWEST(m)));
		if
		:: S.n == 0 && MUTANT != MUT_NO_COMPLETE -> m = 0; goto complete
		:: S.n != 0 && S.n <= MARK && S.n + COUNT(m) > MARK -> m = 0; goto wake
		:: else -> goto next
		fi
	}

transit: /* the push claimed a dormant slab; its blocks go straight onto the free list */
	atomic {
		assert(MINE(s) && (S.free & m) == 0 && S.used >= COUNT(m));
		unlinked();
		S.free = S.free | m;
		S.used = S.used - COUNT(m);
		m = 0;
		if
		:: S.used == 0 -> goto release
		:: S.used != 0 && (H != 0 || MUTANT == MUT_LATE_ADOPTS) -> goto keep
		:: S.used != 0 -> goto give
		fi
	}
keep:	/* bind: for a thread that has a heap */
	atomic { assert(MINE(s)); S.binder = H; S.place = PARTIAL; goto next }

complete: /* the last block is back: whoever still finds the slab listed and empty has it */
	atomic { !lock[c] -> lock[c] = 1 }
	atomic {
		assert(S.holder != GONE);
		if
		:: (S.listed == c + 1 || MUTANT == MUT_COMPLETE_NO_LISTED) &&
			(S.n == 0 || MUTANT == MUT_COMPLETE_NO_COUNT) -> unlink(s)
		:: else -> lock[c] = (MUTANT == MUT_LOCK_KEPT); goto next
		fi
	}
	d_step { claim_listed(s) }
	lock[c] = 0;
	atomic { take(s); goto release }

wake:	/* past the mark: to the end of the list that is adopted from first */
	atomic { !lock[c] -> lock[c] = 1 }
	atomic {
		assert(S.holder != GONE);
		if
		:: S.listed == c + 1 || MUTANT == MUT_WAKE_NO_LISTED ->
			assert(S.listed == c + 1 && S.waiting);
			S.woken = 1
		:: else
		fi
	}
	atomic { lock[c] = 0; goto next }

#if LOCK_FIRST
lock_first: /* as long as a block is in hand the slab cannot become anything else */
	atomic { !lock[c] -> lock[c] = 1 }
	atomic {
		assert(S.holder != POOL && S.holder != GONE && S.cls == c);
		if
		:: S.waiting && LAST ->
			claim_listed(s);
			take(s);
			unlinked();
			S.free = S.free | m; S.used = S.used - COUNT(m);
			m = 0
		:: S.waiting && CROSSES ->
			RELINK();
			HEAD_IS(INDEX(LOWEST(m)));
			S.list = S.list | m; S.n = S.n - COUNT(m);
			m = 0;
			goto moved
		:: else -> lock[c] = 0; goto push
		fi
	}
	d_step { unlink(s) }
	atomic { lock[c] = 0; goto release }
moved:	atomic { assert(S.listed == c + 1 && S.waiting); S.woken = 1 }
	atomic { lock[c] = 0; goto next }
#endif

/* ---- exit ------------------------------------------------------------------------ */

leave:
	if
	EACH(LEAVE_SOME)
	:: atomic { !ANY(FILLED) ->
		if
		EACH(GIVE_BACK)
		:: else -> taken[H - 1] = 0; H = 0; exiting = 0; goto next
		fi }
	fi;

stopped: /* for ever: so a thread that cannot go on is a deadlock, and not hidden by others */
	skip
}
