/*
 * channel.pml: both directions of one channel, for the model checker Spin.
 *
 * Two parties, A and B. Each writes one log, a chain of epochs, and reads the
 * other's. A asks (QUERY), B answers (REPLY) and may say SUSPEND. Either crashes,
 * and one of them is once restored from a backup. README.md says what is left out
 * and lists the mutations, which `dev model` switches on one by one.
 *
 * W, R and "rules" refer to spec/wire.md and spec/rules.md; ADOPT is W7.
 */
#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef RESTORES
#define RESTORES 1
#endif
#ifndef SUSPENDS
#define SUSPENDS 0
#endif
#ifndef ONLY
#define ONLY 0 /* the one property to look at; 0: all */
#endif

#define CLAIM(number, c) assert((ONLY && ONLY != number) || (c))
#define P1(c) CLAIM(1, c) /* an honest author never signs two histories of one origin, nor a chain of epochs that forks */
#define P2(c) CLAIM(2, c) /* an effect happens at most once per mid */
#define P3(c) CLAIM(3, c) /* a signed REPLY implies that its question is durable at the answerer */
#define P4(c) CLAIM(4, c) /* a receipt implies that what it covers is durable at its giver */
#define P5(c) CLAIM(5, c) /* what was called `delivered` survives the loss of either disk alone */
#define P6(c) CLAIM(6, c) /* honest parties never raise ALARM against each other */
#define P7(c) CLAIM(7, c) /* a message that crosses SUSPEND is judged alike by both, an honest party never in breach */
#define P8(c) CLAIM(8, c) /* when nothing is left to do, both hold the same and everything asked is answered */

#define A      0
#define B      1
#define NOBODY 2
#define OTHER  (1 - p)
#define EPOCHS (1 + CRASHES + RESTORES) /* one per start, if all accidents hit one party */

#ifdef LIAR
#define HONEST(x)  ((x) == A)
#define MAYFAIL(x) ((x) == A)
#else
#define HONEST(x)  true
#define MAYFAIL(x) true
#endif

/* Message m (0 or 1) is one bit in a set of messages. */
#define BIT(m) (1 << (m))
#ifdef BOTH_ASK
#define OWNER(m) (m) /* A asks the first, B the second */
#else
#define OWNER(m) A
#endif

/* ---- entries and logs ----
 *
 * A leaf is a number from 1 to 15, new for each entry: the salt makes every entry
 * another one, even when it says the same. What it says stands in leaf[author].
 * The log of an epoch is its leaves, four bits each, the first entry lowest. That
 * number is also its root: two logs have one root exactly when they are equal.
 */
#define LEAVES 15
#define LENGTH 7 /* entries an epoch has room for */

#define GENESIS 1 /* of: the previous epoch and its size; its root is what the author holds of it */
#define ADOPT	2 /* of: an own epoch that the partner held further than we did, and its size */
#define QUERY	3 /* what: the message */
#define REPLY	4 /* what: the message */
#define SUSPEND 5

#define SAYS_OK	       0
#define SAYS_SUSPENDED 1

typedef Leaf {
	byte kind;
	byte what;		  /* message */
	byte status;		  /* of a REPLY */
	byte of_epoch, of_size;	  /* GENESIS, ADOPT */
	byte seen_epoch, seen_size /* how much of the partner's log the author held durably (rules 9) */
};
typedef Leaves { Leaf at[16] };
Leaves leaf[2];
byte   leaves[2]; /* numbers given */
byte   kept[2];	  /* the largest number that ever reached a disk or was signed; those above can be given again */

#define SIZE(log)	((log) == 0 -> 0 : ((log) < 16 -> 1 : ((log) < 256 -> 2 : ((log) < 4096 -> 3 : ((log) < 65536 -> 4 : ((log) < 1048576 -> 5 : ((log) < 16777216 -> 6 : 7)))))))
#define PREFIX(log, n)	((log) & ((1 << (4 * (n))) - 1))
#define AT(log, i)	(((log) >> (4 * (i))) & 15)
#define SHORTER(x, y)	((x) < (y) -> (x) : (y))

