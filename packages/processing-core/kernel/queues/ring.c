/* See ring.h for the shape and README.md for the argument. */
#include "queues/ring.h"
#include "queues/doorbell.h"
#include "arena/heap.h"
#include "arena/journal.h"
#include "arena/robust_lock.h"

#include <string.h>

outcome ring_make(cell_id id, uint64_t max_items, uint64_t max_bytes)
{
    struct ring *r = cell_block(id);
    struct section s;
    uint64_t at;
    bool cold;
    r->max_items = max_items;
    r->max_bytes = max_bytes;
    r->segment_size = FIRST_SEGMENT;
    arena_enter(&s, true);
    outcome o = heap_take(FIRST_SEGMENT, &at, &cold); /* no larger than a step: warm */
    if (o == OK && at + FIRST_SEGMENT > arena.mapped) o = E_RANGE;
    if (o == OK) {
        segment_init(segment_at(at), 0, segment_room(FIRST_SEGMENT));
        store_relaxed(&r->put_segment, at);
        tx_set(&r->get_segment, at);
        tx_set(&arena_cell(id_index(id))->ready, 1);
    } else {
        tx_abort();
    }
    arena_leave(&s);
    return o;
}

/* -- recovery of what the positions imply; under the lock, taken from the dead -- */

/* How many messages precede a position in a segment, and what they weigh. */
struct sum {
    uint64_t messages, weight;
};

static struct sum sum_before(struct segment *s, uint64_t position)
{
    struct sum sum = {load_relaxed(&s->first), load_relaxed(&s->weight)};
    for (uint64_t at = load_relaxed(&s->base); at < position; sum.messages++) {
        struct message *m = message_at(s, at);
        if (m->size == MESSAGE_SKIP) break;
        sum.weight += message_weight(m->flags);
        at += aligned(m->size);
    }
    return sum;
}

/* Consumers free segments inside arena sections only, so the chain does not change during this section. */
static void repair_put(struct ring *r)
{
    struct section section;
    arena_enter(&section, false);
    uint64_t tail = load_relaxed(&r->tail), at = load_relaxed(&r->get_segment);
    while (tail > load_relaxed(&segment_at(at)->end)) at = load_relaxed(&segment_at(at)->next);
    crash_point();
    doorbell_assume_rung(&r->doorbell);
    crash_point();
    store_relaxed(&r->put_segment, at);
    crash_point();
    struct sum sum = sum_before(segment_at(at), tail);
    store_relaxed(&r->puts, sum.messages);
    store_relaxed(&r->put_weight, sum.weight);
    arena_leave(&section);
}

/* A consumer writes its claim before it consumes the message, so it may have died between the two, and the next
 * consumer will move `head` past that message.  No consumer has done so yet, as this process holds the lock: so clear
 * the claim unless `head` has passed its position.  If the claim still names an earlier message, it is true: `head` has
 * passed that. */
static void repair_claim(struct ring *r)
{
    uint64_t at = load_relaxed(&r->claim);
    if (!at) return;
    struct claim *c = arena_at(at);
    if (load_relaxed(&c->position) > load_relaxed(&r->head)) store_release(&c->position, 0);
    crash_point();
    store_release(&r->claim, 0);
}

static void repair_get(struct ring *r)
{
    struct segment *s = segment_at(load_relaxed(&r->get_segment));
    crash_point();
    repair_claim(r);
    crash_point();
    struct sum sum = sum_before(s, load_relaxed(&r->head));
    store_relaxed(&r->gets, sum.messages);
    store_relaxed(&r->got_weight, sum.weight);
}

static bool lock_put(struct ring *r, bool fast)
{
    if (robust_lock_try(&r->put_lock, arena.self)) return true;
    if (fast) return false;
    if (robust_lock_take(&r->put_lock, &r->put_parked) == ROBUST_LOCK_FROM_DEAD) repair_put(r);
    return true;
}