/* ---- what a party remembers ----
 *
 * `work` is what its program sees, `disk` what survives a crash, `backup` the copy
 * that a restore brings back: an empty one, unless a backup was made. One turn is one
 * transaction, so the whole of `work` reaches the disk at once.
 */
typedef Logs { int at[6] }; /* by epoch; place 0 is not used */

typedef Ledger {
	Logs log[2];	/* by author: all of its own log, covered entries of the partner's */
	byte asked;	/* own questions that stand in an own epoch */
	byte held;	/* questions of the partner that stand in a covered epoch */
	byte known;	/* mids not to be acted on again (R4) */
	byte open;	/* held and not answered */
	byte receipted; /* own questions under a receipt of the partner */
	byte answered;	/* own questions under a covered REPLY */
	byte outbox;	/* given to the application as soon as this is durable (R5) */
	bool suspended; /* own SUSPEND stands in an own epoch */
	bool told;	/* the partner's SUSPEND is covered here */
#ifdef DEDUPE_BY_INDEX
	byte place[2];
#endif
#ifdef JUDGE_ON_ARRIVAL
	byte judged; /* questions that were held when we had not said SUSPEND */
#endif
};
Ledger work[2];
Ledger disk[2];
Ledger backup; /* of `saved` */
byte   saved = NOBODY;

bool dirty[2];	 /* work is not on disk */
byte current[2]; /* the open epoch; 0: not started */
byte drawn[2];	 /* epochs drawn: "random" is "a number never given before", whatever the disk says */
int  signs[2];	 /* in this life: bit n says that size n of the open epoch is signed and sent */
byte read[2];	 /* in this session: the largest CHECKPOINT of the partner's open epoch that was looked at */
bool session;

byte crashes = CRASHES;
byte restores = RESTORES;
byte suspends = SUSPENDS;

/* ---- what only we who watch know ---- */

Logs evidence[2]; /* by author and epoch: the longest log ever signed */
bool	   restored[2];
byte	   done[2];	/* how often the application did what a message asks */
bool   begun;	/* something was asked. The messages of one party are alike, so the first is 0 */
byte   delivered;	/* messages whose sender was told `delivered` (W8) */
#ifdef DEDUPE_BY_INDEX
byte did[2]; /* the place under which the application knows a message */
#endif

/* Scratch of single steps; not part of the state. */
hidden byte x, i, n, l, e, k, at;
hidden byte reach[6], target[6];
hidden byte found, ready;
hidden int  fetched;

/* ---- small steps ---- */

inline copy(to, from)
{
	x = 1;
	do
	:: x <= EPOCHS ->
		to.log[A].at[x] = from.log[A].at[x];
		to.log[B].at[x] = from.log[B].at[x];
		x++
	:: else -> break
	od;
	to.asked = from.asked;
	to.held = from.held;
	to.known = from.known;
	to.open = from.open;
	to.receipted = from.receipted;
	to.answered = from.answered;
	to.outbox = from.outbox;
	to.suspended = from.suspended;
	to.told = from.told;
#ifdef DEDUPE_BY_INDEX
	to.place[0] = from.place[0];
	to.place[1] = from.place[1];
#endif
#ifdef JUDGE_ON_ARRIVAL
	to.judged = from.judged;
#endif
	x = 0
}

inline wipe(to)
{
	x = 1;
	do
	:: x <= EPOCHS -> to.log[A].at[x] = 0; to.log[B].at[x] = 0; x++
	:: else -> break
	od;
	to.asked = 0; to.held = 0; to.known = 0; to.open = 0; to.receipted = 0; to.answered = 0; to.outbox = 0;
	to.suspended = false; to.told = false;
#ifdef DEDUPE_BY_INDEX
	to.place[0] = 0; to.place[1] = 0;
#endif
#ifdef JUDGE_ON_ARRIVAL
	to.judged = 0;
#endif
	x = 0
}