static bool lock_get(struct ring *r, bool fast)
{
    if (robust_lock_try(&r->get_lock, arena.self)) return true;
    if (fast) return false;
    if (robust_lock_take(&r->get_lock, &r->get_parked) == ROBUST_LOCK_FROM_DEAD) repair_get(r);
    return true;
}

static void unlock_put(struct ring *r) { robust_lock_release(&r->put_lock, &r->put_parked); }
void ring_hold(struct ring *r) { lock_put(r, false); }
void ring_let_go(struct ring *r) { unlock_put(r); }
static void unlock_get(struct ring *r) { robust_lock_release(&r->get_lock, &r->get_parked); }

/* A consumer that died may not have advanced `gets`: then the ring would look full to producers for ever; and likewise
 * for a producer and `puts`.  Waiters call this once a slice, without the GIL. */
void ring_look(struct ring *r)
{
    park_look(&r->spinner);
    if (robust_lock_take_from_dead(&r->get_lock) == ROBUST_LOCK_FROM_DEAD) {
        repair_get(r);
        unlock_get(r);
        observable_wake(&r->not_full, ALL_WAITERS);
    }
    if (robust_lock_take_from_dead(&r->put_lock) == ROBUST_LOCK_FROM_DEAD) {
        repair_put(r);
        unlock_put(r);
        observable_wake(&r->not_empty, ALL_WAITERS);
    }
}

/* -- putting -- */

/* Link a further segment that holds a message of `need` bytes.  The ring's lock is held: the arena lock comes last. */
static outcome segment_append(struct ring *r, struct segment *last, uint64_t need)
{
    struct section section;
    uint64_t bytes = r->segment_size, at;
    bool cold;
    while (segment_room(bytes) < need) bytes *= 2;
    arena_enter(&section, false);
    outcome o = heap_take(bytes, &at, &cold);
    if (o == OK && at + bytes > arena.mapped) o = E_RANGE;
    if (o == OK) {
        segment_init(segment_at(at), load_relaxed(&last->end), segment_room(bytes));
        tx_set(&last->next, at);
    } else {
        tx_abort();
    }
    arena_leave(&section);
    if (r->segment_size < LARGEST_SEGMENT) r->segment_size *= 2;
    return o;
}

/* Whether there is room within the bounds; a put larger than the bounds fits an empty ring. */
static bool room_for(struct ring *r, struct room need)
{
    uint64_t puts = load_relaxed(&r->puts), tail = load_relaxed(&r->tail);
    for (int look = 0; look < 2; look++) {
        uint64_t items = puts - load_relaxed(&r->seen_gets), used = tail - load_relaxed(&r->seen_head);
        if (ring_bounds_bytes(r)) used += load_relaxed(&r->put_weight) - load_relaxed(&r->seen_weight);
        bool items_fit = items == 0 || (items < r->max_items && need.items <= r->max_items - items);
        bool bytes_fit =
            used == 0 || !ring_bounds_bytes(r) || (used < r->max_bytes && need.bytes <= r->max_bytes - used);
        if (items_fit && bytes_fit) return true;
        store_relaxed(&r->seen_gets, load_acquire(&r->gets));
        if (ring_bounds_bytes(r)) store_relaxed(&r->seen_weight, load_acquire(&r->got_weight));
        store_relaxed(&r->seen_head, load_acquire(&r->head));
    }
    return false;
}

/* The position of an unfinished put: consumers see nothing of it before `tail` is stored. */
struct cursor {
    struct segment *segment;
    uint64_t position, number, weight;
};