/* Appends one entry to the open epoch. The asserts say that the bounds cut nothing off. */
inline append(p, kind_, what_, status_, epoch_, size_)
{
	assert(leaves[p] < LEAVES);
	assert(SIZE(work[p].log[p].at[current[p]]) < LENGTH);
	leaves[p]++;
	leaf[p].at[leaves[p]].kind = kind_;
	leaf[p].at[leaves[p]].what = what_;
	leaf[p].at[leaves[p]].status = status_;
	leaf[p].at[leaves[p]].of_epoch = epoch_;
	leaf[p].at[leaves[p]].of_size = size_;
#if SUSPENDS
	if
	:: kind_ == QUERY -> /* rules 9: what is durable here. The `seen` of other kinds is judged by nobody */
		x = EPOCHS;
		do
		:: x > 0 && disk[p].log[OTHER].at[x] == 0 -> x--
		:: else -> break
		od;
		leaf[p].at[leaves[p]].seen_epoch = x;
		leaf[p].at[leaves[p]].seen_size = (x > 0 -> SIZE(disk[p].log[OTHER].at[x]) : 0);
		x = 0
	:: else
	fi;
#endif
	work[p].log[p].at[current[p]] = work[p].log[p].at[current[p]] | (leaves[p] << (4 * SIZE(work[p].log[p].at[current[p]])));
	dirty[p] = true
}

/*
 * reach[e]: how much of each epoch of `author` is named by the first n0 entries of
 * epoch e0, along GENESIS and ADOPT. Both name older epochs only, so one walk from
 * new to old is enough. as this ledger holds them.
 */
inline chain(author, ledger, e0, n0)
{
	x = 1;
	do
	:: x <= EPOCHS -> reach[x] = 0; x++
	:: else -> break
	od;
	reach[e0] = n0;
	x = e0;
	do
	:: x > 0 ->
		i = 0;
		do
		:: i < reach[x] && i < SIZE(ledger.log[author].at[x]) ->
			l = AT(ledger.log[author].at[x], i);
			if
			:: (leaf[author].at[l].kind == GENESIS || leaf[author].at[l].kind == ADOPT) && leaf[author].at[l].of_epoch > 0 &&
			   leaf[author].at[l].of_size > reach[leaf[author].at[l].of_epoch] ->
				reach[leaf[author].at[l].of_epoch] = leaf[author].at[l].of_size
			:: else
			fi;
			i++
		:: else -> break
		od;
		x--
	:: else -> break
	od;
	reach[0] = 0; i = 0; l = 0
}

/* found: does a SUSPEND of `author` stand in what (e0, n0) reaches? Both sides judge with this one rule (rules 5). */
inline suspend_before(author, ledger, e0, n0)
{
	found = false;
	if
	:: e0 > 0 ->
		chain(author, ledger, e0, n0);
		x = e0;
		do
		:: x > 0 ->
			i = 0;
			do
			:: i < reach[x] && i < SIZE(ledger.log[author].at[x]) ->
				found = found || leaf[author].at[AT(ledger.log[author].at[x], i)].kind == SUSPEND;
				i++
			:: else -> break
			od;
			x--
		:: else -> break
		od
	:: else
	fi;
	i = 0
}

/* found: does this ledger hold the question m of `author`? */
inline holds(author, ledger, m)
{
	found = false;
	x = EPOCHS;
	do
	:: x > 0 ->
		i = 0;
		do
		:: i < SIZE(ledger.log[author].at[x]) ->
			found = found || (leaf[author].at[AT(ledger.log[author].at[x], i)].kind == QUERY && leaf[author].at[AT(ledger.log[author].at[x], i)].what == m);
			i++
		:: else -> break
		od;
		x--
	:: else -> break
	od;
	i = 0
}

/* What was called `delivered` is on both disks, and after the loss of one of them still on the other. */
inline check_delivered()
{
	n = 0;
	do
	:: n < MESSAGES ->
		if
		:: delivered & BIT(n) ->
			holds(OWNER(n), disk[OWNER(n)], n);
			ready = found;
			holds(OWNER(n), disk[1 - OWNER(n)], n);
			P5(ready || found);
			P5((ready && found) || restored[A] || restored[B])
		:: else
		fi;
		n++
	:: else -> break
	od;
	n = 0; found = false; ready = false
}

/* ---- starting ---- */

/*
 * W1: every start draws an epoch. Its GENESIS names (epoch, size, root) of the last one and is durable before
 * anything is signed. The keeper forgot what it signed before.
 */
inline start(p)
{
	signs[p] = 0;
	drawn[p]++;
	x = EPOCHS;
	do
	:: x > 0 && work[p].log[p].at[x] == 0 -> x--
	:: else -> break
	od;
	n = x; /* the last own epoch on disk */
#ifdef ONE_EPOCH
	current[p] = 1; /* the mutation: one epoch, "compare heads and resume at index n" */
#else
#ifdef COUNTER_EPOCH
	current[p] = n + 1; /* the mutation: a counter on the disk */
#else
	current[p] = drawn[p];
#endif
#endif
	if
	:: n > 0 && !restored[p] ->
		/* Without a restore nothing that was signed is ever gone: the chain of epochs itself does not fork. */
		P1(SIZE(work[p].log[p].at[n]) >= SIZE(evidence[p].at[n]))
	:: else
	fi;
	if
	:: work[p].log[p].at[current[p]] == 0 ->
		k = (n > 0 -> SIZE(work[p].log[p].at[n]) : 0);
		append(p, GENESIS, 0, 0, n, k);
		printf("%c starts epoch %d; GENESIS names epoch %d, size %d\n", 65 + p, current[p], n, k);
		k = 0;
		copy(disk[p], work[p]);
		kept[p] = leaves[p]
	:: else
	fi;
	dirty[p] = false;
	session = false;
	read[A] = 0;
	read[B] = 0;
	n = 0
}

/* What never reached the disk is gone, and nobody was bound by it (W2, R8). */
inline forget(p)
{
	copy(work[p], disk[p]);
	do
	:: leaves[p] > kept[p] ->
		leaf[p].at[leaves[p]].kind = 0;
		leaf[p].at[leaves[p]].what = 0;
		leaf[p].at[leaves[p]].status = 0;
		leaf[p].at[leaves[p]].of_epoch = 0;
		leaf[p].at[leaves[p]].of_size = 0;
		leaf[p].at[leaves[p]].seen_epoch = 0;
		leaf[p].at[leaves[p]].seen_size = 0;
		leaves[p]--
	:: else -> break
	od
}

/* ---- acting on one covered entry of the author q, at (e, k) of its log; the log held here ends with it ---- */

inline act(p, q)
{
	at = AT(work[p].log[OTHER].at[e], k);
	if
	:: leaf[q].at[at].kind == QUERY ->
		printf("   %c holds question %d\n", 65 + p, leaf[q].at[at].what);
#ifdef SUSPEND_BY_ARRIVAL
		found = work[p].suspended; /* the mutation: whoever comes after our SUSPEND is in breach */
#else
		/* rules 5: a question whose `seen` covers our SUSPEND is a breach, any other is innocent. */
		suspend_before(p, work[p], leaf[q].at[at].seen_epoch, leaf[q].at[at].seen_size);
#endif
		P7(!HONEST(q) || !found); /* an honest author is never in breach */
#ifdef JUDGE_ON_ARRIVAL
		if
		:: !work[p].suspended -> work[p].judged = work[p].judged | BIT(leaf[q].at[at].what)
		:: else
		fi;
#endif
		/* R4: once per mid, whatever epoch it comes in. */
		if
#ifdef DEDUPE_BY_INDEX
		:: true -> /* the mutation: each (epoch, index) comes once, so what comes is new */
			work[p].place[leaf[q].at[at].what] = 8 * e + k;
			work[p].open = work[p].open | BIT(leaf[q].at[at].what)
#else
		:: work[p].known & BIT(leaf[q].at[at].what)
		:: else -> work[p].open = work[p].open | BIT(leaf[q].at[at].what)
#endif
		fi;
		work[p].held = work[p].held | BIT(leaf[q].at[at].what);
		work[p].known = work[p].known | BIT(leaf[q].at[at].what)
	:: leaf[q].at[at].kind == REPLY ->
		printf("   %c holds the answer to %d\n", 65 + p, leaf[q].at[at].what);
		/* The asker, from the answerer's log alone, comes to the judgement that the answerer wrote. */
		suspend_before(q, work[p], e, k);
		P7(!HONEST(q) || found == (leaf[q].at[at].status == SAYS_SUSPENDED));
#ifdef REACH_CROSSING
		assert(leaf[q].at[at].status != SAYS_SUSPENDED);
#endif
		work[p].answered = work[p].answered | BIT(leaf[q].at[at].what)
	:: leaf[q].at[at].kind == SUSPEND -> work[p].told = true
	:: else
	fi;
	found = false; at = 0
}