/* Move the cursor to a position where `need` bytes fit. */
static outcome advance(struct ring *r, struct cursor *c, uint64_t need, bool fast)
{
    while (c->position + need > load_relaxed(&c->segment->end)) {
        if (load_relaxed(&c->segment->next) == 0) {
            if (fast) return BUSY;
            outcome o = segment_append(r, c->segment, need);
            if (o != OK) return o;
        }
        if (c->position < load_relaxed(&c->segment->end)) message_at(c->segment, c->position)->size = MESSAGE_SKIP;
        crash_point();
        c->segment = segment_at(load_relaxed(&c->segment->next));
        c->position = load_relaxed(&c->segment->base);
        store_relaxed(&c->segment->first, c->number);
        store_relaxed(&c->segment->weight, c->weight);
    }
    return OK;
}

static void write_message(struct cursor *c, const struct outgoing *m, uint32_t index)
{
    struct message *to = message_at(c->segment, c->position);
    uint8_t *bytes = (uint8_t *)(to + 1);
    to->size = outgoing_size(m);
    to->flags = m->flags;
    memcpy(bytes, m->prefix, m->prefix_size);
    if (m->head_size) memcpy(bytes + m->prefix_size, m->head, m->head_size);
    if (m->tail_size) memcpy(bytes + m->prefix_size + m->head_size, m->tail, m->tail_size);
    if (m->flags & MESSAGE_PARCEL) {
        struct reference *ref = m->ref; /* the transfer record: see references.h for the order */
        store_relaxed(&ref->position, c->position);
        store_release(&ref->transfer, (uint64_t)TRANSFER_PUTTING << 32 | index);
        crash_point();
    }
    c->position += aligned(outgoing_size(m));
    c->weight += message_weight(m->flags);
    c->number++;
}

static void end_transfers(const struct outgoing *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!(m[i].flags & MESSAGE_PARCEL)) continue;
        struct reference *ref = m[i].ref;
        store_release(&ref->ref, 0);
        crash_point();
        store_release(&ref->transfer, TRANSFER_NONE);
    }
}

static void abandon_transfers(const struct outgoing *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (m[i].flags & MESSAGE_PARCEL) store_release(&m[i].ref->transfer, TRANSFER_NONE);
}

static outcome put_locked(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast, int doorbell)
{
    struct cursor c = {segment_at(load_relaxed(&r->put_segment)), load_relaxed(&r->tail), load_relaxed(&r->puts),
                       load_relaxed(&r->put_weight)};
    for (uint32_t i = 0; i < n; i++) {
        outcome o = advance(r, &c, aligned(outgoing_size(&m[i])), fast);
        if (o != OK) {
            abandon_transfers(m, i);
            return o;
        }
        write_message(&c, &m[i], index);
    }
    crash_point();
    if (doorbell >= 0) doorbell_ring(&r->doorbell, doorbell);
    store_release(&r->tail, c.position); /* publishes; pairs with the acquire in ring_get and transfer_done */
    crash_point();
    end_transfers(m, n);
    store_relaxed(&r->put_segment, arena_offset(c.segment));
    if (c.weight != load_relaxed(&r->put_weight)) store_release(&r->put_weight, c.weight); /* of parcels only */
    crash_point();
    store_release(&r->puts, c.number);
    return OK;
}

struct room outgoing_room(const struct outgoing *m, uint32_t n)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++) bytes += aligned(outgoing_size(&m[i])) + message_weight(m[i].flags);
    return (struct room){n, bytes};
}

outcome ring_put_ringing(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast,
                         uint64_t *number, int doorbell)
{
    struct room need = outgoing_room(m, n);
    if (!lock_put(r, fast)) return BUSY;
    outcome o = BUSY;
    *number = load_relaxed(&r->puts);
    if (load_relaxed(&r->state) & RING_SHUT) o = E_CLOSED;
    else if (room_for(r, need)) o = put_locked(r, index, m, n, fast, doorbell);
    unlock_put(r);
    if (o == OK && n > 1) observable_wake(&r->not_empty, ALL_WAITERS);
    else if (o == OK) observable_wake_unless(&r->not_empty, &r->spinner);
    return o;
}

outcome ring_put(struct ring *r, uint32_t index, const struct outgoing *m, uint32_t n, bool fast, uint64_t *number)
{
    return ring_put_ringing(r, index, m, n, fast, number, -1);
}

/* -- getting -- */

/* Free the segment that is used up, and go on to the next.  It is one transaction, so get_segment never dangles. */
static void segment_drop(struct ring *r)
{
    struct section section;
    uint64_t at = load_relaxed(&r->get_segment);
    arena_enter(&section, false);
    tx_set(&r->get_segment, load_relaxed(&segment_at(at)->next));
    heap_give(at);
    arena_leave(&section);
}

/* The message at head, once there is one; NULL if a segment must be dropped first and the call is fast. */
static struct message *first_message(struct ring *r, uint64_t *position, bool fast)
{
    for (;;) {
        struct segment *s = segment_at(load_relaxed(&r->get_segment));
        uint64_t base = load_relaxed(&s->base), head = load_relaxed(&r->head);
        *position = head > base ? head : base; /* a consumer may have died between dropping a segment and head */
        if (*position < load_relaxed(&s->end)) {
            struct message *m = message_at(s, *position);
            if (m->size != MESSAGE_SKIP) return m;
        }
        if (fast) return NULL;
        segment_drop(r);
    }
}

/* The claim's offset is stored in the ring first and cleared last, so that repair_claim finds a claim that is half
 * written.  The position is zero while the numbers change, so that no reader combines it with another claim's
 * numbers. */
static void write_claim(struct ring *r, const struct incoming *m)
{
    struct claim *c = m->claim;
    uint64_t header[2] = {0, 0};
    if (m->flags & MESSAGE_HEADED) memcpy(header, m->data + (m->flags & MESSAGE_PARCEL ? 8 : 0), sizeof header);
    store_relaxed(&r->claim, arena_offset(c));
    crash_point();
    store_release(&c->position, 0);
    crash_point();
    store_release(&c->job_id, header[0]);
    store_release(&c->index, header[1]);
    uint32_t items = message_items(m->flags, m->data);
    work_open(c, m->flags & MESSAGE_CANCELLED ? 0 : items ? items : 1); /* of what was cancelled, none is to be run */
    crash_point();
    store_release(&c->position, m->position + 1);
}

/* Copy a message out; nothing of it is consumed before `head` is stored. */
static void read_message(uint32_t index, struct message *from, uint64_t position, uint64_t number, struct incoming *m)
{
    m->size = from->size;
    m->flags = from->flags;
    m->number = number;
    m->position = position;
    memcpy(m->data, from + 1, from->size);
    if (!(from->flags & MESSAGE_PARCEL)) return;
    uint64_t id; /* the transfer record: see references.h for the order */
    memcpy(&id, from + 1, sizeof id);
    store_relaxed(&m->entry->position, position);
    store_release(&m->entry->transfer, (uint64_t)TRANSFER_GETTING << 32 | index);
    crash_point();
    store_release(&m->entry->ref, id);
}

static void count_got(struct ring *r, uint64_t gets, uint64_t weight)
{
    if (weight) store_release(&r->got_weight, load_relaxed(&r->got_weight) + weight);
    store_release(&r->gets, gets);
}

static void take_message(struct ring *r, uint32_t index, struct message *from, uint64_t position, struct incoming *m)
{
    uint64_t gets = load_relaxed(&r->gets);
    read_message(index, from, position, gets, m);
    if (m->claim) write_claim(r, m);
    crash_point();
    store_release(&r->head, position + aligned(m->size)); /* consumes; pairs with room_for and transfer_done */
    crash_point();
    if (m->claim) store_release(&r->claim, 0);
    count_got(r, gets + 1, message_weight(m->flags));
    if (m->flags & MESSAGE_PARCEL) store_release(&m->entry->transfer, TRANSFER_NONE);
}