/*
 * The reader p looks at the next CHECKPOINT of the author q. What it covers, and what GENESIS and ADOPT in it
 * name of older epochs, is read in the order of epochs (R2, R3).
 */
inline take(p, q)
{
	read[p]++;
	do
	:: (signs[q] & (1 << read[p])) == 0 -> read[p]++
	:: else -> break
	od;
	printf("%c reads %c's checkpoint of epoch %d, size %d\n", 65 + p, 65 + q, current[q], read[p]);
	signs[q] = (signs[q] >> read[p]) << read[p]; /* older ones say nothing new (R2) */
	chain(q, work[q], current[q], read[p]);
	ready = true;
	e = 1;
	do
	:: e <= EPOCHS ->
		target[e] = reach[e];
		/* R2: one root per size. A reader whose partner shows another history has to say ALARM. */
		n = SHORTER(SIZE(work[p].log[OTHER].at[e]), SIZE(work[q].log[q].at[e]));
		P6(!HONEST(p) || PREFIX(work[p].log[OTHER].at[e], n) == PREFIX(work[q].log[q].at[e], n));
		/*
		 * We hold more of an epoch than the new one names: its author was restored and has not said ADOPT yet.
		 * Nothing of the new epoch is acted on before it does. Without ADOPT there is nothing to wait for.
		 */
		if
		:: e < current[q] && SIZE(work[p].log[OTHER].at[e]) > reach[e] ->
#ifdef NO_ADOPT
			P6(!HONEST(p));
#endif
			ready = !HONEST(p) && ready
		:: else
		fi;
		e++
	:: else -> break
	od;
	e = 1;
	do
	:: ready && e <= EPOCHS ->
		P6(target[e] <= SIZE(work[q].log[q].at[e])); /* an author holds what its own log names */
		k = SIZE(work[p].log[OTHER].at[e]);
		do
		:: k < target[e] ->
			work[p].log[OTHER].at[e] = PREFIX(work[q].log[q].at[e], k + 1);
			dirty[p] = true;
			act(p, q);
			k++
		:: else -> break
		od;
		e++
	:: else -> break
	od;
	e = 0; k = 0; n = 0; ready = false
}

/* R4, R5: everything of a turn gets durable at once; only then does anything leave. */
inline fsync(p)
{
	printf("%c's turn is durable\n", 65 + p);
	n = 0;
	do
	:: n < MESSAGES ->
		if
		:: work[p].outbox & BIT(n) ->
			/* Given a second time only by a ledger that was restored; then the application compares the mid. */
#ifdef DEDUPE_BY_INDEX
			if
			:: done[n] == 0 || did[n] != work[p].place[n] -> done[n]++; did[n] = work[p].place[n]
			:: else
			fi;
#else
			P2(done[n] == 0 || restored[p]);
			done[n] = 1;
#endif
			P2(done[n] <= 1)
		:: else
		fi;
		n++
	:: else -> break
	od;
	work[p].outbox = 0;
	copy(disk[p], work[p]);
	kept[p] = leaves[p];
	dirty[p] = false;
	n = 0;
	check_delivered()
}

#ifdef SIGN_BEFORE_FSYNC
#define TO_SIGN(p)  work[p].log[p].at[current[p]]
#define MAY_SIGN(p) UNSIGNED(p)
#else
#define TO_SIGN(p)  disk[p].log[p].at[current[p]] /* W3 */
#define MAY_SIGN(p) (!dirty[p] && UNSIGNED(p))
#endif