/* Whether there is a message: OK, BUSY or E_CLOSED. */
static outcome anything(struct ring *r)
{
    if (load_relaxed(&r->head) == load_relaxed(&r->seen_tail)) store_relaxed(&r->seen_tail, load_acquire(&r->tail));
    if (load_relaxed(&r->head) < load_relaxed(&r->seen_tail)) return OK;
    bool over = load_acquire(&r->state) & RING_SHUT && load_acquire(&r->tail) == load_relaxed(&r->head);
    return over ? E_CLOSED : BUSY;
}

outcome ring_get(struct ring *r, uint32_t index, struct incoming *m, bool fast)
{
    if (!lock_get(r, fast)) return BUSY;
    outcome o = load_relaxed(&r->closed_now) ? E_CLOSED : anything(r);
    if (o == OK) {
        uint64_t position;
        struct message *from = first_message(r, &position, fast);
        if (from) take_message(r, index, from, position, m);
        else o = BUSY;
    }
    unlock_get(r);
    if (o == OK) observable_wake(&r->not_full, ring_bounds_bytes(r) ? ALL_WAITERS : 1);
    return o;
}

/* A segment that is used up must be dropped before the next one is read, and its messages must be consumed before it is
 * dropped: so one call takes the messages of one segment at most. */
static void take_messages(struct ring *r, uint32_t index, struct message *from, uint64_t position,
                          struct incoming_many *h)
{
    struct segment *s = segment_at(load_relaxed(&r->get_segment));
    uint64_t gets = load_relaxed(&r->gets), weight = 0, end = load_relaxed(&s->end), tail = load_relaxed(&r->seen_tail);
    uint8_t *data = h->data;
    if (end > tail) end = tail;
    while (h->n < h->limit && position < end && (from = message_at(s, position))->size != MESSAGE_SKIP) {
        struct incoming *m = &h->messages[h->n];
        if (from->flags & MESSAGE_PARCEL) {
            if (h->parcels == h->n_entries) break;
            m->entry = h->entries[h->parcels++];
        }
        m->data = data;
        read_message(index, from, position, gets + h->n++, m);
        data += aligned(m->size);
        position += aligned(m->size);
        weight += message_weight(m->flags);
    }
    crash_point();
    store_release(&r->head, position); /* consumes all of them; pairs as in take_message */
    crash_point();
    count_got(r, gets + h->n, weight);
    for (uint32_t i = 0; i < h->parcels; i++) store_release(&h->entries[i]->transfer, TRANSFER_NONE);
}

outcome ring_get_many(struct ring *r, uint32_t index, struct incoming_many *h, bool fast)
{
    if (!lock_get(r, fast)) return BUSY;
    outcome o = load_relaxed(&r->closed_now) ? E_CLOSED : anything(r);
    if (o == OK) {
        uint64_t position;
        struct message *from = first_message(r, &position, fast);
        if (from) take_messages(r, index, from, position, h);
        else o = BUSY;
    }
    unlock_get(r);
    if (o == OK) observable_wake(&r->not_full, ALL_WAITERS);
    return o;
}

outcome ring_discard(struct ring *r, uint32_t index, struct incoming *m)
{
    lock_get(r, false);
    outcome o = load_relaxed(&r->closed_now) ? anything(r) : BUSY;
    if (o == OK) {
        uint64_t position;
        struct message *from = first_message(r, &position, false);
        take_message(r, index, from, position, m);
    }
    unlock_get(r);
    return o == OK ? OK : BUSY;
}

/* -- looking -- */

/* While a process holds the lock, no repair is half done: the process that takes it from the dead has repaired. */
void ring_recover_claims(struct ring *r)
{
    lock_get(r, false);
    unlock_get(r);
}

/* -- cancelling: one store a message, and a cancelled message is taken as any other -- */