/* W3, W4: the keeper extends what it signed in this life. It remembers nothing of earlier ones. */
inline sign(p)
{
	printf("%c signs epoch %d, size %d\n", 65 + p, current[p], SIZE(TO_SIGN(p)));
	signs[p] = signs[p] | (1 << SIZE(TO_SIGN(p)));
	/* Of two signed checkpoints of one origin the shorter is the beginning of the longer. */
	n = SHORTER(SIZE(TO_SIGN(p)), SIZE(evidence[p].at[current[p]]));
	P1(PREFIX(TO_SIGN(p), n) == PREFIX(evidence[p].at[current[p]], n));
	if
	:: SIZE(TO_SIGN(p)) > SIZE(evidence[p].at[current[p]]) -> evidence[p].at[current[p]] = TO_SIGN(p)
	:: else
	fi;
	/* The question behind each REPLY under this signature is on the answerer's disk. */
	e = 0;
	do
	:: e < SIZE(TO_SIGN(p)) ->
		l = AT(TO_SIGN(p), e);
		if
		:: leaf[p].at[l].kind == REPLY ->
			at = leaf[p].at[l].what;
			holds(OTHER, disk[p], at);
			P3(found)
		:: else
		fi;
		if
		:: l > kept[p] -> kept[p] = l
		:: else
		fi;
		e++
	:: else -> break
	od;
	e = 0; l = 0; n = 0; at = 0; found = false
}

#ifdef RECEIPT_BEFORE_FSYNC
#define RECEIPTS(p) work[p].held
#else
#define RECEIPTS(p) disk[p].held /* R6 */
#endif
#define UNRECEIPTED(p) (RECEIPTS(p) & work[1 - (p)].asked & ~work[1 - (p)].receipted)

/*
 * R6: p receipts what it holds durably, and the author takes the receipt into its turn. One that is lost on the way
 * is repeated (wire 2), so giving and taking are one step here.
 */
inline receipt(p)
{
	printf("%c receipts what it holds\n", 65 + p);
	n = 0;
	do
	:: n < MESSAGES ->
		if
		:: UNRECEIPTED(p) & BIT(n) ->
			holds(OTHER, disk[p], n);
			P4(found)
		:: else
		fi;
		n++
	:: else -> break
	od;
	/* The author says `delivered` (W8) once the receipt is durable here too; before that nobody sees a difference. */
	work[OTHER].receipted = work[OTHER].receipted | UNRECEIPTED(p);
	disk[OTHER].receipted = work[OTHER].receipted;
	delivered = delivered | disk[OTHER].receipted;
	check_delivered()
}

/* A person asks, or asks again after a crash, with the same mid. W7 of rules 5: not after SUSPEND of either side. */
inline ask(p, m)
{
	printf("%c asks question %d\n", 65 + p, m);
	append(p, QUERY, m, 0, 0, 0);
	work[p].asked = work[p].asked | BIT(m);
	begun = true
}

/* The lookup came back. What counts is what stands in our log before this REPLY (rules 5). */
inline reply(p, m)
{
#ifdef JUDGE_ON_ARRIVAL
	n = (work[p].judged & BIT(m) -> SAYS_OK : SAYS_SUSPENDED); /* the mutation: as it was when the question came */
#else
	n = (work[p].suspended -> SAYS_SUSPENDED : SAYS_OK);
#endif
	printf("%c answers question %d: %d\n", 65 + p, m, n);
	append(p, REPLY, m, n, 0, 0);
	work[p].open = work[p].open & ~BIT(m);
	if
	:: n == SAYS_OK -> work[p].outbox = work[p].outbox | BIT(m)
	:: else
	fi;
	n = 0
}

inline suspend(p)
{
	printf("%c says SUSPEND\n", 65 + p);
	append(p, SUSPEND, 0, 0, 0, 0);
	work[p].suspended = true
}

/*
 * ADOPT (W7): the partner shows a checkpoint of ours, of an epoch that is not open, beyond what we hold. We fetch the
 * entries, verify our own signature, store them, and say so in the log.
 */
inline adopt(p, epoch, shown)
{
	fetched = shown;
	printf("%c adopts its epoch %d at size %d\n", 65 + p, epoch, SIZE(fetched));
	/* Our own signature covers it, or that of a later epoch of ours whose GENESIS names it. */
	n = SHORTER(SIZE(fetched), SIZE(work[p].log[p].at[epoch]));
	P6(PREFIX(fetched, n) == PREFIX(work[p].log[p].at[epoch], n)); /* else this would be our own fork */
	work[p].log[p].at[epoch] = fetched;
	n = SIZE(fetched);
	append(p, ADOPT, 0, 0, epoch, n);
	i = 0;
	do
	:: i < n ->
		l = AT(work[p].log[p].at[epoch], i);
		if
		:: leaf[p].at[l].kind == QUERY -> work[p].asked = work[p].asked | BIT(leaf[p].at[l].what)
		:: leaf[p].at[l].kind == REPLY ->
			work[p].known = work[p].known | BIT(leaf[p].at[l].what);
			work[p].open = work[p].open & ~BIT(leaf[p].at[l].what)
		:: leaf[p].at[l].kind == SUSPEND -> work[p].suspended = true
		:: else
		fi;
		i++
	:: else -> break
	od;
#ifdef REACH_ADOPT
	assert(false);
#endif
	i = 0; l = 0; n = 0; fetched = 0
}

#ifdef LIAR
/*
 * B has every signature of A that there ever was, never forgets, and shows whichever it likes, or none. A claim that
 * A's signature does not bear out changes nothing at A.
 */
#define SHOWN(p, epoch) evidence[p].at[epoch]
#define A_LITTLE(p, epoch) PREFIX(SHOWN(p, epoch), SIZE(work[p].log[p].at[epoch]) + 1)
#else
#define SHOWN(p, epoch) disk[1 - (p)].log[p].at[epoch]
#endif

/* ---- what may happen next ---- */

/*
 * A turn takes in one event and what can be answered at once, is made durable, is signed; then comes the next. Turns of
 * more events are turns of one that the partner did not look at in between.
 */
#define FREE(p)		    (!dirty[p] && !UNSIGNED(p))
#define UNSIGNED(p)	    ((signs[p] & (1 << SIZE(TO_SIGN(p)))) == 0)
#define MAY_ASK(p, m)	    (FREE(p) && OWNER(m) == p && m < MESSAGES && (m == 0 || OWNER(0) != p || begun) && !(work[p].asked & BIT(m)) && !work[p].told && !work[p].suspended)
#define MAY_REPLY(p, m)	    ((dirty[p] || FREE(p)) && m < MESSAGES && (work[p].open & BIT(m)))
#define MAY_RECEIPT(p)	    (session && FREE(1 - (p)) && UNRECEIPTED(p) != 0)
#ifdef NO_ADOPT
#define BEHIND(p, epoch) false
#else
#define BEHIND(p, epoch) (epoch <= EPOCHS && epoch != current[p] && SIZE(SHOWN(p, epoch)) > SIZE(work[p].log[p].at[epoch]))
#endif
/* The oldest first: nobody adopts an epoch whose GENESIS names what he does not hold, else his own log would have a hole. */
#ifdef ADOPT_ANY_ORDER
#define FIRST_TO_ADOPT	  EPOCHS
#define NEXT_TO_ADOPT(k)  (k - 1)
#define FOLLOWS(p, first) true
#else
#define FIRST_TO_ADOPT	  1
#define NEXT_TO_ADOPT(k)  (k + 1)
#define FOLLOWS(p, first) (SIZE(work[p].log[p].at[leaf[p].at[first].of_epoch]) >= leaf[p].at[first].of_size)
#endif
#define MAY_ADOPT(p, epoch) (session && FREE(p) && BEHIND(p, epoch) && FOLLOWS(p, AT(SHOWN(p, epoch), 0)))
#define UNREAD(p)	    ((signs[1 - (p)] >> (read[p] + 1)) != 0)
#define WANTS_ADOPT(p)	    (BEHIND(p, 1) || BEHIND(p, 2) || BEHIND(p, 3) || BEHIND(p, 4))
#define BUSY(p)		    (dirty[p] || UNSIGNED(p) || UNREAD(p) || WANTS_ADOPT(p) || work[p].open || MAY_RECEIPT(p))