static void cancel_message(struct message *m, uint64_t job_id, uint64_t first, uint64_t last, uint64_t *n)
{
    uint64_t header[2];
    if (!(m->flags & MESSAGE_HEADED) || m->flags & MESSAGE_CANCELLED) return;
    memcpy(header, (uint8_t *)(m + 1) + (m->flags & MESSAGE_PARCEL ? 8 : 0), sizeof header);
    if (header[0] != job_id || header[1] < first || header[1] > last) return;
    m->flags |= MESSAGE_CANCELLED;
    ++*n;
}

/* The lock keeps takers away, so the chain holds still from `head` on; what is behind `tail` is not looked at. */
uint64_t ring_cancel(struct ring *r, uint64_t job_id, uint64_t first, uint64_t last, uint64_t number)
{
    uint64_t n = 0, next;
    lock_get(r, false);
    uint64_t head = load_relaxed(&r->head), tail = load_acquire(&r->tail);
    struct segment *s = segment_at(load_relaxed(&r->get_segment));
    while (tail > load_relaxed(&s->end) && (next = load_relaxed(&s->next))
           && load_relaxed(&segment_at(next)->first) <= number)
        s = segment_at(next); /* `first` stands there once tail is beyond base */
    uint64_t at = head > load_relaxed(&s->base) ? head : load_relaxed(&s->base);
    while (at < tail) {
        if (at == load_relaxed(&s->end) || message_at(s, at)->size == MESSAGE_SKIP) {
            s = segment_at(load_relaxed(&s->next));
            at = load_relaxed(&s->base);
            continue;
        }
        cancel_message(message_at(s, at), job_id, first, last, &n);
        crash_point();
        at += aligned(message_at(s, at)->size);
    }
    unlock_get(r);
    return n;
}

uint64_t ring_count(struct ring *r)
{
    if (load_acquire(&r->closed_now)) return 0;
    uint64_t gets = load_acquire(&r->gets), puts = load_acquire(&r->puts); /* in this order: never negative */
    return puts > gets ? puts - gets : 0;
}

/* Holding the lock is what tells that no producer is about to count, or has died before it did. */
uint64_t ring_puts(struct ring *r)
{
    lock_put(r, false);
    uint64_t puts = load_relaxed(&r->puts);
    unlock_put(r);
    return puts;
}

/* Of messages and what they brought with them; a guess, as what it is told by is stored one after another. */
uint64_t ring_bytes(struct ring *r)
{
    if (load_acquire(&r->closed_now)) return 0;
    uint64_t got = load_acquire(&r->got_weight), head = load_acquire(&r->head);
    uint64_t put = load_acquire(&r->put_weight), tail = load_acquire(&r->tail);
    return tail - head + (put > got ? put - got : 0);
}

/* True at once after a put, whatever the counts say: positions decide. */
bool ring_empty(struct ring *r)
{
    uint64_t head = load_acquire(&r->head);
    return load_acquire(&r->tail) <= head || load_acquire(&r->closed_now);
}

/* While it spun, producers may have left the wakes to it. */
void ring_pass_on(struct ring *r)
{
    if (!ring_empty(r)) observable_wake_unless(&r->not_empty, &r->spinner);
}

void ring_shut(struct ring *r)
{
    lock_put(r, false);
    store_release(&r->state, RING_SHUT);
    unlock_put(r);
    observable_wake(&r->not_empty, ALL_WAITERS);
    observable_wake(&r->not_full, ALL_WAITERS);
}

/* One store cancels everything in the ring: the tasks are those that were got by then.  Under get_lock `gets` is exact,
 * and after the lock is released no consumer gets a message any more. */
void ring_close_now(struct ring *r)
{
    ring_shut(r);
    lock_get(r, false);
    if (!load_relaxed(&r->closed_now)) store_release(&r->closed_now, load_relaxed(&r->gets) + 1);
    crash_point();
    unlock_get(r);
    observable_wake(&r->not_empty, ALL_WAITERS);
    observable_wake(&r->all_finished, ALL_WAITERS);
}