/* When nothing is left to do, each side holds all that the other's open epoch names, and every question is answered. */
inline check_settled(p, q)
{
	chain(q, disk[q], current[q], SIZE(disk[q].log[q].at[current[q]]));
	e = 1;
	do
	:: e <= EPOCHS -> P8(!HONEST(p) || PREFIX(disk[q].log[q].at[e], reach[e]) == disk[p].log[OTHER].at[e]); e++
	:: else -> break
	od;
	P8(!HONEST(p) || (disk[p].asked & ~disk[p].answered) == 0);
	P8(!HONEST(p) || (disk[p].asked & ~disk[p].receipted) == 0);
	e = 0
}

inline crash(p)
{
	printf("%c crashes\n", 65 + p);
	crashes--;
	forget(p);
	start(p);
	check_delivered()
}

/* The disk is that of the backup, or a new one. */
inline restore(p)
{
	printf("%c is restored from a backup\n", 65 + p);
	restores--;
	restored[p] = true;
	copy(disk[p], backup);
	wipe(backup);
	saved = NOBODY;
	forget(p);
	start(p);
	check_delivered()
}

proctype party(byte p)
{
	do
	/* The author. */
	:: d_step { MAY_ASK(p, 0) -> ask(p, 0) }
	:: d_step { MAY_ASK(p, 1) -> ask(p, 1) }
	:: d_step { MAY_REPLY(p, 0) -> reply(p, 0) }
	:: d_step { MAY_REPLY(p, 1) -> reply(p, 1) }
	:: d_step { p == B && FREE(p) && suspends > 0 -> suspends--; suspend(p) }
	:: d_step { dirty[p] -> fsync(p) }
	:: d_step { MAY_SIGN(p) -> sign(p) }
#ifdef LIAR
	:: d_step { MAY_ADOPT(p, 1) -> adopt(p, 1, SHOWN(p, 1)) }
	:: d_step { MAY_ADOPT(p, 2) -> adopt(p, 2, SHOWN(p, 2)) }
	:: d_step { MAY_ADOPT(p, 3) -> adopt(p, 3, SHOWN(p, 3)) }
	:: d_step { MAY_ADOPT(p, 1) -> adopt(p, 1, A_LITTLE(p, 1)) }
	:: d_step { MAY_ADOPT(p, 2) -> adopt(p, 2, A_LITTLE(p, 2)) }
	:: d_step { MAY_ADOPT(p, 3) -> adopt(p, 3, A_LITTLE(p, 3)) }
#else
	:: d_step { MAY_ADOPT(p, 1) || MAY_ADOPT(p, 2) || MAY_ADOPT(p, 3) || MAY_ADOPT(p, 4) ->
			k = FIRST_TO_ADOPT;
			do
			:: !MAY_ADOPT(p, k) -> k = NEXT_TO_ADOPT(k)
			:: else -> break
			od;
			adopt(p, k, SHOWN(p, k));
			k = 0
		}
#endif

	/* The reader. The partner's checkpoints wait in the connection, in their order. */
	:: d_step { session && FREE(p) && UNREAD(p) -> take(p, OTHER) }
	:: d_step { MAY_RECEIPT(p) -> receipt(p) }

	/* The session. A HELLO tells what is durable, so it leaves when a turn is done. */
	:: d_step { p == A && !session && FREE(A) && FREE(B) -> printf("a session begins\n"); session = true }

	/* Accidents. */
	:: d_step { MAYFAIL(p) && crashes > 0 -> crash(p) }
	:: d_step { MAYFAIL(p) && restores > 0 && saved == NOBODY && FREE(p) ->
			printf("%c's disk is saved\n", 65 + p);
			saved = p;
			copy(backup, disk[p])
		}
	:: d_step { MAYFAIL(p) && restores > 0 && (saved == NOBODY || saved == p) -> restore(p) }

	:: d_step { p == A && session && !BUSY(A) && !BUSY(B) ->
			check_settled(A, B);
			check_settled(B, A);
#ifdef REACH_END
			assert(delivered != BIT(MESSAGES) - 1 || crashes + restores > 0);
#endif
			found = false
		}
	od
}

init {
	atomic {
		d_step { start(A) }
		d_step { start(B) }
		run party(A);
		run party(B)
	}
}
